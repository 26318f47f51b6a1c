"""What the numbers of a comparison are by chance: their nulls, and the significance of what was found.

Distances have two nulls. *Exchanged*: in each generator event full simulation changes places at random with the
simulator, or with one of its folds; the p-value is against this one, and is exact. *Halves*: the distance between
random halves of the reference, the scale of what this many events resolve without sharing any.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from flashbench.stats import ChiSquare, Null

FloatArray = NDArray[np.float64]
Statistic = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]

_SMALLEST, _LARGEST = 5e-324, 1 - 2**-53  # p-values that have a finite significance


@dataclass(frozen=True, slots=True)
class Chance:
    """What a number is if the simulator is as the reference.

    Attributes:
        mean, spread: expectation and standard deviation.
        p_value: probability of a number as far off.
        significance: the p-value in standard deviations of a Gaussian, one-sided.
        resolved: False where no replica is as far off, so that the p-value is smaller and the significance larger.
        halves: mean of the number between independent halves of the reference; None where it is not measured so.
    """

    mean: float
    spread: float
    p_value: float
    resolved: bool = True
    halves: float | None = None
    significance: float = field(init=False)

    def __post_init__(self) -> None:
        bounded = min(max(self.p_value, _SMALLEST), _LARGEST)
        object.__setattr__(self, "significance", float(stats.norm.isf(bounded)))


@dataclass(frozen=True, slots=True)
class Cells:
    """Contents of the cells of a plot, seen and by chance; arrays of shape (cells,) and (replicas, cells).

    Attributes:
        edges: upper edges of the cells.
        seen: of simulator and reference.
        exchanged: of both, where events have changed places; None where the reference has folds.
        halves: of either half of the reference; None without two events.
    """

    edges: FloatArray
    seen: tuple[FloatArray, FloatArray]
    exchanged: tuple[FloatArray, FloatArray] | None
    halves: tuple[FloatArray, FloatArray] | None


def chance_of(statistic: Statistic, cells: Cells) -> Chance | None:
    """A statistic of cumulative distributions beside its nulls; None where they are not defined.

    Args:
        statistic: of two sets of contents, each of shape (replicas, cells), and the edges; NaN where undefined.
    """
    if cells.exchanged is None:
        return None
    seen = float(statistic(cells.seen[0][np.newaxis], cells.seen[1][np.newaxis], cells.edges)[0])
    replicas = statistic(*cells.exchanged, cells.edges)
    defined = replicas[np.isfinite(replicas)]
    if not math.isfinite(seen) or defined.size < max(2, replicas.size / 2):
        return None
    null = Null(seen, _without_rounding(defined, seen))
    halves = None if cells.halves is None else statistic(*cells.halves, cells.edges)
    mean = float(np.nanmean(halves)) if halves is not None and np.isfinite(halves).any() else None
    return Chance(null.mean, null.deviation, null.p_value, bool((null.replicas >= seen).any()), mean)


def _without_rounding(replicas: FloatArray, seen: float) -> FloatArray:
    """Replicas, those equal to what was seen but for rounding made equal: an exchange may change nothing."""
    return np.where(np.isclose(replicas, seen, rtol=1e-9, atol=1e-12), seen, replicas)


def gaps(first: FloatArray, second: FloatArray) -> FloatArray:
    """Difference of the cumulative distributions after each cell; NaN in replicas without weight. Shape of both."""
    shares = []
    for contents in (first, second):
        total = contents.sum(axis=-1, keepdims=True)
        positive = total > 1e-12 * np.abs(contents).sum(axis=-1, keepdims=True)
        shares.append(np.cumsum(contents, axis=-1) / np.where(positive, total, np.nan))
    return np.asarray(shares[0] - shares[1])


def cell_wasserstein(first: FloatArray, second: FloatArray, edges: FloatArray) -> FloatArray:
    """Wasserstein-1 distance of contents, values taken at the upper edge of their cell; shape (replicas,)."""
    return np.asarray(np.abs(gaps(first, second)[:, :-1]) @ np.diff(edges))


def cell_ks(first: FloatArray, second: FloatArray, _: FloatArray) -> FloatArray:
    """Largest gap of the cumulative distributions at the edges of cells, shape (replicas,)."""
    return np.asarray(np.abs(gaps(first, second)).max(axis=1))


def chance_of_chi_square(found: ChiSquare) -> Chance | None:
    """χ²/ndf by chance; None without a degree of freedom."""
    return Chance(1.0, math.sqrt(2 / found.ndf), found.p_value) if found.ndf else None


def chance_of_ratio(value: float, error: float) -> Chance | None:
    """A ratio by chance: one, and as far off on either side; None where its error is unknown or zero."""
    if not (math.isfinite(value) and error > 0):
        return None
    return Chance(1.0, error, float(2 * stats.norm.sf(abs(value - 1) / error)))
