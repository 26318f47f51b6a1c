"""The discriminator: the network's number and no other, whatever the batch, the order and the file's conventions."""

import json
import os
import pickle
import zipfile

import numpy as np
import onnx
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto, helper

from flashbench.analysis import find_observable, lacks_qgl, open_discriminator
from flashbench.analysis.dnn import COLUMNS, CONSTANTS, INPUTS, NEUTRAL_QGL, from_logit, input_matrix
from flashbench.errors import InputError, SchemaError, UnknownNameError
from onnx_models import MEAN, SCALE, forward, layers, table, write_model

QGL = [INPUTS.index(name) for name in ("jet1_qgl", "jet2_qgl")]


def expected_logit(content, weights, neutral=False):
    """Standardised inputs through the network, by hand."""
    matrix = input_matrix(content)
    matrix[:, QGL] = NEUTRAL_QGL if neutral else np.where(matrix[:, QGL] < 0, NEUTRAL_QGL, matrix[:, QGL])
    return forward(weights, (matrix - MEAN) / SCALE)


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model.onnx", layers())


def test_inputs_are_the_published_25_with_soft_activity_and_year_constant():
    assert len(INPUTS) == len(set(INPUTS)) == 25
    assert dict(CONSTANTS) == {"year": 2018.0, "n_soft_jets": 0.0, "soft_ht2": 1.0}
    assert INPUTS[-3:] == tuple(CONSTANTS)
    for name in INPUTS[:-3]:
        find_observable(name)


def test_score_is_the_numpy_forward_pass_of_the_weights(model):
    content = table()
    scores = open_discriminator(model).score(content)
    chosen = content["region"] > 0
    probability = 1 / (1 + np.exp(-expected_logit(content, layers())))
    assert_allclose(scores.columns["dnn"][chosen], probability[chosen], atol=1e-6)
    assert_allclose(scores.columns["dnn_atanh"][chosen], np.arctanh(probability[chosen]), rtol=1e-5)
    neutral = 1 / (1 + np.exp(-expected_logit(content, layers(), neutral=True)))
    assert_allclose(scores.columns["dnn_noqgl_atanh"][chosen], np.arctanh(neutral[chosen]), rtol=1e-5)
    assert not np.allclose(neutral[chosen], probability[chosen])
    assert scores.counts == {"scored": np.count_nonzero(chosen)}


def test_events_outside_the_regions_have_no_score(model):
    content = table()
    columns = open_discriminator(model).score(content).columns
    assert set(columns) == set(COLUMNS)
    for values in columns.values():
        assert_array_equal(np.isnan(values), content["region"] == 0)


@pytest.mark.parametrize("rows", [1, 2, 7, 499])
def test_scores_do_not_depend_on_batch_or_order(model, rows):
    discriminator, content = open_discriminator(model), table()
    whole = discriminator.score(content).columns["dnn"]
    pieces = [discriminator.score({k: v[s : s + rows] for k, v in content.items()}) for s in range(0, 500, rows)]
    assert_allclose(np.concatenate([p.columns["dnn"] for p in pieces]), whole, atol=1e-7)
    order = np.random.default_rng(rows).permutation(500)
    shuffled = discriminator.score({k: v[order] for k, v in content.items()}).columns["dnn"]
    assert_allclose(shuffled, whole[order], atol=1e-7)


def test_a_model_with_its_inputs_in_another_order_gives_the_same_scores(tmp_path, model):
    order = np.random.default_rng(5).permutation(25)
    names = [INPUTS[i] for i in order]
    foreign = write_model(tmp_path / "foreign.onnx", layers(), names, order=order)
    content = table()
    own, other = (open_discriminator(path).score(content).columns for path in (model, foreign))
    for name in COLUMNS:
        assert_allclose(other[name], own[name], atol=1e-6)


