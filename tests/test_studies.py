"""`upsample` and `systematics` as a user types them, with a toy for the simulator, on files made on the spot."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from numpy.testing import assert_allclose
from typer.testing import CliRunner

import toy_simulator
from flashbench.analysis import Cuts, find_observable
from flashbench.catalogue import Process
from flashbench.cli import app
from flashbench.errors import InputError, RunError, UnknownNameError
from flashbench.events import Tier
from flashbench.nanoaod import load_block, open_source, plan_blocks, write_events
from flashbench.simulators import RunName
from flashbench.studies import plots_of, throw_event
from flashbench.workflow import Settings
from samples import nanoaod_events

SMEARED = "jet2_pt"


@pytest.fixture(autouse=True)
def toy(monkeypatch, tmp_path_factory):
    toy_simulator.register(monkeypatch, tmp_path_factory.mktemp("site"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """A process and its variation, of 600 events each."""
    folder = tmp_path_factory.mktemp("catalogue")
    write_events(folder / "a.root", [nanoaod_events(300, seed=1), nanoaod_events(300, seed=2, first_event=301)])
    write_events(folder / "b.root", [nanoaod_events(600, seed=3)])
    text = "".join(f'[processes.{name}]\nlabel = "Process {name}"\nfiles.full = ["{name}.root"]\n' for name in "ab")
    (folder / "my.toml").write_text(text)
    return folder / "my.toml"


def call(folder, catalogue, *arguments):
    options = (
        "--catalogue",
        catalogue,
        "--dnn",
        "off",
        "--workers",
        1,
        "--runs",
        folder / "runs",
        "--out",
        folder / "out",
    )
    return CliRunner().invoke(app, [str(each) for each in (*arguments, *options)])


def refused(done, error, said):
    assert isinstance(done.exception, error), done.output
    assert said in str(done.exception)


def test_upsample_writes_errors_against_folds(tmp_path, catalogue):
    wanted = ("--folds", "1,2,6", "--observable", SMEARED, "--observable", "ln_zstar", "--region", "PreSel")
    done = call(tmp_path, catalogue, "upsample", "--sim", "toy", "--process", "a", *wanted)
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "out" / "upsampling.json").read_text())
    assert (document["simulator"], document["n_events"]) == ("toy@6", 600)
    plots = {plot["observable"]: plot for plot in document["plots"]}
    assert set(plots) == {SMEARED, "ln_zstar"}
    assert [level["folds"] for level in plots[SMEARED]["folds"]] == [1, 2, 6]
    assert plots[SMEARED]["folds"][-1]["gain"] > plots["ln_zstar"]["folds"][-1]["gain"] > 1
    assert f"×{plots[SMEARED]['folds'][-1]['gain']:.2f}" in done.output
    assert len(list((tmp_path / "out" / "plots").glob("*.png"))) == 2
    assert (tmp_path / "runs" / "a" / "toy@6" / "manifest.json").exists()


def test_a_region_shows_the_observables_that_have_a_standard_plot_in_it(tmp_path, catalogue):
    """Scores are left out: there is no network."""
    wanted = ("--folds", "3", "--events", "150", "--region", "SR")
    done = call(tmp_path, catalogue, "upsample", "--sim", "toy", "--process", "a", *wanted)
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "out" / "upsampling.json").read_text())
    assert [(plot["observable"], plot["region"]) for plot in document["plots"]] == [("pt_balance", "SR")]


def test_one_event_is_thrown_beside_full_and_generator(tmp_path, catalogue):
    wanted = ("--event", "305", "--folds", "120", "--observable", SMEARED, "--region", "all")
    done = call(tmp_path, catalogue, "upsample", "--sim", "toy:width=0.05", "--process", "a", *wanted)
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "out" / "event.json").read_text())
    assert (document["event"], document["throws"], document["process"]) == ("1:1:305", 120, "a")
    source = open_source(catalogue.parent / "a.root")
    (block,) = plan_blocks([source], 600)
    events = load_block(block, ["event", "Jet_pt", "GenJet_pt", "Muon_pt"]).events
    event = events[events.event == 305][0]
    assert len(event.Jet.pt) >= 2, "the test wants an event with two jets"
    plot = document["plots"][0]
    assert set(plot["other_simulators"]) <= {"full", "gen"}
    assert 0 < plot["deviation"] < 0.2 * plot["mean"]
    assert ak.min(event.GenJet.pt) / 2 < plot["mean"] < ak.max(event.GenJet.pt)
    assert document["cuts"][0]["throws"] == 120
    assert not (tmp_path / "runs").exists()


def test_throws_of_one_event_are_independent_and_reproducible(tmp_path, catalogue):
    files = {Tier.FULL: (str(catalogue.parent / "a.root"),)}
    process, settings = Process("a", "A", files=files), Settings(runs=tmp_path / "runs", dnn=None)
    studies = [
        throw_event(
            *(process, "1:1:305", RunName("toy"), settings, tmp_path / str(number)),
            throws=2000,
            observables=[SMEARED],
            region="all",
        ).study
        for number in (0, 1)
    ]
    one, two = (study.thrown[0] for study in studies)
    assert_allclose(one.contents, two.contents)
    assert one.mean == two.mean
    assert np.count_nonzero(one.zoom) > 30  # blocks of throws are not copies of each other


def test_a_trigger_is_looked_at_in_the_one_event_too(tmp_path):
    fired = np.array([True, False, True])
    write_events(tmp_path / "hlt.root", [ak.with_field(nanoaod_events(3, seed=1), fired, "HLT_IsoMu24")])
    process = Process("hlt", "HLT", files={Tier.FULL: (str(tmp_path / "hlt.root"),)})
    settings = Settings(cuts=Cuts(trigger="HLT_IsoMu24"), dnn=None)
    for number, passes in enumerate(fired, start=1):
        wanted = (process, str(number), RunName("toy"), settings, tmp_path / str(number))
        study = throw_event(*wanted, throws=4, observables=["jet1_pt"]).study
        assert {cut.name: cut.throws for cut in study.cuts}["trigger HLT_IsoMu24"] == 4 * passes


def test_systematics_shows_closure_beside_both_baselines(tmp_path, catalogue):
    wanted = ("--sim", "toy@2", "--observable", "pt_balance", "--bins", "5", "--region", "PreSel")
    done = call(tmp_path, catalogue, "systematics", "--ref", "a", "--var", "b", *wanted)
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "out" / "systematics.json").read_text())
    (plot,) = document["plots"]
    assert set(plot["closures"]) == {"ratio method", "no correction", "generator ratio"}
    assert 0 < plot["closures"]["ratio method"]["p_value"] <= 1
    for name in plot["closures"]:
        assert name in done.output
    assert {path.name for path in (tmp_path / "runs" / "b").iterdir()} == {"full", "gen", "toy@2"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("upsample", "--sim", "toy", "--process", "aa"), "no process named 'aa' (did you mean a"),
        (("upsample", "--sim", "tou", "--process", "a"), "no simulator named 'tou' (did you mean toy"),
        (("upsample", "--sim", "toy", "--process", "a", "--observable", "jet_pt"), "'jet_pt' (did you mean jet"),
        (("upsample", "--sim", "toy", "--process", "a", "--region", "PreSEL"), "'PreSEL' (did you mean PreSel"),
        (("upsample", "--sim", "toy", "--process", "a", "--folds", "2", "--observable", "dnn"), "'dnn'"),
        (("systematics", "--ref", "a", "--var", "bb"), "no process named 'bb' (did you mean b"),
        (("systematics", "--ref", "a", "--var", "b", "--observable", "x"), "no observable named 'x'"),
    ],
)
def test_unknown_names_suggest_near_ones(tmp_path, catalogue, arguments, said):
    done = call(tmp_path, catalogue, *arguments)
    assert isinstance(done.exception, UnknownNameError), done.output
    assert said in str(done.exception)


@pytest.mark.parametrize(
    ("event", "said"),
    [("9999", "numbered 1 to 600"), ("2:1:5", "no event 2:1:5"), ("x", "is no event"), ("1:2", "no event")],
)
def test_an_event_that_is_not_there_is_an_error_that_says_which_are(tmp_path, catalogue, event, said):
    done = call(tmp_path, catalogue, "upsample", "--sim", "toy", "--process", "a", "--event", event, "--folds", "3")
    refused(done, InputError, said)
    assert not (tmp_path / "out").exists()


def test_an_event_number_that_several_events_have_is_ambiguous(tmp_path, catalogue):
    events = nanoaod_events(4, seed=1)
    twice = ak.with_field(events, np.array([1, 1, 2, 2], np.uint32), "luminosityBlock")
    write_events(tmp_path / "twice.root", [ak.with_field(twice, np.array([5, 6, 5, 6], np.uint64), "event")])
    process = Process("twice", "Twice", files={Tier.FULL: (str(tmp_path / "twice.root"),)})
    with pytest.raises(InputError, match=r"several events 5 \(name one of 1:1:5, 1:2:5"):
        throw_event(process, "5", RunName("toy"), Settings(dnn=None), tmp_path / "out", throws=3)


def test_simulators_that_cannot_be_thrown_are_refused_before_anything_runs(tmp_path, catalogue):
    refused(call(tmp_path, catalogue, "upsample", "--sim", "full", "--process", "a"), RunError, "not stochastic")
    refused(call(tmp_path, catalogue, "upsample", "--sim", "toy@5", "--process", "a"), RunError, "leave @N out")
    refused(
        call(tmp_path, catalogue, "systematics", "--ref", "a", "--var", "a", "--sim", "toy"), RunError, "both reference"
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("folds", ["", "1,x", "0", "2.5", "-3"])
def test_folds_that_are_no_numbers_are_refused(tmp_path, catalogue, folds):
    assert call(tmp_path, catalogue, "upsample", "--sim", "toy", "--process", "a", "--folds", folds).exit_code == 2


def test_plots_are_those_of_the_regions_asked_for():
    assert plots_of(["pt_balance"], None) == [(find_observable("pt_balance"), region) for region in ("SR", "PreSel")]
    assert plots_of(["jet1_phi"], "SR") == [(find_observable("jet1_phi"), "SR")]
    assert {where for _, where in plots_of([], "SR")} == {"SR"}
    assert {("pt_balance", "SR"), ("pt_balance", "PreSel"), ("jet1_pt", "all")} <= {
        (o.name, r) for o, r in plots_of([], None)
    }
    assert find_observable("pt_balance") in [each for each, _ in plots_of([], "SR")]


def script(name):
    path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_script(name, folder, catalogue, monkeypatch, *arguments):
    options = ("--catalogue", catalogue, "--workers", 1, "--runs", folder / "runs", "--out", folder / "out.json")
    monkeypatch.setattr(sys, "argv", [f"benchmarks/{name}.py", *map(str, (*arguments, *options))])
    script(name).main()
    return json.loads((folder / "out.json").read_text())


def test_the_benchmark_of_gains_sets_smeared_and_sharp_observables_beside_the_published_ones(
    tmp_path, catalogue, monkeypatch
):
    text = catalogue.read_text().replace("processes.a", "processes.vbf_hmm")
    (catalogue.parent / "named.toml").write_text(text)
    wanted = ("--sim", "toy", "--folds", "25", "--events", "150")
    found = run_script("upsampling_gain", tmp_path, catalogue.parent / "named.toml", monkeypatch, *wanted)
    assert (found["simulator"], found["folds"], found["process"]) == ("toy", 25, "vbf_hmm")
    assert found["command"].startswith("python benchmarks/upsampling_gain.py --sim toy")
    gains = {(line["observable"], line["region"]): line for line in found["gains"]}
    assert gains["jet2_pt", "PreSel"]["gain"] > gains["ln_zstar", "PreSel"]["gain"] > 1
    assert gains["ln_zstar", "SR"]["published"]["gain"] == 1.3
    for line in gains.values():
        assert line["gain"] < line["gain_at_plateau"] or line["gain_at_plateau"] is None


def test_the_benchmark_of_the_ratio_method_says_whether_it_is_within_and_best(tmp_path, catalogue, monkeypatch):
    wanted = ("--sim", "toy@2", "--ref", "a", "--var", "b", "--bins", "6")
    found = run_script("ratio_method", tmp_path, catalogue, monkeypatch, *wanted)
    lines = {line["observable"]: line for line in found["observables"]}
    line = lines["pt_balance"]
    assert (found["reference"], found["variation"], line["bins"]) == ("a", "b", 6)
    method = line["closures"]["ratio method"]
    assert line["within"] == (method["beyond_error"] <= 0.02)
    deviations = np.abs(np.array(method["ratio"], dtype=float) - 1)
    assert np.nanmax(deviations) == pytest.approx(method["largest_deviation"])
    assert set(line["closures"]) == {"ratio method", "no correction", "generator ratio"}
