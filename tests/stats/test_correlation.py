"""Correlation matrices and contours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from flashbench.errors import StatisticsError
from flashbench.stats import event_keys
from flashbench.stats.contours import content_levels
from flashbench.stats.correlation import (
    Correlation,
    correlation_difference,
    correlation_matrix,
    matrix_distance,
)


def draw(seed: int, rows: int = 50) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.round(rng.multivariate_normal([0, 1, 2], [[1, 0.5, 0], [0.5, 2, -0.3], [0, -0.3, 1]], rows), 1)


@given(seed=st.integers(0, 1000))
def test_unit_weights_give_scipy_s_coefficients(seed):
    values = draw(seed)
    assert_allclose(correlation_matrix(values), np.corrcoef(values.T))
    assert_allclose(correlation_matrix(values, kind=Correlation.SPEARMAN), stats.spearmanr(values).statistic)


@given(seed=st.integers(0, 1000), kind=st.sampled_from(Correlation))
def test_integer_weights_are_repeated_rows(seed, kind):
    values, repeats = draw(seed), np.random.default_rng(seed).integers(0, 4, 50)
    repeated = correlation_matrix(np.repeat(values, repeats, axis=0), kind=kind)
    assert_allclose(correlation_matrix(values, repeats, kind), repeated, atol=1e-12)


def test_spearman_is_invariant_under_monotone_maps_and_pearson_is_not():
    values = draw(1)
    mapped = np.exp(values)
    assert_allclose(
        correlation_matrix(mapped, kind=Correlation.SPEARMAN), correlation_matrix(values, kind=Correlation.SPEARMAN)
    )
    assert matrix_distance(correlation_matrix(mapped), correlation_matrix(values)) > 0.01


def test_a_constant_feature_has_no_correlation():
    matrix = correlation_matrix(np.stack([np.ones(5), np.arange(5.0), np.arange(5.0) ** 2], axis=1))
    assert np.isnan(matrix[0]).all()
    assert np.isfinite(matrix[1:, 1:]).all()


@pytest.mark.parametrize("kind", list(Correlation))
@pytest.mark.parametrize("paired", [True, False])
def test_errors_of_the_difference_cover(kind, paired):
    pulls = []
    for toy in range(40):
        rng = np.random.default_rng(toy)
        truth = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 400)
        again = truth if paired else rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 400)
        one, two = (each + 0.3 * rng.normal(size=(400, 2)) for each in (truth, again))
        keys = [event_keys(np.full(400, 2 * toy + k), np.ones(400), np.arange(400)) for k in (0, 0 if paired else 1)]
        found = correlation_difference(one, two, *keys, kind=kind, replicas=40)
        pulls.append(found.difference[0, 1] / found.errors[0, 1])
    assert abs(np.std(pulls) - 1) < 4 / np.sqrt(2 * 40)


def test_difference_of_a_sample_to_itself_has_no_error():
    keys = event_keys(np.ones(50), np.ones(50), np.arange(50))
    found = correlation_difference(draw(2), draw(2), keys, keys)
    assert_allclose(found.difference, 0)
    assert_allclose(found.errors, 0)
    assert found.distance == 0


@given(contents=st.lists(st.floats(0, 100), min_size=3, max_size=20).filter(lambda c: sum(c) > 1))
def test_bins_above_a_level_hold_the_quantile_and_those_strictly_above_do_not(contents):
    content = np.array(contents)
    quantiles = (0.5, 0.9, 0.99, 1.0)
    for quantile, level in zip(quantiles, content_levels(content, quantiles), strict=True):
        assert content[content >= level].sum() >= quantile * content.sum() * (1 - 1e-9)
        assert content[content > level].sum() <= quantile * content.sum() * (1 + 1e-9)


def test_levels_of_a_gaussian_are_those_of_theory():
    """The region of a two-dimensional Gaussian above a density of f times its peak holds 1 - f."""
    x = np.linspace(-5, 5, 401)
    content = np.exp(-(x[:, np.newaxis] ** 2 + x**2) / 2)
    assert_allclose(content_levels(content), [0.5, 0.1, 0.01], rtol=0.01)
    assert_allclose(content_levels(content, areas=0.25), np.array([2.0, 0.4, 0.04]), rtol=0.01)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: correlation_matrix([[1.0, 2.0]]), "too few"),
        (lambda: correlation_matrix([[1.0, np.nan], [1, 2]]), "NaN"),
        (lambda: correlation_matrix([[0.0], [1], [5]], [1, 1, -1.0]), "negative variance"),
        (lambda: correlation_matrix([[0.0], [1], [5]], [1, 1, -0.5], Correlation.SPEARMAN), "negative weights"),
        (lambda: correlation_difference(draw(0), draw(0)[:, :2], np.ones(50), np.ones(50)), "3 and 2 features"),
        (lambda: correlation_difference(draw(0), draw(0), np.ones(49), np.ones(50)), "keys do not fit"),
        (lambda: matrix_distance(np.eye(2), np.eye(3)), "do not fit"),
        (lambda: matrix_distance([[1, np.nan], [np.nan, 1]], np.eye(2)), "no coefficient"),
        (lambda: content_levels([0.0, 0.0]), "empty"),
        (lambda: content_levels([1.0, -1.0]), "negative"),
        (lambda: content_levels([1.0, np.nan]), "NaN"),
        (lambda: content_levels([1.0], [1.5]), "not in"),
    ],
)
def test_undefined_input_is_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()
