"""Four kinds of bad input, each an error by name or an explicit mask: NaN, nothing, negative bins, other events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from flashbench.errors import StatisticsError
from flashbench.stats import (
    BinState,
    EventContents,
    FoldedHistogram,
    bootstrap_sums,
    chi_square,
    classifier_test,
    contents_from_table,
    contributions,
    correlation_difference,
    effective_width,
    event_contents,
    event_keys,
    exchange_sums,
    frechet_distance,
    gain,
    joint_moments,
    kernel_distance,
    kolmogorov_smirnov,
    mean_error,
    paired_covariance,
    paired_ratio,
    plateau,
    profile_of,
    transfer,
    wasserstein,
)

EDGES = [0.0, 1.0, 2.0]
NAN = np.array([np.nan, 0.5, 1.5, 0.5])
EVENT = np.arange(4)


def spoiled(rows: int, features: int = 2) -> np.ndarray:
    values = np.random.default_rng(1).normal(size=(rows, features))
    values[3, 0] = np.nan
    return values


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 7.0])
def test_a_value_without_a_bin_is_in_none_and_its_event_stays_in_the_denominator(value):
    values = np.array([value, 0.5, 1.5, 0.5])
    histogram = FoldedHistogram(EDGES).fill(EVENT, np.zeros(4, int), np.ones(4), values)
    assert_array_equal(histogram.pdf.values, [0.5, 0.25])
    contents = event_contents(EVENT, np.ones(4), values, EDGES)
    assert_array_equal(joint_moments({"x": contents}).pdf("x"), [0.5, 0.25])
    assert_array_equal(contents.contents.toarray()[:, 0], [0, 0])


@pytest.mark.parametrize(
    "call",
    [
        lambda: wasserstein(NAN, NAN),
        lambda: kolmogorov_smirnov(NAN, [1.0]),
        lambda: kolmogorov_smirnov([1.0, 2.0], [1.0], [1.0, np.nan]),
        lambda: frechet_distance(spoiled(100), np.ones((100, 2))),
        lambda: kernel_distance(np.ones((100, 2)), spoiled(100)),
        lambda: classifier_test(spoiled(300), np.ones((300, 2))),
        lambda: correlation_difference(spoiled(50), np.ones((50, 2)), np.arange(50), np.arange(50)),
        lambda: effective_width(NAN),
        lambda: mean_error([1.0, np.nan]),
        lambda: chi_square([1.0], [2.0], [np.nan]),
        lambda: event_contents(EVENT, NAN, np.ones(4), EDGES),
        lambda: exchange_sums([[0]] * 4, [0] * 4, NAN, 1),
    ],
)
def test_nan_where_there_is_no_mask_for_it_is_an_error(call):
    with pytest.raises(StatisticsError, match=r"NaN|finite"):
        call()


def test_a_profile_leaves_out_entries_whose_place_is_nan():
    assert_allclose(profile_of(NAN, [100.0, 1.0, 2.0, 3.0], EDGES, np.mean, least=1), [2.0, 2.0])


def test_histograms_without_an_entry_have_a_pdf_of_zero_without_error_and_no_gain():
    empty = FoldedHistogram(EDGES, 2).fill([1, 1], [0, 1], [1.0, 1.0], [np.nan, 9.0])
    assert_array_equal(empty.pdf.values, [0, 0])
    assert_array_equal(empty.pdf.errors, [0, 0])
    assert_array_equal(empty.effective_entries, [0, 0])
    assert plateau(empty) == 0
    with pytest.raises(StatisticsError, match="the histogram is empty"):
        gain(empty)
    result = chi_square(empty.pdf.values, empty.pdf.values, empty.covariance)
    assert (result.statistic, result.ndf, result.p_value) == (0, 0, 1)


@given(seed=st.integers(0, 1000))
def test_weights_that_are_all_negative_give_what_their_opposites_do(seed):
    """Pdf, distances and ratios are of the normalised kind; contents change sign, variances do not."""
    rng = np.random.default_rng(seed)
    value, weight = rng.uniform(0, 2, 20), rng.uniform(0.1, 2, 20)
    other = rng.uniform(0, 2, 20)
    one, two = (FoldedHistogram(EDGES).fill(np.arange(20), np.zeros(20, int), w, value) for w in (weight, -weight))
    assert_allclose(two.pdf.values, one.pdf.values)
    assert_allclose(two.pdf.errors, one.pdf.errors)
    assert_allclose(two.contents, -one.contents)
    assert_allclose(two.covariance, one.covariance)
    assert_allclose(wasserstein(value, other, -weight, weight), wasserstein(value, other, weight, weight), atol=1e-12)
    replicas = rng.poisson(20, (30, 2)).astype(float)
    plus, minus = (
        paired_ratio(s * np.array([10.0, 20]), s * np.array([20.0, 20]), s * replicas, s * replicas[::-1])
        for s in (1, -1)
    )
    assert_allclose(minus.value, plus.value)
    assert_allclose(minus.error, plus.error)


def contents_of(column: list[float]) -> EventContents:
    """One event a bin with that content, and one in none that makes Σ w 10."""
    matrix = np.zeros((len(column), len(column) + 1))
    np.fill_diagonal(matrix, column)
    weights = np.append(column, 10.0 - sum(column))
    return EventContents(np.arange(len(weights)).astype(np.uint64), weights, sparse.csr_array(matrix))


def test_a_ratio_method_of_negative_bins_only_is_an_error_and_of_some_masks_them():
    """Bins that are negative in numerator and denominator alike have no prediction either."""
    negative, mixed = (joint_moments({"full": contents_of(c), "sim": contents_of(c)}) for c in ([-1, -2], [-1, 2]))
    with pytest.raises(StatisticsError, match="no valid bin: negative content in REF_full"):
        transfer(negative, negative)
    prediction = transfer(mixed, mixed)
    assert prediction.states == (BinState.NEGATIVE_REFERENCE_FULL, BinState.VALID)
    assert_allclose(prediction.values, [np.nan, 0.2])


def table_of(events: np.ndarray, folds: int = 1) -> dict[str, np.ndarray]:
    rows = np.repeat(events, folds)
    return {
        "run": np.ones(len(rows), np.uint32),
        "luminosityBlock": np.ones(len(rows), np.uint32),
        "event": rows.astype(np.uint64),
        "fold": np.tile(np.arange(folds, dtype=np.int32), len(events)),
        "weight": np.ones(len(rows)),
        "x": np.linspace(0, 2, len(rows)),
    }


def test_paired_quantities_of_other_events_are_refused():
    """By identity where it is known, by shape where it is not."""
    here, there = (contents_from_table(table_of(np.arange(10) + first), "x", EDGES) for first in (0, 3))
    with pytest.raises(StatisticsError, match="different events: 6 are in one of them only"):
        joint_moments({"full": here, "sim": there})
    with pytest.raises(StatisticsError, match="has 1 folds, not 2"):
        contents_from_table(table_of(np.arange(10)), "x", EDGES, folds=2)
    more = contents_from_table(table_of(np.arange(12)), "x", EDGES)
    with pytest.raises(StatisticsError, match="do not fit"):
        paired_covariance(here.contents, more.contents)
    with pytest.raises(StatisticsError, match="10 events, but contributions of shape"):
        bootstrap_sums(event_keys(np.ones(10), np.ones(10), np.arange(10)), more.contents)
    with pytest.raises(StatisticsError, match="do not fit"):
        exchange_sums(np.zeros((10, 1), int), np.zeros(12, int), np.ones(12), 1)
    with pytest.raises(StatisticsError, match="paired samples of 50 and 51 rows"):
        kernel_distance(np.ones((50, 2)), np.ones((51, 2)), paired=True)
    with pytest.raises(StatisticsError, match="one of the samples"):
        classifier_test(np.ones(200), np.ones(200), first_events=range(200))


def test_a_fold_that_is_missing_is_named_and_not_taken_for_one_that_failed():
    histogram = FoldedHistogram(EDGES, 3).fill([4, 4, 5, 5, 5], [0, 1, 0, 1, 2], np.ones(5), np.full(5, 0.5))
    with pytest.raises(StatisticsError, match=r"events lack folds: 4 \(2 of 3\)"):
        _ = histogram.pdf
    with pytest.raises(StatisticsError, match="has 2 folds, not 3"):
        event_contents([4, 4, 5, 5, 5], np.ones(5), np.full(5, 0.5), EDGES, folds=3)


@given(seed=st.integers(0, 10_000), size=st.sampled_from([0.01, 1.0, 100.0]))
def test_bootstrap_mean_and_variance_of_a_sum_match_theory(seed, size):
    """Any weights, of either sign: mean Σ w, variance Σ w², within six standard errors of 600 replicas."""
    rng = np.random.default_rng(seed)
    weight = size * rng.normal(0.5, 1, 300)
    keys = event_keys(np.full(300, seed), np.ones(300), np.arange(300))
    sums = bootstrap_sums(keys, contributions(np.arange(300), np.zeros(300, int), weight, (1, 300)), 600)[:, 0]
    variance = np.sum(weight**2)
    assert abs(sums.mean() - weight.sum()) < 6 * np.sqrt(variance / 600)
    excess = np.sum(weight**4) / variance**2  # of a Poisson(1) number times a weight
    assert abs(sums.var(ddof=1) / variance - 1) < 6 * np.sqrt((2 + excess) / 600)
