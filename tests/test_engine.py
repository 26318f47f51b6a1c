import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal

from flashbench import engine
from flashbench.analysis import Cuts
from flashbench.engine import RunRequest, run
from flashbench.errors import InputError, RunError, SchemaError, SimulationError
from flashbench.events import RECO_BRANCHES, Tier
from flashbench.nanoaod import write_events
from flashbench.results import load_run
from flashbench.simulators import RunName, SimulatorInfo
from samples import nanoaod_events

REQUEST = RunRequest("toy", RunName("full"), "Toy", block_events=90)


class Smear:
    """A stochastic simulator: jet pT times a Gaussian."""

    info = SimulatorInfo("smear", "1", "Smear", Tier.FULL, True, frozenset(RECO_BRANCHES))

    def simulate(self, events, rng):
        jets = events.Jet
        factor = rng.normal(1, 0.1, int(ak.sum(ak.num(jets))))
        jets = ak.with_field(jets, abs(jets.pt * ak.unflatten(factor, ak.num(jets))), "pt")
        return ak.with_field(events, jets, "Jet")


class Failing(Smear):
    """Raises on the block that holds one event."""

    def simulate(self, events, rng):
        if ak.any(events.event == 300):
            raise ZeroDivisionError("by design")
        return super().simulate(events, rng)


class Short(Smear):
    """Loses an event."""

    def simulate(self, events, rng):
        return super().simulate(events, rng)[:-1]


SMEAR = replace(REQUEST, name=RunName("smear"))


def same(a, b):
    assert list(a.table) == list(b.table)
    for name in a.table:
        assert_array_equal(a.table[name], b.table[name], err_msg=name)
    assert a.cutflow == b.cutflow
    assert (a.sum_weights, a.n_events) == (b.sum_weights, b.n_events)


@pytest.mark.parametrize("name", ["full", "gen"])
def test_result_does_not_depend_on_workers(nanoaod_file, tmp_path, name):
    request = replace(REQUEST, name=RunName(name))
    one = run(request, [nanoaod_file], tmp_path / "one")
    two = run(request, [nanoaod_file], tmp_path / "two", workers=2)
    same(one, two)
    assert one.n_events == 500
    assert (one.table["region"] > 0).any()


def test_stochastic_result_does_not_depend_on_the_order_of_blocks(nanoaod_file, tmp_path):
    one = run(SMEAR, [nanoaod_file], tmp_path / "one", simulator=Smear())
    with ThreadPoolExecutor(3) as threads:
        many = run(SMEAR, [nanoaod_file], tmp_path / "many", simulator=Smear(), executor=threads)
    same(one, many)
    other = run(replace(SMEAR, seed=2), [nanoaod_file], tmp_path / "other", simulator=Smear())
    assert not np.array_equal(one.table["region"], other.table["region"])


def test_identity_and_weights_are_the_files(nanoaod_file, tmp_path):
    result = run(REQUEST, [nanoaod_file], tmp_path / "r")
    assert_array_equal(result.table["event"], np.arange(1, 501))
    assert result.sum_weights == result.table["weight"].sum()
    assert (result.table["weight"] < 0).any()


def test_folds_repeat_events_and_share_their_weight(nanoaod_file, tmp_path):
    request = replace(SMEAR, name=RunName("smear", 4))
    result = run(request, [nanoaod_file], tmp_path / "r", simulator=Smear())
    assert result.n_events == 500
    assert_array_equal(result.table["event"], np.repeat(np.arange(1, 501), 4))
    assert_array_equal(result.table["fold"], np.tile(np.arange(4), 500))
    assert result.cutflow.steps[0].sum_weights == pytest.approx(result.sum_weights)
    per_event = result.table["jet1_pt"].reshape(500, 4)
    with_jets = np.isfinite(per_event).all(axis=1)
    assert with_jets.sum() > 100
    assert (np.ptp(per_event[with_jets], axis=1) > 0).all()


def test_folds_of_a_deterministic_simulator_are_refused(nanoaod_file, tmp_path):
    with pytest.raises(RunError, match="not stochastic"):
        run(replace(REQUEST, name=RunName("full", 5)), [nanoaod_file], tmp_path / "r")


def test_limit_takes_the_first_events(nanoaod_file, tmp_path):
    result = run(replace(REQUEST, events=130), [nanoaod_file], tmp_path / "r")
    assert result.n_events == 130
    assert result.manifest["events"] == {"expected": 130, "read": 130}


def test_finished_parts_are_taken_over(nanoaod_file, tmp_path):
    run(replace(REQUEST, events=180), [nanoaod_file], tmp_path / "r")
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "r" / "parts").iterdir()}
    calls = []
    again = run(REQUEST, [nanoaod_file], tmp_path / "r", progress=lambda done, total: calls.append((done, total)))
    assert len(before) == 2
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "r" / "parts").iterdir() if p.name in before} == before
    assert calls == [(180, 500), (270, 500), (360, 500), (450, 500), (500, 500)]
    same(again, run(REQUEST, [nanoaod_file], tmp_path / "fresh"))


@pytest.mark.parametrize(
    "changed", [{"seed": 2}, {"cuts": Cuts(jet_pt=30)}, {"block_events": 100}, {"process": "other"}]
)
def test_changed_settings_are_not_served_old_parts(nanoaod_file, tmp_path, changed):
    run(SMEAR, [nanoaod_file], tmp_path / "r", simulator=Smear())
    calls = []
    run(
        replace(SMEAR, **changed),
        [nanoaod_file],
        tmp_path / "r",
        simulator=Smear(),
        progress=lambda done, total: calls.append(done),
    )
    assert calls[0] == 0


