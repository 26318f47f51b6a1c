"""Number, features and places of fake jets."""

import numpy as np
import pytest

from flash.toy_detector import FAKES_PER_INTERACTION, toy_events
from flashbench.simulators.flash import conditions as c
from flashbench.simulators.flash.fakes import FAKE_TARGETS, fake_targets_for, free_azimuth
from flashbench.simulators.flash.pairs import Flat, pairs


def draw(networks, events, seed=0):
    jets = c.gen_jets(events)
    return networks.fakes.draw(c.event_conditions(events, jets), jets, np.random.default_rng(seed)), jets


def test_as_many_fakes_as_in_the_sample(networks):
    fakes, _ = draw(networks, toy_events(3000, seed=21))
    assert fakes.counts.mean() == pytest.approx(30 * FAKES_PER_INTERACTION, rel=0.06)
    assert fakes.counts.var() == pytest.approx(30 * FAKES_PER_INTERACTION, rel=0.15)


def test_features_are_values_a_detector_gives(networks):
    fakes, _ = draw(networks, toy_events(500, seed=22))
    assert set(np.unique(fakes["puId"])) <= {0, 7}
    assert set(fakes["qgl"]) == {-1.0}
    assert fakes["pt"].min() >= 15
    assert np.array_equal(fakes["nConstituents"], np.rint(fakes["nConstituents"]))
    assert np.abs(fakes["phi"]).max() <= np.pi


def test_no_fake_lies_on_a_generator_jet(networks):
    fakes, jets = draw(networks, toy_events(2000, seed=23))
    assert len(pairs(fakes, jets, 0.4).left) < 0.001 * len(fakes)


def test_the_azimuth_is_uniform_in_an_empty_event():
    fakes = Flat({"eta": np.zeros(40_000)}, np.array([40_000]))
    none = Flat({"eta": np.empty(0), "phi": np.empty(0)}, np.array([0]))
    phi = free_azimuth(fakes, none, np.random.default_rng(1))
    counts = np.histogram(phi, 20, (-np.pi, np.pi))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 45  # χ² of 19 degrees of freedom, 0.1 %


def test_a_crowded_event_keeps_its_fakes():
    jets = Flat({"eta": np.zeros(100), "phi": np.linspace(-np.pi, np.pi, 100)}, np.array([100]))
    fakes = Flat({"eta": np.zeros(5)}, np.array([5]))
    assert np.isfinite(free_azimuth(fakes, jets, np.random.default_rng(1))).all()


def test_other_random_numbers_give_other_fakes(networks):
    events = toy_events(200, seed=24)
    (first, _), (again, _), (other, _) = (draw(networks, events, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.counts, again.counts)
    assert np.array_equal(first["pt"], again["pt"])
    assert not np.array_equal(first.counts, other.counts)


def test_no_event_has_no_fake(networks):
    fakes, _ = draw(networks, toy_events(5, seed=1)[:0])
    assert len(fakes) == 0
    assert len(fakes["pt"]) == 0


def test_features_a_file_lacks_are_left_out():
    names = {f.name for f in fake_targets_for([f.branch for f in FAKE_TARGETS if f.name != "qgl"])}
    assert names == {f.name for f in FAKE_TARGETS} - {"qgl"}
