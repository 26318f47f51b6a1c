"""Upsampled histograms: the limits in which they are plain ones, and blocks in any order."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from itertools import pairwise

import hist
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.errors import StatisticsError
from flashbench.stats.folds import FoldedHistogram

EDGES = np.array([0.0, 0.5, 1.0, 1.5, 3.0])


@dataclass
class Folded:
    """Rows of events and folds, adjacent."""

    event: np.ndarray
    fold: np.ndarray
    weight: np.ndarray
    value: np.ndarray

    def __getitem__(self, which: object) -> tuple[np.ndarray, ...]:
        return self.event[which], self.fold[which], self.weight[which], self.value[which]

    @property
    def n_events(self) -> int:
        return len(np.unique(self.event))


@st.composite
def folded(draw: st.DrawFn, most_folds: int = 6, least_folds: int = 1) -> tuple[Folded, int]:
    """Events of either sign of weight with some folds outside the bins and some undefined."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    events, folds = draw(st.integers(1, 12)), draw(st.integers(least_folds, most_folds))
    identity = rng.choice(10_000, events, replace=False).astype(np.uint64)
    value = rng.uniform(-0.5, 3.5, events * folds)
    value[rng.uniform(size=value.size) < 0.2] = np.nan
    weight = np.repeat(rng.choice([-1.0, 0.5, 1.0, 2.0], events) * 1.25, folds)
    if weight.sum() == 0:
        weight[:folds] += 1.0
    return Folded(np.repeat(identity, folds), np.tile(np.arange(folds), events), weight, value), folds


def filled(rows: Folded, folds: int, which: object = slice(None)) -> FoldedHistogram:
    return FoldedHistogram(EDGES, folds).fill(*rows[which])


def assert_same(one: FoldedHistogram, two: FoldedHistogram) -> None:
    assert one.n_events == two.n_events
    assert_allclose(one.sum_weights, two.sum_weights, atol=1e-12)
    assert_allclose(one.contents, two.contents, atol=1e-12)
    assert_allclose(one.products, two.products, atol=1e-12)
    assert_allclose(one.single_fold_variances, two.single_fold_variances, atol=1e-12)


def by_the_formula(rows: Folded, folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Pdf and covariance by the papers' sums, one event after the other."""
    bins = len(EDGES) - 1
    pdf, covariance, total = np.zeros(bins), np.zeros((bins, bins)), 0.0
    for event in np.unique(rows.event):
        mine = rows.event == event
        weight = rows.weight[mine][0]
        share = np.array([sum(low <= v < high for v in rows.value[mine]) / folds for low, high in pairwise(EDGES)])
        pdf += weight * share
        covariance += weight**2 * np.outer(share, share)
        total += weight
    return pdf / total, covariance / total**2


@given(rows=folded())
def test_pdf_and_covariance_are_the_sums_over_events_of_the_papers(rows):
    histogram = filled(*rows)
    pdf, covariance = by_the_formula(*rows)
    assert_allclose(histogram.pdf.values, pdf, atol=1e-12)
    assert_allclose(histogram.covariance, covariance, atol=1e-12)


@given(rows=folded(most_folds=1), cut=st.integers(0, 12))
def test_one_fold_equals_the_plain_histogram_bit_for_bit(rows, cut):
    """Contents and variances of `hist`, filled in one block or two; no correlation between bins."""
    sample, _ = rows
    plain = hist.Hist(hist.axis.Variable(EDGES), storage=hist.storage.Weight())
    plain.fill(sample.value, weight=sample.weight)
    histogram = filled(sample, 1, slice(0, cut)).fill(*sample[cut:])
    assert_array_equal(histogram.contents, plain.values())
    assert_array_equal(histogram.variances, plain.variances())
    assert_array_equal(histogram.products, np.diag(plain.variances()))


@given(rows=folded(most_folds=1), folds=st.integers(1, 50))
def test_folds_in_one_bin_equal_one_to_one(rows, folds):
    """Throwing an event many times into the same bin adds no information."""
    once, _ = rows
    many = Folded(*(np.repeat(column, folds) for column in once[:]))
    many.fold = np.tile(np.arange(folds), len(once.event))
    one, other = filled(once, 1), filled(many, folds)
    assert_allclose(other.pdf.values, one.pdf.values, atol=1e-15)
    assert_allclose(other.covariance, one.covariance, atol=1e-15)


@given(rows=folded(), seed=st.integers(0, 1000), blocks=st.integers(1, 5))
@settings(deadline=None)
def test_permuting_folds_events_and_blocks_changes_nothing(rows, seed, blocks):
    sample, folds = rows
    shuffled = FoldedHistogram(EDGES, folds)
    for which in np.array_split(np.random.default_rng(seed).permutation(len(sample.event)), blocks):
        shuffled.fill(*sample[which])
    assert_same(shuffled, filled(sample, folds))


@given(rows=folded(least_folds=2), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_merging_is_associative_and_commutative_even_of_split_events(rows, seed):
    sample, folds = rows
    cuts = np.array_split(np.random.default_rng(seed).permutation(len(sample.event)), 3)
    a, b, c = (filled(sample, folds, which) for which in cuts)
    whole = filled(sample, folds)
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c)), c + b + a, b + c + a):
        assert_same(merged, whole)


