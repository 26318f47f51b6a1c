from importlib.util import find_spec

import awkward as ak
import numpy as np
import pytest
import uproot
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.errors import InputError, SchemaError
from flashbench.events import BRANCHES, GENERATOR_BRANCHES, RECO_BRANCHES, VERSIONS, Tier, columns, schema
from flashbench.nanoaod import expand, infer_version, load_block, open_source, plan_blocks, require, write_events
from samples import nanoaod_events

EVERYTHING = (*columns(Tier.GEN), *RECO_BRANCHES)


def whole(path, names):
    source = open_source(path)
    (block,) = plan_blocks([source], max(source.entries, 1))
    return load_block(block, names)


def test_what_is_written_is_read_back(tmp_path):
    events = nanoaod_events(100, seed=3)
    assert write_events(tmp_path / "a.root", [events], {"genEventCount": 100, "genEventSumw": 50.0}) == 100
    loaded = whole(tmp_path / "a.root", EVERYTHING)
    assert loaded.neutral == ()
    assert loaded.repairs == {}
    for name in EVERYTHING:
        declared = BRANCHES[name]
        before = events[declared.collection][declared.field] if declared.collection else events[name]
        after = loaded.events[declared.collection][declared.field] if declared.collection else loaded.events[name]
        assert ak.to_numpy(ak.flatten(after, axis=None)).dtype == declared.memory_dtype, name
        assert_allclose(ak.flatten(after, axis=None), ak.flatten(before, axis=None), rtol=1e-6, err_msg=name)
        if before.ndim > 1:
            assert_array_equal(ak.num(after), ak.num(before))


def test_written_file_is_a_tree_in_nanoaod_names(nanoaod_file):
    with uproot.open(nanoaod_file) as file:
        assert file.classname_of("Events") == "TTree"
        tree = file["Events"]
        assert {"nJet", "Jet_pt", "nMuon", "Muon_pt", "nGenPart", "Pileup_nPU", "run"} <= set(tree.keys())
        assert tree["Jet_pt"].typename == "float[]"
        assert_array_equal(tree["nJet"].array(), ak.num(tree["Jet_pt"].array()))


def test_blocks_cover_every_entry_once(nanoaod_file):
    source = open_source(nanoaod_file)
    blocks = plan_blocks([source, source], 200, limit=730)
    assert [len(b) for b in blocks] == [200, 200, 100, 200, 30]
    assert [b.index for b in blocks] == list(range(5))
    joined = np.concatenate([load_block(b, columns(Tier.FULL)).events.event for b in blocks[:3]])
    assert_array_equal(joined, np.arange(1, 501))


def test_kinematics_are_float64(nanoaod_file):
    jets = whole(nanoaod_file, columns(Tier.FULL)).events.Jet
    assert {str(ak.flatten(jets[f]).type.content) for f in ("pt", "eta", "phi", "mass")} == {"float64"}


def with_ingredients(events, **values):
    """Jets of v15: with what `Jet_jetId` is computed from."""
    good = {
        "neHEF": 0.1,
        "neEmEF": 0.1,
        "chHEF": 0.6,
        "chEmEF": 0.1,
        "muEF": 0.0,
        "chMultiplicity": 9,
        "neMultiplicity": 9,
    }
    for name, value in (good | values).items():
        dtype = np.uint8 if isinstance(value, int) else np.float32
        jets = ak.with_field(events.Jet, ak.full_like(events.Jet.pt, value, dtype=dtype), name)
        events = ak.with_field(events, jets, "Jet")
    return events


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_reads_with_neutral_values_for_what_it_lacks(tmp_path, version):
    held = {b.name for b in schema(version)}
    events = nanoaod_events(20, seed=version)
    if version == 15:
        events = with_ingredients(events)
        held |= {f"Jet_{name}" for name in events.Jet.fields if f"Jet_{name}" not in BRANCHES}
    kept = {
        c: events[c][[f for f in events[c].fields if f"{c}_{f}" in held]] if events[c].fields else events[c]
        for c in events.fields
    }
    write_events(tmp_path / "v.root", [ak.zip(kept, depth_limit=1)])
    loaded = whole(tmp_path / "v.root", EVERYTHING)
    computed = {"Jet_jetId"} if version == 15 else set()
    assert set(loaded.neutral) == set(EVERYTHING) - held - computed
    for name in loaded.neutral:
        declared = BRANCHES[name]
        values = loaded.events[declared.collection][declared.field]
        assert ak.all(values == np.asarray(declared.neutral, declared.memory_dtype)), name
        assert_array_equal(ak.num(values), ak.num(loaded.events[declared.collection].pt))


@pytest.mark.parametrize("version", [5, 8, 9, 12, 15])
def test_version_is_told_from_its_branches(version):
    names = {b.name for b in schema(version)} | ({"Jet_puIdDisc"} if version >= 8 else set())
    assert infer_version(names) == version


