"""Histograms equal plain fills, and come back from JSON."""

from __future__ import annotations

import json

import hist
import numpy as np
from jsonschema import Draft7Validator
from numpy.testing import assert_allclose
from uhi.io.json import object_hook
from uhi.schema import histogram_file

from flashbench.analysis import OBSERVABLES, find_observable
from flashbench.compare import write_histograms
from flashbench.compare.histograms import axis_of, fill
from flashbench.compare.pairing import pair_runs

from .conftest import make_run, with_table


def overlays_of(*runs, replicas=50):
    return fill(pair_runs(runs)[0], OBSERVABLES, replicas)


def find(overlays, region, observable):
    return next(o for o in overlays if o.region.name == region and o.observable.name == observable)


def test_histogram_equals_a_plain_fill_with_flow_and_variances():
    run = make_run("gen", shift=0.3, negative=0.2)
    overlay = find(overlays_of(make_run("full", negative=0.2), run)[0], "SR", "pt_balance")
    chosen = (run.table["region"] == 2) & np.isfinite(run.table["pt_balance"])
    plain = hist.Hist(axis_of(find_observable("pt_balance")), storage=hist.storage.Weight())
    plain.fill(run.table["pt_balance"][chosen], weight=run.table["weight"][chosen])
    assert plain.values(flow=True)[-1] != 0
    assert_allclose(overlay.others[0].histogram.values(flow=True), plain.values(flow=True))
    assert_allclose(overlay.others[0].histogram.variances(flow=True), plain.variances(flow=True))


def test_identical_folds_give_the_histogram_of_one():
    """Folds that all fall where the event fell add no information: same contents, same variances."""
    once = make_run("full")
    rows = np.repeat(np.arange(400), 5)
    folded = make_run("copy@5", folds=5)
    folded = with_table(folded, **{name: column[rows] for name, column in once.table.items()})
    overlay = find(overlays_of(once, folded)[0], "PreSel", "dimuon_mass")
    one, five = overlay.all
    assert_allclose(five.histogram.values(flow=True), one.histogram.values(flow=True))
    assert_allclose(five.histogram.variances(flow=True), one.histogram.variances(flow=True))
    assert_allclose(five.replicas, one.replicas)
    assert_allclose(five.covariance, 0, atol=1e-12)


def test_replicas_scatter_as_the_variances_say():
    overlay = find(
        overlays_of(make_run("full", events=3000), make_run("gen", events=3000), replicas=400)[0], "PreSel", "zstar"
    )
    spectrum = overlay.others[0]
    variances = spectrum.histogram.variances(flow=True)
    used = variances > 5
    assert_allclose(spectrum.replicas.var(axis=0)[used] / variances[used], 1, atol=5 * np.sqrt(2 / 400))


def test_histograms_come_back_from_json(tmp_path):
    run = make_run("gen")
    write_histograms([run], tmp_path / "histograms.json")
    with (tmp_path / "histograms.json").open() as file:
        document = json.load(file, object_hook=object_hook)
    stored = hist.Hist(document["histograms"]["vbf_hmm"]["PreSel"]["dimuon_mass"]["gen"])
    expected = find(overlays_of(make_run("full"), run)[0], "PreSel", "dimuon_mass").others[0].histogram
    assert (document["schema"], document["version"]) == ("flashbench.histograms", 1)
    assert_allclose(stored.values(flow=True), expected.values(flow=True))
    assert_allclose(stored.variances(flow=True), expected.variances(flow=True))


def test_every_histogram_keeps_the_schema_of_uhi(tmp_path):
    write_histograms([make_run("gen"), make_run("flash@2", folds=2, negative=0.2)], tmp_path / "histograms.json")
    document = json.loads((tmp_path / "histograms.json").read_text())["histograms"]["vbf_hmm"]
    rules = Draft7Validator(json.loads(histogram_file.read_text()))
    stored = [each for region in document.values() for simulators in region.values() for each in simulators.values()]
    assert len(stored) == 2 * sum(len(o.regions) for o in OBSERVABLES)
    for each in stored:
        rules.validate(each)


def test_histograms_of_one_run_need_no_unique_events(tmp_path):
    run = make_run("full")
    run = with_table(run, event=np.zeros_like(run.table["event"]))
    write_histograms([run], tmp_path / "histograms.json")
    assert (tmp_path / "histograms.json").stat().st_size > 1000
