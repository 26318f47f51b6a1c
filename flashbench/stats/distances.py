"""How far two weighted samples, or two histograms, are apart.

What to use when: `wasserstein` for a distance in the units of the observable, `kolmogorov_smirnov` for the
largest gap between cumulative distributions, `chi_square` for the agreement of binned contents with their
errors, or with their covariance when the two share generator events (`paired_covariance`),
`triangular_discriminator` for one bounded number of two binned shapes. For vectors of features see `multivariate` and
`classifier`; for what a distance would be between two draws of the same simulation, `nulls`.

Negative weights (NLO generators) are allowed throughout: a cumulative distribution then is not monotonic,
but the integral and the maximum of the difference of two are as well defined as before. The triangular discriminator
refuses bins of negative content.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from flashbench.errors import StatisticsError

FloatArray = NDArray[np.float64]

_CANCELLED = 1e-12  # a sum of weights below this part of the sum of |w| is rounding, not a number
_RANK = 1e-10  # eigenvalues of a correlation matrix below this part of the largest are zero


def _sample(where: str, values: ArrayLike, weights: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    """Values and weights as checked float64 arrays, shape (entries,)."""
    points = np.asarray(values, dtype=np.float64)
    mass = np.ones_like(points) if weights is None else np.asarray(weights, dtype=np.float64)
    if points.ndim != 1 or points.shape != mass.shape:
        raise StatisticsError(where, f"values {points.shape} and weights {mass.shape} do not fit")
    if points.size == 0:
        raise StatisticsError(where, "a sample is empty")
    if not (np.isfinite(points).all() and np.isfinite(mass).all()):
        raise StatisticsError(where, "a sample holds NaN or infinite values", "select the defined values first")
    if abs(mass.sum()) <= _CANCELLED * np.abs(mass).sum():
        raise StatisticsError(where, "the weights of a sample add up to zero")
    return points, mass


def effective_size(weights: ArrayLike) -> float:
    """Number of unit-weight events with the same relative error: (Σ w)² / Σ w²."""
    mass = np.asarray(weights, dtype=np.float64)
    squares = float(np.sum(mass**2))
    if not np.isfinite(squares) or squares == 0:
        raise StatisticsError("effective_size", "weights are empty, NaN or all zero")
    return float(mass.sum()) ** 2 / squares


def cumulative_difference(
    first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Difference of two cumulative distributions, right after each point of either sample.

    Args:
        first, second: values and weights, each shape (entries,).

    Returns:
        The distinct points in ascending order, and U(x) - V(x) at each.
    """
    points = np.concatenate([first[0], second[0]])
    distinct = np.asarray(np.unique(points), dtype=np.float64)
    of_first, of_second = np.split(np.searchsorted(distinct, points), [len(first[0])])
    cumulative: list[FloatArray] = [
        np.cumsum(np.bincount(rows, weights=mass / mass.sum(), minlength=len(distinct)))
        for rows, mass in ((of_first, first[1]), (of_second, second[1]))
    ]
    gap: FloatArray = cumulative[0] - cumulative[1]
    return distinct, gap


def wasserstein(
    first: ArrayLike, second: ArrayLike, first_weights: ArrayLike | None = None, second_weights: ArrayLike | None = None
) -> float:
    """Wasserstein-1 distance ∫ |U - V| dx of two weighted samples, in the units of the values.

    Args:
        first, second: values, shape (entries,); the two may differ in length.
        first_weights, second_weights: weights of either sign, same shapes; None for unit weights.

    Raises:
        StatisticsError: an empty sample, NaN, or weights that add up to zero.

    References:
        L. N. Vaserstein, Probl. Peredachi Inf. 5 (1969) 64; in one dimension S. S. Vallender, Theory Probab.
        Appl. 18 (1974) 784.
    """
    points, gap = cumulative_difference(
        _sample("wasserstein", first, first_weights), _sample("wasserstein", second, second_weights)
    )
    return float(np.sum(np.abs(gap[:-1]) * np.diff(points)))


@dataclass(frozen=True, slots=True)
class KolmogorovSmirnov:
    """Largest gap of two cumulative distributions, and the probability of a larger one by chance."""

    statistic: float
    p_value: float
    effective_size: float


def kolmogorov_smirnov(
    first: ArrayLike, second: ArrayLike, first_weights: ArrayLike | None = None, second_weights: ArrayLike | None = None
) -> KolmogorovSmirnov:
    """Two-sample Kolmogorov-Smirnov test of weighted samples.

    Warning:
        The p-value is exact neither for weighted samples, whose sizes are replaced by (Σ w)²/Σ w² (good when
        weights are positive, spread moderately and independent of the values), nor for samples that share
        generator events, for which it is too large.

    Args:
        first, second: values, shape (entries,).
        first_weights, second_weights: weights, same shapes; None for unit weights.

    Raises:
        StatisticsError: an empty sample, NaN, or weights that add up to zero.

    References:
        N. Smirnov, Ann. Math. Statist. 19 (1948) 279; J. F. Monahan, Numerical Methods of Statistics, CUP
        (weights).
    """
    one = _sample("kolmogorov_smirnov", first, first_weights)
    two = _sample("kolmogorov_smirnov", second, second_weights)
    statistic = float(np.abs(cumulative_difference(one, two)[1]).max())
    sizes = effective_size(one[1]), effective_size(two[1])
    size = sizes[0] * sizes[1] / (sizes[0] + sizes[1])
    p_value = float(stats.kstwo.sf(min(statistic, 1.0), max(round(size), 1)))
    return KolmogorovSmirnov(statistic, min(max(p_value, 0.0), 1.0), size)


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """χ² of a difference, its degrees of freedom, and the probability of a larger one by chance.

    With no degree of freedom (two histograms that cannot differ) χ² is 0, p is 1 and χ²/ndf is NaN.
    """

    statistic: float
    ndf: int
    p_value: float

    @property
    def reduced(self) -> float:
        """χ²/ndf."""
        return self.statistic / self.ndf if self.ndf else float("nan")


