"""How far a simulator is from the reference, as numbers with errors: the registry of metrics and their
records.

A new metric is one function and one entry of `METRICS`, or an entry point of the group `flashbench.metrics`; records,
tables and the report follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashbench import plugins
from flashbench.compare.described import describe_samples, describe_simulators
from flashbench.compare.histograms import Overlay, Spectrum, Yield
from flashbench.compare.nulls import (
    Chance,
    cell_ks,
    cell_wasserstein,
    chance_of,
    chance_of_chi_square,
    chance_of_ratio,
)
from flashbench.compare.pairing import PairedProcess
from flashbench.errors import StatisticsError
from flashbench.stats import ChiSquare, chi_square, kolmogorov_smirnov, paired_ratio, wasserstein
from flashbench.stats.nulls import REPLICAS as NULL_REPLICAS

FloatArray = NDArray[np.float64]

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True)
class MetricRecord:
    """One line of `metrics.json`.

    Attributes:
        observable: None for a number of the region itself (its yield).
        value, error: None where undefined for these entries (no events, no degree of freedom).
        n_events: generated events that both simulators started from.
        null, null_spread: what the number is by chance, if the simulator is as the reference, and its standard
            deviation; None where that is not defined (p-values; distances to a reference with folds).
        null_p, significance: probability of a number as far off by chance, and that in one-sided standard deviations.
        null_resolved: False where the p-value is only known to be smaller, the significance to be larger.
        halves: the same number between independent halves of the reference.
    """

    process: str
    region: str
    observable: str | None
    simulator: str
    reference: str
    metric: str
    value: float | None
    error: float | None
    n_events: int
    null: float | None = None
    null_spread: float | None = None
    null_p: float | None = None
    significance: float | None = None
    null_resolved: bool | None = None
    halves: float | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that compares one spectrum with the reference's.

    Attributes:
        function: of (simulator, reference, upper edges of the cells) to value and error, either None.
        higher_is_better: None where neither is (a ratio).
        null: of (simulator, reference) to what the number is by chance; None for a number that is a probability.
        version: of the definition; numbers of different versions are never ranked together.
        has_unit: whether the number has the unit of the observable.
    """

    name: str
    label: str
    definition: str
    higher_is_better: bool | None
    function: Callable[[Spectrum, Spectrum, FloatArray], tuple[float | None, float | None]]
    null: Callable[[Spectrum, Spectrum], Chance | None] | None = None
    version: int = 1
    has_unit: bool = False


def _yield_ratio(simulator: Spectrum, reference: Spectrum, _: FloatArray) -> tuple[float, float]:
    return _ratio(
        *(float(simulator.weights.sum()), float(reference.weights.sum())),
        *(simulator.replicas.sum(axis=1), reference.replicas.sum(axis=1)),
    )


def _ratio(top: float, bottom: float, tops: FloatArray, bottoms: FloatArray) -> tuple[float, float]:
    ratio = paired_ratio(top, bottom, tops, bottoms)
    return float(ratio.value), float(ratio.error)


def _yield_null(simulator: Spectrum, reference: Spectrum) -> Chance | None:
    return chance_of_ratio(*_yield_ratio(simulator, reference, simulator.cells))


def _cumulative_gap(simulator: Spectrum, reference: Spectrum) -> tuple[FloatArray, FloatArray]:
    """Difference of the cumulative distributions at the cell edges: nominal (cells,), in replicas (replicas,
    cells).

    Replicas that lost all weight of either simulator are left out.
    """
    pair = (simulator, reference)
    totals = [spectrum.cell_replicas.sum(axis=1) for spectrum in pair]
    usable = (totals[0] > 0) & (totals[1] > 0)
    if usable.sum() < max(2, usable.size / 2) or not simulator.cells.sum() or not reference.cells.sum():
        raise StatisticsError("cumulative_gap", "too few events for a bootstrap")
    shares = [s.cell_replicas[usable] / total[usable, np.newaxis] for s, total in zip(pair, totals, strict=True)]
    replicas = np.cumsum(shares[0], axis=1) - np.cumsum(shares[1], axis=1)
    nominal = [np.cumsum(spectrum.cells) / spectrum.cells.sum() for spectrum in pair]
    return nominal[0] - nominal[1], replicas


def _wasserstein(simulator: Spectrum, reference: Spectrum, quantiles: FloatArray) -> tuple[float, float | None]:
    distance = wasserstein(simulator.values, reference.values, simulator.weights, reference.weights)
    try:
        _, gaps = _cumulative_gap(simulator, reference)
    except StatisticsError:
        return distance, None
    return distance, float(np.std(np.abs(gaps[:, :-1]) @ np.diff(quantiles), ddof=1))


def _wasserstein_null(simulator: Spectrum, _: Spectrum) -> Chance | None:
    return None if simulator.chance is None else chance_of(cell_wasserstein, simulator.chance)


def _ks(simulator: Spectrum, reference: Spectrum, _: FloatArray) -> tuple[float, float | None]:
    result = kolmogorov_smirnov(simulator.values, reference.values, simulator.weights, reference.weights)
    try:
        _, gaps = _cumulative_gap(simulator, reference)
    except StatisticsError:
        return result.statistic, None
    return result.statistic, float(np.std(np.abs(gaps).max(axis=1), ddof=1))


def _ks_null(simulator: Spectrum, _: Spectrum) -> Chance | None:
    return None if simulator.chance is None else chance_of(cell_ks, simulator.chance)


def _ks_p(simulator: Spectrum, reference: Spectrum, _: FloatArray) -> tuple[float, None]:
    gap, gaps = _cumulative_gap(simulator, reference)
    larger = np.count_nonzero(np.abs(gaps - gap).max(axis=1) >= np.abs(gap).max())
    return (1 + larger) / (1 + len(gaps)), None


