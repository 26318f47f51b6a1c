"""The whole chain (reader, simulator, engine, analysis) against a plain-Python loop over the file."""

from pathlib import Path

import awkward as ak
import pytest
from analysis_events import real_file, real_full_events, real_gen_events
from numpy.testing import assert_allclose, assert_array_equal
from reference_loop import cutflow as loop_cutflow

from flashbench.analysis import Cuts
from flashbench.engine import RunRequest, run
from flashbench.simulators import RunName

LOOSE = Cuts(
    muon_pt=3, muon_isolation=10, jet_pt=15, leading_jet_pt=15, second_jet_pt=15, dijet_mass=50, dijet_eta_gap=0
)


@pytest.mark.parametrize("cuts", [Cuts(), LOOSE], ids=["published", "loose"])
@pytest.mark.parametrize(("name", "events"), [("full", real_full_events), ("gen", real_gen_events)])
def test_run_on_real_events_gives_the_cutflow_of_a_plain_loop(tmp_path: Path, name, events, cuts):
    request = RunRequest("real", RunName(name), cuts=cuts, block_events=300)
    result = run(request, [real_file()], tmp_path)
    steps, regions = loop_cutflow(ak.to_list(events()), cuts, len(result.cutflow.steps))
    assert [step.events for step in result.cutflow] == [n for n, _, _ in steps]
    assert_allclose([step.sum_weights for step in result.cutflow], [w for _, w, _ in steps], rtol=1e-12, atol=1e-9)
    assert_array_equal(result.table["region"], regions)
    assert result.cutflow.steps[0].events == 1000
    assert result.cutflow.steps[2].events > 5
    if cuts is LOOSE:
        assert result.cutflow.steps[-2].events > 0
