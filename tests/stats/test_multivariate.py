"""Distances of vectors of features: zero, symmetric and unbiased where they must be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from flashbench.errors import StatisticsError
from flashbench.stats.distances import triangular_discriminator
from flashbench.stats.multivariate import energy_distance, frechet_distance, kernel_distance, standardise


def draw(seed: int, rows: int = 60, features: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, features)), rng.uniform(0.2, 2, rows)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None)
def test_energy_distance_is_a_metric(seed):
    (a, u), (b, v), (c, w) = (draw(seed + k, rows=8 + k) for k in range(3))
    assert_allclose(energy_distance(a, a, u, u), 0, atol=1e-6)
    assert_allclose(energy_distance(a, b, u, v), energy_distance(b, a, v, u))
    assert energy_distance(a, c, u, w) <= energy_distance(a, b, u, v) + energy_distance(b, c, v, w) + 1e-9


@given(seed=st.integers(0, 10_000))
@settings(deadline=None)
def test_energy_distance_of_one_feature_equals_scipy_and_the_general_formula(seed):
    (a, u), (b, v) = draw(seed, 9, 1), draw(seed + 1, 12, 1)
    expected = stats.energy_distance(a[:, 0], b[:, 0], u, v)
    assert_allclose(energy_distance(a[:, 0], b[:, 0], u, v), expected)
    flat = [np.concatenate([each, np.zeros_like(each)], axis=1) for each in (a, b)]
    assert_allclose(energy_distance(*flat, u, v), expected)


def test_an_event_of_negative_weight_cancels_its_double():
    (a, u), (b, v) = draw(1), draw(2)
    extra = np.concatenate([a, a[:5], a[:5]]), np.concatenate([u, np.ones(5), -np.ones(5)])
    assert_allclose(energy_distance(extra[0], b, extra[1], v), energy_distance(a, b, u, v))
    assert_allclose(frechet_plain(extra[0], b, extra[1], v), frechet_plain(a, b, u, v), atol=1e-12)


def frechet_plain(first: np.ndarray, second: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    from flashbench.stats.multivariate import _frechet

    return _frechet((first, u), (second, v))


def test_frechet_distance_of_gaussians_is_the_formula():
    """Shift 0.5 in units of the reference, and widths 1 and 2 in another feature."""
    rng = np.random.default_rng(3)
    reference = rng.normal(size=(40_000, 2)) * [3.0, 1.0] + [7.0, 0.0]
    first = rng.normal(size=(40_000, 2)) * [3.0, 2.0] + [8.5, 0.0]
    found = frechet_distance(first, reference)
    assert abs(found.value - (0.5**2 + 1.0)) < 5 * found.error
    assert found.error < 0.05


def test_frechet_distance_without_extrapolation_is_biased_and_with_it_is_not():
    plain, extrapolated = [], []
    for seed in range(40):
        a, b = np.random.default_rng(seed).normal(size=(2, 300, 6))
        plain.append(frechet_plain(a, b, np.ones(300), np.ones(300)))
        extrapolated.append(frechet_distance(a, b, seed=seed))
    values = np.array([each.value for each in extrapolated])
    assert np.mean(plain) > 0.03
    assert abs(values.mean()) < 0.1 * np.mean(plain)
    assert 0.6 < np.mean([each.error for each in extrapolated]) / values.std() < 1.7


def test_frechet_distance_ignores_units():
    a, _ = draw(5, 400)
    b, _ = draw(6, 400)
    scale, shift = np.array([1e-3, 1, 1e5]), np.array([5, 0, -1e4])
    assert_allclose(
        frechet_distance(a * scale + shift, b * scale + shift).value, frechet_distance(a, b).value, rtol=1e-5
    )


def test_kernel_distance_is_unbiased_and_finds_a_shift():
    values = [kernel_distance(*np.random.default_rng(seed).normal(size=(2, 200, 3))).value for seed in range(100)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 10
    a, b = np.random.default_rng(0).normal(size=(2, 4000, 3))
    found = kernel_distance(a + 0.2, b, rows=500)
    assert found.value > 5 * found.error > 0


def test_paired_rows_bias_the_kernel_distance_unless_their_products_are_left_out():
    kept, dropped = [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(200, 3))
        a, b = truth + 0.3 * rng.normal(size=(2, 200, 3))
        kept.append(kernel_distance(a, b).value)
        dropped.append(kernel_distance(a, b, paired=True).value)
    assert np.mean(kept) < -5 * np.std(kept) / 10
    assert abs(np.mean(dropped)) < 4 * np.std(dropped) / 10


@given(seed=st.integers(0, 10_000), factor=st.floats(0.01, 100))
@settings(deadline=None, max_examples=25)
def test_a_common_factor_on_the_weights_changes_nothing(seed, factor):
    (a, u), (b, v) = draw(seed, 90), draw(seed + 1, 100)
    for distance in (energy_distance, lambda *s: kernel_distance(*s).value, lambda *s: frechet_distance(*s).value):
        assert_allclose(distance(a, b, factor * u, v), distance(a, b, u, v), rtol=1e-6, atol=1e-9)


def test_standardised_features_have_the_units_of_the_reference():
    a, b = standardise([[1.0, 5.0], [3.0, 5.0]], [[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]])
    assert_allclose(b.mean(axis=0), 0)
    assert_allclose(b[:, 0].std(), 1)
    assert_allclose(a[:, 1], 0)


shapes = st.lists(st.floats(0, 10), min_size=4, max_size=4).filter(lambda x: sum(x) > 0.1)


@given(p=shapes, q=shapes, factor=st.floats(0.01, 100))
def test_triangular_discriminator_is_symmetric_bounded_and_ignores_normalisation(p, q, factor):
    value = triangular_discriminator(p, q)
    assert -1e-12 <= value <= 1 + 1e-12
    assert_allclose(value, triangular_discriminator(q, np.multiply(p, factor)), atol=1e-9)
    assert_allclose(triangular_discriminator(p, np.multiply(p, factor)), 0, atol=1e-12)


def test_triangular_discriminator_of_disjoint_shapes_is_one():
    assert triangular_discriminator([1, 0, 0], [0, 2, 0]) == 1
    assert_allclose(triangular_discriminator([3, 1], [1, 3]), 0.25)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: energy_distance([], [1.0]), "too few"),
        (lambda: energy_distance([np.nan], [1.0]), "NaN"),
        (lambda: energy_distance([[1.0, 2.0]], [[1.0]]), "2 and 1 features"),
        (lambda: energy_distance([1.0], [1.0, 2.0], None, [1.0, -1.0]), "add up to zero"),
        (lambda: energy_distance([1.0], [1.0], [1.0, 2.0]), "do not fit"),
        (lambda: frechet_distance(draw(0, 10)[0], draw(1, 90)[0]), "80 rows are needed"),
        (
            lambda: frechet_plain(np.array([[0.0], [1], [5]]), np.ones((2, 1)), np.array([1, 1, -1.0]), np.ones(2)),
            "neg",
        ),
        (lambda: standardise([0.0, 1], [0.0, 1, 5], [1, 1, -1.0]), "negative variance"),
        (lambda: kernel_distance(draw(0, 10)[0], draw(1, 11)[0], paired=True), "paired samples"),
        (lambda: triangular_discriminator([1.0, -1], [1.0, 1]), "negative"),
        (lambda: triangular_discriminator([0.0, 0], [1.0, 1]), "empty"),
        (lambda: triangular_discriminator([np.nan], [1.0]), "NaN"),
        (lambda: triangular_discriminator([1.0], [1.0, 2]), "do not fit"),
    ],
)
def test_undefined_input_is_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()
