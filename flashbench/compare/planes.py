"""Observables two by two: contours that hold a part of the events, and matrices of correlations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from flashbench.analysis import Observable, find_observable, find_region
from flashbench.compare.pairing import Paired, PairedProcess
from flashbench.compare.plots.caption import Caption
from flashbench.errors import StatisticsError
from flashbench.stats import content_levels, correlation_matrix, matrix_distance

FloatArray = NDArray[np.float64]

QUANTILES: Final = (0.5, 0.9, 0.99)
REGION: Final = "PreSel"
PAIRS: Final = (
    ("jet1_pt", "jet2_pt"),
    ("dijet_mass", "dijet_eta_gap"),
    ("dimuon_pt", "pt_balance"),
    ("dijet_mass", "dnn_noqgl_atanh"),
)
CORRELATED: Final = (
    "dimuon_mass", "dimuon_pt", "cos_theta_cs", "pt_balance", "ln_zstar", "jet1_pt", "jet2_pt", "jet1_qgl",
    "dijet_mass", "dijet_eta_gap", "dnn_noqgl_atanh",
)  # fmt: skip
_SHORT: Final = {"dnn_noqgl_atanh": "Score", "jet1_pt": r"$p_T(j_1)$", "jet2_pt": r"$p_T(j_2)$", "jet1_qgl": "QGL"}
_BINS: Final = 32
_SMOOTHING: Final = 1.2  # bins


@dataclass(frozen=True, slots=True)
class ContourStudy:
    """Two observables of all simulators.

    Attributes:
        labels: of the simulators, the reference first.
        axes: labels of x and y, with units.
        edges: of the bins of x and y.
        contents: by simulator, smoothed, shape (x bins, y bins).
        levels: by simulator, ascending; none where no event was selected.
    """

    caption: Caption
    process_label: str
    region_label: str
    labels: dict[str, str]
    axes: tuple[str, str]
    edges: tuple[FloatArray, FloatArray]
    contents: dict[str, FloatArray]
    levels: dict[str, FloatArray]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.caption.name


@dataclass(frozen=True, slots=True)
class CorrelationStudy:
    """Correlations of the reference, and how those of the others differ.

    Attributes:
        observables: labels without units.
        matrices: by simulator, the reference first, shape (observables, observables); NaN where undefined.
        distances: by simulator, root mean square difference to the reference; NaN where undefined.
    """

    caption: Caption
    process_label: str
    region_label: str
    labels: dict[str, str]
    observables: tuple[str, ...]
    matrices: dict[str, FloatArray]
    distances: dict[str, float]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.caption.name


def contour_studies(process: PairedProcess) -> tuple[ContourStudy, ...]:
    """Contours of the pairs that every run has."""
    return tuple(_contours(process, *map(find_observable, pair)) for pair in PAIRS if _held(process, pair))


def _held(process: PairedProcess, names: tuple[str, ...]) -> bool:
    return all(name in paired.run.table for paired in process.all for name in names)


def smooth_levels(
    x: FloatArray, y: FloatArray, weights: FloatArray | None, edges: tuple[FloatArray, FloatArray], smoothing: float
) -> tuple[FloatArray, FloatArray]:
    """Smoothed contents of the bins, what is beyond an axis in its last bin, and the levels of `QUANTILES`.

    Args:
        x, y, weights: shape (entries,); None for unit weights.
        smoothing: in bins.

    Returns:
        Contents, shape (x bins, y bins), and ascending levels; no level without entries.
    """
    inside = [np.clip(values, axis[0], axis[-1]) for values, axis in zip((x, y), edges, strict=True)]
    found = np.histogram2d(inside[0], inside[1], bins=[edges[0], edges[1]], weights=weights)[0]
    smooth = np.maximum(ndimage.gaussian_filter(found, smoothing, mode="nearest"), 0.0)
    try:
        levels = content_levels(smooth, QUANTILES)
    except StatisticsError:  # no entries
        levels = np.zeros(0)
    return smooth, np.unique(levels[levels > 0])


def _contours(process: PairedProcess, x: Observable, y: Observable) -> ContourStudy:
    edges = np.linspace(x.low, x.high, _BINS + 1), np.linspace(y.low, y.high, _BINS + 1)
    contents, levels = {}, {}
    for paired in process.all:
        values, weights = _chosen(paired, (x.name, y.name))
        name = paired.run.simulator
        contents[name], levels[name] = smooth_levels(values[:, 0], values[:, 1], weights, edges, _SMOOTHING)
    names = ", ".join(contents)
    alt = f"Contours of {x.name} and {y.name} in {REGION} of {process.label} for {names}: 50, 90, 99 % of the events"
    return ContourStudy(
        Caption(process.process, "together", f"{x.name}-{y.name}", f"{x.label}, {y.label}", alt),
        *(process.label, find_region(REGION).label, _labels(process), (x.axis_label, y.axis_label), edges),
        *(contents, levels),
    )


def correlation_study(process: PairedProcess) -> CorrelationStudy:
    """Pearson correlations of the observables that every run has, over events that have all of them."""
    names = tuple(name for name in CORRELATED if _usable(process, name))
    matrices = {paired.run.simulator: _matrix(paired, names) for paired in process.all}
    first = process.reference.run.simulator
    others = [name for name in matrices if name != first]
    alt = f"Correlation matrix of {len(names)} observables of {process.label} in {first}, and the differences to it of "
    return CorrelationStudy(
        Caption(process.process, "together", "correlations", "Correlations", alt + ", ".join(others)),
        *(process.label, find_region(REGION).label, _labels(process)),
        tuple(_SHORT.get(name, find_observable(name).label) for name in names),
        matrices,
        {name: _distance(matrices[name], matrices[first]) for name in others},
    )


def _usable(process: PairedProcess, name: str) -> bool:
    """In every run, and not constant in its selected events, as taggers are at generator level."""
    if not _held(process, (name,)):
        return False
    select = find_region(REGION).select
    columns = (paired.run.table[name][select(paired.run.table["region"])] for paired in process.all)
    return all(not len(column) or len(np.unique(column[np.isfinite(column)][:1000])) > 1 for column in columns)


def _matrix(paired: Paired, names: tuple[str, ...]) -> FloatArray:
    values, weights = _chosen(paired, names)
    try:
        return correlation_matrix(values, weights)
    except StatisticsError:  # too few events
        return np.full((len(names), len(names)), np.nan)


def _distance(first: FloatArray, second: FloatArray) -> float:
    try:
        return matrix_distance(first, second)
    except StatisticsError:  # nothing is defined in both
        return float("nan")


def _labels(process: PairedProcess) -> dict[str, str]:
    return {paired.run.simulator: paired.run.simulator_label for paired in process.all}


def _chosen(paired: Paired, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Values, shape (rows, names), and weights of the rows of `REGION` that have all of them."""
    chosen = find_region(REGION).select(paired.run.table["region"])
    values = np.stack([np.asarray(paired.run.table[name], dtype=np.float64)[chosen] for name in names], axis=1)
    known = np.isfinite(values).all(axis=1)
    return values[known], paired.weights[chosen][known]
