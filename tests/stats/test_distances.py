"""Distances between weighted samples: metrics where they must be, SciPy's numbers where it has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from scipy import sparse, stats

from flashbench.errors import StatisticsError
from flashbench.stats import (
    chi_square,
    contributions,
    effective_size,
    kolmogorov_smirnov,
    paired_covariance,
    wasserstein,
)

finite = st.floats(-1e3, 1e3)
samples = st.integers(1, 30).flatmap(lambda n: arrays(np.float64, n, elements=finite))

pairs_at_least = st.integers(2, 30).flatmap(lambda n: arrays(np.float64, n, elements=finite))


@st.composite
def weighted(draw: st.DrawFn, low: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """A sample with weights whose sum is well away from zero."""
    values = draw(samples)
    weights = draw(arrays(np.float64, len(values), elements=st.floats(low, 10)))
    if weights.sum() < 0.5:
        weights[0] += 0.5 + abs(weights.sum())
    return values, weights


@given(one=weighted(low=-1), two=weighted(low=-1))
def test_wasserstein_is_symmetric_and_zero_to_itself(one, two):
    assert wasserstein(one[0], one[0], one[1], one[1]) == 0
    assert_allclose(wasserstein(one[0], two[0], one[1], two[1]), wasserstein(two[0], one[0], two[1], one[1]), rtol=1e-9)


@given(one=weighted(low=-1), two=weighted(low=-1), three=weighted(low=-1))
def test_wasserstein_obeys_the_triangle_inequality(one, two, three):
    def distance(a, b):
        return wasserstein(a[0], b[0], a[1], b[1])

    assert distance(one, three) <= (distance(one, two) + distance(two, three)) * (1 + 1e-9) + 1e-6


@given(sample=weighted(), shift=st.floats(-100, 100))
def test_wasserstein_of_a_shift_is_the_shift(sample, shift):
    values, weights = sample
    assert_allclose(wasserstein(values, values + shift, weights, weights), abs(shift), rtol=1e-9, atol=1e-9)


@given(one=weighted(), two=weighted())
def test_wasserstein_equals_scipy_for_positive_weights(one, two):
    expected = stats.wasserstein_distance(one[0], two[0], one[1], two[1])
    assert_allclose(wasserstein(one[0], two[0], one[1], two[1]), expected, rtol=1e-9, atol=1e-9)


@given(sample=weighted(), scale=st.floats(0.01, 100))
def test_a_common_factor_on_the_weights_changes_nothing(sample, scale):
    values, weights = sample
    other = values[::-1] + 1
    assert_allclose(
        wasserstein(values, other, weights, weights), wasserstein(values, other, scale * weights, weights), rtol=1e-9
    )
    assert_allclose(effective_size(scale * weights), effective_size(weights))


def test_an_event_of_negative_weight_cancels_its_double():
    """Weights 1, 1, -1 at 0, 5, 5 are one event at 0."""
    assert wasserstein([0, 5, 5], [0], [1, 1, -1], [1]) == 0
    assert wasserstein([0, 2, 4], [0], [1, 1, -1], [1]) == 2


@given(one=pairs_at_least, two=pairs_at_least)
@settings(deadline=None)
def test_kolmogorov_smirnov_equals_scipy_for_unit_weights(one, two):
    expected = stats.ks_2samp(one, two, method="asymp")
    result = kolmogorov_smirnov(one, two)
    assert_allclose(result.statistic, expected.statistic, atol=1e-12)
    assert_allclose(result.p_value, expected.pvalue, rtol=1e-6, atol=1e-12)


def test_kolmogorov_smirnov_p_is_close_to_uniform_for_weighted_samples():
    rng = np.random.default_rng(5)
    p_values = []
    for _ in range(400):
        weights = rng.uniform(0.5, 1.5, (2, 300))
        p_values.append(kolmogorov_smirnov(*rng.normal(size=(2, 300)), *weights).p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_duplicated_events_do_not_make_kolmogorov_smirnov_surer():
    """Weight 4 on every event is the same test as weight 1: the effective size is that of the events."""
    one, two = np.random.default_rng(6).normal(size=(2, 50))
    assert kolmogorov_smirnov(one, two, np.full(50, 4.0), np.full(50, 4.0)) == kolmogorov_smirnov(one, two)


def test_chi_square_p_values_are_uniform_for_independent_weighted_histograms():
    rng = np.random.default_rng(7)
    edges = np.linspace(0, 1, 11)
    p_values = []
    for _ in range(600):
        contents, variances = [], []
        for _ in range(2):
            values, weights = rng.uniform(size=(2, rng.poisson(4000)))
            contents.append(np.histogram(values, edges, weights=weights)[0])
            variances.append(np.histogram(values, edges, weights=weights**2)[0])
        p_values.append(chi_square(*contents, sum(variances)).p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def paired_toy(rng: np.random.Generator, n: int = 6000) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Two smearings of the same truth in 10 bins, some lost; weights of either sign."""
    truth, weight = rng.normal(5, 2, n), np.where(rng.uniform(size=n) < 0.15, -1.0, 1.0)
    both = []
    for _ in range(2):
        value = truth + rng.normal(0, 0.4, n)
        kept = (value > 0) & (value < 10)
        both.append(contributions(np.flatnonzero(kept), value[kept].astype(int), weight[kept], (10, n)))
    return both[0], both[1]


