"""The discriminator's training: what it learns, what it exports, and what it must not have seen."""

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
import vector
from dnn_runs import SIGMA, make_run, make_runs
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.analysis import kinematics, open_discriminator
from flashbench.analysis.dnn import INPUTS, input_matrix
from flashbench.errors import InputError, RunError, UnknownNameError
from flashbench.training.discriminator import ETAS, PHI_CS, PHIS, DiscriminatorTask, MassAndKinematics, reflect
from flashbench.training.dnn import DnnRecipe, train_dnn
from flashbench.training.dnn_sample import gather
from flashbench.training.loop import LoopConfig

RECIPE = DnnRecipe(loop=LoopConfig(epochs=12, batch=128, rate=5e-3, patience=6))
FAST = replace(RECIPE, loop=replace(RECIPE.loop, epochs=2))


def silent(stage):
    return nullcontext(lambda done, total: None)


def train(runs, out, recipe=RECIPE):
    return train_dnn(runs, "signal", out, recipe, silent)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("dnn")
    return out, train(make_runs(), out)


def test_it_tells_signal_from_each_background_on_events_that_it_did_not_see(trained):
    roc = trained[1]["performance"]["roc"]
    assert set(roc) == {"dy", "top", "all"}
    assert all(each["area"] > 0.8 for each in roc.values())
    assert roc["dy"]["events"][1] == (make_run("dy").table["region"] == 2).sum()


def test_a_network_knows_nothing_of_the_events_that_it_scores(tmp_path):
    """Other values in the events of fold 0 change every network but network 0."""
    runs, changed = make_runs(events=400), make_runs(events=400)
    for run in changed:
        run.table["pt_balance"][run.table["event"] % 4 == 0] = 0.77
    first, second = (train(each, tmp_path / name, FAST)["networks"] for each, name in ((runs, "a"), (changed, "b")))
    assert [first[f"dnn-{k}.onnx"] == second[f"dnn-{k}.onnx"] for k in range(4)] == [True, False, False, False]


def test_exported_networks_are_torchs_to_a_millionth_and_the_numpy_forward_pass(trained):
    out, manifest = trained
    assert all(fold["largest_difference_to_torch"] <= 1e-6 for fold in manifest["training"])
    matrix = input_matrix(make_run("dy").table)
    for number in range(4):
        proto = onnx.load(out / f"dnn-{number}.onnx")
        arrays = {each.name: onnx.numpy_helper.to_array(each).astype(np.float64) for each in proto.graph.initializer}
        metadata = {each.key: json.loads(each.value) for each in proto.metadata_props}
        values = (matrix - metadata["mean"]) / metadata["scale"]
        for layer in range(4):
            values = values @ arrays[f"w{layer}"] + arrays[f"b{layer}"]
            values = np.maximum(values, 0) if layer < 3 else values
        found = open_discriminator(out / f"dnn-{number}.onnx").networks[0].raw(matrix)
        assert_allclose(1 / (1 + np.exp(-found)), 1 / (1 + np.exp(-values[:, 0])), atol=1e-6)


def test_mass_and_kinematics_meet_only_after_their_own_layers(trained):
    proto = onnx.load(trained[0] / "dnn-0.onnx")
    arrays = {each.name: onnx.numpy_helper.to_array(each) for each in proto.graph.initializer}
    first, second = arrays["w0"], arrays["w1"]
    assert (first[:3, 16:] == 0).all()
    assert (first[3:, :16] == 0).all()
    assert (second[:16, 8:] == 0).all()
    assert (second[16:, :8] == 0).all()
    assert (first[:3, :16] != 0).any()


def test_shipped_size_checksums_and_list(trained):
    out, manifest = trained
    assert manifest["bytes"] == sum(path.stat().st_size for path in out.glob("*.onnx")) < 1 << 20
    discriminator = open_discriminator(out / "dnn.toml")
    assert len(discriminator.networks) == 4
    assert manifest["sha256"] == discriminator.sha256
    assert json.loads((out / "dnn.json").read_text()) == manifest
    assert not list(out.glob("training/*/checkpoint.pt"))


def test_the_training_range_is_in_the_file_and_seen_at_inference(trained):
    run = make_run("dy")
    discriminator = open_discriminator(trained[0] / "dnn.toml")
    usual = discriminator.score(run.table).counts
    strange = {**run.table, "dijet_mass": np.where(run.table["region"] > 0, 1e5, run.table["dijet_mass"])}
    counts = discriminator.score(strange).counts
    selected = (run.table["region"] > 0).sum()
    assert counts["dijet_mass outside the training range"] == selected
    assert usual.get("dijet_mass outside the training range", 0) < 0.02 * selected
    assert trained[1]["sample"]["range"]["year"] == [2018.0, 2018.0]


