"""How well a discriminator does on events that its networks did not see: areas and S/√B in SR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from flashbench.analysis.dnn import Discriminator
from flashbench.analysis.regions import SIGNAL
from flashbench.errors import StatisticsError
from flashbench.stats import roc_area, roc_curve

if TYPE_CHECKING:
    from flashbench.results import RunResult

FloatArray = NDArray[np.float64]

LUMINOSITY: Final = 59.7  # /fb, 2018
EDGES: Final = np.linspace(0, 4, 16)  # of the standard plot; the last bin takes what is above
PUBLISHED: Final = 0.5  # S/√B of the most sensitive bins, CMS, JHEP 01 (2021) 148, 137/fb
_EFFICIENCIES: Final = (0.2, 0.4, 0.6, 0.8, 0.9)


def performance(discriminator: Discriminator, runs: Sequence[RunResult], signal: str) -> dict[str, Any]:
    """Area under the ROC curve, signal against each background and all, background efficiencies, and S/√B by bin.

    Each event is scored by the network of its fold. Where weights are negative there is no ROC curve, and its entries
    are None.

    Args:
        discriminator: of networks by event number.
        runs: one a process, with cross-sections.
        signal: process of the signal.
    """
    scores = {run.process: _scored(discriminator, run) for run in runs}
    backgrounds = [run.process for run in runs if run.process != signal]
    together = tuple(np.concatenate([scores[name][part] for name in backgrounds]) for part in (0, 1))
    against = {name: scores[name] for name in backgrounds} | {"all": (together[0], together[1])}
    content = {name: np.histogram(np.minimum(s, 3.999), EDGES, weights=w)[0] for name, (s, w) in scores.items()}
    background = np.sum([content[name] for name in backgrounds], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = content[signal] / np.sqrt(background)
    return {
        "region": "SR",
        "luminosity_fb": LUMINOSITY,
        "roc": {name: _roc(scores[signal], other) for name, other in against.items()},
        "edges": EDGES.tolist(),
        "events": {name: values.tolist() for name, values in content.items()},
        "signal_over_root_background": [float(r) if b > 0 else None for r, b in zip(ratio, background, strict=True)],
        "published_signal_over_root_background": PUBLISHED,
    }


def _scored(discriminator: Discriminator, run: RunResult) -> tuple[FloatArray, FloatArray]:
    """artanh of the score and expected events of the rows in SR that have one."""
    values = discriminator.score(run.table).columns["dnn_atanh"]
    used = (run.table["region"] == SIGNAL) & np.isfinite(values)
    factor = run.manifest["cross_section_pb"] * 1000 * LUMINOSITY / run.sum_weights
    return values[used], np.asarray(run.table["weight"][used], np.float64) * factor


def _roc(signal: tuple[FloatArray, FloatArray], background: tuple[FloatArray, FloatArray]) -> dict[str, Any] | None:
    samples = (signal[0], background[0], signal[1], background[1])
    try:
        area, curve = roc_area(*samples), roc_curve(*samples)
    except StatisticsError:  # weights of both signs, or no event in SR
        return None
    return {
        "area": area.value,
        "error": area.error if np.isfinite(area.error) else None,
        "events": [len(signal[0]), len(background[0])],
        "background_efficiency": {str(e): curve.background_at(e) for e in _EFFICIENCIES},
    }
