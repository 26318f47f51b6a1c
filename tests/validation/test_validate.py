"""`flashbench samples validate`: page and JSON; a sample against itself, and the real file."""

import json
import math
import re
from contextlib import nullcontext

import numpy as np
import pytest

from command import assert_one_line, call
from flashbench.validation import TOLERANCES, ObjectTable, checks_table, compare_objects, jets, read_objects, validate
from flashbench.validation.comparison import DISTRIBUTIONS, QUANTITIES

REAL = "NanoAODv5_sample.root"


@pytest.fixture(scope="module")
def real(real_data):
    return read_objects([real_data / REAL], REAL)


def test_matches_in_the_real_file_are_those_of_its_links(real):
    """7003 jets are linked, 131 of these to generated jets below the file's threshold."""
    found, muons = real.tables["jets"], real.tables["muons"]
    assert (real.n_events, len(found), int(found["matched"].sum())) == (1000, 9020, 6872)
    assert dict(real.repairs) == {"Jet_genJetIdx beyond nGenJet, set to -1": 131}
    assert (len(muons), int(muons["matched"].sum()), int(muons["prompt"].sum())) == (878, 579, 186)
    assert (len(real.tables["gen_jets"]), len(real.tables["gen_muons"])) == (8145, 982)


def test_matching_muons_by_distance_agrees_with_the_real_files_own_links(real):
    muons = real.tables["muons"]
    linked = muons["genPartIdx"] >= 0
    assert np.mean(linked[muons["matched"] > 0]) > 0.99


def test_a_real_file_against_itself_differs_in_nothing_and_passes_every_check(real):
    comparison = compare_objects(real, real)
    assert len(comparison.checks) == len(TOLERANCES)
    assert all(check.passed and check.difference == 0 for check in comparison.checks)
    assert all(spectra.distance == 0 for spectra in comparison.spectra)
    assert all(spectra.floor > 0 for spectra in comparison.spectra)
    for each in comparison.quantities:
        np.testing.assert_array_equal(each.reference.value, each.measured.value)
    assert not comparison.left_out


def test_real_taggers_and_resolutions_are_those_of_cms(real):
    """Plausible to someone who knows the detector: DeepJet's area, 10–20 % resolution that falls with pT."""
    numbers = [each for each in QUANTITIES if not each.edges]
    comparison = compare_objects(real, real, quantities=numbers, distributions=(), rocs=())
    by_name = {each.quantity.name: float(each.reference.value) for each in comparison.quantities}
    assert 0.95 < by_name["btagDeepFlavB_light_area"] < 0.98
    resolutions = [by_name[f"jet_resolution_{pt}"] for pt in ("20_30", "30_50", "50_80", "80_120")]
    assert resolutions == sorted(resolutions, reverse=True)
    assert 0.1 < resolutions[-1] < resolutions[0] < 0.2


def test_a_sample_with_too_good_a_resolution_fails_those_checks(real):
    table = real.tables["jets"]
    response = table["pt"] / table["gen_pt"]
    narrow = {**table.columns, "pt": np.where(np.isnan(response), table["pt"], table["gen_pt"] * response**0.3)}
    better = ObjectTable(narrow, table.event, table.n_events)
    sample = type(real)("too good", real.keys, {**real.tables, "jets": better}, real.absent)
    checks = compare_objects(real, sample, distributions=(), rocs=()).checks
    failed = {check.quantity for check in checks if not check.passed}
    assert {f"jet_resolution_{pt}" for pt in ("20_30", "30_50", "50_80", "80_120")} <= failed
    assert not failed & {"muon_isolation", "nConstituents", "unmatched_central_25"}


@pytest.fixture(scope="module")
def written(nanoaod_file, tmp_path_factory):
    """Page, document and reported stages of a toy against itself, 100 events of 500."""
    out, seen = tmp_path_factory.mktemp("validation"), {}

    def monitor(stage):
        return nullcontext(lambda done, total: seen.update({stage: (done, total)}))

    validate([nanoaod_file], nanoaod_file, out, label="toy <b>&", events=100, monitor=monitor)
    document = json.loads((out / "validation.json").read_text(encoding="utf-8"))
    return (out / "validation.html").read_text(encoding="utf-8"), document, seen


def test_the_page_is_whole_and_escaped(written):
    page = written[0]
    assert "toy &lt;b&gt;&amp;" in page
    assert "toy <b>" not in page
    assert 'src="http' not in page
    assert page.count("<figure ") == page.count("data:image/png;base64,") > 40
    assert "--link" in page  # the style of the comparison's report


def test_links_of_the_page_lead_somewhere(written):
    page = written[0]
    for target in re.findall('href="#([^"]+)"', page):
        assert f'id="{target}"' in page


def test_the_document_holds_every_number_with_error_and_floor(written):
    document = written[1]
    assert document["provenance"]["sample"]["events"] == 100
    assert document["provenance"]["reference"]["files"][0]["sha256"]
    assert {each["name"] for each in document["distributions"]} == {each.name for each in DISTRIBUTIONS}
    assert len(document["numbers"]) + len(document["profiles"]) == len(QUANTITIES)
    assert document["left_out"] == {}
    for check in document["checks"]:
        assert set(check) >= {"reference", "measured", "error", "floor", "allowed", "verdict", "passed"}
        defined = check["measured"] is not None and check["reference"] is not None
        assert (check["verdict"] == "undefined") == (not defined)
        assert not defined or math.isfinite(check["difference"])
    assert not document["passed"]  # the toy has no prompt muons: an undefined check is not a passed one


def test_stages_are_reported_to_their_end(written):
    assert set(written[2]) == {"measurements", "figures"}
    assert all(done == total > 40 for done, total in written[2].values())


def test_what_a_file_lacks_is_left_out_and_said(real):
    without = type(real)("v12", real.keys, real.tables, real.absent | {"Jet_qgl"})
    comparison = compare_objects(real, without, quantities=QUANTITIES, distributions=jets.DISTRIBUTIONS)
    assert dict(comparison.left_out) == dict.fromkeys(
        ("qgl", "qgl_area", "qgl_missing", "qgl_quark", "qgl_gluon"), ("Jet_qgl",)
    )
    assert not {each.quantity.name for each in comparison.quantities} & set(dict(comparison.left_out))


def test_the_table_names_every_check(real):
    table = checks_table(compare_objects(real, real, distributions=(), rocs=()))
    assert table.row_count == len(TOLERANCES)


def test_the_command_prints_the_checks_and_writes_the_page(tmp_path, nanoaod_file):
    done = call(tmp_path, "samples", "validate", "--against", nanoaod_file, "--input", nanoaod_file, "--out", "there")
    assert done.returncode == 0, done.stderr
    assert "Mean constituents" in done.stdout
    assert {path.name for path in (tmp_path / "there").iterdir()} == {"validation.html", "validation.json"}


def test_bad_files_are_one_line(tmp_path, nanoaod_file, real_data):
    assert_one_line(call(tmp_path, "samples", "validate", "--against", "nowhere.root"), "nowhere.root", "no such file")
    collisions = real_data / "nano_dimuon.root"
    assert_one_line(call(tmp_path, "samples", "validate", "--against", collisions, "--input", nanoaod_file), "GenPart")
    assert_one_line(
        call(tmp_path, "samples", "validate", "--against", nanoaod_file, "--input", "none*.root"), "none*.root"
    )
    assert not (tmp_path / "validation").exists()
