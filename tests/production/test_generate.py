"""Pythia's events: purity, momentum conservation, the GenPart collection and GenJets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flashbench.errors import ProductionError, UnknownNameError
from flashbench.production.filters import has_pair
from flashbench.production.generate import Generated, events_of_generated, generate, pythia
from flashbench.production.genjets import gen_jets, hadron_flavour, parton_flavour
from flashbench.production.genparts import BITS
from flashbench.production.ragged import Ragged, pairs, wrap
from flashbench.production.recipes import RECIPES, recipe


def bit(parts: Ragged, name: str) -> np.ndarray:
    return parts["statusFlags"] >> BITS[name] & 1 == 1


def test_events_are_a_pure_function_of_recipe_and_seed(tmp_path: Path, vbf: Generated) -> None:
    again, _ = generate(recipe("vbf_hmm"), 20, 5, tmp_path)
    first = events_of_generated(vbf, 0, 20)
    for name in ("pt", "eta", "phi", "pdgId"):
        np.testing.assert_array_equal(again.visible[name], first.visible[name])


def test_higgs_muons_make_the_higgs_mass(vbf: Generated) -> None:
    parts = vbf.gen_parts
    hard = bit(parts, "isHardProcess") & (np.abs(parts["pdgId"]) == 13)
    muons = parts.select(hard)
    assert (muons.counts == 2).all()
    pt, eta, phi = (muons[name].reshape(-1, 2) for name in ("pt", "eta", "phi"))
    mass = np.sqrt(2 * pt[:, 0] * pt[:, 1] * (np.cosh(eta[:, 0] - eta[:, 1]) - np.cos(phi[:, 0] - phi[:, 1])))
    np.testing.assert_allclose(mass, 125, atol=0.3)


def test_stable_muons_of_the_higgs_are_prompt_last_copies_whose_mother_line_leads_to_it(vbf: Generated) -> None:
    parts = vbf.gen_parts
    chosen = (parts["status"] == 1) & (np.abs(parts["pdgId"]) == 13) & bit(parts, "fromHardProcess")
    assert chosen.sum() == 2 * vbf.events
    assert bit(parts, "isPrompt")[chosen].all()
    assert bit(parts, "isLastCopy")[chosen].all()
    row = np.nonzero(chosen)[0]
    for _ in range(6):
        climb = np.abs(parts["pdgId"][row]) == 13
        mother = parts.starts[parts.event[row]] + parts["genPartIdxMother"][row]
        row = np.where(climb, mother, row)
    assert (parts["pdgId"][row] == 25).all()


def test_muons_of_b_hadrons_are_not_prompt(ttbar: Generated) -> None:
    parts = ttbar.gen_parts
    from_hadron = (parts["status"] == 1) & (np.abs(parts["pdgId"]) == 13) & bit(parts, "isDirectHadronDecayProduct")
    assert from_hadron.sum() > 0
    assert not bit(parts, "isPrompt")[from_hadron].any()


def test_top_quarks_decay_through_w_bosons_that_are_in_the_collection(ttbar: Generated) -> None:
    parts = ttbar.gen_parts
    tops = np.bincount(parts.event, (np.abs(parts["pdgId"]) == 6) & bit(parts, "isLastCopy"), parts.events)
    assert (tops == 2).all()
    assert (parts["genPartIdxMother"] < parts.counts[parts.event]).all()


def test_photons_are_kept_above_10_gev_and_where_nothing_has_decayed_to_them(ttbar: Generated, vbf: Generated) -> None:
    """As in NanoAOD; muons of a Higgs boson radiate many soft ones."""
    for generated in (ttbar, vbf):
        parts, visible = generated.gen_parts, generated.visible
        photons = parts.select(parts["pdgId"] == 22)
        prompt, hard = bit(photons, "isPrompt"), photons["pt"] > 10
        assert (prompt | hard).all()
        assert (photons["status"] == 1).all()
        assert hard.sum() == ((visible["pdgId"] == 22) & (visible["pt"] > 10)).sum()
        assert (prompt & ~hard).sum() > 0
        mother = np.abs(parts["pdgId"])[parts.starts[photons.event] + photons["genPartIdxMother"]]
        assert (np.isin(mother, (111, 221)) & prompt).sum() == 0
        assert (mother[prompt & (photons["genPartIdxMother"] >= 0)] < 100).all()


def test_gen_jets_hold_all_visible_momentum_of_their_neighbourhood(ttbar: Generated, ttbar_jets: Ragged) -> None:
    """The scalar pt within 0.4 of an isolated hard jet is its pt, to a few percent."""
    hard = ttbar_jets.select(ttbar_jets["pt"] > 60)
    jet, particle = pairs(hard, ttbar.visible)
    turn = wrap(hard["phi"][jet] - ttbar.visible["phi"][particle])
    near = np.hypot(hard["eta"][jet] - ttbar.visible["eta"][particle], turn) < 0.4
    inside = np.bincount(jet[near], ttbar.visible["pt"][particle[near]], hard.rows)
    assert np.median(inside / hard["pt"]) == pytest.approx(1, abs=0.05)


def test_gen_jets_come_by_descending_pt_above_ten_gev(ttbar_jets: Ragged) -> None:
    assert ttbar_jets["pt"].min() >= 10
    same = ttbar_jets.event[1:] == ttbar_jets.event[:-1]
    assert (np.diff(ttbar_jets["pt"])[same] <= 0).all()


def test_top_pairs_give_two_b_jets_an_event(ttbar_jets: Ragged) -> None:
    b = (ttbar_jets["hadronFlavour"] == 5) & (ttbar_jets["pt"] > 20)
    assert b.sum() / ttbar_jets.events == pytest.approx(1.95, abs=0.35)


def test_heavy_flavour_by_hadrons_decides_over_partons() -> None:
    one = np.array([1])
    jets = Ragged(one, {"pt": np.array([50.0]), "eta": np.zeros(1), "phi": np.zeros(1)})
    partons = Ragged(
        np.array([3]),
        {"pt": np.array([40.0, 30.0, 5.0]), "eta": np.zeros(3), "phi": np.zeros(3), "pdgId": np.array([21, 2, -5])},
    )
    hadrons = Ragged(one, {"eta": np.array([0.1]), "phi": np.zeros(1), "flavour": np.array([5])})
    assert hadron_flavour(jets, hadrons).tolist() == [5]
    assert parton_flavour(jets.with_columns(hadronFlavour=np.array([5])), partons).tolist() == [-5]
    assert parton_flavour(jets.with_columns(hadronFlavour=np.array([0])), partons).tolist() == [21]


def test_gen_jets_of_an_event_without_particles_are_none(ttbar: Generated) -> None:
    empty = Ragged(np.array([0]), {name: values[:0] for name, values in ttbar.visible.columns.items()})
    hadrons = Ragged(np.array([0]), {name: values[:0] for name, values in ttbar.hadrons.columns.items()})
    partons = Ragged(np.array([0]), {name: values[:0] for name, values in ttbar.partons.columns.items()})
    assert gen_jets(empty, hadrons, partons).rows == 0


@pytest.mark.parametrize(
    ("second", "passes"), [((50.0, 2.5, 3.0), True), ((50.0, 0.5, 3.0), False), ((5.0, 2.5, 3.0), False)]
)
def test_the_vbf_filter_wants_mass_and_gap(second: tuple[float, float, float], passes: bool) -> None:
    assert has_pair([(60.0, -1.5, 0.0), second], mass=250, gap=2.5) is passes


def test_filtered_events_have_two_hard_muons_and_a_smaller_cross_section(tmp_path: Path) -> None:
    filtered, with_filter = generate(recipe("dy2j"), 25, 3, tmp_path)
    _, without = generate(recipe("dy2j_unfiltered"), 25, 3, tmp_path)
    parts = filtered.gen_parts
    muons = bit(parts, "isPrompt") & (np.abs(parts["pdgId"]) == 13) & (parts["status"] == 1) & (parts["pt"] > 10)
    assert (np.bincount(parts.event, muons, parts.events) >= 2).all()
    assert with_filter.value_pb < 0.1 * without.value_pb


@pytest.mark.parametrize("process", ["t1tttt", "ewk_lljj", "ttbar_mumu", "vbf_hmm_alt"])
def test_every_other_recipe_generates(tmp_path: Path, process: str) -> None:
    generated, cross_section = generate(recipe(process), 4, 2, tmp_path)
    assert generated.events == 4
    assert cross_section.value_pb > 0
    codes = set(np.abs(generated.gen_parts["pdgId"]).tolist())
    expected = {
        "t1tttt": {1000021, 1000022, 6},
        "ewk_lljj": {13, 25},
        "ttbar_mumu": {6, 13, 24},
        "vbf_hmm_alt": {13, 25},
    }
    assert expected[process] <= codes


def test_an_unknown_process_suggests_the_near_one() -> None:
    with pytest.raises(UnknownNameError, match="did you mean vbf_hmm"):
        recipe("vbf_hm")


def test_a_setting_pythia_does_not_know_is_named() -> None:
    with pytest.raises(ProductionError, match="does not accept 'No:such = setting'"):
        pythia(("No:such = setting",), 1)


def test_proxies_say_so() -> None:
    assert "proxy" in RECIPES["ewk_lljj"].label
    assert all(recipe.process == name for name, recipe in RECIPES.items())
