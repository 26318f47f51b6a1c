"""Object tables: who is whose partner."""

import awkward as ak
import numpy as np
import pytest

from flashbench.errors import InputError, SchemaError
from flashbench.nanoaod import write_events
from flashbench.validation import read_objects, tables_of
from flashbench.validation.objects import nearest
from samples import LAST_COPY, nanoaod_events


def test_linked_jets_carry_their_generated_jet():
    objects = tables_of(nanoaod_events(200, seed=1), "toy")
    jets = objects.tables["jets"]
    assert jets["matched"].all()
    np.testing.assert_allclose(jets["gen_pt"], jets["pt"] * 1.02)
    assert objects.tables["gen_jets"]["found"].all()


def changed(events, collection, **columns):
    fields = {name: events[collection][name] for name in events[collection].fields} | columns
    return ak.with_field(events, ak.zip(fields), collection)


def test_a_link_that_does_not_hold_gives_way_to_the_nearest():
    events = nanoaod_events(200, seed=2)
    shuffled = changed(events, "Jet", genJetIdx=ak.num(events.Jet) - 1 - ak.local_index(events.Jet.pt))
    np.testing.assert_array_equal(
        tables_of(shuffled, "").tables["jets"]["gen_pt"], tables_of(events, "").tables["jets"]["gen_pt"]
    )


def test_a_link_beyond_the_generated_jets_gives_way_too():
    events = nanoaod_events(50, seed=2)
    broken = changed(events, "Jet", genJetIdx=ak.full_like(events.Jet.genJetIdx, 99))
    assert tables_of(broken, "").tables["jets"]["matched"].all()


def test_a_jet_that_says_it_has_no_partner_has_none_unless_links_mean_nothing():
    events = nanoaod_events(50, seed=3)
    unlinked = changed(events, "Jet", genJetIdx=ak.full_like(events.Jet.genJetIdx, -1))
    alone = tables_of(unlinked, "").tables
    assert not alone["jets"]["matched"].any()
    assert np.isnan(alone["jets"]["gen_pt"]).all()
    assert not alone["gen_jets"]["found"].any()
    assert tables_of(unlinked, "", linked=False).tables["jets"]["matched"].all()


def test_prompt_muons_are_told_from_others():
    events = nanoaod_events(100, seed=4)
    flags = LAST_COPY + (ak.local_index(events.GenPart.pt) == 0)
    muons = tables_of(changed(events, "GenPart", statusFlags=flags), "").tables["muons"]
    assert muons["matched"].all()
    assert muons["prompt"].sum() == np.count_nonzero(ak.num(events.Muon) > 0)
    np.testing.assert_allclose(muons["gen_pt"], muons["pt"])


def test_two_muons_never_share_a_generated_one():
    events = nanoaod_events(100, seed=5)
    twice = ak.concatenate([events.Muon, events.Muon], axis=1)
    tables = tables_of(ak.with_field(events, twice, "Muon"), "").tables
    assert tables["muons"]["matched"].sum() == tables["gen_muons"]["found"].sum() == len(tables["gen_muons"])


def test_jets_on_prompt_leptons_are_marked():
    events = nanoaod_events(100, seed=6)
    prompt = changed(events, "GenPart", statusFlags=ak.full_like(events.GenPart.statusFlags, LAST_COPY | 1))
    on_muon = changed(prompt, "Jet", eta=ak.zeros_like(prompt.Jet.eta), phi=ak.zeros_like(prompt.Jet.phi))
    parts = changed(on_muon, "GenPart", eta=ak.zeros_like(on_muon.GenPart.eta), phi=ak.zeros_like(on_muon.GenPart.phi))
    jets = tables_of(parts, "").tables["jets"]
    has_muon = ak.to_numpy(ak.any(parts.GenPart.pt > 5, axis=1))
    np.testing.assert_array_equal(jets["lepton"] > 0, has_muon[jets.event])
    assert not tables_of(events, "").tables["jets"]["lepton"].any()


def test_distance_goes_round_in_phi():
    one = ak.Array([[{"eta": 0.0, "phi": 3.1}], []])
    other = ak.Array([[{"eta": 0.0, "phi": -3.1}, {"eta": 0.0, "phi": 0.0}], []])
    assert nearest(one, other, 0.4).to_list() == [[0], []]
    assert nearest(one, other, 0.05).to_list() == [[-1], []]


def test_blocks_join_to_what_one_block_gives(nanoaod_file):
    joined = read_objects([nanoaod_file, nanoaod_file], "twice")
    single = read_objects([nanoaod_file], "once")
    assert joined.n_events == 2 * single.n_events == 1000
    for name, table in single.tables.items():
        half = joined.tables[name].where(joined.tables[name].event >= 500)
        np.testing.assert_array_equal(half.event - 500, table.event)
        np.testing.assert_array_equal(half["pt"], table["pt"])
    assert read_objects([nanoaod_file], "some", limit=7).n_events == 7


def test_resampling_repeats_the_rows_of_an_event():
    jets = tables_of(nanoaod_events(50, seed=7), "").tables["jets"]
    counts = np.arange(50) % 3
    again = jets.resampled(counts)
    assert again.n_events == counts.sum()
    assert len(again) == (counts * np.bincount(jets.event, minlength=50)).sum()


def test_files_without_generator_or_without_events_are_refused(tmp_path, real_data):
    with pytest.raises(SchemaError, match="GenPart_pt"):
        read_objects([real_data / "nano_dimuon.root"], "collisions")
    write_events(tmp_path / "empty.root", [nanoaod_events(1, seed=1)[:0]])
    with pytest.raises(InputError, match="no events"):
        read_objects([tmp_path / "empty.root"], "empty")
