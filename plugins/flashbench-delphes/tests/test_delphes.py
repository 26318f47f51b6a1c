import os
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.engine import RunRequest, run
from flashbench.errors import InputError
from flashbench.events import Tier, columns
from flashbench.nanoaod import load_block, open_source, plan_blocks
from flashbench.simulators import RunName
from flashbench.testing import SimulatorContract, synthetic_events
from flashbench_delphes import DelphesFormat, DelphesSimulator

EVERYTHING = (
    *columns(Tier.FAST),
    *columns(Tier.GEN),
    *("Jet_genJetIdx", "Jet_hadronFlavour", "Jet_btagDeepFlavB", "Jet_nConstituents"),
    *("Muon_genPartIdx", "Muon_dxy", "Muon_mass"),
)


class TestContract(SimulatorContract):
    simulator = "delphes"


def write(path: Path, events: ak.Array, muons: str = "Muon", without: tuple[str, ...] = ()) -> Path:
    """The events in Delphes' layout: one branch a member, mm for lengths."""
    kinematics = {"PT": "pt", "Eta": "eta", "Phi": "phi"}
    jets, gen_jets, particles, reco = events.Jet, events.GenJet, events.GenPart, events.Muon
    one = np.ones((len(events), 1))
    content = {
        "Event.Number": ak.from_regular(ak.Array(np.asarray(events.event)[:, None].astype(np.int64))),
        "Event.Weight": ak.from_regular(ak.Array(np.asarray(events.genWeight)[:, None] * one)),
        **{f"Jet.{d}": jets[n] for d, n in (kinematics | {"Mass": "mass"}).items()},
        "Jet.Flavor": ak.full_like(jets.pt, 5, dtype=np.uint32),
        "Jet.BTag": ak.full_like(jets.pt, 3, dtype=np.uint32),
        "Jet.NCharged": ak.full_like(jets.pt, 7, dtype=np.int32),
        "Jet.NNeutrals": ak.full_like(jets.pt, 4, dtype=np.int32),
        **{f"GenJet.{d}": gen_jets[n] for d, n in (kinematics | {"Mass": "mass"}).items()},
        **{f"Particle.{d}": particles[n] for d, n in (kinematics | {"Mass": "mass", "PID": "pdgId"}).items()},
        "Particle.Status": particles.status,
        "Particle.M1": particles.genPartIdxMother,
        **{f"{muons}.{d}": reco[n] for d, n in (kinematics | {"Charge": "charge"}).items()},
        f"{muons}.IsolationVar": reco.pfRelIso04_all,
        f"{muons}.D0": ak.full_like(reco.pt, 0.3),
    }
    content = {name: values for name, values in content.items() if name not in without}
    with uproot.recreate(path) as file:
        types = {name: values.type.content for name, values in content.items()}
        file.mktree("Delphes", types, counter_name=lambda name: name.replace(".", "_") + "_size").extend(content)
    return path


@pytest.fixture
def events():
    return synthetic_events(200, seed=3)


def read(path, names=EVERYTHING):
    source = open_source(path)
    (block,) = plan_blocks([source], 10_000)
    return load_block(block, names)


def test_objects_come_out_as_delphes_has_them(tmp_path, events):
    loaded = read(write(tmp_path / "d.root", events))
    got = loaded.events
    assert_array_equal(got.event, events.event)
    assert_allclose(got.genWeight, events.genWeight)
    for collection, fields in (("Jet", "pt eta phi mass"), ("Muon", "pt eta phi charge"), ("GenPart", "pdgId status")):
        for field in fields.split():
            a, b = got[collection][field], events[collection][field]
            assert_allclose(ak.flatten(a), ak.flatten(b), err_msg=f"{collection}_{field}")
    assert ak.all(got.Jet.btagDeepFlavB == 1)
    assert ak.all(got.Jet.hadronFlavour == 5)
    assert ak.all(got.Jet.nConstituents == 11)
    assert ak.all(got.Muon.dxy == 0.03)
    assert set(loaded.neutral) >= {"Jet_qgl", "Muon_ptErr", "Pileup_nPU"}


def test_links_are_those_of_the_closest_generator_object(tmp_path, events):
    got = read(write(tmp_path / "d.root", events)).events
    for objects, generated, link, radius in (
        (got.Jet, got.GenJet, "genJetIdx", 0.4),
        (got.Muon, got.GenPart, "genPartIdx", 0.1),
    ):
        for event in range(60):  # the plain loop
            for each in objects[event].tolist():
                distances = [
                    np.hypot(each["eta"] - g["eta"], (each["phi"] - g["phi"] + np.pi) % (2 * np.pi) - np.pi)
                    for g in generated[event].tolist()
                ]
                nearest = int(np.argmin(distances)) if distances else -1
                assert each[link] == (nearest if distances and distances[nearest] < radius else -1)


@pytest.mark.parametrize("muons", ["MuonTight", "MuonLoose"])
def test_muons_of_other_cards_are_found(tmp_path, events, muons):
    got = read(write(tmp_path / "d.root", events, muons)).events
    assert_allclose(ak.flatten(got.Muon.pt), ak.flatten(events.Muon.pt))


def test_run_of_a_delphes_file_gives_the_analysis_what_the_events_hold(tmp_path, events):
    path = write(tmp_path / "d.root", events)
    delphes = run(RunRequest("toy", RunName("delphes")), [path], tmp_path / "delphes")
    gen = run(RunRequest("toy", RunName("gen")), [path], tmp_path / "gen")
    assert delphes.n_events == gen.n_events == 200
    assert_array_equal(delphes.table["event"], gen.table["event"])
    assert (delphes.table["region"] > 0).any()
    medians = [np.nanmedian(result.table["dimuon_mass"]) for result in (delphes, gen)]
    assert_allclose(medians[0], medians[1], rtol=0.02)


def test_file_without_muons_or_numbers_is_refused(tmp_path, events):
    path = write(tmp_path / "d.root", events, without=("Event.Number",))
    with pytest.raises(InputError, match=r"d\.root: its tree Delphes has no Event\.Number"):
        open_source(path)


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "x.root").write_text("text")
    with uproot.recreate(tmp_path / "y.root") as file:
        file.mktree("Events", {"a": "int32"})
    recognises = DelphesFormat().recognises
    assert not any(recognises(str(tmp_path / name)) for name in ("x.root", "y.root", "none.root", "z.parquet"))


def test_simulator_fills_nothing_that_delphes_does_not_know():
    assert not DelphesSimulator.info.provides & {"Muon_ptErr", "Jet_qgl"}


@pytest.mark.skipif("FLASHBENCH_DELPHES_FILE" not in os.environ, reason="FLASHBENCH_DELPHES_FILE names no file")
def test_a_real_file_runs(tmp_path):
    result = run(RunRequest("real", RunName("delphes"), events=500), [os.environ["FLASHBENCH_DELPHES_FILE"]], tmp_path)
    assert result.n_events > 0
