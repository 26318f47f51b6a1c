"""How objects are measured: quantities with errors, distributions with distances, and the floor of both.

What to use when: `Quantity` for a number or a profile, `Distribution` for a spectrum and its W1, `Roc` for a curve;
`measure`, `floor`, `distance`, `distance_floor` evaluate them. The declared ones are in `jets` and `muons`.

Every object counts once, whatever its event's weight: reconstruction is conditional on the generated object, on which
generator weights have no say. Errors come from a bootstrap over events, since the objects of an event are correlated;
floors from splitting one sample at random in two halves.

References:
    B. Efron, Ann. Statist. 7 (1979) 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flashbench.errors import StatisticsError
from flashbench.stats import (
    RocCurve,
    effective_width,
    efficiency,
    poisson_weights,
    profile_of,
    roc_area,
    roc_curve,
    wasserstein,
)
from flashbench.validation.objects import Collection, Objects, ObjectTable

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Selection: TypeAlias = Callable[[ObjectTable], BoolArray]
Column: TypeAlias = Callable[[ObjectTable], FloatArray]
Statistic: TypeAlias = Callable[[ObjectTable], "FloatArray | float"]

REPLICAS: Final = 100
"""Bootstrap replicas: an error known to 7 %."""

LEAST: Final = 10
"""Objects without which a bin of a profile is undefined."""

SPLITS: Final = 20
"""Random splits in halves that a floor is the mean of."""

_SEED: Final = 20230003


@dataclass(frozen=True, slots=True)
class Fraction:
    """The fraction of objects that pass, or its profile in bins of x; a statistic.

    Attributes:
        x, edges: of a profile; a bin of fewer than `LEAST` objects is undefined.
    """

    passes: Selection
    x: Column | None = None
    edges: tuple[float, ...] = ()

    def __call__(self, table: ObjectTable) -> FloatArray | float:
        passed = self.passes(table).astype(np.float64)
        if self.x is None:
            return float(passed.mean()) if len(table) else float("nan")
        return profile_of(self.x(table), passed, self.edges, np.mean, least=LEAST)

    def tries(self, table: ObjectTable) -> FloatArray:
        """Objects, in the shape of the fraction."""
        counts = len(table) if self.x is None else np.histogram(self.x(table), self.edges)[0]
        return np.asarray(counts, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number, or a profile in bins, of the objects of one table.

    Attributes:
        name: key in `validation.json`.
        label: in words; `x_label` is that of a profile's axis, mathtext allowed.
        select: the objects that enter, a mask of shape (rows,).
        statistic: of the table of selected objects; a float, or shape (bins,) of a profile.
        columns: those that `statistic` reads.
        needs: NanoAOD branches without which it says nothing.
        edges: of a profile's bins, empty for a number.
    """

    name: str
    label: str
    group: str
    table: Collection
    select: Selection
    statistic: Statistic
    columns: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    x_label: str = ""
    y_label: str = ""

    def of(self, table: ObjectTable) -> FloatArray:
        """The statistic, NaN where it is not defined."""
        try:
            return np.asarray(self.statistic(table), dtype=np.float64)
        except StatisticsError:
            return np.full(max(len(self.edges) - 1, 0) or (), np.nan)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A spectrum of the objects of one table; values outside the axis count in W1.

    Attributes:
        column: value of each selected object; NaN leaves it out.
        counted: what an entry is, for the axis: jets, muons, events.
        log: logarithmic vertical axis.
    """

    name: str
    label: str
    unit: str
    group: str
    table: Collection
    select: Selection
    column: Column
    bins: int
    low: float
    high: float
    needs: tuple[str, ...] = ()
    counted: str = "jets"
    per_event: bool = False
    log: bool = False

    def values(self, objects: Objects) -> tuple[FloatArray, NDArray[np.int64]]:
        """Values and event numbers of the entries; one an event if `per_event`, where `column` is not asked."""
        table = objects.tables[self.table]
        chosen = table.where(self.select(table))
        if self.per_event:
            numbers = np.bincount(chosen.event, minlength=table.n_events).astype(np.float64)
            return numbers, np.arange(table.n_events)
        found = self.column(chosen)
        defined = np.isfinite(found)
        return found[defined], chosen.event[defined]


@dataclass(frozen=True, slots=True)
class Roc:
    """A score that tells `signal` objects from `background` ones."""

    name: str
    label: str
    group: str
    table: Collection
    score: str
    signal: Selection
    background: Selection
    needs: tuple[str, ...] = ()

    def curve(self, objects: Objects) -> RocCurve | None:
        """The curve; None without signal or background."""
        table = objects.tables[self.table]
        try:
            return roc_curve(table[self.score][self.signal(table)], table[self.score][self.background(table)])
        except StatisticsError:
            return None

    @property
    def area(self) -> Quantity:
        """Its area as a quantity."""

        def statistic(table: ObjectTable) -> float:
            scores, is_signal = table[self.score], self.signal(table)
            return roc_area(scores[is_signal], scores[~is_signal]).value

        return Quantity(
            f"{self.name}_area",
            f"{self.label}, ROC area",
            self.group,
            self.table,
            lambda table: self.signal(table) | self.background(table),
            statistic,
            needs=self.needs,
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """A quantity and its standard error; shape () for a number, (bins,) for a profile. NaN is undefined."""

    value: FloatArray
    error: FloatArray


@dataclass(frozen=True, slots=True)
class Compared:
    """A quantity in a reference and in a sample; its floor, the mean difference of random halves of the reference."""

    quantity: Quantity
    reference: Measured
    measured: Measured
    floor: FloatArray


def _selected(quantity: Quantity, objects: Objects) -> ObjectTable:
    table = objects.tables[quantity.table]
    chosen = table.where(quantity.select(table))
    return chosen.only(quantity.columns) if quantity.columns else chosen


def measure(quantity: Quantity, objects: Objects, replicas: int = REPLICAS) -> Measured:
    """A quantity with its error from a bootstrap over events."""
    table = _selected(quantity, objects)
    weights = poisson_weights(objects.keys, 0, replicas)
    spread = np.stack([quantity.of(table.resampled(weights[:, replica])) for replica in range(replicas)])
    value, error = quantity.of(table), _deviation(spread)
    if isinstance(quantity.statistic, Fraction):  # where all or none pass, a bootstrap knows no error
        error = np.maximum(error, _binomial(value, quantity.statistic.tries(table)))
    return Measured(value, error)


def _binomial(value: FloatArray, tries: FloatArray) -> FloatArray:
    """Half the interval of a passed fraction; NaN where nothing was tried."""
    interval = efficiency(np.round(np.nan_to_num(value) * tries), tries)
    return np.asarray((interval.high - interval.low) / 2)


def _deviation(spread: FloatArray) -> FloatArray:
    """Standard deviation over replicas, shape (replicas, ...); NaN where half of them are undefined."""
    defined = np.isfinite(spread)
    number = defined.sum(axis=0)
    filled = np.where(defined, spread, 0.0)
    mean = filled.sum(axis=0) / np.maximum(number, 1)
    squares = np.where(defined, (spread - mean) ** 2, 0.0).sum(axis=0)
    return np.where(number > len(spread) / 2, np.sqrt(squares / np.maximum(number - 1, 1)), np.nan)


def halves(n_events: int, splits: int = SPLITS) -> Iterator[BoolArray]:
    """Masks of random halves of the events, the same at every call; shape (n_events,)."""
    rng = np.random.default_rng(_SEED)
    for _ in range(splits):
        first = np.zeros(n_events, dtype=np.bool_)
        first[rng.permutation(n_events)[: n_events // 2]] = True
        yield first


def floor(quantity: Quantity, objects: Objects, splits: int = SPLITS) -> FloatArray:
    """Mean difference of a quantity between two random halves of a sample; shape of the quantity."""
    table = _selected(quantity, objects)
    apart = [
        np.abs(quantity.of(table.resampled(first.astype(int))) - quantity.of(table.resampled((~first).astype(int))))
        for first in halves(objects.n_events, splits)
    ]
    defined = np.isfinite(apart)
    total = np.where(defined, apart, 0.0).sum(axis=0)
    return np.asarray(np.where(defined.any(axis=0), total / np.maximum(defined.sum(axis=0), 1), np.nan))


def distance(distribution: Distribution, first: Objects, second: Objects) -> float:
    """W1 between two samples, in the unit of the quantity; NaN where one has no entries."""
    return _wasserstein(distribution.values(first)[0], distribution.values(second)[0])


def distance_floor(distribution: Distribution, objects: Objects, splits: int = SPLITS) -> float:
    """Mean W1 between two random halves of a sample: what chance alone gives."""
    values, event = distribution.values(objects)
    apart = [_wasserstein(values[first[event]], values[~first[event]]) for first in halves(objects.n_events, splits)]
    defined = [value for value in apart if np.isfinite(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _wasserstein(first: FloatArray, second: FloatArray) -> float:
    return wasserstein(first, second) if len(first) and len(second) else float("nan")


def rate(table: ObjectTable) -> float:
    """Objects an event."""
    return len(table) / table.n_events if table.n_events else float("nan")


def mean(column: Column) -> Statistic:
    """Mean of a column."""
    return lambda table: float(column(table).mean()) if len(table) else float("nan")


def median(column: Column) -> Statistic:
    """Median of a column."""
    return lambda table: float(np.median(column(table))) if len(table) else float("nan")


def width(column: Column) -> Statistic:
    """Effective width of a column: half its central 68 % over its median."""
    return lambda table: effective_width(column(table))


def in_bins(x: Column, y: Column, edges: Sequence[float], statistic: Callable[[FloatArray], float]) -> Statistic:
    """A profile: a statistic of y in bins of x; a bin of fewer than `LEAST` objects is undefined."""
    return lambda table: profile_of(x(table), y(table), edges, statistic, least=LEAST)


def rate_in_bins(x: Column, edges: Sequence[float]) -> Statistic:
    """Objects an event in bins of x."""
    return lambda table: np.histogram(x(table), edges)[0] / max(table.n_events, 1)
