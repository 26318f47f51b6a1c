"""Shards and samples: pure, resumable, equal on any number of workers, matched between grades."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import awkward as ak
import lhe_writer
import numpy as np
import pytest
import uproot

from flashbench.errors import ProductionError
from flashbench.events import BRANCHES, Tier
from flashbench.production import cache as caches
from flashbench.production import cache_directory, list_samples, load_sample, produce
from flashbench.production.assemble import reduce_precision
from flashbench.production.minimum_bias import PoolSettings
from flashbench.production.recipes import recipe
from flashbench.production.sample import combined_cross_section
from flashbench.production.shards import ShardJob, file_of, is_done, make_shard, marker_of, read_marker
from flashbench.production.workers import quiet

EVENTS = 40
BOTH = (Tier.FULL, Tier.FAST)


def job(cache: Path, directory: Path, shard: int = 0, tiers: tuple[Tier, ...] = BOTH) -> ShardJob:
    pool = cache / "minimum-bias"
    return ShardJob(recipe("vbf_hmm"), 1, shard, tiers, directory, pool, PoolSettings(), None, EVENTS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A directory with one small shard in both grades, made in this process."""
    directory = tmp_path_factory.mktemp("sample")
    assert make_shard(job(cache, directory)) == EVENTS
    return directory


def events_of_file(directory: Path, tier: Tier, shard: int = 0) -> ak.Array:
    with uproot.open(file_of(directory, tier, shard)) as file:
        return file["Events"].arrays()


def test_a_shard_made_in_another_process_is_the_same(tmp_path: Path, cache: Path, made: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=quiet) as executor:
        list(executor.map(make_shard, [job(cache, tmp_path, 1), job(cache, tmp_path, 0)]))
    for tier in BOTH:
        assert read_marker(tmp_path, tier, 0)["sha256"] == read_marker(made, tier, 0)["sha256"]
        assert read_marker(tmp_path, tier, 1)["sha256"] != read_marker(made, tier, 0)["sha256"]


def test_a_tier_does_not_depend_on_which_others_are_made(tmp_path: Path, cache: Path, made: Path) -> None:
    make_shard(job(cache, tmp_path, tiers=(Tier.FAST,)))
    assert read_marker(tmp_path, Tier.FAST, 0)["sha256"] == read_marker(made, Tier.FAST, 0)["sha256"]
    assert not is_done(tmp_path, Tier.FULL, 0)


def test_a_shard_without_its_marker_or_file_is_not_done(tmp_path: Path, made: Path) -> None:
    assert is_done(made, Tier.FULL, 0)
    for absent in (marker_of, file_of):
        directory = tmp_path / absent.__name__
        for name in {marker_of, file_of} - {absent}:
            path = name(directory, Tier.FULL, 0)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        assert not is_done(directory, Tier.FULL, 0)


def test_grades_share_generator_columns_and_pile_up_but_not_reconstruction(made: Path) -> None:
    full, fast = (events_of_file(made, tier) for tier in BOTH)
    for name in full.fields:
        if name.startswith(("Gen", "nGen", "Pileup", "run", "lumi", "event", "gen")):
            assert ak.array_equal(full[name], fast[name]), name
    assert ak.to_list(full["Jet_pt"]) != ak.to_list(fast["Jet_pt"])


def test_jets_of_the_two_grades_pair(made: Path) -> None:
    """Same particles, same pile-up: most hard jets have a partner within 0.2 and near in pt."""
    full, fast = (events_of_file(made, tier) for tier in BOTH)
    paired = []
    for a, b in zip(full, fast, strict=True):
        for pt, eta, phi in zip(a["Jet_pt"], a["Jet_eta"], a["Jet_phi"], strict=True):
            if pt > 40:
                turn = (np.asarray(b["Jet_phi"]) - phi + np.pi) % (2 * np.pi) - np.pi
                paired.append((np.hypot(np.asarray(b["Jet_eta"]) - eta, turn) < 0.2).any())
    assert len(paired) > 40
    assert np.mean(paired) > 0.95


def test_identity_is_unique_and_starts_at_one(made: Path) -> None:
    events = events_of_file(made, Tier.FULL)
    assert events["event"].to_list() == list(range(1, EVENTS + 1))
    assert set(events["luminosityBlock"].to_list()) == {1}


def test_every_declared_reconstructed_branch_is_filled_with_its_type(made: Path) -> None:
    with uproot.open(file_of(made, Tier.FULL, 0)) as file:
        tree = file["Events"]
        for name, branch in BRANCHES.items():
            assert name in tree, name
            stored = tree[name].interpretation
            dtype = getattr(stored, "content", stored).numpy_dtype if hasattr(stored, "content") else stored.numpy_dtype
            assert np.dtype(dtype).newbyteorder("=").kind == np.dtype(branch.dtype).kind, name


