"""The registry: definitions, binning, undefined values, blocks."""

import ast
import inspect
import pickle
import warnings
from dataclasses import fields
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from analysis_events import random_events, real_full_events, real_gen_events
from numpy.testing import assert_allclose, assert_array_equal
from reference_loop import cartesian, pair_mass

import flashbench.analysis
from flashbench.analysis import OBSERVABLES, REGIONS, Cuts, analyse, find_candidates, find_observable
from flashbench.errors import UnknownNameError

COMPUTED = [o for o in OBSERVABLES if o.function]  # the others are scores: see test_dnn
NAMES = [o.name for o in COMPUTED]
ALWAYS = {"n_muons", "n_jets"}
OF_ONE_JET = {"jet1_pt", "jet1_eta", "jet1_phi", "jet1_qgl"}
OF_TWO_JETS = {"jet2_pt", "jet2_eta", "jet2_phi", "jet2_qgl", "dijet_mass", "ln_dijet_mass", "dijet_eta_gap"}
OF_DIMUON = {name for name in NAMES if name.startswith(("dimuon", "ln_dimuon", "muon"))} | {"cos_theta_cs", "phi_cs"}
OF_BOTH = set(NAMES) - ALWAYS - OF_ONE_JET - OF_TWO_JETS - OF_DIMUON


@pytest.fixture(scope="module")
def events():
    return random_events(5000, seed=21)


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_names_are_unique_identifiers_that_can_be_found():
    assert len({o.name for o in OBSERVABLES}) == len(OBSERVABLES)
    assert all(name.isidentifier() for name in NAMES)
    assert [find_observable(name) for name in NAMES] == COMPUTED
    with pytest.raises(UnknownNameError, match="dimuon_mass"):
        find_observable("dimuon_mas")


@pytest.mark.parametrize("observable", OBSERVABLES, ids=lambda o: o.name)
def test_every_observable_has_a_plot_that_can_be_made(observable):
    assert observable.low < observable.high
    assert observable.bins > 0
    assert observable.regions
    assert set(observable.regions) <= {region.name for region in REGIONS}
    assert observable.label.count("$") % 2 == 0
    assert observable.unit not in observable.label.split()
    assert (f"[{observable.unit}]" in observable.axis_label) == bool(observable.unit)


@pytest.mark.parametrize(
    ("name", "binning", "regions"),
    [
        ("pt_balance", (30, 0, 1), {"SR", "PreSel"}),
        ("ln_zstar", (30, -2, 2), {"PreSel"}),
        ("dimuon_mass", (80, 70, 150), {"PreSel", "all"}),
        ("jet1_pt", (30, 0, 300), {"PreSel", "all"}),
        ("jet2_pt", (30, 0, 300), {"PreSel", "all"}),
        ("muon1_isolation", (30, 0, 0.01), {"PreSel"}),
        ("dnn_atanh", (15, 0, 4), {"SR"}),
        ("dnn_noqgl_atanh", (30, 0, 5), {"PreSel"}),
    ],
)
def test_binning_is_that_of_the_source_figures(name, binning, regions):
    observable = find_observable(name)
    assert (observable.bins, observable.low, observable.high) == binning
    assert set(observable.regions) == regions


@pytest.mark.parametrize("observable", COMPUTED, ids=NAMES)
def test_an_observable_is_undefined_exactly_where_its_objects_are_missing(observable, events):
    found = find_candidates(events, Cuts())
    paired = ~np.isnan(found.dimuon.mass)
    defined = np.ones(len(events), dtype=bool)
    if observable.name in OF_DIMUON | OF_BOTH:
        defined &= paired
    if observable.name in OF_ONE_JET:
        defined &= found.n_jets >= 1
    if observable.name in OF_TWO_JETS | OF_BOTH:
        defined &= found.n_jets >= 2
    values = observable.evaluate(found)
    assert values.dtype == np.float64
    assert_array_equal(np.isfinite(values), defined)
    assert not np.isinf(values).any()


@pytest.mark.parametrize("n_first", [0, 1, 1234, 5000])
def test_blocks_give_the_rows_of_the_whole(n_first, events):
    whole = analyse(events)
    parts = [analyse(events[:n_first]), analyse(events[n_first:])]
    assert list(whole.table) == ["region", "cuts_passed", *NAMES]
    for name, values in whole.table.items():
        joined = np.concatenate([part.table[name] for part in parts])
        assert joined.dtype == values.dtype
        # not bit by bit: SIMD loops of numpy may round the tail of an array differently
        assert_allclose(joined, values, rtol=1e-12, atol=1e-12, err_msg=name)
    merged = parts[0].cutflow + parts[1].cutflow
    assert [step.events for step in merged] == [step.events for step in whole.cutflow]
    assert_allclose([s.sum_weights for s in merged], [s.sum_weights for s in whole.cutflow], rtol=1e-12, atol=1e-9)


def test_an_event_does_not_depend_on_its_neighbours(events):
    order = np.random.default_rng(2).permutation(len(events))
    whole, shuffled = analyse(events), analyse(events[order])
    for name in whole.table:
        assert_allclose(shuffled.table[name], whole.table[name][order], rtol=1e-12, atol=1e-12, err_msg=name)


