"""`flashbench train flash` on a toy detector: what is learned, resumed and refused."""

import json
import multiprocessing
import sys
from contextlib import contextmanager

import awkward as ak
import numpy as np
import pytest
from typer.testing import CliRunner

from flash.toy_detector import FAKES_PER_INTERACTION, JET_EFFICIENCY, toy_events
from flashbench.cli.train import app
from flashbench.errors import InputError, PluginError, RunError
from flashbench.events import Tier, columns
from flashbench.nanoaod import load_block, open_source, plan_blocks, write_events
from flashbench.simulators import check_output
from flashbench.simulators.flash import FlashSimulator
from flashbench.simulators.flash.conditions import event_conditions, gen_jets, stack
from flashbench.simulators.flash.fakes import FAKE_CONDITIONS
from flashbench.simulators.flash.networks import PARTS, read_manifest
from flashbench.training.flash import train_flash
from flashbench.training.flow import FlowSettings
from flashbench.training.recipe import FLOWS, FlashRecipe

TINY = FlashRecipe(epochs=8, flows=dict.fromkeys(FLOWS, FlowSettings(layers=2, blocks=1, hidden=16, bins=6)))


@pytest.fixture(scope="module")
def trained(toy_file, tmp_path_factory):
    """Weights of a training of some seconds."""
    out = tmp_path_factory.mktemp("trained") / "weights"
    train_flash([str(toy_file)], out, TINY)
    return out


@pytest.fixture(scope="module")
def simulated(trained):
    """Other events of the same detector, and what FlashSim makes of them."""
    events = toy_events(3000, seed=51)
    simulator = FlashSimulator(trained)
    output = simulator.simulate(events, np.random.default_rng(0))
    return events, check_output(simulator.info, output, len(events), "test", simulator.info.provides)


def test_the_output_of_trained_weights_keeps_the_contract(simulated):
    _, output = simulated
    assert ak.all(output.Jet.pt[:, 1:] <= output.Jet.pt[:, :-1])
    assert set(np.unique(ak.flatten(output.Jet.puId))) <= {0, 4, 6, 7}


def test_response_and_rates_are_learned(simulated):
    events, output = simulated
    jets = output.Jet[output.Jet.genJetIdx >= 0]
    ratio = ak.flatten(jets.pt / events.GenJet.pt[jets.genJetIdx])
    assert ak.mean(ratio) == pytest.approx(1.0, abs=0.02)
    assert ak.std(ratio) == pytest.approx(0.1, abs=0.02)
    assert ak.sum(ak.num(jets)) / ak.sum(ak.num(events.GenJet)) == pytest.approx(JET_EFFICIENCY, abs=0.03)
    fakes = ak.sum(output.Jet.genJetIdx < 0) / len(events)
    assert fakes == pytest.approx(30 * FAKES_PER_INTERACTION, rel=0.1)


def test_the_b_tag_depends_on_the_flavour(simulated):
    _, output = simulated
    score, flavour = ak.flatten(output.Jet.btagDeepFlavB), ak.flatten(output.Jet.hadronFlavour)
    assert ak.mean(score[flavour == 5]) > ak.mean(score[flavour == 0]) + 0.3


def test_more_pile_up_makes_more_fakes(trained):
    events = toy_events(2000, seed=52)
    columns = event_conditions(events, gen_jets(events))
    number = FlashSimulator(trained).networks.fakes.number
    few, many = (
        number.probabilities(stack(columns | {"nPU": np.full(2000, n)}, FAKE_CONDITIONS)) @ np.arange(number.classes)
        for n in (20.0, 40.0)
    )
    assert many.mean() > 1.15 * few.mean()


def test_the_manifest_holds_recipe_input_calibration_and_time(trained):
    manifest = read_manifest(trained)
    assert set(manifest["training"]) == set(manifest["networks"]) == set(PARTS)
    assert manifest["recipe"]["epochs"] == 8
    assert len(manifest["inputs"][0]["sha256"]) == 64
    assert (
        manifest["counts"]["Jet"] == manifest["counts"]["Jet matched"] + manifest["training"]["fake-features"]["rows"]
    )
    assert manifest["seconds"] > 0
    for part in ("jet-efficiency", "muon-efficiency"):
        assert manifest["training"][part]["calibration"]["error"] < 0.08
    assert not list(trained.rglob("checkpoint.pt"))
    lines = (trained / "training" / "jets" / "history.jsonl").read_text().splitlines()
    losses = [json.loads(line)["validation"]["total"] for line in lines]
    assert min(losses) < losses[0]


