"""Metrics are right where the answer is known, and calibrated where it is random."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from flashbench.analysis import OBSERVABLES, find_observable
from flashbench.compare import schemas
from flashbench.compare.histograms import fill
from flashbench.compare.metrics import METRICS, MetricRecord, measure, to_document
from flashbench.compare.pairing import pair_runs
from flashbench.compare.verdict import judge
from flashbench.stats import EventSample, paired_null, wasserstein
from flashbench.storage import write_json

from .conftest import make_run, with_table


def records_of(*runs, observables=OBSERVABLES, replicas=100):
    return list(measure(*fill(pair_runs(runs)[0], observables, replicas)))


def pick(records, metric, region="PreSel", observable="dimuon_mass"):
    return next(r for r in records if (r.metric, r.region, r.observable) == (metric, region, observable))


def test_identical_simulators_agree_exactly():
    run = make_run("full")
    copy = make_run("copy")
    records = records_of(run, with_table(copy, **run.table))
    assert {r.value for r in records if r.metric == "yield_ratio"} == {1.0}
    assert {r.error for r in records if r.metric == "yield_ratio"} == {0.0}
    for metric, value in {"wasserstein": 0, "ks": 0, "ks_p": 1, "chi2_p": 1}.items():
        assert {r.value for r in records if r.metric == metric} == {value}
    assert [v.word for v in judge(records)] == ["agrees"]


def test_a_shift_is_the_wasserstein_distance_in_the_unit_of_the_observable():
    run = make_run("full")
    moved = with_table(make_run("moved"), **run.table | {"dimuon_mass": run.table["dimuon_mass"] + 2.5})
    records = records_of(run, moved)
    assert_allclose(pick(records, "wasserstein").value, 2.5)
    assert_allclose(pick(records, "yield_ratio").value, 1)
    assert pick(records, "wasserstein", observable="dimuon_pt").value == 0
    assert pick(records, "chi2_p").value < 1e-4
    assert pick(records, "ks_p").value == 1 / 101
    (verdict,) = judge(records)
    assert verdict.word == "differs"
    assert verdict.worst.observable == "dimuon_mass"


def test_yield_ratio_of_a_region_is_that_of_the_sums_of_weights():
    one, two = make_run("full", negative=0.1), make_run("gen", negative=0.1, efficiency=0.4)
    record = pick(records_of(one, two), "yield_ratio", "SR", None)
    sums = [run.table["weight"][run.table["region"] == 2].sum() for run in (two, one)]
    assert_allclose(record.value, sums[0] / sums[1])
    assert record.error > 0
    assert (record.simulator, record.reference, record.n_events) == ("gen", "full", 400)


def test_p_values_are_uniform_for_two_draws_of_one_simulator():
    observable = (find_observable("pt_balance"),)
    found = {"chi2_p": [], "ks_p": []}
    for toy in range(60):
        one, two = (make_run(f"{name}{toy}", events=1500, smear=0.1) for name in ("a", "b"))
        records = records_of(one, two, observables=observable)
        for metric, values in found.items():
            values.append(pick(records, metric, "PreSel", "pt_balance").value)
    for metric, values in found.items():
        assert stats.kstest(values, "uniform").pvalue > 1e-3, metric


def test_every_record_names_its_place_and_every_metric_is_there():
    records = records_of(make_run("full"), make_run("gen"), make_run("fast"))
    plots = sum(len(o.regions) for o in OBSERVABLES)
    assert len(records) == 2 * (plots * len(METRICS) + 4)
    assert {r.metric for r in records} == {m.name for m in METRICS}


@pytest.mark.parametrize("empty", [("full",), ("gen",), ("full", "gen")])
def test_without_selected_events_metrics_are_undefined_and_the_document_keeps_its_schema(empty, tmp_path):
    runs = [make_run(name, efficiency=0.0 if name in empty else 0.5) for name in ("full", "gen")]
    records = records_of(*runs)
    assert pick(records, "wasserstein").value is None
    document = to_document(records, pair_runs(runs), version="0", replicas=100)
    path = tmp_path / "metrics.json"
    write_json(path, document)
    back = schemas.read(path, "metrics")
    assert MetricRecord(**back["records"][0]) == records[0]
    if "full" in empty:
        assert judge(records)[0].word == "no events"


def test_a_handful_of_events_gives_values_or_none_but_no_error():
    for negative in (0.0, 0.5):
        records = records_of(
            make_run("full", events=6, negative=negative), make_run("gen", events=6, negative=negative)
        )
        values = [r.value for r in records if r.value is not None]
        assert values
        assert np.isfinite(values).all()


def wasserstein_nulls(*runs, observables=OBSERVABLES):
    return [r for r in records_of(*runs, observables=observables) if r.metric in ("wasserstein", "ks")]


def test_the_null_of_a_distance_is_that_of_exchanging_the_events_of_the_samples():
    """Values at whole numbers fall into cells exactly; then mean and p-value are those of `stats.paired_null`."""
    runs = [
        with_table(run, dimuon_mass=np.round(run.table["dimuon_mass"] / 10))
        for run in (make_run("full", negative=0.1), make_run("mine@3", folds=3, negative=0.1))
    ]
    record = pick(records_of(*runs), "wasserstein")
    samples = []
    for run in runs:
        rows = (run.table["region"] > 0) & np.isfinite(run.table["dimuon_mass"])
        columns = (run.table[name][rows] for name in ("event", "dimuon_mass", "weight", "fold"))
        samples.append(EventSample.of(*columns, run.folds))
    last = max(int(each.events.max()) for each in samples)
    assert last == 399, "the plain null counts events by the last one selected"
    null = paired_null(wasserstein, samples[1], samples[0])
    assert_allclose(record.value, null.observed)
    assert_allclose([record.null, record.null_spread], [null.mean, null.deviation])
    assert_allclose(record.null_p, null.p_value)
    assert_allclose(record.significance, null.significance)


def test_p_values_of_distances_are_uniform_for_two_draws_of_one_simulator():
    observable = (find_observable("pt_balance"),)
    found: dict[str, list[float]] = {"wasserstein": [], "ks": []}
    for toy in range(60):
        one, two = (make_run(f"{name}{toy}", events=400, smear=0.1) for name in ("a", "b"))
        for record in wasserstein_nulls(one, two, observables=observable):
            found[record.metric].append(record.null_p)
    for metric, values in found.items():
        assert stats.kstest(values, "uniform").pvalue > 1e-3, metric


def test_a_shift_is_beyond_every_replica_and_the_verdict_counts_it():
    run = make_run("full")
    moved = with_table(make_run("moved"), **run.table | {"dimuon_mass": run.table["dimuon_mass"] + 2.5})
    records = records_of(run, moved)
    record = pick(records, "wasserstein")
    assert record.null_p == 1 / 201
    assert not record.null_resolved
    assert record.value > 3 * record.null
    still = pick(records, "wasserstein", observable="dimuon_pt")
    assert (still.null_p, still.null, still.null_resolved) == (1, 0, True)
    (verdict,) = judge(records)
    plots = sum(len(o.regions) for o in OBSERVABLES)
    assert (verdict.compared, verdict.beyond) == (plots, len(find_observable("dimuon_mass").regions))
    assert verdict.farthest.observable == "dimuon_mass"


def test_halves_of_the_reference_are_farther_apart_than_simulators_that_share_its_events():
    runs = make_run("full", events=2000), make_run("mine", events=2000)
    for record in wasserstein_nulls(*runs):
        assert record.halves > record.null


def test_yields_and_chi_square_have_their_nulls_too_and_p_values_none():
    records = records_of(make_run("full"), make_run("gen", efficiency=0.4))
    ratio = pick(records, "yield_ratio", "SR", None)
    assert (ratio.null, ratio.null_spread) == (1, ratio.error)
    assert_allclose(ratio.null_p, 2 * stats.norm.sf(abs(ratio.value - 1) / ratio.error))
    assert pick(records, "chi2_ndf").null_p == pick(records, "chi2_p").value
    assert {(r.null, r.null_p) for r in records if r.metric.endswith("_p")} == {(None, None)}


def test_a_reference_with_folds_has_no_null():
    runs = make_run("mine@2", folds=2), make_run("gen")
    records = list(measure(*fill(pair_runs(runs, "mine@2")[0], OBSERVABLES, 20)))
    assert {r.null_p for r in records if r.metric == "wasserstein"} == {None}
    assert judge(records)[0].compared == 0