def test_an_empty_block_gives_an_empty_table(events):
    analysed = analyse(events[:0])
    assert {len(values) for values in analysed.table.values()} == {0}
    assert {(step.events, step.sum_weights) for step in analysed.cutflow} == {(0, 0.0)}


def test_events_without_any_object_are_rows_of_undefined_values(events):
    empty = events[(ak.num(events.Muon.pt) == 0) & (ak.num(events.Jet.pt) == 0)]
    assert len(empty) > 10
    table = analyse(empty).table
    assert {name for name in NAMES if not np.isnan(table[name]).all()} == ALWAYS
    assert not table["region"].any()


def test_the_table_holds_what_a_hand_computes_from_the_selected_objects(events):
    found = find_candidates(events, Cuts())
    table = analyse(events).table
    rows = np.flatnonzero(~np.isnan(table["pt_balance"]))
    assert len(rows) > 50
    for row in rows:
        parts = {
            name: {axis: float(getattr(getattr(found, name), axis)[row]) for axis in ("pt", "eta", "phi", "mass")}
            for name in ("muon1", "muon2", "jet1", "jet2")
        }
        muons, jets = (parts["muon1"], parts["muon2"]), (parts["jet1"], parts["jet2"])
        pair = [sum(axis) for axis in zip(*(cartesian(muon) for muon in muons), strict=True)]
        both = [
            p + sum(axis) for p, axis in zip(pair, zip(*(cartesian(jet) for jet in jets), strict=True), strict=True)
        ]
        pair_pt = np.hypot(pair[1], pair[2])

        def rapidity(p):
            return 0.5 * np.log((p[0] + p[3]) / (p[0] - p[3]))

        y1, y2 = (rapidity(cartesian(jet)) for jet in jets)
        zstar = (rapidity(pair) - (y1 + y2) / 2) / abs(y1 - y2)
        eta = np.arcsinh(pair[3] / pair_pt)
        mass, dijet_mass = pair_mass(*muons), pair_mass(*jets)
        relative = [found.muon1_pt_error[row] / muons[0]["pt"], found.muon2_pt_error[row] / muons[1]["pt"]]
        expected = {
            "dimuon_mass": mass,
            "dimuon_mass_resolution": mass / 2 * np.sqrt(relative[0] ** 2 + relative[1] ** 2),
            "dimuon_relative_resolution": np.sqrt(relative[0] ** 2 + relative[1] ** 2) / 2,
            "dimuon_pt": pair_pt,
            "ln_dimuon_pt": np.log(pair_pt),
            "dimuon_eta": eta,
            "dimuon_rapidity": rapidity(pair),
            "pt_balance": np.hypot(both[1], both[2]) / (jets[0]["pt"] + jets[1]["pt"] + pair_pt),
            "zstar": zstar,
            "ln_zstar": np.log(abs(zstar)),
            "ln_zstar_wide": np.log(abs(zstar)),
            "min_eta_distance": min(abs(eta - jet["eta"]) for jet in jets),
            "dijet_mass": dijet_mass,
            "ln_dijet_mass": np.log(dijet_mass),
            "dijet_eta_gap": abs(jets[0]["eta"] - jets[1]["eta"]),
        }
        for name, value in expected.items():
            assert table[name][row] == pytest.approx(value, rel=1e-8, abs=1e-8), name


def test_the_wide_range_of_ln_zstar_holds_all_selected_events():
    table = analyse(random_events(50_000, seed=8), Cuts(sideband_low=1, sideband_high=500)).table
    values = table["ln_zstar_wide"][table["region"] != 0]
    wide, narrow = find_observable("ln_zstar_wide"), find_observable("ln_zstar")
    assert len(values) > 500
    assert np.all((values >= wide.low) & (values < wide.high))
    assert np.any(values < narrow.low)  # which is why there are two


@pytest.mark.parametrize("read", [real_full_events, real_gen_events], ids=["full", "gen"])
def test_real_events_fill_every_observable_without_a_warning(read):
    table = analyse(read(), Cuts(muon_pt=5, muon_isolation=10)).table
    for name in NAMES:
        assert np.isfinite(table[name]).any(), name


def test_what_leaves_a_worker_can_be_pickled(events):
    analysed = analyse(events[:100])
    again = pickle.loads(pickle.dumps(analysed))
    assert again.cutflow == analysed.cutflow
    for name, values in analysed.table.items():
        assert_array_equal(again.table[name], values)
    assert pickle.loads(pickle.dumps(Cuts(leading_muon_pt=26))) == Cuts(leading_muon_pt=26)


def sorted_as_ruff_does(names):
    return sorted(names, key=lambda n: (0 if n.isupper() else 1 if n[0].isupper() else 2, n))


def test_public_names_are_sorted_and_complete():
    package = flashbench.analysis
    assert package.__all__ == sorted_as_ruff_does(package.__all__)
    tree = ast.parse(Path(inspect.getfile(package)).read_text())
    imported = {a.asname or a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
    assert set(package.__all__) == imported
    assert all(hasattr(package, name) for name in package.__all__)


def test_cuts_cannot_be_changed_and_document_every_threshold():
    with pytest.raises(AttributeError):
        Cuts().muon_pt = 10
    assert [f.name for f in fields(Cuts) if f.name not in Cuts.__doc__] == []
