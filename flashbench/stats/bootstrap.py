"""Bootstrap over generator events, the same in every simulator, block and machine.

What to use when: `event_keys` once a sample, then `bootstrap_sums` for the replicas of any histogram of it,
then
`paired_ratio` for two simulators of the same generator events (bin by bin, or of two yields).

Two simulators that read the same generator events are correlated, so that independent errors on their ratio
are too large. Here the Poisson(1) weight of an event in a replica is a pure function of (run,
luminosityBlock, event, replica): both simulators see the same replica of the sample, and their ratio its
own, smaller, spread.

References:
    B. Efron, Ann. Statist. 7 (1979) 1 (the bootstrap).
    ATLAS, ATL-PHYS-PUB-2021-011 (Poisson weights from the identity of the event).
    G. Steele, D. Lea, C. Flood, OOPSLA 2014, p. 453 (SplitMix64).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.stats import poisson

from flashbench.errors import StatisticsError

FloatArray = NDArray[np.float64]
KeyArray = NDArray[np.uint64]

REPLICAS = 500
"""Replicas by default: an error known to 1/sqrt(2 · 500) = 3 %."""

_GOLDEN = 0x9E3779B97F4A7C15
_CELLS_AT_ONCE = 1 << 21  # (event, replica) cells held in memory: 16 MiB of hashes


def _mix(state: KeyArray) -> KeyArray:
    """Scramble 64-bit states in place by the output function of SplitMix64."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state ^= state >> np.uint64(shift)
        state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    return state


