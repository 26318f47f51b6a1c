"""The ratio method: exact where it must be, masked where it cannot be, its covariance that of the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.errors import StatisticsError
from flashbench.stats import bootstrap_sums, event_keys
from flashbench.stats.joint import EventContents, JointMoments, event_contents, joint_moments
from flashbench.stats.tables import contents_from_table, fill_from_table
from flashbench.stats.transfer import BinState, close, closures, simultaneous, transfer

EDGES = np.linspace(0, 1, 6)


def contents(rng: np.random.Generator, truth: np.ndarray, weight: np.ndarray, folds: int = 1, low: float = 0):
    events = len(truth)
    value = np.clip(np.repeat(truth, folds) + rng.normal(0, 0.1, events * folds), low, None)
    kept = rng.uniform(size=value.size) < 0.9
    identity = np.repeat(np.arange(events), folds)
    return event_contents(identity, np.repeat(weight, folds), value, EDGES, selected=kept, folds=folds)


def sample(seed: int, events: int = 2000, power: float = 1.0, folds: int = 1) -> dict[str, EventContents]:
    """Full and fast simulation and the generator level of the same events, weights of either sign."""
    rng = np.random.default_rng(seed)
    truth, weight = rng.uniform(0, 1, events) ** power, rng.choice([-0.5, 1.0], events, p=[0.1, 0.9])
    gen = event_contents(np.arange(events), weight, truth, EDGES)
    return {
        "full": contents(rng, truth, weight),
        "sim": contents(rng, truth, weight, folds),
        "gen": gen,
    }


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_exact_when_the_variation_is_the_reference(seed):
    moments = joint_moments(sample(seed))
    prediction = transfer(moments, moments)
    assert_allclose(prediction.values, moments.pdf("full"))


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_exact_when_the_simulator_is_full_simulation(seed):
    """Prediction, and a closure without deviation or degree of freedom; the error is that of VAR_full."""
    reference, variation = (joint_moments({"full": sample(s, power=p)["full"]}) for s, p in ((seed, 1), (seed + 1, 2)))
    prediction = transfer(reference, variation, sim="full")
    assert_allclose(prediction.values, variation.pdf("full"))
    assert_allclose(prediction.covariance, variation.propagate({"full": np.ones(5)}), atol=1e-15)
    closure = close(reference, variation, "full")
    assert_allclose(closure.ratio, 1)
    assert closure.largest < 1e-12
    assert closure.chi_square.p_value == 1


def test_a_copy_of_full_simulation_under_another_name_closes_exactly():
    parts = [{"full": s["full"], "sim": s["full"]} for s in (sample(1), sample(2, power=2))]
    closure = close(*(joint_moments(each) for each in parts))
    assert_allclose(closure.ratio, 1)
    assert_allclose(closure.ratio_errors, 0, atol=1e-7)


@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_a_common_factor_on_the_weights_changes_nothing(seed, factor):
    reference, variation = sample(seed), sample(seed + 1, power=2)
    scaled = {k: EventContents(c.events, factor * c.weights, factor * c.contents) for k, c in variation.items()}
    one = transfer(joint_moments(reference), joint_moments(variation))
    two = transfer(joint_moments(reference), joint_moments(scaled))
    assert_allclose(one.values, two.values)
    assert_allclose(one.covariance, two.covariance, atol=1e-15)


@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_a_factor_common_to_both_fast_simulations_cancels(seed, factor):
    """An efficiency that is off by the same factor in REF_sim and VAR_sim, and one on all of REF_full and VAR_full."""

    def scaled(parts: dict[str, EventContents], name: str) -> JointMoments:
        changed = EventContents(parts[name].events, parts[name].weights, factor * parts[name].contents)
        return joint_moments({**parts, name: changed})

    reference, variation = sample(seed), sample(seed + 1, power=2)
    one = transfer(joint_moments(reference), joint_moments(variation))
    two = transfer(scaled(reference, "sim"), scaled(variation, "sim"))
    assert_allclose(two.values, one.values)
    assert_allclose(two.covariance, one.covariance, atol=1e-15)
    closed = close(joint_moments(reference), joint_moments(variation))
    both = close(scaled(reference, "full"), scaled(variation, "full"))
    assert_allclose(both.ratio, closed.ratio)
    assert_allclose(both.chi_square.statistic, closed.chi_square.statistic, rtol=1e-6)


@given(seed=st.integers(0, 1000), folds=st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_covariances_of_predictions_are_positive_semi_definite(seed, folds):
    reference, variation = (joint_moments(sample(s, 300, folds=folds)) for s in (seed, seed + 1))
    prediction = transfer(reference, variation)
    valid = prediction.valid
    matrix = prediction.covariance[np.ix_(valid, valid)]
    assert_allclose(np.sqrt(np.diagonal(matrix)), prediction.errors[valid])
    assert np.linalg.eigvalsh((matrix + matrix.T) / 2)[0] > -1e-12 * np.abs(matrix).max()


def test_covariance_is_that_of_the_paired_bootstrap():
    """With folds, and prediction minus truth of the same events as in a closure."""
    reference, variation = sample(3, folds=4), sample(4, power=2, folds=4)
    replicas = {}
    for run, (name, parts) in enumerate({"ref": reference, "var": variation}.items()):
        keys = event_keys(np.full(2000, run), np.ones(2000), np.arange(2000))
        total = bootstrap_sums(keys, parts["full"].weights[np.newaxis], 1500)
        replicas[name] = {key: bootstrap_sums(keys, each.contents, 1500) / total for key, each in parts.items()}
    predicted = replicas["ref"]["full"] * replicas["var"]["sim"] / replicas["ref"]["sim"]
    prediction = transfer(joint_moments(reference), joint_moments(variation))
    closure = close(joint_moments(reference), joint_moments(variation))
    difference = predicted - replicas["var"]["full"]
    for exact, spread in (
        (prediction.covariance, np.cov(predicted.T)),
        (np.diag((closure.ratio_errors * closure.truth) ** 2), np.diag(difference.var(axis=0))),
    ):
        scale = np.sqrt(np.outer(np.diag(spread), np.diag(spread)))
        assert_allclose(exact / scale, spread / scale, atol=0.15)


def test_the_correlation_of_full_and_fast_simulation_makes_the_error_smaller():
    reference, variation = joint_moments(sample(5)), joint_moments(sample(6, power=2))
    prediction = transfer(reference, variation)
    parts = [(reference, "full"), (reference, "sim"), (variation, "sim")]
    ones = np.ones(5)
    relative = [np.diag(m.propagate({n: ones})) / m.pdf(n) ** 2 for m, n in parts]
    naive = prediction.values * np.sqrt(np.sum(relative, axis=0))
    assert (prediction.errors < naive).all()


def test_moments_of_disjoint_events_add():
    whole = sample(7)
    halves = []
    for part in (slice(0, 700), slice(700, None)):
        cut = {k: EventContents(c.events[part], c.weights[part], c.contents[:, part]) for k, c in whole.items()}
        halves.append(joint_moments(cut))
    both, once = halves[0] + halves[1], joint_moments(whole)
    assert_allclose(both.products, once.products)
    assert_allclose(both.sums, once.sums)
    assert both.n_events == 2000


def test_pdf_and_covariance_are_those_of_the_folded_histogram():
    rng = np.random.default_rng(8)
    event, fold = np.repeat(np.arange(300), 5), np.tile(np.arange(5), 300)
    table = {
        "run": np.ones(1500, np.uint32),
        "luminosityBlock": np.ones(1500, np.uint32),
        "event": event.astype(np.uint64),
        "fold": fold.astype(np.int32),
        "weight": np.repeat(rng.normal(1, 0.5, 300), 5),
        "x": rng.uniform(0, 1.2, 1500),
        "y": rng.uniform(0, 1, 1500),
    }
    region = rng.uniform(size=1500) < 0.7
    for observable, edges in (("x", EDGES), (("x", "y"), [EDGES, [0, 0.5, 1]])):
        histogram = fill_from_table(table, observable, edges, region, folds=5)
        moments = joint_moments({"x": contents_from_table(table, observable, edges, region, folds=5)})
        assert_allclose(moments.pdf("x"), histogram.pdf.values.ravel())
        assert_allclose(moments.propagate({"x": np.ones(moments.bins)}), histogram.shape_covariance, atol=1e-15)


def moments_of(full: list[float], sim: list[float]) -> JointMoments:
    """One event of weight one an entry, in bins of the given contents; an extra one so that Σ w is 10."""

    def of(column: list[float]) -> EventContents:
        import scipy.sparse as sp

        matrix = np.zeros((len(column), len(column) + 1))
        np.fill_diagonal(matrix, column)
        weights = np.append(np.ones(len(column)), 10.0 - len(column))
        return EventContents(np.arange(len(column) + 1).astype(np.uint64), weights, sp.csr_array(matrix))

    return joint_moments({"full": of(full), "sim": of(sim)})


def test_bins_without_a_prediction_are_masked_with_the_reason():
    reference = moments_of(full=[1, 0, 1, 1, -1, 1, 1, 1], sim=[1, 1, 0, 1, 1, -1, 1, 1])
    variation = moments_of(full=[1, 1, 1, 1, 1, 1, 1, 0], sim=[1, 1, 1, 0, 1, 1, -1, 1])
    prediction = transfer(reference, variation)
    assert prediction.states == (
        BinState.VALID,
        BinState.EMPTY_REFERENCE_FULL,
        BinState.EMPTY_REFERENCE_SIM,
        BinState.EMPTY_VARIATION_SIM,
        BinState.NEGATIVE_REFERENCE_FULL,
        BinState.NEGATIVE_REFERENCE_SIM,
        BinState.NEGATIVE_VARIATION_SIM,
        BinState.VALID,
    )
    assert_array_equal(np.isfinite(prediction.values), prediction.valid)
    assert_array_equal(np.isfinite(prediction.errors), prediction.valid)
    assert_array_equal(np.isfinite(prediction.covariance), np.outer(prediction.valid, prediction.valid))
    closure = close(reference, variation)
    assert closure.prediction.states[-1] is BinState.EMPTY_VARIATION_FULL
    assert_array_equal(np.isfinite(closure.ratio), closure.prediction.valid)
    assert closure.chi_square.ndf <= 1


def test_no_deviation_is_beyond_its_simultaneous_error_as_often_as_promised():
    deviations = np.abs(np.random.default_rng(3).standard_normal((20_000, 15)))
    assert (deviations.max(axis=1) < simultaneous(15)).mean() == pytest.approx(0.6827, abs=0.01)
    assert simultaneous(1) == pytest.approx(1, abs=1e-4)


def test_closure_finds_the_bin_that_is_off_and_beats_its_baselines():
    """Response as in full simulation: the method closes, REF_full does not, and neither does the generator ratio."""
    rng = np.random.default_rng(9)
    parts = []
    for power in (1.0, 1.5):
        truth = rng.uniform(size=60_000) ** power
        weight = np.ones(truth.size)
        both = {name: contents(rng, truth, weight, low=-1) for name in ("full", "sim")}
        parts.append(joint_moments({**both, "gen": event_contents(np.arange(truth.size), weight, truth, EDGES)}))
    found = closures(*parts)
    assert found["ratio method"].chi_square.p_value > 0.001
    assert found["ratio method"].beyond_error < 0.02
    assert found["no correction"].chi_square.p_value < 1e-10
    assert found["generator ratio"].chi_square.p_value < 1e-10
    assert found["no correction"].largest_bin == 4
    assert found["ratio method"].largest < found["generator ratio"].largest < found["no correction"].largest
    assert set(closures(*parts, gen=None)) == {"ratio method", "no correction"}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: transfer(moments_of([0], [1]), moments_of([1], [1])), "no valid bin"),
        (lambda: transfer(moments_of([1], [1]), moments_of([1, 1], [1, 1])), "1 bins, VAR 2"),
        (lambda: transfer(moments_of([1], [1]), moments_of([1], [1]), sim="flash"), "no histogram 'flash'"),
        (lambda: moments_of([1], [1]) + moments_of([1, 1], [1, 1]), "do not add"),
        (lambda: joint_moments({}), "no histograms"),
        (lambda: joint_moments({"a": sample(1)["gen"], "b": sample(1, 1999)["gen"]}), "different events: 1 are"),
        (lambda: joint_moments({"a": sample(1)["gen"], "b": sample(2)["gen"]}), "different weights"),
        (lambda: event_contents([1, 1], [1.0, 1], [0.5, 0.5], EDGES), "has 2 folds, not 1"),
        (lambda: event_contents([1, 1], [1.0, 2], [0.5, 0.5], EDGES, folds=2), "differ in weight"),
        (lambda: event_contents([1], [np.nan], [0.5], EDGES), "NaN"),
        (lambda: event_contents([1, 2], [1.0], [0.5, 0.5], EDGES), "do not fit"),
        (lambda: fill_from_table({"run": np.ones(1)}, "x", EDGES), "no column 'luminosityBlock'"),
        (lambda: event_contents([1, 2], [1.0, -1], [0.5, 0.5], EDGES) and joint_cancelled().pdf("a"), "add up to zero"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()


def joint_cancelled() -> JointMoments:
    return joint_moments({"a": event_contents([1, 2], [1.0, -1], [0.5, 0.5], EDGES)})
