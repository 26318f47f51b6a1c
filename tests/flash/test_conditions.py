"""Conditioning variables against a plain loop over events, and the edges of an event."""

import awkward as ak
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from flash.toy_detector import LAST_COPY, toy_events
from flashbench.errors import SchemaError
from flashbench.simulators.flash import conditions as c
from flashbench.simulators.flash.features import JET_CONDITIONS, MUON_CONDITIONS, STATUS_FLAGS
from flashbench.simulators.flash.pairs import Flat, carried, flatten, hardest, one_to_one, pairs


def wrapped(angle):
    return (angle + np.pi) % (2 * np.pi) - np.pi


def by_loop(objects, others, absent, ranks, within=0.4):
    """For each object the `ranks` closest others: (ΔR, pt, Δη, Δφ), or `absent`."""
    rows = []
    for own, near in zip(objects, others, strict=True):
        for o in own:
            found = []
            for n in near:
                deta, dphi = o["eta"] - n["eta"], wrapped(o["phi"] - n["phi"])
                if np.hypot(deta, dphi) < within:
                    found.append((np.hypot(deta, dphi), n["pt"], deta, dphi))
            rows.append((sorted(found) + [absent] * ranks)[:ranks])
    return np.array(rows)


@pytest.fixture(scope="module")
def crowded():
    """Toy events with all jets and muons drawn together, so that many lie near one another."""
    events = toy_events(300, seed=11)
    for name in ("GenJet", "GenPart"):
        events = ak.with_field(events, ak.with_field(events[name], events[name].eta / 8, "eta"), name)
        events = ak.with_field(events, ak.with_field(events[name], wrapped(3.1 + events[name].phi / 6), "phi"), name)
    return events


def test_closest_muons_of_jets_equal_a_plain_loop(crowded):
    jets, muons = c.gen_jets(crowded), c.gen_muons(crowded)
    columns = c.jet_conditions(jets, muons, crowded)
    expected = by_loop(crowded.GenJet.to_list(), crowded.GenPart.to_list(), (0.5, 0.0, 0.5, 0.5), 2)
    assert (expected[:, 1, 0] < 0.4).sum() > 10, "the sample has no jets with two muons"
    for rank in (0, 1):
        got = np.column_stack([columns[f"muon{rank + 1}_{name}"] for name in ("dr", "pt", "deta", "dphi")])
        assert_allclose(got, expected[:, rank], atol=1e-12)


def test_closest_jets_of_muons_equal_a_plain_loop(crowded):
    muons, jets = c.gen_muons(crowded), c.gen_jets(crowded)
    columns = c.muon_conditions(muons, jets, crowded)
    expected = by_loop(crowded.GenPart.to_list(), crowded.GenJet.to_list(), (0.5, 0.0, 0.5, 0.5), 1)[:, 0]
    got = np.column_stack([columns[f"jet_{name}"] for name in ("dr", "pt", "deta", "dphi")])
    assert_allclose(got, expected, atol=1e-12)
    assert set(columns["jet_mass"][columns["jet_dr"] == 0.5]) == {0.0}


def test_columns_are_those_of_the_feature_tables(crowded):
    jets, muons = c.gen_jets(crowded), c.gen_muons(crowded)
    assert set(c.jet_conditions(jets, muons, crowded)) == {f.name for f in JET_CONDITIONS}
    assert set(c.muon_conditions(muons, jets, crowded)) == {f.name for f in MUON_CONDITIONS}
    stacked = c.stack(c.jet_conditions(jets, muons, crowded), JET_CONDITIONS)
    assert stacked.shape == (len(jets), len(JET_CONDITIONS))
    for k, feature in enumerate(JET_CONDITIONS):
        assert feature.allows(stacked[:, k]).all(), feature.name


