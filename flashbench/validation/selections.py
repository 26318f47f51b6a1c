"""Selections and columns of object tables, to be combined in declarations."""

from __future__ import annotations

import numpy as np

from flashbench.validation.measures import BoolArray, Column, FloatArray, Selection
from flashbench.validation.objects import ObjectTable


def everything(table: ObjectTable) -> BoolArray:
    """All objects."""
    return np.ones(len(table), dtype=np.bool_)


def column(name: str) -> Column:
    """A column as it is."""
    return lambda table: table[name]


def absolute(name: str) -> Column:
    """Absolute values of a column."""
    return lambda table: np.abs(table[name])


def ratio(top: str, bottom: str) -> Column:
    """One column over another."""

    def divide(table: ObjectTable) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(table[top] / table[bottom])

    return divide


def between(name: str, low: float, high: float = np.inf) -> Selection:
    """low ≤ value < high; NaN is outside."""
    return lambda table: np.asarray((table[name] >= low) & (table[name] < high))


def within(name: str, low: float, high: float) -> Selection:
    """low ≤ |value| < high; NaN is outside."""
    return lambda table: np.asarray((np.abs(table[name]) >= low) & (np.abs(table[name]) < high))


def below(name: str, limit: float) -> Selection:
    """value < limit."""
    return lambda table: np.asarray(table[name] < limit)


def is_true(name: str) -> Selection:
    """A flag is set."""
    return lambda table: np.asarray(table[name] > 0)


def no(chosen: Selection) -> Selection:
    """The others; an object without partner included."""
    return lambda table: ~chosen(table)


def both(*chosen: Selection) -> Selection:
    """All of several selections."""
    return lambda table: np.logical_and.reduce([select(table) for select in chosen])


def has_bit(name: str, bit: int) -> Selection:
    """A bit of an integer column is set."""
    return lambda table: (table[name].astype(np.int64) & bit) != 0
