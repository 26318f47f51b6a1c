import pickle
import warnings

import awkward as ak
import numpy as np
import pytest

from flashbench.engine import RunRequest, run
from flashbench.errors import PluginError, SchemaError
from flashbench.events import RECO_BRANCHES, Tier
from flashbench.simulators import RunName, check_output, get
from flashbench.simulators.refined import RefinedSimulator, Refiner
from flashbench.simulators.refined.objects import follow
from flashbench.simulators.refined.variables import KINDS
from refined.toy_tiers import toy_tiers

RNG = np.random.default_rng(1)


def fast_events(events=200, seed=5):
    return toy_tiers(events, seed)[0]


@pytest.fixture
def refined(kicked_weights):
    return RefinedSimulator(kicked_weights)


def test_the_backend_is_registered_and_fulfils_the_contract(kicked_weights, monkeypatch):
    monkeypatch.setenv("FLASHBENCH_REFINED_WEIGHTS", str(kicked_weights))
    simulator = get("refined")
    assert simulator.info.reads is Tier.FAST
    events = fast_events()
    output = check_output(simulator.info, simulator.simulate(events, RNG), len(events), "refined", RECO_BRANCHES)
    assert set(output.fields) == {"Muon", "Jet"}


def test_untrained_weights_change_nothing(identity_weights):
    events = fast_events()
    output = RefinedSimulator(identity_weights).simulate(events, RNG)
    for kind in KINDS.values():
        for field in events[kind.collection].fields:
            assert ak.almost_equal(output[kind.collection][field], events[kind.collection][field], rtol=0, atol=1e-7)
        assert ak.all(output[kind.collection].refined)


def test_originals_stay_beside_what_was_refined_and_the_rest_of_a_jet_follows_it(refined):
    events = fast_events()
    output = refined.simulate(events, RNG)
    changed = 0
    for kind in KINDS.values():
        before, after = events[kind.collection], output[kind.collection]
        assert ak.all(after.pt[:, :-1] >= after.pt[:, 1:])
        back = ak.argsort(after.pt_unrefined, axis=1, ascending=False, stable=True)
        changed += int(ak.sum(back != ak.local_index(after.pt)))
        for name in kind.names:
            assert ak.array_equal(after[name + "_unrefined"][back], before[name])
            assert not ak.array_equal(after[name][back], before[name])
        for name in ("eta", "phi", kind.link):
            assert ak.array_equal(after[name][back], before[name])
    assert changed > 10  # sorting mattered
    assert ak.array_equal(output.Jet.area, 0.5 + 0.001 * events.GenJet.pt[output.Jet.genJetIdx])


def test_links_to_objects_that_were_sorted_anew_follow_them(refined):
    events = fast_events()
    nearest = ak.argmin(abs(events.Muon.eta[:, :, None] - events.Jet.eta[:, None, :]), axis=2, keepdims=False)
    links = ak.values_astype(ak.fill_none(nearest, -1), "int16")
    events = ak.with_field(events, ak.with_field(events.Muon, links, "jetIdx"), "Muon")
    output = refined.simulate(events, RNG)
    has = links >= 0
    wanted = ak.flatten(events.Jet.eta[links[has]])
    order = ak.argsort(output.Muon.eta, axis=1)
    before = ak.argsort(events.Muon.eta, axis=1)
    new_links = output.Muon.jetIdx[order]
    old_links = links[before]
    assert ak.array_equal(new_links >= 0, old_links >= 0)
    found = output.Jet.eta[new_links[new_links >= 0]]
    assert ak.array_equal(found, events.Jet.eta[old_links[old_links >= 0]])
    assert not ak.array_equal(new_links, old_links)
    assert len(wanted) > 100


def test_a_link_beyond_the_collection_becomes_none():
    order = ak.Array([[2, 0, 1], []])
    assert follow(ak.Array([[0, 2, -1, 7], [3]]), order).to_list() == [[1, 0, -1, -1], [-1]]