def test_status_flags_pileup_and_charge_are_those_of_the_muon():
    events = toy_events(50, seed=3)
    muons, jets = c.gen_muons(events), c.gen_jets(events)
    columns = c.muon_conditions(muons, jets, events)
    for bit, flag in enumerate(STATUS_FLAGS):
        assert np.array_equal(columns[f"status_{flag}"], (muons["statusFlags"] & (1 << bit)) > 0)
    counts = ak.to_numpy(ak.num(events.GenPart))
    assert np.array_equal(columns["nPU"], np.repeat(ak.to_numpy(events.Pileup.nPU), counts))
    assert np.array_equal(columns["gen_charge"] < 0, muons["pdgId"] == 13)


def test_activity_is_hard_hadronic_pt_soft_jets_and_their_width(crowded):
    crowded = ak.with_field(crowded, ak.with_field(crowded.GenJet, crowded.GenJet.pt / 3, "pt"), "GenJet")
    jets, muons = c.gen_jets(crowded), c.gen_muons(crowded)
    expected = []
    for event in crowded.to_list():
        hard, soft, mass, pt = 0.0, 0, 0.0, 0.0
        for jet in event["GenJet"]:
            gaps = [(jet["eta"] - m["eta"], wrapped(jet["phi"] - m["phi"]), m["pt"]) for m in event["GenPart"]]
            hadronic = jet["pt"] - sum(pt for deta, dphi, pt in gaps if np.hypot(deta, dphi) < 0.4)
            hard += hadronic if hadronic > 20 else 0.0
            if hadronic > jet["pt"] / 2:
                soft += hadronic <= 20
                mass, pt = mass + jet["mass"], pt + jet["pt"]
        expected.append((hard, soft, mass / max(pt, 1)))
    near = pairs(jets, muons, 0.4)
    found = c.activity(jets, np.bincount(near.left, weights=muons["pt"][near.right], minlength=len(jets)))
    names = ["event_ht", "event_soft", "event_width"]
    assert list(found) == names
    assert_allclose(np.column_stack(list(found.values())), expected, rtol=1e-12)
    assert len(np.unique(found["event_soft"])) > 2
    columns = c.jet_conditions(jets, muons, crowded)
    assert all(np.array_equal(columns[name], found[name][jets.event]) for name in names)


def test_only_stable_last_copies_are_muons():
    events = toy_events(40, seed=5)
    flags = ak.where(ak.local_index(events.GenPart.pt) == 0, 0, LAST_COPY)
    copies = ak.with_field(events, ak.with_field(events.GenPart, flags, "statusFlags"), "GenPart")
    second = ak.num(events.GenPart) > 1
    muons = c.gen_muons(copies)
    assert len(muons) == ak.sum(second)
    assert set(muons["index"]) == {1}


@pytest.mark.parametrize("without", ["GenJet", "GenPart"])
def test_an_event_without_neighbours_has_the_defaults(without):
    events = toy_events(20, seed=7)
    events = ak.with_field(events, events[without][:, :0], without)
    jets, muons = c.gen_jets(events), c.gen_muons(events)
    jet_columns, muon_columns = c.jet_conditions(jets, muons, events), c.muon_conditions(muons, jets, events)
    if without == "GenPart":
        assert set(jet_columns["muon1_dr"]) == {0.5}
        assert len(muon_columns["gen_pt"]) == 0
    else:
        assert set(muon_columns["jet_dr"]) == {0.5}
        assert len(jet_columns["gen_pt"]) == 0


def test_a_block_without_genjets_is_refused_by_name():
    events = toy_events(5, seed=1)
    with pytest.raises(SchemaError, match="GenJet"):
        c.gen_jets(ak.without_field(events, "GenJet"))


def test_an_empty_block_has_empty_conditions():
    events = toy_events(5, seed=1)[:0]
    jets, muons = c.gen_jets(events), c.gen_muons(events)
    assert c.stack(c.jet_conditions(jets, muons, events), JET_CONDITIONS).shape == (0, len(JET_CONDITIONS))
    assert c.stack(c.muon_conditions(muons, jets, events), MUON_CONDITIONS).shape == (0, len(MUON_CONDITIONS))


