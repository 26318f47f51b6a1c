"""How well a score tells signal from background: the curve, its area and the area's error.

What to use when: `roc_area` for one number with its error, `roc_curve` for the figure.

Weights must not be negative: with them the efficiencies are not monotonic in the cut, and neither curve nor area is one
of a classifier. Cancel or drop such events first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flashbench.errors import StatisticsError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Efficiencies of the cuts score ≥ threshold, from the tightest, where nothing passes, to the loosest.

    Attributes:
        thresholds: +∞, then the distinct scores in descending order; shape (cuts,).
        signal, background: fraction that passes each, shape (cuts,).
    """

    thresholds: FloatArray
    signal: FloatArray
    background: FloatArray

    @property
    def area(self) -> float:
        """Area under signal against background efficiency, by trapezoids: ties count one half."""
        return float(np.trapezoid(self.signal, self.background))

    def background_at(self, signal_efficiency: float) -> float:
        """Background efficiency at a signal efficiency: of the tightest cut, between two cuts by a straight line."""
        if not 0 <= signal_efficiency <= 1:
            raise StatisticsError("roc", f"{signal_efficiency} is not an efficiency")
        after = min(int(np.searchsorted(self.signal, signal_efficiency)), len(self.signal) - 1)
        span = slice(max(after - 1, 0), after + 1)
        return float(np.interp(signal_efficiency, self.signal[span], self.background[span]))


@dataclass(frozen=True, slots=True)
class RocArea:
    """Probability that a signal entry scores above a background entry, and its standard error; NaN from one entry."""

    value: float
    error: float


def _scores(name: str, scores: ArrayLike, weights: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    """Scores and weights that add up to one, sorted by score; shape (entries,)."""
    points = np.asarray(scores, dtype=np.float64)
    mass = np.ones_like(points) if weights is None else np.asarray(weights, dtype=np.float64)
    if points.ndim != 1 or points.shape != mass.shape:
        raise StatisticsError("roc", f"{name} scores {points.shape} and weights {mass.shape} do not fit")
    if np.isnan(points).any() or not np.isfinite(mass).all():
        raise StatisticsError("roc", f"{name} scores or weights hold NaN", "select the defined scores first")
    if (mass < 0).any():
        raise StatisticsError("roc", f"{name} has negative weights", "a curve needs weights that are not negative")
    if not mass.sum() > 0:
        raise StatisticsError("roc", f"no {name}")
    order = np.argsort(points, kind="stable")
    return points[order], mass[order] / mass.sum()


def roc_curve(
    signal: ArrayLike,
    background: ArrayLike,
    signal_weights: ArrayLike | None = None,
    background_weights: ArrayLike | None = None,
) -> RocCurve:
    """Signal and background efficiency of every cut on a score.

    Args:
        signal, background: scores, shape (entries,); ±∞ is a score, NaN is not.
        signal_weights, background_weights: not negative, same shapes; None for unit weights.

    Raises:
        StatisticsError: no signal or background, NaN, or a negative weight.
    """
    samples = _scores("signal", signal, signal_weights), _scores("background", background, background_weights)
    cuts = np.unique(np.concatenate([points for points, _ in samples]))[::-1]
    passed = [np.append(0.0, 1 - _below(points, mass, cuts)) for points, mass in samples]
    return RocCurve(np.append(np.inf, cuts), passed[0], passed[1])


def _below(points: FloatArray, mass: FloatArray, cuts: FloatArray, *, inclusive: bool = False) -> FloatArray:
    """Fraction of a sorted sample below each cut (or up to it, if inclusive), shape (cuts,)."""
    cumulative = np.append(0.0, np.cumsum(mass))
    return np.asarray(cumulative[np.searchsorted(points, cuts, side="right" if inclusive else "left")])


def roc_area(
    signal: ArrayLike,
    background: ArrayLike,
    signal_weights: ArrayLike | None = None,
    background_weights: ArrayLike | None = None,
) -> RocArea:
    """Area under the ROC curve, Mann and Whitney's U over the number of pairs, with DeLong's error.

    Warning:
        The error takes entries as independent; jets of one event are not quite. Use a bootstrap over events there.

    Args:
        signal, background: scores, shape (entries,).
        signal_weights, background_weights: not negative, same shapes; None for unit weights.

    Raises:
        StatisticsError: no signal or background, NaN, or a negative weight.

    References:
        E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837; X. Sun, W. Xu, IEEE Signal Process.
        Lett. 21 (2014) 1389 (by ranks).
    """
    one, two = _scores("signal", signal, signal_weights), _scores("background", background, background_weights)
    beaten = (_below(*two, one[0]) + _below(*two, one[0], inclusive=True)) / 2
    beating = 1 - (_below(*one, two[0]) + _below(*one, two[0], inclusive=True)) / 2
    area = float(one[1] @ beaten)
    variance = sum(_variance(part, mass, area) for part, mass in ((beaten, one[1]), (beating, two[1])))
    return RocArea(min(max(area, 0.0), 1.0), float(np.sqrt(variance)))


def _variance(parts: FloatArray, mass: FloatArray, area: float) -> float:
    """Variance of a weighted mean; NaN for a single entry."""
    used = np.count_nonzero(mass)
    correction = used / (used - 1) if used > 1 else np.nan
    return float(np.sum((mass * (parts - area)) ** 2) * correction)
