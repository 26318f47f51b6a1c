"""FlashSim from generator blocks to NanoAOD: the contract, its links, its folds and bad input."""

import json
import pickle
import shutil
import subprocess
import sys
import warnings

import awkward as ak
import numpy as np
import pytest

from flash.toy_detector import CHARGE_FLIP, JET_EFFICIENCY, MUON_EFFICIENCY, toy_events
from flashbench import engine
from flashbench.errors import FlashbenchError, PluginError, SchemaError
from flashbench.events import BRANCHES, repeat
from flashbench.simulators import RunName, Simulator, check_output
from flashbench.simulators.flash import FlashSimulator
from flashbench.simulators.flash.features import JET_TARGETS

GEN = ("run", "luminosityBlock", "event", "genWeight", "GenPart", "GenJet", "Pileup")


def gen_events(events, seed):
    return toy_events(events, seed)[list(GEN)]


def simulate(simulator, events, seed=0):
    output = simulator.simulate(events, np.random.default_rng(seed))
    return check_output(simulator.info, output, len(events), "test", simulator.info.provides)


@pytest.fixture(scope="module")
def flash(untrained):
    return FlashSimulator(untrained)


def test_it_is_a_simulator_with_every_branch_it_announces(flash):
    assert isinstance(flash, Simulator)
    assert {f.branch for f in JET_TARGETS} < flash.info.provides < set(BRANCHES)
    output = simulate(flash, gen_events(300, 31))
    assert {f"Jet_{name}" for name in output.Jet.fields} == {b for b in flash.info.provides if b.startswith("Jet_")}
    assert {f"Muon_{name}" for name in output.Muon.fields} == {b for b in flash.info.provides if b.startswith("Muon_")}


def test_objects_are_sorted_by_descending_pt(flash):
    output = simulate(flash, gen_events(500, 32))
    for objects in (output.Jet, output.Muon):
        assert ak.all(objects.pt[:, 1:] <= objects.pt[:, :-1])


def test_links_lead_to_the_generator_object_after_sorting(flash):
    events = gen_events(1000, 33)
    output = simulate(flash, events)
    jets = output.Jet[output.Jet.genJetIdx >= 0]
    generated = events.GenJet[jets.genJetIdx]
    assert ak.max(abs(jets.eta - generated.eta)) < 0.1
    assert ak.all(jets.hadronFlavour == generated.hadronFlavour)
    assert ak.all(jets.partonFlavour == generated.partonFlavour)
    assert ak.all((jets.pt / generated.pt > 0.5) & (jets.pt / generated.pt < 1.5))
    muons = events.GenPart[output.Muon.genPartIdx]
    assert ak.max(abs(output.Muon.eta - muons.eta)) < 0.01
    assert ak.sum(ak.num(jets)) > 1000, "too few jets to prove anything"


def test_no_generator_object_is_reconstructed_twice(flash):
    output = simulate(flash, gen_events(1000, 34))
    for links in (output.Jet.genJetIdx[output.Jet.genJetIdx >= 0], output.Muon.genPartIdx):
        ordered = ak.sort(links)
        assert not ak.any(ordered[:, 1:] == ordered[:, :-1])


def test_charge_is_minus_the_sign_of_the_pdg_code_up_to_the_measured_flips(flash):
    events = gen_events(4000, 35)
    muons = simulate(flash, events).Muon
    wrong = muons.charge == np.sign(events.GenPart.pdgId[muons.genPartIdx])
    assert ak.mean(wrong) == pytest.approx(CHARGE_FLIP, abs=0.015)


def test_efficiencies_are_those_of_the_sample_and_can_be_switched_off(flash, untrained):
    events = gen_events(3000, 36)
    jets, muons = int(ak.sum(ak.num(events.GenJet))), int(ak.sum(ak.num(events.GenPart)))
    with_losses = simulate(flash, events)
    all_found = simulate(FlashSimulator(untrained, efficiency=False), events)
    found = ak.sum(with_losses.Jet.genJetIdx >= 0), ak.sum(ak.num(with_losses.Muon))
    assert found[0] / jets == pytest.approx(JET_EFFICIENCY, abs=0.02)
    assert found[1] / muons == pytest.approx(MUON_EFFICIENCY, abs=0.03)
    assert ak.sum(all_found.Jet.genJetIdx >= 0) == jets
    assert ak.sum(ak.num(all_found.Muon)) == muons


