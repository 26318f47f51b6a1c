"""`gen`: no detector. Generator jets and muons stand in for reconstructed ones."""

from __future__ import annotations

from typing import Final

import awkward as ak
import numpy as np

from flashbench.events import Tier
from flashbench.simulators.protocol import SimulatorInfo

LAST_COPY: Final = 1 << 13  # GenPart_statusFlags
_PROVIDES = (
    *("Muon_pt", "Muon_eta", "Muon_phi", "Muon_mass", "Muon_charge", "Muon_pfRelIso04_all", "Muon_mediumId"),
    *("Muon_ptErr", "Muon_genPartIdx", "Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass", "Jet_puId", "Jet_jetId"),
    *("Jet_genJetIdx", "Jet_partonFlavour", "Jet_hadronFlavour"),
)
MUON_MASS: Final = 0.1056583755  # GeV


class GenSimulator:
    """GenJet → Jet and stable last-copy muons → Muon with generator values.

    Identifications pass, isolation is 0, taggers take their neutral value.
    """

    info = SimulatorInfo("gen", "1", "Generator", Tier.GEN, stochastic=False, provides=frozenset(_PROVIDES))

    def simulate(self, events: ak.Array, rng: np.random.Generator) -> ak.Array:
        """See `Simulator.simulate`; draws nothing from `rng`."""
        return ak.zip({"Muon": _muons(events.GenPart), "Jet": _jets(events.GenJet)}, depth_limit=1)


def _by_pt(objects: ak.Array) -> ak.Array:
    return objects[ak.argsort(objects.pt, axis=1, ascending=False, stable=True)]


def _muons(particles: ak.Array) -> ak.Array:
    stable = (abs(particles.pdgId) == 13) & (particles.status == 1) & (particles.statusFlags & LAST_COPY != 0)
    index = ak.local_index(particles.pt, axis=1)[stable]
    muons = particles[stable]
    return _by_pt(
        ak.zip(
            {
                "pt": muons.pt,
                "eta": muons.eta,
                "phi": muons.phi,
                "mass": ak.full_like(muons.pt, MUON_MASS),
                "charge": ak.values_astype(-np.sign(muons.pdgId), "int32"),
                "pfRelIso04_all": ak.zeros_like(muons.pt),
                "ptErr": ak.zeros_like(muons.pt),
                "mediumId": ak.ones_like(muons.pt, dtype=bool),
                "genPartIdx": index,
            }
        )
    )


def _jets(jets: ak.Array) -> ak.Array:
    return _by_pt(
        ak.zip(
            {
                "pt": jets.pt,
                "eta": jets.eta,
                "phi": jets.phi,
                "mass": jets.mass,
                "puId": ak.full_like(jets.pt, 7, dtype="int32"),
                "jetId": ak.full_like(jets.pt, 6, dtype="int32"),
                "genJetIdx": ak.local_index(jets.pt, axis=1),
                "partonFlavour": jets.partonFlavour,
                "hadronFlavour": jets.hadronFlavour,
            }
        )
    )
