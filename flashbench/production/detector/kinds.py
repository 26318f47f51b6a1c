"""How a particle looks to the detector."""

from __future__ import annotations

import numpy as np

from flashbench.production.particles import CHARGED_STABLE
from flashbench.production.ragged import Array

CHARGED_HADRON, PHOTON, NEUTRAL_HADRON, ELECTRON, MUON, FORWARD = range(6)


def kind_of(pdg: Array) -> Array:
    """CHARGED_HADRON, PHOTON, NEUTRAL_HADRON, ELECTRON or MUON for each PDG id, int8."""
    code = np.abs(pdg)
    conditions = [code == 22, code == 11, code == 13, np.isin(code, CHARGED_STABLE)]
    kinds = [PHOTON, ELECTRON, MUON, CHARGED_HADRON]
    return np.select(conditions, kinds, default=NEUTRAL_HADRON).astype(np.int8)
