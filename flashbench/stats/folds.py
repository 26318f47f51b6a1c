"""Histograms of upsampled events: each generator event simulated N times, its folds correlated.

What to use when: `FoldedHistogram` for the pdf, its errors and their covariance, from arrays in blocks of any size and
order; `upsampling` for what more folds would gain.

With p_i^ev the fraction of the folds of an event in bin i, selected folds or not in the denominator,

    pdf_i = Σ_ev w p_i^ev / Σ_ev w,    cov_ij = Σ_ev w² p_i^ev p_j^ev / (Σ_ev w)²,    σ_i = √cov_ii

Warning:
    σ and `covariance` are those of the yield: of Σ w p_i over its expected Σ w, when the number of generated events is
    Poisson distributed. The pdf itself has its own Σ w below the line and fluctuates less, far less where one event
    fills every bin: `shape_covariance` is right for it.

References:
    F. Vaselli et al., FlashSim prototype, CMS NOTE-2023/003 (pdf and σ; the covariance is an addition).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from flashbench.errors import StatisticsError
from flashbench.stats.binning import Binning, Edges
from flashbench.stats.pdf import Pdf

FloatArray = NDArray[np.float64]

_CELLS_AT_ONCE = 1 << 16  # (event, bin) cells held in memory: 0.5 MiB, to stay in the cache
_DENSE_BINS = 128  # above, events touch few of the bins: products of sparse matrices are faster
_MOST_BINS = 4096  # a covariance of 128 MiB
_NAMED = 3  # open events that an error names


@dataclass(frozen=True, slots=True)
class _Rows:
    """Folds of events: identity, fold, weight of the event, flat bin (the number of bins: none). Shape (rows,)."""

    event: NDArray[np.uint64]
    fold: NDArray[np.int32]
    weight: FloatArray
    place: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.event)

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> _Rows:
        return _Rows(self.event[which], self.fold[which], self.weight[which], self.place[which])


class FoldedHistogram:
    """Accumulator of the folds of generator events.

    An event is closed when its N folds have been seen, and then lives on in sums only: memory does not grow with the
    number of events. Folds of events that are not complete (split over blocks) are kept until the rest comes, by
    `fill` or `merge`, in any order. Histograms of disjoint sets of events add.

    Warning:
        A closed event is forgotten: filling the same block twice cannot be told from filling other events. Compare
        `n_events` with the number of generated events. A fold that comes twice while its event is open is refused.

    Args:
        edges: of one observable, shape (bins + 1,), or a sequence of such for several.
        folds: N, the simulated folds of every generated event.

    Example:
        FoldedHistogram(edges, folds=25).fill(event, fold, weight, value).pdf
    """

    def __init__(self, edges: Edges, folds: int = 1) -> None:
        self.binning = Binning.of(edges)
        self.folds = folds
        bins = self.binning.size
        if folds < 1:
            raise StatisticsError("folds", f"{folds} folds an event", "want one or more")
        if bins > _MOST_BINS:
            raise StatisticsError("folds", f"{bins} bins have too large a covariance", f"use {_MOST_BINS} or fewer")
        self._events = 0
        self._sum_weights = 0.0
        self._sum_squares = 0.0  # Σ w²
        self._contents = np.zeros(bins)  # Σ w p_i
        self._variances = np.zeros(bins)  # Σ w² p_i²
        self._squares = np.zeros(bins)  # Σ w² p_i
        self._products = np.zeros((bins, bins))  # Σ w² p_i p_j; its diagonal is kept in `_variances`
        self._open: list[_Rows] = []
        self._settled = 0  # open rows when they were last searched for complete events

    def fill(
        self, event: ArrayLike, fold: ArrayLike, weight: ArrayLike, value: ArrayLike, selected: ArrayLike | None = None
    ) -> Self:
        """Add folds, those that fail the selection too: they count in the denominator.

        Args:
            event: identity of the generator event, an integer (see `bootstrap.event_keys`), shape (rows,).
            fold: number of the fold, 0 to N - 1, shape (rows,).
            weight: of the generator event, the same in all its folds, of either sign, shape (rows,).
            value: of the observable, shape (rows,) or (rows, observables); NaN where undefined or not selected.
            selected: folds that pass, shape (rows,); None where NaN says so.

        Raises:
            StatisticsError: shapes that do not fit, weights that are not finite or differ between the folds of an
                event, a fold seen twice or out of range. Nothing is filled then.
        """
        rows = self._checked(event, fold, weight, self.binning.place(value, selected))
        whole, rest = self._split(rows)
        left = [*self._open, rest] if len(rest) else self._open
        identity = np.sort(whole.event[:: self.folds])
        if (identity[1:] == identity[:-1]).any() or any(np.isin(each.event, identity).any() for each in left):
            raise StatisticsError("folds", "an event has more folds than declared", f"{self.folds} were declared")
        if sum(map(len, left)) > 2 * self._settled:
            self._settle(left)
        else:
            self._open = left
        self._close(whole)
        return self

    def merge(self, other: FoldedHistogram) -> FoldedHistogram:
        """Both together, as a new histogram; folds of an event that both hold in part are joined.

        Raises:
            StatisticsError: other edges or numbers of folds, or a fold that both hold.
        """
        if self.binning != other.binning or self.folds != other.folds:
            raise StatisticsError("folds", "histograms of different edges or numbers of folds cannot be merged")
        both = FoldedHistogram(self.binning.edges, self.folds)
        sums = ("_events", "_sum_weights", "_sum_squares", "_contents", "_variances", "_squares", "_products")
        for name in sums:
            setattr(both, name, getattr(self, name) + getattr(other, name))
        both._settle([*self._open, *other._open])
        return both

    __add__ = merge

    @property
    def open_events(self) -> NDArray[np.uint64]:
        """Identities of the events some of whose folds are missing, ascending."""
        self._settle(self._open)
        return np.unique(np.concatenate([each.event for each in self._open])) if self._open else np.array([], np.uint64)

    @property
    def n_events(self) -> int:
        """Generated events, selected or not."""
        return self._closed()._events

    @property
    def sum_weights(self) -> float:
        """Σ w over the generated events, selected or not."""
        return self._closed()._sum_weights

    @property
    def contents(self) -> FloatArray:
        """Σ w p_i, in the shape of the bins."""
        return self._closed()._contents.reshape(self.binning.shape).copy()

    @property
    def variances(self) -> FloatArray:
        """Σ (w p_i)², of the contents, in the shape of the bins."""
        return self._closed()._variances.reshape(self.binning.shape).copy()

    @property
    def products(self) -> FloatArray:
        """Σ w² p_i p_j, the covariance of the contents, shape (bins, bins) with bins flattened."""
        products = self._closed()._products.copy()
        np.fill_diagonal(products, self._variances)
        return products

    @property
    def single_fold_variances(self) -> FloatArray:
        """Σ w² p_i: the variance that the contents are expected to have with one fold; flat, shape (bins,)."""
        return self._closed()._squares.copy()

    @property
    def pdf(self) -> Pdf:
        """Fraction of generated events in each bin and the papers' σ, in the shape of the bins."""
        total = self._total()
        return Pdf(self.contents / total, np.sqrt(self.variances) / abs(total))

    @property
    def covariance(self) -> FloatArray:
        """Covariance whose diagonal is σ², shape (bins, bins) with bins flattened; see the warning above."""
        return self.products / self._total() ** 2

    @property
    def shape_covariance(self) -> FloatArray:
        """Covariance of the pdf with its own Σ w: Σ w² (p_i - pdf_i)(p_j - pdf_j) / (Σ w)², shape (bins, bins)."""
        total = self._total()
        pdf = self._contents / total
        cross = np.outer(pdf, self._squares)
        return (self.products - (cross + cross.T) + self._sum_squares * np.outer(pdf, pdf)) / total**2

    @property
    def effective_entries(self) -> FloatArray:
        """(Σ w p)²/Σ (w p)²: unit-weight events with the same relative error; in the shape of the bins, 0 if empty."""
        variances = self.variances
        return np.divide(self.contents**2, variances, out=np.zeros_like(variances), where=variances > 0)

    def _total(self) -> float:
        total = self._closed()._sum_weights
        if total == 0:
            raise StatisticsError("folds", f"the weights of {self._events} generated events add up to zero")
        return total

    def _closed(self) -> Self:
        missing = self.open_events
        if missing.size:
            identity = np.concatenate([each.event for each in self._open])
            named = [f"{one} ({np.count_nonzero(identity == one)} of {self.folds})" for one in missing[:_NAMED]]
            more = f" and {missing.size - _NAMED} more" if missing.size > _NAMED else ""
            problem = f"events lack folds: {', '.join(named)}{more}"
            raise StatisticsError("folds", problem, "fill or merge the blocks that hold the rest")
        return self

    def _checked(self, event: ArrayLike, fold: ArrayLike, weight: ArrayLike, place: NDArray[np.int32]) -> _Rows:
        identity, number, mass = np.asarray(event), np.asarray(fold), np.asarray(weight, dtype=np.float64)
        shapes = identity.shape, number.shape, mass.shape
        if any(shape != place.shape for shape in shapes):
            raise StatisticsError("folds", f"events, folds, weights {shapes} and values {place.shape} do not fit")
        if identity.size and (identity.dtype.kind not in "iu" or number.dtype.kind not in "iu"):
            raise StatisticsError("folds", "events and folds must be integers")
        if not np.isfinite(mass).all():
            raise StatisticsError("folds", "weights hold NaN or infinite values", "remove those events first")
        if number.size and not 0 <= number.min() <= number.max() < self.folds:
            raise StatisticsError("folds", f"folds {number.min()} to {number.max()}, but {self.folds} were declared")
        return _Rows(identity.astype(np.uint64, copy=False), number.astype(np.int32, copy=False), mass, place)

    def _split(self, rows: _Rows) -> tuple[_Rows, _Rows]:
        """Events all of whose folds are adjacent, and the other rows."""
        starts = np.flatnonzero(np.append(True, rows.event[1:] != rows.event[:-1])) if len(rows) else np.array([], int)
        lengths = np.diff(starts, append=len(rows))
        whole = lengths == self.folds
        mask = np.repeat(whole, lengths)
        complete, rest = (rows if whole.all() else rows[mask]), rows[~mask]
        numbers = complete.fold.reshape(-1, self.folds)
        if not (numbers == np.arange(self.folds)).all() and (np.diff(np.sort(numbers, axis=1), axis=1) == 0).any():
            raise StatisticsError("folds", "an event holds the same fold twice")
        weights = complete.weight.reshape(-1, self.folds)
        if (weights != weights[:, :1]).any():
            raise StatisticsError("folds", "the folds of an event differ in weight", "give the generator's weight")
        return complete, rest

    def _settle(self, rows: list[_Rows]) -> None:
        """Close those events of the given rows that are complete, and keep the others open."""
        if not rows:
            return
        columns = ("event", "fold", "weight", "place")
        every = _Rows(*(np.concatenate([getattr(each, name) for each in rows]) for name in columns))
        ordered = every[np.lexsort((every.fold, every.event))]
        again = (ordered.event[1:] == ordered.event[:-1]) & (ordered.fold[1:] == ordered.fold[:-1])
        if again.any():
            raise StatisticsError("folds", f"event {ordered.event[1:][again][0]} holds the same fold twice")
        whole, rest = self._split(ordered)
        self._open, self._settled = ([rest] if len(rest) else []), len(rest)
        self._close(whole)

    def _close(self, rows: _Rows) -> None:
        """Add events whose folds are complete and adjacent to the sums."""
        bins, weights = self.binning.size, rows.weight[:: self.folds]
        self._events += len(weights)
        self._sum_weights += float(weights.sum())
        self._sum_squares += float(weights @ weights)
        step = max(1, _CELLS_AT_ONCE // (bins + 1))
        for start in range(0, len(weights), step):
            place = rows.place[start * self.folds : (start + step) * self.folds].reshape(-1, self.folds)
            self._add(weights[start : start + step], place)

    def _add(self, weights: FloatArray, place: NDArray[np.int32]) -> None:
        """Add events of shape (events,) whose folds fall into the bins `place`, shape (events, folds)."""
        bins = self.binning.size
        if self.folds == 1:  # in the order of the entries, as a plain histogram adds them
            event = np.flatnonzero(place[:, 0] < bins)
            self._scatter(event, place[event, 0], weights[event], weights)
            return
        cells = place + (np.arange(len(weights), dtype=np.int32) * np.int32(bins + 1))[:, np.newaxis]
        counts = np.bincount(cells.ravel(), minlength=len(weights) * (bins + 1)).reshape(-1, bins + 1)[:, :bins]
        if bins <= _DENSE_BINS:
            weighted = counts * (weights / self.folds)[:, np.newaxis]
            product = weighted.T @ weighted
            self._contents += weighted.sum(axis=0)
            self._squares += weights @ weighted
            self._variances += np.diagonal(product)
            self._products += product
            return
        event, number = np.nonzero(counts)
        shares = weights[event] * (counts[event, number] / self.folds)
        self._scatter(event, number, shares, weights)
        matrix = sparse.csr_array((shares, (event, number)), shape=counts.shape)
        product = (matrix.T @ matrix).tocoo()
        self._products[product.row, product.col] += product.data

    def _scatter(
        self, event: NDArray[np.intp], number: NDArray[np.integer[Any]], shares: FloatArray, weights: FloatArray
    ) -> None:
        np.add.at(self._contents, number, shares)
        np.add.at(self._variances, number, shares**2)
        np.add.at(self._squares, number, weights[event] * shares)
