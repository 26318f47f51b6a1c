"""The weights in the package: whole, small, of these feature tables, and those of a detector."""

from importlib.resources import files

import awkward as ak
import numpy as np
import pytest

from flash.toy_detector import LAST_COPY, toy_events
from flashbench.simulators import check_output
from flashbench.simulators.flash import FlashSimulator
from flashbench.simulators.flash.networks import PARTS, Networks, read_manifest
from flashbench.simulators.flash.simulator import SHIPPED, VARIABLE

LARGEST = 5_000_000  # bytes, of all


@pytest.fixture
def shipped(monkeypatch):
    """The simulator as it is installed."""
    monkeypatch.delenv(VARIABLE, raising=False)
    return FlashSimulator()


def test_they_are_a_resource_of_the_package():
    resource = files("flashbench.simulators.flash") / "weights"
    assert (resource / "manifest.json").read_bytes() == (SHIPPED / "manifest.json").read_bytes()


def test_every_network_is_there_with_its_checksum_and_nothing_else():
    Networks.load(SHIPPED)
    assert {path.name for path in SHIPPED.iterdir()} == {"manifest.json", *PARTS}
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < LARGEST


def test_the_manifest_says_how_they_were_made():
    manifest = read_manifest(SHIPPED)
    assert manifest["wall_seconds"] < 40 * 60
    assert manifest["recipe"]["epochs"] is None, "with the default recipe"
    assert all(len(each["sha256"]) == 64 for each in manifest["inputs"])
    for part, limit in {"jet-efficiency": 0.01, "muon-efficiency": 0.01, "fake-number": 0.1}.items():
        assert manifest["training"][part]["calibration"]["error"] < limit


def with_heavy_hadrons(events):
    """A B⁺ or D⁺ with most of the momentum in every jet of that flavour, as any GenPart has."""
    jets = events.GenJet[events.GenJet.hadronFlavour > 0]
    hadrons = {name: ak.values_astype(jets.pt * 0, np.int32) for name in ("status", "statusFlags", "genPartIdxMother")}
    hadrons |= {"pt": 0.7 * jets.pt, "eta": jets.eta, "phi": jets.phi, "mass": ak.ones_like(jets.pt)}
    hadrons["pdgId"] = ak.where(jets.hadronFlavour == 5, 521, 411)
    hadrons["status"], hadrons["statusFlags"] = hadrons["status"] + 2, hadrons["statusFlags"] + LAST_COPY
    particles = ak.zip({name: hadrons[name] for name in events.GenPart.fields})
    return ak.with_field(events, ak.concatenate([events.GenPart, particles], axis=1), "GenPart")


def test_what_they_simulate_keeps_the_contract_and_looks_like_a_detector(shipped):
    events = with_heavy_hadrons(toy_events(1500, seed=71))
    output = check_output(
        shipped.info, shipped.simulate(events, np.random.default_rng(0)), len(events), "test", shipped.info.provides
    )
    jets = output.Jet[output.Jet.genJetIdx >= 0]
    ratio = ak.flatten(jets.pt / events.GenJet.pt[jets.genJetIdx])
    score, flavour = ak.flatten(jets.btagDeepFlavB), ak.flatten(jets.hadronFlavour)
    assert 0.9 < np.median(ak.to_numpy(ratio)) < 1.2
    assert ak.mean(score[flavour == 5]) > ak.mean(score[flavour == 0]) + 0.3
    assert ak.all(ak.flatten(jets.btagDeepB == -2) == ak.flatten(jets.btagDeepC == -1))
