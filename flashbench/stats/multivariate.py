"""Distances between samples of vectors of features: energy, Fréchet and kernel.

What to use when: `energy_distance` for any difference, without tuning; `kernel_distance` for the most sensitive one
to moments up to the fourth, unbiased; `frechet_distance` for means and covariances only, extrapolated to infinite
samples. All take features of different units: the latter two scale each to the spread of the reference, for the
energy distance use `standardise` first. Their significance is to be had from `nulls`.

Negative weights are allowed, as all three are integrals of products of two densities, except where they leave a
variance or covariance that is not one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flashbench.errors import StatisticsError

FloatArray = NDArray[np.float64]

_PAIRS_AT_ONCE = 1 << 20  # pairs of rows held in memory: 8 MiB
_DIVISIONS = (1, 2, 3, 4)  # parts into which a sample is cut to see how a distance depends on its size
_BLOCKS = 10  # of the jackknife


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance and its standard error, as far as the sample itself tells it."""

    value: float
    error: float


def feature_sample(
    where: str, features: ArrayLike, weights: ArrayLike | None, least: int = 2
) -> tuple[FloatArray, FloatArray]:
    """Checked features, shape (rows, features), and weights that add up to one, shape (rows,).

    Raises:
        StatisticsError: shapes that do not fit, too few rows, NaN, or weights that add up to nothing.
    """
    points = np.asarray(features, dtype=np.float64)
    points = points[:, np.newaxis] if points.ndim == 1 else points
    mass = np.ones(len(points)) if weights is None else np.asarray(weights, dtype=np.float64)
    if points.ndim != 2 or mass.shape != (len(points),):
        raise StatisticsError(where, f"features {points.shape} and weights {mass.shape} do not fit")
    if len(points) < least or not points.shape[1]:
        raise StatisticsError(where, f"{points.shape} rows and features are too few", f"{least} rows are needed")
    if not (np.isfinite(points).all() and np.isfinite(mass).all()):
        raise StatisticsError(where, "a sample holds NaN or infinite values", "select the defined rows first")
    if not abs(mass.sum()) > 1e-12 * np.abs(mass).sum():
        raise StatisticsError(where, "the weights of a sample add up to zero")
    return points, mass / mass.sum()


def standardise(
    first: ArrayLike, reference: ArrayLike, reference_weights: ArrayLike | None = None
) -> tuple[FloatArray, FloatArray]:
    """Both samples in units of mean and standard deviation of the reference; features that are constant there stay.

    Raises:
        StatisticsError: bad samples, different features, or negative weights that leave a negative variance.
    """
    (one, _), (two, mass) = (
        feature_sample("standardise", features, weights)
        for features, weights in ((first, None), (reference, reference_weights))
    )
    if one.shape[1] != two.shape[1]:
        raise StatisticsError("standardise", f"{one.shape[1]} and {two.shape[1]} features")
    middle = mass @ two
    variance = mass @ (two - middle) ** 2
    if (variance < 0).any():
        raise StatisticsError("standardise", "negative weights leave a negative variance")
    width = np.where(variance > 0, np.sqrt(variance), 1.0)
    return (one - middle) / width, (two - middle) / width