def test_a_sidecar_replaces_the_metadata(tmp_path, model):
    content = table()
    bare = write_model(tmp_path / "bare.onnx", layers(), metadata={})
    names, mean, scale = (json.dumps(list(each)) for each in (INPUTS, MEAN, SCALE))
    (tmp_path / "bare.toml").write_text(f'inputs = {names}\nmean = {mean}\nscale = {scale}\noutput = "logit"\n')
    own, other = open_discriminator(model), open_discriminator(bare)
    assert_array_equal(other.score(content).columns["dnn"], own.score(content).columns["dnn"])
    (tmp_path / "model.toml").write_text(f'inputs = {names}\noutput = "logit"\n')
    assert not np.allclose(
        open_discriminator(model).score(content).columns["dnn"][1], own.score(content).columns["dnn"][1]
    )


def test_a_sigmoid_output_is_the_same_score_as_a_logit(tmp_path, model):
    content = table()
    other = open_discriminator(write_model(tmp_path / "s.onnx", layers(), output="sigmoid")).score(content).columns
    own = open_discriminator(model).score(content).columns
    assert_allclose(other["dnn"], own["dnn"], atol=1e-6)
    assert_allclose(other["dnn_atanh"], own["dnn_atanh"], rtol=1e-4)


def test_two_graph_inputs_take_their_own_columns(tmp_path, model):
    """The published network takes 22 inputs and the 3 of the mass apart."""
    weights, content = layers(), table()
    names = {"rest": list(INPUTS[3:]), "mass": list(INPUTS[:3])}
    first = weights[0][[*range(3, 25), 0, 1, 2]]
    arrays = {"w": first, "b": weights[1], "v": weights[2], "c": weights[3]}
    nodes = [
        helper.make_node("Concat", ["rest", "mass"], ["x"], axis=1),
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "v", "c"], ["z"]),
    ]
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", len(c)]) for n, c in names.items()],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 1])],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    two = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    order = [*range(3, 25), 0, 1, 2]
    given = {"inputs": names, "mean": MEAN[order].tolist(), "scale": SCALE[order].tolist(), "output": "logit"}
    helper.set_model_props(two, {name: json.dumps(value) for name, value in given.items()})
    onnx.save(two, tmp_path / "two.onnx")
    own, other = (open_discriminator(path).score(content).columns for path in (model, tmp_path / "two.onnx"))
    assert_allclose(other["dnn"], own["dnn"], atol=1e-6)


def test_the_network_is_chosen_by_the_event_number(tmp_path):
    content = table()
    paths = [write_model(tmp_path / f"m{k}.onnx", layers(seed=k)) for k in range(3)]
    (tmp_path / "all.toml").write_text('models = ["m0.onnx", "m1.onnx", "m2.onnx"]\n')
    score = open_discriminator(tmp_path / "all.toml").score(content).columns["dnn"]
    for number, path in enumerate(paths):
        rows = content["event"] % 3 == number
        assert_array_equal(
            score[rows], open_discriminator(path).score({k: v[rows] for k, v in content.items()}).columns["dnn"]
        )


def test_a_jet_without_qgl_counts_as_neutral(model):
    with_one, without = table(), table()
    with_one["jet1_qgl"][4] = NEUTRAL_QGL
    without["jet1_qgl"][4] = -1.0
    discriminator = open_discriminator(model)
    own, other = discriminator.score(with_one), discriminator.score(without)
    assert_array_equal(own.columns["dnn"], other.columns["dnn"])
    assert other.counts["jets without QGL"] == 1
    assert "jets without QGL" not in own.counts


def test_a_simulator_without_qgl_scores_as_with_the_neutral_value_everywhere(model):
    without = table(qgl=False)
    columns = open_discriminator(model).score(without).columns
    assert_array_equal(columns["dnn_atanh"], columns["dnn_noqgl_atanh"])
    assert lacks_qgl(without)
    assert not lacks_qgl(table())
    assert_array_equal(columns["dnn_noqgl_atanh"], open_discriminator(model).score(table()).columns["dnn_noqgl_atanh"])


