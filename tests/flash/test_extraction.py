"""Training tables: matching, efficiencies, fakes and charge flips of a detector that is known, and real CMS events."""

import awkward as ak
import numpy as np
import pytest

from flash.toy_detector import CHARGE_FLIP, FAKES_PER_INTERACTION, JET_EFFICIENCY, MUON_EFFICIENCY, toy_events
from flashbench.errors import InputError, SchemaError
from flashbench.nanoaod import write_events
from flashbench.simulators.flash.features import JET_CONDITIONS
from flashbench.training.extraction import extract


@pytest.fixture(scope="module")
def tables(toy_file):
    return extract([str(toy_file)])


def test_efficiencies_are_those_of_the_detector(tables):
    assert tables.jets.reconstructed.mean() == pytest.approx(JET_EFFICIENCY, abs=0.02)
    assert tables.muons.reconstructed.mean() == pytest.approx(MUON_EFFICIENCY, abs=0.02)


def test_fakes_are_those_of_the_detector(tables):
    assert tables.fakes.counts.mean() == pytest.approx(30 * FAKES_PER_INTERACTION, rel=0.05)
    assert tables.fakes.counts.sum() == len(tables.fakes.targets)
    names = [f.name for f in tables.targets["fakes"]]
    assert set(tables.fakes.targets[:, names.index("qgl")]) == {-1.0}


def test_charge_flips_are_those_of_the_detector(tables):
    assert tables.muons.flipped.mean() == pytest.approx(CHARGE_FLIP, abs=0.01)


def test_targets_are_relative_to_the_right_generator_object(tables):
    names = [f.name for f in tables.targets["Jet"]]
    ratio, shift = (tables.jets.targets[:, names.index(n)] for n in ("pt", "eta"))
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    assert ratio.std() == pytest.approx(0.1, abs=0.01)
    assert np.abs(shift).max() < 0.1


def test_every_reconstructed_jet_is_matched_or_a_fake(tables):
    assert tables.counts["Jet"] == tables.counts["Jet matched"] + len(tables.fakes.targets)


def test_a_file_without_links_is_matched_by_distance(toy_file, tmp_path, tables):
    events = toy_events(2000, seed=1)
    for name, link in (("Jet", "genJetIdx"), ("Muon", "genPartIdx")):
        events = ak.with_field(events, ak.without_field(events[name], link), name)
    path = tmp_path / "unlinked.root"
    write_events(path, [events])
    unlinked = extract([str(path)])
    linked = extract([str(toy_file)], events=2000)
    assert unlinked.counts["Jet matched"] == pytest.approx(linked.counts["Jet matched"], rel=0.03)
    assert unlinked.counts["Muon matched"] == pytest.approx(linked.counts["Muon matched"], rel=0.03)


def test_links_that_lead_nowhere_make_fakes(tmp_path):
    events = toy_events(500, seed=4)
    events = ak.with_field(events, ak.with_field(events.Jet, events.Jet.genJetIdx * 0 + 99, "genJetIdx"), "Jet")
    path = tmp_path / "broken.root"
    write_events(path, [events])
    tables = extract([str(path)])
    assert tables.counts["Jet matched"] == 0
    assert len(tables.fakes.targets) == tables.counts["Jet"]
    assert list(tables.repairs.values()) == [tables.counts["Jet"]]


def test_two_jets_of_one_generator_jet_leave_one_fake(tmp_path):
    events = toy_events(300, seed=6)
    events = ak.with_field(events, ak.concatenate([events.Jet, events.Jet], axis=1), "Jet")
    path = tmp_path / "twice.root"
    write_events(path, [events])
    once = extract([str(path)])
    assert once.counts["Jet matched"] <= once.counts["GenJet"]
    assert len(once.fakes.targets) == once.counts["Jet"] - once.counts["Jet matched"]


def test_tables_do_not_depend_on_the_blocks(toy_file, monkeypatch, tables):
    monkeypatch.setattr("flashbench.training.extraction.BLOCK_EVENTS", 700)
    again = extract([str(toy_file)])
    assert again.events == tables.events
    assert np.array_equal(again.jets.conditions, tables.jets.conditions)
    assert np.array_equal(again.muons.targets, tables.muons.targets)
    assert np.array_equal(again.fakes.counts, tables.fakes.counts)


def test_a_file_that_lacks_a_target_trains_without_it(tmp_path):
    events = toy_events(100, seed=8)
    path = tmp_path / "v12.root"
    write_events(path, [ak.with_field(events, ak.without_field(ak.without_field(events.Jet, "qgl"), "puId"), "Jet")])
    tables = extract([str(path)])
    names = {f.name for f in tables.targets["Jet"]}
    assert "btagDeepFlavB" in names
    assert not names & {"qgl", "puId"}
    assert tables.jets.targets.shape[1] == len(names)


def test_a_file_without_genjets_is_refused_by_name(tmp_path):
    path = tmp_path / "data.root"
    write_events(path, [ak.without_field(toy_events(20, seed=1), "GenJet")])
    with pytest.raises(SchemaError, match="GenJet_pt"):
        extract([str(path)])


def test_no_events_is_an_input_error(toy_file):
    with pytest.raises(InputError, match="no events"):
        extract([str(toy_file)], events=0)


def test_real_cms_events_are_matched(real_data):
    tables = extract([str(real_data / "NanoAODv5_sample.root")])
    expected = {"GenJet": 8145, "Jet": 9020, "Jet matched": 6872, "gen muon": 640, "Muon": 878, "Muon matched": 578}
    assert tables.counts == expected
    assert list(tables.repairs.values()) == [131]  # jets whose GenJet is below the 10 GeV that NanoAOD stores
    assert tables.jets.targets.shape == (6872, 17)
    assert tables.muons.targets.shape == (578, 22)
    pt = tables.jets.conditions[:, [feature.name for feature in JET_CONDITIONS].index("gen_pt")]
    assert tables.jets.reconstructed[pt > 50].mean() > 0.99
    assert tables.jets.reconstructed[pt < 15].mean() < 0.4
