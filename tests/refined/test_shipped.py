"""The refiner in the package: whole, small, trained with the recipe that is shipped, and better than doing nothing."""

import awkward as ak
import numpy as np

from flashbench.simulators.refined import RefinedSimulator, Refiner
from flashbench.simulators.refined.refiner import read_manifest
from flashbench.simulators.refined.simulator import SHIPPED, VARIABLE
from flashbench.simulators.refined.variables import KINDS
from flashbench.training.recipe_refined import RefinerRecipe
from refined.toy_tiers import toy_tiers

LARGEST = 1_000_000  # bytes, of all


def test_every_network_is_there_with_its_checksum_and_nothing_else():
    for name in KINDS:
        Refiner.load(SHIPPED, name)
    assert {path.name for path in SHIPPED.iterdir()} == {"manifest.json", "jets.onnx", "muons.onnx"}
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < LARGEST


def test_the_manifest_says_how_they_were_made_and_that_jets_gained():
    manifest = read_manifest(SHIPPED)
    assert RefinerRecipe.model_validate(manifest["recipe"]) == RefinerRecipe(events=manifest["recipe"]["events"])
    assert manifest["seconds"] < 30 * 60
    jets, muons = (manifest["training"][name] for name in ("jets", "muons"))
    assert jets["validation"]["w1"] < 0.35 * jets["benchmark"]["w1"]
    assert muons["stages"] == []
    assert muons["benchmark"]["mmd"] <= muons["floor"]["mmd"], "nothing to refine"


def test_jets_move_and_muons_stay(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    fast, _ = toy_tiers(200, seed=5)
    output = RefinedSimulator().simulate(fast, np.random.default_rng(0))
    assert ak.any(output.Jet.pt != output.Jet.pt_unrefined)
    assert ak.all(output.Muon.pt == output.Muon.pt_unrefined)