def test_changed_simulator_version_is_not_served_old_parts(nanoaod_file, tmp_path):
    class Newer(Smear):
        info = replace(Smear.info, version="2")

    run(SMEAR, [nanoaod_file], tmp_path / "r", simulator=Smear())
    calls = []
    report = lambda done, total: calls.append(done)  # noqa: E731
    run(SMEAR, [nanoaod_file], tmp_path / "r", simulator=Newer(), progress=report)
    assert calls[0] == 0


def test_failing_block_names_itself_and_finished_parts_stay(nanoaod_file, tmp_path):
    with pytest.raises(
        SimulationError,
        match=r"'smear' of test_engine:Failing on toy, block 3, events 271–360, .*entries 270–359: "
        r"raised ZeroDivisionError: by design",
    ):
        run(SMEAR, [nanoaod_file], tmp_path / "r", simulator=Failing())
    assert not (tmp_path / "r" / "manifest.json").exists()
    assert all(p.suffix == ".parquet" for p in (tmp_path / "r" / "parts").iterdir())
    with pytest.raises(RunError, match="no finished run"):
        load_run(tmp_path / "r")


@pytest.mark.parametrize("workers", [1, 2])
def test_keep_going_finishes_the_other_blocks_and_names_those_that_failed(nanoaod_file, tmp_path, workers):
    with pytest.raises(SimulationError, match=r"smear on toy: 1 of 6 blocks failed; .*block 3, events 271–360"):
        run(SMEAR, [nanoaod_file], tmp_path / "r", simulator=Failing(), workers=workers, keep_going=True)
    assert len(list((tmp_path / "r" / "parts").iterdir())) == 5
    with pytest.raises(RunError, match="no finished run"):
        load_run(tmp_path / "r")


def test_short_output_is_refused(nanoaod_file, tmp_path):
    with pytest.raises(SimulationError, match="got 90 events and returned 89"):
        run(SMEAR, [nanoaod_file], tmp_path / "r", simulator=Short())
    assert not list(tmp_path.rglob("*.parquet"))


def test_error_of_a_worker_process_is_the_same_error(tmp_path):
    events = nanoaod_events(200, seed=1)
    flat = np.array(ak.flatten(events.Muon.pt))
    flat[-1] = np.inf
    events = ak.with_field(events, ak.with_field(events.Muon, ak.unflatten(flat, ak.num(events.Muon)), "pt"), "Muon")
    write_events(tmp_path / "x.root", [events])
    with pytest.raises(SchemaError, match="not finite in entry 199") as caught:
        run(REQUEST, [tmp_path / "x.root"], tmp_path / "r", workers=2)
    assert caught.value.branch == "Muon_pt"


def test_trigger_that_the_file_lacks_is_named(nanoaod_file, tmp_path):
    with pytest.raises(SchemaError, match="HLT_IsoMu24: missing"):
        run(replace(REQUEST, cuts=Cuts(trigger="HLT_IsoMu24")), [nanoaod_file], tmp_path / "r")


def test_interrupt_keeps_finished_parts(nanoaod_file, tmp_path):
    def stop(done, total):
        if done >= 180:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(REQUEST, [nanoaod_file], tmp_path / "r", progress=stop)
    assert len(list((tmp_path / "r" / "parts").iterdir())) == 2
    same(run(REQUEST, [nanoaod_file], tmp_path / "r"), run(REQUEST, [nanoaod_file], tmp_path / "fresh"))


def test_no_events_is_an_error(tmp_path, nanoaod_file):
    with pytest.raises(InputError, match="no such file"):
        run(REQUEST, [tmp_path / "none.root"], tmp_path / "r")
    with pytest.raises(RunError, match="no events"):
        run(replace(REQUEST, events=0), [nanoaod_file], tmp_path / "r")


def test_manifest_tells_how_the_run_was_made(nanoaod_file, tmp_path):
    result = run(REQUEST, [nanoaod_file], tmp_path / "r")
    manifest = json.loads((tmp_path / "r" / "manifest.json").read_text())
    assert manifest == result.manifest
    assert manifest["inputs"][0]["entries"] == 500
    assert len(manifest["inputs"][0]["sha256"]) == 64
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["timings"].keys() == {"read", "simulate", "analyse"}
    assert [(tmp_path / "r" / p).exists() for p in manifest["parts"]] == [True] * len(manifest["parts"])
    assert json.loads((tmp_path / "r" / "cutflow.json").read_text()) == result.cutflow.to_dict()


def test_damaged_part_is_reported(nanoaod_file, tmp_path):
    run(REQUEST, [nanoaod_file], tmp_path / "r")
    part = next((tmp_path / "r" / "parts").iterdir())
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(RunError, match="delete it and run the same command again"):
        load_run(tmp_path / "r")
    part.unlink()
    with pytest.raises(RunError, match="part is missing"):
        load_run(tmp_path / "r")


def test_parts_are_plain_parquet(nanoaod_file, tmp_path):
    result = run(REQUEST, [nanoaod_file], tmp_path / "r")
    table = pq.read_table(tmp_path / "r" / "parts")
    assert table.num_rows == 500
    assert set(table.column_names) == set(result.table)


def test_block_seed_depends_on_process_and_block(nanoaod_file, tmp_path):
    a = run(SMEAR, [nanoaod_file], tmp_path / "a", simulator=Smear())
    b = run(replace(SMEAR, process="other"), [nanoaod_file], tmp_path / "b", simulator=Smear())
    assert not np.array_equal(a.table["jet1_pt"], b.table["jet1_pt"], equal_nan=True)
    assert engine.BLOCK_EVENTS > 0
