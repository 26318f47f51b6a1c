"""Jet response: the mean ratio of measured to generated pt, and the correction that undoes it.

The table is derived on an independent sample (`benchmarks/production_response.py`) and shipped with the package.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

import numpy as np

from flashbench.events import Tier
from flashbench.production.ragged import Array, FloatArray


@dataclass(frozen=True)
class Response:
    """Corrections on a grid.

    Args:
        eta: edges of |eta|, shape (bins + 1,).
        pt: measured pt after offset subtraction, GeV, ascending, shape (bins, knots).
        factor: correction at those, shape (bins, knots).
    """

    eta: FloatArray
    pt: FloatArray
    factor: FloatArray

    def correction(self, pt: Array, eta: Array) -> FloatArray:
        """Factor for jets of offset-subtracted `pt` (GeV) and `eta`, shape (jets,); linear in ln pt between knots."""
        bins = np.clip(np.searchsorted(self.eta, np.abs(eta), side="right") - 1, 0, len(self.pt) - 1)
        log_pt = np.log(np.maximum(pt, 1.0))
        factor = np.ones(len(pt))
        for number in range(len(self.pt)):
            inside = bins == number
            factor[inside] = np.interp(log_pt[inside], np.log(self.pt[number]), self.factor[number])
        return factor


UNITY = Response(np.array([0.0, 6.0]), np.array([[1.0, 1e4]]), np.ones((1, 2)))


def load(tier: Tier) -> Response:
    """The shipped table of a grade."""
    text = resources.files("flashbench.production.detector").joinpath("weights", f"response-{tier}.json").read_text()
    table = json.loads(text)
    return Response(*(np.asarray(table[name], dtype=np.float64) for name in ("eta", "pt", "factor")))
