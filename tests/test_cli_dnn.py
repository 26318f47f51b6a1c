"""Networks and fits as a user types them."""

import json
import pickle

import pytest

from command import assert_one_line, call, refused
from flashbench.nanoaod import write_events
from onnx_models import layers, write_model
from samples import nanoaod_events

PROCESSES = ("vbf_hmm", "dy2j", "ttbar_mumu")
EDGES = "0,0.25,0.35,8/0,8"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A catalogue of three processes, a network, and runs that fits share."""
    out = tmp_path_factory.mktemp("fit")
    text = ""
    for number, process in enumerate(PROCESSES):
        write_events(out / f"{process}.root", [nanoaod_events(1500, seed=number)])
        text += f'[processes.{process}]\nlabel = "{process}"\ncross_section = {0.01 + number}\nuncertainty = 0.1\n'
        text += f'files.full = ["{out / process}.root"]\n'
    (out / "my.toml").write_text(text)
    write_model(out / "model.onnx", layers())
    return out


def fit(folder, *arguments):
    backgrounds = ("--background", "dy2j", "--background", "ttbar_mumu", "--variation", "none", "--toys", 20)
    return call(folder, "fit", "full", "gen", "--catalogue", "my.toml", *backgrounds, *arguments)


@pytest.mark.parametrize("verb", [["fit"], ["train", "dnn"]])
def test_the_verbs_explain_themselves(tmp_path, verb):
    done = call(tmp_path, *verb, "--help")
    assert done.returncode == 0
    assert "flashbench" in done.stdout.split("Usage")[1]


def test_a_run_says_what_scored_it(folder):
    done = call(folder, "run", "--sim", "full", "--input", "dy2j.root", "--dnn", "model.onnx")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((folder / "runs" / "dy2j" / "full" / "manifest.json").read_text())
    assert f"{manifest['dnn']['counts']['scored']:,} events scored by model.onnx on CPUExecutionProvider" in done.stdout
    off = call(folder, "run", "--sim", "full", "--input", "dy2j.root", "--dnn", "off", "--out", "off")
    assert "no network" in off.stdout
    assert json.loads((folder / "off" / "dy2j" / "full" / "manifest.json").read_text())["dnn"] is None


def test_a_fit_writes_numbers_workspaces_and_plots(folder):
    pytest.importorskip("pyhf")
    done = fit(folder, "--dnn", "model.onnx", "--edges", EDGES, "--out", "one")
    assert done.returncode == 0, done.stderr
    assert "Fit to full, 59.7/fb" in done.stdout
    assert "neutral value 0.98" in done.stdout
    content = json.loads((folder / "one" / "fit.json").read_text())
    assert [each["simulator"] for each in content["simulators"]] == ["full", "gen"]
    assert content["edges"] == {"SR": [0.0, 0.25, 0.35, 8.0], "SB": [0.0, 8.0]}
    assert content["plan"]["normalisation"] == dict.fromkeys(PROCESSES, 0.1)
    assert content["command"][1:3] == ["fit", "full"]
    assert {path.name for path in (folder / "one" / "workspaces").iterdir()} == {"full.json", "gen.json"}
    assert (folder / "one" / "plots" / "fit-pulls.pdf").stat().st_size > 3000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--edges", "0,1"), "want edges of SR and SB"),
        (("--uncertainty", "dy2j=much"), "not PROCESS=NUMBER"),
        (("--background", "dy2j=0"), "is not PROCESS or PROCESS=EVENTS"),
    ],
)
def test_options_that_cannot_be_read_are_usage_errors(folder, arguments, words):
    assert refused(fit(folder, "--dnn", "model.onnx", *arguments), words).returncode == 2


def test_a_fit_without_a_network_says_where_to_get_one(folder):
    assert refused(fit(folder, "--dnn", "off"), "flashbench train dnn").returncode == 2


def test_bad_networks_are_one_line(tmp_path, nanoaod_file):
    (tmp_path / "trap.onnx").write_bytes(pickle.dumps(["harmless"]))
    write_model(tmp_path / "few.onnx", layers(24), metadata=None, names=[f"x{n}" for n in range(24)])
    run = ("run", "--sim", "full", "--input", nanoaod_file, "--dnn")
    assert_one_line(call(tmp_path, *run, "trap.onnx"), "trap.onnx: not a usable ONNX model")
    assert_one_line(call(tmp_path, *run, "few.onnx"), "no input of few.onnx (metadata) named 'x0'")
    assert_one_line(call(tmp_path, *run, "none.onnx"), "none.onnx: cannot be read")
    assert not (tmp_path / "runs").exists()


def test_too_few_events_to_train_on_is_one_line(folder):
    done = call(
        folder, "train", "dnn", "--catalogue", "my.toml", "--background", "dy2j", "--region", "SR", "--events", 20,
        "--runs", "few-runs",
    )  # fmt: skip
    assert_one_line(done, "at least 20 are needed")
