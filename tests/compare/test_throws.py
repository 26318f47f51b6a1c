"""One event thrown many times."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from flashbench.analysis import find_observable
from flashbench.compare.plots.style import applied
from flashbench.compare.plots.throws import draw_throws
from flashbench.compare.tables import event_table, spread_table
from flashbench.compare.throws import study_throws, throw
from flashbench.errors import StatisticsError, UnknownNameError

from .conftest import make_run, with_table
from .test_compare import text_of

MASS = find_observable("dimuon_mass")
EFFICIENCY = 0.95  # near the draw of the one event, so that half of its throws pass


@pytest.fixture(scope="module")
def runs():
    """400 throws of one event, and the same event by full and gen."""
    thrown = make_run("mine@400", events=1, folds=400, smear=0.05, efficiency=EFFICIENCY)
    others = {name: make_run(name, events=1, smear=0.0, efficiency=1.5) for name in ("full", "gen")}
    return thrown, others


def test_fractions_and_spread_are_those_of_the_rows(runs):
    run, others = runs
    study = study_throws(run, others, [(MASS, "PreSel"), (MASS, "all")])
    passed = np.count_nonzero(run.table["region"] > 0)
    assert 50 < passed < 350
    region = {each.name: each for each in study.regions}["PreSel"]
    assert (region.throws, region.fraction, study.throws) == (passed, passed / 400, 400)
    assert stats.binom.sf(passed - 1, 400, region.low) == pytest.approx(0.1587, abs=1e-3)
    assert [cut.throws for cut in study.cuts] == [400, passed]
    thrown = study.thrown[0]
    values = run.table["dimuon_mass"][run.table["region"] > 0]
    assert thrown.defined == passed
    assert_allclose([thrown.mean, thrown.deviation], [values.mean(), values.std(ddof=1)])
    assert_allclose(thrown.quantiles, np.quantile(values, [0.16, 0.5, 0.84]))
    inside = np.count_nonzero((values >= MASS.low) & (values < MASS.high))
    assert_allclose(thrown.contents.sum(), inside / 400)
    assert_allclose(thrown.zoom.sum(), 0.99 * passed / 400, atol=3 / 400)
    assert thrown.marks == {name: float(other.table["dimuon_mass"][0]) for name, other in others.items()}


def test_everything_is_written_drawn_and_told(runs, tmp_path):
    run, others = runs
    found = throw(run, others, [(MASS, "PreSel"), (find_observable("ln_zstar"), "SB")], tmp_path)
    document = json.loads(found.document.read_text())
    assert (document["schema"], document["event"], document["throws"]) == ("flashbench.event", "1:0:0", 400)
    assert document["plots"][0]["throws"] == found.study.thrown[0].defined
    assert set(document["other_simulators"]) == {"full", "gen"}
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        f"{thrown.name}.{kind}" for thrown in found.study.thrown for kind in ("png", "pdf")
    }
    assert f"{found.study.regions[0].fraction:.2%}" in text_of(event_table(found.study))
    assert "ln_zstar" in text_of(spread_table(found.study))
    with applied():
        legend = [text.get_text() for text in draw_throws(found.study.thrown[0]).axes[0].get_legend().get_texts()]
    assert any(text.startswith("full: ") for text in legend)


def test_an_event_that_never_passes_is_told_so():
    run = make_run("mine@50", events=1, folds=50, efficiency=0)
    study = study_throws(run, {}, [(MASS, "SR")])
    assert [each.throws for each in study.regions] == [0, 0, 0]
    assert study.thrown[0].defined == 0
    assert np.isnan(study.thrown[0].mean)
    with applied():
        assert "No selected throws" in [text.get_text() for text in draw_throws(study.thrown[0]).axes[0].texts]
    assert "0.00%" in text_of(event_table(study))
    assert "–" in text_of(spread_table(study))


def test_rows_of_several_events_and_unknown_regions_are_refused(runs):
    run, _ = runs
    with pytest.raises(StatisticsError, match="400 rows are not of one event"):
        study_throws(with_table(run, event=np.arange(400, dtype=np.uint64)), {}, [])
    with pytest.raises(UnknownNameError, match="did you mean SR"):
        study_throws(run, {}, [(MASS, "SRR")])
