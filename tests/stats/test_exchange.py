"""Replicas without a difference: those of the nulls, draw by draw, and exact p-values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from flashbench.errors import StatisticsError
from flashbench.stats import (
    EventSample,
    contributions,
    exchange_sums,
    halves_null,
    halves_sums,
    paired_null,
    wasserstein,
)

CELLS = 6


def cells_of(seed: int, events: int = 60, folds: int = 3, moved: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells of folds and of full simulation, some of them in none, and weights of either sign."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CELLS, events)

    def simulate(repeats: int, by: int) -> np.ndarray:
        cell = np.clip(truth[:, np.newaxis] + by + rng.integers(-1, 2, (events, repeats)), 0, CELLS - 1)
        return np.where(rng.uniform(size=cell.shape) < 0.2, CELLS, cell)

    first, full = simulate(folds, moved), simulate(1, 0)[:, 0]
    first[-1], full[-1] = 0, 0  # the nulls count events by the last one selected
    return first, full, rng.choice([-1.0, 2.0], events, p=[0.1, 0.9])


def as_sample(cells: np.ndarray, weights: np.ndarray) -> EventSample:
    table = cells.reshape(len(weights), -1)
    event, fold = np.nonzero(table < CELLS)
    return EventSample.of(event, table[event, fold], weights[event], fold, table.shape[1])


def binned_wasserstein(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Between contents of cells at whole numbers, shape (replicas, cells)."""
    one, two = (np.cumsum(each, axis=1) / each.sum(axis=1, keepdims=True) for each in (first, second))
    return np.abs(one - two)[:, :-1].sum(axis=1)


@given(seed=st.integers(0, 10_000), folds=st.integers(1, 4))
def test_exchanged_contents_give_the_replicas_of_the_paired_null(seed, folds):
    first, full, weights = cells_of(seed, folds=folds)
    null = paired_null(wasserstein, as_sample(first, weights), as_sample(full, weights), replicas=7, seed=3)
    found = binned_wasserstein(*exchange_sums(first, full, weights, CELLS, replicas=7, seed=3))
    assert_allclose(found, null.replicas, atol=1e-9)


@given(seed=st.integers(0, 10_000))
def test_halved_contents_give_the_replicas_of_the_halves_null(seed):
    _, full, weights = cells_of(seed)
    event = np.flatnonzero(full < CELLS)
    sample = as_sample(full, weights)
    null = halves_null(wasserstein, sample, sample, replicas=20, seed=3)
    content = contributions(event, full[event], weights[event], (CELLS, 60))
    assert_allclose(binned_wasserstein(*halves_sums(content, replicas=20, seed=3)), null.replicas, atol=1e-9)


@given(seed=st.integers(0, 10_000), folds=st.integers(1, 4))
def test_an_exchange_moves_a_fold_of_the_simulator_for_an_event_of_full_simulation(seed, folds):
    """Contents of both, a fold counting once, are conserved."""
    first, full, weights = cells_of(seed, folds=folds)
    one, two = exchange_sums(first, full, weights, CELLS, replicas=5)
    seen = [
        np.bincount(cell.ravel(), weights=np.repeat(weights, cell.size // weights.size), minlength=CELLS + 1)[:CELLS]
        for cell in (first, full)
    ]
    assert_allclose(folds * one + two, np.broadcast_to(seen[0] + seen[1], one.shape), atol=1e-9)


@pytest.mark.parametrize("folds", [1, 4])
def test_p_values_are_uniform_without_a_difference_and_small_with_one(folds):
    p_values: dict[int, list[float]] = {0: [], 1: []}
    for moved, found in p_values.items():
        for seed in range(200):
            first, full, weights = cells_of(seed, 200, folds, moved)
            replicas = binned_wasserstein(*exchange_sums(first, full, weights, CELLS, replicas=19, seed=seed))
            contents = [
                np.bincount(cell.ravel(), np.repeat(weights, cell.size // 200), CELLS + 1) for cell in (first, full)
            ]
            seen = binned_wasserstein(*(each[np.newaxis, :CELLS] for each in contents))
            found.append((1 + np.count_nonzero(replicas >= seen)) / 20)
    smooth = np.array(p_values[0]) - np.random.default_rng(0).uniform(0, 1 / 20, 200)  # multiples of 1/20
    assert stats.kstest(smooth, "uniform").pvalue > 1e-3
    assert np.mean(p_values[1]) < 0.07


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: exchange_sums([0, 1], [0, 1], [1.0, 1], 2), "do not fit"),
        (lambda: exchange_sums([[0], [1]], [0, 1, 1], [1.0, 1], 2), "do not fit"),
        (lambda: exchange_sums([[0], [3]], [0, 1], [1.0, 1], 2), "out of range"),
        (lambda: exchange_sums([[0], [-1]], [0, 1], [1.0, 1], 2), "out of range"),
        (lambda: exchange_sums([[0], [1]], [0, 1], [1.0, np.nan], 2), "NaN"),
        (lambda: exchange_sums([[0], [1]], [0, 1], [1.0, 1], 2, replicas=1), "two replicas"),
        (lambda: halves_sums([[1.0]]), "1 events"),
        (lambda: halves_sums([[1.0, np.inf]]), "NaN"),
        (lambda: halves_sums([[1.0, 1.0]], replicas=1), "1 replicas"),
    ],
)
def test_undefined_input_is_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()
