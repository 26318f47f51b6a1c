"""Throws follow the probabilities, and charges flip as often as measured."""

import numpy as np
import pytest

from flashbench.errors import PluginError
from flashbench.simulators.flash.efficiency import ChargeFlip, Classifier
from flashbench.simulators.flash.feature import Feature
from flashbench.simulators.flash.standardise import Standardise

CONDITIONS = (Feature("gen_eta"), Feature("gen_pt"))


@pytest.fixture
def classifier():
    """Three outcomes whose probabilities depend on the first condition."""
    rng = np.random.default_rng(0)
    inputs = Standardise.fit(rng.normal(size=(500, 2)), CONDITIONS)
    layers = tuple(
        (rng.normal(size=shape).astype(np.float32), rng.normal(size=shape[0]).astype(np.float32))
        for shape in ((8, 2), (3, 8))
    )
    return Classifier(inputs, layers)


def test_probabilities_add_up_to_one_whatever_the_batch(classifier):
    conditions = np.random.default_rng(1).normal(size=(9000, 2))
    probabilities = classifier.probabilities(conditions)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert probabilities.std(axis=0).min() > 0.01
    assert np.allclose(classifier.probabilities(conditions[8000:]), probabilities[8000:], atol=1e-6)


def test_throws_follow_the_probabilities(classifier):
    conditions = np.tile([[0.4, -0.3]], (50_000, 1))
    thrown = classifier.throw(conditions, np.random.default_rng(2))
    rates = np.bincount(thrown, minlength=3) / len(thrown)
    assert rates == pytest.approx(classifier.probabilities(conditions[:1])[0], abs=0.01)


def test_throws_are_a_function_of_the_generator(classifier):
    conditions = np.random.default_rng(1).normal(size=(1000, 2))
    first, again, other = (classifier.throw(conditions, np.random.default_rng(s)) for s in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_rows_give_no_throws(classifier):
    assert classifier.throw(np.empty((0, 2)), np.random.default_rng(0)).shape == (0,)


def test_a_saved_classifier_gives_the_same_probabilities(classifier, tmp_path):
    classifier.save(tmp_path / "net", {"note": "kept"})
    loaded = Classifier.load(tmp_path / "net", CONDITIONS)
    conditions = np.random.default_rng(3).normal(size=(100, 2))
    assert np.array_equal(loaded.probabilities(conditions), classifier.probabilities(conditions))
    assert loaded.metadata["note"] == "kept"


def test_weights_for_other_conditions_are_refused(classifier, tmp_path):
    classifier.save(tmp_path / "net", {})
    with pytest.raises(PluginError, match="other conditions"):
        Classifier.load(tmp_path / "net", (*CONDITIONS, Feature("gen_phi")))


def test_charge_flips_are_measured_in_bins_of_pt():
    rng = np.random.default_rng(4)
    pt = rng.uniform(0, 200, 400_000)
    truth = np.where(pt < 100, 0.01, 0.05)
    flip = ChargeFlip.measure(pt, rng.random(len(pt)) < truth)
    thrown = flip.throw(pt, np.random.default_rng(5))
    assert thrown[pt < 100].mean() == pytest.approx(0.01, abs=0.002)
    assert thrown[pt > 100].mean() == pytest.approx(0.05, abs=0.003)
    assert ChargeFlip.from_dict(flip.to_dict()) == flip


def test_a_bin_of_few_muons_takes_the_rate_of_all():
    pt, flipped = np.array([5.0] * 100_000 + [500.0]), np.array([False] * 100_000 + [True])
    rates = ChargeFlip.measure(pt, flipped).probability
    assert rates[-1] < 0.002, "one muon of one flipped is no measurement"


def test_a_sample_without_flips_flips_nothing():
    flip = ChargeFlip.measure(np.array([20.0, 40.0]), np.array([False, False]))
    assert not flip.throw(np.full(10_000, 30.0), np.random.default_rng(0)).any()