@given(rows=folded(), cut=st.integers(0, 12))
def test_disjoint_sets_of_events_add(rows, cut):
    sample, folds = rows
    one, two = filled(sample, folds, slice(0, cut * folds)), filled(sample, folds, slice(cut * folds, None))
    both = filled(sample, folds)
    assert_allclose((one + two).contents, one.contents + two.contents)
    assert_allclose(both.products, one.products + two.products, atol=1e-12)
    assert_same(one + two, both)


@given(rows=folded())
def test_covariances_are_positive_semi_definite_and_their_diagonal_is_the_variance(rows):
    histogram = filled(*rows)
    assert_allclose(np.diagonal(histogram.covariance), histogram.pdf.errors**2, atol=1e-14)
    for matrix in (histogram.covariance, histogram.shape_covariance):
        assert_array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix)[0] > -1e-10 * max(1.0, np.abs(matrix).max())


@given(rows=folded(), factor=st.floats(-50, 50).filter(lambda c: abs(c) > 1e-2))
def test_scaling_weights_scales_the_error_of_the_contents_and_leaves_the_pdf(rows, factor):
    sample, folds = rows
    scaled = Folded(sample.event, sample.fold, factor * sample.weight, sample.value)
    one, other = filled(sample, folds), filled(scaled, folds)
    assert_allclose(np.sqrt(other.variances), abs(factor) * np.sqrt(one.variances), rtol=1e-9)
    assert_allclose(other.pdf.values, one.pdf.values, rtol=1e-9, atol=1e-15)
    assert_allclose(other.pdf.errors, one.pdf.errors, rtol=1e-9)
    assert_allclose(other.effective_entries, one.effective_entries, rtol=1e-9, atol=1e-12)


@given(rows=folded())
def test_two_observables_are_the_flattened_product_and_project_onto_one(rows):
    sample, folds = rows
    other = np.random.default_rng(3).uniform(0, 1, len(sample.value))
    both = FoldedHistogram([EDGES, [0, 0.3, 1.0]], folds)
    both.fill(sample.event, sample.fold, sample.weight, np.stack([sample.value, other], axis=1))
    assert both.pdf.values.shape == (4, 2)
    assert_allclose(both.contents.sum(axis=1), filled(sample, folds).contents, atol=1e-12)
    summed = both.products.reshape(4, 2, 4, 2).sum(axis=(1, 3))
    assert_allclose(summed, filled(sample, folds).products, atol=1e-12)


def test_many_bins_take_the_sparse_way_to_the_same_sums():
    rng = np.random.default_rng(4)
    event, fold = np.repeat(np.arange(50), 8), np.tile(np.arange(8), 50)
    value, weight = rng.uniform(size=400), np.repeat(rng.normal(1, 1, 50), 8)
    fine = FoldedHistogram(np.linspace(0, 1, 301), 8).fill(event, fold, weight, value)
    coarse = FoldedHistogram(np.linspace(0, 1, 4), 8).fill(event, fold, weight, value)
    assert_allclose(fine.contents.reshape(3, 100).sum(axis=1), coarse.contents)
    assert_allclose(fine.products.reshape(3, 100, 3, 100).sum(axis=(1, 3)), coarse.products)
    assert_allclose(np.diagonal(fine.products), fine.variances.ravel())


def test_folds_that_fail_count_in_the_denominator_whether_masked_or_undefined():
    masked = FoldedHistogram([0, 1], 4).fill([7] * 4, range(4), [2.0] * 4, [0.5] * 4, [True, False, False, False])
    undefined = FoldedHistogram([0, 1], 4).fill([7] * 4, range(4), [2.0] * 4, [0.5, np.nan, np.nan, np.nan])
    for histogram in (masked, undefined):
        assert histogram.sum_weights == 2
        assert_allclose(histogram.pdf.values, 0.25)
        assert_allclose(histogram.pdf.errors, 0.25)


