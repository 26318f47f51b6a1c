"""What folds gain, from one set of N folds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from flashbench.errors import StatisticsError
from flashbench.stats.folds import FoldedHistogram
from flashbench.stats.upsampling import components, expected_covariance, gain, mean_error_at, plateau

EDGES = np.linspace(0, 1, 6)


def smeared(folds: int, seed: int, events: int = 3000, width: float = 0.15) -> FoldedHistogram:
    rng = np.random.default_rng(seed)
    truth, weight = rng.uniform(-0.2, 1.2, events), rng.choice([-1.0, 1.0], events, p=[0.1, 0.9])
    value = np.repeat(truth, folds) + rng.normal(0, width, events * folds)
    event, fold = np.repeat(np.arange(events), folds), np.tile(np.arange(folds), events)
    return FoldedHistogram(EDGES, folds).fill(event, fold, np.repeat(weight, folds), value)


def test_errors_expected_at_fewer_folds_are_those_of_a_set_with_fewer_folds():
    for folds in (1, 2, 5, 20):
        found = np.mean([smeared(folds, seed).products for seed in range(40, 60)], axis=0)
        expected = np.mean([expected_covariance(smeared(20, seed), folds) for seed in range(20)], axis=0)
        assert_allclose(expected, found, atol=0.07 * found.max())


def test_at_its_own_folds_and_at_one_the_expectation_is_exact():
    many = smeared(7, seed=2, events=50)
    parts = components(many)
    assert_allclose(parts.between + parts.within / 7, many.products, atol=1e-12)
    assert_allclose(parts.between + parts.within, np.diag(many.single_fold_variances), atol=1e-12)
    assert_allclose(expected_covariance(many, 1), np.diag(many.single_fold_variances))
    assert_allclose(expected_covariance(many, 7), many.products)


def test_estimates_from_few_and_many_folds_agree_on_the_plateau():
    few = np.mean([plateau(smeared(3, seed)) for seed in range(20)])
    many = np.mean([plateau(smeared(60, seed)) for seed in range(20)])
    assert_allclose(few, many, rtol=0.03)


def test_mean_error_falls_towards_the_plateau():
    many = smeared(25, seed=3)
    curve = [mean_error_at(many, folds) for folds in (1, 2, 5, 10, 25, 100)]
    assert (np.diff(curve) < 0).all()
    assert curve[-1] > plateau(many) > 0.5 * curve[-2]


def test_gain_is_one_without_smearing_and_the_folds_for_pure_smearing():
    """Events that always fill one bin gain nothing; events that know nothing of the bin gain all N."""
    assert_allclose(gain(smeared(10, seed=4, width=1e-12)).mean_error, 1)
    rng = np.random.default_rng(5)
    events, folds = 2000, 10
    value = rng.uniform(0, 100, events * folds)
    noise = FoldedHistogram([0, 0.1, 0.2], folds)
    noise.fill(np.repeat(np.arange(events), folds), np.tile(np.arange(folds), events), np.ones(value.size), value)
    assert_allclose(gain(noise).entries, folds, rtol=0.05)
    assert_allclose(gain(noise).mean_error, np.sqrt(folds), rtol=0.05)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: components(smeared(1, 0)), "one fold"),
        (lambda: expected_covariance(smeared(2, 0), 0), "one or more"),
        (lambda: gain(FoldedHistogram([0, 1], 2)), "is empty"),
    ],
)
def test_undefined_gains_are_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()
