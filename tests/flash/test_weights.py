"""Weights on disk: what is loaded is what was saved, or there is a clear error."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flashbench.errors import InputError, PluginError, SchemaError
from flashbench.simulators.flash import weights
from flashbench.simulators.flash.classes import ByClass
from flashbench.simulators.flash.features import JET_CONDITIONS, JET_TARGETS
from flashbench.simulators.flash.flow import BLOCK, FlowConfig, build
from flashbench.simulators.flash.model import FlowModel
from flashbench.simulators.flash.standardise import Standardise
from flashbench.simulators.flash.transforms import RankGaussian

from .test_transforms import conditions, sample

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, 2], np.int64)}


@pytest.fixture
def saved(tmp_path):
    weights.save(tmp_path / "jets", TENSORS, {"seed": 3})
    return tmp_path / "jets"


def test_what_is_loaded_is_what_was_saved(saved):
    tensors, metadata = weights.load(saved)
    assert metadata == {"seed": 3}
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert_array_equal(tensors[name], array)
        assert tensors[name].dtype == array.dtype


def test_one_flipped_bit_is_refused(saved):
    path = saved / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(PluginError, match="checksum differs"):
        weights.load(saved)


def test_weights_of_another_feature_table_are_refused(saved):
    path = saved / "weights.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps(described | {"feature_version": described["feature_version"] + 1}))
    with pytest.raises(PluginError, match="feature table"):
        weights.load(saved)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.json"])
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(InputError, match=name):
        weights.load(saved)


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json"])
def test_a_damaged_description_is_refused(saved, text):
    (saved / "weights.json").write_text(text)
    with pytest.raises(InputError, match=r"weights\.json"):
        weights.load(saved)


@pytest.fixture(scope="module")
def model():
    rank = RankGaussian.fit(sample(JET_TARGETS), JET_TARGETS)
    standardise = Standardise.fit(conditions(JET_CONDITIONS), JET_CONDITIONS)
    config = FlowConfig(17, standardise.inputs, layers=2, blocks=1, hidden=8, bins=4)
    return FlowModel(config, build(config), standardise, ByClass(rank))


def test_a_model_generates_the_same_after_a_round_trip_through_disk(model, tmp_path):
    digest = model.save(tmp_path, {"seed": 0})
    loaded = FlowModel.load(tmp_path, JET_TARGETS, JET_CONDITIONS)
    raw = conditions(JET_CONDITIONS, rows=100)
    one, other = (m.generate(raw, np.random.default_rng(1)) for m in (model, loaded))
    assert_array_equal(one, other)
    assert weights.digest(tmp_path) == digest
    assert loaded.backend == "eager"


def test_weights_of_features_unknown_here_are_refused(model, tmp_path):
    model.save(tmp_path, {})
    with pytest.raises(PluginError, match="qgl"):
        FlowModel.load(tmp_path, [f for f in JET_TARGETS if f.name != "qgl"], JET_CONDITIONS)


def test_generated_values_are_allowed_and_do_not_depend_on_request_or_threads(model):
    raw = conditions(JET_CONDITIONS, rows=2 * BLOCK + 50)
    whole = model.generate(raw, np.random.default_rng(4), threads=2)
    for rows in (0, 1, 77, BLOCK + 3):
        assert_array_equal(model.generate(raw[:rows], np.random.default_rng(4)), whole[:rows])
    for j, feature in enumerate(JET_TARGETS):
        assert feature.allows(whole[:, j]).all(), feature.name
    assert not np.array_equal(model.generate(raw, np.random.default_rng(5)), whole)


def test_a_wrong_number_of_conditions_is_refused(model):
    with pytest.raises(SchemaError, match=f"{len(model.conditions)} conditions"):
        model.generate(np.ones((5, 3)), np.random.default_rng(0))