def test_chi_square_with_the_paired_covariance_has_uniform_p_values_and_without_it_has_not():
    rng = np.random.default_rng(8)
    paired, naive = [], []
    for _ in range(400):
        one, two = paired_toy(rng)
        first, second = one.sum(axis=1), two.sum(axis=1)
        paired.append(chi_square(first, second, paired_covariance(one, two)).p_value)
        naive.append(chi_square(first, second, (one**2).sum(axis=1) + (two**2).sum(axis=1)).p_value)
    assert stats.kstest(paired, "uniform").pvalue > 1e-3
    assert np.median(naive) > 0.9


def test_paired_covariance_is_the_limit_of_the_bootstrap():
    from flashbench.stats import bootstrap_sums, event_keys

    one, two = paired_toy(np.random.default_rng(9), 2000)
    keys = event_keys(np.ones(2000), np.ones(2000), np.arange(2000))
    replicas = bootstrap_sums(keys, one, 3000) - bootstrap_sums(keys, two, 3000)
    exact = paired_covariance(one, two)
    error = np.sqrt(np.outer(np.diag(exact), np.diag(exact)) / 3000)
    assert np.all(np.abs(np.cov(replicas.T) - exact) < 6 * error)


@given(seed=st.integers(0, 200))
@settings(deadline=None)
def test_paired_covariance_is_positive_semi_definite_and_zero_for_equal_histograms(seed):
    one, two = paired_toy(np.random.default_rng(seed), 50)
    covariance = paired_covariance(one, two)
    assert np.linalg.eigvalsh(covariance)[0] > -1e-9
    assert not paired_covariance(one, one).any()
    assert_allclose(paired_covariance(one.toarray(), two.toarray()), covariance, atol=1e-12)


def test_chi_square_takes_no_degree_of_freedom_from_what_cannot_vary():
    """Events that only move between two bins: one degree of freedom, not two."""
    result = chi_square([10, 5, 3], [12, 3, 3], [[4, -4, 0], [-4, 4, 0], [0, 0, 0]])
    assert result.ndf == 1
    assert_allclose(result.statistic, 1)
    assert_allclose(result.p_value, stats.chi2.sf(1, 1))


def test_equal_histograms_of_equal_events_agree():
    result = chi_square([1, 2], [1, 2], np.zeros((2, 2)))
    assert (result.statistic, result.ndf, result.p_value) == (0, 0, 1)
    assert np.isnan(result.reduced)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: wasserstein([], [1.0]), "empty"),
        (lambda: wasserstein([np.nan], [1.0]), "NaN"),
        (lambda: wasserstein([1.0], [np.inf]), "NaN or infinite"),
        (lambda: wasserstein([1.0, 2.0], [1.0], [1.0, -1.0]), "add up to zero"),
        (lambda: wasserstein([1.0, 2.0], [1.0], [1.0]), "do not fit"),
        (lambda: kolmogorov_smirnov([1.0], [1.0], [0.0]), "add up to zero"),
        (lambda: kolmogorov_smirnov([1.0], [np.nan]), "NaN"),
        (lambda: effective_size([]), "empty"),
        (lambda: effective_size([0.0, 0.0]), "zero"),
        (lambda: chi_square([], [], []), "do not fit"),
        (lambda: chi_square([1.0], [np.nan], [1.0]), "NaN"),
        (lambda: chi_square([1.0], [2.0], [0.0]), "without variance"),
        (lambda: chi_square([1.0], [2.0], [-1.0]), "negative"),
        (lambda: chi_square([1.0, 2.0], [2.0, 4.0], [[1.0, -1.0], [-1.0, 1.0]]), "no variance"),
        (lambda: chi_square([1.0, 2.0], [2.0, 4.0], [[1.0, 3.0], [3.0, 1.0]]), "positive semi-definite"),
        (lambda: paired_covariance(np.ones((2, 3)), np.ones((2, 4))), "do not fit"),
    ],
)
def test_undefined_input_is_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()