def test_matching_takes_the_closest_pair_first_and_each_row_once():
    left = Flat({"eta": np.array([0.0, 0.1]), "phi": np.zeros(2)}, np.array([2]))
    right = Flat({"eta": np.array([0.08, 0.3]), "phi": np.zeros(2)}, np.array([2]))
    matched = one_to_one(pairs(left, right, 0.4))
    assert matched.left.tolist() == [0, 1]
    assert matched.right.tolist() == [1, 0], "the second of the left is closer to the first of the right"


def test_hardest_and_carried_equal_a_plain_loop(crowded):
    jets, muons = c.gen_jets(crowded), c.gen_muons(crowded)
    found = pairs(jets, muons, 0.4)
    partners = [muons["pt"][found.right[found.left == k]] for k in range(len(jets))]
    best = hardest(found, muons["pt"])
    assert {int(k): float(muons["pt"][r]) for k, r in zip(best.left, best.right, strict=True)} == {
        k: float(max(pt)) for k, pt in enumerate(partners) if len(pt)
    }
    assert max(len(pt) for pt in partners) > 1
    assert_allclose(carried(found, muons["pt"], len(jets)), [sum(pt) for pt in partners])
    nothing = found.take(np.zeros(len(found.left), dtype=bool))
    assert len(hardest(nothing, muons["pt"]).left) == 0


def test_events_that_are_picked_or_repeated_are_flattened_as_they_stand():
    """Folds and selections leave an index over the events, a slice leaves offsets that do not begin at zero."""
    events = toy_events(30, seed=4)
    for order in (np.repeat(np.arange(30), 3), np.arange(29, -1, -1), slice(7, 20), ak.num(events.GenJet) > 2):
        jets = events[order].GenJet
        flat = flatten(jets, ("pt", "eta"))
        assert flat.counts.tolist() == ak.num(jets).to_list()
        assert_array_equal(flat["eta"], ak.to_numpy(ak.flatten(jets.eta)))
        assert_array_equal(flat["index"], ak.to_numpy(ak.flatten(ak.local_index(jets.pt))))


def test_pairs_never_cross_events():
    events = toy_events(200, seed=9)
    jets = flatten(events.GenJet, ("eta", "phi"))
    found = pairs(jets, jets, 10.0)
    assert np.array_equal(jets.event[found.left], jets.event[found.right])
    assert len(found.left) == (jets.counts**2).sum()


def test_conditions_cost_less_than_three_microseconds_a_jet(benchmark):
    events = toy_events(2000, seed=13)

    def conditions():
        jets, muons = c.gen_jets(events), c.gen_muons(events)
        return c.stack(c.jet_conditions(jets, muons, events), JET_CONDITIONS)

    rows = benchmark(conditions)
    assert benchmark.stats["mean"] / len(rows) < 3e-6


def test_the_closest_other_jet_equals_a_plain_loop(crowded):
    jets, muons = c.gen_jets(crowded), c.gen_muons(crowded)
    columns = c.jet_conditions(jets, muons, crowded)
    row = 0
    for own in crowded.GenJet.to_list():
        for k, jet in enumerate(own):
            others = [
                (np.hypot(jet["eta"] - o["eta"], wrapped(jet["phi"] - o["phi"])), o["pt"], o["hadronFlavour"] == 5)
                for n, o in enumerate(own) if n != k
            ]  # fmt: skip
            want = min([*(o for o in others if o[0] < 1), (1.0, 0.0, False)], key=lambda o: o[0])
            got = tuple(columns[f"near_{name}"][row] for name in ("dr", "pt", "b"))
            assert_allclose(got, want, atol=1e-9)
            row += 1
    assert (columns["near_dr"] < 1).sum() > 50
    assert row == len(jets)