@pytest.mark.parametrize("collection", ["Jet", "Muon"])
def test_nothing_is_below_the_pt_that_nanoaod_stores(flash, untrained, collection):
    """Drawn again where a response leads below: a flow's edge is not sharp. Without losses nothing is left out."""
    generated, threshold = {"Jet": ("GenJet", 15.0), "Muon": ("GenPart", 3.0)}[collection]
    events = gen_events(2000, 43)
    events[generated, "pt"] = ak.full_like(events[generated].pt, 1.002 * threshold)
    objects = simulate(FlashSimulator(untrained, fakes=False), events)[collection]
    everything = simulate(FlashSimulator(untrained, fakes=False, efficiency=False), events)[collection]
    assert ak.min(objects.pt) >= threshold
    assert not ak.any(objects.pt == threshold), "not clipped to the threshold"
    found = ak.sum(ak.num(objects)) / ak.sum(ak.num(events[generated]))
    assert found == pytest.approx({"Jet": JET_EFFICIENCY, "Muon": MUON_EFFICIENCY}[collection], abs=0.05)
    assert ak.sum(ak.num(everything)) == ak.sum(ak.num(events[generated]))


def test_no_muon_is_found_where_training_had_none(untrained):
    """The toy's muons end at |η| = 2.3, those that the simulator looks at at 2.8."""
    events = gen_events(500, 44)
    events["GenPart", "eta"] = ak.full_like(events.GenPart.eta, 2.6)
    assert ak.sum(ak.num(simulate(FlashSimulator(untrained), events).Muon)) == 0
    assert ak.sum(ak.num(simulate(FlashSimulator(untrained, efficiency=False), events).Muon)) > 300


