"""`delphes`: muons and jets as Delphes reconstructed them."""

from __future__ import annotations

import awkward as ak
import numpy as np

from flashbench.events import ANALYSIS_BRANCHES, Tier
from flashbench.simulators import SimulatorInfo

UNKNOWN = {"Muon_ptErr", "Jet_qgl"}


class DelphesSimulator:
    """Hands the muons and jets of the fast tier's Delphes files through unchanged."""

    info = SimulatorInfo(
        "delphes",
        "1",
        "Delphes",
        Tier.FAST,
        stochastic=False,
        provides=frozenset(ANALYSIS_BRANCHES) - UNKNOWN,
    )

    def simulate(self, events: ak.Array, rng: np.random.Generator) -> ak.Array:
        """See `flashbench.simulators.Simulator`; draws nothing from `rng`."""
        return events[["Muon", "Jet"]]
