"""A comparison as HEPData tables: valid by HEPData's own rules, with the numbers of the figures."""

from __future__ import annotations

import math

import pytest
import yaml
from numpy.testing import assert_allclose

from flashbench.analysis import find_observable
from flashbench.compare.hepdata import SUBMISSION, write_hepdata
from flashbench.compare.histograms import fill
from flashbench.compare.pairing import pair_runs
from flashbench.compare.plots.drawing import drawing_of

from .conftest import make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A submission of three simulators, and of a process without selected events."""
    runs = [
        *(make_run(name, events=200, negative=0.1, label='VBF: "H" → μμ #1') for name in ("full", "gen", "flash")),
        *(make_run(name, events=40, process="empty", efficiency=0) for name in ("full", "gen")),
    ]
    few = [find_observable(name) for name in ("dimuon_mass", "zstar")]
    drawings = [drawing_of(overlay) for each in pair_runs(runs) for overlay in fill(each, few, 60, 60)[0]]
    folder = tmp_path_factory.mktemp("hepdata") / "submission"
    assert write_hepdata(drawings, runs, folder) == folder / SUBMISSION
    return drawings, folder


def test_hepdata_accepts_the_submission(made):
    hepdata = pytest.importorskip("hepdata_validator.full_submission_validator", reason="hepdata-validator")
    validator = hepdata.FullSubmissionValidator()
    assert validator.validate(directory=str(made[1])), validator.get_messages()


def test_every_plot_is_a_table(made):
    drawings, folder = made
    entries = list(yaml.safe_load_all((folder / SUBMISSION).read_text(encoding="utf-8")))[1:]
    assert [e["name"] for e in entries] == [drawing.name for drawing in drawings]
    assert {e["data_file"] for e in entries} == {p.name for p in folder.iterdir()} - {SUBMISSION}


def test_the_numbers_are_those_of_the_figure(made):
    drawings, folder = made
    drawing = next(d for d in drawings if d.process == "vbf_hmm")
    table = yaml.safe_load((folder / f"{drawing.name}.yaml").read_text(encoding="utf-8"))
    bins = table["independent_variables"][0]["values"]
    assert_allclose([b["low"] for b in bins], drawing.edges[:-1])
    columns = {c["header"]["name"]: c["values"] for c in table["dependent_variables"]}
    for curve in drawing.curves:
        values = columns[f"Fraction of events, {curve.simulator}"]
        assert_allclose([v["value"] for v in values], curve.values)
        assert_allclose([v.get("errors", [{"symerror": 0}])[0]["symerror"] for v in values], curve.errors)
    gen = next(curve for curve in drawing.curves if curve.simulator == "gen")
    ratios = [v["value"] for v in columns["gen / full"]]
    assert [r == "-" for r in ratios] == [not math.isfinite(r) for r in gen.ratio]
