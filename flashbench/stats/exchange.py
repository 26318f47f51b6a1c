"""Binned contents without a difference: full simulation exchanged with the simulator event by event, or halved.

What to use when: `exchange_sums` and `halves_sums` for the nulls of many statistics of bin contents at once, of large
samples; `nulls.paired_null` and `nulls.halves_null`, which these equal draw by draw, for any other distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from flashbench.errors import StatisticsError
from flashbench.stats.nulls import REPLICAS

FloatArray = NDArray[np.float64]

_REPLICAS_AT_ONCE = 16


def exchange_sums(
    first: ArrayLike, full: ArrayLike, weights: ArrayLike, cells: int, *, replicas: int = REPLICAS, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Contents of the cells where full simulation has changed places with the simulator, or with one of its folds.

    If the simulator responds to a generator event as full simulation does, replicas and the contents seen are of one
    distribution: the p-value of any function of the two contents is then exact.

    Args:
        first: cell of each event and fold of the simulator, `cells` where in none; shape (events, folds).
        full: the same of full simulation, one fold, of the same events; shape (events,).
        weights: of the generator events, of either sign; shape (events,).
        cells: number of cells.

    Returns:
        Contents of the simulator, a fold carrying its share of the weight, and of full simulation; each of shape
        (replicas, cells).

    Raises:
        StatisticsError: shapes that do not fit, cells out of range, weights that are not finite, or no replicas.

    Example:
        >>> simulator, reference = exchange_sums([[0], [1]], [1, 1], [1.0, 1.0], 2, replicas=50)
        >>> sorted(set(map(tuple, simulator.tolist())))  # the first event is at 0 in one of the two
        [(0.0, 2.0), (1.0, 1.0)]
    """
    one, other, mass = np.asarray(first), np.asarray(full), np.asarray(weights, dtype=np.float64)
    if one.ndim != 2 or not one.shape[1] or not other.shape == mass.shape == one.shape[:1]:
        raise StatisticsError("exchange", f"cells {one.shape}, {other.shape} and weights {mass.shape} do not fit")
    if any(each.size and not 0 <= each.min() <= each.max() <= cells for each in (one, other)):
        raise StatisticsError("exchange", f"cells out of range: {cells} were declared")
    if replicas < 2 or not np.isfinite(mass).all():
        raise StatisticsError("exchange", "weights hold NaN or infinite values, or fewer than two replicas")
    events, folds = one.shape
    seen = (
        np.bincount(one.ravel(), weights=np.repeat(mass / folds, folds), minlength=cells + 1),
        np.bincount(other, weights=mass, minlength=cells + 1),
    )
    touched = np.flatnonzero((one < cells).any(axis=1) | (other < cells))
    rng = np.random.default_rng(seed)
    moved = np.empty((replicas, cells + 1))
    for replica in range(replicas):
        fold = rng.integers(0, folds + 1, events)[touched] - 1  # the one that takes the place of full; -1: none
        rows, fold = touched[fold >= 0], fold[fold >= 0]
        enters = np.bincount(one[rows, fold], weights=mass[rows], minlength=cells + 1)
        moved[replica] = enters - np.bincount(other[rows], weights=mass[rows], minlength=cells + 1)
    return (seen[0] - moved / folds)[:, :cells], (seen[1] + moved)[:, :cells]


def halves_sums(content: Any, *, replicas: int = REPLICAS, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Contents of the cells in random halves of the events.

    Args:
        content: what each event adds to each cell, shape (cells, events), dense or sparse (see
            `bootstrap.contributions`).

    Returns:
        Contents of either half, each of shape (replicas, cells).

    Raises:
        StatisticsError: fewer than two events or replicas, or contents that are not finite.

    Example:
        >>> one, two = halves_sums([[1.0, 1.0, 1.0, 1.0]], replicas=3)
        >>> one.tolist(), two.tolist()
        ([[2.0], [2.0], [2.0]], [[2.0], [2.0], [2.0]])
    """
    by_event = sparse.csc_array(content)
    events = by_event.shape[1]
    if events < 2 or replicas < 2:
        raise StatisticsError("halves", f"{events} events and {replicas} replicas", "two or more are needed")
    if not np.isfinite(by_event.data).all():
        raise StatisticsError("halves", "contents hold NaN or infinite values", "remove those events first")
    touched = np.flatnonzero(np.diff(by_event.indptr))
    used, total = by_event[:, touched], np.asarray(by_event.sum(axis=1), dtype=np.float64)
    rng = np.random.default_rng(seed)
    first = np.empty((replicas, by_event.shape[0]))
    for start in range(0, replicas, _REPLICAS_AT_ONCE):
        rows = range(start, min(start + _REPLICAS_AT_ONCE, replicas))
        chosen = np.stack([(rng.permutation(events) < events // 2)[touched] for _ in rows], axis=1)
        first[rows.start : rows.stop] = (used @ chosen.astype(np.float64)).T
    return first, total - first
