"""Flat columns of many events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashbench.production.ragged import Ragged, chain, concatenate, events_of, from_rows, pairs, spans, wrap

COUNTS = st.lists(st.integers(0, 6), min_size=1, max_size=12)


def table(counts: list[int]) -> Ragged:
    return Ragged(np.array(counts, dtype=np.int64), {"value": np.arange(sum(counts), dtype=float)})


@given(COUNTS)
def test_selecting_keeps_events_even_when_they_become_empty(counts: list[int]) -> None:
    rows = table(counts)
    odd = rows.select(rows["value"] % 2 == 1)
    assert odd.events == rows.events
    assert odd["value"].tolist() == [v for v in rows["value"].tolist() if v % 2 == 1]
    assert odd.counts.tolist() == [int((rows["value"][rows.event == e] % 2 == 1).sum()) for e in range(rows.events)]


@given(COUNTS)
def test_sorting_is_by_descending_key_within_each_event(counts: list[int]) -> None:
    rows = table(counts)
    ordered = rows.take(rows.sorted_rows(rows["value"]))
    for event in range(rows.events):
        assert ordered["value"][ordered.event == event].tolist() == rows["value"][rows.event == event][::-1].tolist()


@given(COUNTS, COUNTS)
def test_pairs_are_all_pairs_of_the_same_event(left: list[int], right: list[int]) -> None:
    size = min(len(left), len(right))
    a, b = table(left[:size]), table(right[:size])
    row, other = pairs(a, b)
    expected = [(i, j) for i in range(a.rows) for j in range(b.rows) if a.event[i] == b.event[j]]
    assert sorted(zip(row.tolist(), other.tolist(), strict=True)) == expected


@given(COUNTS)
def test_cutting_events_apart_and_chaining_them_is_the_identity(counts: list[int]) -> None:
    rows = table(counts)
    middle = rows.events // 2
    again = chain([events_of(rows, 0, middle), events_of(rows, middle, rows.events)])
    assert again.counts.tolist() == rows.counts.tolist()
    assert again["value"].tolist() == rows["value"].tolist()


def test_concatenation_puts_rows_of_an_event_together() -> None:
    both = concatenate(table([1, 0, 2]), table([0, 1, 1]))
    assert both.counts.tolist() == [1, 1, 3]
    assert both["value"].tolist() == [0, 0, 1, 2, 1]


def test_rows_with_event_numbers_are_grouped_stably() -> None:
    grouped = from_rows(np.array([2, 0, 2]), 3, {"value": np.array([1.0, 2.0, 3.0])})
    assert grouped.counts.tolist() == [1, 0, 2]
    assert grouped["value"].tolist() == [2, 1, 3]


def test_columns_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError, match="column pt has 2 rows"):
        Ragged(np.array([1]), {"pt": np.zeros(2)})


def test_spans_of_no_length_are_skipped() -> None:
    assert spans(np.array([5, 9, 0]), np.array([2, 0, 1])).tolist() == [5, 6, 0]


@given(st.floats(-50, 50))
def test_wrapped_angles_stay_on_the_circle(angle: float) -> None:
    wrapped = float(wrap(np.array([angle]))[0])
    assert -np.pi <= wrapped <= np.pi
    assert np.cos(wrapped) == pytest.approx(np.cos(angle), abs=1e-9)
    assert np.sin(wrapped) == pytest.approx(np.sin(angle), abs=1e-9)
