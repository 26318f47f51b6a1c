"""ROC curves: the area is Mann and Whitney's U, and only the order of the scores counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from scipy import stats

from flashbench.errors import StatisticsError
from flashbench.stats import roc_area, roc_curve

# few distinct values, so that ties are the rule
scores = st.integers(1, 40).flatmap(
    lambda n: arrays(np.float64, n, elements=st.sampled_from([-1.0, 0.0, 0.1, 0.5, 1.0]))
)
weights = st.floats(0.01, 10)


@st.composite
def weighted(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    values = draw(scores)
    return values, draw(arrays(np.float64, len(values), elements=weights))


@given(signal=scores, background=scores)
def test_the_area_is_mann_whitney_u_over_the_pairs(signal, background):
    expected = stats.mannwhitneyu(signal, background).statistic / (len(signal) * len(background))
    assert_allclose(roc_area(signal, background).value, expected, atol=1e-12)


@given(one=weighted(), two=weighted())
def test_the_area_is_the_weighted_fraction_of_pairs_in_order_with_ties_one_half(one, two):
    above = (one[0][:, None] > two[0]) + (one[0][:, None] == two[0]) / 2
    pairs = np.outer(one[1], two[1])
    assert_allclose(roc_area(one[0], two[0], one[1], two[1]).value, (pairs * above).sum() / pairs.sum(), atol=1e-12)


@given(one=weighted(), two=weighted())
def test_the_area_is_that_under_the_curve(one, two):
    curve = roc_curve(one[0], two[0], one[1], two[1])
    assert_allclose(curve.area, roc_area(one[0], two[0], one[1], two[1]).value, atol=1e-12)


@given(signal=scores, background=scores)
def test_a_monotone_transform_of_the_score_changes_nothing(signal, background):
    plain = roc_area(signal, background)
    for transform in (np.exp, np.arctan, lambda x: 3 * x - 7):
        found = roc_area(transform(signal), transform(background))
        np.testing.assert_array_equal([found.value, found.error], [plain.value, plain.error])


@given(signal=scores, background=scores)
def test_swapping_signal_and_background_mirrors_the_area(signal, background):
    there, back = roc_area(signal, background), roc_area(background, signal)
    assert_allclose(there.value + back.value, 1)
    assert_allclose(there.error, back.error, atol=1e-12)


@given(one=weighted(), two=weighted())
def test_the_curve_climbs_from_nothing_to_everything(one, two):
    curve = roc_curve(one[0], two[0], one[1], two[1])
    for side in (curve.signal, curve.background):
        assert side[0] == 0
        assert_allclose(side[-1], 1)
        assert (np.diff(side) >= -1e-12).all()
    assert (np.diff(curve.thresholds) < 0).all()


def test_a_point_of_the_curve_is_what_passes_the_cut():
    curve = roc_curve([0.2, 0.6, 0.9], [0.1, 0.6, 0.7])
    at = list(curve.thresholds).index(0.6)
    assert (curve.signal[at], curve.background[at]) == pytest.approx((2 / 3, 2 / 3))


def test_mistag_at_an_efficiency_is_read_off_the_curve():
    curve = roc_curve(np.arange(100) + 50, np.arange(100))
    assert curve.background_at(0.5) == pytest.approx(0.0, abs=1e-9)
    assert curve.background_at(1.0) == pytest.approx(0.5)


def test_the_error_covers_and_equals_the_spread_of_independent_samples():
    rng = np.random.default_rng(11)
    found = [roc_area(rng.normal(1, 1, 150), rng.normal(0, 1, 200)) for _ in range(400)]
    truth = stats.norm.cdf(1 / np.sqrt(2))
    pulls = [(area.value - truth) / area.error for area in found]
    assert np.mean([area.error for area in found]) == pytest.approx(np.std([area.value for area in found]), rel=0.12)
    assert np.std(pulls) == pytest.approx(1, abs=0.15)
    assert abs(np.mean(pulls)) < 0.2


def test_weights_in_the_error_equal_the_spread_of_independent_samples():
    rng = np.random.default_rng(12)
    found = []
    for _ in range(400):
        mass = rng.uniform(0, 2, (2, 200))
        found.append(roc_area(rng.normal(1, 1, 200), rng.normal(0, 1, 200), *mass))
    assert np.mean([area.error for area in found]) == pytest.approx(np.std([area.value for area in found]), rel=0.12)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([], [1.0]), "no signal"),
        (([1.0], []), "no background"),
        (([np.nan], [1.0]), "NaN"),
        (([1.0, 2.0], [1.0], [1.0, -0.5]), "negative"),
        (([1.0], [1.0], None, [0.0]), "no background"),
        (([1.0, 2.0], [1.0], [1.0]), "do not fit"),
    ],
)
def test_what_has_no_curve_is_refused(arguments, said):
    for function in (roc_area, roc_curve):
        with pytest.raises(StatisticsError, match=said):
            function(*arguments)
