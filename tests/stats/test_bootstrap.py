"""The bootstrap over generator events: a pure function of event and replica, and the right spread."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from flashbench.errors import StatisticsError
from flashbench.stats import bootstrap_sums, contributions, event_keys, paired_ratio, poisson_weights
from flashbench.stats.bootstrap import splitmix64


def keys_of(n: int, run: int = 1) -> np.ndarray:
    return event_keys(np.full(n, run), np.arange(n) // 100, np.arange(n, dtype=np.uint64))


def test_splitmix64_gives_the_published_sequence():
    """First outputs for seed 1234567, as listed with the public-domain C code and on Rosetta Code."""
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert splitmix64(np.array([1234567], dtype=np.uint64), 0, 4)[0].tolist() == known


@given(order=st.permutations(range(40)), cut=st.integers(1, 39), replicas=st.integers(3, 30))
def test_same_event_has_the_same_weight_in_any_order_block_and_number_of_replicas(order, cut, replicas):
    whole = poisson_weights(keys_of(40), 0, 30)
    rows = np.array(order)
    keys = event_keys(np.ones(40, np.uint32), (rows // 100).astype(np.uint32), rows.astype(np.uint64))
    blocks = [poisson_weights(keys[:cut], 0, replicas), poisson_weights(keys[cut:], 0, replicas)]
    assert_array_equal(np.concatenate(blocks), whole[rows, :replicas])


@given(first=st.integers(0, 20), length=st.integers(1, 20))
def test_a_range_of_replicas_is_a_slice_of_all(first, length):
    keys = keys_of(7)
    assert_array_equal(
        poisson_weights(keys, first, first + length), poisson_weights(keys, 0, 40)[:, first : first + length]
    )


def test_each_part_of_the_identity_changes_the_key():
    base = event_keys([1], [2], [3])
    for other in (
        event_keys([2], [2], [3]),
        event_keys([1], [3], [3]),
        event_keys([1], [2], [4]),
        event_keys([2], [1], [3]),
    ):
        assert other != base


def test_keys_of_a_million_events_are_distinct():
    assert len(np.unique(keys_of(1_000_000))) == 1_000_000


def test_weights_are_poisson_with_mean_one_and_uncorrelated():
    weights = poisson_weights(keys_of(50_000), 0, 40)
    counts = np.bincount(weights.ravel(), minlength=8)[:8]
    expected = stats.poisson.pmf(np.arange(8), 1.0) * weights.size
    assert stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-4
    correlation = np.corrcoef(weights.T.astype(float))[np.triu_indices(40, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(50_000)
    neighbours = np.corrcoef(weights[:-1].ravel().astype(float), weights[1:].ravel().astype(float))[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(weights.size)


def test_mean_and_variance_of_a_sum_match_theory():
    """Over replicas a sum of weights has mean Σ w and variance Σ w²."""
    rng = np.random.default_rng(3)
    weight = rng.normal(0.7, 1.0, 4000)
    sums = bootstrap_sums(keys_of(4000), contributions(np.arange(4000), np.zeros(4000, int), weight, (1, 4000)), 4000)
    variance = np.sum(weight**2)
    assert abs(sums.mean() - weight.sum()) < 4 * np.sqrt(variance / 4000)
    assert_allclose(sums.var(ddof=1), variance, rtol=4 * np.sqrt(2 / 4000))


@settings(deadline=None)
@given(cut=st.integers(1, 199), seed=st.integers(0, 1000))
def test_sums_of_disjoint_blocks_add(cut, seed):
    rng = np.random.default_rng(seed)
    content, keys = rng.normal(size=(3, 200)), keys_of(200)
    parts = bootstrap_sums(keys[:cut], content[:, :cut], 8) + bootstrap_sums(keys[cut:], content[:, cut:], 8)
    assert_allclose(parts, bootstrap_sums(keys, content, 8), atol=1e-9)


def test_sums_are_the_matrix_product_of_the_weights():
    rng = np.random.default_rng(1)
    keys, content = keys_of(30_000), rng.normal(size=(4, 30_000))
    assert_allclose(
        bootstrap_sums(keys, content, 100), poisson_weights(keys, 0, 100).T.astype(float) @ content.T, atol=1e-8
    )


def test_folds_of_one_event_in_one_bin_count_as_one_event():
    folded = contributions([0, 0, 1, 1], [2, 2, 0, 1], [0.5, 0.5, 0.5, 0.5], (3, 2)).toarray()
    assert_array_equal(folded, [[0, 0.5], [0, 0.5], [1.0, 0]])


def test_memory_does_not_grow_with_events():
    def peak(n: int) -> int:
        keys = keys_of(n)
        content = contributions(np.arange(n), np.zeros(n, int), np.ones(n), (1, n))
        tracemalloc.start()
        bootstrap_sums(keys, content, 500)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    small, large = peak(20_000), peak(200_000)
    assert large - small < 30 * 180_000  # a copy of the contributions, not 500 x 8 bytes an event


def test_paired_error_follows_the_correlation_and_the_naive_error_does_not():
    """Pulls of a ratio of two selections of the same events, over toys with a known ratio of one."""
    rng = np.random.default_rng(11)
    pulls, naive = [], []
    for toy in range(400):
        truth = rng.uniform(size=600) < 0.5
        one, two = (np.where(rng.uniform(size=600) < 0.8, truth, rng.uniform(size=600) < 0.5) for _ in range(2))
        content = np.stack([one, two]).astype(float)
        replicas = bootstrap_sums(keys_of(600, run=toy), content, 200)
        top, bottom = content.sum(axis=1)
        ratio = paired_ratio(top, bottom, replicas[:, 0], replicas[:, 1])
        pulls.append((ratio.value - 1) / ratio.error)
        naive.append((ratio.value - 1) / (ratio.value * np.sqrt(1 / top + 1 / bottom)))
    assert abs(np.std(pulls) - 1) < 4 / np.sqrt(2 * 400)
    assert np.std(naive) < 0.8


@given(scale=st.floats(0.01, 100), seed=st.integers(0, 100))
def test_ratio_of_a_scaled_copy_has_no_error(scale, seed):
    replicas = np.random.default_rng(seed).poisson(20, (50, 4)).astype(float)
    nominal = np.full(4, 20.0)
    ratio = paired_ratio(scale * nominal, nominal, scale * replicas, replicas)
    assert_allclose(ratio.value, scale)
    assert_allclose(ratio.error, 0, atol=1e-9 * scale)


def test_empty_bins_have_neither_ratio_nor_error():
    replicas = np.random.default_rng(0).poisson(20, (50, 3)).astype(float) * [1, 0, 1]
    other = np.random.default_rng(1).poisson(20, (50, 3)).astype(float) * [1, 1, 0]
    ratio = paired_ratio([20.0, 20, 0], [20.0, 0, 20], other, replicas)
    assert np.isfinite(ratio.value[0])
    assert np.isfinite(ratio.error[0])
    assert np.isnan(ratio.value[1])
    assert ratio.value[2] == 0
    assert np.isnan(ratio.error[1:]).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: paired_ratio([1.0], [0.0], [[1.0], [2.0]], [[0.0], [0.0]]), "zero everywhere"),
        (lambda: paired_ratio([np.nan], [1.0], [[1.0], [2.0]], [[1.0], [1.0]]), "NaN"),
        (lambda: paired_ratio([1.0], [1.0], [[1.0]], [[1.0]]), "shapes"),
        (lambda: paired_ratio([1.0, 2.0], [1.0], [[1.0], [1.0]], [[1.0], [1.0]]), "shapes"),
        (lambda: bootstrap_sums(keys_of(2), np.array([[np.nan, 1.0]]), 3), "NaN"),
        (lambda: bootstrap_sums(keys_of(2), np.ones((1, 3)), 3), "2 events"),
        (lambda: poisson_weights(keys_of(2), 3, 3), "empty range"),
    ],
)
def test_undefined_input_is_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()


@pytest.mark.benchmark(group="bootstrap")
def test_500_replicas_of_a_million_events_in_15_bins(benchmark):
    n = 1_000_000
    keys, bins = keys_of(n), np.random.default_rng(0).integers(0, 15, n)
    content = contributions(np.arange(n), bins, np.ones(n), (15, n))
    sums = benchmark.pedantic(lambda: bootstrap_sums(keys, content, 500), rounds=1)
    assert_allclose(sums.mean(axis=0), np.bincount(bins), rtol=0.01)
