"""The vectorised selection against a plain-Python loop, and the edges of every threshold."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
from analysis_events import random_events, real_full_events, real_gen_events
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from reference_loop import cutflow as loop_cutflow
from reference_loop import distance, good_jet, good_muon

from flashbench.analysis import (
    REGIONS,
    Cuts,
    analyse,
    find_candidates,
    find_region,
    region_codes,
    select_jets,
    select_muons,
)
from flashbench.errors import CatalogueError, SchemaError, UnknownNameError

PUBLISHED = Cuts()
ALL_OPTIONS = Cuts(leading_muon_pt=26, trigger="HLT_IsoMu24")
LOOSE = Cuts(
    muon_pt=5,
    muon_isolation=2.0,
    leading_muon_pt=8,
    jet_pt=15,
    pileup_pt=30,
    leading_jet_pt=30,
    second_jet_pt=20,
    dijet_mass=80,
    dijet_eta_gap=0.8,
    sideband_low=10,
    signal_low=30,
    signal_high=80,
    sideband_high=200,
)


def equals_loop(events, cuts):
    """Asserts equality cut by cut and event by event; returns the events after each cut."""
    analysed = analyse(events, cuts)
    steps, regions = loop_cutflow(ak.to_list(events), cuts, len(analysed.cutflow.steps))
    counts = [step.events for step in analysed.cutflow]
    assert counts == [n for n, _, _ in steps]
    assert_allclose([step.sum_weights for step in analysed.cutflow], [w for _, w, _ in steps], rtol=1e-12, atol=1e-9)
    assert_allclose([step.sum_weights2 for step in analysed.cutflow], [w2 for _, _, w2 in steps], rtol=1e-12)
    assert_array_equal(analysed.table["region"], regions)
    return counts


@pytest.mark.parametrize("cuts", [PUBLISHED, ALL_OPTIONS, LOOSE], ids=["published", "all options", "loose"])
def test_random_events_give_the_cutflow_of_a_plain_loop(cuts):
    counts = equals_loop(random_events(20_000, seed=5), cuts)
    assert counts[-1] > 0
    assert counts == sorted(counts, reverse=True)


@given(
    seed=st.integers(0, 2**32 - 1),
    n_events=st.integers(0, 60),
    pt=st.sampled_from([0.0, 20.0, 26.0]),
    jet_pt=st.sampled_from([0.0, 25.0, 35.0]),
    distance=st.floats(0, 2),
)
@settings(max_examples=40, deadline=None)
def test_any_thresholds_give_the_cutflow_of_a_plain_loop(seed, n_events, pt, jet_pt, distance):
    cuts = replace(LOOSE, muon_pt=pt, jet_pt=jet_pt, second_jet_pt=jet_pt, jet_muon_distance=distance)
    counts = equals_loop(random_events(n_events, seed), cuts)
    assert counts[0] == n_events
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("read", [real_full_events, real_gen_events], ids=["full", "gen"])
@pytest.mark.parametrize("cuts", [PUBLISHED, replace(PUBLISHED, leading_muon_pt=26), LOOSE])
def test_real_events_give_the_cutflow_of_a_plain_loop(read, cuts):
    counts = equals_loop(read(), cuts)
    assert counts[0] == 1000
    assert counts[2] > 0
    if cuts is LOOSE:
        assert counts[-1] > 0
        assert len(set(counts)) >= len(counts) - 2  # nearly every cut removes some


def test_real_events_with_trigger_give_the_cutflow_of_a_plain_loop():
    counts = equals_loop(real_full_events(), replace(LOOSE, trigger="HLT_IsoMu24"))
    assert counts[0] > counts[1] > counts[2] > counts[-1] > 0


def test_selected_objects_are_those_of_the_loop_in_descending_pt():
    events = random_events(3000, seed=11)
    muons = select_muons(events.Muon, PUBLISHED)
    jets = select_jets(events.Jet, muons, PUBLISHED)
    for event, found_muons, found_jets in zip(ak.to_list(events), ak.to_list(muons), ak.to_list(jets), strict=True):
        expected = [m for m in event["Muon"] if good_muon(m, PUBLISHED)]
        assert found_muons == sorted(expected, key=lambda m: -m["pt"])
        assert found_jets == sorted(
            (j for j in event["Jet"] if good_jet(j, expected, PUBLISHED)), key=lambda j: -j["pt"]
        )


MUON = {
    "pt": 40.0, "eta": 0.5, "phi": 0.0, "mass": 0.106, "charge": -1,
    "pfRelIso04_all": 0.01, "mediumId": True, "ptErr": 0.5,
}  # fmt: skip
JET = {"pt": 80.0, "eta": 2.0, "phi": 1.5, "mass": 10.0, "puId": 7, "jetId": 6, "qgl": 0.5}


def one_event(muons, jets, weight=1.0):
    """A block of a single event."""

    def collection(objects, example):
        return ak.zip(
            {
                name: ak.unflatten(np.array([o[name] for o in objects], dtype=type(value)), [len(objects)])
                for name, value in example.items()
            }
        )

    columns = {"Muon": collection(muons, MUON), "Jet": collection(jets, JET), "genWeight": [weight]}
    return ak.zip(columns, depth_limit=1)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"pt": 20.0}, False),
        ({"pt": 20.001}, True),
        ({"eta": -2.4}, False),
        ({"eta": -2.399}, True),
        ({"pfRelIso04_all": 0.25}, False),
        ({"pfRelIso04_all": 0.249}, True),
        ({"mediumId": False}, False),
        ({"pt": np.nan}, False),
    ],
)
def test_muon_on_a_threshold_fails(change, kept):
    muons = select_muons(one_event([MUON | change], [JET]).Muon, PUBLISHED)
    assert ak.num(muons)[0] == int(kept)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"pt": 25.0}, False),
        ({"pt": 25.001}, True),
        ({"eta": 4.7}, False),
        ({"eta": 4.699}, True),
        ({"jetId": 0}, False),
        ({"jetId": 2}, True),
        ({"jetId": 1}, False),
        ({"pt": 49.9, "puId": 0}, False),
        ({"pt": 49.9, "puId": 4}, True),
        ({"pt": 49.9, "puId": 6}, True),
        ({"pt": 50.0, "puId": 0}, True),
        ({"eta": 0.5, "phi": 0.39}, False),
        ({"eta": 0.5, "phi": 0.41}, True),
        ({"eta": 0.5, "phi": 2 * np.pi - 0.39}, False),
    ],
)
def test_jet_on_a_threshold_fails_and_pileup_id_holds_below_50_gev(change, kept):
    events = one_event([MUON], [JET | change])
    assert ak.num(select_jets(events.Jet, select_muons(events.Muon, PUBLISHED), PUBLISHED))[0] == int(kept)


def test_only_selected_muons_remove_jets():
    near = {"eta": 0.5, "phi": 0.1}
    events = one_event([MUON | {"mediumId": False}], [JET | near])
    assert distance(MUON, JET | near) < PUBLISHED.jet_muon_distance
    assert ak.num(select_jets(events.Jet, select_muons(events.Muon, PUBLISHED), PUBLISHED))[0] == 1


def test_equal_pt_keeps_the_order_of_the_input():
    jets = [JET | {"eta": eta} for eta in (1.0, 2.0, 3.0, 4.0)]
    events = one_event([], jets)
    assert ak.to_list(select_jets(events.Jet, select_muons(events.Muon, PUBLISHED), PUBLISHED).eta) == [[1, 2, 3, 4]]


def test_the_pair_is_the_leading_muon_with_the_leading_of_opposite_charge():
    muons = [
        MUON | {"pt": 30.0, "charge": -1, "phi": 1.0},
        MUON | {"pt": 25.0, "charge": -1, "phi": 2.0},
        MUON | {"pt": 60.0, "charge": +1, "phi": 3.0},
        MUON | {"pt": 50.0, "charge": +1, "phi": -1.0},
    ]
    found = find_candidates(one_event(muons, []), PUBLISHED)
    assert (found.muon1.pt[0], found.muon2.pt[0]) == (60.0, 30.0)
    assert (found.muon_plus.pt[0], found.muon_minus.pt[0]) == (60.0, 30.0)
    assert (found.muon1.phi[0], found.muon2.phi[0]) == (3.0, 1.0)
    assert found.n_muons[0] == 4


def test_muons_of_equal_charge_are_no_candidate():
    found = find_candidates(one_event([MUON, MUON | {"phi": 1.0}], [JET]), PUBLISHED)
    assert np.isnan([found.muon1.pt[0], found.muon2.pt[0], found.dimuon.mass[0], found.muon1_isolation[0]]).all()
    assert (found.n_muons[0], found.jet1.pt[0]) == (2, 80.0)


@pytest.mark.parametrize(
    ("mass", "code"),
    [
        (109.0, 0), (110.0, 0), (np.nextafter(110, 200), 1), (np.nextafter(115, 0), 1), (115.0, 2),
        (125.0, 2), (135.0, 2), (np.nextafter(135, 200), 1), (np.nextafter(150, 0), 1), (150.0, 0), (np.nan, 0),
    ],
)  # fmt: skip
def test_a_boundary_belongs_to_exactly_one_region(mass, code):
    codes = region_codes(np.array([mass]))
    assert codes.dtype == np.int8
    assert codes[0] == code


@given(st.lists(st.floats(100, 160), max_size=50))
def test_signal_region_and_sideband_share_the_preselection(masses):
    codes = region_codes(np.array(masses, dtype=np.float64))
    signal, sideband, preselected = (find_region(name).select(codes) for name in ("SR", "SB", "PreSel"))
    assert not np.any(signal & sideband)
    assert_array_equal(signal | sideband, preselected)
    assert_array_equal(preselected, [110 < m < 150 for m in masses])
    assert find_region("all").select(codes).all()


def test_regions_are_found_by_name_and_near_names_suggested():
    assert [find_region(region.name) for region in REGIONS] == list(REGIONS)
    with pytest.raises(UnknownNameError, match="PreSel"):
        find_region("PreSell")


def test_no_event_outside_the_preselection_has_a_region():
    events = random_events(20_000, seed=3)
    analysed = analyse(events)
    selected = analysed.table["region"] != 0
    assert np.count_nonzero(selected) == analysed.cutflow.steps[-2].events > 0
    table = {name: values[selected] for name, values in analysed.table.items()}
    assert np.all(table["jet1_pt"] > 35)
    assert np.all(table["dijet_mass"] > 400)
    assert np.all(table["dijet_eta_gap"] > 2.5)
    assert np.all((table["dimuon_mass"] > 110) & (table["dimuon_mass"] < 150))


def test_a_trigger_that_the_events_lack_is_an_error_that_names_it():
    with pytest.raises(SchemaError, match="HLT_Mu50"):
        analyse(random_events(5, seed=1), Cuts(trigger="HLT_Mu50"))


def test_region_masses_must_ascend():
    with pytest.raises(CatalogueError, match="ascend"):
        Cuts(signal_low=140)


def test_a_weight_that_is_not_finite_is_an_error():
    with pytest.raises(SchemaError, match="genWeight"):
        analyse(one_event([MUON], [JET], weight=np.nan))