def test_negative_weights_take_back_what_positive_ones_put_in(tmp_path):
    """A population in the background that is cancelled by one of negative weight is no background."""
    rng = np.random.default_rng(4)
    runs = make_runs(events=3000)
    spoilt = []
    for run in runs:
        if run.process != "dy":
            spoilt.append(run)
            continue
        rows = rng.permutation(3000)[:1200]
        extra = {name: np.concatenate([column, column[rows], column[rows]]) for name, column in run.table.items()}
        extra["weight"] = np.concatenate([run.table["weight"], np.full(1200, 3.0), np.full(1200, -3.0)])
        balance = extra["pt_balance"]
        balance[3000:] = 0.05 * rng.uniform(size=2400)  # where only cancelling events are
        extra["event"] = np.arange(5400, dtype=np.uint64)
        spoilt.append(replace(run, table=extra, n_events=5400, sum_weights=float(extra["weight"].sum())))
    sample = gather(spoilt, "signal", "wide")
    assert sample.processes["dy"]["negative_weights"] == pytest.approx(1200 / 5400)
    assert_allclose(sample.weight[~sample.signal].sum(), SIGMA["dy"] + SIGMA["top"])
    manifest = train(spoilt, tmp_path)
    assert manifest["performance"]["roc"]["dy"] is None  # no curve of such weights
    assert manifest["performance"]["roc"]["top"]["area"] > 0.75


def test_weights_are_cross_sections_and_the_prior_is_that_of_the_signal_region(trained):
    runs = make_runs()
    sample = gather(runs, "signal", "wide")
    for run in runs:
        rows = sample.processes[run.process]["rows"]
        assert rows == 1500
    assert_allclose(sample.weight[sample.signal].sum(), SIGMA["signal"])
    inside = sample.in_region
    for fold in trained[1]["training"]:
        own = sample.event % 4 != fold["fold"]
        shares = [
            sample.weight[k & inside & own].sum() / sample.weight[k & own].sum()
            for k in (sample.signal, ~sample.signal)
        ]
        assert fold["prior_shift"] == pytest.approx(np.log(shares[1] / shares[0]))
    assert fold["prior_shift"] < 0


def test_sideband_events_are_trained_on_with_their_own_mass():
    run = make_run("dy")
    sideband = run.table["region"] == 1
    assert sideband.any()
    sample = gather([make_run("signal"), run], "signal", "PreSel")
    masses = sample.inputs[~sample.signal, 0]
    assert_array_equal(np.sort(masses), np.sort(run.table["dimuon_mass"][run.table["region"] > 0]))


@pytest.mark.parametrize("region", ["SR", "PreSel", "wide"])
def test_training_regions_nest(region):
    sample = gather(make_runs(), "signal", region)
    rows = {name: gather(make_runs(), "signal", name).processes["dy"]["rows"] for name in ("SR", "PreSel", "wide")}
    assert rows["SR"] < rows["PreSel"] < rows["wide"]
    assert sample.processes["dy"]["rows"] == rows[region]
    assert sample.processes["dy"]["rows_in_SR"] == rows["SR"]


def test_undefined_inputs_are_left_out_and_reported(tmp_path):
    runs = make_runs(events=400)
    runs[1].table["phi_cs"][:7] = np.nan
    manifest = train(runs, tmp_path, FAST)
    facts = manifest["sample"]["processes"]["dy"]
    assert facts["undefined"] == {"phi_cs": 7}
    assert facts["rows"] == 393


def test_a_killed_training_goes_on_and_gives_the_same_networks(tmp_path, trained):
    class KilledError(Exception):
        pass

    def dies(stage):
        def progress(done, total):
            if stage.startswith("network 2") and done == 3:
                raise KilledError

        return nullcontext(progress)

    with pytest.raises(KilledError):
        train_dnn(make_runs(), "signal", tmp_path, RECIPE, dies)
    assert not (tmp_path / "dnn.toml").exists()
    assert train(make_runs(), tmp_path)["networks"] == trained[1]["networks"]
    stages = []
    train_dnn(make_runs(), "signal", tmp_path, RECIPE, lambda s: nullcontext(lambda d, t: stages.append((s, d, t))))
    assert len(stages) == 4  # nothing is trained twice


