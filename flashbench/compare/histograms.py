"""Histograms of every observable, region and simulator of a process, with their common bootstrap replicas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hist
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from flashbench.analysis import REGIONS, Observable, Region
from flashbench.compare.pairing import Paired, PairedProcess
from flashbench.stats import bootstrap_sums, contributions, paired_covariance

FloatArray = NDArray[np.float64]

_CELLS = 128  # quantiles of the pooled sample at which replicas of a cumulative distribution are known


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One observable of one simulator in one region.

    Attributes:
        values, weights: of the entries that have the observable, shape (entries,).
        histogram: `Weight()` storage, with under- and overflow; folds of an event in one bin count as one.
        replicas: bin contents with flow in each bootstrap replica, shape (replicas, bins + 2).
        cells: weight in each cell between two of `Overlay.quantiles`, shape (cells,).
        cell_replicas: the same in each replica, shape (replicas, cells).
        covariance: of the difference to the reference, with flow, shape (bins + 2, bins + 2).
    """

    simulator: str
    label: str
    values: FloatArray
    weights: FloatArray
    folds: int
    histogram: Any
    replicas: FloatArray
    cells: FloatArray
    cell_replicas: FloatArray
    covariance: FloatArray

    @property
    def sums(self) -> FloatArray:
        """Bin contents with flow, shape (bins + 2,)."""
        return np.asarray(self.histogram.values(flow=True), dtype=np.float64)

    @property
    def n_entries(self) -> float:
        """Entries, a fold counting its share."""
        return len(self.values) / self.folds


@dataclass(frozen=True, slots=True)
class Overlay:
    """One observable in one region: the reference and the others.

    Attributes:
        quantiles: upper edges of the cells of all spectra, shape (cells,).
        sum_weights: of the generated events, selected or not.
    """

    process: str
    process_label: str
    region: Region
    observable: Observable
    reference: Spectrum
    others: tuple[Spectrum, ...]
    quantiles: FloatArray
    sum_weights: float
    n_events: int

    @property
    def all(self) -> tuple[Spectrum, ...]:
        """The reference, then the others."""
        return self.reference, *self.others


@dataclass(frozen=True, slots=True)
class Yield:
    """Sum of weights of one simulator in one region; replicas of shape (replicas,)."""

    region: Region
    simulator: str
    value: float
    replicas: FloatArray


@dataclass(frozen=True, slots=True)
class _Entries:
    """What one simulator adds to one plot, as sparse matrices of shape (bins, events)."""

    values: FloatArray
    weights: FloatArray
    bins: Any
    cells: Any


def axis_of(observable: Observable) -> Any:
    """The axis of an observable's standard plot."""
    return hist.axis.Regular(
        observable.bins, observable.low, observable.high, name=observable.name, label=observable.axis_label
    )


def histogram_of(observable: Observable, content: Any) -> Any:
    """A histogram of contributions of events, shape (bins + 2, events), flow included."""
    histogram = hist.Hist(axis_of(observable), storage=hist.storage.Weight())
    view = histogram.view(flow=True)
    view["value"] = content.sum(axis=1)
    view["variance"] = content.power(2).sum(axis=1)
    return histogram


def contents(paired: Paired, region: Region, observable: Observable, n_events: int) -> Any:
    """What each generator event adds to each bin of a plot, shape (bins + 2, events); NaN is left out."""
    values, weights, events = _entries(paired, region.select(paired.run.table["region"]), observable)
    return contributions(events, _bins(observable, values), weights, (observable.bins + 2, n_events))


