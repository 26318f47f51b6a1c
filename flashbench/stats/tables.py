"""Statistics of tables of events and folds, as runs keep them.

A table maps names to columns of shape (rows,): `run`, `luminosityBlock`, `event`, `fold`, `weight` (of the generator
event, the same in all its folds) and the observables, NaN where undefined. It holds every fold of every generated
event, selected or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flashbench.errors import StatisticsError
from flashbench.stats.binning import Edges
from flashbench.stats.bootstrap import event_keys
from flashbench.stats.folds import FoldedHistogram
from flashbench.stats.joint import EventContents, event_contents

FloatArray = NDArray[np.float64]
Table = Mapping[str, NDArray[Any]]


def table_events(table: Table) -> NDArray[np.uint64]:
    """Identity of the generator event of each row, shape (rows,)."""
    return event_keys(*(_column(table, name) for name in ("run", "luminosityBlock", "event")))


def table_values(table: Table, observable: str | tuple[str, ...]) -> FloatArray:
    """Column of an observable, shape (rows,), or of several, shape (rows, observables)."""
    if isinstance(observable, str):
        return np.asarray(_column(table, observable), dtype=np.float64)
    return np.stack([np.asarray(_column(table, name), dtype=np.float64) for name in observable], axis=1)


def fill_from_table(
    table: Table,
    observable: str | tuple[str, ...],
    edges: Edges,
    selected: ArrayLike | None = None,
    *,
    folds: int = 1,
    into: FoldedHistogram | None = None,
) -> FoldedHistogram:
    """Folded histogram of one table, or of one more table.

    Args:
        table: rows of events and folds.
        observable: a column, or several for as many dimensions.
        edges: of the observable, or a sequence of those of several.
        selected: rows of the region, shape (rows,); None for all.
        folds: of every event; ignored with `into`.
        into: a histogram to fill further.

    Raises:
        StatisticsError: a column is missing; see `FoldedHistogram.fill`.
    """
    histogram = FoldedHistogram(edges, folds) if into is None else into
    identity, values = table_events(table), table_values(table, observable)
    return histogram.fill(identity, _column(table, "fold"), _column(table, "weight"), values, selected)


def contents_from_table(
    table: Table,
    observable: str | tuple[str, ...],
    edges: Edges,
    selected: ArrayLike | None = None,
    *,
    folds: int = 1,
) -> EventContents:
    """What each event of a table adds to each bin, for `joint_moments`; arguments as of `fill_from_table`."""
    identity, weight = table_events(table), _column(table, "weight")
    return event_contents(identity, weight, table_values(table, observable), edges, selected=selected, folds=folds)


def _column(table: Table, name: str) -> NDArray[Any]:
    if name not in table:
        raise StatisticsError("table", f"no column '{name}'", f"it has {', '.join(table)}")
    return table[name]