@pytest.fixture(params=[1, 2])
def interrupted(request, toy_file, tmp_path):
    """A training that got Ctrl-C after a third of its rows, and its number of workers."""
    out = tmp_path / "killed"

    @contextmanager
    def killing(stage):
        def progress(done, total):
            if stage.startswith("training") and 3 * done > total:
                raise KeyboardInterrupt

        yield progress

    with pytest.raises(KeyboardInterrupt):
        train_flash([str(toy_file)], out, TINY, workers=request.param, monitor=killing)
    return out, request.param


def test_a_killed_training_ends_as_one_that_was_not(toy_file, trained, interrupted):
    out, workers = interrupted
    assert not (out / "manifest.json").exists()
    seen = []

    @contextmanager
    def watching(stage):
        yield lambda done, total: seen.append((stage, done / total))

    manifest = train_flash([str(toy_file)], out, TINY, workers=workers, monitor=watching)
    assert manifest["networks"] == read_manifest(trained)["networks"]
    shares = [share for stage, share in seen if stage.startswith("training")]
    assert shares[0] > 0.3, "it went on where it was"
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_an_error_in_a_worker_process_reaches_the_caller(toy_file, tmp_path):
    recipe = FlashRecipe(epochs=1, flows=dict.fromkeys(FLOWS, FlowSettings(bins=0)))
    with pytest.raises(RuntimeError):
        train_flash([str(toy_file)], tmp_path / "out", recipe, workers=2)
    assert not [child for child in multiprocessing.active_children() if child.is_alive()]


def test_a_finished_training_is_taken_over(toy_file, trained):
    stages = []

    @contextmanager
    def watching(stage):
        stages.append(stage)
        yield lambda done, total: None

    assert train_flash([str(toy_file)], trained, TINY, monitor=watching) == read_manifest(trained)
    assert stages == []


def test_a_folder_of_another_recipe_is_refused(toy_file, trained):
    with pytest.raises(RunError, match="another recipe"):
        train_flash([str(toy_file)], trained, FlashRecipe(epochs=9))


def test_too_few_objects_are_refused_by_number(tmp_path):
    path = tmp_path / "few.root"
    write_events(path, [toy_events(20, seed=1)])
    with pytest.raises(InputError, match="reconstructed jets in 20 events"):
        train_flash([str(path)], tmp_path / "out", TINY)


def test_the_recipe_gives_small_samples_more_epochs_and_smaller_batches():
    small, large = (FlashRecipe().loop("jets", rows) for rows in (5_000, 500_000))
    assert small.epochs > large.epochs
    assert small.batch < large.batch == 1024
    assert FlashRecipe(epochs=3).loop("jets", 5_000).epochs == 3


def test_the_command_trains_from_given_files(toy_file, tmp_path):
    out = tmp_path / "weights"
    command = ["flash", "--input", str(toy_file), "--events", "600", "--epochs", "1", "--workers", "1"]
    result = CliRunner().invoke(app, [*command, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "jet-efficiency" in result.output
    manifest = read_manifest(out)
    assert manifest["events"] == 600
    assert FlashSimulator(out).info.name == "flash"


def test_without_torch_the_command_says_what_to_install(toy_file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "normflows", None)
    result = CliRunner().invoke(app, ["flash", "--input", str(toy_file), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, PluginError)
    assert "normflows not installed" in str(result.exception)


def test_it_trains_and_runs_on_real_cms_events(real_data, tmp_path):
    path = real_data / "NanoAODv5_sample.root"
    train_flash([str(path)], tmp_path / "weights", FlashRecipe(epochs=1, flows=TINY.flows))
    (block,) = plan_blocks([open_source(path)], 1000)
    events = load_block(block, columns(Tier.GEN)).events
    simulator = FlashSimulator(tmp_path / "weights")
    output = simulator.simulate(events, np.random.default_rng(0))
    checked = check_output(simulator.info, output, 1000, "real", simulator.info.provides)
    assert ak.sum(checked.Jet.genJetIdx >= 0) == pytest.approx(6872, rel=0.05)
    assert ak.sum(ak.num(checked.Muon)) == pytest.approx(578, rel=0.1)
    assert ak.sum(checked.Jet.genJetIdx < 0) == pytest.approx(2148, rel=0.1)
