"""Correlation matrices of weighted samples, and how two of them differ.

What to use when: `correlation_matrix` for one simulator, Spearman for anything that is not Gaussian (discriminators,
tails), Pearson for linear relations; `correlation_difference` for two simulators of the same objects or events, with
errors that know what they share; `matrix_distance` for one number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flashbench.errors import StatisticsError
from flashbench.stats.bootstrap import poisson_weights
from flashbench.stats.multivariate import feature_sample

FloatArray = NDArray[np.float64]

REPLICAS = 100
"""Replicas by default: errors known to 7 %."""


class Correlation(StrEnum):
    """Coefficient: of the values, or of their ranks."""

    PEARSON = "pearson"
    SPEARMAN = "spearman"


def correlation_matrix(
    values: ArrayLike, weights: ArrayLike | None = None, kind: Correlation = Correlation.PEARSON
) -> FloatArray:
    """Weighted correlation matrix; NaN for a feature that is constant.

    Args:
        values: shape (rows, features).
        weights: shape (rows,); None for unit weights. Negative ones are allowed for Pearson as long as variances stay
            positive, and refused for Spearman: ranks need a cumulative distribution that ascends.

    Returns:
        Shape (features, features).

    Raises:
        StatisticsError: fewer than two rows, NaN, or negative weights as above.

    References:
        C. Spearman, Am. J. Psychol. 15 (1904) 72; weighted ranks are the cumulative distribution, ties at the middle.
    """
    points, mass = feature_sample("correlation_matrix", values, weights)
    return _matrix(points, mass, kind, None if kind is Correlation.PEARSON else _Ranks.of(points))


@dataclass(frozen=True, slots=True)
class _Ranks:
    """Order of each feature, and the number of the distinct value of each row in it; each shape (rows, features)."""

    order: NDArray[np.intp]
    distinct: NDArray[np.intp]

    @classmethod
    def of(cls, points: FloatArray) -> _Ranks:
        """Ranks of columns of points, shape (points, columns)."""
        order = np.argsort(points, axis=0, kind="stable")
        ordered = np.take_along_axis(points, order, axis=0)
        rises = np.concatenate([np.zeros((1, points.shape[1]), dtype=np.intp), ordered[1:] != ordered[:-1]])
        distinct = np.empty_like(order)
        np.put_along_axis(distinct, order, np.cumsum(rises, axis=0), axis=0)
        return cls(order, distinct)

    def ranks(self, mass: FloatArray) -> FloatArray:
        """Cumulative distribution in the middle of the step at each row, shape (rows, features)."""
        found = np.empty(self.distinct.shape)
        for number, distinct in enumerate(self.distinct.T):
            step = np.bincount(distinct, weights=mass)
            found[:, number] = (np.cumsum(step) - step / 2)[distinct]
        return found


def _matrix(points: FloatArray, mass: FloatArray, kind: Correlation, ranks: _Ranks | None) -> FloatArray:
    if ranks is not None:
        if (mass < 0).any():
            raise StatisticsError("correlation_matrix", f"negative weights with {kind}", "use Pearson's")
        points = ranks.ranks(mass)
    share = mass / mass.sum()
    away = points - share @ points
    covariance = (away * share[:, np.newaxis]).T @ away
    variance = np.diagonal(covariance)
    floor = 1e-24 * (share @ points**2)
    if (variance < -floor).any():
        raise StatisticsError("correlation_matrix", "negative weights leave a negative variance")
    width = np.sqrt(np.where(variance > floor, variance, np.nan))
    matrix = covariance / np.outer(width, width)
    np.fill_diagonal(matrix, np.where(np.isnan(width), np.nan, 1.0))
    return np.asarray(np.clip(matrix, -1.0, 1.0), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class CorrelationDifference:
    """Difference of two correlation matrices, first - second, and its errors; each shape (features, features)."""

    first: FloatArray
    second: FloatArray
    difference: FloatArray
    errors: FloatArray

    @property
    def distance(self) -> float:
        """Root mean square difference of the coefficients, see `matrix_distance`."""
        return matrix_distance(self.first, self.second)


def correlation_difference(
    first: ArrayLike,
    second: ArrayLike,
    first_keys: ArrayLike,
    second_keys: ArrayLike,
    *,
    first_weights: ArrayLike | None = None,
    second_weights: ArrayLike | None = None,
    kind: Correlation = Correlation.PEARSON,
    replicas: int = REPLICAS,
) -> CorrelationDifference:
    """Difference of the correlations of two samples, with errors from replicas that common events share.

    Args:
        first, second: shape (rows, features); the two may differ in rows.
        first_keys, second_keys: of the generator event of each row (see `bootstrap.event_keys`), shape (rows,). An
            event has the same weight in a replica of either sample and in all its rows.
        first_weights, second_weights: shape (rows,); None for unit weights.

    Raises:
        StatisticsError: see `correlation_matrix`; other features, keys that do not fit, or fewer than two replicas.
    """
    where = "correlation_difference"
    given = ((first, first_weights, first_keys), (second, second_weights, second_keys))
    samples = [(*feature_sample(where, *each[:2]), np.asarray(each[2], dtype=np.uint64)) for each in given]
    if samples[0][0].shape[1] != samples[1][0].shape[1]:
        raise StatisticsError(where, f"{samples[0][0].shape[1]} and {samples[1][0].shape[1]} features")
    if any(keys.shape != mass.shape for _, mass, keys in samples) or replicas < 2:
        raise StatisticsError(where, "keys do not fit the rows, or fewer than two replicas")
    ranks = [None if kind is Correlation.PEARSON else _Ranks.of(points) for points, _, _ in samples]
    nominal = [_matrix(points, mass, kind, rank) for (points, mass, _), rank in zip(samples, ranks, strict=True)]
    spread = np.empty((replicas, *nominal[0].shape))
    for replica in range(replicas):
        one, two = (
            _matrix(points, mass * poisson_weights(keys, replica, replica + 1)[:, 0], kind, rank)
            for (points, mass, keys), rank in zip(samples, ranks, strict=True)
        )
        spread[replica] = one - two
    return CorrelationDifference(nominal[0], nominal[1], nominal[0] - nominal[1], spread.std(axis=0, ddof=1))


def matrix_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Root mean square difference of two correlation matrices off the diagonal; undefined coefficients count nothing.

    Raises:
        StatisticsError: shapes that do not fit, or no coefficient that both define.
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 2 or one.shape[0] != one.shape[1]:
        raise StatisticsError("matrix_distance", f"matrices {one.shape} and {two.shape} do not fit")
    away = (one - two)[np.triu_indices(len(one), 1)]
    away = away[~np.isnan(away)]
    if not away.size:
        raise StatisticsError("matrix_distance", "no coefficient is defined in both")
    return float(np.sqrt(np.mean(away**2)))
