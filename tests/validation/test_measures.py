"""Quantities, their errors and floors, on toys whose answer is known."""

import numpy as np
import pytest

from flashbench.stats import event_keys
from flashbench.validation.checks import Tolerance, check
from flashbench.validation.comparison import DISTRIBUTIONS, QUANTITIES, ROCS
from flashbench.validation.measures import (
    Compared,
    Distribution,
    Fraction,
    Measured,
    Quantity,
    Roc,
    distance,
    distance_floor,
    floor,
    in_bins,
    mean,
    measure,
    rate,
    width,
)
from flashbench.validation.objects import TABLES, Objects, ObjectTable
from flashbench.validation.page import GROUPS
from flashbench.validation.selections import between, both, column, everything, no, within


def toy(n_events=2000, per_event=3, shift=0.0, seed=1, first=0):
    """Events with `per_event` jets each, whose x is Gaussian and whose response is 1 ± 0.1."""
    rng = np.random.default_rng(seed)
    event = np.repeat(np.arange(n_events), per_event)
    columns = {
        "x": rng.normal(shift, 1, len(event)),
        "y": rng.normal(1, 0.1, len(event)),
        "passes": np.ones(len(event)),
        "kind": np.tile(np.arange(per_event) % 2, n_events).astype(float),
    }
    jets = ObjectTable(columns, event, n_events)
    ones = np.ones(n_events)
    return Objects("toy", event_keys(ones, ones, first + np.arange(n_events)), dict.fromkeys(TABLES, jets))


def quantity(statistic, select=everything, **more):
    return Quantity("q", "q", "response", "jets", select, statistic, **more)


def test_the_error_of_a_mean_is_its_spread_over_the_root_of_the_objects():
    found = measure(quantity(mean(column("x"))), toy())
    assert found.value == pytest.approx(0, abs=0.05)
    assert found.error == pytest.approx(1 / np.sqrt(6000), rel=0.25)


def test_errors_know_that_objects_of_an_event_belong_together():
    """Ten copies of the same object in an event carry no more information than one."""
    one = toy(per_event=1).tables["jets"]
    rows = np.repeat(np.arange(2000), 10)
    copies = ObjectTable({"x": one["x"][rows]}, one.event[rows], 2000)
    objects = Objects("copies", toy().keys, dict.fromkeys(TABLES, copies))
    assert measure(quantity(mean(column("x"))), objects).error == pytest.approx(1 / np.sqrt(2000), rel=0.25)


def test_a_rate_is_an_event_and_keeps_events_without_objects():
    found = measure(quantity(rate, within("x", 0, 1)), toy())
    assert found.value == pytest.approx(3 * 0.6827, rel=0.02)
    assert measure(quantity(rate, between("x", 50)), toy()).value == 0


def test_the_width_of_a_response():
    found = measure(quantity(width(column("y"))), toy())
    assert found.value == pytest.approx(0.0994, abs=4 * float(found.error))


def test_a_profile_has_a_value_and_an_error_in_each_bin():
    edges = (-1.0, 0.0, 1.0, 30.0, 31.0)
    found = measure(quantity(in_bins(column("x"), column("x"), edges, np.mean), edges=edges), toy())
    assert found.value.shape == found.error.shape == (4,)
    assert found.value[:2] == pytest.approx([-0.46, 0.46], abs=0.05)
    assert np.isnan(found.value[3])
    assert np.isnan(found.error[3])


def test_a_fraction_of_one_has_an_error_and_so_has_its_profile():
    edges = (-1.0, 0.0, 1.0)
    select = between("passes", 0.5)
    found = measure(quantity(Fraction(select)), toy(n_events=10))
    assert found.value == 1
    assert 0 < found.error < 0.1
    profile = measure(quantity(Fraction(select, column("x"), edges), edges=edges), toy())
    assert (profile.value == 1).all()
    assert (profile.error > 0).all()


def test_what_is_not_defined_is_nan_not_an_error():
    assert np.isnan(measure(quantity(width(column("y")), between("x", 50)), toy()).value)
    assert np.isnan(measure(Roc("r", "r", "tagging", "jets", "x", between("x", 50), everything).area, toy()).value)


def test_the_floor_is_the_difference_that_chance_gives():
    """Halves of n events differ by a Gaussian of width 2σ/√n, whose mean modulus is √(2/π) of that."""
    expected = 2 / np.sqrt(6000) * np.sqrt(2 / np.pi)
    found = np.mean([floor(quantity(mean(column("x"))), toy(seed=seed)) for seed in range(5)])
    assert found == pytest.approx(expected, rel=0.25)


def spectrum(**more):
    return Distribution("d", "d", "", "response", "jets", everything, column("x"), 10, -3, 3, **more)


def test_the_distance_of_a_shift_is_the_shift_and_of_equals_the_floor():
    assert distance(spectrum(), toy(), toy()) == 0
    assert distance(spectrum(), toy(), toy(shift=0.5, seed=2)) == pytest.approx(0.5, abs=0.06)
    assert distance(spectrum(), toy(), toy(seed=2)) < 3 * distance_floor(spectrum(), toy())


def test_a_distribution_an_event_counts_objects_and_keeps_empty_events():
    counted = Distribution("n", "n", "", "response", "jets", between("x", 0), column("x"), 5, 0, 5, per_event=True)
    values, event = counted.values(toy())
    assert len(values) == len(event) == 2000
    assert values.sum() == (toy().tables["jets"]["x"] >= 0).sum()
    assert (values == 0).any()


def test_the_area_of_a_roc_is_a_quantity():
    objects = toy()
    roc = Roc("r", "r", "tagging", "jets", "x", between("kind", 1), both(no(between("kind", 1))))
    assert measure(roc.area, objects).value == pytest.approx(roc.curve(objects).area)
    assert measure(roc.area, objects).value == pytest.approx(0.5, abs=0.05)


def compared(reference, measured, error=0.001):
    sides = (Measured(np.asarray(value), np.asarray(error)) for value in (reference, measured))
    return Compared(quantity(rate), *sides, np.asarray(0.0))


@pytest.mark.parametrize(
    ("tolerance", "reference", "measured", "error", "verdict"),
    [
        (Tolerance("q", 0.15, relative=True), 0.2, 0.229, 0.001, "pass"),
        (Tolerance("q", 0.15, relative=True), 0.2, 0.24, 0.001, "fail"),
        (Tolerance("q", 0.15, relative=True), 0.2, 0.16, 0.001, "fail"),
        (Tolerance("q", 0.02), 0.9, 0.881, 0.001, "pass"),
        (Tolerance("q", 0.02), 0.9, 0.85, 0.03, "undecided"),
        (Tolerance("q", 0.02), 0.9, float("nan"), 0.03, "undefined"),
    ],
)
def test_verdicts(tolerance, reference, measured, error, verdict):
    found = check(compared(reference, measured, error), tolerance)
    assert found.verdict == verdict
    assert found.passed == (verdict == "pass")


def test_names_are_unique_and_every_group_has_its_section():
    for declared in (QUANTITIES, DISTRIBUTIONS, ROCS):
        names = [each.name for each in declared]
        assert len(set(names)) == len(names)
        assert {each.group for each in declared} <= set(GROUPS)