@pytest.mark.parametrize(
    ("eta", "values", "expected"),
    [
        (1.0, {}, 6),
        (1.0, {"neHEF": 0.99}, 0),
        (2.6, {"neHEF": 0.98, "neEmEF": 0.89}, 6),
        (-2.6, {"neEmEF": 0.9}, 0),
        (1.0, {"chHEF": 0.01}, 0),
        (1.0, {"chMultiplicity": 1, "neMultiplicity": 0}, 0),
        (1.0, {"muEF": 0.8}, 2),
        (-2.65, {"neHEF": 0.9}, 0),
        (2.65, {"neEmEF": 0.95}, 6),
        (2.65, {"chEmEF": 0.9}, 2),
        (2.65, {"chHEF": 0.0, "chMultiplicity": 0, "neMultiplicity": 1}, 6),
        (2.65, {"neEmEF": 0.99}, 0),
        (2.9, {"neEmEF": 0.995, "muEF": 0.9}, 6),
        (-2.9, {"neHEF": 0.99}, 0),
        (3.0, {"neEmEF": 0.5, "neMultiplicity": 0}, 6),
        (-4.0, {"neEmEF": 0.4}, 0),
        (4.0, {"neMultiplicity": 2, "chHEF": 0.0, "chMultiplicity": 0}, 6),
        (4.0, {"neMultiplicity": 1}, 0),
    ],
)
def test_jet_identification_that_v15_lacks_is_computed(tmp_path, eta, values, expected):
    events = nanoaod_events(30, seed=1)
    jets = events.Jet[[f for f in events.Jet.fields if f != "jetId"]]
    events = ak.with_field(events, ak.with_field(jets, ak.full_like(jets.pt, eta), "eta"), "Jet")
    write_events(tmp_path / "x.root", [with_ingredients(events, **values)])
    loaded = whole(tmp_path / "x.root", columns(Tier.FULL))
    assert ak.all(loaded.events.Jet.jetId == expected)
    assert loaded.repairs == {"Jet_jetId computed by CMS's recipe for PUPPI jets of Run 3": int(ak.sum(ak.num(jets)))}
    assert "neHEF" not in loaded.events.Jet.fields


def test_rntuple_with_collections_of_records_reads_like_a_tree(tmp_path):
    events = nanoaod_events(40, seed=3)
    write_events(tmp_path / "tree.root", [events])
    fields = {c: events[c] for c in ("Muon", "Jet", "event", "run", "luminosityBlock", "genWeight")}
    with uproot.recreate(tmp_path / "records.root") as file:
        file.mkrntuple("Events", {name: values.type.content for name, values in fields.items()}).extend(fields)
    tree, records = (whole(tmp_path / name, columns(Tier.FULL)).events for name in ("tree.root", "records.root"))
    assert ak.array_equal(tree.event, records.event)
    assert_allclose(ak.flatten(tree.Jet.pt), ak.flatten(records.Jet.pt), rtol=1e-6)
    assert ak.array_equal(tree.Muon.charge, records.Muon.charge)


def test_missing_required_branch_is_named(tmp_path):
    events = nanoaod_events(10, seed=1)
    jets = events.Jet[[f for f in events.Jet.fields if f not in ("pt", "jetId")]]
    write_events(tmp_path / "x.root", [ak.with_field(events, jets, "Jet")])
    with pytest.raises(SchemaError, match=r"x\.root: Jet_pt, Jet_jetId: missing") as caught:
        whole(tmp_path / "x.root", columns(Tier.FULL))
    assert caught.value.branch == "Jet_pt, Jet_jetId"


def test_missing_luminosity_block_is_neutral(tmp_path):
    events = nanoaod_events(10, seed=1)
    write_events(tmp_path / "x.root", [events[[f for f in events.fields if f != "luminosityBlock"]]])
    loaded = whole(tmp_path / "x.root", columns(Tier.FULL))
    assert loaded.neutral == ("luminosityBlock",)
    assert_array_equal(loaded.events.luminosityBlock, np.zeros(10))


def test_gen_link_beyond_the_end_is_cut_and_counted(tmp_path):
    events = nanoaod_events(50, seed=1)
    index = ak.local_index(events.Jet.pt) + 1  # the last jet of each event points past the end
    write_events(tmp_path / "x.root", [ak.with_field(events, ak.with_field(events.Jet, index, "genJetIdx"), "Jet")])
    loaded = whole(tmp_path / "x.root", (*columns(Tier.FULL), "Jet_genJetIdx"))
    with_jets = int(ak.sum(ak.num(events.Jet) > 0))
    assert loaded.repairs == {"Jet_genJetIdx beyond nGenJet, set to -1": with_jets}
    assert ak.all(loaded.events.Jet.genJetIdx < ak.num(events.GenJet))


def test_file_with_zero_events_reads_as_empty(tmp_path):
    write_events(tmp_path / "x.root", [nanoaod_events(5, seed=1)[:0]])
    source = open_source(tmp_path / "x.root")
    assert source.entries == 0
    assert plan_blocks([source], 100) == []