def energy_distance(
    first: ArrayLike, second: ArrayLike, first_weights: ArrayLike | None = None, second_weights: ArrayLike | None = None
) -> float:
    """Energy distance √(2 E|X - Y| - E|X - X'| - E|Y - Y'|), in the units of the features; 0 only if equal.

    Time grows with the square of the rows: 1e4 rows of 10 features take seconds.

    Args:
        first, second: shape (rows, features), or (rows,) for one feature; the two may differ in rows.
        first_weights, second_weights: of either sign, shape (rows,); None for unit weights.

    Raises:
        StatisticsError: no rows, NaN, other features, or weights that add up to zero.

    References:
        G. J. Székely, M. L. Rizzo, J. Stat. Plan. Inference 143 (2013) 1249.
    """
    where = "energy_distance"
    one, mass = feature_sample(where, first, first_weights, 1)
    two, other = feature_sample(where, second, second_weights, 1)
    if one.shape[1] != two.shape[1]:
        raise StatisticsError(where, f"{one.shape[1]} and {two.shape[1]} features")
    if one.shape[1] == 1:
        points = np.concatenate([one, two])[:, 0]
        order = np.argsort(points, kind="stable")
        gap = np.cumsum(np.concatenate([mass, -other])[order])[:-1]
        return float(np.sqrt(2 * np.sum(gap**2 * np.diff(points[order]))))
    squared = 2 * _mean_length(one, mass, two, other) - _mean_length(one, mass, one, mass)
    return float(np.sqrt(max(squared - _mean_length(two, other, two, other), 0.0)))


def _mean_length(one: FloatArray, mass: FloatArray, two: FloatArray, other: FloatArray) -> float:
    """Weighted mean of |x - y| over all pairs."""
    total, norms = 0.0, np.sum(two**2, axis=1)
    step = max(1, _PAIRS_AT_ONCE // len(two))
    for start in range(0, len(one), step):
        rows = one[start : start + step]
        squares = np.sum(rows**2, axis=1)[:, np.newaxis] + norms - 2 * rows @ two.T
        total += float(mass[start : start + step] @ np.sqrt(np.maximum(squares, 0.0)) @ other)
    return total


def frechet_distance(
    first: ArrayLike,
    reference: ArrayLike,
    first_weights: ArrayLike | None = None,
    reference_weights: ArrayLike | None = None,
    *,
    seed: int = 0,
) -> Distance:
    """Squared Fréchet distance of Gaussians of the same moments, extrapolated to infinite samples.

        |μ₁ - μ₂|² + tr(C₁ + C₂ - 2 √(C₁ C₂))

    Finite samples bias it upwards by a term in 1/rows. The samples are cut into 1 to 4 disjoint parts, and the
    distances of the parts extrapolated linearly in 1/rows. The error is a jackknife over tenths of the rows, which
    takes the samples as independent. The value may be negative where it is compatible with zero.

    Args:
        first, reference: shape (rows, features), 80 rows or more; features are scaled to the spread of the reference.
        first_weights, reference_weights: shape (rows,); None for unit weights.
        seed: of the cuts.

    Raises:
        StatisticsError: too few rows, NaN, or negative weights that leave a covariance with negative variances.

    References:
        R. Kansal et al., Phys. Rev. D 107 (2023) 076017 (FPD); M. J. Chong, D. Forsyth, CVPR 2020, p. 6070
        (extrapolation).
    """
    where, least = "frechet_distance", 20 * max(_DIVISIONS)
    one, mass = feature_sample(where, first, first_weights, least)
    two, other = feature_sample(where, reference, reference_weights, least)
    one, two = standardise(one, two, other)
    rng = np.random.default_rng(seed)
    orders = rng.permutation(len(one)), rng.permutation(len(two))
    samples = (one[orders[0]], mass[orders[0]]), (two[orders[1]], other[orders[1]])
    value = _extrapolated(*samples)
    left = np.array([_extrapolated(*(_without(sample, block) for sample in samples)) for block in range(_BLOCKS)])
    return Distance(value, float(np.sqrt((_BLOCKS - 1) / _BLOCKS * np.sum((left - left.mean()) ** 2))))


def _without(sample: tuple[FloatArray, FloatArray], block: int) -> tuple[FloatArray, FloatArray]:
    keep = np.arange(len(sample[0])) % _BLOCKS != block
    return sample[0][keep], sample[1][keep]


def _extrapolated(first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray]) -> float:
    """Intercept of the distance against the number of parts, which goes as 1/rows."""
    means = []
    for parts in _DIVISIONS:
        cut = [
            [(points[number::parts], mass[number::parts]) for number in range(parts)]
            for points, mass in (first, second)
        ]
        means.append(np.mean([_frechet(*pair) for pair in zip(*cut, strict=True)]))
    return float(np.polynomial.Polynomial.fit(_DIVISIONS, means, 1)(0.0))


