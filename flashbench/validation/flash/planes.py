"""Pairs of quantities: contours that hold a half, 90 % and 99 % of the objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from flashbench.errors import StatisticsError
from flashbench.stats import content_levels
from flashbench.validation.flash.samples import Gathered, Side
from flashbench.validation.measures import Column, Selection
from flashbench.validation.objects import ObjectTable
from flashbench.validation.selections import between, both, column, is_true, within

FloatArray = NDArray[np.float64]

QUANTILES: Final = (0.5, 0.9, 0.99)
BINS: Final = 40


@dataclass(frozen=True, slots=True)
class Plane:
    """Two quantities of the objects of a table.

    Attributes:
        x, y: label, column, lower and upper end of the axis.
        needs: NanoAOD branches.
    """

    name: str
    label: str
    table: Literal["jets", "muons"]
    select: Selection
    x: tuple[str, Column, float, float]
    y: tuple[str, Column, float, float]
    needs: tuple[str, ...] = ()

    def edges(self) -> tuple[FloatArray, FloatArray]:
        """Of the bins of both axes, shape (BINS + 1,)."""
        return np.linspace(*self.x[2:], BINS + 1), np.linspace(*self.y[2:], BINS + 1)

    def contents(self, side: Side) -> FloatArray:
        """Objects in each bin, what is beyond an axis in its last bin; shape (BINS, BINS)."""
        table = side.objects.tables[self.table]
        chosen = table.where(self.select(table))
        values = [axis[1](chosen) for axis in (self.x, self.y)]
        known = np.isfinite(values[0]) & np.isfinite(values[1])
        inside = [np.clip(value[known], *axis[2:]) for value, axis in zip(values, (self.x, self.y), strict=True)]
        return np.asarray(np.histogram2d(inside[0], inside[1], bins=list(self.edges()))[0], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class PlaneResult:
    """A plane on every side.

    Attributes:
        contents: by side, shape (BINS, BINS).
        held: part of the simulator's objects within the regions that hold `QUANTILES` of the full ones; those are the
            quantiles themselves where the two agree. `expected`: what full simulation holds in them, bins being whole.
    """

    plane: Plane
    contents: dict[str, FloatArray]
    held: tuple[float, ...]
    expected: tuple[float, ...]


def _log(name: str, low: float) -> Column:
    return lambda table: np.log10(np.maximum(table[name], low))


def _odds(name: str) -> tuple[str, Column, float, float]:
    """Axis of a score, stretched at both ends: log10 of s / (1 − s)."""

    def stretched(table: ObjectTable) -> FloatArray:
        score = np.clip(table[name], 1e-3, 1 - 1e-3)
        return np.asarray(np.log10(score / (1 - score)))

    return rf"$\mathrm{{log}}_{{10}}\,s / (1 - s)$, {name}", stretched, -3.0, 3.0


def _distance(table: ObjectTable) -> FloatArray:
    return np.log10(np.maximum(np.hypot(table["dxy"], table["dz"]), 1e-5))


_MATCHED: Final = is_true("matched")
_TAGGED: Final = both(_MATCHED, between("pt", 20), within("eta", 0, 2.5))
_PT: Final = (r"$\mathrm{log}_{10}\,p_T$ / GeV", _log("pt", 1.0), 1.0, 3.0)
PLANES: Final = (
    Plane("taggers", "b taggers", "jets", _TAGGED, _odds("btagDeepFlavB"),
          _odds("btagDeepB"), ("Jet_btagDeepFlavB", "Jet_btagDeepB")),
    Plane("tagger_charm", "b and c taggers", "jets", _TAGGED, _odds("btagDeepB"),
          _odds("btagDeepC"), ("Jet_btagDeepB", "Jet_btagDeepC")),
    Plane("qgl_constituents", "qgl and constituents", "jets", both(_TAGGED, between("qgl", 0)),
          ("qgl", column("qgl"), 0.0, 1.0), ("Constituents", column("nConstituents"), 0.0, 80.0),
          ("Jet_qgl", "Jet_nConstituents")),
    Plane("pt_mass", "jet pT and mass", "jets", _MATCHED, _PT,
          (r"$\mathrm{log}_{10}\,m$ / GeV", _log("mass", 0.1), 0.0, 2.2)),
    Plane("gen_pt_pt", "generated and reconstructed jet pT", "jets", _MATCHED,
          (r"$\mathrm{log}_{10}\,p_T^{gen}$ / GeV", _log("gen_pt", 1.0), 1.0, 3.0), _PT),
    Plane("impact", "muon impact parameters", "muons", _MATCHED,
          (r"$\mathrm{log}_{10}\,(d_{xy}^2 + d_z^2)^{1/2}$ / cm", _distance, -4.0, 1.0),
          (r"$\mathrm{log}_{10}$ ip3d / cm", _log("ip3d", 1e-5), -4.0, 1.0),
          ("Muon_dxy", "Muon_dz", "Muon_ip3d")),
)  # fmt: skip


def plane_result(plane: Plane, gathered: Gathered) -> PlaneResult:
    """A plane on every side; NaN where a side has no objects in it."""
    contents = {side.name: plane.contents(side) for side in gathered.sides}
    want, got = contents[gathered.full.name], contents[gathered.simulated.name]
    try:
        levels = content_levels(want, QUANTILES)
    except StatisticsError:  # no objects
        nothing = (float("nan"),) * len(QUANTILES)
        return PlaneResult(plane, contents, nothing, nothing)
    held, expected = (
        tuple(float(each[want >= level].sum() / max(each.sum(), 1)) for level in levels) for each in (got, want)
    )
    return PlaneResult(plane, contents, held, expected)