def _chi_square(simulator: Spectrum, reference: Spectrum) -> ChiSquare:
    if not len(simulator.values) and not len(reference.values):
        raise StatisticsError("chi_square", "both histograms are empty")
    return chi_square(simulator.sums, reference.sums, simulator.covariance)


def _chi_square_reduced(simulator: Spectrum, reference: Spectrum, _: FloatArray) -> tuple[float, None]:
    return _chi_square(simulator, reference).reduced, None


def _chi_square_null(simulator: Spectrum, reference: Spectrum) -> Chance | None:
    return chance_of_chi_square(_chi_square(simulator, reference))


def _chi_square_p(simulator: Spectrum, reference: Spectrum, _: FloatArray) -> tuple[float, None]:
    return _chi_square(simulator, reference).p_value, None


METRICS: tuple[Metric, ...] = (
    Metric(
        "yield_ratio",
        "Yield ratio",
        "Sum of weights of the entries over that of the reference. Error: paired bootstrap over generator events.",
        None,
        _yield_ratio,
        _yield_null,
    ),
    Metric(
        "wasserstein",
        "W₁",
        "Wasserstein-1 distance of the normalised distributions, unbinned, in the unit of the observable. "
        "Error: paired bootstrap.",
        False,
        _wasserstein,
        _wasserstein_null,
        has_unit=True,
    ),
    Metric(
        "chi2_ndf",
        "χ²/ndf",
        "χ² of the bin contents, under- and overflow included and not normalised, with the covariance of "
        "simulators that share generator events, over its degrees of freedom.",
        False,
        _chi_square_reduced,
        _chi_square_null,
    ),
    Metric("chi2_p", "p(χ²)", "Probability of a larger χ² by chance.", True, _chi_square_p),
    Metric(
        "ks",
        "KS",
        "Largest difference of the normalised cumulative distributions, unbinned. Error: paired bootstrap.",
        False,
        _ks,
        _ks_null,
    ),
    Metric(
        "ks_p",
        "p(KS)",
        "Probability of a larger KS by chance, from the paired bootstrap centred on the difference seen; "
        "no smaller than 1/(replicas + 1).",
        True,
        _ks_p,
    ),
)


@cache  # entry points do not change while it runs
def all_metrics() -> tuple[Metric, ...]:
    """Those of flashbench, then those of plugins; see `flashbench.plugins` for names that are taken."""
    found = plugins.objects("metric", Metric, {m.name for m in METRICS})
    return (*METRICS, *(each for _, each in found))


def measure(overlays: Sequence[Overlay], yields: Sequence[Yield]) -> Iterator[MetricRecord]:
    """Records of every metric of overlays, then of the yields of all regions, of one process."""
    for overlay in overlays:
        for spectrum in overlay.others:
            for metric in all_metrics():
                value, error, chance = _try(metric, spectrum, overlay)
                names = (overlay.process, overlay.region.name, overlay.observable.name, spectrum.simulator)
                numbers = (value, error, overlay.n_events)
                yield MetricRecord(*names, overlay.reference.simulator, metric.name, *numbers, **_by_chance(chance))
    if overlays:
        yield from _yield_records(overlays[0], yields)


def _yield_records(example: Overlay, yields: Sequence[Yield]) -> Iterator[MetricRecord]:
    reference = {each.region.name: each for each in yields if each.simulator == example.reference.simulator}
    for each in yields:
        base = reference[each.region.name]
        if each is base:
            continue
        try:
            ratio = _ratio(each.value, base.value, each.replicas, base.replicas)
            value, error, chance = _finite(ratio[0]), _finite(ratio[1]), chance_of_ratio(*ratio)
        except StatisticsError:  # the reference is empty
            value = error = chance = None
        yield MetricRecord(
            process=example.process,
            region=each.region.name,
            observable=None,
            simulator=each.simulator,
            reference=base.simulator,
            metric="yield_ratio",
            value=value,
            error=error,
            n_events=example.n_events,
            **_by_chance(chance),
        )


def _try(metric: Metric, spectrum: Spectrum, overlay: Overlay) -> tuple[float | None, float | None, Chance | None]:
    try:
        value, error = metric.function(spectrum, overlay.reference, overlay.quantiles)
        chance = metric.null(spectrum, overlay.reference) if metric.null else None
    except StatisticsError:
        return None, None, None
    return _finite(value), _finite(error), chance


def _by_chance(chance: Chance | None) -> dict[str, Any]:
    """Fields of a record."""
    if chance is None:
        return {}
    names = {"null": "mean", "null_spread": "spread", "null_p": "p_value", "null_resolved": "resolved"}
    names |= {"significance": "significance", "halves": "halves"}
    return {field: getattr(chance, name) for field, name in names.items()}


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def to_document(
    records: Sequence[MetricRecord], processes: Sequence[PairedProcess], *, version: str, replicas: int
) -> dict[str, Any]:
    """`metrics.json`: what was compared, what the metrics are, and the records; see `flashbench.compare.schemas`."""
    return {
        "schema": "flashbench.metrics",
        "version": SCHEMA_VERSION,
        "flashbench": version,
        "bootstrap_replicas": replicas,
        "null_replicas": NULL_REPLICAS,
        "samples": describe_samples(processes),
        "simulators": describe_simulators(processes),
        "metrics": [
            {name: getattr(m, name) for name in ("name", "version", "definition", "higher_is_better", "has_unit")}
            for m in all_metrics()
        ],
        "records": [asdict(record) for record in records],
    }