@pytest.mark.parametrize("what", ["jets", "muons"])
def test_activity_beside_an_object_equals_a_plain_loop(crowded, what):
    events = ak.with_field(crowded, ak.with_field(crowded.GenJet, crowded.GenJet.eta * 6, "eta"), "GenJet")
    jets, muons = c.gen_jets(events), c.gen_muons(events)
    got = (c.jet_conditions(jets, muons, events) if what == "jets" else c.muon_conditions(muons, jets, events))[
        "beside_ht"
    ]
    want = []
    for all_jets, all_muons in zip(events.GenJet.to_list(), events.GenPart.to_list(), strict=True):
        hadronic = [
            max(j["pt"] - sum(m["pt"] for m in all_muons
                if np.hypot(j["eta"] - m["eta"], wrapped(j["phi"] - m["phi"])) < 0.4), 0)
            for j in all_jets
        ]  # fmt: skip
        for k, own in enumerate(all_jets if what == "jets" else all_muons):
            want.append(
                sum(h for n, (j, h) in enumerate(zip(all_jets, hadronic, strict=True))
                    if abs(own["eta"] - j["eta"]) < 1 and not (what == "jets" and n == k))
            )  # fmt: skip
    assert_allclose(got, want, rtol=1e-5, atol=1e-4)
    assert 0 < np.count_nonzero(got) < len(got)


def test_what_a_jet_is():
    """One event with a jet of each kind; leptons and photons in its middle with most, or little, of its momentum.

    A muon or photon of the hard process is the jet wherever it carries half of it, a muon of a hadron only where
    nothing else is, a photon of one never.
    """
    prompt, of_tau = (1 << STATUS_FLAGS.index(name) for name in ("isPrompt", "isPromptTauDecayProduct"))
    jet = {"eta": 0.0, "mass": 5.0, "pt": 40.0}
    kinds = [(5, 5), (4, 4), (0, 2), (0, 21), (0, 0), (5, 5), (0, 0), (0, 0), (5, 5), (0, 2), (0, 0)]
    kinds += [(0, 0), (0, 2), (0, 2)]
    etas = np.linspace(-4, 4, len(kinds))
    jets = [
        {**jet, "eta": eta, "phi": 0.0, "hadronFlavour": hadron, "partonFlavour": parton}
        for eta, (hadron, parton) in zip(etas, kinds, strict=True)
    ]
    leptons = [(13, 5, 25.0, prompt), (13, 0, 5.0, of_tau), (11, 6, -30.0, prompt), (15, 7, 50.0, 0)]
    leptons += [(13, 8, 25.0, 0), (13, 9, 25.0, of_tau), (13, 10, 25.0, 0)]
    leptons += [(22, 11, 30.0, prompt), (22, 12, 25.0, 0), (22, 13, 10.0, prompt), (22, 13, 12.0, 0)]  # photons
    particles = [
        {"pt": abs(pt), "eta": etas[k], "phi": 0.0, "pdgId": -code if pt < 0 else code,
         "status": 2 if code == 15 else 1, "statusFlags": LAST_COPY | flags, "genPartIdxMother": -1}
        for code, k, pt, flags in leptons
    ]  # fmt: skip
    events = ak.Array([{"GenJet": jets, "GenPart": particles, "Pileup": dict.fromkeys(c.PILEUP, 1.0)}])
    columns = c.jet_conditions(c.gen_jets(events), c.gen_muons(events), events)
    assert columns["content"].tolist() == [5, 4, 1, 21, 0, 13, 11, 15, 5, 13, 13, 22, 1, 1]
    assert columns["prompt_pt"].tolist() == [5, 0, 0, 0, 0, 25, 0, 0, 0, 25, 0, 0, 0, 0]
    assert columns["photon_pt"].tolist() == [0] * 11 + [30, 25, 22]
    assert_allclose(columns["gen_width"], 5 / 40)
    assert_allclose(columns["gen_hadronic"], [35, 40, 40, 40, 40, 15, 10, 40, 15, 15, 15, 10, 40, 30])


