"""Signal beside background: shapes of the observables that tell them apart, and ROC curves of the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flashbench.analysis import Observable, find_observable, find_region
from flashbench.compare.histograms import axis_of
from flashbench.compare.pairing import Paired, PairedProcess
from flashbench.compare.plots.caption import Caption
from flashbench.errors import StatisticsError
from flashbench.stats import roc_area, roc_curve

FloatArray = NDArray[np.float64]

SHAPES: Final = (
    ("pt_balance", "PreSel"), ("pt_balance", "SR"), ("ln_zstar", "PreSel"), ("dijet_mass", "PreSel"),
    ("dnn_atanh", "SR"), ("dnn_noqgl_atanh", "PreSel"),
)  # fmt: skip
SCORE: Final = ("dnn_atanh", "SR")
_POINTS: Final = 400  # of a curve that is drawn


@dataclass(frozen=True, slots=True)
class Shape:
    """Normalised distribution of one simulator in one process; zeros without events.

    Attributes:
        values, errors: fraction of the selected events in each bin, flow left out, shape (bins,).
        entries: events, a fold counting its share.
        outside: fraction of the events beyond the axis.
    """

    simulator: str
    label: str
    values: FloatArray
    errors: FloatArray
    entries: float
    outside: float


@dataclass(frozen=True, slots=True)
class ShapeStudy:
    """An observable of signal and of a background; shapes by simulator, the reference first."""

    caption: Caption
    region_label: str
    axis_label: str
    edges: FloatArray
    processes: tuple[str, str]
    signal: tuple[Shape, ...]
    background: tuple[Shape, ...]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.caption.name


@dataclass(frozen=True, slots=True)
class RocStudy:
    """How well the score tells signal from a background in each simulator.

    Attributes:
        curves: by simulator, efficiencies of signal and background; absent where it has no events of either.
        areas: by simulator, area and error.
    """

    caption: Caption
    region_label: str
    labels: dict[str, str]
    processes: tuple[str, str]
    curves: dict[str, tuple[FloatArray, FloatArray]]
    areas: dict[str, tuple[float, float]]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.caption.name


def separation_studies(
    processes: Sequence[PairedProcess], signal: str, backgrounds: Sequence[str]
) -> tuple[ShapeStudy | RocStudy, ...]:
    """Shapes and curves of the signal and each background; none where the signal was not compared."""
    known = {process.process: process for process in processes}
    studies: list[ShapeStudy | RocStudy] = []
    for name in backgrounds:
        if signal not in known or name not in known:
            continue
        pair = known[signal], known[name]
        for observable, region in SHAPES:
            if _held(pair, observable):
                studies.append(_shapes(pair, find_observable(observable), region))
        if _held(pair, SCORE[0]):
            studies.append(_roc(pair))
    return tuple(studies)


def _held(pair: Sequence[PairedProcess], observable: str) -> bool:
    return all(observable in paired.run.table for process in pair for paired in process.all)


def _common(pair: tuple[PairedProcess, PairedProcess]) -> list[tuple[Paired, Paired]]:
    """Runs of each simulator on both, the reference's first."""
    others = {paired.run.simulator: paired for paired in pair[1].all}
    return [(paired, others[paired.run.simulator]) for paired in pair[0].all if paired.run.simulator in others]


def _entries(paired: Paired, name: str, region: str) -> tuple[FloatArray, FloatArray]:
    values = np.asarray(paired.run.table[name], dtype=np.float64)
    chosen = find_region(region).select(paired.run.table["region"]) & np.isfinite(values)
    return values[chosen], paired.weights[chosen]


def _shapes(pair: tuple[PairedProcess, PairedProcess], observable: Observable, region: str) -> ShapeStudy:
    both = _common(pair)
    signal = tuple(_shape(one, observable, region) for one, _ in both)
    background = tuple(_shape(two, observable, region) for _, two in both)
    names = ", ".join(shape.simulator for shape in signal)
    alt = f"Shape of {observable.name} in {region} of {pair[0].label} and of {pair[1].label} for {names}"
    kind = f"{pair[0].process}-{pair[1].process}-{region}-{observable.name}"
    label = f"{observable.label}, {region}: {pair[0].process} and {pair[1].process}"
    return ShapeStudy(
        Caption("", "separation", kind, label, alt),
        *(find_region(region).label, observable.axis_label, np.asarray(axis_of(observable).edges, dtype=np.float64)),
        *((pair[0].label, pair[1].label), signal, background),
    )


def _shape(paired: Paired, observable: Observable, region: str) -> Shape:
    values, weights = _entries(paired, observable.name, region)
    edges = np.asarray(axis_of(observable).edges, dtype=np.float64)
    total = float(weights.sum()) or 1.0
    inside = np.histogram(values, edges, weights=weights)[0]
    squares = np.histogram(values, edges, weights=weights**2)[0] * paired.run.folds  # folds of an event: as one
    return Shape(
        *(paired.run.simulator, paired.run.simulator_label, inside / total, np.sqrt(squares) / abs(total)),
        *(len(values) / paired.run.folds, 1 - float(inside.sum()) / total if len(values) else 0.0),
    )


def _roc(pair: tuple[PairedProcess, PairedProcess]) -> RocStudy:
    curves, areas, labels, negative = {}, {}, {}, False
    for one, two in _common(pair):
        labels[one.run.simulator] = one.run.simulator_label
        entries = [_entries(each, *SCORE) for each in (one, two)]
        signal, background = (_positive(*each) for each in entries)
        negative |= any(len(all_[0]) > len(kept[0]) for all_, kept in zip(entries, (signal, background), strict=True))
        try:
            curve = roc_curve(signal[0], background[0], signal[1], background[1])
            area = roc_area(signal[0], background[0], signal[1], background[1])
        except StatisticsError:  # no events of one of them
            continue
        kept = np.unique(np.linspace(0, len(curve.signal) - 1, _POINTS).astype(int))
        curves[one.run.simulator] = curve.signal[kept], curve.background[kept]
        areas[one.run.simulator] = area.value, area.error
    alt = f"ROC curve of the score in {SCORE[1]}, {pair[0].label} against {pair[1].label}, for {', '.join(labels)}"
    kind, label = f"roc-{pair[0].process}-{pair[1].process}", f"ROC: {pair[0].process} against {pair[1].process}"
    if negative:
        alt, label = f"{alt}; entries of negative weight left out", f"{label}, without negative weights"
    return RocStudy(
        Caption("", "separation", kind, label, alt),
        *(find_region(SCORE[1]).label, labels, (pair[0].label, pair[1].label), curves, areas),
    )


def _positive(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Entries of positive weight: a cut's efficiency is not monotonic with others."""
    return values[weights > 0], weights[weights > 0]