def test_a_folder_of_another_training_is_refused(trained):
    out, _ = trained
    with pytest.raises(RunError, match="another recipe or other events"):
        train(make_runs(), out, replace(RECIPE, seed=2))
    with pytest.raises(RunError, match="another recipe or other events"):
        train(make_runs(events=1400), out)


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([make_run("signal"), make_run("dy", 30)], r"dy.*events of 30 in SR, at least 20"),
        ([make_run("signal"), make_run("dy", sigma=False)], "dy.*has no cross-section"),
        ([make_run("signal"), make_run("dy", qgl=False)], "no jet has a QGL"),
        ([make_run("signal")], "not a signal and backgrounds"),
        ([make_run("signal"), replace(make_run("dy"), folds=5)], "5 folds"),
        ([make_run("signal"), replace(make_run("dy"), sum_weights=-1500.0)], "background: its weights do not add up"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(runs, words):
    with pytest.raises(InputError, match=words):
        gather(runs, "signal", "SR")


def test_unknown_signal_and_region_suggest_near_ones():
    with pytest.raises(UnknownNameError, match="did you mean wide"):
        gather(make_runs(), "signal", "wid")
    with pytest.raises(UnknownNameError, match="did you mean signal"):
        gather(make_runs(), "signl", "SR")


def four_vectors(rng, rows=200):
    pt, eta, phi = rng.uniform(20, 200, (4, rows)), rng.normal(0, 1.5, (4, rows)), rng.uniform(-np.pi, np.pi, (4, rows))
    return [vector.array({"px": p * np.cos(f), "py": p * np.sin(f), "pz": p * np.sinh(e), "mass": np.full(rows, 0.1)})
            for p, e, f in zip(pt, eta, phi, strict=True)]  # fmt: skip


def columns(minus, plus, jet1, jet2):
    """Inputs that are functions of these four-vectors, as rows of 25 with zeros elsewhere."""
    pair = minus + plus
    cos_theta, phi_cs = kinematics.collins_soper(minus, plus)
    known = {
        "dimuon_mass": pair.mass, "dimuon_pt": pair.pt, "dimuon_eta": pair.eta, "phi_cs": phi_cs,
        "cos_theta_cs": cos_theta, "pt_balance": kinematics.pt_balance(pair, jet1, jet2),
        "jet1_pt": jet1.pt, "jet1_eta": jet1.eta, "jet1_phi": jet1.phi,
        "jet2_pt": jet2.pt, "jet2_eta": jet2.eta, "jet2_phi": jet2.phi,
        "dijet_mass": (jet1 + jet2).mass, "dijet_eta_gap": kinematics.eta_gap(jet1, jet2),
        "min_eta_distance": kinematics.min_eta_distance(pair, jet1, jet2),
    }  # fmt: skip
    return np.stack([np.asarray(known.get(name, np.zeros(len(jet1)))) for name in INPUTS], axis=1)


@pytest.mark.parametrize(("along", "across"), [(-1, 1), (1, -1), (-1, -1)])
def test_mirrored_events_are_those_of_mirrored_momenta(along, across):
    """η and φ_CS change sign in a mirror across the beam, φ and φ_CS in one that holds it; nothing else does."""
    vectors = four_vectors(np.random.default_rng(1))
    mirrored = [vector.array({"px": v.px, "py": across * v.py, "pz": along * v.pz, "mass": v.mass}) for v in vectors]
    before, after = columns(*vectors), columns(*mirrored)
    expected = before.copy()
    expected[:, ETAS] *= along
    expected[:, PHIS] *= across
    expected[:, PHI_CS] *= along * across
    assert_allclose(after, expected, atol=1e-6)


def test_augmented_events_are_turned_and_mirrored_ones():
    before = torch.from_numpy(columns(*four_vectors(np.random.default_rng(2))))
    after = reflect(before, torch.Generator().manual_seed(1))
    changed = set(np.flatnonzero((before != after).any(dim=0).numpy()))
    assert changed == {*ETAS, *PHIS, PHI_CS}
    along = after[:, ETAS[0]] / before[:, ETAS[0]]
    assert set(along.round().int().tolist()) == {-1, 1}
    for eta in ETAS:
        assert_allclose(after[:, eta], along * before[:, eta])
    across = after[:, PHI_CS] / before[:, PHI_CS] * along
    turned = after[:, PHIS] - across[:, None] * before[:, PHIS]
    assert_allclose(np.cos(turned[:, 0]), np.cos(turned[:, 1]), atol=1e-9)  # one angle for both jets
    assert (after[:, PHIS].abs() <= np.pi).all()


def test_dense_layers_are_the_same_function_as_the_branches():
    torch.manual_seed(0)
    module = MassAndKinematics().eval()
    inputs = torch.randn(50, 25)
    values = inputs.numpy().astype(np.float64)
    for number, (weight, bias) in enumerate(module.layers()):
        values = values @ weight + bias
        values = np.maximum(values, 0) if number < 3 else values
    with torch.no_grad():
        assert_allclose(values[:, 0], module(inputs)[0].numpy(), atol=1e-5)


def test_the_loss_of_a_signed_sample_is_its_weighted_sum():
    module = MassAndKinematics(dropout=0.0).eval()
    rng = np.random.default_rng(3)
    inputs, signal, weight = rng.normal(size=(40, 25)), rng.uniform(size=40) < 0.5, rng.choice([1.0, -0.5], 40)
    held_out = np.arange(40) < 20
    task = DiscriminatorTask(module, (inputs, signal, weight), held_out, (np.zeros(25), np.ones(25)))
    with torch.no_grad():
        logit = module(torch.from_numpy(inputs[:20].astype(np.float32)))[0].numpy().astype(np.float64)
    entropy = np.logaddexp(0, -np.where(signal[:20], logit, -logit))
    with torch.no_grad():
        assert task.validate()["total"] == pytest.approx((weight[:20] * entropy).mean(), abs=1e-5)
    assert task.rows == 20
