"""Effective widths, profiles and efficiency intervals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from flashbench.errors import StatisticsError
from flashbench.stats import effective_width, efficiency, profile_moments, profile_of

EDGES = (0.0, 1.0, 2.0, 4.0)


def test_the_width_of_a_gaussian_response_is_sigma_over_mu():
    quantiles = stats.norm.ppf((np.arange(20001) + 0.5) / 20001)
    assert effective_width(0.9 + 0.1 * quantiles) == pytest.approx(0.1 / 0.9 * 0.99446, rel=1e-3)  # 16 %, not 15.87 %


def test_tails_do_not_widen_it():
    core = np.linspace(0.9, 1.1, 1001)
    tails = np.concatenate([core, np.full(10, 50.0), np.full(10, -50.0)])
    assert effective_width(tails) == pytest.approx(effective_width(core), rel=0.05)


@given(scale=st.floats(0.01, 100), seed=st.integers(0, 100))
def test_the_width_is_relative(scale, seed):
    values = np.random.default_rng(seed).normal(1, 0.2, 50)
    assert_allclose(effective_width(scale * values), effective_width(values), rtol=1e-9)


def test_a_profile_is_the_statistic_of_each_bin_and_nan_where_there_is_too_little():
    x, y = [0.0, 0.5, 1.0, 1.5, 4.0, 9.0, -1.0], [1, 3, 10, 20, 7, 100, 100]
    assert_allclose(profile_of(x, y, EDGES, np.mean), [2, 15, np.nan])
    assert_allclose(profile_of(x, y, EDGES, np.mean, least=1), [2, 15, 7])


@given(passed=st.integers(0, 50), failed=st.integers(0, 50))
def test_an_interval_holds_its_efficiency_and_stays_physical(passed, failed):
    found = efficiency(passed, passed + failed)
    if passed + failed == 0:
        assert np.isnan([found.value, found.low, found.high]).all()
        return
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_the_interval_covers_at_least_as_often_as_it_says():
    truth, tries = 0.93, 40
    passed = np.arange(tries + 1)
    found = efficiency(passed, np.full(tries + 1, tries))
    covers = (found.low <= truth) & (truth <= found.high)
    assert stats.binom.pmf(passed[covers], tries, truth).sum() >= 0.682


@pytest.mark.parametrize(
    "call",
    [
        lambda: effective_width([1.0]),
        lambda: effective_width([1.0, np.nan]),
        lambda: effective_width([0.0, 0.0]),
        lambda: profile_of([1.0], [1.0, 2.0], EDGES, np.mean),
        lambda: profile_of([1.0], [1.0], [1.0, 1.0], np.mean),
        lambda: efficiency(3, 2),
        lambda: efficiency(-1, 2),
    ],
)
def test_undefined_input_is_a_statistics_error(call):
    with pytest.raises(StatisticsError):
        call()


def test_mean_and_rms_of_a_profile_are_the_weighted_moments_of_each_bin():
    rng = np.random.default_rng(1)
    x, y, weights = rng.uniform(-1, 5, 500), rng.normal(size=500), rng.uniform(0.5, 2, 500)
    found = profile_moments(x, y, EDGES, weights)
    for number, (low, high) in enumerate(pairwise(EDGES)):
        inside = (x >= low) & (x < high)
        mean = np.average(y[inside], weights=weights[inside])
        variance = np.average((y[inside] - mean) ** 2, weights=weights[inside])
        assert_allclose([found.mean[number], found.rms[number]], [mean, np.sqrt(variance)])
        assert_allclose(found.entries[number], weights[inside].sum() ** 2 / (weights[inside] ** 2).sum())
    plain = profile_moments(x, y, EDGES)
    assert_allclose(plain.mean, profile_of(x, y, EDGES, np.mean))
    assert_allclose(plain.rms, profile_of(x, y, EDGES, np.std))


@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 100))
def test_a_factor_on_the_weights_changes_no_profile_and_one_on_y_scales_it(seed, factor):
    rng = np.random.default_rng(seed)
    x, y, weights = rng.uniform(0, 4, 60), rng.normal(size=60), rng.choice([-1.0, 2.0], 60, p=[0.1, 0.9])
    one, same = profile_moments(x, y, EDGES, weights), profile_moments(x, y, EDGES, factor * weights)
    scaled = profile_moments(x, factor * y, EDGES, weights)
    for name in ("mean", "mean_errors", "rms", "rms_errors"):
        assert_allclose(getattr(same, name), getattr(one, name), rtol=1e-9, atol=1e-12)
        assert_allclose(getattr(scaled, name), factor * getattr(one, name), rtol=1e-9, atol=1e-12 * factor)


@pytest.mark.parametrize("negative", [0.0, 0.1])
def test_errors_of_mean_and_rms_cover(negative):
    mean_pulls, rms_pulls = [], []
    for toy in range(400):
        rng = np.random.default_rng(toy)
        weights = rng.choice([-1.0, 1.0], 300, p=[negative, 1 - negative])
        found = profile_moments(np.full(300, 0.5), rng.normal(2, 3, 300), [0, 1], weights)
        mean_pulls.append((found.mean[0] - 2) / found.mean_errors[0])
        rms_pulls.append((found.rms[0] - 3) / found.rms_errors[0])
    for pulls in (mean_pulls, rms_pulls):
        assert np.std(pulls) == pytest.approx(1, abs=4 / np.sqrt(2 * 400))


def test_bins_without_a_mean_or_an_rms_are_nan_and_the_rest_stands():
    """Empty; weights that cancel; a negative variance; one value; and an x that is NaN, left out."""
    x = [0.5, 1.5, 1.5, 2.5, 2.5, 2.5, 3.5, 3.5, np.nan]
    y = [7.0, 1.0, 2.0, 0.0, 1.0, 5.0, 4.0, 4.0, 9.0]
    found = profile_moments(x, y, [-1, 0, 1, 2, 3, 4], [1.0, 1, -1, 1, 1, -1, 1, 1, 1])
    assert_allclose(found.mean, [np.nan, 7, np.nan, -4, 4])
    assert_allclose(found.rms, [np.nan, 0, np.nan, np.nan, 0])
    assert_allclose(found.entries, [0, 1, 0, 1 / 3, 2])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: profile_moments([0.5], [np.nan], EDGES), "NaN"),
        (lambda: profile_moments([0.5], [1.0], EDGES, [np.inf]), "NaN or infinite"),
        (lambda: profile_moments([0.5], [1.0], EDGES, [1.0, 2.0]), "weights"),
        (lambda: profile_moments([0.5], [1.0, 2.0], EDGES), "do not fit"),
        (lambda: profile_moments([0.5], [1.0], [1.0]), "ascending"),
    ],
)
def test_a_profile_of_bad_input_is_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()
