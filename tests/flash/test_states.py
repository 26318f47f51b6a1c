"""What is decided of a jet before its flow: which values, what the flow is told and not told, and what comes out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.errors import PluginError
from flashbench.simulators.flash.classes import ByClass
from flashbench.simulators.flash.efficiency import Classifier
from flashbench.simulators.flash.feature import Feature, Kind
from flashbench.simulators.flash.flow import BLOCK, FlowConfig, build
from flashbench.simulators.flash.model import FlowModel
from flashbench.simulators.flash.standardise import Standardise
from flashbench.simulators.flash.states import StateChooser, find_states, metadata, settled
from flashbench.training.flow import calibrate, prepare

CONDITIONS = (Feature("eta"), Feature("ht"))
TARGETS = (
    Feature("pt"),
    Feature("tag", low=0.0, high=1.0, special=(-1.0,)),
    Feature("mass"),
    Feature("id", Kind.DISCRETE, 0.0, 6.0, (0.0, 2.0, 6.0)),
    Feature("count", Kind.INTEGER, 0.0, 50.0),
)


def objects(rows, seed):
    """No tag and another id beyond |eta| 1, both at once; the integers are few."""
    rng = np.random.default_rng(seed)
    conditions = rng.normal(size=(rows, 2))
    forward = np.abs(conditions[:, 0]) > 1
    tag = np.where(forward, -1.0, rng.uniform(0.2, 0.9, rows))
    ids = np.where(forward, 2.0, rng.choice([0.0, 6.0], rows, p=[0.1, 0.9]))
    pt, mass = rng.normal(size=(2, rows))
    return np.column_stack([pt, tag, mass, ids, rng.integers(1, 4, rows)]), conditions


def test_spikes_and_discrete_values_are_states_and_integers_are_not():
    values, _ = objects(2000, 1)
    states, state = find_states(values, TARGETS)
    named = {tuple(row[[1, 3]].tolist()) for row in np.nan_to_num(states.table, nan=9.0)}
    assert named == {(-1.0, 2.0), (9.0, 0.0), (9.0, 6.0)}
    assert [feature.name for feature in states.features] == ["tag=-1", "id=0", "id=2", "id=6"]
    assert [feature.name for feature in states.flow_targets] == ["pt", "tag", "mass", "count"]
    assert_array_equal(states.flags[state, 0] == 1, values[:, 1] == -1)
    assert_array_equal(states.flags[state, 1:] @ [0, 2, 6], values[:, 3])


def test_a_value_of_one_row_in_fifty_is_a_state_and_of_fewer_is_not():
    values = np.random.default_rng(2).uniform(0, 1, (1000, 1))
    values[:20], values[20:39] = 0.25, 0.75
    states, _ = find_states(values, TARGETS[1:2])
    assert np.nan_to_num(states.table, nan=9.0).ravel().tolist() == [0.25, 9.0]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 400), st.integers(0, 2**16))
def test_what_is_split_comes_together_again(rows, seed):
    values, _ = objects(rows + 1, seed)
    states, state = find_states(values, TARGETS)
    assert_array_equal(states.merged(values[:, states.open], state), values)
    filled = states.filled(values, state, np.random.default_rng(seed))
    assert_array_equal(states.merged(filled, state), values)
    assert np.isfinite(filled).all()


def test_what_fills_a_settled_column_has_the_distribution_of_the_others_and_says_nothing():
    values, _ = objects(40_000, 3)
    states, state = find_states(values, TARGETS)
    tag = states.filled(values, state, np.random.default_rng(4))[:, 1]
    forward = values[:, 1] == -1
    assert_array_equal(tag[~forward], values[~forward, 1])
    assert_allclose(np.quantile(tag[forward], [0.1, 0.5, 0.9]), np.quantile(tag[~forward], [0.1, 0.5, 0.9]), atol=0.02)
    assert abs(np.corrcoef(tag[forward], values[forward, 0])[0, 1]) < 0.03


def test_the_flags_say_which_targets_are_settled():
    values, conditions = objects(500, 5)
    states, state = find_states(values, TARGETS)
    told = np.column_stack([conditions, states.flags[state]])
    known = settled(told, (*CONDITIONS, *states.features), states.flow_targets)
    assert_array_equal(known[:, 1], values[:, 1] == -1)
    assert not known[:, [0, 2, 3]].any()


@pytest.fixture(scope="module")
def model():
    """A flow at its start behind a classifier that knows |eta| > 1 and that one central object in ten has id 0."""
    values, conditions = objects(20_000, 6)
    states, state = find_states(values, TARGETS)
    inputs = Standardise.fit(conditions, CONDITIONS)
    edges = (np.array([[-1.0, 1.0]]) - inputs.mean[0]) / inputs.width[0]
    first = np.array([[-200.0, 0.0], [200.0, 0.0]], np.float32)
    bias = np.array([200 * edges[0, 0], -200 * edges[0, 1]], np.float32)
    logits = np.where(states.table[:, 3] == 2, 0.0, np.where(states.table[:, 3] == 0, np.log(0.1), np.log(0.9)))
    last = np.where(states.table[:, 3] == 2, 10.0, 0.0)[:, None] * np.ones((1, 2))
    logits[states.table[:, 3] == 2] = -20.0
    layers = ((first, bias), (last.astype(np.float32), logits.astype(np.float32)))
    chooser = StateChooser(states, Classifier(inputs, layers, metadata(states)))
    told = np.column_stack([conditions, states.flags[state]])
    filled = states.filled(values, state, np.random.default_rng(7))
    features = (*CONDITIONS, *states.features)
    sample = prepare(filled, told, states.flow_targets, features, np.random.default_rng(8))
    config = FlowConfig(4, sample.standardise.inputs, layers=2, blocks=1, hidden=4, bins=4)
    flow = FlowModel(config, build(config), sample.standardise, ByClass(sample.rank))
    flow = calibrate(flow, sample, np.random.default_rng(9), 50_000)
    flow.chooser = chooser
    return flow


def test_what_is_decided_is_sharp_and_the_rest_is_of_the_flow(model):
    truth, conditions = objects(30_000, 10)
    made = model.generate(conditions, np.random.default_rng(11))
    forward = np.abs(conditions[:, 0]) > 1
    clear = np.abs(np.abs(conditions[:, 0]) - 1) > 0.02  # the classifier's edge is not infinitely sharp
    assert_array_equal((made[:, 1] == -1)[clear], forward[clear])
    assert_array_equal((made[:, 3] == 2)[clear], forward[clear])
    assert (made[~forward & clear, 3] == 0).mean() == pytest.approx(0.1, abs=0.01)
    for j in (0, 1, 2, 4):
        central = (truth[~forward & clear, j], made[~forward & clear, j])
        assert_allclose(*(np.quantile(each, [0.2, 0.5, 0.8]) for each in central), atol=0.05)
    assert all(feature.allows(made[:, j]).all() for j, feature in enumerate(TARGETS))
    assert (model.targets, model.conditions) == (TARGETS, CONDITIONS)


def test_a_row_does_not_depend_on_how_many_are_asked_for_nor_on_threads_nor_on_the_disk(model, tmp_path):
    _, conditions = objects(BLOCK + 50, 12)
    whole = model.generate(conditions, np.random.default_rng(13), threads=2)
    assert_array_equal(model.generate(conditions[:77], np.random.default_rng(13)), whole[:77])
    model.save(tmp_path / "flow", {})
    model.chooser.classifier.save(tmp_path / "states", model.chooser.classifier.metadata)
    chooser = StateChooser.load(tmp_path / "states", TARGETS, CONDITIONS)
    loaded = FlowModel.load(tmp_path / "flow", TARGETS, CONDITIONS, chooser=chooser)
    assert_array_equal(loaded.generate(conditions, np.random.default_rng(13)), whole)
    with pytest.raises(PluginError, match="id"):
        StateChooser.load(tmp_path / "states", TARGETS[:3], CONDITIONS)
    with pytest.raises(PluginError, match="tag=-1"):
        FlowModel.load(tmp_path / "flow", TARGETS, CONDITIONS)


def test_where_all_objects_are_alike_there_is_one_state():
    """A classifier has two outcomes at least; the second is none."""
    states, state = find_states(np.random.default_rng(15).normal(size=(100, 1)), TARGETS[:1])
    inputs = Standardise.fit(np.random.default_rng(16).normal(size=(100, 2)), CONDITIONS)
    even = Classifier(inputs, ((np.zeros((2, 2), np.float32), np.zeros(2, np.float32)),))
    chosen = StateChooser(states, even).choose(np.zeros((500, 2)), np.random.default_rng(17).standard_normal(500))
    assert len(states.table) == 1
    assert not state.any()
    assert not chosen.any()


def test_settled_entries_do_not_move_a_calibration():
    """Draws of a settled entry are far off: the transform of the open ones stays where it is."""
    rng = np.random.default_rng(14)
    values = rng.normal(size=(4000, 1))
    sample = prepare(np.column_stack([values, values]), np.zeros((4000, 1)), TARGETS[::2][:2], CONDITIONS[:1], rng)
    known = np.zeros((4000, 2), dtype=bool)
    known[:2000, 0] = True
    drawn = sample.latent.copy()
    drawn[:2000] += 3
    open_, all_ = (
        sample.rank.calibrated(drawn, sample.latent, sample.targets, masks).tables for masks in ((known, known), None)
    )
    assert_allclose(open_[0].edge, sample.rank.tables[0].edge, atol=0.1)
    assert np.abs(all_[0].edge - sample.rank.tables[0].edge).max() > 1
    assert_array_equal(open_[1].edge, all_[1].edge)
