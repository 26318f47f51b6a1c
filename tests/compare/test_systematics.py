"""The ratio method on runs: it closes where its baselines do not, and everything is written."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from flashbench.analysis import find_observable
from flashbench.compare.plots.style import applied
from flashbench.compare.plots.variation import draw_variation
from flashbench.compare.systematics import METHOD, study_variation, vary
from flashbench.compare.tables import closures_table
from flashbench.errors import RunError, StatisticsError, UnknownNameError

from .conftest import make_run, with_table
from .test_compare import text_of

BALANCE = find_observable("pt_balance")
EVENTS = 4000


def process(key: str, events: int, slope: float = 0.0, folds: int = 1) -> dict:
    """Runs of a process whose events are weighted by their true value; the simulator loses some of what full finds."""
    runs = {
        "full": make_run("full", events=events, smear=0.1, process=key, label=f"label of {key}"),
        "sim": make_run("mine", events=events, smear=0.1, efficiency=0.4, folds=folds, process=key),
        "gen": make_run("gen", events=events, smear=0.0, efficiency=0.5, process=key),
    }
    truth = np.random.default_rng(events)
    truth.uniform(size=2 * events)
    order = np.argsort(runs["gen"].table["event"])
    value = np.nan_to_num(runs["gen"].table["pt_balance"][order], nan=0.4)
    weights = 1 + slope * value
    for part, run in runs.items():
        changed = with_table(run, weight=weights[run.table["event"].astype(int)])
        runs[part] = replace(changed, sum_weights=float(weights.sum()))
    return runs


def unselected(key: str, events: int) -> dict:
    """Runs of a process of which the simulator selects nothing."""
    runs = process(key, events)
    return {**runs, "sim": with_table(runs["sim"], region=np.zeros(events, np.int8))}


@pytest.mark.parametrize("folds", [1, 3])
def test_the_method_closes_where_its_baselines_do_not(folds):
    reference, variation = process("ref", EVENTS, folds=folds), process("var", EVENTS + 1, slope=8, folds=folds)
    (study,) = study_variation(reference, variation, [(BALANCE, "PreSel")], bins=10)
    method = study.closures[METHOD]
    assert method.chi_square.p_value > 1e-3
    assert method.prediction.valid.sum() >= 8
    assert study.closures["no correction"].chi_square.p_value < 1e-6
    assert method.chi_square.reduced < study.closures["no correction"].chi_square.reduced
    assert set(study.closures) == {METHOD, "no correction", "generator ratio"}


def test_the_prediction_is_the_product_and_ratio_of_the_spectra():
    reference, variation = process("ref", EVENTS), process("var", EVENTS + 1, slope=2)
    (study,) = study_variation(reference, variation, [(BALANCE, "PreSel")], bins=10)
    prediction = study.closures[METHOD].prediction
    valid = prediction.valid
    product = study.reference["full"].values * study.variation["sim"].values / study.reference["sim"].values
    assert_allclose(prediction.values[valid], product[valid])
    chosen = variation["full"].table["region"] > 0
    weights, values = variation["full"].table["weight"][chosen], variation["full"].table["pt_balance"][chosen]
    plain = np.histogram(values, study.frame.edges, weights=weights)[0] / variation["full"].sum_weights
    assert_allclose(study.variation["full"].values, plain)


def test_a_simulator_that_is_full_simulation_closes_exactly_and_is_best():
    reference, variation = process("ref", EVENTS), process("var", EVENTS + 1, slope=8)
    for runs in (reference, variation):
        runs["sim"] = replace(runs["full"], simulator="copy")
    (study,) = study_variation(reference, variation, [(BALANCE, "PreSel")], bins=10)
    assert study.closures[METHOD].largest < 1e-12
    assert study.best


def test_everything_is_written_drawn_and_told(tmp_path):
    reference, variation = process("ref", EVENTS), process("var", EVENTS + 1, slope=2)
    found = vary(reference, variation, [(BALANCE, "SR"), (BALANCE, "PreSel")], tmp_path, bins=6)
    document = json.loads(found.document.read_text())
    assert (document["schema"], document["reference"], document["variation"]) == (
        "flashbench.systematics",
        "ref",
        "var",
    )
    plot = document["plots"][0]
    assert {part for side in plot["curves"].values() for part in side} == {"full", "sim", "gen"}
    closure = plot["closures"][METHOD]
    assert_allclose(closure["chi2"] / closure["ndf"], closure["chi2_ndf"])
    assert len(closure["states"]) == len(plot["edges"]) - 1 == 6
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        f"{study.name}.{kind}" for study in found.studies for kind in ("png", "pdf")
    }
    told = text_of(closures_table(found.studies))
    assert told.count("no correction") == told.count("generator ratio") == 2
    with applied():
        figure = draw_variation(found.studies[0])
        curves = [text.get_text().split(" ")[0] for text in figure.axes[0].get_legend().get_texts()]
        assert sorted(curves) == ["REF", "REF", "VAR", "VAR", "prediction:"]
        assert len(figure.axes[1].get_legend().get_texts()) == 3


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda runs: study_variation(runs, runs, [(BALANCE, "SR")]), RunError, "both reference and variation"),
        (lambda runs: study_variation(runs, process("var", 401), [(BALANCE, "SX")]), UnknownNameError, "region"),
        (
            lambda runs: study_variation(
                runs, {**process("var", 401), "sim": process("x", 402)["sim"]}, [(BALANCE, "SR")]
            ),
            StatisticsError,
            "different events",
        ),
        (
            lambda runs: study_variation(runs, unselected("var", 401), [(BALANCE, "SR")]),
            StatisticsError,
            "no valid bin",
        ),
    ],
)
def test_bad_requests_are_refused(call, error, said):
    with pytest.raises(error, match=said):
        call(process("ref", 400))