def chi_square(first: ArrayLike, second: ArrayLike, covariance: ArrayLike) -> ChiSquare:
    """χ² of the difference of two histograms.

    Directions without variance (empty bins; a total that cannot change) carry no degree of freedom.

    Args:
        first, second: bin contents in the same normalisation, shape (bins,).
        covariance: of first - second: variances, shape (bins,), for independent bins (the sum of the two
            histograms' variances when these are independent), or the full matrix, shape (bins, bins), see
            `paired_covariance`.

    Raises:
        StatisticsError: no bins, NaN, a covariance that is not one, or a difference where there is no
            variance.

    References:
        N. D. Gagunashvili, Nucl. Instrum. Meth. A 614 (2010) 287 (weighted histograms).
    """
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    matrix = np.asarray(covariance, dtype=np.float64)
    if difference.ndim != 1 or difference.size == 0 or matrix.shape not in {(difference.size,), (difference.size,) * 2}:
        raise StatisticsError("chi_square", f"contents {difference.shape} and covariance {matrix.shape} do not fit")
    if not (np.isfinite(difference).all() and np.isfinite(matrix).all()):
        raise StatisticsError("chi_square", "contents or covariance hold NaN or infinite values")
    variances = matrix if matrix.ndim == 1 else np.diagonal(matrix)
    if (variances < 0).any():
        raise StatisticsError("chi_square", "a variance is negative")
    used = variances > 0
    if difference[~used].any():
        raise StatisticsError(
            "chi_square", "a difference in a bin without variance", "merge that bin with its neighbour"
        )
    if not used.any():
        return ChiSquare(0.0, 0, 1.0)
    pulls = difference[used] / np.sqrt(variances[used])
    if matrix.ndim == 1:
        statistic, ndf = float(pulls @ pulls), int(used.sum())
    else:
        widths = np.sqrt(variances[used])
        statistic, ndf = _correlated(pulls, matrix[np.ix_(used, used)] / np.outer(widths, widths))
    return ChiSquare(statistic, ndf, float(stats.chi2.sf(statistic, ndf)))


def _correlated(pulls: FloatArray, correlation: FloatArray) -> tuple[float, int]:
    """χ² and its degrees of freedom from pulls and their correlation matrix, which may be singular."""
    size, axes = np.linalg.eigh((correlation + correlation.T) / 2)
    if not np.allclose(correlation, correlation.T) or size[0] < -1e-6 * size[-1]:
        raise StatisticsError("chi_square", "the covariance is not symmetric and positive semi-definite")
    free = size > _RANK * size[-1]
    components = axes.T @ pulls
    if np.abs(components[~free]).max(initial=0.0) > 1e-4 * max(1.0, float(np.abs(pulls).max())):
        raise StatisticsError("chi_square", "the difference has a part to which its covariance gives no variance")
    return float(np.sum(components[free] ** 2 / size[free])), int(free.sum())


def paired_covariance(first: Any, second: Any) -> FloatArray:
    """Covariance of the difference of two histograms of the same generator events.

    cov_ij = Σ_ev (a_i - b_i)(a_j - b_j), with a, b what the event adds to each bin of either histogram: the
    limit of infinitely many replicas of the Poisson bootstrap. An event in the same bin of both adds nothing.

    Args:
        first, second: contributions of each event to each bin, shape (bins, events), dense or sparse (see
            `bootstrap.contributions`).

    Returns:
        Shape (bins, bins). Covariances of disjoint sets of events add.
    """
    if first.shape != second.shape:
        raise StatisticsError("paired_covariance", f"contributions {first.shape} and {second.shape} do not fit")
    difference = first - second
    product = difference @ difference.T
    return np.asarray(product.toarray() if hasattr(product, "toarray") else product, dtype=np.float64)


def triangular_discriminator(first: ArrayLike, second: ArrayLike) -> float:
    """Triangular discriminator ½ Σ (p - q)² / (p + q) of two binned shapes, each scaled to one: 0 equal, 1 disjoint.

    It is biased upwards by fluctuations: compare it with its null.

    Args:
        first, second: bin contents, not negative, any shape; bins empty in both count nothing.

    Raises:
        StatisticsError: shapes that do not fit, NaN, an empty histogram or a negative bin.

    References:
        F. Topsoe, IEEE Trans. Inf. Theory 46 (2000) 1602; as separation power, A. Hoecker et al., TMVA,
        arXiv:physics/0703039.
    """
    shapes = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if shapes[0].shape != shapes[1].shape:
        raise StatisticsError("triangular_discriminator", f"shapes {shapes[0].shape}, {shapes[1].shape} do not fit")
    for each in shapes:
        if not np.isfinite(each).all():
            raise StatisticsError("triangular_discriminator", "contents hold NaN or infinite values")
        if (each < 0).any():
            raise StatisticsError("triangular_discriminator", "a bin is negative", "use wider bins, or chi_square")
        if not each.sum() > 0:
            raise StatisticsError("triangular_discriminator", "a histogram is empty")
    one, two = (each / each.sum() for each in shapes)
    total = one + two
    return float(np.sum((one - two) ** 2 / np.where(total > 0, total, 1.0)) / 2)