def test_the_sideband_is_scored_at_the_mass_of_the_signal(model):
    content, moved = table(), table()
    sideband = content["region"] == 1
    moved["dimuon_mass"] = np.where(sideband, 112.0, content["dimuon_mass"])
    moved["dimuon_mass_resolution"] = np.where(sideband, 99.0, content["dimuon_mass_resolution"])
    discriminator = open_discriminator(model)
    assert_array_equal(discriminator.score(moved).columns["dnn"], discriminator.score(content).columns["dnn"])
    assert set(input_matrix(moved)[sideband, 0]) == {125.0}


def test_an_undefined_input_gives_no_score_and_is_counted_by_name(model):
    content = table()
    content["phi_cs"][[4, 5, 7]] = np.nan  # 4 and 5, 7 are in regions 1, 2, 1
    scores = open_discriminator(model).score(content)
    assert np.isnan(scores.columns["dnn"][[4, 5, 7]]).all()
    assert scores.counts["undefined phi_cs"] == 3
    assert scores.counts["scored"] == np.count_nonzero(content["region"]) - 3
    assert np.isfinite(scores.columns["dnn"][[1, 2, 8]]).all()


def test_values_beyond_the_training_range_are_counted_by_name(tmp_path):
    content = table()
    low, high = np.full(25, -1e6), np.full(25, 1e6)
    high[INPUTS.index("dijet_mass")] = 1300.0
    given = {"inputs": list(INPUTS), "low": low.tolist(), "high": high.tolist(), "output": "logit"}
    counts = open_discriminator(write_model(tmp_path / "m.onnx", metadata=given)).score(content).counts
    beyond = np.count_nonzero((content["dijet_mass"] > 1300) & (content["region"] > 0))
    assert beyond > 0
    assert counts == {"scored": np.count_nonzero(content["region"]), "dijet_mass outside the training range": beyond}


def test_artanh_of_a_probability_near_one_is_finite_and_exact():
    logit = np.array([-800.0, -3.0, 0.0, 2.0, 30.0, 800.0])
    probability, stretched = from_logit(logit)
    assert_allclose(stretched[:4], np.arctanh(probability[:4]))
    assert_allclose(stretched[5], (800 + np.log(2)) / 2)
    assert np.isfinite(probability).all()


def test_missing_column_is_named(model):
    content = table()
    del content["pt_balance"]
    with pytest.raises(SchemaError, match="pt_balance"):
        open_discriminator(model).score(content)


def test_a_model_with_24_inputs_is_refused_with_both_numbers(tmp_path):
    given = {"inputs": list(INPUTS), "output": "logit"}
    path = write_model(tmp_path / "m.onnx", layers(24), INPUTS[:24], metadata=given)
    with pytest.raises(InputError, match=r"graph input 'x' has shape \['events', 24\], .* names 25 columns"):
        open_discriminator(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": [*INPUTS[:24], "higgs_mass"]}, "higgs_mass"),
        ({"inputs": [*INPUTS[:24], INPUTS[0]]}, "'dimuon_mass' twice"),
        ({"mean": [0.0] * 25}, "mean and scale hold 25 and 0 numbers for 25 inputs"),
        ({"mean": [0.0] * 25, "scale": [1.0] * 24}, "hold 25 and 24"),
        ({"mean": [0.0] * 25, "scale": [1.0] * 24 + [0.0]}, "scale of 'soft_ht2' is not positive"),
        ({"output": "softmax"}, "output: Input should be 'logit' or 'sigmoid'"),
        ({"inputs": {"y": list(INPUTS)}}, "names graph inputs y, it has x"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path, change, words):
    given = {"inputs": list(INPUTS), "output": "logit"} | change
    path = write_model(tmp_path / "m.onnx", metadata=given)
    with pytest.raises((InputError, UnknownNameError), match=words.replace("(", r"\(")):
        open_discriminator(path)


def test_unknown_input_suggests_the_near_one(tmp_path):
    given = {"inputs": ["dimuon_mas", *INPUTS[1:]], "output": "logit"}
    with pytest.raises(UnknownNameError, match="did you mean dimuon_mass"):
        open_discriminator(write_model(tmp_path / "m.onnx", metadata=given))


def test_a_model_that_does_not_name_its_inputs_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"does not say what its inputs are .*m\.toml"):
        open_discriminator(write_model(tmp_path / "m.onnx", metadata={}))


