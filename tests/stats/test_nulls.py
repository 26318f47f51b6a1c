"""Nulls and the classifier test: p-values that are uniform without a difference and small with one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from flashbench.errors import StatisticsError
from flashbench.stats.classifier import classifier_test
from flashbench.stats.distances import wasserstein
from flashbench.stats.nulls import EventSample, Null, halves_null, paired_null


def pair(seed: int, events: int = 400, shift: float = 0.0, folds: int = 1) -> tuple[EventSample, EventSample]:
    """A simulator with folds and full simulation of the same events, some of which fail the selection."""
    rng = np.random.default_rng(seed)
    truth, weight = rng.normal(size=events), rng.choice([-1.0, 1.0], events, p=[0.1, 0.9])

    def simulate(repeats: int, by: float) -> EventSample:
        event, fold = np.repeat(np.arange(events), repeats), np.tile(np.arange(repeats), events)
        kept = rng.uniform(size=event.size) < 0.8
        value = truth[event] + rng.normal(by, 0.3, event.size)
        return EventSample.of(event[kept], value[kept], weight[event][kept], fold[kept], repeats)

    return simulate(folds, shift), simulate(1, 0.0)


@pytest.mark.parametrize("folds", [1, 3])
def test_p_values_of_exchanged_events_are_uniform_without_a_difference(folds):
    p_values = [
        paired_null(wasserstein, *pair(seed, 150, folds=folds), replicas=19, seed=seed).p_value for seed in range(200)
    ]
    rng = np.random.default_rng(0)
    smooth = np.array(p_values) - rng.uniform(0, 1 / 20, len(p_values))  # multiples of 1/20
    assert stats.kstest(smooth, "uniform").pvalue > 1e-3


def test_exchanging_events_finds_a_shift_that_independent_halves_cannot():
    first, full = pair(1, 1000, shift=0.06)
    paired, halves = paired_null(wasserstein, first, full), halves_null(wasserstein, first, full)
    assert paired.p_value < 0.02
    assert halves.p_value > 0.05
    assert paired.mean < halves.mean


def test_halves_find_a_large_shift_and_none_where_there_is_none():
    assert halves_null(wasserstein, *pair(2, 1000, shift=0.5)).p_value == 1 / 201
    assert halves_null(wasserstein, *pair(3, 1000, folds=4)).p_value > 0.05


def test_a_sample_against_itself_is_at_the_bottom_of_its_null():
    full = pair(4)[1]
    null = paired_null(wasserstein, full, full)
    assert null.observed == 0
    assert null.p_value == 1
    assert np.isnan(null.excess)


def test_p_value_significance_and_excess_are_those_of_the_replicas():
    null = Null(3.5, np.array([1.0, 2.0, 3.0, 4.0]))
    assert null.p_value == 2 / 5
    assert_allclose(null.significance, stats.norm.isf(0.4))
    assert_allclose(null.excess, (3.5 - 2.5) / np.std([1, 2, 3, 4], ddof=1))


def features(rng: np.random.Generator, rows: int) -> np.ndarray:
    value = rng.normal(size=(rows, 3))
    value[:, 2] = np.exp(value[:, 2])
    return value


@pytest.mark.parametrize("paired", [False, True])
def test_classifier_p_values_are_uniform_without_a_difference(paired):
    p_values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth, weight = features(rng, 300), rng.uniform(0.5, 1.5, 300)
        if paired:
            one, two = (truth + 0.3 * rng.normal(size=truth.shape) for _ in range(2))
            events = {"first_events": np.arange(300), "second_events": np.arange(300)}
        else:
            one, two, events = truth, features(rng, 300), {}
        p_values.append(classifier_test(one, two, weight, weight, **events).p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
    assert np.mean(np.array(p_values) < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_classifier_finds_a_correlation_that_no_single_feature_shows():
    rng = np.random.default_rng(7)
    one = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], 2000)
    two = rng.normal(size=(2000, 2))
    found = classifier_test(one, two)
    assert found.p_value < 1e-6
    assert found.auc > 0.55
    assert abs(classifier_test(one[:, :1], two[:, :1]).auc - 0.5) < 0.03


def test_classifier_area_of_a_shift_is_the_one_of_theory():
    """Unit Gaussians apart by one: area Φ(1/√2)."""
    rng = np.random.default_rng(8)
    found = classifier_test(rng.normal(1, 1, 5000), rng.normal(0, 1, 5000))
    assert abs(found.auc - stats.norm.cdf(np.sqrt(0.5))) < 4 * found.error


def test_a_common_factor_on_the_weights_and_duplicated_rows_change_nothing():
    rng = np.random.default_rng(9)
    one, two = features(rng, 200), features(rng, 200)
    ids = np.arange(200)
    plain = classifier_test(one, two, first_events=ids, second_events=ids + 200)
    scaled = classifier_test(one, two, np.full(200, 5.0), first_events=ids, second_events=ids + 200)
    assert_allclose([scaled.auc, scaled.error], [plain.auc, plain.error])
    twice = classifier_test(
        np.repeat(one, 2, axis=0), np.repeat(two, 2, axis=0),
        first_events=np.repeat(ids, 2), second_events=np.repeat(ids + 200, 2),
    )  # fmt: skip
    assert_allclose([twice.auc, twice.error], [plain.auc, plain.error], atol=0.003)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: EventSample.of([0, 1], [1.0], [1.0, 1.0]), "do not fit"),
        (lambda: EventSample.of([0], [np.nan], [1.0]), "NaN"),
        (lambda: EventSample.of([-1], [1.0], [1.0]), "indices from 0"),
        (lambda: EventSample.of([0], [1.0], [1.0], [1], 1), "below their number"),
        (lambda: paired_null(wasserstein, *pair(0), replicas=1), "two replicas"),
        (lambda: paired_null(wasserstein, *pair(0, folds=2)[::-1]), "with one fold"),
        (lambda: halves_null(wasserstein, *pair(0), replicas=1), "two replicas"),
        (lambda: classifier_test(np.ones(10), np.ones(200)), "100 rows"),
        (lambda: classifier_test(np.ones(200), np.ones((200, 2))), "1 and 2 features"),
        (lambda: classifier_test(np.ones(200), np.ones(200), np.append(np.ones(199), -1.0)), "negative weights"),
        (lambda: classifier_test(np.ones(200), np.ones(200), first_events=range(200)), "one of the samples"),
        (lambda: classifier_test(np.ones(200), np.ones(200), first_events=[1], second_events=[1]), "for rows"),
        (lambda: classifier_test(np.ones(200), np.ones(200), splits=1), "1 splits"),
    ],
)
def test_undefined_input_is_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()