def test_the_pdf_of_one_bin_that_holds_everything_has_no_error_of_shape():
    histogram = FoldedHistogram([0, 1], 2).fill([1, 1, 2, 2], [0, 1, 0, 1], [1.0, 1, 3, 3], [0.5] * 4)
    assert_allclose(histogram.pdf.errors, np.sqrt(10) / 4)
    assert_allclose(histogram.shape_covariance, 0, atol=1e-15)


def test_open_events_are_named_and_closed_by_what_is_missing():
    histogram = FoldedHistogram([0, 1], 3).fill([5, 5, 6, 6, 6], [0, 1, 0, 1, 2], np.ones(5), np.full(5, 0.5))
    assert_array_equal(histogram.open_events, [5])
    with pytest.raises(StatisticsError, match=r"5 \(2 of 3\)"):
        _ = histogram.pdf
    rest = FoldedHistogram([0, 1], 3).fill([5], [2], [1.0], [np.nan])
    assert_allclose(histogram.merge(rest).contents, 2 / 3 + 1)
    assert_array_equal(histogram.open_events, [5])
    assert_allclose(histogram.fill([5], [2], [1.0], [np.nan]).contents, 2 / 3 + 1)
    assert histogram.n_events == 2


def test_a_refused_block_leaves_the_histogram_as_it_was():
    histogram = FoldedHistogram([0, 1], 2).fill([1, 1], [0, 1], [1.0, 1], [0.5, 0.5])
    with pytest.raises(StatisticsError, match="differ in weight"):
        histogram.fill([2, 2, 3, 3], [0, 1, 0, 1], [1.0, 1, 1, 2], [0.5] * 4)
    assert histogram.n_events == 1
    assert histogram.contents == 1


def test_memory_does_not_grow_with_complete_events():
    histogram = FoldedHistogram(np.linspace(0, 1, 16), 5)

    def fill(block: int) -> int:
        event = np.repeat(np.arange(block * 2000, block * 2000 + 2000), 5)
        histogram.fill(event, np.tile(np.arange(5), 2000), np.ones(10_000), np.full(10_000, 0.5))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    sizes = [fill(block) for block in range(40)]
    tracemalloc.stop()
    assert sizes[-1] - sizes[1] < 100_000  # a block is 400 kB
    assert histogram.n_events == 80_000


@pytest.mark.parametrize(
    ("event", "fold", "weight", "value", "said"),
    [
        ([1, 1], [0, 0], [1.0, 1], [0.5, 0.5], "same fold twice"),
        ([1, 2, 1, 2], [0, 0, 0, 1], np.ones(4), np.full(4, 0.5), "same fold twice"),
        ([1, 1], [0, 2], [1.0, 1], [0.5, 0.5], "2 were declared"),
        ([1, 1], [-1, 0], [1.0, 1], [0.5, 0.5], "were declared"),
        ([1, 1, 2, 2, 1, 1], [0, 1] * 3, np.ones(6), np.full(6, 0.5), "more folds than declared"),
        ([1, 1, 2, 1], [0, 1, 0, 0], np.ones(4), np.full(4, 0.5), "more folds than declared"),
        ([1, 1], [0, 1], [1.0, 2], [0.5, 0.5], "differ in weight"),
        ([1, 1], [0, 1], [1.0, np.nan], [0.5, 0.5], "NaN"),
        ([1, 1], [0, 1], [1.0], [0.5, 0.5], "do not fit"),
        ([1, 1], [0, 1], [1.0, 1], [[0.5, 0.5]] * 2, "1 observables"),
        ([1.0, 1.0], [0, 1], [1.0, 1], [0.5, 0.5], "integers"),
        ([1, 1], [0, 1], [0.0, 0], [0.5, 0.5], "add up to zero"),
    ],
)
def test_bad_input_is_refused(event, fold, weight, value, said):
    with pytest.raises(StatisticsError, match=said):
        _ = FoldedHistogram([0, 1], 2).fill(event, fold, weight, value).pdf


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: FoldedHistogram([0]), "two or more"),
        (lambda: FoldedHistogram([0, 1, 1]), "ascending"),
        (lambda: FoldedHistogram([0, np.nan]), "finite"),
        (lambda: FoldedHistogram([0, 1], 0), "one or more"),
        (lambda: FoldedHistogram([range(100), range(100)]), "too large a covariance"),
        (lambda: FoldedHistogram([0, 1]).merge(FoldedHistogram([0, 2])), "different edges"),
        (lambda: FoldedHistogram([0, 1]).merge(FoldedHistogram([0, 1], 2)), "different edges"),
        (lambda: FoldedHistogram([0, 1]).fill([1], [0], [1.0], [0.5], [1]), "a mask of int"),
        (lambda: FoldedHistogram([0, 1]).pdf, "add up to zero"),
    ],
)
def test_undefined_histograms_are_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()
