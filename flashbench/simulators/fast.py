"""`fast`: fast simulation as it stands in the file, uncorrected."""

from __future__ import annotations

import awkward as ak
import numpy as np

from flashbench.events import RECO_BRANCHES, Tier
from flashbench.simulators.protocol import SimulatorInfo


class FastSimulator:
    """Hands the `fast` tier's muons and jets through unchanged."""

    info = SimulatorInfo("fast", "1", "FastSim", Tier.FAST, stochastic=False, provides=frozenset(RECO_BRANCHES))

    def simulate(self, events: ak.Array, rng: np.random.Generator) -> ak.Array:
        """See `Simulator.simulate`; draws nothing from `rng`."""
        return events[["Muon", "Jet"]]
