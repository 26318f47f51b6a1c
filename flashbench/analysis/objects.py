"""Selected muons and jets of a block of events.

Both selections take NanoAOD collections (jagged, GeV and rad) and return those that pass, in order of
descending pT; equal pT keeps the order of the input.

References:
    CMS, JHEP 01 (2021) 148.
"""

from __future__ import annotations

import awkward as ak
import numpy as np

from flashbench.analysis.cuts import Cuts


def select_muons(muons: ak.Array, cuts: Cuts) -> ak.Array:
    """Isolated medium-id muons in acceptance.

    Args:
        muons: `pt`, `eta`, `pfRelIso04_all`, `mediumId` and whatever else is to be kept.
    """
    selected = (
        (muons.pfRelIso04_all < cuts.muon_isolation)
        & (muons.mediumId != 0)
        & (muons.pt > cuts.muon_pt)
        & (abs(muons.eta) < cuts.muon_abs_eta)
    )
    return _by_descending_pt(muons[selected])


def select_jets(jets: ak.Array, selected_muons: ak.Array, cuts: Cuts) -> ak.Array:
    """Identified jets in acceptance, none from pile-up where that can be told, away from the selected muons.

    Args:
        jets: `pt`, `eta`, `phi`, `jetId`, `puId` and whatever else is to be kept.
        selected_muons: of the same events, as `select_muons` returns them; other muons remove no jet.
    """
    hard = jets.pt >= cuts.pileup_pt
    selected = (
        (jets.pt > cuts.jet_pt)
        & (hard | (_bits(jets.puId) & cuts.pileup_id != 0))
        & (_bits(jets.jetId) & cuts.jet_id != 0)
        & (abs(jets.eta) < cuts.jet_abs_eta)
    )
    candidates = jets[selected]
    apart = ak.all(_distance(candidates, selected_muons) > cuts.jet_muon_distance, axis=2)
    return _by_descending_pt(candidates[apart])


def _bits(flags: ak.Array) -> ak.Array:
    return ak.values_astype(flags, np.int64)


def _by_descending_pt(objects: ak.Array) -> ak.Array:
    return objects[ak.argsort(objects.pt, axis=1, ascending=False, stable=True)]


def _distance(jets: ak.Array, muons: ak.Array) -> ak.Array:
    """ΔR of every jet from every muon of its event, shape (events, jets, muons)."""
    jet, muon = ak.unzip(ak.cartesian([jets[["eta", "phi"]], muons[["eta", "phi"]]], axis=1, nested=True))
    delta_phi = (_float(jet.phi) - _float(muon.phi) + np.pi) % (2 * np.pi) - np.pi
    return np.hypot(_float(jet.eta) - _float(muon.eta), delta_phi)


def _float(values: ak.Array) -> ak.Array:
    return ak.values_astype(values, np.float64)
