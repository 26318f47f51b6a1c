"""The trained discriminants: shipped whole, and telling apart what they should."""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np
import pytest

from flashbench.errors import ProductionError
from flashbench.production.detector import networks
from flashbench.production.detector.chain import Reconstructed, cross, simulate
from flashbench.production.detector.discriminants import PUID_ETA, PUID_PT, pileup_cell, puid_thresholds
from flashbench.production.detector.features import FEATURES, OUTPUTS
from flashbench.production.detector.grades import FULL
from flashbench.production.detector.response import load
from flashbench.production.generate import Generated
from flashbench.production.ragged import Ragged

WEIGHTS = resources.files("flashbench.production.detector").joinpath("weights")


@pytest.fixture(scope="module")
def reconstructed(ttbar: Generated, pool: Ragged) -> Reconstructed:
    crossing = cross(ttbar, pool, FULL.pileup, 1)
    return simulate(crossing, FULL, load(FULL.tier), 1)


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_every_network_is_the_one_in_the_checksum_file_and_fits_its_features(name: str) -> None:
    sums = WEIGHTS.joinpath("SHA256SUMS").read_text(encoding="ascii")
    assert f"{hashlib.sha256(WEIGHTS.joinpath(f'{name}.onnx').read_bytes()).hexdigest()} {name}.onnx" in sums
    scores = networks.run(name, np.zeros((3, len(FEATURES[name])), dtype=np.float32))
    assert scores.shape == (3, OUTPUTS[name])
    if OUTPUTS[name] > 1:
        np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


def test_a_network_that_was_tampered_with_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "qgl.onnx").write_bytes(b"not the network")
    (tmp_path / "SHA256SUMS").write_text(WEIGHTS.joinpath("SHA256SUMS").read_text())
    monkeypatch.setattr(networks, "_FOLDER", tmp_path)
    networks._session.cache_clear()
    with pytest.raises(ProductionError, match="does not match its checksum"):
        networks.run("qgl", np.zeros((1, len(FEATURES["qgl"])), dtype=np.float32))
    networks._session.cache_clear()


def test_scores_do_not_depend_on_how_jets_are_batched() -> None:
    x = np.random.default_rng(2).normal(10, 5, (50, len(FEATURES["deepjet"]))).astype(np.float32)
    parts = np.concatenate([networks.run("deepjet", x[:20]), networks.run("deepjet", x[20:])])
    np.testing.assert_allclose(networks.run("deepjet", x), parts, atol=1e-6)


def test_b_jets_score_above_light_jets(reconstructed: Reconstructed) -> None:
    jets = reconstructed.jets
    central = (jets["pt"] > 30) & (np.abs(jets["eta"]) < 2.4)
    b = central & (jets["hadronFlavour"] == 5)
    light = central & (jets["hadronFlavour"] == 0)
    assert b.sum() > 30
    for name in ("btagDeepFlavB", "btagDeepB", "btagCSVV2", "btagCMVA"):
        score = jets[name]
        order = np.sort(score[light])
        area = np.mean(np.searchsorted(order, score[b]) / len(order))
        assert area > 0.8, name


def test_failed_tags_have_the_experiments_values(reconstructed: Reconstructed) -> None:
    jets = reconstructed.jets
    forward = np.abs(jets["eta"]) > 3.1
    assert forward.sum() > 0
    assert (jets["btagDeepB"][forward] == -2).all()
    assert (jets["btagDeepC"][forward] == -1).all()
    assert (jets["btagCSVV2"][forward] == -10).all()
    assert (jets["qgl"][jets["pt"] < 20] == -1).all()


def test_deepjet_ratios_recover_probabilities_that_add_to_one(reconstructed: Reconstructed) -> None:
    jets = reconstructed.jets
    b, cvb, cvl, qg = (jets[f"btagDeepFlav{name}"] for name in ("B", "CvB", "CvL", "QG"))
    c = b / (1 / cvb - 1)
    light = c / cvl - c
    np.testing.assert_allclose(b + c + (1 - qg) * light + qg * light, 1, atol=1e-3)


def test_pile_up_thresholds_are_ordered_and_cover_every_cell() -> None:
    thresholds = puid_thresholds()
    assert thresholds.shape == (len(PUID_PT) * len(PUID_ETA), 3)
    assert (np.diff(thresholds, axis=1) >= 0).all()
    cells = pileup_cell(np.array([16.0, 500.0, 25.0]), np.array([0.0, -4.0, 2.0]))
    assert cells.tolist() == [0, 19, 5]
