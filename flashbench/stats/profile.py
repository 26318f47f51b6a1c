"""Widths, profiles and efficiencies: one quantity in bins of another.

What to use when: `effective_width` for the core resolution of a response with tails, `profile_moments` for weighted
mean and RMS with errors in bins of a second quantity, `profile_of` for any other statistic there, `efficiency` for a
passed fraction with an interval that is right at 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from flashbench.errors import StatisticsError

FloatArray = NDArray[np.float64]

_CENTRAL = (0.16, 0.5, 0.84)
_CANCELLED = 1e-12  # a sum of weights below this part of the sum of |w| is rounding, not a number


def effective_width(values: ArrayLike) -> float:
    """Half the central 68 % of a sample over its median: σ/μ of a Gaussian response, and insensitive to tails.

    Args:
        values: e.g. pT over generated pT, shape (entries,).

    Raises:
        StatisticsError: fewer than two entries, NaN, or a median of zero.
    """
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 1 or points.size < 2 or not np.isfinite(points).all():
        raise StatisticsError("effective_width", f"needs two or more finite values, got shape {points.shape}")
    low, middle, high = np.quantile(points, _CENTRAL)
    if middle == 0:
        raise StatisticsError("effective_width", "the median is zero")
    return float((high - low) / 2 / abs(middle))


def profile_of(
    x: ArrayLike, y: ArrayLike, edges: ArrayLike, statistic: Callable[[FloatArray], float], least: int = 2
) -> FloatArray:
    """A statistic of y in bins of x.

    Args:
        x, y: shape (entries,); entries outside the edges are left out.
        edges: ascending, shape (bins + 1,); a bin holds its lower edge, the last one both.
        statistic: of the values of y in one bin, shape (entries in the bin,).
        least: entries below which a bin is NaN.

    Returns:
        Shape (bins,).

    Raises:
        StatisticsError: shapes that do not fit, or edges that do not ascend.
    """
    value, place, bins = _placed("profile_of", x, y, edges)
    inside = (value[place == number] for number in range(bins))
    return np.array([statistic(chosen) if chosen.size >= max(least, 1) else np.nan for chosen in inside])


def _placed(where: str, x: ArrayLike, y: ArrayLike, edges: ArrayLike) -> tuple[FloatArray, NDArray[np.intp], int]:
    """Values of y, the bin of each (-1 or the number of bins: none), and the number of bins."""
    position, value = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    bounds = np.asarray(edges, dtype=np.float64)
    if position.ndim != 1 or position.shape != value.shape:
        raise StatisticsError(where, f"x {position.shape} and y {value.shape} do not fit")
    if bounds.ndim != 1 or bounds.size < 2 or not (np.diff(bounds) > 0).all():
        raise StatisticsError(where, "edges must be two or more, ascending")
    place = np.searchsorted(bounds, position, side="right") - 1
    place[position == bounds[-1]] = bounds.size - 2
    return value, place, bounds.size - 1


@dataclass(frozen=True, slots=True)
class Profile:
    """Mean and RMS of one quantity in bins of another; NaN where a bin does not tell. Shape (bins,).

    Attributes:
        mean, mean_errors: weighted mean and its standard error.
        rms, rms_errors: weighted standard deviation and its standard error, by the fourth moment.
        entries: effective number of entries, (Σ w)²/Σ w²; 0 in empty bins.
    """

    mean: FloatArray
    mean_errors: FloatArray
    rms: FloatArray
    rms_errors: FloatArray
    entries: FloatArray


def profile_moments(x: ArrayLike, y: ArrayLike, edges: ArrayLike, weights: ArrayLike | None = None) -> Profile:
    """Weighted mean and RMS of y in bins of x, with errors of independent entries.

    Weights may be negative: a bin whose weights add up to zero or less has neither mean nor RMS, and one with a
    negative variance no RMS.

    Args:
        x, y: shape (entries,); entries outside the edges are left out, and so is NaN in x.
        edges: ascending, shape (bins + 1,); a bin holds its lower edge, the last one both.
        weights: shape (entries,); None for unit weights.

    Raises:
        StatisticsError: shapes that do not fit, edges that do not ascend, or NaN in y or weights within the edges.

    Example:
        >>> profile_moments([0.5, 0.5, 1.5, 1.5], [1.0, 3.0, 4.0, 8.0], [0, 1, 2]).mean.tolist()
        [2.0, 6.0]
    """
    value, place, bins = _placed("profile_moments", x, y, edges)
    mass = np.ones_like(value) if weights is None else np.asarray(weights, dtype=np.float64)
    if mass.shape != value.shape:
        raise StatisticsError("profile_moments", f"weights {mass.shape} for {value.shape} entries")
    inside = (place >= 0) & (place < bins) & ~np.isnan(np.asarray(x, dtype=np.float64))
    value, mass, place = value[inside], mass[inside], place[inside]
    if not (np.isfinite(value).all() and np.isfinite(mass).all()):
        problem = "y or weights hold NaN or infinite values"
        raise StatisticsError("profile_moments", problem, "select the defined entries first")

    def summed(terms: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(place, weights=terms, minlength=bins), dtype=np.float64)

    total, squares = summed(mass), summed(mass**2)
    norm = np.where(total > _CANCELLED * summed(np.abs(mass)), total, np.nan)
    mean = summed(mass * value) / norm
    away = value - mean[place]
    variance = summed(mass * away**2) / norm
    rms = np.sqrt(np.where(variance >= 0, variance, np.nan))
    width = np.where(rms > 0, rms, np.nan)
    return Profile(
        mean,
        np.sqrt(summed((mass * away) ** 2)) / norm,
        rms,
        np.where(rms == 0, 0.0, np.sqrt(summed((mass * (away**2 - variance[place])) ** 2)) / norm / (2 * width)),
        np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0),
    )


@dataclass(frozen=True, slots=True)
class Efficiency:
    """A passed fraction and the ends of its 68.3 % interval; NaN where nothing was tried. Shape of the counts."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


def efficiency(passed: ArrayLike, total: ArrayLike) -> Efficiency:
    """Passed fraction of counts, with the interval that covers in every case.

    Raises:
        StatisticsError: counts that are negative, or more passed than tried.

    References:
        C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404.
    """
    passes, tries = np.asarray(passed, dtype=np.float64), np.asarray(total, dtype=np.float64)
    if passes.shape != tries.shape or (passes < 0).any() or (passes > tries).any():
        raise StatisticsError("efficiency", "counts must fit, and 0 ≤ passed ≤ total")
    tail = (1 - 0.682689492137086) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        value = passes / tries
    low = np.where(passes > 0, stats.beta.ppf(tail, np.maximum(passes, 1), tries - passes + 1), 0.0)
    high = np.where(passes < tries, stats.beta.ppf(1 - tail, passes + 1, np.maximum(tries - passes, 1)), 1.0)
    tried = tries > 0
    return Efficiency(value, np.where(tried, low, np.nan), np.where(tried, high, np.nan))
