"""A fit of every simulator to the reference's data: what it must give where the answer is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.compare.fit import Binning, fit, fit_simulators, fit_table, to_document, upsampling_gains
from flashbench.compare.fit.measure import VARIATION
from flashbench.compare.fit.templates import contents, replicas, score_of
from flashbench.errors import RunError, StatisticsError
from flashbench.stats import fill_from_table
from flashbench.stats.likelihood import Likelihood

from .fit_runs import PLAN, SIGMA, make_run, make_runs

pytest.importorskip("pyhf")
EDGES = Binning(np.array([0.0, 0.4, 0.8, 1.1, 1.4, 8.0]), np.array([0.0, 0.6, 8.0]))
GIVEN = replace(PLAN, edges=EDGES)


@pytest.fixture(scope="module")
def report():
    """The reference, a simulator with a shifted score, and one with folds."""
    simulators = {"full": {}, "shifted": {"shift": 0.2}, "flash": {}, "flash@8": {"folds": 8}}
    return fit_simulators(make_runs(simulators), GIVEN)


def of(report, name):
    return next(each for each in report.simulators if each.simulator == name)


def test_templates_are_yields_at_the_luminosity_with_the_errors_of_folded_histograms():
    for folds in (1, 6):
        run = make_run("dy2j", folds=folds)
        content = contents({("dy2j", "full"): run}, EDGES, "dnn_atanh", 59.7)["dy2j", "full"]
        scale = SIGMA["dy2j"] * 1000 * 59.7
        for code, edges, first in ((2, EDGES.signal, 0), (1, EDGES.sideband, 5)):
            histogram = fill_from_table(run.table, "dnn_atanh", edges, run.table["region"] == code, folds=folds)
            part = slice(first, first + len(edges) - 1)
            assert_allclose(content.template.values[part], scale * histogram.pdf.values, rtol=1e-9)
            assert_allclose(content.template.covariance[part, part], scale**2 * histogram.covariance, rtol=1e-9)


def test_what_is_above_the_last_edge_is_in_the_last_bin():
    run = make_run("vbf_hmm")
    narrow = Binning(np.array([0.0, 0.3, 0.6]), np.array([0.0, 0.6]))
    numbers = narrow.place(run.table, "dnn_atanh")
    selected = run.table["region"] > 0
    assert_array_equal(np.isnan(numbers), ~selected)
    assert (numbers[(run.table["region"] == 2) & (run.table["dnn_atanh"] > 0.3)] == 1).all()
    assert (numbers[run.table["region"] == 1] == 2).all()


def test_the_reference_measures_one_in_its_own_data(report):
    full = of(report, "full")
    assert abs(full.bias) < 1e-6
    assert full.bias_error < 1e-6
    assert full.toy_bias == 0.0
    assert full.significance_shift == 0.0
    assert full.shift_error == 0.0
    assert_allclose(full.post_fit.values[0, 1:], 0.0, atol=1e-6)


def test_pyhf_finds_the_same_of_every_workspace(report):
    for each in report.simulators:
        assert_allclose(each.pyhf["significance"], each.pyhf["significance_pyhf"], atol=2e-3)
        assert_allclose(each.pyhf["strength_pyhf"], 1.0, atol=1e-3)
        assert_allclose(each.significance, each.pyhf["significance"], atol=1e-6)


def test_a_shifted_score_biases_the_strength_beyond_its_paired_error(report):
    shifted, flash = of(report, "shifted"), of(report, "flash")
    assert abs(shifted.bias) > 3 * shifted.bias_error
    assert abs(flash.bias) < 4 * flash.bias_error
    assert abs(shifted.significance_shift) > 3 * shifted.shift_error


def test_toys_see_the_bias_of_the_asimov_data(report):
    shifted = of(report, "shifted")
    assert abs(shifted.toy_bias - shifted.bias) < 0.25 * abs(shifted.bias) + 4 * shifted.toy_bias_error
    assert all(each.failed_toys == each.failed_replicas == 0 for each in report.simulators)
    assert 0.8 < of(report, "full").pull_width < 1.2


def test_the_paired_error_is_smaller_than_of_independent_samples():
    """Simulators of the same events fluctuate together."""
    runs = make_runs({"full": {}, "near": {"smear": 0.15}})
    paired = of(fit_simulators(runs, GIVEN), "near").bias_error
    names = ("full", "near")
    found = contents(runs, EDGES, "dnn_atanh", 59.7)
    likelihood = Likelihood.of(of(fit_simulators(runs, GIVEN), "near").content)
    drawn = {p: replicas(found, p, names, 60) for p in ("vbf_hmm", "dy2j", "ttbar_mumu")}
    base = np.stack([drawn[p]["full"] for p in drawn], axis=1)
    nominal = np.roll(np.stack([drawn[p]["near"] for p in drawn], axis=1), 1, axis=0)  # another replica: independent
    strengths = likelihood.fit(base.sum(axis=1), nominal=nominal).strength
    independent = np.diff(np.quantile(strengths, [0.1587, 0.8413]))[0] / 2
    assert paired < 0.8 * independent


def test_the_bootstrap_error_is_the_spread_over_samples():
    """Over random halves of one large sample, refitted."""
    plan = replace(GIVEN, replicas=200, toys=2, normalisation={}, luminosity_error=0.0)
    biases, quoted = [], []
    for number in range(8):
        runs = make_runs({"full": {}, "near": {}}, events=6000)
        rng = np.random.default_rng(number)
        for key, run in runs.items():  # the same events for both simulators of a process
            if key[1] == "full":
                chosen = rng.permutation(6000)[:3000]
            rows = np.isin(run.table["event"], chosen)
            table = {name: column[rows] for name, column in run.table.items()}
            runs[key] = replace(run, table=table, n_events=3000, sum_weights=float(table["weight"].sum()))
        result = of(fit_simulators(runs, plan), "near")
        biases.append(result.bias)
        quoted.append(result.bias_error)
    spread = np.std(biases, ddof=1)
    # such halves share half their events: their spread is 1/√2 of that of independent samples, known to 27 % from eight
    assert 0.3 < spread / np.mean(quoted) < 1.4


def test_folds_lower_the_error_of_templates_and_of_the_strength(report):
    plain, folded = of(report, "flash"), of(report, "flash@8")
    assert folded.background_error < plain.background_error
    assert folded.strength_error < plain.strength_error
    assert_allclose(folded.strength_error_without_templates, plain.strength_error_without_templates, rtol=0.1)
    lines = upsampling_gains(report)
    assert len(lines) == 1
    assert lines[0].startswith("flash@8 against flash: ")


def test_copies_of_an_event_gain_nothing():
    """Folds without smearing are the event again: templates, errors and fit must be those of one fold."""
    run = make_runs({"full": {}, "one": {"smear": 0.0}})
    for process in ("vbf_hmm", "dy2j", "ttbar_mumu"):
        once = run[process, "one"]
        rows = np.repeat(np.arange(len(once.table["event"])), 5)
        table = {name: column[rows] for name, column in once.table.items()}
        table["fold"] = np.tile(np.arange(5, dtype=np.int32), len(once.table["event"]))
        run[process, "one@5"] = replace(once, simulator="one@5", folds=5, table=table)
    report = fit_simulators(run, GIVEN)
    one, five = of(report, "one"), of(report, "one@5")
    for name in ("bias", "strength_error", "significance", "limit", "background_error", "bias_error"):
        assert_allclose(getattr(five, name), getattr(one, name), rtol=1e-6, err_msg=name)


def test_without_qgl_all_simulators_take_the_neutral_score_and_it_is_said():
    runs = make_runs({"full": {}, "gen": {"qgl": False}})
    score, note = score_of(runs)
    assert score == "dnn_noqgl_atanh"
    assert "gen" in note
    assert "0.98" in note
    assert score_of(make_runs({"full": {}})) == ("dnn_atanh", "")
    report = fit_simulators(runs, GIVEN)
    assert report.notes == (note,)
    scaled = contents(runs, EDGES, "dnn_noqgl_atanh", 59.7)["dy2j", "full"].template.values
    assert_allclose(of(report, "full").templates["dy2j"].values, scaled)


def test_automatic_bins_are_filled_in_every_simulator():
    report = fit_simulators(make_runs({"full": {}, "poor": {"efficiency": 0.1}}), PLAN)
    assert 2 <= report.binning.channels["SR"] <= 12
    for each in report.simulators:
        background = sum(t.values for process, t in each.templates.items() if process != "vbf_hmm")
        assert background.min() >= PLAN.least_background * (1 - 1e-9)


def test_a_shape_systematic_comes_from_the_variation_by_the_ratio_method():
    processes = ("vbf_hmm", "dy2j", "ttbar_mumu", "vbf_hmm_alt")
    plan = replace(GIVEN, variation="vbf_hmm_alt", luminosity=300.0)
    runs = make_runs({"full": {}, "near": {}}, processes)
    report = fit_simulators(runs, plan)
    found = contents(runs, EDGES, "dnn_atanh", 300.0)
    for each in report.simulators:
        assert VARIATION in each.post_fit.names
        signal = next(s for s in each.content["channels"][0]["samples"] if s["name"] == "vbf_hmm")
        varied = next(m for m in signal["modifiers"] if m["name"] == VARIATION)["data"]["hi_data"]
        reference, other = (found[p, each.simulator].template.values[:5] for p in ("vbf_hmm", "vbf_hmm_alt"))
        assert_allclose(np.array(varied) / np.array(signal["data"]), other / reference, rtol=1e-9)
    plain = fit_simulators(runs, replace(plan, variation=None))
    assert plain.simulators[0].strength_error < report.simulators[0].strength_error


def test_all_files_are_written_and_the_workspaces_are_pyhfs(tmp_path):
    import pyhf

    runs = make_runs({"full": {}, "flash@3": {"folds": 3, "shift": 0.1}}, events=4000)
    seen = []
    done = fit(runs, GIVEN, tmp_path, facts={"command": ["here"]}, progress=lambda *step: seen.append(step))
    assert seen == [(1, 2), (2, 2)]
    content = json.loads((tmp_path / "fit.json").read_text())
    assert content["command"] == ["here"]
    assert [each["simulator"] for each in content["simulators"]] == ["full", "flash@3"]
    assert content["edges"]["SR"] == EDGES.signal.tolist()
    assert content["simulators"][1]["post_fit"]["mu"][0] == pytest.approx(1 + content["simulators"][1]["bias"])
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    stems = ("fit-full", "fit-flash@3", "fit-pulls", "fit-strength")
    assert names == {f"{stem}.{kind}" for stem in stems for kind in ("png", "pdf")}
    assert all((tmp_path / "plots" / name).stat().st_size > 3000 for name in names)
    for name, each in zip(("full.json", "flash@3.json"), done.simulators, strict=True):
        workspace = json.loads((tmp_path / "workspaces" / name).read_text())
        assert workspace == each.content
        assert pyhf.Workspace(workspace).model().config.poi_name == "mu"
    table = fit_table(done)
    assert table.row_count == 2
    assert to_document(done, version="1")["published"]["expected_significance"] == 1.77


def test_results_do_not_depend_on_the_order_of_runs_or_rows():
    simulators = {"full": {}, "near": {"shift": 0.1}}
    runs = make_runs(simulators, events=4000)
    turned = {key: runs[key] for key in reversed(list(runs))}
    for key, run in turned.items():
        order = np.random.default_rng(1).permutation(4000)
        turned[key] = replace(run, table={name: column[order] for name, column in run.table.items()})
    first, second = (fit_simulators(each, GIVEN) for each in (runs, turned))
    for name in ("full", "near"):
        for what in ("bias", "bias_error", "significance", "limit", "toy_bias"):
            assert_allclose(getattr(of(first, name), what), getattr(of(second, name), what), atol=1e-7)


def test_runs_that_do_not_fit_together_are_refused():
    runs = make_runs({"full": {}, "near": {}}, events=500)
    lacking = {key: run for key, run in runs.items() if key != ("dy2j", "near")}
    with pytest.raises(RunError, match="no run of near on dy2j"):
        fit_simulators(lacking, GIVEN)
    with pytest.raises(RunError, match="no run of the reference 'flash'"):
        fit_simulators(runs, replace(GIVEN, reference="flash"))
    other = {**runs, ("dy2j", "near"): make_run("dy2j", "near", events=400)}
    with pytest.raises(RunError, match="dy2j: near and full: are of different events"):
        fit_simulators(other, GIVEN)
    without = {**runs, ("dy2j", "full"): replace(runs["dy2j", "full"], manifest={"dnn": None})}
    with pytest.raises(RunError, match="has no cross-section"):
        fit_simulators(without, GIVEN)
    unscored = make_run("dy2j", events=500)
    table = {name: c for name, c in unscored.table.items() if not name.startswith("dnn")}
    with pytest.raises(RunError, match="has no DNN score"):
        fit_simulators({**runs, ("dy2j", "full"): replace(unscored, table=table)}, GIVEN)
    manifest = {"cross_section_pb": 1.0, "dnn": {"sha256": "b"}}
    with pytest.raises(RunError, match="different networks"):
        fit_simulators({**runs, ("dy2j", "full"): replace(unscored, manifest=manifest)}, GIVEN)


def test_too_few_events_are_refused_with_what_to_do():
    runs = make_runs({"full": {}}, events=30)
    with pytest.raises(StatisticsError, match="give more events"):
        fit_simulators(runs, PLAN)