def test_without_torch_it_says_what_to_install(untrained, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(PluginError, match=r"torch not installed.*pip install 'flashbench\[flash\]'"):
        FlashSimulator(untrained)


def test_without_fakes_every_jet_has_a_generator_jet(flash, untrained):
    events = gen_events(500, 37)
    bare = FlashSimulator(untrained, fakes=False)
    assert ak.all(simulate(bare, events).Jet.genJetIdx >= 0)
    fakes = simulate(flash, events).Jet
    fakes = fakes[fakes.genJetIdx < 0]
    assert ak.sum(ak.num(fakes)) > 300
    assert ak.all(fakes.hadronFlavour == 0)


def test_folds_differ_in_efficiency_and_fakes(flash):
    events = repeat(gen_events(50, 38), 25)
    jets = simulate(flash, events).Jet
    real = ak.to_numpy(ak.sum(jets.genJetIdx >= 0, axis=1)).reshape(50, 25)
    fake = ak.to_numpy(ak.sum(jets.genJetIdx < 0, axis=1)).reshape(50, 25)
    several = ak.to_numpy(ak.num(events.GenJet)).reshape(50, 25)[:, 0] > 1
    assert (real[several].std(axis=1) > 0).all()
    assert (fake.std(axis=1) > 0).mean() > 0.95


def test_the_same_stream_gives_the_same_output(flash):
    events = gen_events(200, 39)
    first, again, other = (simulate(flash, events, seed) for seed in (1, 1, 2))
    assert ak.array_equal(first, again)
    assert not ak.array_equal(first.Jet.pt, other.Jet.pt)


def test_the_input_is_left_as_it_was(flash):
    events = gen_events(100, 40)
    before = ak.copy(events)
    simulate(flash, events)
    assert ak.array_equal(events, before)


@pytest.mark.parametrize("empty", [("GenJet",), ("GenPart",), ("GenJet", "GenPart")])
def test_events_without_jets_or_muons_come_out_without(untrained, empty):
    events = gen_events(50, 41)
    for name in empty:
        events = ak.with_field(events, events[name][:, :0], name)
    output = simulate(FlashSimulator(untrained, fakes=False), events)
    for generated, reconstructed in (("GenJet", "Jet"), ("GenPart", "Muon")):
        assert (ak.sum(ak.num(output[reconstructed])) == 0) == (generated in empty)


def test_an_empty_block_comes_out_empty(flash):
    assert len(simulate(flash, gen_events(5, 1)[:0])) == 0


def test_a_block_without_genjets_is_refused_by_name(flash):
    with pytest.raises(SchemaError, match="GenJet"):
        flash.simulate(ak.without_field(gen_events(5, 1), "GenJet"), np.random.default_rng(0))


def test_pt_beyond_the_training_is_clamped_with_one_warning_that_counts(untrained):
    events = gen_events(100, 42)
    hard = ak.with_field(events, ak.with_field(events.GenJet, events.GenJet.pt * 0 + 5000.0, "pt"), "GenJet")
    simulator = FlashSimulator(untrained, fakes=False, efficiency=False)
    jets = int(ak.sum(ak.num(hard.GenJet)))
    with pytest.warns(UserWarning, match=f"{jets} of {jets} objects") as caught:
        output = simulate(simulator, hard)
    assert len(caught) == 1
    assert ak.mean(output.Jet.pt) == pytest.approx(5000, rel=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(simulator, hard)


def test_runs_of_one_and_two_workers_are_identical(untrained, toy_file, tmp_path):
    simulator = FlashSimulator(untrained)
    request = engine.RunRequest("toy", RunName("flash", 2), events=1000, block_events=300)
    one, two = (
        engine.run(request, [toy_file], tmp_path / str(workers), simulator=simulator, workers=workers)
        for workers in (1, 2)
    )
    assert len(one.table["event"]) == 2000
    for name, values in one.table.items():
        assert np.array_equal(values, two.table[name], equal_nan=values.dtype.kind == "f"), name


def test_a_used_simulator_pickles_without_its_weights(untrained):
    simulator = FlashSimulator(untrained, fakes=False)
    simulate(simulator, gen_events(5, 1))
    packed = pickle.dumps(simulator)
    assert len(packed) < 5000
    again = pickle.loads(packed)
    assert again.info == simulator.info
    assert ak.array_equal(simulate(again, gen_events(20, 2)), simulate(simulator, gen_events(20, 2)))


def test_the_version_tells_weights_and_options_apart(flash, untrained, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(untrained, other)
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["charge_flip"]["probability"][0] = 0.5
    (other / "manifest.json").write_text(json.dumps(manifest))
    made = [flash, FlashSimulator(other), FlashSimulator(untrained, fakes=False)]
    made.append(FlashSimulator(untrained, efficiency=False))
    assert len({simulator.info.version for simulator in made}) == len(made)
    assert FlashSimulator(untrained).info == flash.info


def test_the_environment_names_the_weights(untrained, monkeypatch, flash):
    monkeypatch.setenv("FLASHBENCH_FLASH_WEIGHTS", str(untrained))
    assert FlashSimulator().info == flash.info


def test_missing_weights_say_how_to_train(tmp_path):
    with pytest.raises(PluginError, match="flashbench train flash"):
        FlashSimulator(tmp_path)


def test_weights_of_other_feature_tables_are_refused(untrained, tmp_path):
    shutil.copytree(untrained, tmp_path / "old")
    manifest = json.loads((tmp_path / "old" / "manifest.json").read_text())
    (tmp_path / "old" / "manifest.json").write_text(json.dumps(manifest | {"feature_version": 0}))
    with pytest.raises(PluginError, match="feature tables 0"):
        FlashSimulator(tmp_path / "old")


@pytest.mark.parametrize("part", ["jets", "jet-efficiency", "fake-features"])
def test_damaged_weights_are_refused(untrained, tmp_path, part):
    shutil.copytree(untrained, tmp_path / "damaged")
    path = tmp_path / "damaged" / part / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(FlashbenchError, match="checksum"):
        simulate(FlashSimulator(tmp_path / "damaged"), gen_events(5, 1))


def test_a_part_of_another_training_is_refused(untrained, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(untrained, mixed)
    shutil.rmtree(mixed / "jet-efficiency")
    shutil.copytree(untrained / "muon-efficiency", mixed / "jet-efficiency")
    with pytest.raises(PluginError, match="another training"):
        simulate(FlashSimulator(mixed), gen_events(5, 1))


def test_importing_the_simulator_does_not_import_torch():
    code = "import sys, flashbench.simulators, flashbench.simulators.flash; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
