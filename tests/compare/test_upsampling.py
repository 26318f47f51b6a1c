"""Errors against folds: those of a run with fewer folds, none gained without smearing, all written down."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from flashbench.analysis import find_observable
from flashbench.compare.plots.folds import draw_folds
from flashbench.compare.plots.style import applied
from flashbench.compare.tables import folds_table
from flashbench.compare.upsampling import fold_numbers, study_folds, upsample
from flashbench.errors import StatisticsError, UnknownNameError
from flashbench.stats import bootstrap_sums, contents_from_table, event_keys, fill_from_table, gain, paired_ratio

from .conftest import first_rows, make_run
from .test_compare import text_of

MASS = (find_observable("dimuon_mass"), "PreSel")


def edges_of(observable):
    return np.linspace(observable.low, observable.high, observable.bins + 1)


def first_folds(run, number):
    chosen = run.table["fold"] < number
    return {name: column[chosen] for name, column in run.table.items()}


def test_a_level_is_the_histogram_of_the_first_folds_alone():
    run = make_run("mine@6", folds=6, negative=0.1, smear=0.1)
    (study,) = study_folds(run, [2, 6], [MASS])
    assert [level.folds for level in study.levels] == [1, 2, 6]
    for level in study.levels:
        table = first_folds(run, level.folds)
        alone = fill_from_table(table, "dimuon_mass", edges_of(MASS[0]), table["region"] > 0, folds=level.folds)
        assert_allclose(level.values, alone.pdf.values)
        assert_allclose(level.errors, alone.pdf.errors)
        assert_allclose(level.entries, alone.effective_entries)
        if level.folds > 1:
            assert_allclose(study.levels[-1].gain, study.levels[0].mean_error / study.levels[-1].mean_error)
    assert_allclose(study.levels[-1].expected, study.levels[-1].mean_error)
    table = first_folds(run, 6)
    assert gain(fill_from_table(table, "dimuon_mass", edges_of(MASS[0]), table["region"] > 0, folds=6)).mean_error > 1


def test_errors_fall_towards_the_plateau_and_stay_where_folds_are_copies():
    (smeared,) = study_folds(make_run("mine@8", folds=8, smear=0.1, events=1500), [2, 4, 8], [MASS])
    errors = [level.mean_error for level in smeared.levels]
    assert (np.diff(errors) < 0).all()
    assert smeared.plateau < errors[-1]
    assert smeared.plateau_gain > smeared.levels[-1].gain > 1.2
    (copied,) = study_folds(make_run("mine@8", folds=8, smear=0), [8], [MASS])
    assert_allclose(copied.levels[-1].gain, 1)
    assert_allclose(copied.plateau, copied.levels[0].mean_error)
    assert_allclose(copied.levels[-1].ratio_errors[np.isfinite(copied.levels[-1].ratio)], 0, atol=1e-9)


def test_the_error_of_the_ratio_to_one_fold_is_that_of_the_paired_bootstrap():
    run = make_run("mine@5", folds=5, smear=0.1, events=3000)
    (study,) = study_folds(run, [5], [(find_observable("pt_balance"), "PreSel")])
    sums, replicas = [], []
    for number in (5, 1):
        table = first_folds(run, number)
        edges = edges_of(find_observable("pt_balance"))
        content = contents_from_table(table, "pt_balance", edges, table["region"] > 0, folds=number)
        keys = event_keys(np.zeros(3000), np.zeros(3000), content.events)
        sums.append(content.contents.sum(axis=1))
        replicas.append(bootstrap_sums(keys, content.contents, 500))
    ratio = paired_ratio(*sums, *replicas)
    used = sums[1] > 10
    assert_allclose(study.levels[1].ratio[used], ratio.value[used])
    assert_allclose(study.levels[1].ratio_errors[used] / ratio.error[used], 1, atol=0.2)


def test_everything_is_written_drawn_and_told(tmp_path):
    run = make_run("mine@4", folds=4, smear=0.1, simulator_label="$ <b>mine ×4")
    plots = [MASS, (find_observable("pt_balance"), "SR")]
    found = upsample(run, [2, 4], plots, tmp_path)
    document = json.loads(found.document.read_text())
    assert (document["schema"], document["process"], document["n_events"]) == ("flashbench.upsampling", "vbf_hmm", 400)
    assert [(plot["observable"], plot["region"]) for plot in document["plots"]] == [(o.name, r) for o, r in plots]
    written = document["plots"][0]["folds"][-1]
    assert written["folds"] == 4
    assert_allclose(written["pdf"], found.studies[0].levels[-1].values)
    assert {"mean_error", "expected_mean_error", "gain", "relative_errors", "ratio", "ratio_errors"} <= set(written)
    files = {path.name for path in (tmp_path / "plots").iterdir()}
    assert files == {f"{study.name}.{kind}" for study in found.studies for kind in ("png", "pdf")}
    told = text_of(folds_table(found.studies))
    assert "pt_balance" in told
    assert f"×{found.studies[0].levels[-1].gain:.2f}" in told
    with applied():
        figure = draw_folds(found.studies[0])
        assert [axes.get_ylabel() for axes in figure.axes][1:3] == ["Relative\nerror", "Ratio to\n1 fold"]
        assert "plateau" in [text.get_text() for text in figure.axes[3].get_legend().get_texts()]


def test_plots_without_a_selected_event_are_left_out_and_none_at_all_is_an_error(tmp_path):
    run = make_run("mine@2", folds=2, efficiency=0)
    assert study_folds(run, [2], [MASS]) == ()
    with pytest.raises(StatisticsError, match="no event of vbf_hmm is selected"):
        upsample(run, [2], [MASS], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: fold_numbers([]), StatisticsError, "none"),
        (lambda: fold_numbers([1]), StatisticsError, "one above 1"),
        (lambda: fold_numbers([0, 5]), StatisticsError, "0, 5"),
        (lambda: study_folds(make_run("mine@2", folds=2), [5], [MASS]), StatisticsError, "5 folds of a run of 2"),
        (lambda: study_folds(make_run("m@2", folds=2), [2], [(MASS[0], "Presel")]), UnknownNameError, "mean PreSel"),
        (lambda: study_folds(first_rows(make_run("m@2", folds=2), 799), [2], [MASS]), Exception, "rows, not 2"),
    ],
)
def test_bad_requests_are_refused(call, error, said):
    with pytest.raises(error, match=said):
        call()