def fill(
    process: PairedProcess, observables: Sequence[Observable], replicas: int
) -> tuple[tuple[Overlay, ...], tuple[Yield, ...]]:
    """All overlays of a process, and the yields in all regions, from one set of bootstrap replicas.

    Entries whose observable is not finite are left out.
    """
    regions = {region.name: region for region in REGIONS}
    selected = [_selections(paired) for paired in process.all]
    plots = [(regions[name], observable) for observable in observables for name in observable.regions]
    entries, quantiles, blocks = [], [], []
    for region, observable in plots:
        quantiles.append(_quantiles(process, selected, region, observable))
        of_plot = [
            _enter(paired, chosen[region.name], observable, quantiles[-1], len(process.keys))
            for paired, chosen in zip(process.all, selected, strict=True)
        ]
        entries.append(of_plot)
        blocks += [matrix for one in of_plot for matrix in (one.bins, one.cells)]
    totals = [
        (region, paired.run.simulator, _yield_content(paired, chosen[region.name], len(process.keys)))
        for paired, chosen in zip(process.all, selected, strict=True)
        for region in REGIONS
    ]
    blocks += [content for _, _, content in totals]
    sums = bootstrap_sums(process.keys, sparse.vstack(blocks, format="csc"), replicas)
    columns = iter(np.split(sums, np.cumsum([block.shape[0] for block in blocks])[:-1], axis=1))
    overlays = []
    for (region, observable), edges, of_plot in zip(plots, quantiles, entries, strict=True):
        spectra = [
            _spectrum(paired, one, of_plot[0], observable, (next(columns), next(columns)))
            for paired, one in zip(process.all, of_plot, strict=True)
        ]
        run = process.reference.run
        overlays.append(
            Overlay(
                *(process.process, process.label, region, observable, spectra[0], tuple(spectra[1:]), edges),
                *(run.sum_weights, run.n_events),
            )
        )
    yields = tuple(Yield(region, name, float(content.sum()), next(columns)[:, 0]) for region, name, content in totals)
    return tuple(overlays), yields


def _selections(paired: Paired) -> dict[str, NDArray[np.bool_]]:
    return {region.name: region.select(paired.run.table["region"]) for region in REGIONS}


def _yield_content(paired: Paired, chosen: NDArray[np.bool_], n_events: int) -> Any:
    rows = np.flatnonzero(chosen)
    return contributions(paired.events[rows], np.zeros(len(rows), np.int64), paired.weights[rows], (1, n_events))


def _quantiles(
    process: PairedProcess, selected: Sequence[dict[str, NDArray[np.bool_]]], region: Region, observable: Observable
) -> FloatArray:
    """Upper edges of cells that hold about as many entries of the pooled simulators each."""
    pooled = np.concatenate(
        [
            paired.run.table[observable.name][chosen[region.name]]
            for paired, chosen in zip(process.all, selected, strict=True)
        ]
    )
    pooled = pooled[np.isfinite(pooled)]
    if not pooled.size:
        return np.zeros(1)
    return np.unique(np.quantile(pooled, np.linspace(0, 1, _CELLS + 1), method="inverted_cdf"))


def _enter(
    paired: Paired, chosen: NDArray[np.bool_], observable: Observable, quantiles: FloatArray, n_events: int
) -> _Entries:
    values, weights, events = _entries(paired, chosen, observable)
    cells = np.minimum(np.searchsorted(quantiles, values), len(quantiles) - 1)
    return _Entries(
        *(values, weights),
        contributions(events, _bins(observable, values), weights, (observable.bins + 2, n_events)),
        contributions(events, cells, weights, (len(quantiles), n_events)),
    )


def _entries(
    paired: Paired, chosen: NDArray[np.bool_], observable: Observable
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Value, weight and event of the chosen rows that have the observable."""
    column = np.asarray(paired.run.table[observable.name], dtype=np.float64)
    rows = np.flatnonzero(chosen & np.isfinite(column))
    return column[rows], paired.weights[rows], paired.events[rows]


def _bins(observable: Observable, values: FloatArray) -> NDArray[np.int64]:
    """Bin numbers that start with the underflow as 0."""
    return np.asarray(axis_of(observable).index(values), dtype=np.int64) + 1


def _spectrum(
    paired: Paired, own: _Entries, reference: _Entries, observable: Observable, replicas: tuple[FloatArray, FloatArray]
) -> Spectrum:
    return Spectrum(
        *(paired.run.simulator, paired.run.simulator_label, own.values, own.weights, paired.run.folds),
        *(histogram_of(observable, own.bins), replicas[0], np.asarray(own.cells.sum(axis=1)), replicas[1]),
        paired_covariance(own.bins, reference.bins),
    )
