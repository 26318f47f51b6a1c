import awkward as ak
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.dumps import ArrowDump
from flashbench.engine import RunRequest, run
from flashbench.errors import CatalogueError, InputError, SchemaError
from flashbench.events import Tier, columns
from flashbench.nanoaod import load_block, open_source, plan_blocks, write_events
from flashbench.simulators import RunName
from samples import nanoaod_events

FULL = columns(Tier.FULL)
MAPPING = """
[input]
files = ["dump_*.parquet"]
[columns]
run = { value = 1 }
event = "info.number"
genWeight = "info.weight"
Muon_pt = "muons.pt"
Muon_eta = "muons.eta"
Muon_phi = "muons.phi"
Muon_charge = "muons.charge"
Muon_pfRelIso04_all = "muons.iso"
Muon_mediumId = { value = true }
Jet_pt = { column = "jet_mev", scale = 0.001 }
Jet_eta = "jet_eta"
Jet_phi = "jet_phi"
Jet_mass = { column = "jet_mass_mev", scale = 0.001 }
Jet_jetId = { value = 6 }
"""


def flat(events):
    """Columns under NanoAOD names."""
    out = {}
    for name in events.fields:
        fields = events[name].fields
        out |= {f"{name}_{f}": events[name][f] for f in fields} if fields else {name: events[name]}
    return ak.zip(out, depth_limit=1)


def foreign(events):
    muons, jets = events.Muon, events.Jet
    return ak.zip(
        {
            "info": ak.zip({"number": events.event, "weight": events.genWeight}),
            "muons": ak.zip({**{f: muons[f] for f in ("pt", "eta", "phi", "charge")}, "iso": muons.pfRelIso04_all}),
            "jet_mev": 1000 * jets.pt,
            "jet_eta": jets.eta,
            "jet_phi": jets.phi,
            "jet_mass_mev": 1000 * jets.mass,
        },
        depth_limit=1,
    )


def read(path, names=FULL, size=1000):
    source = open_source(path)
    return [load_block(block, names) for block in plan_blocks([source], size)]


@pytest.fixture
def mapped(tmp_path):
    for number, first in enumerate((1, 61)):
        events = foreign(nanoaod_events(60, seed=number, first_event=first))
        ak.to_parquet(events, tmp_path / f"dump_{number}.parquet", row_group_size=25)
    (tmp_path / "mine.toml").write_text(MAPPING)
    return tmp_path / "mine.toml"


@pytest.mark.parametrize("layout", ["columns", "records"])
@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_dump_with_nanoaod_names_reads_like_the_tree(tmp_path, layout, suffix):
    events = nanoaod_events(80, seed=4)
    write_events(tmp_path / "x.root", [events])
    path = tmp_path / f"x.{suffix}"
    write = ak.to_parquet if suffix == "parquet" else ak.to_feather
    write(flat(events) if layout == "columns" else events, path)
    names = (*FULL, *columns(Tier.GEN))
    (tree,), dumps = read(tmp_path / "x.root", names), read(path, names, size=30)
    assert [len(block.events) for block in dumps] == [30, 30, 20]
    joined = ak.concatenate([block.events for block in dumps])
    for name in names:
        collection, _, field = name.partition("_")
        a, b = (e[collection][field] if field else e[name] for e in (tree.events, joined))
        assert_allclose(ak.flatten(a, axis=None), ak.flatten(b, axis=None), rtol=1e-6, err_msg=name)


def test_mapping_renames_scales_and_fills(mapped):
    first, second = read(mapped, size=100)
    expected = ak.concatenate([nanoaod_events(60, seed=0), nanoaod_events(60, seed=1, first_event=61)])
    got = ak.concatenate([first.events, second.events])
    assert_array_equal(got.event, np.arange(1, 121))
    assert_allclose(ak.flatten(got.Jet.pt), ak.flatten(expected.Jet.pt))
    assert_allclose(ak.flatten(got.Muon.pfRelIso04_all), ak.flatten(expected.Muon.pfRelIso04_all))
    assert ak.all(got.Muon.mediumId)
    assert_array_equal(ak.num(got.Muon.mediumId), ak.num(expected.Muon))
    assert "Jet_qgl" in first.neutral


