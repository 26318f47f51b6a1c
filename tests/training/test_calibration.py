"""Calibration of a flow that knows nothing: what its mean misses along a condition, and how much is drawn for it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.simulators.flash.classes import ByClass
from flashbench.simulators.flash.feature import Feature, Scale
from flashbench.simulators.flash.flow import FlowConfig, build
from flashbench.simulators.flash.model import FlowModel
from flashbench.training.flow import calibrate, prepare

CONDITIONS = (Feature("ht", scale=Scale.LINEAR), Feature("eta", scale=Scale.LINEAR))
PT, MASS = Feature("pt", trend=True), Feature("mass")


def objects(rows, ht, seed):
    """Both targets fall by 0.3 a unit of ht; eta changes nothing."""
    rng = np.random.default_rng(seed)
    conditions = np.column_stack([rng.normal(ht, 1.0, rows), rng.normal(0.0, 1.0, rows)])
    return rng.standard_normal((rows, 2)) - 0.3 * conditions[:, :1], conditions


def calibrated(targets, rows=20_000, most=100_000):
    sample = prepare(*objects(rows, 0.0, 1), targets, CONDITIONS, np.random.default_rng(2))
    config = FlowConfig(2, sample.standardise.inputs, layers=2, blocks=1, hidden=4, bins=4)
    identity = FlowModel(config, build(config), sample.standardise, ByClass(sample.rank))
    return calibrate(identity, sample, np.random.default_rng(3), most)


@pytest.fixture(scope="module")
def model():
    return calibrated((PT, MASS))


def test_what_the_mean_misses_is_put_right_where_it_is_asked_for(model):
    """In the training, and at an ht that is beyond most of it; the other target stays as the flow has it."""
    for ht, miss in ((0.0, 0.0), (2.0, 0.6)):
        truth, conditions = objects(40_000, ht, 5)
        made = model.generate(conditions, np.random.default_rng(6))
        off = made.mean(axis=0) - truth.mean(axis=0)
        assert_allclose(off, [0.0, miss], atol=0.05)
        assert_allclose(made.std(axis=0)[0], truth.std(axis=0)[0], rtol=0.05)


def test_without_such_a_target_nothing_is_moved():
    assert calibrated((replace(PT, trend=False), MASS), rows=2000).rank.trend is None


def test_a_row_does_not_depend_on_those_beside_it_nor_on_threads_nor_on_the_disk(model, tmp_path):
    model.save(tmp_path / "flow", {})
    loaded = FlowModel.load(tmp_path / "flow", (PT, MASS), CONDITIONS)
    _, conditions = objects(5000, 0.0, 7)
    whole = model.generate(conditions, np.random.default_rng(8))
    assert_array_equal(loaded.generate(conditions, np.random.default_rng(8), threads=2), whole)
    for rows in (1, 77, 2048, 2049):
        assert_array_equal(model.generate(conditions[:rows], np.random.default_rng(8)), whole[:rows])


@pytest.mark.parametrize(("rows", "most", "draws"), [(200, 10_000, 2000), (200, 700, 600), (200, 50, 200)])
def test_ten_draws_a_row_are_enough_and_one_is_the_least(monkeypatch, rows, most, draws):
    seen = []
    latent = FlowModel.latent
    monkeypatch.setattr(FlowModel, "latent", lambda self, c, rng: seen.append(len(c)) or latent(self, c, rng))
    calibrated((PT, MASS), rows=rows, most=most)
    assert max(seen) == draws