def test_events_without_jets_or_without_any_object_pass(refined):
    events = fast_events(50)
    events = ak.with_field(events, events.Jet[events.Jet.pt > 1e9], "Jet")
    output = refined.simulate(events, RNG)
    assert ak.sum(ak.num(output.Jet.pt)) == 0
    assert ak.sum(ak.num(output.Muon.pt)) > 0
    assert len(refined.simulate(events[:0], RNG)) == 0


def test_objects_that_cannot_be_refined_are_left_and_counted(refined):
    events = fast_events()
    links = ak.where(events.Jet.pt > 80, -1, events.Jet.genJetIdx)
    links = ak.where((links >= 0) & (events.Jet.pt < 40), 99, links)  # leads nowhere
    scores = ak.where(abs(events.Jet.eta) < 0.5, -1.0, events.Jet.btagDeepFlavCvL)
    jets = ak.with_field(ak.with_field(events.Jet, links, "genJetIdx"), scores, "btagDeepFlavCvL")
    output = refined.simulate(ak.with_field(events, jets, "Jet"), RNG).Jet
    unmatched = (output.pt_unrefined > 80) | (output.pt_unrefined < 40)
    invalid = ~unmatched & (abs(output.eta) < 0.5)
    assert ak.array_equal(output.refined, ~(unmatched | invalid))
    left = output[unmatched | invalid]
    for name in KINDS["jets"].names:
        assert ak.array_equal(left[name], left[name + "_unrefined"])
    assert refined.counts["jets"]["unmatched"] == ak.sum(unmatched)
    assert refined.counts["jets"]["invalid input"] == ak.sum(invalid)
    assert sum(refined.counts["jets"].values()) == ak.sum(ak.num(output.pt))


def test_muons_can_be_left_out(kicked_weights):
    events = fast_events()
    simulator = RefinedSimulator(kicked_weights, muons=False)
    assert ak.array_equal(simulator.simulate(events, RNG).Muon, events.Muon)
    assert simulator.info.version != RefinedSimulator(kicked_weights).info.version


def test_columns_that_are_missing_are_named(refined):
    events = fast_events(5)
    jets = events.Jet[[name for name in events.Jet.fields if name != "btagDeepFlavQG"]]
    with pytest.raises(SchemaError, match="Jet_btagDeepFlavQG"):
        refined.simulate(ak.with_field(events, jets, "Jet"), RNG)
    with pytest.raises(SchemaError, match="GenJet_pt"):
        refined.simulate(events[[name for name in events.fields if name != "GenJet"]], RNG)


def test_without_weights_the_error_says_how_to_make_them(tmp_path):
    with pytest.raises(PluginError, match="flashbench train refined"):
        RefinedSimulator(tmp_path)


def test_a_pickled_simulator_is_small_and_does_the_same(refined):
    events = fast_events(50)
    expected = refined.simulate(events, RNG)
    content = pickle.dumps(refined)
    assert len(content) < 2000
    assert ak.array_equal(pickle.loads(content).simulate(events, RNG), expected)


def test_a_run_reads_the_columns_that_the_refiner_needs(tiers, kicked_weights, tmp_path):
    request = RunRequest("toy", RunName("refined"), events=300)
    result = run(request, [tiers[0]], tmp_path / "run", simulator=RefinedSimulator(kicked_weights))
    assert result.n_events == 300
    assert "Jet_btagDeepFlavCvB" not in result.manifest["neutral_branches"]


def test_a_network_that_gives_nonsense_is_warned_of_once(kicked_weights, monkeypatch):
    simulator = RefinedSimulator(kicked_weights)
    monkeypatch.setattr(Refiner, "shift", lambda self, values, parameters: np.full_like(values, np.nan))
    events = fast_events(50)
    with pytest.warns(UserWarning, match="came out not finite or out of range"):
        output = simulator.simulate(events, RNG)
    assert ak.array_equal(output.Jet.pt, events.Jet.pt)
    assert not ak.any(output.Jet.refined)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulator.simulate(events, RNG)
