"""Simulators are ranked from files alone, and only numbers that mean the same are laid beside one another."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from flashbench.analysis import find_observable
from flashbench.cli import app
from flashbench.compare import schemas
from flashbench.compare.histograms import fill
from flashbench.compare.leaderboard import rank
from flashbench.compare.metrics import measure, to_document
from flashbench.compare.pairing import pair_runs
from flashbench.errors import RunError, UnknownNameError
from flashbench.storage import write_json

from .conftest import MANIFEST, make_run

FEW = [find_observable(name) for name in ("dimuon_mass", "pt_balance", "jet1_pt")]


def write(path, *runs, observables=FEW):
    processes = pair_runs(runs)
    records = [r for process in processes for r in measure(*fill(process, observables, 60, 60))]
    write_json(path, to_document(records, processes, version="0", replicas=60))
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two people's files: one has a good and a bad simulator, the other a middling one."""
    folder = tmp_path_factory.mktemp("results")
    full = make_run("full")
    mine = write(folder / "mine.json", full, make_run("good", shift=0.002), make_run("bad", shift=0.2))
    theirs = write(folder / "theirs.json", full, make_run("middling", shift=0.08))
    return mine, theirs


def changed(path, target, change):
    content = json.loads(path.read_text())
    change(content)
    target.write_text(json.dumps(content))
    return target


def test_simulators_of_several_files_stand_in_the_order_of_their_distance(two):
    (board,) = rank(two).boards
    assert [entry.simulator for entry in board.entries] == ["good", "middling", "bad"]
    assert [entry.file for entry in board.entries] == [two[0], two[1], two[0]]
    assert (board.n_events, board.in_halves, board.undefined) == (400, True, 0)
    assert board.plots == sum(len(o.regions) for o in FEW)


def test_the_score_is_the_mean_distance_over_that_of_halves(two):
    content = json.loads(two[0].read_text())
    chosen = [r for r in content["records"] if (r["simulator"], r["metric"]) == ("bad", "wasserstein")]
    ratios = [r["value"] / r["halves"] for r in chosen]
    entry = rank(two).boards[0].entries[-1]
    assert entry.score == pytest.approx(sum(ratios) / len(ratios))
    assert entry.worst[1] == pytest.approx(max(ratios))


def test_the_speed_is_that_of_the_run_and_unknown_for_files_of_which_nobody_knows_it(two, tmp_path):
    fast = make_run("good")
    fast = replace(fast, manifest=fast.manifest | {"reads": "gen"})
    path = write(tmp_path / "m.json", make_run("full"), fast)
    assert rank([path]).boards[0].entries[0].events_per_second == pytest.approx(400 / MANIFEST["timings"]["simulate"])
    assert {entry.events_per_second for entry in rank(two).boards[0].entries} == {None}


def test_where_higher_is_better_the_highest_is_first_and_nothing_is_divided(two):
    (board,) = rank(two, metric="ks_p", observable="dimuon_mass", region="PreSel").boards
    assert (board.plots, board.in_halves) == (1, False)
    scores = [entry.score for entry in board.entries]
    assert scores == sorted(scores, reverse=True)
    assert board.entries[0].simulator == "good"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("n_events", 399, "other number of events"),
        ("inputs_sha256", "1" * 64, "other input files"),
        ("reference_version", "2", "other version of the reference"),
        ("cuts", {"trigger": "HLT_IsoMu24"}, "other selection"),
        ("dnn_sha256", "a", "other networks of the score"),
    ],
)
def test_another_sample_is_left_out_with_the_reason(two, tmp_path, key, value, reason):
    other = changed(two[1], tmp_path / "other.json", lambda c: c["samples"][0].update({key: value}))
    ranked = rank([two[0], other])
    assert {entry.simulator for entry in ranked.boards[0].entries} == {"good", "bad"}
    assert ranked.left_out == (f"{other}: vbf_hmm: {reason} than in the first file that has it",)


