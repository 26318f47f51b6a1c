"""What FlashSim is told of an object and what it predicts, as declared tables.

What to use when: `JET_CONDITIONS` (14 of the prototype and 17) and `MUON_CONDITIONS` (30 and 6) for the generator-side
inputs, `JET_TARGETS` (17) and `MUON_TARGETS` (22) for the reconstructed quantities, `targets_for` to keep the targets
that a file holds. A column by itself is in `feature`, the Gaussianising transform that is learned from data in
`transforms`.

References:
    F. Vaselli et al., "FlashSim prototype: an end-to-end fast simulation using Normalizing Flow", CMS NOTE-2023/003.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from flashbench.errors import UnknownNameError
from flashbench.simulators.flash.feature import Feature, Kind, Relation, Scale

FEATURE_VERSION: Final = 7  # raised whenever a table below changes; stored with every set of weights


def _momentum(name: str, *thresholds: float) -> Feature:
    return Feature(name, low=0.0, scale=Scale.LOG, edges=thresholds)


def _neighbour(prefix: str) -> tuple[Feature, ...]:
    """The closest object of another kind within 0.4; ΔR, Δη, Δφ 0.5 and pT 0 where there is none."""
    return (
        Feature(f"{prefix}_dr", low=0.0, high=0.5),
        _momentum(f"{prefix}_pt"),
        Feature(f"{prefix}_deta", low=-0.5, high=0.5),
        Feature(f"{prefix}_dphi", low=-0.5, high=0.5),
    )


PARTON_FLAVOURS: Final = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 21.0)  # |PDG code|; anything else is 0
HADRON_FLAVOURS: Final = (0.0, 4.0, 5.0)
JET_CONTENTS: Final = (0.0, 1.0, 4.0, 5.0, 11.0, 13.0, 15.0, 21.0, 22.0)  # unknown, light quark, c, b, e, μ, τ, g, γ
QUARKS: Final = (1.0, 2.0, 3.0, 4.0, 5.0)  # |PDG code|
HEAVY_HADRONS: Final = (411.0, 421.0, 431.0, 4122.0, 511.0, 521.0, 531.0, 5122.0)  # that decay weakly
MUON_ORIGINS: Final = (0.0, 1.0, 15.0)  # a hadron, the hard process, a tau
MUON_DECAYS: Final = (0.0, 1.0, 4.0, 5.0, 15.0, 45.0)  # the same, c, b and c of a b told apart
JET_LEAST: Final = 15.0  # GeV, in NanoAOD
MUON_LEAST: Final = 3.0
MUON_EDGE: Final = 2.4  # |η| where the chambers end
TRACKER_EDGE: Final = 2.5  # |η| where the tracker, and with it taggers and qgl, ends
# barrel, endcap, where most of a jet is out of the tracker, forward, end
_CALORIMETER_EDGES: Final = (1.3, MUON_EDGE, TRACKER_EDGE, 2.6, 3.0, 4.7)
_RINGS: Final = (
    *(0.0, 0.3, 0.6, 0.9, 1.15, 1.3, 1.5, 1.7, 1.9, 2.1, 2.25, MUON_EDGE, TRACKER_EDGE, 2.6, 2.75, 2.9),
    *(3.0, 3.15, 3.3, 3.5, 3.75, 4.0, 4.25, 4.5, 4.7, 5.0),
)  # |η|, closer where a jet leaves a part of the detector
STATUS_FLAGS: Final = (
    *("isPrompt", "isDecayedLeptonHadron", "isTauDecayProduct", "isPromptTauDecayProduct"),
    *("isDirectTauDecayProduct", "isDirectPromptTauDecayProduct", "isDirectHadronDecayProduct", "isHardProcess"),
    *("fromHardProcess", "isHardProcessTauDecayProduct", "isDirectHardProcessTauDecayProduct"),
    *("fromHardProcessBeforeFSR", "isFirstCopy", "isLastCopy", "isLastCopyBeforeFSR"),
)  # GenPart_statusFlags, bit 0 first

_UNDERNEATH: Final = (Feature("event_soft", Kind.INTEGER, 0.0), Feature("event_width", low=0.0))  # with event_ht
JET_CONDITIONS: Final = (
    *_neighbour("muon1"),
    *_neighbour("muon2"),
    Feature("gen_eta", low=-8.0, high=8.0, scale=Scale.ETA, edges=_CALORIMETER_EDGES, knots=_RINGS),
    _momentum("gen_mass"),
    Feature("gen_width", low=0.0),  # mass over pT
    Feature("gen_phi", Kind.ANGLE, -np.pi, np.pi, scale=Scale.PHI),
    _momentum("gen_pt", JET_LEAST),
    _momentum("gen_hadronic"),
    _momentum("prompt_pt"),  # of muons from the hard process: beside a quark, not of its jet
    _momentum("photon_pt"),  # of all that NanoAOD stores: no tracks
    Feature("content", Kind.CATEGORY, 0.0, 22.0, JET_CONTENTS, scale=Scale.ONE_HOT, classes=True),
    Feature("parton_flavour", Kind.CATEGORY, 0.0, 21.0, PARTON_FLAVOURS, scale=Scale.ONE_HOT),
    Feature("hadron_flavour", Kind.CATEGORY, 0.0, 5.0, HADRON_FLAVOURS, scale=Scale.ONE_HOT),
    Feature("quark", Kind.CATEGORY, 0.0, 5.0, (0.0, *QUARKS), scale=Scale.ONE_HOT),  # of the hard process
    _momentum("quark_pt"),
    Feature("hadron", Kind.CATEGORY, 0.0, 5122.0, (0.0, *HEAVY_HADRONS), scale=Scale.ONE_HOT),
    _momentum("hadron_pt"),
    Feature("near_dr", low=0.0, high=1.0),  # the closest other GenJet within 1: it takes area, and shares particles
    _momentum("near_pt"),
    Feature("near_b", Kind.BOOLEAN, 0.0, 1.0, scale=Scale.FLAG),
    # From 1 GeV on, a logarithm puts quiet events far beyond all of a busy training sample; without one, too near.
    Feature("beside_ht", low=0.0, scale=Scale.LOG, unit=100.0),
    Feature("event_ht", low=0.0, scale=Scale.LOG, unit=100.0),
    *_UNDERNEATH,
    Feature("nPU", Kind.INTEGER, 0.0),
)
MUON_CONDITIONS: Final = (
    Feature("gen_eta", low=-8.0, high=8.0, scale=Scale.ETA, edges=(0.9, 1.2)),  # barrel, overlap, endcap
    Feature("gen_phi", Kind.ANGLE, -np.pi, np.pi, scale=Scale.PHI),
    _momentum("gen_pt", MUON_LEAST),
    Feature("gen_charge", Kind.DISCRETE, -1.0, 1.0, (-1.0, 1.0)),
    Feature("origin", Kind.CATEGORY, 0.0, 15.0, MUON_ORIGINS, scale=Scale.ONE_HOT),
    Feature("decay", Kind.CATEGORY, 0.0, 45.0, MUON_DECAYS, scale=Scale.LABEL, classes=True),
    *(Feature(f"status_{flag}", Kind.BOOLEAN, 0.0, 1.0, scale=Scale.FLAG) for flag in STATUS_FLAGS),
    Feature("jet_dr", low=0.0, high=0.5),
    Feature("jet_deta", low=-0.5, high=0.5),
    Feature("jet_dphi", low=-0.5, high=0.5),
    _momentum("jet_pt"),
    _momentum("jet_mass"),
    Feature("gpudensity", low=0.0),
    Feature("nPU", Kind.INTEGER, 0.0),
    Feature("nTrueInt", low=0.0),
    Feature("pudensity", low=0.0),
    Feature("sumEOOT", Kind.INTEGER, 0.0),
    Feature("sumLOOT", Kind.INTEGER, 0.0),
    _momentum("beside_ht"),
    _momentum("event_ht"),
    *_UNDERNEATH,
)


def _score(branch: str, special: tuple[float, ...] = (-1.0,), low: float = 0.0) -> Feature:
    return Feature(branch.partition("_")[2], low=low, high=1.0, special=special, branch=branch)


def _value(branch: str, low: float, high: float) -> Feature:
    return Feature(branch.partition("_")[2], low=low, high=high, branch=branch)


def _flag(branch: str) -> Feature:
    return Feature(branch.partition("_")[2], Kind.BOOLEAN, 0.0, 1.0, branch=branch)


def _eta(branch: str, acceptance: float) -> Feature:
    relation, physical = Relation.DIFFERENCE, (-acceptance, acceptance)
    return Feature("eta", low=-0.5, high=0.5, branch=branch, relation=relation, anchor="gen_eta", physical=physical)


def _phi(branch: str) -> Feature:
    return Feature("phi", low=-0.5, high=0.5, branch=branch, relation=Relation.ANGLE, anchor="gen_phi")


def _ratio(branch: str, anchor: str, floor: float = 1e-3, least: float = -np.inf) -> Feature:
    name, relation, physical = branch.partition("_")[2], Relation.RATIO, (0.0, np.inf)
    return Feature(name, Kind.CONTINUOUS, 0.0, 50.0, (), (), branch, relation, anchor, floor, physical, least)


JET_TARGETS: Final = (
    _value("Jet_area", 0.0, 4.0),
    _score("Jet_btagCMVA", (-10.0,), low=-1.0),
    _score("Jet_btagCSVV2", (-10.0,)),
    _score("Jet_btagDeepB", (-1.0, -2.0)),  # a sum of two scores: −2 where both are missing
    _score("Jet_btagDeepC"),
    _score("Jet_btagDeepFlavB"),
    _score("Jet_btagDeepFlavC"),
    _eta("Jet_eta", 5.3),
    _value("Jet_bRegCorr", 0.0, 5.0),
    _ratio("Jet_mass", "gen_mass", floor=1.0),
    Feature("nConstituents", Kind.INTEGER, 1.0, 500.0, branch="Jet_nConstituents"),
    _phi("Jet_phi"),
    replace(_ratio("Jet_pt", "gen_pt", least=JET_LEAST), trend=True),
    _score("Jet_qgl"),
    _value("Jet_muEF", 0.0, 1.0),
    Feature("puId", Kind.DISCRETE, 0.0, 7.0, (0.0, 4.0, 6.0, 7.0), branch="Jet_puId"),
    Feature("jetId", Kind.DISCRETE, 0.0, 6.0, (0.0, 2.0, 6.0), branch="Jet_jetId"),
)
MUON_TARGETS: Final = (
    _eta("Muon_eta", 2.5),
    _phi("Muon_phi"),
    _ratio("Muon_pt", "gen_pt", least=MUON_LEAST),
    _value("Muon_dxy", -100.0, 100.0),
    _value("Muon_dxyErr", 0.0, 100.0),
    _value("Muon_dz", -100.0, 100.0),
    _value("Muon_dzErr", 0.0, 100.0),
    _value("Muon_ip3d", 0.0, 100.0),
    _flag("Muon_isGlobal"),
    _flag("Muon_isPFcand"),
    _flag("Muon_isTracker"),
    _value("Muon_jetPtRelv2", 0.0, 1e3),
    _value("Muon_jetRelIso", -1.0, 1e4),
    _flag("Muon_mediumId"),
    _value("Muon_pfRelIso03_all", 0.0, 1e4),
    _value("Muon_pfRelIso03_chg", 0.0, 1e4),
    _value("Muon_pfRelIso04_all", 0.0, 1e4),
    _ratio("Muon_ptErr", "gen_pt"),
    _value("Muon_sip3d", 0.0, 1e5),
    _flag("Muon_softId"),
    _value("Muon_softMva", -1.0, 1.0),
    _flag("Muon_softMvaId"),
)
_TARGETS: Final = {"Jet": JET_TARGETS, "Muon": MUON_TARGETS}


def targets_for(collection: str, branches: Iterable[str]) -> tuple[Feature, ...]:
    """Targets of `Jet` or `Muon` whose NanoAOD branch is among `branches`, in table order.

    Raises:
        UnknownNameError: FlashSim has no targets for that collection.

    Example:
        >>> [f.name for f in targets_for("Jet", ["Jet_pt", "Jet_eta"])]
        ['eta', 'pt']
    """
    if collection not in _TARGETS:
        raise UnknownNameError("FlashSim collection", collection, _TARGETS)
    held = frozenset(branches)
    return tuple(f for f in _TARGETS[collection] if f.branch in held)
