"""What a distance would be if there were no difference, and how significant the one found is.

What to use when: `paired_null` for a simulator of the same generator events as full simulation, the sharper one: it
needs no second full simulation, and the common events do not count as a difference. `halves_null` for what the distance
is between independent samples of full simulation, and where the simulator's lies against it.

Any distance will do: a function (values, values, weights, weights) → number, values of shape (rows,) or
(rows, features).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from flashbench.errors import StatisticsError

FloatArray = NDArray[np.float64]
DistanceFunction = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], float]

REPLICAS = 200
"""Replicas by default: p-values down to 0.005."""


@dataclass(frozen=True, slots=True)
class Null:
    """A distance beside what it is without a difference.

    Attributes:
        observed: the distance.
        replicas: the same number where there is no difference, shape (replicas,).
    """

    observed: float
    replicas: FloatArray

    @property
    def mean(self) -> float:
        """Expectation without a difference: what the distance cannot get below."""
        return float(self.replicas.mean())

    @property
    def deviation(self) -> float:
        """Standard deviation without a difference."""
        return float(self.replicas.std(ddof=1))

    @property
    def p_value(self) -> float:
        """Probability of as large a distance without a difference; no smaller than 1/(replicas + 1)."""
        return (1 + int(np.count_nonzero(self.replicas >= self.observed))) / (1 + self.replicas.size)

    @property
    def significance(self) -> float:
        """The p-value in standard deviations of a Gaussian, one-sided, and bounded as the p-value is."""
        return float(stats.norm.isf(self.p_value))

    @property
    def excess(self) -> float:
        """(observed - mean) / deviation: unbounded, and not a probability, as distances are not Gaussian."""
        return (self.observed - self.mean) / self.deviation if self.deviation > 0 else np.nan


@dataclass(frozen=True, slots=True)
class EventSample:
    """Rows of a sample and the generator events that they come from.

    Attributes:
        events: index of the generator event, from 0, the same in every sample of these events; shape (rows,).
        values: shape (rows,) or (rows, features), defined throughout (rows that fail a selection are left out).
        weights: of the generator event, shape (rows,).
        fold: shape (rows,); zeros for one fold.
        folds: of every event.
    """

    events: NDArray[np.int64]
    values: FloatArray
    weights: FloatArray
    fold: NDArray[np.int64]
    folds: int = 1

    @classmethod
    def of(
        cls, events: ArrayLike, values: ArrayLike, weights: ArrayLike, fold: ArrayLike | None = None, folds: int = 1
    ) -> EventSample:
        """A sample from arrays.

        Raises:
            StatisticsError: shapes that do not fit, NaN, or folds out of range.
        """
        index, points = np.asarray(events, dtype=np.int64), np.asarray(values, dtype=np.float64)
        mass = np.asarray(weights, dtype=np.float64)
        number = np.zeros(len(index), dtype=np.int64) if fold is None else np.asarray(fold, dtype=np.int64)
        if not index.shape == mass.shape == number.shape == points.shape[:1]:
            raise StatisticsError("null", f"events {index.shape} and values {points.shape} do not fit")
        if not (np.isfinite(points).all() and np.isfinite(mass).all()):
            raise StatisticsError("null", "a sample holds NaN or infinite values", "select the defined rows first")
        if index.size and (index.min() < 0 or number.min() < 0 or number.max() >= folds):
            raise StatisticsError("null", "events must be indices from 0, and folds below their number")
        return cls(index, points, mass, number, folds)

    def __getitem__(self, rows: NDArray[np.bool_]) -> EventSample:
        columns = self.events[rows], self.values[rows], self.weights[rows], self.fold[rows]
        return EventSample(*columns, self.folds)


def paired_null(
    distance: DistanceFunction, first: EventSample, full: EventSample, replicas: int = REPLICAS, seed: int = 0
) -> Null:
    """Null from exchanging, event by event, full simulation with the simulator (or with one of its folds).

    If the simulator responds to a generator event as full simulation does, the two outcomes of an event could as well
    have been exchanged: the p-value is then exact, whatever the sizes, the weights and the distance.

    Args:
        distance: called as distance(simulator, full, simulator weights, full weights).
        first: of the simulator, any number of folds.
        full: of full simulation, one fold, of the same generator events.

    Raises:
        StatisticsError: no replicas, full simulation with folds, or as the distance raises.
    """
    if replicas < 2 or full.folds != 1:
        raise StatisticsError("paired_null", "needs two replicas or more, and full simulation with one fold")
    n_events = int(max(first.events.max(initial=-1), full.events.max(initial=-1))) + 1
    rng = np.random.default_rng(seed)
    observed = distance(first.values, full.values, first.weights / first.folds, full.weights)
    values = []
    for _ in range(replicas):
        choice = rng.integers(0, first.folds + 1, n_events) - 1  # the fold that takes the place of full; -1: none
        leaves = first.fold == choice[first.events]
        enters = choice[full.events] >= 0
        ours, theirs = (first[~leaves], full[enters]), (full[~enters], first[leaves])
        one, two = (np.concatenate([part.values for part in parts]) for parts in (ours, theirs))
        masses = [np.concatenate([part.weights for part in parts]) for parts in (ours, theirs)]
        values.append(distance(one, two, masses[0] / first.folds, masses[1]))
    return Null(observed, np.array(values))


def halves_null(
    distance: DistanceFunction, first: EventSample, full: EventSample, replicas: int = REPLICAS, seed: int = 0
) -> Null:
    """Null from random halves of full simulation, and the simulator measured the same way.

    In each replica the generator events are halved: the null is the distance of full simulation of one half to full
    simulation of the other, the observed one that of the simulator of one half to full simulation of the other. Both
    are of independent samples of the same sizes, so that neither common events nor sample size mimic a difference.
    `observed` is the median over replicas.

    Warning:
        Replicas share events. The p-value is conservative, and small ones are approximate: see `paired_null`.

    Args:
        distance: called as distance(simulator or full, full, weights, weights).
        first: of the simulator, any number of folds.
        full: of full simulation, one fold, of the same generator events.

    Raises:
        StatisticsError: no replicas, fewer than two events, or as the distance raises.
    """
    n_events = int(max(first.events.max(initial=-1), full.events.max(initial=-1))) + 1
    if replicas < 2 or n_events < 2 or full.folds != 1:
        raise StatisticsError("halves_null", "needs two replicas and events or more, and full simulation with one fold")
    rng = np.random.default_rng(seed)
    null, found = [], []
    for _ in range(replicas):
        half = rng.permutation(n_events) < n_events // 2
        here, there, simulated = full[half[full.events]], full[~half[full.events]], first[half[first.events]]
        null.append(distance(here.values, there.values, here.weights, there.weights))
        found.append(distance(simulated.values, there.values, simulated.weights / first.folds, there.weights))
    return Null(float(np.median(found)), np.array(null))