def test_units_are_changed_in_double_precision_so_that_a_value_on_a_cut_stays_there(tmp_path):
    pt = ak.values_astype(ak.Array([[25_000.0, 50_000.0], [], [35_000.0]]), "float32")
    ak.to_parquet(ak.zip({"event": [1, 2, 3], "mev": pt}, depth_limit=1), tmp_path / "x.parquet")
    mapping = '[input]\nfiles = ["x.parquet"]\n[columns]\nevent = "event"\n'
    (tmp_path / "x.toml").write_text(mapping + 'Jet_pt = { column = "mev", scale = 0.001 }\n')
    got = ArrowDump().read(str(tmp_path / "x.toml"), 0, 3, ["Jet_pt"])["Jet_pt"]
    assert got.to_list() == [[25.0, 50.0], [], [35.0]]


def test_mapping_runs_through_the_analysis_like_nanoaod(mapped, tmp_path):
    one = run(RunRequest("toy", RunName("full"), block_events=50), [mapped], tmp_path / "mapped")
    assert one.n_events == 120
    assert (one.table["region"] > 0).any()
    assert one.manifest["inputs"][0]["nanoaod_version"] == 0


def test_entries_can_number_the_events(mapped):
    mapped.write_text(MAPPING.replace('"info.number"', "{ entry = true }"))
    assert_array_equal(np.concatenate([b.events.event for b in read(mapped, size=50)]), np.arange(1, 121))


def test_changed_dump_has_another_identity(mapped):
    before = open_source(mapped).uuid
    assert open_source(mapped).uuid == before
    ak.to_parquet(foreign(nanoaod_events(60, seed=9)), mapped.with_name("dump_0.parquet"))
    (block,) = plan_blocks([open_source(mapped)], 1000)
    assert block.uuid != before
    mapped.write_text(MAPPING.replace("0.001", "0.002"))
    with pytest.raises(InputError, match="changed while it was being read"):
        load_block(block, FULL)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("Jet_eta =", "Jet_colour =", r"columns.Jet_colour: no NanoAOD branch"),
        ("dump_*", "none_*", "no file matches none_"),
        ("value = 6", 'value = 6, column = "x"', "give one of"),
        ("value = 6", "valeu = 6", "Extra inputs|give one of"),
        ("[columns]", "[column]", "Field required|Extra"),
        ("[input]", "[input", "is not TOML"),
    ],
)
def test_mapping_that_does_not_hold_names_its_key(mapped, old, new, problem):
    mapped.write_text(MAPPING.replace(old, new))
    with pytest.raises(CatalogueError, match=problem):
        open_source(mapped)


def test_column_that_is_not_there_is_named(mapped):
    mapped.write_text(MAPPING.replace('"jet_eta"', '"jet_etta"'))
    with pytest.raises(SchemaError, match="jet_etta"):
        read(mapped)


def test_missing_values_are_refused(tmp_path):
    events = flat(nanoaod_events(20, seed=1))
    holes = ak.mask(events.genWeight, np.arange(20) != 7)
    ak.to_parquet(ak.with_field(events, holes, "genWeight"), tmp_path / "x.parquet")
    with pytest.raises(SchemaError, match="genWeight: has missing values"):
        read(tmp_path / "x.parquet")


def test_truncated_dump_is_an_error(tmp_path):
    ak.to_parquet(flat(nanoaod_events(20, seed=1)), tmp_path / "x.parquet")
    raw = (tmp_path / "x.parquet").read_bytes()
    (tmp_path / "x.parquet").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match="truncated or damaged"):
        open_source(tmp_path / "x.parquet")
