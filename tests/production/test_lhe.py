"""LHE files: what is accepted, what is refused and how, and that they reach the analysis with their weights."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import lhe_writer
import numpy as np
import pytest
import uproot

from flashbench.errors import ProductionError
from flashbench.events import Tier
from flashbench.production import produce
from flashbench.production.generate import generate
from flashbench.production.lhe import read_lhe, split
from flashbench.production.recipes import lhe_recipe


def events_in(path: Path) -> int:
    return sum(kind == "event" for kind, _ in read_lhe(path))


@pytest.mark.parametrize("name", ["plain.lhe", "zipped.lhe.gz"])
def test_every_event_of_a_good_file_is_read(tmp_path: Path, name: str) -> None:
    assert events_in(lhe_writer.write(tmp_path / name, lhe_writer.document(7))) == 7


def test_slices_hold_all_events_in_order(tmp_path: Path) -> None:
    path = lhe_writer.write(tmp_path / "a.lhe", lhe_writer.document(7))
    slices = split(path, tmp_path / "parts", 3)
    assert [piece.events for piece in slices] == [3, 3, 1]
    together = [body for piece in slices for kind, body in read_lhe(piece.path) if kind == "event"]
    assert together == [body for kind, body in read_lhe(path) if kind == "event"]


def broken(kind: str) -> str:
    text = lhe_writer.document(5)
    start = [i for i in range(len(text)) if text.startswith("<event>", i)][2]
    if kind == "cut":
        return text[: start + 120]
    if kind == "words":
        return text[:start] + text[start:].replace("4 1 5.0", "4 1 five", 1)
    if kind == "too few particles":
        return text[:start] + text[start:].replace("4 1 5.0", "9 1 5.0", 1)
    if kind == "nan":
        return text[:start] + text[start:].replace(" 0.0 0. 9.", " nan 0. 9.", 1)
    return text[:start] + text[start:].replace(" 0.0 0. 9.", " 0.0", 1)


@pytest.mark.parametrize("kind", ["cut", "words", "too few particles", "nan", "short line"])
def test_a_damaged_event_is_refused_by_its_number(tmp_path: Path, kind: str) -> None:
    path = lhe_writer.write(tmp_path / "bad.lhe", broken(kind))
    with pytest.raises(ProductionError, match="event 3"):
        split(path, tmp_path / "parts", 1000)


def test_a_truncated_gzip_file_says_after_which_event(tmp_path: Path) -> None:
    path = lhe_writer.write(tmp_path / "a.lhe.gz", lhe_writer.document(400))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ProductionError, match=r"after event \d+"):
        split(path, tmp_path / "parts", 1000)


def test_a_file_without_its_last_tag_is_truncated(tmp_path: Path) -> None:
    text = lhe_writer.document(4).replace("</LesHouchesEvents>", "")
    path = lhe_writer.write(tmp_path / "a.lhe", text)
    with pytest.raises(ProductionError, match="after event 4"):
        events_in(path)


@pytest.mark.parametrize(("text", "problem"), [("hello\n", "no <init>"), ("<init>\n</init>\n", "does not start")])
def test_a_file_that_is_not_lhe_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ProductionError, match=problem):
        split(lhe_writer.write(tmp_path / "a.lhe", text), tmp_path / "parts", 10)


def test_an_empty_event_list_is_refused(tmp_path: Path) -> None:
    path = lhe_writer.write(tmp_path / "a.lhe", lhe_writer.document(0))
    with pytest.raises(ProductionError, match="no event"):
        split(path, tmp_path / "parts", 10)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProductionError, match="cannot be read"):
        split(tmp_path / "none.lhe", tmp_path / "parts", 10)


def test_more_events_than_the_file_holds_are_refused(tmp_path: Path, cache: Path) -> None:
    path = lhe_writer.write(tmp_path / "a.lhe", lhe_writer.document(4))
    with pytest.raises(ProductionError, match="holds 4"):
        produce("mine", 5, cache=cache, lhe=path)


def test_a_users_events_reach_nanoaod_with_weights_and_cross_section(tmp_path: Path, cache: Path) -> None:
    """Weights, multi-weights and the cross-section are those of the file; the muons are the file's own."""
    path = lhe_writer.write(tmp_path / "mine.lhe.gz", lhe_writer.document(20))
    sample = produce("mine", 0, cache=cache, lhe=path, workers=1, tiers=(Tier.FULL,))
    assert sample.events == 20
    assert sample.cross_section_pb == pytest.approx(5.0, rel=1e-6)
    with uproot.open(sample.files[Tier.FULL][0]) as file:
        events = file["Events"].arrays()
    assert len(events) == 20
    assert np.all(events["genWeight"] > 0)
    weights = np.asarray(events["LHEWeight"])
    assert weights.shape == (20, 3)
    np.testing.assert_allclose(weights[:, 1] / weights[:, 0], 1.1, rtol=1e-5)
    np.testing.assert_allclose(weights[:, 2] / weights[:, 0], 0.9, rtol=1e-5)
    stable = (abs(events["GenPart_pdgId"]) == 13) & (events["GenPart_status"] == 1)
    from_hard = stable & (events["GenPart_statusFlags"] >> 8 & 1 == 1)
    assert ak.sum(from_hard, axis=1).to_list() == [2] * 20


def test_more_events_than_pythia_finds_in_a_slice_are_an_error_not_an_endless_loop(tmp_path: Path) -> None:
    path = lhe_writer.write(tmp_path / "a.lhe", lhe_writer.document(10))
    generated, _ = generate(lhe_recipe("mine"), 10, 1, tmp_path, path)
    assert generated.events == 10
    with pytest.raises(ProductionError, match="stopped after 10 of 20"):
        generate(lhe_recipe("mine"), 20, 1, tmp_path, path)