def test_a_fixed_batch_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a batch of 1 .*dynamic"):
        open_discriminator(write_model(tmp_path / "m.onnx", batch=1))


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.onnx", "model.toml", "model.pkl"])
def test_a_pickle_is_refused_and_not_executed(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(InputError, match=name):
        open_discriminator(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_an_archive_with_a_pickle_is_refused_and_not_executed(tmp_path):
    """As torch saves a network."""
    with zipfile.ZipFile(tmp_path / "model.onnx", "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(InputError, match="not a usable ONNX model"):
        open_discriminator(tmp_path / "model.onnx")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.98])
def test_a_truncated_file_is_refused(tmp_path, model, keep):
    raw = model.read_bytes()
    model.write_bytes(raw[: int(keep if keep > 1 else keep * len(raw))])
    with pytest.raises(InputError, match=r"model\.onnx"):
        open_discriminator(model)


def test_a_model_cannot_read_other_files(tmp_path):
    """Weights outside the file would be a way to look at any file."""
    (tmp_path / "secret.bin").write_bytes(np.ones(400, np.float32).tobytes())
    proto = onnx.load(write_model(tmp_path / "m.onnx", layers()))
    outside = proto.graph.initializer[0]
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="secret.bin")
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(InputError, match="not a usable ONNX model"):
        open_discriminator(tmp_path / "m.onnx")


def test_unknown_operators_are_refused(tmp_path):
    proto = onnx.load(write_model(tmp_path / "m.onnx", layers()))
    proto.graph.node[1].domain, proto.graph.node[1].op_type = "com.example", "RunThis"
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(InputError, match="not a usable ONNX model"):
        open_discriminator(tmp_path / "m.onnx")


def test_an_output_that_is_not_finite_names_the_farthest_input(tmp_path):
    weights = layers()
    weights[0][:] = 3e38
    content = table(6)
    content["dijet_mass"][:] = 1e30
    discriminator = open_discriminator(write_model(tmp_path / "m.onnx", weights))
    with pytest.raises(InputError, match=r"for finite inputs .*dijet_mass"):
        discriminator.score(content)


def test_a_probability_beyond_one_is_refused(tmp_path):
    given = {"inputs": list(INPUTS), "output": "sigmoid"}
    path = write_model(tmp_path / "m.onnx", layers(), metadata=given)
    with pytest.raises(InputError, match="says its output is a sigmoid"):
        open_discriminator(path).score(table())


def test_missing_file_and_missing_member_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.onnx: cannot be read"):
        open_discriminator(tmp_path / "none.onnx")
    (tmp_path / "all.toml").write_text('models = ["gone.onnx"]\n')
    with pytest.raises(InputError, match=r"gone\.onnx"):
        open_discriminator(tmp_path / "all.toml")
    (tmp_path / "bad.toml").write_text("models = 3\n")
    with pytest.raises(InputError, match=r"bad\.toml: no list of models"):
        open_discriminator(tmp_path / "bad.toml")


def test_checksum_follows_weights_and_description(tmp_path):
    one = write_model(tmp_path / "a.onnx", layers())
    same = write_model(tmp_path / "b.onnx", layers())
    other = write_model(tmp_path / "c.onnx", layers(seed=2))
    sums = [open_discriminator(path).sha256 for path in (one, same, other)]
    assert sums[0] == sums[1] != sums[2]
    (tmp_path / "a.toml").write_text(f'inputs = {json.dumps(list(INPUTS))}\noutput = "logit"\n')
    assert open_discriminator(one).sha256 != sums[0]


def test_an_undefined_value_that_the_model_does_not_read_costs_no_event(tmp_path):
    names = [name for name in INPUTS if name != "phi_cs"]
    content = table()
    content["phi_cs"][:] = np.nan
    scores = open_discriminator(write_model(tmp_path / "m.onnx", layers(24), names)).score(content)
    assert scores.counts == {"scored": np.count_nonzero(content["region"])}
    assert_array_equal(np.isfinite(scores.columns["dnn"]), content["region"] > 0)
