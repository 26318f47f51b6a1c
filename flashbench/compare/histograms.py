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
from flashbench.compare.nulls import Cells
from flashbench.compare.pairing import Paired, PairedProcess
from flashbench.stats import bootstrap_sums, contributions, exchange_sums, halves_sums, paired_covariance
from flashbench.stats.nulls import REPLICAS as NULL_REPLICAS

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
        chance: contents of the cells by chance, of this and of the reference; None for the reference itself.
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
    chance: Cells | None

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
    rows, values = _rows(paired, region.select(paired.run.table["region"]), observable)
    shape = (observable.bins + 2, n_events)
    return contributions(paired.events[rows], _bins(observable, values), paired.weights[rows], shape)


def fill(
    process: PairedProcess, observables: Sequence[Observable], replicas: int, null_replicas: int = NULL_REPLICAS
) -> tuple[tuple[Overlay, ...], tuple[Yield, ...]]:
    """All overlays of a process, and the yields in all regions, from one set of bootstrap replicas.

    Entries whose observable is not finite are left out.

    Args:
        replicas: of the bootstrap.
        null_replicas: of the nulls.
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
    halves = _halves([of_plot[0].cells for of_plot in entries], null_replicas)
    overlays = []
    for (region, observable), edges, of_plot, halved in zip(plots, quantiles, entries, halves, strict=True):
        places = [
            _places(paired, chosen[region.name], observable, edges, len(process.keys))
            for paired, chosen in zip(process.all, selected, strict=True)
        ]
        chances = _chances(process, of_plot, places, (edges, halved), null_replicas)
        spectra = [
            _spectrum(paired, one, of_plot[0], observable, (next(columns), next(columns)), chance=chance)
            for paired, one, chance in zip(process.all, of_plot, chances, strict=True)
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
    rows, values = _rows(paired, chosen, observable)
    weights, events = paired.weights[rows], paired.events[rows]
    return _Entries(
        *(values, weights),
        contributions(events, _bins(observable, values), weights, (observable.bins + 2, n_events)),
        contributions(events, _cells(quantiles, values), weights, (len(quantiles), n_events)),
    )


def _rows(paired: Paired, chosen: NDArray[np.bool_], observable: Observable) -> tuple[NDArray[np.intp], FloatArray]:
    """The chosen rows that have the observable, and its values."""
    column = np.asarray(paired.run.table[observable.name], dtype=np.float64)
    rows = np.flatnonzero(chosen & np.isfinite(column))
    return rows, column[rows]


def _cells(quantiles: FloatArray, values: FloatArray) -> NDArray[np.intp]:
    return np.minimum(np.searchsorted(quantiles, values), len(quantiles) - 1)


def _places(
    paired: Paired, chosen: NDArray[np.bool_], observable: Observable, quantiles: FloatArray, n_events: int
) -> NDArray[np.int16]:
    """Cell of each event and fold, the number of cells where in none; shape (events, folds)."""
    rows, values = _rows(paired, chosen, observable)
    places = np.full((n_events, paired.run.folds), len(quantiles), dtype=np.int16)
    places[paired.events[rows], paired.run.table["fold"][rows]] = _cells(quantiles, values)
    return places


def _halves(references: Sequence[Any], replicas: int) -> list[tuple[FloatArray, FloatArray] | None]:
    """Contents of the cells of every plot in random halves of the reference; None with fewer than two events."""
    if references[0].shape[1] < 2:
        return [None] * len(references)
    halves = halves_sums(sparse.vstack(references, format="csc"), replicas=replicas)
    ends = np.cumsum([content.shape[0] for content in references])[:-1]
    return list(zip(*(np.split(half, ends, axis=1) for half in halves), strict=True))


def _chances(
    process: PairedProcess,
    entries: Sequence[_Entries],
    places: Sequence[NDArray[np.int16]],
    cells: tuple[FloatArray, tuple[FloatArray, FloatArray] | None],
    replicas: int,
) -> list[Cells | None]:
    """The nulls of a plot, for each simulator: none for the reference, no exchange where that has folds."""
    edges, halves = cells
    first = process.reference
    weights = np.zeros(len(process.keys))
    weights[first.events] = first.run.table["weight"]
    found: list[Cells | None] = [None]
    for own, place in zip(entries[1:], places[1:], strict=True):
        seen = tuple(np.asarray(each.cells.sum(axis=1), dtype=np.float64) for each in (own, entries[0]))
        exchanged = None
        if first.run.folds == 1:
            exchanged = exchange_sums(place, places[0][:, 0], weights, len(edges), replicas=replicas)
        found.append(Cells(edges, (seen[0], seen[1]), exchanged, halves))
    return found


def _bins(observable: Observable, values: FloatArray) -> NDArray[np.int64]:
    """Bin numbers that start with the underflow as 0."""
    return np.asarray(axis_of(observable).index(values), dtype=np.int64) + 1


def _spectrum(
    paired: Paired,
    own: _Entries,
    reference: _Entries,
    observable: Observable,
    replicas: tuple[FloatArray, FloatArray],
    *,
    chance: Cells | None,
) -> Spectrum:
    return Spectrum(
        *(paired.run.simulator, paired.run.simulator_label, own.values, own.weights, paired.run.folds),
        *(histogram_of(observable, own.bins), replicas[0], np.asarray(own.cells.sum(axis=1)), replicas[1]),
        *(paired_covariance(own.bins, reference.bins), chance),
    )