def _frechet(first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray]) -> float:
    (one, root_of_one), (two, root_of_two) = (_gaussian(*each) for each in (first, second))
    # tr √(C₁ C₂) is the sum of the singular values of √C₁ √C₂
    overlap = np.linalg.svd(root_of_one @ root_of_two, compute_uv=False).sum()
    return float(np.sum((one - two) ** 2) + np.sum(root_of_one**2) + np.sum(root_of_two**2) - 2 * overlap)


def _gaussian(points: FloatArray, mass: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean, and symmetric root of the covariance."""
    share = mass / mass.sum()
    middle = share @ points
    away = points - middle
    size, axes = np.linalg.eigh((away * share[:, np.newaxis]).T @ away)
    if size[0] < -1e-9 * max(size[-1], 1.0):
        raise StatisticsError("frechet_distance", "negative weights leave a covariance with negative variances")
    return middle, (axes * np.sqrt(np.maximum(size, 0.0))) @ axes.T


def kernel_distance(
    first: ArrayLike,
    reference: ArrayLike,
    first_weights: ArrayLike | None = None,
    reference_weights: ArrayLike | None = None,
    *,
    paired: bool = False,
    rows: int = 5000,
    seed: int = 0,
) -> Distance:
    """Squared maximum mean discrepancy with the kernel (x·y/features + 1)⁴, unbiased: no extrapolation is needed.

    Mean over disjoint batches, and its error from their spread (NaN for a single batch). Negative where it is
    compatible with zero.

    Args:
        first, reference: shape (rows, features); features are scaled to the spread of the reference.
        first_weights, reference_weights: of either sign, shape (rows,); None for unit weights.
        paired: rows of the two belong to the same objects, one by one. Their products are left out: they bias the
            distance downwards by more than a real difference raises it.
        rows: at most so many in a batch.
        seed: of the batches.

    Raises:
        StatisticsError: too few rows, NaN, weights that add up to zero, or paired samples of different length.

    References:
        R. Kansal et al., Phys. Rev. D 107 (2023) 076017 (KPD); M. Bińkowski et al., ICLR 2018.
    """
    where = "kernel_distance"
    one, mass = feature_sample(where, first, first_weights)
    two, other = feature_sample(where, reference, reference_weights)
    if paired and len(one) != len(two):
        raise StatisticsError(where, f"paired samples of {len(one)} and {len(two)} rows")
    one, two = standardise(one, two, other)
    batches = max(1, -(-max(len(one), len(two)) // rows))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(one))
    orders = order, order if paired else rng.permutation(len(two))
    cut = zip(np.array_split(orders[0], batches), np.array_split(orders[1], batches), strict=True)
    values = [_discrepancy(one[a], mass[a], two[b], other[b], paired=paired) for a, b in cut]
    error = np.std(values, ddof=1) / np.sqrt(batches) if batches > 1 else np.nan
    return Distance(float(np.mean(values)), float(error))


def _discrepancy(one: FloatArray, mass: FloatArray, two: FloatArray, other: FloatArray, *, paired: bool) -> float:
    parts = ((one, mass, one, mass, True), (two, other, two, other, True), (one, mass, two, other, paired))
    within_one, within_two, across = (_mean_kernel(*part) for part in parts)
    return within_one + within_two - 2 * across


def _mean_kernel(
    one: FloatArray,
    mass: FloatArray,
    two: FloatArray,
    other: FloatArray,
    without_diagonal: bool,
) -> float:
    gram = (one @ two.T / one.shape[1] + 1) ** 4
    total, norm = mass @ gram @ other, mass.sum() * other.sum()
    if without_diagonal:
        total -= np.sum(mass * other * np.diagonal(gram))
        norm -= mass @ other
    return float(total / norm)
