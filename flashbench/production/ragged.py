"""Columns of many events, flat in memory.

`Ragged` is what every step of the production takes and returns: rows of all events one after another, and the number
of rows of each event. NumPy sees plain one-dimensional arrays; nothing loops over events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ragged:
    """Rows grouped by event.

    Args:
        counts: rows in each event, shape (events,).
        columns: arrays by name, each of shape (sum of counts,), ordered by event.
    """

    counts: IntArray
    columns: Mapping[str, Array]

    def __post_init__(self) -> None:
        rows = int(self.counts.sum())
        for name, values in self.columns.items():
            if len(values) != rows:
                raise ValueError(f"column {name} has {len(values)} rows, the events have {rows}")

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    @property
    def events(self) -> int:
        return len(self.counts)

    @cached_property
    def rows(self) -> int:
        return int(self.counts.sum())

    @cached_property
    def starts(self) -> IntArray:
        """First row of each event, shape (events,)."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def event(self) -> IntArray:
        """Event of each row, shape (rows,)."""
        return np.repeat(np.arange(self.events), self.counts)

    def with_columns(self, **columns: Array) -> Ragged:
        """The same rows with columns added or replaced."""
        return Ragged(self.counts, {**self.columns, **columns})

    def select(self, mask: BoolArray) -> Ragged:
        """Rows where `mask` holds; events stay, if empty."""
        return self.take(np.flatnonzero(mask))

    def take(self, order: IntArray) -> Ragged:
        """Rows in `order`, which must go through the events in order (as `sorted_rows` does)."""
        counts = np.bincount(self.event[order], minlength=self.events).astype(np.int64)
        return Ragged(counts, {name: values[order] for name, values in self.columns.items()})

    def sorted_rows(self, key: Array) -> IntArray:
        """Row numbers, event by event, by descending `key`."""
        order: IntArray = np.lexsort((-key, self.event))
        return order


def from_rows(event: IntArray, events: int, columns: Mapping[str, Array]) -> Ragged:
    """Group rows that carry an event number, in any order (stable within an event)."""
    order = np.argsort(event, kind="stable")
    counts = np.bincount(event, minlength=events).astype(np.int64)
    return Ragged(counts, {name: values[order] for name, values in columns.items()})


def concatenate(*parts: Ragged) -> Ragged:
    """Rows of several tables of the same events, in one table with the columns that all share."""
    names = [name for name in parts[0].columns if all(name in part.columns for part in parts)]
    event = np.concatenate([part.event for part in parts])
    columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
    return from_rows(event, parts[0].events, columns)


def chain(parts: list[Ragged]) -> Ragged:
    """Events of one table after those of another, all with the same columns."""
    counts = np.concatenate([part.counts for part in parts])
    names = parts[0].columns
    return Ragged(counts, {name: np.concatenate([part[name] for part in parts]) for name in names})


def spans(starts: IntArray, lengths: IntArray) -> IntArray:
    """The integers start, start+1, … of each span, one span after another."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(int(ends[-1]) if len(ends) else 0)


def pairs(left: Ragged, right: Ragged) -> tuple[IntArray, IntArray]:
    """All pairs of rows of the same event.

    Returns:
        Row numbers in `left` and in `right`, both of shape (pairs,), ordered by the left row.
    """
    partners = right.counts[left.event]
    return np.repeat(np.arange(left.rows), partners), spans(right.starts[left.event], partners)


def totals(group: IntArray, value: Array, groups: int) -> FloatArray:
    """Sum of `value` in each group, shape (groups,)."""
    return np.bincount(group, value, groups).astype(np.float64)


def events_of(table: Ragged, first: int, last: int) -> Ragged:
    """Events `first` … `last`−1."""
    begin = int(table.counts[:first].sum())
    end = begin + int(table.counts[first:last].sum())
    columns = {name: values[begin:end] for name, values in table.columns.items()}
    return Ragged(table.counts[first:last], columns)


def blocks(events: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of at most `size` events."""
    for first in range(0, events, size):
        yield first, min(first + size, events)


def wrap(angle: Array) -> Array:
    """An angle or a difference of angles in [−π, π], in rad, in the precision it comes in."""
    turns: Array = np.rint(angle * (0.5 / np.pi))
    return angle - turns * (2 * np.pi)
