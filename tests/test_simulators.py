import subprocess
import sys
from importlib.metadata import EntryPoint

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashbench import plugins
from flashbench.errors import PluginError, SchemaError, SimulationError, UnknownNameError
from flashbench.events import ANALYSIS_BRANCHES, BRANCHES, Tier
from flashbench.simulators import (
    RunName,
    Simulator,
    SimulatorInfo,
    available,
    check_output,
    get,
    parse_run_name,
    registry,
)
from flashbench.simulators.gen import GenSimulator
from samples import nanoaod_events

INFO = SimulatorInfo("mine", "1", "Mine", Tier.FULL, False, frozenset({"Jet_pt"}))


def rng():
    return np.random.default_rng(1)


def good():
    return nanoaod_events(30, seed=5)


def with_column(events, collection, field, values):
    return ak.with_field(events, ak.with_field(events[collection], values, field), collection)


@pytest.mark.parametrize("name", ["gen", "full", "fast"])
def test_built_in_backends_fulfil_the_contract(name):
    simulator = get(name)
    assert isinstance(simulator, Simulator)
    events = good()
    output = check_output(simulator.info, simulator.simulate(events, rng()), len(events), name)
    assert set(output.fields) == {"Muon", "Jet"}
    for branch in ANALYSIS_BRANCHES:
        collection, _, field = branch.partition("_")
        assert field in output[collection].fields
    assert len(check_output(simulator.info, simulator.simulate(events[:0], rng()), 0, name)) == 0


def test_an_author_may_write_a_tier_by_its_name_and_branches_in_any_collection():
    plain = SimulatorInfo("mine", "1", "Mine", "full", False, ["Jet_pt"], {"Jet_area"})
    assert plain == SimulatorInfo("mine", "1", "Mine", Tier.FULL, False, frozenset({"Jet_pt"}), frozenset({"Jet_area"}))
    assert plain.reads is Tier.FULL


def test_full_is_what_the_file_holds():
    events = good()
    output = get("full").simulate(events, rng())
    assert ak.array_equal(output.Jet, events.Jet)
    assert ak.array_equal(output.Muon, events.Muon)


def test_gen_takes_stable_last_copy_muons_with_the_right_charge():
    last, other = 1 << 13, 1 << 12
    columns = {
        "pt": [[10.0, 50.0, 40.0, 30.0, 20.0]],
        "eta": [[0.1, 0.2, 0.3, 0.4, 0.5]],
        "phi": [[1.0, 2.0, 3.0, -1.0, -2.0]],
        "pdgId": [[13, -13, 13, 13, 11]],
        "status": [[1, 1, 1, 2, 1]],
        "statusFlags": [[last, last | other, other, last, last]],
    }
    events = ak.with_field(good()[:1], ak.zip({k: ak.Array(v) for k, v in columns.items()}), "GenPart")
    muons = GenSimulator().simulate(events, rng()).Muon
    assert muons.pt.tolist() == [[50.0, 10.0]]
    assert muons.charge.tolist() == [[1, -1]]
    assert muons.genPartIdx.tolist() == [[1, 0]]
    assert muons.pfRelIso04_all.tolist() == [[0.0, 0.0]]
    assert muons.mediumId.tolist() == [[True, True]]


def test_gen_jets_are_generator_jets_in_order_of_pt():
    events = good()
    jets = GenSimulator().simulate(events, rng()).Jet
    assert ak.all(jets.pt[:, :-1] >= jets.pt[:, 1:])
    assert ak.array_equal(events.GenJet.pt[jets.genJetIdx], jets.pt)
    assert ak.all(jets.puId == 7)
    assert ak.all(jets.jetId == 6)


@given(st.integers(0, 2**31))
def test_gen_commutes_with_a_permutation_of_events(seed):
    events = good()
    order = np.random.default_rng(seed).permutation(len(events))
    simulate = GenSimulator().simulate
    assert ak.array_equal(simulate(events[order], rng()).Jet, simulate(events, rng()).Jet[order])


def test_output_of_other_length_is_refused():
    with pytest.raises(SimulationError, match="here: simulate got 30 events and returned 29"):
        check_output(INFO, good()[:29], 30, "here")


def test_output_that_is_no_array_is_refused():
    with pytest.raises(SimulationError, match="returned dict"):
        check_output(INFO, {"Jet": 1}, 30, "here")


def _negative(events):
    return with_column(events, "Jet", "pt", -events.Jet.pt)


def _unwrapped(events):
    return with_column(events, "Muon", "phi", events.Muon.phi + 7)


def _neutral_muon(events):
    return with_column(events, "Muon", "charge", 0 * events.Muon.charge)


def _fraction(events):
    return with_column(events, "Jet", "puId", events.Jet.puId + 0.5)


def _infinite(events):
    return with_column(events, "Jet", "qgl", events.Jet.qgl + np.inf)


