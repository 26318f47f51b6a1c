"""The command: what it prints and writes, and how it ends."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest
import uproot

from command import COMMAND, assert_one_line, call, refused, type_in
from flashbench.nanoaod import write_events
from samples import nanoaod_events

VERBS = [
    *([], ["run"], ["compare"], ["simulators"], ["processes"], ["train", "flash"], ["validate", "flash"]),
    *(["upsample"], ["systematics"]),
    *(["samples"], *(["samples", verb] for verb in ("make", "list", "show", "validate"))),
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(tmp_path, verb):
    done = call(tmp_path, *verb, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
    assert "flashbench" in done.stdout.split("Usage")[1]


def test_version(tmp_path):
    assert re.fullmatch(r"flashbench \d+\.\d+\.\d+\n", type_in(tmp_path, "--version").stdout)


def test_import_is_light():
    code = "import sys, flashbench.cli; print([m for m in ('numpy', 'awkward', 'uproot', 'rich') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_run_prints_the_cutflow_and_writes_the_run(tmp_path, nanoaod_file):
    done = type_in(tmp_path, "run", "--sim", "full", "--input", nanoaod_file)
    assert done.returncode == 0, done.stderr
    assert "opposite-charge pair" in done.stdout
    folder = tmp_path / "runs" / "events" / "full"
    assert {p.name for p in folder.iterdir()} == {"parts", "cutflow.json", "histograms.json", "manifest.json"}
    assert json.loads((folder / "manifest.json").read_text())["events"] == {"expected": 500, "read": 500}


def test_compare_writes_report_metrics_histograms_and_plots(tmp_path, nanoaod_file):
    catalogue = tmp_path / "my.toml"
    catalogue.write_text(f'[processes.toy]\nlabel = "Toy <b>&"\nfiles.full = ["{nanoaod_file}"]\n')
    told = ("--process", "toy", "--catalogue", catalogue, "--objects", 0)
    done = call(tmp_path, "compare", "full", "gen", *told)
    assert done.returncode == 0, done.stderr
    neutral = "gen has no QGL"
    assert f"{neutral}: every DNN score takes the neutral value 0.98" in done.stdout
    out = tmp_path / "comparison"
    assert {"report.html", "metrics.json", "histograms.json", "plots"} <= {p.name for p in out.iterdir()}
    assert len(list((out / "plots").rglob("*.png"))) == len(list((out / "plots").rglob("*.pdf"))) > 10
    page = (out / "report.html").read_text()
    assert {"toy-SR-dnn_atanh.png", "toy-PreSel-dnn_noqgl_atanh.pdf"} <= {p.name for p in (out / "plots").iterdir()}
    assert neutral in page
    assert "Toy &lt;b&gt;&amp;" in page
    assert "Toy <b>" not in page
    metrics = json.loads((out / "metrics.json").read_text())
    wanted = {"process", "region", "observable", "simulator", "reference", "metric", "value", "error", "n_events"}
    assert all(set(record) >= wanted for record in metrics["records"])
    assert {"yield_ratio", "wasserstein", "chi2_ndf", "chi2_p", "ks"} <= {r["metric"] for r in metrics["records"]}


def test_listings_say_where_things_come_from(tmp_path):
    assert "flashbench.simulators.gen" in call(tmp_path, "simulators").stdout
    processes = call(tmp_path, "processes").stdout
    assert all(name in processes for name in ("vbf_hmm", "dy2j", "t1tttt", "built-in"))


def test_missing_file(tmp_path):
    assert_one_line(type_in(tmp_path, "run", "--sim", "full", "--input", "none.root"), "none.root: no such file")


def test_directory(tmp_path):
    assert_one_line(call(tmp_path, "run", "--sim", "full", "--input", tmp_path), "is a directory", "*.root")


def test_text_file(tmp_path):
    (tmp_path / "text.root").write_text("text")
    assert_one_line(
        call(tmp_path, "run", "--sim", "full", "--input", "text.root"), "text.root: not a readable ROOT file"
    )


def test_truncated_file(tmp_path, nanoaod_file):
    raw = nanoaod_file.read_bytes()
    (tmp_path / "half.root").write_bytes(raw[: len(raw) // 2])
    assert_one_line(call(tmp_path, "run", "--sim", "full", "--input", "half.root"), "half.root", "truncated")


def test_file_without_events(tmp_path):
    with uproot.recreate(tmp_path / "x.root") as file:
        file.mktree("Runs", {"a": "int32"})
    assert_one_line(call(tmp_path, "run", "--sim", "full", "--input", "x.root"), "no tree 'Events' (found: Runs)")


def test_nan_leaves_no_output(tmp_path):
    import awkward as ak
    import numpy as np

    events = nanoaod_events(20, seed=1)
    flat = np.array(ak.flatten(events.Jet.pt))
    flat[0] = np.nan
    events = ak.with_field(events, ak.with_field(events.Jet, ak.unflatten(flat, ak.num(events.Jet)), "pt"), "Jet")
    write_events(tmp_path / "nan.root", [events])
    assert_one_line(call(tmp_path, "run", "--sim", "full", "--input", "nan.root"), "Jet_pt: not finite in entry")
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "nan.root"]


def test_unknown_names_suggest_near_ones(tmp_path):
    assert_one_line(call(tmp_path, "run", "--sim", "ful", "--process", "dy2j"), "no simulator named 'ful'", "full")
    assert_one_line(call(tmp_path, "run", "--sim", "full", "--process", "dyj2"), "no process named 'dyj2'", "dy2j")
    assert_one_line(call(tmp_path, "compare", "full", "gne"), "no simulator named 'gne'", "gen")


def test_folds_of_a_deterministic_simulator(tmp_path, nanoaod_file):
    assert_one_line(call(tmp_path, "run", "--sim", "full@5", "--input", nanoaod_file), "not stochastic")


def test_nothing_to_compare(tmp_path):
    assert refused(call(tmp_path, "compare", "full"), "at least two").returncode == 2
    assert refused(call(tmp_path, "run", "--sim", "full"), "--process").returncode == 2


def test_bad_catalogue(tmp_path):
    (tmp_path / "my.toml").write_text("[processes.a]\nlabel = 3\n")
    assert_one_line(call(tmp_path, "processes", "--catalogue", "my.toml"), "my.toml: processes.a.label")


def test_real_events_through_both_backends(tmp_path, real_data):
    path = real_data / "NanoAODv5_sample.root"
    for sim in ("full", "gen"):
        done = call(tmp_path, "run", "--sim", sim, "--input", path)
        assert done.returncode == 0, done.stderr
        assert "1,000" in done.stdout


def test_collision_data_runs_as_full_and_is_refused_as_gen(tmp_path, real_data):
    path = real_data / "nano_dimuon.root"
    assert call(tmp_path, "run", "--sim", "full", "--input", path).returncode == 0
    assert_one_line(
        call(tmp_path, "run", "--sim", "gen", "--input", path), "GenJet_pt", "GenPart_pdgId", "collision data"
    )


def test_interrupt_says_that_finished_blocks_are_kept(tmp_path):
    write_events(tmp_path / "long.root", [nanoaod_events(2000, seed=n) for n in range(40)])
    command = [COMMAND, "run", "--sim", "full", "--input", "long.root"]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    parts = tmp_path / "runs" / "long" / "full" / "parts"
    while running.poll() is None and not list(parts.glob("[!.]*.parquet")):
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.count("\n") == 1
    assert "interrupted; finished blocks are kept" in said
    assert list(parts.glob("[!.]*.parquet"))
    assert not list(parts.glob(".*"))
    assert call(tmp_path, "run", "--sim", "full", "--input", "long.root").returncode == 0