def splitmix64(keys: KeyArray, first: int, last: int) -> KeyArray:
    """Outputs number `first` up to `last` (excluded) of the SplitMix64 generators seeded with `keys`.

    Args:
        keys: seeds, shape (events,).

    Returns:
        64-bit integers, shape (events, last - first).
    """
    steps = np.arange(first + 1, last + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    return _mix(np.asarray(keys, dtype=np.uint64)[:, np.newaxis] + steps)


def event_keys(run: ArrayLike, luminosity_block: ArrayLike, event: ArrayLike) -> KeyArray:
    """One 64-bit key for each generator event, from its identity alone.

    Args:
        run, luminosity_block, event: the identity of the events, integers, shape (events,).

    Returns:
        Keys, shape (events,). Two of a million events share a key with a probability of 3e-8.
    """
    key = np.zeros(np.shape(event), dtype=np.uint64)
    for part in (run, luminosity_block, event):
        key += np.asarray(part).astype(np.uint64)
        key += np.uint64(_GOLDEN)
        key = _mix(key)
    return key


def _poisson_thresholds() -> NDArray[np.uint32]:
    """Values of a 32-bit uniform number at which the Poisson(1) count goes up by one."""
    cumulative: FloatArray = np.round(poisson.cdf(np.arange(16), 1.0) * 2.0**32)
    return cumulative[cumulative < 2.0**32].astype(np.uint32)


def poisson_weights(keys: KeyArray, first: int, last: int) -> NDArray[np.uint8]:
    """Poisson(1) weights of events in the replicas `first` up to `last` (excluded).

    A weight depends on the key of its event and the number of its replica only: not on the other events, on
    their order, or on how many replicas are asked for.

    Args:
        keys: from `event_keys`, shape (events,).

    Returns:
        Weights, shape (events, last - first).
    """
    if not 0 <= first < last:
        raise StatisticsError("poisson_weights", f"replicas {first} to {last} are an empty range")
    words = splitmix64(keys, first // 2, (last + 1) // 2)
    # Each 64-bit word serves two replicas, the lower half first whatever the byte order of the machine.
    uniform = words.astype("<u8", copy=False).view("<u4")
    uniform = uniform[:, first % 2 : first % 2 + last - first]
    weights = np.zeros(uniform.shape, dtype=np.uint8)
    for threshold in _poisson_thresholds():
        weights += uniform >= threshold
    return weights


def contributions(events: ArrayLike, bins: ArrayLike, weights: ArrayLike, shape: tuple[int, int]) -> Any:
    """What each generator event adds to each bin: a sparse matrix, shape `shape` = (bins, events).

    Entries of one event in one bin (folds) are added up, so that they count as the one event they are.

    Args:
        events, bins, weights: index of the event, index of the bin, weight; shape (entries,).
    """
    return sparse.csr_array((np.asarray(weights, dtype=np.float64), (bins, events)), shape=shape)


def bootstrap_sums(keys: KeyArray, content: Any, replicas: int = REPLICAS) -> FloatArray:
    """Bin contents in each replica: the Poisson weights as a matrix product onto the bins.

    Constant memory beside `content`: events are taken in chunks. Sums of disjoint sets of events add.

    Args:
        keys: from `event_keys`, shape (events,).
        content: weight of each event in each bin, shape (bins, events), dense or sparse (see
            `contributions`).
        replicas: number of replicas.

    Returns:
        Sums of weights, shape (replicas, bins).

    Raises:
        StatisticsError: NaN or infinite weights, or shapes that do not fit.
    """
    if content.ndim != 2 or content.shape[1] != len(keys):
        raise StatisticsError("bootstrap_sums", f"{len(keys)} events, but contributions of shape {content.shape}")
    by_event = sparse.csc_array(content)
    if not np.isfinite(by_event.data).all():
        raise StatisticsError("bootstrap_sums", "weights hold NaN or infinite values", "remove those events first")
    sums = np.zeros((by_event.shape[0], replicas))
    step = max(1, _CELLS_AT_ONCE // replicas)
    for start in range(0, len(keys), step):
        chunk = by_event[:, start : start + step]
        if chunk.nnz:
            touched = np.flatnonzero(np.diff(chunk.indptr))
            weights = poisson_weights(keys[start : start + step][touched], 0, replicas)
            sums += chunk[:, touched] @ weights.astype(np.float64)
    return sums.T


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio and its standard error; NaN where the denominator is zero. Any shape."""

    value: FloatArray
    error: FloatArray


def paired_ratio(
    numerator: ArrayLike, denominator: ArrayLike, numerator_replicas: ArrayLike, denominator_replicas: ArrayLike
) -> Ratio:
    """Ratio of two sums over the same generator events, with its error from their common replicas.

    The error is the spread over replicas of (n_k - r d_k) / d, the ratio to first order around r = n/d:
    unlike the spread of n_k/d_k it stays finite when a replica empties the denominator.
    Where the numerator has no entries at all the bootstrap knows no error either, and it is NaN.

    Args:
        numerator, denominator: nominal sums of weights, shape (...), for instance (bins,), or () for a yield.
        numerator_replicas, denominator_replicas: the same in each replica, shape (replicas, ...).

    Raises:
        StatisticsError: fewer than two replicas, shapes that do not fit, NaN, or a denominator that is zero
            throughout.
    """
    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    tops = np.asarray(numerator_replicas, dtype=np.float64)
    bottoms = np.asarray(denominator_replicas, dtype=np.float64)
    if tops.shape != bottoms.shape or tops.shape[1:] != top.shape or top.shape != bottom.shape or len(tops) < 2:
        shapes = f"{top.shape}/{bottom.shape} with replicas {tops.shape}/{bottoms.shape}"
        raise StatisticsError("paired_ratio", f"shapes do not fit: {shapes}", "want (...) and (replicas, ...)")
    if not all(np.isfinite(each).all() for each in (top, bottom, tops, bottoms)):
        raise StatisticsError("paired_ratio", "sums hold NaN or infinite values")
    defined = bottom != 0
    if not defined.any():
        raise StatisticsError("paired_ratio", "the denominator is zero everywhere")
    safe = np.where(defined, bottom, 1.0)
    value = np.where(defined, top / safe, np.nan)
    error = np.std(tops - np.where(defined, value, 0.0) * bottoms, axis=0, ddof=1) / np.abs(safe)
    known = defined & np.any(tops != 0, axis=0)
    return Ratio(value, np.where(known, error, np.nan))