def test_nan_is_reported_with_its_entry(tmp_path):
    events = nanoaod_events(60, seed=1)
    number = ak.num(events.Jet.pt)
    entry = int(np.flatnonzero(np.asarray(number) > 1)[-1])
    flat = ak.to_numpy(ak.flatten(events.Jet.pt)).copy()
    flat[int(np.sum(number[:entry])) + 1] = np.nan
    broken = ak.with_field(events, ak.with_field(events.Jet, ak.unflatten(flat, number), "pt"), "Jet")
    write_events(tmp_path / "x.root", [broken])
    with pytest.raises(SchemaError, match=rf"Jet_pt: not finite in entry {entry} "):
        [load_block(b, columns(Tier.FULL)) for b in plan_blocks([open_source(tmp_path / "x.root")], 7)]


def test_file_that_is_no_root_file(tmp_path):
    path = tmp_path / "text.root"
    path.write_text("just text\n")
    with pytest.raises(InputError, match="not a readable ROOT file"):
        open_source(path)


def test_file_without_events_names_what_it_holds(tmp_path):
    with uproot.recreate(tmp_path / "x.root") as file:
        file.mktree("Other", {"a": "int32"})
    with pytest.raises(InputError, match=r"no tree 'Events' \(found: Other\)"):
        open_source(tmp_path / "x.root")


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.5, 0.9, 0.98])
def test_truncated_file_is_an_error_and_not_fewer_events(nanoaod_file, tmp_path, kept):
    raw = nanoaod_file.read_bytes()
    path = tmp_path / "cut.root"
    path.write_bytes(raw[: int(len(raw) * kept)])
    with pytest.raises(InputError, match=r"cut\.root"):
        whole(path, columns(Tier.FULL))


def test_damaged_basket_is_an_error(tmp_path):
    path = tmp_path / "x.root"
    write_events(path, [nanoaod_events(2000, seed=1)])
    with uproot.open(path) as file:
        start = int(file["Events"]["Jet_pt"].member("fBasketSeek")[0])
    raw = bytearray(path.read_bytes())
    raw[start + 60 : start + 600] = b"\x00" * 540
    path.write_bytes(raw)
    with pytest.raises(InputError, match="cannot be decoded"):
        whole(path, columns(Tier.FULL))


def test_expand_names_what_matches_nothing(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        expand([tmp_path / "none*.root"])
    with pytest.raises(InputError, match="is a directory"):
        expand([tmp_path])
    for name in ("b.root", "a.root"):
        (tmp_path / name).touch()
    assert expand([tmp_path / "*.root", "root://host//x.root"]) == [
        str(tmp_path / "a.root"),
        str(tmp_path / "b.root"),
        "root://host//x.root",
    ]


@pytest.mark.skipif(find_spec("fsspec_xrootd") is not None, reason="the package for root:// addresses is installed")
def test_address_without_its_package_says_what_to_install():
    with pytest.raises(InputError, match=r"pip install 'flashbench\[remote\]'"):
        open_source("root://nowhere//x.root")


def test_failed_write_leaves_nothing(tmp_path):
    def blocks():
        yield nanoaod_events(5, seed=1)
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write_events(tmp_path / "x.root", blocks())
    assert list(tmp_path.iterdir()) == []


def test_real_nanoaod_v5(real_data):
    source = open_source(real_data / "NanoAODv5_sample.root")
    assert (source.entries, source.version, source.has_generator) == (1000, 5, True)
    loaded = whole(source.path, EVERYTHING)
    assert ak.sum(ak.num(loaded.events.Jet)) == 9020
    assert ak.sum(ak.num(loaded.events.Muon)) == 878
    assert ak.sum(ak.num(loaded.events.GenJet)) == 8145
    assert loaded.repairs == {"Jet_genJetIdx beyond nGenJet, set to -1": 131}
    assert ak.sum(loaded.events.genWeight < 0) == 1


def test_real_collision_data_has_no_generator(real_data):
    source = open_source(real_data / "nano_dimuon.root")
    assert not source.has_generator
    assert len(whole(source.path, columns(Tier.FULL)).events) == 40
    with pytest.raises(SchemaError, match="collision data has no generator branches") as caught:
        require(source, GENERATOR_BRANCHES)
    assert "GenJet_pt" in caught.value.branch
    assert "GenPart_statusFlags" in caught.value.branch


def test_real_rntuple_reads(real_data):
    (path,) = real_data.glob("*RNTuple*.root")
    events = whole(path, EVERYTHING).events
    assert len(events) == 10
    assert ak.max(events.Jet.pt) == pytest.approx(ak.max(events.Jet.pt[:, 0]))
    assert ak.all(ak.num(events.GenPart) > 10)
    assert_allclose(events.Jet.pt[0, 0], 115, atol=1)


def test_real_file_cut_in_half_is_an_error(real_data, tmp_path):
    raw = (real_data / "NanoAODv5_sample.root").read_bytes()
    (tmp_path / "half.root").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match="truncated"):
        open_source(tmp_path / "half.root")
