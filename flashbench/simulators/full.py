"""`full`: full simulation as it stands in the file, the reference of every comparison."""

from __future__ import annotations

import awkward as ak
import numpy as np

from flashbench.events import RECO_BRANCHES, Tier
from flashbench.simulators.protocol import SimulatorInfo


class FullSimulator:
    """Hands the `full` tier's muons and jets through unchanged."""

    info = SimulatorInfo("full", "1", "FullSim", Tier.FULL, stochastic=False, provides=frozenset(RECO_BRANCHES))

    def simulate(self, events: ak.Array, rng: np.random.Generator) -> ak.Array:
        """See `Simulator.simulate`; draws nothing from `rng`."""
        return events[["Muon", "Jet"]]
