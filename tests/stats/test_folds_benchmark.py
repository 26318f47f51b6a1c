"""Folds of a million events in seconds (run with --benchmark-only)."""

from __future__ import annotations

import numpy as np
import pytest

from flashbench.stats.folds import FoldedHistogram

EVENTS, FOLDS = 40_000, 25


@pytest.mark.benchmark(group="folds")
def test_a_million_folds_in_15_bins(benchmark):
    """25 such blocks are the 25 million of the benchmark in `benchmarks/stats_folds.py`."""
    rng = np.random.default_rng(0)
    value = np.repeat(rng.normal(2, 1, EVENTS), FOLDS) + rng.normal(0, 0.4, EVENTS * FOLDS)
    event, fold = np.repeat(np.arange(EVENTS), FOLDS), np.tile(np.arange(FOLDS), EVENTS)

    def fill() -> FoldedHistogram:
        return FoldedHistogram(np.linspace(0, 4, 16), FOLDS).fill(event, fold, np.ones(value.size), value)

    histogram = benchmark.pedantic(fill, rounds=5)
    assert histogram.n_events == EVENTS
    np.testing.assert_allclose(histogram.contents.sum(), np.count_nonzero((value >= 0) & (value < 4)) / FOLDS)
