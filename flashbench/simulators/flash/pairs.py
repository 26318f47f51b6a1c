"""Pairs of objects of the same event, on flat arrays: nothing loops over events.

What to use when: `flatten` to leave awkward, `pairs` for pairs of two collections that are near each other, `in_band`
for those in a band of η, `closest` for the nearest partners of each object, `one_to_one` to match two collections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


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
        return Pairs(self.left[which], self.right[which], self.deta[which], self.dphi[which], self.dr[which])


def flatten(collection: ak.Array, fields: tuple[str, ...]) -> Flat:
    """Columns `fields` of a jagged collection, and `index`, each object's place in its event."""
    counts = ak.to_numpy(ak.num(collection)).astype(np.int64)
    columns = {field: ak.to_numpy(ak.flatten(collection[field])) for field in fields}
    starts = np.cumsum(counts) - counts
    columns["index"] = np.arange(int(counts.sum())) - np.repeat(starts, counts)
    return Flat(columns, counts)


def wrap(angle: FloatArray) -> FloatArray:
    """An angle or a difference of angles in [−π, π), rad."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


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
    partners = right.counts[left.event]
    row = np.repeat(np.arange(len(left)), partners)
    ends = np.cumsum(partners)
    place = np.arange(len(row)) - np.repeat(ends - partners, partners)
    partner = np.repeat(right.starts[left.event], partners) + place
    deta = left["eta"][row] - right["eta"][partner]
    near = np.abs(deta) < within
    row, partner, deta = row[near], partner[near], deta[near]
    dphi = wrap(left["phi"][row] - right["phi"][partner])
    return Pairs(row, partner, deta, dphi, np.hypot(deta, dphi))


def closest(found: Pairs, ranks: int) -> tuple[Pairs, ...]:
    """For each rank, the pairs that join a left row to its closest, second-closest, … partner."""
    order = np.lexsort((found.dr, found.left))
    ordered = found.take(order)
    new = np.ones(len(order), dtype=bool)
    new[1:] = ordered.left[1:] != ordered.left[:-1]
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    rank = np.arange(len(order)) - first
    return tuple(ordered.take(rank == r) for r in range(ranks))


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
