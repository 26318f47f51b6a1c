"""Key figures look as they did: drawn again from the same numbers, they equal the pictures kept beside this file.

Where a change of look is wanted, draw them anew with FLASHBENCH_REDRAW=1, look at each, and commit them.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.testing.compare import compare_images

from flashbench.analysis import find_observable
from flashbench.compare import Roles
from flashbench.compare.flow import STATES, cutflow_study, states
from flashbench.compare.gallery import draw_any, studies
from flashbench.compare.histograms import fill
from flashbench.compare.pairing import pair_runs
from flashbench.compare.plots import drawing_of
from flashbench.compare.plots.style import applied
from flashbench.compare.separation import RocStudy

from .conftest import make_run

KEPT = Path(__file__).parent / "figures"
REDRAW = "FLASHBENCH_REDRAW"
TOLERANCE = 12.0  # root mean square of 255: letters of another FreeType, not a curve or a label elsewhere
OVERLAYS = ("dnn_atanh", "dimuon_mass", "pt_balance")
KEY = (
    "vbf_hmm-SR-dnn_atanh", "vbf_hmm-PreSel-dimuon_mass", "vbf_hmm-SR-pt_balance", "empty-SR-dnn_atanh",
    "vbf_hmm-selection-cutflow", "vbf_hmm-selection-migration", "vbf_hmm-together-dijet_mass_dijet_eta_gap",
    "vbf_hmm-together-correlations", "separation-vbf_hmm_dy2j_SR_dnn_atanh", "separation-roc_vbf_hmm_dy2j",
)  # fmt: skip


@pytest.fixture(scope="module")
def drawn():
    """What the figures show, by name: a signal, a background and a process without a selected event."""
    runs = [
        make_run(simulator, process=process, label=process, events=1500, shift=shift, efficiency=efficiency)
        for process, efficiency in (("vbf_hmm", 0.5), ("dy2j", 0.3), ("empty", 0.0))
        for simulator, shift in (("full", 0.0), ("fast", 0.02), ("flash", 0.0), ("gen", -0.06))
    ]
    processes = pair_runs(runs)
    found = list(studies(processes, Roles("vbf_hmm", ("dy2j",))))
    for process in processes:
        overlays, _ = fill(process, [find_observable(name) for name in OVERLAYS], 50, 50)
        found += [drawing_of(overlay) for overlay in overlays]
    return {each.name: each for each in found}


@pytest.mark.parametrize("name", KEY)
def test_a_key_figure_looks_as_it_did(drawn, name, tmp_path):
    kept, now = KEPT / f"{name}.png", tmp_path / f"{name}.png"
    with applied():
        draw_any(drawn[name]).savefig(kept if os.environ.get(REDRAW) else now, dpi=50)
    if os.environ.get(REDRAW):
        pytest.skip(f"{REDRAW} is set: drawn anew")
    assert compare_images(kept, now, TOLERANCE) is None


def test_a_curve_elsewhere_is_seen(drawn, tmp_path):
    from dataclasses import replace

    drawing = drawn[KEY[0]]
    curves = [replace(curve, values=curve.values[::-1]) for curve in drawing.curves]
    with applied():
        draw_any(replace(drawing, curves=tuple(curves))).savefig(tmp_path / "now.png", dpi=50)
    assert compare_images(KEPT / f"{KEY[0]}.png", tmp_path / "now.png", TOLERANCE) is not None


def test_every_figure_of_a_process_without_a_selected_event_says_so(drawn):
    empty = [each for name, each in drawn.items() if name.startswith("empty-")]
    assert len(empty) > 8
    with applied(), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for each in empty:
            figure = draw_any(each)
            said = [text.get_text() for text in figure.texts + [t for axes in figure.axes for t in axes.texts]]
            assert "No selected events" in said, each.name
            figure.clear()


def test_events_of_the_reference_end_somewhere_in_every_simulator(drawn):
    study = drawn["vbf_hmm-selection-migration"]
    assert study.events.sum() == 1500
    for parts in study.parts.values():
        known = study.events > 0
        np.testing.assert_allclose(parts[known].sum(axis=1), 1)
        assert np.isnan(parts[~known]).all()


def test_the_state_of_an_event_is_its_region_or_what_it_lacks():
    nan = np.nan
    table = {
        "region": np.array([2, 1, 0, 0, 0]),
        "dimuon_mass": np.array([125.0, 140.0, nan, 90.0, 125.0]),
        "dijet_mass": np.array([900.0, 900.0, 500.0, nan, 100.0]),
    }
    assert [STATES[state] for state in states(table)] == ["SR", "SB", "no muon pair", "< 2 jets", "other cuts"]


def test_a_simulator_that_is_the_reference_has_its_correlations_and_migrates_nowhere():
    full = make_run("full", events=800)
    copy = make_run("full", events=800)
    other = copy.__class__(**{**vars(copy), "simulator": "copy"})
    found = {each.name: each for each in studies(pair_runs([full, other]), Roles())}
    migration, correlation = (found[f"vbf_hmm-{name}"] for name in ("selection-migration", "together-correlations"))
    diagonal = np.diagonal(migration.parts["copy"])
    np.testing.assert_allclose(diagonal[migration.events > 0], 1)
    assert correlation.distances["copy"] == 0


@pytest.mark.parametrize(("negative", "told"), [(0.0, False), (0.2, True)])
def test_a_roc_curve_without_its_negative_weights_says_so(negative, told):
    runs = [
        make_run(name, events=900, process=process, negative=negative if process == "vbf_hmm" else 0.0)
        for process in ("vbf_hmm", "dy2j")
        for name in ("full", "fast")
    ]
    (curve,) = (s for s in studies(pair_runs(runs), Roles("vbf_hmm", ("dy2j",))) if isinstance(s, RocStudy))
    assert set(curve.curves) == {"full", "fast"}
    assert ("without negative weights" in curve.caption.label) is told
    assert ("negative weight left out" in curve.caption.alt) is told


def test_the_errors_of_a_cutflow_know_that_simulators_share_events():
    """Pulls of the ratio are of width one; with errors as of independent events they would be narrower."""
    pulls, independent = [], []
    for events in range(400, 500):
        runs = [make_run(name, events=events, smear=0.05) for name in ("full", "fast")]
        study = cutflow_study(*pair_runs(runs))
        off = study.ratios[1, 1] - 1
        pulls.append(off / study.ratio_errors[1, 1])
        independent.append(off / np.hypot(*(study.errors[:, 1] / study.parts[:, 1])))
    assert np.std(pulls) == pytest.approx(1, abs=0.25)
    assert np.std(independent) < 0.7


def test_parts_of_a_cutflow_are_those_of_the_runs_and_folds_count_as_one_event():
    runs = [make_run("full", events=300, negative=0.2), make_run("flash@20", events=300, folds=20, negative=0.2)]
    study = cutflow_study(*pair_runs(runs))
    for run, parts in zip(runs, study.parts, strict=True):
        first, last = run.cutflow
        np.testing.assert_allclose(parts, [1, last.sum_weights / first.sum_weights])
    assert study.errors[0, 1] / 2 < study.errors[1, 1] <= study.errors[0, 1] * 1.05
    np.testing.assert_array_equal(study.ratio_errors[0], 0)
