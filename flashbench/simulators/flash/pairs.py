"""Pairs of objects of the same event, on flat arrays: nothing loops over events.

What to use when: `flatten` to leave awkward, `pairs` for pairs of two collections that are near each other, `in_band`
for those in a band of η, `closest` and `hardest` for single partners of each object, `carried` for the pt of all of
them, `one_to_one` to match two collections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.simulators.flash.feature import FloatArray, wrap

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_FAR: Final = 15.0  # |η| beyond any object; what is further out, as a beam particle, counts as there
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Flat:
    """Objects of a collection, all events one after another.

    Attributes:
        columns: by field, each of shape (objects,).
        counts: objects of each event, shape (events,).
    """

    columns: dict[str, NDArray[Any]]
    counts: IntArray

    def __getitem__(self, field: str) -> NDArray[Any]:
        return self.columns[field]

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def starts(self) -> IntArray:
        """First object of each event, shape (events,)."""
        return np.cumsum(self.counts) - self.counts

    @property
    def event(self) -> IntArray:
        """Event of each object, shape (objects,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def select(self, mask: BoolArray) -> Flat:
        """Objects where `mask` holds; events stay, if empty."""
        counts = np.bincount(self.event[mask], minlength=len(self.counts)).astype(np.int64)
        return Flat({name: values[mask] for name, values in self.columns.items()}, counts)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows of two collections, ordered by the left row; all arrays of shape (pairs,)."""

    left: IntArray
    right: IntArray
    deta: FloatArray
    dphi: FloatArray
    dr: FloatArray

    @property
    def turned(self) -> Pairs:
        """The same pairs with left and right exchanged, in the same order."""
        return Pairs(self.right, self.left, -self.deta, -self.dphi, self.dr)

    def take(self, which: BoolArray | IntArray) -> Pairs:
        """Pairs by mask, or by position in that order."""
        at = np.flatnonzero(which) if which.dtype == bool else which
        return Pairs(self.left[at], self.right[at], self.deta[at], self.dphi[at], self.dr[at])


def flatten(collection: ak.Array, fields: tuple[str, ...]) -> Flat:
    """Columns `fields` of a jagged collection, and `index`, each object's place in its event."""
    layout = ak.to_layout(collection)  # its buffers: ak.flatten and ak.to_numpy take five times as long
    lists = (layout.project() if layout.is_indexed else layout).to_ListOffsetArray64(True)  # indexed by folds
    offsets = np.asarray(lists.offsets)
    counts, objects = np.diff(offsets), lists.content[: offsets[-1]]
    columns = {field: np.asarray(objects[field].to_backend_array()) for field in fields}
    columns["index"] = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    return Flat(columns, counts)


def pairs(left: Flat, right: Flat, within: float) -> Pairs:
    """Pairs of the same event closer than `within` in ΔR.

    Args:
        left, right: with `eta` and `phi`, of the same events.
        within: largest ΔR.

    Returns:
        Differences are left − right, Δφ wrapped.
    """
    found = in_band(left, right, within)
    return found.take(found.dr < within)


def in_band(left: Flat, right: Flat, within: float) -> Pairs:
    """Pairs of the same event closer than `within` in |Δη|, wherever in φ; see `pairs`. An object pairs with itself."""
    apart = 2 * _FAR + within + 1  # on one axis, events follow one another out of reach
    place, near = (np.clip(side["eta"], -_FAR, _FAR) + apart * side.event for side in (right, left))
    order = np.argsort(place, kind="stable")
    place, reach = place[order], within * (1 + _ROUNDING) + _ROUNDING
    first = np.searchsorted(place, near - reach)
    partners = np.searchsorted(place, near + reach) - first
    row = np.repeat(np.arange(len(left)), partners)
    before = np.cumsum(partners) - partners
    partner = order[np.arange(len(row)) - np.repeat(before - first, partners)]
    deta = left["eta"][row] - right["eta"][partner]
    close = np.flatnonzero(np.abs(deta) < within)
    row, partner, deta = row[close], partner[close], deta[close]
    dphi = wrap(left["phi"][row] - right["phi"][partner])
    return Pairs(row, partner, deta, dphi, np.hypot(deta, dphi))


def closest(found: Pairs, ranks: int) -> tuple[Pairs, ...]:
    """For each rank, the pairs that join a left row to its closest, second-closest, … partner."""
    return _ranked(found, found.dr, ranks)


def hardest(found: Pairs, pt: NDArray[Any]) -> Pairs:
    """The pairs that join a left row to its partner of largest `pt`, which is of shape (right rows,)."""
    return _ranked(found, -pt[found.right], 1)[0]


def _ranked(found: Pairs, key: NDArray[Any], ranks: int) -> tuple[Pairs, ...]:
    """For each rank, the pairs of each left row's smallest, second-smallest, … key; the first of equal ones."""
    chosen, rest = [], np.arange(len(key))
    for _ in range(ranks):
        new = np.diff(found.left[rest], prepend=-1) != 0
        row = np.cumsum(new) - 1
        least = np.minimum.reduceat(key[rest], np.flatnonzero(new)) if len(rest) else key[rest]
        best = np.flatnonzero(key[rest] == least[row])
        best = best[np.diff(row[best], prepend=-1) != 0]
        chosen.append(found.take(rest[best]))
        rest = np.delete(rest, best)
    return tuple(chosen)


def carried(found: Pairs, pt: NDArray[Any], rows: int) -> FloatArray:
    """Scalar sum of the `pt` of each left row's partners, shape (rows,)."""
    return np.bincount(found.left, weights=pt[found.right], minlength=rows).astype(np.float64)


def one_to_one(found: Pairs) -> Pairs:
    """Match greedily by distance: the closest pair first, each row at most once; ordered by the left row."""
    order = np.argsort(found.dr, kind="stable")
    left, right = found.left[order], found.right[order]
    chosen = []
    while len(order):
        first_left = np.zeros(len(order), dtype=bool)
        first_right = np.zeros(len(order), dtype=bool)
        first_left[np.unique(left, return_index=True)[1]] = True
        first_right[np.unique(right, return_index=True)[1]] = True
        taken = first_left & first_right  # closest for both sides: greedy order cannot part them
        chosen.append(order[taken])
        free = ~np.isin(left, left[taken]) & ~np.isin(right, right[taken])
        order, left, right = order[free], left[free], right[free]
    rows = np.concatenate(chosen) if chosen else np.empty(0, dtype=np.int64)
    matched = found.take(rows)
    return matched.take(np.argsort(matched.left, kind="stable"))
