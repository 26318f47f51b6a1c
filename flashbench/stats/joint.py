"""Histograms of the same generator events, with every covariance between them.

What to use when: `event_contents` for what each event adds to each bin of one simulator, `joint_moments` to bring
several simulators of the same events together, in blocks that add. Functions of them (ratios, the ratio method) get
their covariance from the derivative: see `JointMoments.propagate`.

A pdf is Σ x_i / Σ w, with x_i what an event of weight w adds to bin i. One event moves it by (x_i - pdf_i w) / Σ w, to
first order, and the covariance of any two is the sum over events of the products of their moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from flashbench.errors import StatisticsError
from flashbench.stats.binning import Binning, Edges
from flashbench.stats.bootstrap import contributions

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EventContents:
    """What each generator event adds to each bin.

    Attributes:
        events: identities, ascending, shape (events,).
        weights: of the generator events, shape (events,).
        contents: Σ over folds of w/N, sparse, shape (bins, events).
    """

    events: NDArray[np.uint64]
    weights: FloatArray
    contents: Any


def event_contents(
    event: ArrayLike,
    weight: ArrayLike,
    value: ArrayLike,
    edges: Edges,
    *,
    selected: ArrayLike | None = None,
    folds: int = 1,
) -> EventContents:
    """Contents of each event from rows of events and folds, in any order; see `FoldedHistogram.fill`.

    Args:
        event: identity, an integer, shape (rows,); each event comes `folds` times.
        weight: of the generator event, the same in all its folds, shape (rows,).
        value: shape (rows,) or (rows, observables); NaN where undefined.
        edges: of one observable, or a sequence of those of several.
        selected: rows that pass, shape (rows,); None for all that have a value.

    Raises:
        StatisticsError: shapes that do not fit, weights that are not finite or differ between folds, or an event
            without all its folds.
    """
    binning = Binning.of(edges)
    place = binning.place(value, selected)
    identity, mass = np.asarray(event), np.asarray(weight, dtype=np.float64)
    if identity.shape != place.shape or mass.shape != place.shape:
        raise StatisticsError("event_contents", f"events {identity.shape} and weights {mass.shape} do not fit")
    if not np.isfinite(mass).all():
        raise StatisticsError("event_contents", "weights hold NaN or infinite values", "remove those events first")
    events, first, rows, counts = np.unique(
        identity.astype(np.uint64), return_index=True, return_inverse=True, return_counts=True
    )
    wrong = np.flatnonzero(counts != folds)
    if wrong.size:
        problem = f"event {events[wrong[0]]} has {counts[wrong[0]]} folds, not {folds}, and {wrong.size - 1} more do so"
        raise StatisticsError("event_contents", problem)
    if (mass != mass[first][rows]).any():
        raise StatisticsError("event_contents", "the folds of an event differ in weight")
    used = np.flatnonzero(place < binning.size)
    shape = (binning.size, events.size)
    return EventContents(events, mass[first], contributions(rows[used], place[used], mass[used] / folds, shape))


@dataclass(frozen=True, slots=True)
class JointMoments:
    """Sums over generator events of z = (contents of every histogram, w) and of z zᵀ. Disjoint sets of events add.

    Attributes:
        names: of the histograms, all of the same bins.
        bins: of each.
        sums: Σ z, shape (names · bins + 1,).
        products: Σ z zᵀ, shape (names · bins + 1,) twice.
    """

    names: tuple[str, ...]
    bins: int
    sums: FloatArray
    products: FloatArray
    n_events: int

    def __add__(self, other: JointMoments) -> JointMoments:
        if (self.names, self.bins) != (other.names, other.bins):
            raise StatisticsError("joint_moments", f"moments of {self.names} and {other.names} do not add")
        sums, products = self.sums + other.sums, self.products + other.products
        return JointMoments(self.names, self.bins, sums, products, self.n_events + other.n_events)

    @property
    def sum_weights(self) -> float:
        """Σ w over the generated events."""
        return float(self.sums[-1])

    def pdf(self, name: str) -> FloatArray:
        """Fraction of generated events in each bin of one histogram, shape (bins,)."""
        return self.sums[self._rows(name)] / self._total()

    def propagate(self, derivatives: Mapping[str, ArrayLike]) -> FloatArray:
        """Covariance of a function of the pdfs, bin by bin, to first order.

        Args:
            derivatives: of the function with respect to the pdf of each histogram named, shape (bins,).

        Returns:
            Shape (bins, bins).
        """
        total = self._total()
        jacobian = np.zeros((self.bins, self.sums.size))
        for name, slope in derivatives.items():
            factor = np.asarray(slope, dtype=np.float64)
            jacobian[np.arange(self.bins), np.arange(self.bins) + self._rows(name).start] = factor
            jacobian[:, -1] -= factor * self.pdf(name)
        return np.asarray(jacobian @ self.products @ jacobian.T / total**2, dtype=np.float64)

    def _rows(self, name: str) -> slice:
        if name not in self.names:
            raise StatisticsError("joint_moments", f"no histogram '{name}'", f"known: {', '.join(self.names)}")
        start = self.names.index(name) * self.bins
        return slice(start, start + self.bins)

    def _total(self) -> float:
        if self.sums[-1] == 0:
            raise StatisticsError("joint_moments", f"the weights of {self.n_events} generated events add up to zero")
        return float(self.sums[-1])


def joint_moments(histograms: Mapping[str, EventContents]) -> JointMoments:
    """Moments of several histograms of the same generator events.

    Raises:
        StatisticsError: no histograms, other bins, other events, or other weights of the same events.
    """
    if not histograms:
        raise StatisticsError("joint_moments", "no histograms given")
    (first_name, first), *others = histograms.items()
    for name, each in others:
        pair = f"{name} and {first_name}"
        if each.contents.shape[0] != first.contents.shape[0]:
            raise StatisticsError("joint_moments", f"{pair} differ in bins")
        if not np.array_equal(each.events, first.events):
            only = np.setxor1d(each.events, first.events).size
            raise StatisticsError("joint_moments", f"{pair} are of different events: {only} are in one of them only")
        if not np.allclose(each.weights, first.weights, rtol=1e-6, atol=0):
            raise StatisticsError("joint_moments", f"{pair} give the same events different weights")
    rows = [*(each.contents for each in histograms.values()), first.weights[np.newaxis]]
    stacked = sparse.vstack([sparse.csr_array(each) for each in rows], format="csr")
    products = (stacked @ stacked.T).toarray()
    sums = np.asarray(stacked.sum(axis=1), dtype=np.float64)
    return JointMoments(tuple(histograms), first.contents.shape[0], sums, products, first.events.size)