def test_quark_and_heavy_hadron_of_a_jet_are_the_hardest_within_reach():
    """Jets at −4, −2, 0, 2, 4: a d and a harder s; a D⁰ of a B⁺; a gluon, an incoming quark, a D*; nothing; a far u."""
    outgoing, incoming, decays = 23, 21, 2
    rows = [
        (1, outgoing, 0, -4.1, 30.0), (-3, outgoing, 0, -3.9, 40.0),
        (521, decays, LAST_COPY, -2.0, 25.0), (-421, decays, LAST_COPY, -2.1, 15.0), (531, decays, 0, -2.0, 90.0),
        (21, outgoing, 0, 0.0, 50.0), (2, incoming, 0, 0.0, 50.0), (413, decays, LAST_COPY, 0.1, 9.0),
        (2, outgoing, 0, 3.5, 60.0),
    ]  # fmt: skip
    particles = [
        {"pt": pt, "eta": eta, "phi": 0.1, "pdgId": code, "status": status, "statusFlags": flags,
         "genPartIdxMother": -1}
        for code, status, flags, eta, pt in rows
    ]  # fmt: skip
    jet = {"phi": 0.0, "mass": 5.0, "pt": 50.0, "hadronFlavour": 0, "partonFlavour": 0}
    jets = [{**jet, "eta": eta} for eta in (-4.0, -2.0, 0.0, 2.0, 4.0)]
    events = ak.Array([{"GenJet": jets, "GenPart": particles, "Pileup": dict.fromkeys(c.PILEUP, 1.0)}])
    columns = c.jet_conditions(c.gen_jets(events), c.gen_muons(events), events)
    assert columns["quark"].tolist() == [3, 0, 0, 0, 0]
    assert columns["quark_pt"].tolist() == [40, 0, 0, 0, 0]
    assert columns["hadron"].tolist() == [0, 521, 0, 0, 0]
    assert columns["hadron_pt"].tolist() == [0, 25, 0, 0, 0]
    assert columns["content"].tolist() == [1, 0, 0, 0, 0], "no parton is named, but the s quark is the jet"


def test_where_a_muon_is_from():
    """Hard process, tau, tau of the hard process; then b, c, c of a b by way of another c, pion, nobody."""
    prompt, of_tau = (1 << STATUS_FLAGS.index(name) for name in ("isPrompt", "isTauDecayProduct"))
    hadrons = [(511, -1), (411, -1), (-5122, -1), (4122, 2), (-421, 3), (211, -1)]  # code, place of the mother
    muons = [(prompt, -1), (of_tau, -1), (prompt | of_tau, -1), (0, 0), (0, 1), (0, 4), (0, 5), (0, -1)]
    rows = [(code, 2, 0, mother) for code, mother in hadrons]
    rows += [(13, 1, flags | LAST_COPY, mother) for flags, mother in muons]
    particles = [
        {"pt": 20.0, "eta": 0.1, "phi": 0.0, "pdgId": code, "status": status, "statusFlags": flags,
         "genPartIdxMother": mother}
        for code, status, flags, mother in rows
    ]  # fmt: skip
    other = [{**particles[0], "pdgId": 521}, {**particles[-1], "genPartIdxMother": 0}]  # counts from its own event
    events = ak.zip(
        {
            "GenPart": ak.Array([particles, other]),
            "GenJet": ak.Array([[], []]),
            "Pileup": ak.Array([dict.fromkeys(c.PILEUP, 1.0)] * 2),
        },
        depth_limit=1,
    )
    none = {name: np.empty(0) for name in ("pt", "eta", "phi", "mass", "partonFlavour", "hadronFlavour")}
    jets = Flat({**none, "index": np.empty(0, int)}, np.array([0, 0]))
    columns = c.muon_conditions(c.gen_muons(events), jets, events)
    assert columns["origin"].tolist() == [1, 15, 1, 0, 0, 0, 0, 0, 0]
    assert columns["decay"].tolist() == [1, 15, 1, 5, 4, 45, 0, 0, 5]
