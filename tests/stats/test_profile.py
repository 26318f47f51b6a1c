"""Effective widths, profiles and efficiency intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from flashbench.errors import StatisticsError
from flashbench.stats import effective_width, efficiency, profile_of

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
