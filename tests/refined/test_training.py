import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from flashbench.errors import InputError, RunError
from flashbench.simulators.refined import Refiner
from flashbench.simulators.refined.variables import JETS
from flashbench.training import state
from flashbench.training.loop import LoopConfig, fit
from flashbench.training.pairing import pair_files
from flashbench.training.recipe_refined import RefinerRecipe, Stage
from flashbench.training.refined import train_refined
from flashbench.training.refiner import RefinerTask, Sample, Terms, measure, twins
from refined.conftest import network_of

QUICK = RefinerRecipe(epochs=4, hidden=16, batch=256, rate=1e-2, seed=2)


@pytest.fixture(scope="module")
def pairs(tiers):
    return pair_files(*([str(path)] for path in tiers)).pairs["jets"]


@pytest.fixture(scope="module")
def trained(tiers, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    recipe = RefinerRecipe(epochs=25, hidden=32, batch=256, rate=1e-2, seed=2)
    return out, train_refined(*([str(path)] for path in tiers), out, recipe, threads=1)


def task_of(pairs, recipe, stage=None):
    sample = Sample.of(pairs, JETS)
    network = network_of("jets")
    network.standardise(sample.full.numpy(), pairs.parameters)
    terms = Terms(JETS, recipe, network, sample)
    benchmark = measure(terms, sample.fast, sample)
    return RefinerTask(terms, stage or recipe.stages("jets")[0], sample, sample, benchmark)


def test_training_brings_fast_nearer_to_full(trained, pairs):
    out, _ = trained
    everything = np.ones(len(pairs), bool)
    after = Refiner.load(out, "jets").refine(pairs.fast, pairs.parameters, everything).values
    ratios = [
        wasserstein_distance(after[:, k], pairs.full[:, k]) / wasserstein_distance(pairs.fast[:, k], pairs.full[:, k])
        for k in range(len(JETS.variables))
    ]
    assert np.mean(ratios) < 0.5


def test_what_is_as_near_to_full_as_full_to_itself_is_left_as_it_is(tiers, tmp_path, pairs):
    full = [str(tiers[1])]
    manifest = train_refined(full, full, tmp_path, QUICK)
    for facts in manifest["training"].values():
        assert facts["stages"] == []
        assert facts["benchmark"]["mmd"] <= max(facts["floor"]["mmd"], 0)
        assert facts["validation"] == facts["benchmark"]
    everything = np.ones(len(pairs), bool)
    after = Refiner.load(tmp_path, "jets").refine(pairs.fast, pairs.parameters, everything)
    assert np.array_equal(after.values, pairs.fast)
    assert after.refined.all()


def test_the_folder_says_all_that_is_to_be_known(trained):
    out, manifest = trained
    assert set(manifest["networks"]) == {"jets", "muons"}
    assert manifest["recipe"]["epochs"] == 25
    assert len(manifest["inputs"]) == 2
    reference = json.loads((out / "training" / "jets-mmd" / "reference.json").read_text())
    lines = [json.loads(line) for line in (out / "training" / "jets-mmd" / "history.jsonl").read_text().splitlines()]
    for name in ("mmd", "mse", "huber", "unitarity_mean", "unitarity_spread", "w1"):
        assert name in reference["benchmark"]
        assert name in lines[0]["validation"]
    assert {"mmd", "w1", "unitarity_spread"} <= set(reference["floor"])
    assert "mse" not in reference["floor"]  # no full simulation of the same objects to compare with
    assert {"lambda.huber", "excess.huber", "total"} <= set(lines[0]["train"])
    assert state.read(out / "training" / "jets-mmd")["state"] == state.DONE


def test_the_same_command_again_takes_what_is_there_and_another_recipe_is_refused(trained, tiers):
    out, manifest = trained
    files = [[str(path)] for path in tiers]
    recipe = RefinerRecipe(epochs=25, hidden=32, batch=256, rate=1e-2, seed=2)
    assert train_refined(*files, out, recipe) == manifest
    with pytest.raises(RunError, match="another recipe or input"):
        train_refined(*files, out, QUICK)


def test_full_simulation_again_gives_every_term_a_floor(tiers, tmp_path):
    files = [[str(path)] for path in tiers]
    train_refined(*files, tmp_path, RefinerRecipe(epochs=1, hidden=8, kinds=("jets",)), again=files[1], threads=1)
    floor = json.loads((tmp_path / "training" / "jets-mmd" / "reference.json").read_text())["floor"]
    assert floor["mse"] == floor["huber"] == floor["w1"] == 0  # the same file stands for the second simulation
    assert abs(floor["mmd"]) < 1e-5


def test_too_few_pairs_are_refused(tiers, tmp_path):
    with pytest.raises(InputError, match="at least 200 are needed"):
        train_refined(*([str(path)] for path in tiers), tmp_path, QUICK.model_copy(update={"events": 50}))


def test_a_constraint_that_is_broken_grows_its_multiplier_until_it_holds(pairs, tmp_path):
    recipe = RefinerRecipe(hidden=16, damping=1.0)
    limit = 0.9
    task = task_of(pairs, recipe, Stage("unitarity_spread", (("huber", limit),), 12))
    history = fit(task, LoopConfig(12, 256, rate=2e-2, warmup=0), tmp_path)
    multipliers = [epoch.train["lambda.huber"] for epoch in history.epochs]
    excess = [epoch.train["excess.huber"] for epoch in history.epochs]
    assert multipliers[-1] > multipliers[0] >= 0
    assert excess[0] > 0.02
    assert excess[-1] < 0.5 * excess[0]


def test_two_stages_train_one_network_one_after_the_other(tiers, tmp_path):
    recipe = RefinerRecipe(epochs=4, hidden=8, batch=256, kinds=("jets",), schedule="two-stage", first_stage=0.5)
    manifest = train_refined(*([str(path)] for path in tiers), tmp_path, recipe, threads=1)
    first, second = manifest["training"]["jets"]["stages"]
    assert (first["primary"], second["primary"]) == ("mse", "mmd")
    assert first["limits"] == {"mmd": 0.5}
    benchmark = manifest["training"]["jets"]["benchmark"]
    assert first["validation"]["mse"] < benchmark["mse"]
    assert second["validation"]["mmd"] < benchmark["mmd"]


def test_unitarity_can_be_left_to_constraints(pairs):
    recipe = RefinerRecipe(unitarity="constrained", hidden=16)
    task = task_of(pairs, recipe)
    assert [name for name, _ in task.stage.limits] == ["huber", "unitarity_mean", "unitarity_spread"]
    logged = task.loss(torch.arange(512))
    assert {"lambda.unitarity_mean", "excess.unitarity_spread"} <= set(logged)
    kicked = task_of(pairs, recipe)
    with torch.no_grad():
        for layer in kicked.terms.network.second:
            layer.weight.normal_(0, 0.3)
    assert kicked.loss(torch.arange(512))["excess.unitarity_spread"] > 0
    exact = task_of(pairs, RefinerRecipe(hidden=16))
    exact.terms.network.load_state_dict(kicked.terms.network.state_dict())
    spread = exact.loss(torch.arange(512))["unitarity_spread"]
    assert spread < 0.1 * kicked.loss(torch.arange(512))["unitarity_spread"]


def test_twins_are_disjoint_and_alike(pairs):
    first, second = twins(Sample.of(pairs, JETS), seed=1)
    assert len(first) == len(second) == len(pairs) // 2
    assert (first.parameters[:, 2] == second.parameters[:, 2]).float().mean() > 0.9
    rows = {tuple(row) for row in first.full.tolist()}
    assert not rows & {tuple(row) for row in second.full.tolist()}


def test_a_training_killed_with_9_ends_with_the_same_weights(tiers, tmp_path):
    script = (
        "import sys; from pathlib import Path; from flashbench.training.refined import train_refined;"
        "from flashbench.training.recipe_refined import RefinerRecipe;"
        "train_refined([sys.argv[1]], [sys.argv[2]], Path(sys.argv[3]),"
        "RefinerRecipe(epochs=6, hidden=8, batch=256, kinds=('jets',)), threads=1)"
    )
    arguments = [str(path) for path in tiers]
    killed = tmp_path / "killed"
    history = killed / "training" / "jets-mmd" / "history.jsonl"
    process = subprocess.Popen([sys.executable, "-c", script, *arguments, str(killed)])
    deadline = time.monotonic() + 300
    while not (history.exists() and history.read_text().count("\n") >= 2):
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert state.read(history.parent)["state"] == state.KILLED
    for folder in (killed, tmp_path / "whole"):
        subprocess.run([sys.executable, "-c", script, *arguments, str(folder)], check=True)
    assert (killed / "jets.onnx").read_bytes() == (tmp_path / "whole" / "jets.onnx").read_bytes()
