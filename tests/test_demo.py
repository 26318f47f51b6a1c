"""The demo: samples made once with every tier that is needed, what cannot run is named, and the rest is compared."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from flashbench.cli import app
from flashbench.cli.demo import SIMULATORS
from flashbench.errors import UnknownNameError
from flashbench.events import Tier
from flashbench.simulators import parse_run_name
from flashbench.workflow import runnable


@pytest.fixture
def without_weights(tmp_path, monkeypatch):
    """No weights for the simulators that need some."""
    for name in ("FLASH", "REFINED"):
        monkeypatch.setenv(f"FLASHBENCH_{name}_WEIGHTS", str(tmp_path / "none"))


@pytest.mark.usefixtures("without_weights")
def test_a_simulator_without_weights_is_left_out_with_the_reason():
    names = [parse_run_name(name) for name in ("full", "refined", "gen")]
    found, left_out = runnable(names)
    assert [str(name) for name in found] == ["full", "gen"]
    assert list(left_out) == ["refined"]
    assert "holds no refiner" in left_out["refined"]
    assert "flashbench train refined" in left_out["refined"]


def test_a_name_that_is_no_simulator_is_an_error_and_not_left_out():
    with pytest.raises(UnknownNameError):
        runnable([parse_run_name("fulll")])


@pytest.mark.production
@pytest.mark.usefixtures("without_weights")
def test_the_demo_makes_every_tier_of_a_sample_at_once_compares_what_can_run_and_ends_with_the_report(
    tmp_path, monkeypatch
):
    pytest.importorskip("pythia8mc", reason="needs the production extra")
    made: list[tuple[object, ...]] = []
    compared: list[tuple[object, ...]] = []

    def produce(process, events, *, seed, workers, tiers, progress):
        made.append((process, events, seed, tiers))

    def compare(processes, names, settings, out, **_):
        compared.append(([p.key for p in processes], [str(n) for n in names], settings.events, settings.runs))
        return SimpleNamespace(verdicts=(), notes=("a note",), report=out / "report.html")

    monkeypatch.setattr("flashbench.production.produce", produce)
    monkeypatch.setattr("flashbench.workflow.compare_processes", compare)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("FLASHBENCH_CATALOGUE", str(tmp_path / "of-the-user.toml"))  # the demo has nothing to do with it
    options = ["--events", "50", "--seed", "3", "--runs", "r", "--out", "page"]
    done = CliRunner().invoke(app, ["demo", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert made == [(process, 50, 3, (Tier.FAST, Tier.FULL)) for process in ("vbf_hmm", "dy2j")]
    assert compared == [(["vbf_hmm", "dy2j"], ["full", "fast", "gen"], 50, Path("r"))]
    assert re.findall(r"^left out: (\w+):", done.output, flags=re.MULTILINE) == ["flash", "refined"]
    assert done.output.rstrip().endswith("report: page/report.html")


def test_every_simulator_that_is_shipped_takes_part_in_the_demo():
    pytest.importorskip("torch", reason="FlashSim needs the flash extra")
    found, left_out = runnable([parse_run_name(name) for name in SIMULATORS])
    assert [str(name) for name in found] == ["full", "flash", "refined", "fast", "gen"]
    assert left_out == {}
