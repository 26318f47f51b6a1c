"""Thresholds of the VBF H → μμ selection."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from flashbench.errors import CatalogueError


@dataclass(frozen=True, slots=True)
class Cuts:
    """What an event must pass; the defaults are the published thresholds.

    Momenta and masses in GeV. Unless an attribute says otherwise a value must lie beyond its threshold: one
    that equals it fails.

    Attributes:
        muon_pt, muon_abs_eta, muon_isolation: of every selected muon, isolation being `pfRelIso04_all`.
        leading_muon_pt: of the leading muon of the pair; None does not ask (published, with the trigger: 26).
        trigger: event field that must be true, e.g. `HLT_IsoMu24`; None does not ask.
        jet_pt, jet_abs_eta: of every selected jet.
        jet_id: bits of `jetId`, one of which must be set; 2 is tight.
        pileup_pt, pileup_id: jets *below* `pileup_pt` must have one of the bits `pileup_id` of `puId`; 4 is
            loose.
        jet_muon_distance: ΔR of a jet from every selected muon.
        leading_jet_pt, second_jet_pt, dijet_mass, dijet_eta_gap: of the tagging jets.
        sideband_low, signal_low, signal_high, sideband_high: dimuon mass of the regions, as `region_codes`
            reads it.

    Raises:
        CatalogueError: the four masses do not ascend.

    References:
        CMS, "Evidence for Higgs boson decay to a pair of muons", JHEP 01 (2021) 148.
    """

    muon_pt: float = 20.0
    muon_abs_eta: float = 2.4
    muon_isolation: float = 0.25
    leading_muon_pt: float | None = None
    trigger: str | None = None
    jet_pt: float = 25.0
    jet_abs_eta: float = 4.7
    jet_id: int = 2
    pileup_pt: float = 50.0
    pileup_id: int = 4
    jet_muon_distance: float = 0.4
    leading_jet_pt: float = 35.0
    second_jet_pt: float = 25.0
    dijet_mass: float = 400.0
    dijet_eta_gap: float = 2.5
    sideband_low: float = 110.0
    signal_low: float = 115.0
    signal_high: float = 135.0
    sideband_high: float = 150.0

    def __post_init__(self) -> None:
        masses = (self.sideband_low, self.signal_low, self.signal_high, self.sideband_high)
        if not all(low < high for low, high in pairwise(masses)):
            raise CatalogueError(
                "analysis cuts",
                f"region masses {masses} GeV do not ascend",
                "give sideband_low < signal_low < signal_high < sideband_high",
            )
