"""A network in a run: its scores in the table, its identity in key and manifest, neutral values beside `gen`."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flashbench.analysis import open_discriminator
from flashbench.analysis.dnn import COLUMNS
from flashbench.compare.discriminator import neutralise, scored, tabulated
from flashbench.engine import RunRequest, run
from flashbench.errors import InputError, RunError
from flashbench.results import load_run
from flashbench.simulators import RunName
from onnx_models import layers, write_model

REQUEST = RunRequest("toy", RunName("full"), "Toy", block_events=90)


@pytest.fixture
def networks(tmp_path):
    """Two networks that share out the events."""
    for number in range(2):
        write_model(tmp_path / f"{number}.onnx", layers(seed=number))
    (tmp_path / "dnn.toml").write_text('models = ["0.onnx", "1.onnx"]\n')
    return tmp_path / "dnn.toml"


def test_a_run_without_a_network_has_no_scores_and_says_so(nanoaod_file, tmp_path):
    result = run(REQUEST, [nanoaod_file], tmp_path / "r")
    assert not set(COLUMNS) & set(result.table)
    assert result.manifest["dnn"] is None
    assert "no network" in scored(result.manifest)[0]


def test_scores_are_those_of_the_table_and_events_keep_theirs_in_every_process(nanoaod_file, tmp_path, networks):
    request = replace(REQUEST, dnn=networks)
    one = run(request, [nanoaod_file], tmp_path / "one")
    two = run(request, [nanoaod_file], tmp_path / "two", workers=2)
    again = open_discriminator(networks).score(one.table)
    for name in COLUMNS:
        assert_array_equal(one.table[name], two.table[name])
        assert_array_equal(one.table[name], again.columns[name])
    assert np.isfinite(one.table["dnn"]).sum() == (one.table["region"] > 0).sum() > 0
    described = one.manifest["dnn"]
    assert described["counts"] == again.counts
    assert described["sha256"] == open_discriminator(networks).sha256
    assert described["provider"] == "CPUExecutionProvider"
    assert described["chosen_by"] == "event % 2"
    assert f"{again.counts['scored']:,} events scored by {networks}" in scored(one.manifest)[0]


def test_a_changed_network_is_never_served_an_old_score(nanoaod_file, tmp_path, networks):
    request = replace(REQUEST, dnn=networks)
    first = run(request, [nanoaod_file], tmp_path / "r")
    write_model(tmp_path / "1.onnx", layers(seed=7))
    second = run(request, [nanoaod_file], tmp_path / "r")
    odd = (first.table["event"] % 2 == 1) & (first.table["region"] > 0)
    assert (first.table["dnn"][odd] != second.table["dnn"][odd]).all()
    even = (first.table["event"] % 2 == 0) & (first.table["region"] > 0)
    assert_array_equal(first.table["dnn"][even], second.table["dnn"][even])


def test_a_network_that_moves_keeps_finished_parts(nanoaod_file, tmp_path, networks):
    first = run(replace(REQUEST, dnn=networks), [nanoaod_file], tmp_path / "r")
    moved = networks.rename(tmp_path / "moved.toml")
    second = run(replace(REQUEST, dnn=moved), [nanoaod_file], tmp_path / "r")
    assert first.manifest["parts"] == second.manifest["parts"]


def test_a_bad_network_stops_the_run_before_it_starts(nanoaod_file, tmp_path):
    (tmp_path / "bad.onnx").write_text("no network")
    with pytest.raises(InputError, match=r"bad\.onnx: not a usable ONNX model"):
        run(replace(REQUEST, dnn=tmp_path / "bad.onnx"), [nanoaod_file], tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_beside_gen_every_simulator_takes_the_neutral_score(nanoaod_file, tmp_path, networks):
    runs = [
        run(replace(REQUEST, name=RunName(name), dnn=networks), [nanoaod_file], tmp_path / name)
        for name in ("full", "gen")
    ]
    alone, notes = neutralise(runs[:1])
    assert notes == ()
    assert alone[0] is runs[0]
    (full, gen), notes = neutralise(runs)
    assert notes == ("toy: gen has no QGL: every DNN score takes the neutral value 0.98",)
    for each in (full, gen):
        assert_array_equal(each.table["dnn_atanh"], each.table["dnn_noqgl_atanh"])
        assert_array_equal(each.table["dnn"], np.tanh(each.table["dnn_noqgl_atanh"]))
    assert (full.table["dnn_atanh"] != runs[0].table["dnn_atanh"])[full.table["region"] > 0].all()
    assert_array_equal(gen.table["dnn_atanh"], runs[1].table["dnn_atanh"])


def test_runs_of_different_networks_are_not_compared(nanoaod_file, tmp_path, networks):
    one = run(replace(REQUEST, dnn=networks), [nanoaod_file], tmp_path / "one")
    other = run(replace(REQUEST, dnn=tmp_path / "0.onnx"), [nanoaod_file], tmp_path / "other")
    with pytest.raises(RunError, match="different networks"):
        neutralise([one, replace(other, simulator="other")])


def test_scores_are_compared_only_where_every_run_has_them(nanoaod_file, tmp_path, networks):
    from flashbench.analysis import OBSERVABLES

    with_scores = run(replace(REQUEST, dnn=networks), [nanoaod_file], tmp_path / "one")
    without = run(REQUEST, [nanoaod_file], tmp_path / "other")
    assert tabulated([with_scores], OBSERVABLES) == list(OBSERVABLES)
    left_out = {o.name for o in OBSERVABLES} - {o.name for o in tabulated([with_scores, without], OBSERVABLES)}
    assert left_out == set(COLUMNS)


def test_a_run_can_be_read_in_part(nanoaod_file, tmp_path, networks):
    whole = run(replace(REQUEST, dnn=networks, cross_section_pb=2.5), [nanoaod_file], tmp_path / "r")
    part = load_run(tmp_path / "r", columns=["event", "dnn", "nonsense"])
    assert list(part.table) == ["event", "dnn"]
    assert_array_equal(part.table["dnn"], whole.table["dnn"])
    assert part.sum_weights == whole.sum_weights
    assert part.manifest["cross_section_pb"] == 2.5