def test_another_version_of_the_metric_is_left_out(two, tmp_path):
    def raise_version(content):
        next(m for m in content["metrics"] if m["name"] == "wasserstein")["version"] = 2

    other = changed(two[1], tmp_path / "other.json", raise_version)
    assert rank([two[0], other]).left_out == (f"{other}: wasserstein of version 1 is ranked, it has version 2",)
    assert len(rank([two[0], other], metric="ks").boards[0].entries) == 3


def test_the_same_simulator_again_is_ranked_once(two, tmp_path):
    again = changed(two[0], tmp_path / "again.json", lambda c: None)
    ranked = rank([*two, again])
    assert len(ranked.boards[0].entries) == 3
    assert sum("is in" in line for line in ranked.left_out) == 2


def test_a_simulator_without_events_takes_no_plot_from_the_others(tmp_path):
    path = write(tmp_path / "m.json", make_run("full"), make_run("good"), make_run("none", efficiency=0.0))
    assert [entry.simulator for entry in rank([path]).boards[0].entries] == ["good"]


def test_files_that_are_none_are_named_and_the_rest_is_ranked(two, tmp_path):
    (tmp_path / "text.json").write_text("text")
    (tmp_path / "other.json").write_text('{"schema": "flashbench.histograms"}')
    bad = [tmp_path / "text.json", tmp_path / "other.json", tmp_path / "none.json"]
    left_out = rank([*bad, *two]).left_out
    assert [line.partition(":")[0] for line in left_out] == [str(path) for path in bad]
    with pytest.raises(RunError, match="no file can be used"):
        rank(bad)


def test_what_cannot_rank_is_refused(two):
    with pytest.raises(RunError, match="neither higher nor lower"):
        rank(two, metric="yield_ratio")
    with pytest.raises(UnknownNameError, match="did you mean wasserstein"):
        rank(two, metric="waserstein")
    with pytest.raises(RunError, match="no simulator has"):
        rank(two, region="nowhere")


def test_a_broken_file_is_told_where_it_breaks_the_schema(two, tmp_path):
    broken = changed(two[0], tmp_path / "b.json", lambda c: c["records"][3].update(value="much"))
    with pytest.raises(RunError, match=r"\$\.records\[3\]\.value: 'much' is not of type"):
        schemas.read(broken, "metrics")


def test_the_schema_lists_every_field_of_a_record_and_nothing_else(two):
    rules = schemas.schema("metrics")["properties"]["records"]["items"]
    content = json.loads(two[0].read_text())
    assert set(rules["required"]) == set(rules["properties"]) == set(content["records"][0])


def test_the_command_shows_ranks_numbers_of_events_and_what_is_left_out(two, tmp_path):
    other = changed(two[1], tmp_path / "other.json", lambda c: c["samples"][0].update(n_events=399))
    done = CliRunner().invoke(app, ["leaderboard", str(two[0]), str(other)], env={"COLUMNS": "300"})
    assert done.exit_code == 0
    assert "N = 400 generated events" in done.stdout
    assert done.stdout.index("good") < done.stdout.index("bad")
    assert "other number of events" in done.stdout


def test_the_command_prints_the_schema():
    done = CliRunner().invoke(app, ["schema", "metrics"])
    assert json.loads(done.stdout) == schemas.schema("metrics")
    assert "did you mean metrics" in str(CliRunner().invoke(app, ["schema", "metric"]).exception)


def test_without_halves_distances_of_several_units_have_no_mean(tmp_path):
    path = write(tmp_path / "m.json", make_run("full@2", folds=2), make_run("good"))
    with pytest.raises(RunError, match="plots of several units have no mean"):
        rank([path])
    assert rank([path], observable="dimuon_mass").boards[0].plots == 2
    assert rank([path], metric="chi2_ndf").boards[0].plots == sum(len(o.regions) for o in FEW)
