"""Every number of the reference detector, and what differs between its two grades.

FULL is tuned to public CMS performance figures (CMS, JINST 12 (2017) P10003 for particle flow; JINST 9 (2014) P10009
for tracking; JINST 12 (2017) P02014 for jets) and to distributions of released NanoAOD. FAST makes the simplifications
that fast simulations make (S. Abdullin et al., J. Phys. Conf. Ser. 331 (2011) 032049): tracks seeded by truth, no
nuclear losses, no out-of-time collisions, narrower tails, a simpler forward calorimeter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flashbench.events import Tier
from flashbench.production.ragged import FloatArray


@dataclass(frozen=True, slots=True)
class PileupParameters:
    """In-time and out-of-time collisions; the same for both grades but `late_energy`."""

    mean: float = 34.0  # mean number of interactions over events
    spread: float = 10.0
    beam_spot: float = 35.0  # mm, rms along the beam
    early_crossings: float = 12.2  # crossings summed in sumEOOT
    late_crossings: float = 3.05
    vertex_tracks: float = 6.0  # charged particles that an added collision needs to have a vertex
    late_energy: float = 0.11  # part of one crossing's calorimeter energy that leaks into this one; 0: none


@dataclass(frozen=True, slots=True)
class TrackingParameters:
    """Efficiencies, resolutions and fakes of the tracker."""

    nuclear: float = 0.02  # interaction probability at eta = 0
    nuclear_slope: float = 0.035  # added per unit of |eta| above 0.5, up to 2
    efficiency: tuple[float, float, float, float] = (0.97, 0.955, 0.93, 0.75)  # |eta| < 0.9, < 1.5, < 2.4, < 2.9
    soft: float = 0.92  # factor below 1 GeV
    muon: float = 0.99
    crowding: float = 0.04  # loss per further track within 0.02 × 0.02
    displaced: float = 0.6  # factor beyond 20 mm
    d0_high: float = 11.5  # μm, asymptotic resolution of the transverse impact parameter
    d0_low: float = 90.0  # μm GeV, multiple scattering
    z0_high: float = 22.0  # μm
    z0_low: float = 110.0  # μm GeV
    tails: float = 0.05  # part of the tracks with `tail_width` times the resolution
    tail_width: float = 3.0
    fakes: float = 0.008  # fake tracks per real one
    vertex_core: float = 0.2  # mm: tracks this near to the primary vertex are its own
    vertex_window: float = 150.0  # mm: none farther away is
    vertex_tolerance: float = 3.5  # resolutions in z within which a vertex fit uses a track


@dataclass(frozen=True, slots=True)
class CalorimeterParameters:
    """Energy resolutions √(s²E + n² + c²E²), thresholds and cells; GeV."""

    hadron: tuple[float, float] = (0.88, 0.14)  # stochastic √GeV, constant
    electromagnetic: tuple[float, float, float] = (0.03, 0.12, 0.006)
    forward_hadron: tuple[float, float] = (1.4, 0.09)
    forward_electromagnetic: tuple[float, float] = (1.0, 0.05)
    conversions: float = 0.10  # photon conversion probability that costs energy, at |eta| < 1
    soft_photon: float = 0.35  # GeV: a photon of this energy measures half of it
    soft_hadron: float = 1.0  # GeV: so does a hadron
    soft_forward: float = 12.0  # GeV: and anything in the forward calorimeter
    non_uniformity: tuple[float, ...] = (0.18, 0.30, 0.20, 0.09)  # rms of the local response; |eta| < 1.3, 2.5, 3, more
    excess: float = 2.0  # resolutions by which a cell must exceed the tracks that point to it
    photon_threshold: float = 0.2
    hadron_threshold: float = 1.6
    forward_threshold: float = 0.9
    noise_cells: float = 4.0  # mean number of noise clusters an event


@dataclass(frozen=True, slots=True)
class MuonParameters:
    """Muon reconstruction; probabilities of hadrons to look like a muon fall as 1/pt (GeV)."""

    efficiency: float = 0.985  # of finding a muon in the chambers, above 5 GeV
    barrel_momentum: float = 3.2  # GeV: muons of less momentum range out half of the time
    in_flight: float = 0.042  # times 1 GeV/pt: a pion or kaon decays to a muon inside
    punch_through: float = 0.024  # times 1 GeV/pt: a hadron's remains reach the first chamber
    quality_noise: float = 1.0  # scale of the scatter of track-quality variables


@dataclass(frozen=True, slots=True)
class Grade:
    """One grade of the reference detector."""

    tier: Tier
    pileup: PileupParameters
    tracking: TrackingParameters
    calorimeter: CalorimeterParameters
    muons: MuonParameters


FULL = Grade(Tier.FULL, PileupParameters(), TrackingParameters(), CalorimeterParameters(), MuonParameters())
FAST = Grade(
    Tier.FAST,
    PileupParameters(late_energy=0.0),
    TrackingParameters(
        nuclear=0.0,
        nuclear_slope=0.0,
        efficiency=(0.985, 0.975, 0.95, 0.78),
        crowding=0.0,
        displaced=0.95,
        d0_high=9.0,
        d0_low=68.0,
        z0_low=90.0,
        tails=0.0,
        fakes=0.0,
    ),
    CalorimeterParameters(
        hadron=(0.78, 0.115),
        forward_hadron=(1.2, 0.07),
        conversions=0.0,
        non_uniformity=(0.14, 0.25, 0.17, 0.07),
        soft_photon=0.25,
        photon_threshold=0.3,
        noise_cells=0.0,
    ),
    MuonParameters(punch_through=0.006, quality_noise=0.6),
)


def grade_of(tier: Tier) -> Grade:
    """The grade that fills a reconstructed tier."""
    return {Tier.FULL: FULL, Tier.FAST: FAST}[tier]


def stepwise(eta: FloatArray, edges: tuple[float, ...], values: tuple[float, ...]) -> FloatArray:
    """values[i] where |eta| is in the i-th range; the last value beyond the last edge."""
    result: FloatArray = np.asarray(values)[np.searchsorted(np.asarray(edges), np.abs(eta), side="right")]
    return result