def _text(events):
    return with_column(events, "Jet", "mass", ak.Array([["a"] * n for n in ak.num(events.Jet)]))


def _without_jets(events):
    return events[["Muon"]]


def _without_mass(events):
    return ak.with_field(events, events.Jet[[f for f in events.Jet.fields if f != "mass"]], "Jet")


def _none(events):
    return ak.with_field(events, ak.mask(events.Jet, np.arange(len(events)) > 3), "Jet")


def _one_jet(events):
    return ak.with_field(events, ak.firsts(events.Jet), "Jet")


@pytest.mark.parametrize(
    ("spoil", "branch", "problem"),
    [
        (_negative, "Jet_pt", "is negative in event"),
        (_unwrapped, "Muon_phi", "is outside"),
        (_neutral_muon, "Muon_charge", "is not ±1"),
        (_fraction, "Jet_puId", "holds fractions"),
        (_infinite, "Jet_qgl", "not finite in entry"),
        (_text, "Jet_mass", "expected"),
        (_without_jets, "Jet", "collection missing"),
        (_without_mass, "Jet_mass", "missing from the output"),
        (_none, "Jet", "None"),
        (_one_jet, "Jet", "not a list of records"),
    ],
)
def test_violation_names_simulator_branch_and_event(spoil, branch, problem):
    with pytest.raises(SchemaError, match=problem) as caught:
        check_output(INFO, spoil(good()), 30, "simulator 'mine' on dy2j")
    assert caught.value.branch == branch
    assert caught.value.where == "simulator 'mine' on dy2j"


def test_announced_branch_that_is_not_there_is_refused():
    info = SimulatorInfo("mine", "1", "Mine", Tier.FULL, False, frozenset({"Jet_qgl"}))
    events = good()
    output = ak.with_field(events, events.Jet[[f for f in events.Jet.fields if f != "qgl"]], "Jet")
    with pytest.raises(SchemaError, match="announced in info"):
        check_output(info, output, 30, "here")
    filled = check_output(INFO, output, 30, "here")
    assert ak.all(filled.Jet.qgl == BRANCHES["Jet_qgl"].neutral)


def test_undeclared_columns_are_dropped():
    events = good()
    output = check_output(INFO, with_column(events, "Jet", "mine", events.Jet.pt), 30, "here")
    assert "mine" not in output.Jet.fields


def test_registry_lists_built_ins_with_their_origin():
    listed = {r.name: r for r in available()}
    assert {"gen", "full"} <= set(listed)
    assert listed["gen"].origin.startswith("flashbench ")


def test_unknown_simulator_suggests_the_near_one():
    with pytest.raises(UnknownNameError, match=r"no simulator named 'ful' \(did you mean full"):
        get("ful")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flash", RunName("flash")),
        ("flash@25", RunName("flash", 25)),
        ("a-b.c", RunName("a-b.c")),
        ("f:a=1,b=off@3", RunName("f", 3, (("a", "1"), ("b", "off")))),
    ],
)
def test_run_name_parses_and_prints(text, expected):
    assert parse_run_name(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text", ["flash@0", "flash@", "@3", "flash@-1", "", "a/b", "flash@x", "f:", "f:a", "f:a=", "f:=1", "f:a=1,,b=2"]
)
def test_malformed_run_name_is_refused(text):
    with pytest.raises(UnknownNameError):
        parse_run_name(text)


class Nothing:
    pass


class Misnamed:
    info = INFO

    def simulate(self, events, rng):
        return events


class Optional(Misnamed):
    def __init__(self, scale=1.0, wide=False):
        self.scale, self.wide = scale, wide


def test_options_reach_the_simulator_typed_and_unknown_ones_are_refused(monkeypatch):
    point = EntryPoint("mine", "test_simulators:Optional", plugins.GROUPS["simulator"])
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    made = registry.make(parse_run_name("mine:wide=on,scale=2.5"))
    assert (made.scale, made.wide) == (2.5, True)
    with pytest.raises(PluginError, match="has no option 'tall' \\(it has scale, wide\\)"):
        registry.make(parse_run_name("mine:tall=on"))


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        (["x = test_simulators:Nothing"], "has no `info` and `simulate`"),
        (["x = test_simulators:Misnamed"], "calls itself 'mine'"),
        (["x = no_such_module_here:Thing"], "cannot be imported"),
        (["x = test_simulators:Nothing", "x = test_simulators:Misnamed"], "claimed by"),
    ],
)
def test_bad_plugin_is_reported_with_its_origin(monkeypatch, points, problem):
    made = [EntryPoint(*p.split(" = "), group=plugins.GROUPS["simulator"]) for p in points]
    monkeypatch.setattr(plugins, "entry_points", lambda group: made)
    with pytest.raises(PluginError, match=problem):
        get("x")


def test_simulators_do_not_import_torch_or_production():
    code = "import sys, flashbench.simulators, flashbench.analysis, flashbench.stats; "
    code += "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'pythia8mc', 'fastjet')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
