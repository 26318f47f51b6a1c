"""Only runs of the same generator events are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flashbench.compare.pairing import pair_runs
from flashbench.errors import RunError, UnknownNameError

from .conftest import first_rows, make_run, with_table


def test_rows_of_all_simulators_point_to_the_same_events_whatever_their_order():
    (process,) = pair_runs([make_run("gen"), make_run("full"), make_run("flash@3", folds=3)])
    for paired in process.all:
        assert_array_equal(paired.events, paired.run.table["event"].astype(int))
    assert len(process.keys) == 400


def test_reference_is_full_where_there_is_one_else_the_first_of_the_process():
    runs = [make_run("gen"), make_run("full"), make_run("gen", process="b"), make_run("fast", process="b")]
    assert [p.reference.run.simulator for p in pair_runs(runs)] == ["full", "gen"]
    assert [p.reference.run.simulator for p in pair_runs(runs[:2], "gen")] == ["gen"]


def test_folds_share_the_weight_of_their_event():
    (process,) = pair_runs([make_run("full"), make_run("flash@4", folds=4)])
    one, folded = process.all
    sums = [np.bincount(p.events, weights=p.weights) for p in (one, folded)]
    assert_array_equal(*sums)


def _other_event(run):
    event = run.table["event"].copy()
    event[event == 7] = 70_000
    return with_table(run, event=event)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: replace(run, n_events=399), "differ in events: 399 and 400"),
        (lambda run: replace(run, sum_weights=run.sum_weights * 1.01), "differ in sum of weights: 202 and 200"),
        (_other_event, "different events: first 1:0:8 against 1:0:7"),
        (lambda run: first_rows(run, 390), "events of their tables: 390 and 400"),
        (lambda run: with_table(run, event=np.minimum(run.table["event"], 398)), "has 2 rows, not 1"),
    ],
)
def test_unequal_coverage_is_refused_and_the_difference_named(change, said):
    with pytest.raises(RunError, match=said):
        pair_runs([make_run("full"), change(make_run("gen"))])


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([], "no runs"),
        ([make_run("full")], "only full was run"),
        ([make_run("full"), make_run("gen"), make_run("gen")], "more than one run of gen"),
    ],
)
def test_nothing_to_compare_is_said(runs, said):
    with pytest.raises(RunError, match=said):
        pair_runs(runs)


def test_unknown_reference_suggests_a_near_one():
    with pytest.raises(UnknownNameError, match="did you mean full"):
        pair_runs([make_run("full"), make_run("gen")], "ful")
