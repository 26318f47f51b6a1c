"""Cutflows count what passes, and add exactly in any order."""

import json
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from flashbench.analysis import Cutflow
from flashbench.errors import RunError, SchemaError

NAMES = ("all", "muons", "jets")
WEIGHTS = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def cutflows(draw):
    """A cutflow of up to 20 events with three cuts."""
    weights = draw(st.lists(WEIGHTS, max_size=20))
    masks = [draw(st.lists(st.booleans(), min_size=len(weights), max_size=len(weights))) for _ in NAMES]
    return Cutflow.count(zip(NAMES, (np.array(m, dtype=bool) for m in masks), strict=True), weights)


def test_each_step_counts_what_passes_it_and_all_before():
    masks = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1]], dtype=bool)
    flow = Cutflow.count(zip(NAMES, masks, strict=True), [1.0, 2.0, -4.0, 0.5])
    assert [(s.name, s.events, s.sum_weights, s.sum_weights2) for s in flow] == [
        ("all", 4, -0.5, 21.25),
        ("muons", 3, -2.5, 17.25),
        ("jets", 2, 1.5, 1.25),
    ]


@given(cutflows(), cutflows(), cutflows())
def test_adding_is_exactly_associative_and_commutative(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a.merge(b, c) == a + b + c


@given(st.permutations(range(6)))
def test_order_of_parts_does_not_change_a_bit_where_float_sums_would(order):
    weights = [1e16, 1.0, -1e16, 1e-8, 3.0, -1.0]
    parts = [Cutflow.count([("all", np.array([True]))], [w]) for w in weights]
    merged = reduce(add, (parts[i] for i in order))
    assert merged.steps[0].sum_weights == 3.0 + 1e-8
    assert merged.steps[0].events == 6


@given(cutflows())
def test_the_empty_cutflow_is_zero(a):
    assert Cutflow() + a == a + Cutflow() == a == Cutflow().merge(a)


@given(cutflows())
def test_json_returns_the_cutflow_of_a_block(a):
    assert Cutflow.from_dict(json.loads(json.dumps(a.to_dict()))) == a


@given(cutflows(), cutflows())
def test_json_of_a_merged_cutflow_is_rounded_once(a, b):
    merged = a + b
    again = Cutflow.from_dict(json.loads(json.dumps(merged.to_dict())))
    assert again.to_dict() == merged.to_dict()
    assert_allclose(
        [s.sum_weights for s in merged],
        [x.sum_weights + y.sum_weights for x, y in zip(a, b, strict=True)],
        rtol=1e-12,
        atol=1e-6,
    )


def test_different_cuts_do_not_add():
    a, b = (Cutflow.count([(name, np.array([True]))], [1.0]) for name in ("m > 1", "m > 2"))
    with pytest.raises(RunError, match="m > 2"):
        a + b
    with pytest.raises(TypeError):
        a + 1


@pytest.mark.parametrize("weight", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(weight):
    with pytest.raises(SchemaError, match="entry 1"):
        Cutflow.count([("all", np.array([True, True]))], [1.0, weight])


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"version": 99, "cuts": []},
        {"version": 1},
        {"version": 1, "cuts": [{"name": "all"}]},
        {"version": 1, "cuts": [{"name": "all", "events": 1, "sum_weights": float("nan"), "sum_weights2": 1}]},
    ],
)
def test_what_is_not_a_cutflow_is_refused(content):
    with pytest.raises(RunError):
        Cutflow.from_dict(content)