def test_values_are_physical(made: Path) -> None:
    for tier in BOTH:
        events = events_of_file(made, tier)
        flat = {name: np.asarray(ak.flatten(events[name], axis=None)) for name in events.fields}
        for name, values in flat.items():
            assert np.isfinite(values).all(), name
        assert flat["Jet_pt"].min() > 15
        assert set(np.unique(flat["Jet_puId"])) <= {0, 4, 6, 7}
        assert set(np.unique(flat["Jet_jetId"])) <= {0, 2, 6}
        assert np.abs(flat["Jet_phi"]).max() <= np.pi + 1e-5
        assert set(np.unique(flat["Muon_charge"])) <= {-1, 1}
        qgl = flat["Jet_qgl"]
        assert ((qgl == -1) | ((qgl >= 0) & (qgl <= 1))).all()
        assert (qgl == -1).any()
        for name in ("Jet_btagDeepFlavB", "Jet_btagDeepFlavC"):
            assert 0 <= flat[name].min() <= flat[name].max() <= 1
        for collection in ("Muon", "Jet", "GenJet"):
            pt = events[f"{collection}_pt"]
            assert ak.all(pt[:, 1:] <= pt[:, :-1])
        assert ak.all(events["Jet_genJetIdx"] < events["nGenJet"])


def test_reconstructed_muons_sit_on_their_generated_ones(made: Path) -> None:
    events = events_of_file(made, Tier.FULL)
    index = events["Muon_genPartIdx"]
    linked = index >= 0
    gen = index[linked]
    assert ak.all(abs(events["GenPart_pdgId"][gen]) == 13)
    assert ak.all(events["GenPart_status"][gen] == 1)
    assert ak.all(-np.sign(events["GenPart_pdgId"][gen]) == events["Muon_charge"][linked])
    ratio = ak.flatten(events["Muon_pt"][linked] / events["GenPart_pt"][gen])
    assert float(np.median(np.abs(np.asarray(ratio) - 1))) < 0.02
    assert int(ak.sum(linked)) > 1.3 * EVENTS


def test_low_precision_columns_keep_ten_bits_of_mantissa() -> None:
    values = np.random.default_rng(1).normal(0, 10, 1000).astype(np.float32)
    reduced = reduce_precision(values)
    assert (reduced.view(np.uint32) & ((1 << 13) - 1) == 0).all()
    np.testing.assert_allclose(reduced, values, rtol=2**-11)


def test_a_sample_is_resumed_listed_and_loaded(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is not made again; a shard whose marker is gone is, with the same arrays."""
    monkeypatch.setenv("FLASHBENCH_CACHE", str(cache))
    path = lhe_writer.write(tmp_path / "resume.lhe", lhe_writer.document(12, seed=4))
    calls: list[tuple[int, int]] = []
    first = produce("resumed", 0, lhe=path, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 12), (12, 12)]
    before = {tier: file_of(first.directory, tier, 0).stat().st_mtime_ns for tier in BOTH}
    hashes = {tier: read_marker(first.directory, tier, 0)["sha256"] for tier in BOTH}
    marker_of(first.directory, Tier.FAST, 0).unlink()
    second = produce("resumed", 0, lhe=path)
    assert file_of(second.directory, Tier.FULL, 0).stat().st_mtime_ns == before[Tier.FULL]
    assert file_of(second.directory, Tier.FAST, 0).stat().st_mtime_ns > before[Tier.FAST]
    assert {tier: read_marker(second.directory, tier, 0)["sha256"] for tier in BOTH} == hashes
    assert load_sample(second.directory) == second
    assert second in list_samples()
    manifest = json.loads(second.manifest.read_text())
    assert [facts["events"] for facts in manifest["shards"]["full"]] == [12]
    assert manifest["settings"]["versions"]["pythia8mc"]


def test_the_cache_follows_argument_environment_and_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLASHBENCH_CACHE", str(tmp_path / "here"))
    assert cache_directory() == tmp_path / "here"
    assert cache_directory(tmp_path) == tmp_path
    monkeypatch.delenv("FLASHBENCH_CACHE")
    assert cache_directory().name == "flashbench"


def test_the_key_changes_with_seed_recipe_networks_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(process: str = "dy2j", seed: int = 1) -> str:
        return caches.key_of(caches.settings_of(recipe(process), seed, PoolSettings()))

    keys = [key(), key(seed=2), key("dy2j_unfiltered")]
    for changed in ("weights_hash", "code_hash"):
        monkeypatch.setattr(caches, changed, lambda: "other")
        keys.append(key())
    assert len(set(keys)) == 5


def test_without_pythia_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(caches, "version", absent)
    with pytest.raises(ProductionError, match=r"pip install 'flashbench\[production\]'"):
        produce("vbf_hmm", 10)


@pytest.mark.parametrize(("events", "workers", "tiers"), [(0, 1, BOTH), (1, 0, BOTH), (1, 1, (Tier.GEN,)), (1, 1, ())])
def test_senseless_requests_are_refused(events: int, workers: int, tiers: tuple[Tier, ...], tmp_path: Path) -> None:
    with pytest.raises(ProductionError):
        produce("vbf_hmm", events, workers=workers, tiers=tiers, cache=tmp_path)


def test_a_directory_without_a_sample_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProductionError, match="no finished sample"):
        load_sample(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ProductionError, match="not JSON"):
        load_sample(tmp_path)


def test_cross_sections_of_shards_combine_by_luminosity() -> None:
    shards = [{"accepted": 1000, "cross_section_pb": 2.0}, {"accepted": 3000, "cross_section_pb": 3.0}]
    assert combined_cross_section(shards) == pytest.approx(4000 / (500 + 1000))
