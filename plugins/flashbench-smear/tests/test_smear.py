import awkward as ak
import numpy as np

from flashbench.testing import SimulatorContract, synthetic_events
from flashbench_smear import SmearSimulator


class TestContract(SimulatorContract):
    simulator = "smear"


def test_jets_are_smeared_as_the_table_says():
    events = synthetic_events(4000, seed=1)
    jets = SmearSimulator().simulate(events, np.random.default_rng(1)).Jet
    generated = events.GenJet[jets.genJetIdx]
    chosen = (abs(generated.eta) < 2.5) & (generated.pt >= 30) & (generated.pt < 100)
    ratio = ak.to_numpy(ak.flatten((jets.pt / generated.pt)[chosen]))
    assert abs(ratio.mean() - 1) < 0.01
    assert abs(ratio.std() - 0.15) < 0.01


def test_muons_keep_their_charge():
    events = synthetic_events(500, seed=1)
    muons = SmearSimulator().simulate(events, np.random.default_rng(1)).Muon
    assert ak.all(muons.charge == -np.sign(events.GenPart[muons.genPartIdx].pdgId))
