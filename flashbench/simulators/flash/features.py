"""What FlashSim is told of an object and what it predicts, as declared tables.

What to use when: `JET_CONDITIONS` (14 of the prototype and 10) and `MUON_CONDITIONS` (30 and 6) for the generator-side
inputs, `JET_TARGETS` (17) and `MUON_TARGETS` (22) for the reconstructed quantities, `targets_for` to keep the targets
that a file holds, `Feature.encode` and `Feature.decode` between a reconstructed quantity and its target. The
Gaussianising transform that is learned from data is in `transforms`.

References:
    F. Vaselli et al., "FlashSim prototype: an end-to-end fast simulation using Normalizing Flow", CMS NOTE-2023/003.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flashbench.errors import UnknownNameError

FloatArray = NDArray[np.float64]

FEATURE_VERSION: Final = 4  # raised whenever a table below changes; stored with every set of weights
_PI: Final = 3.1415925  # largest float32 below π: an angle stays in range when it is written to disk


class Kind(StrEnum):
    """What values a feature takes."""

    CONTINUOUS = "continuous"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DISCRETE = "discrete"  # `values` is the whole set
    CATEGORY = "category"  # a code without order; `values` is the set, anything else counts as the first
    ANGLE = "angle"  # rad, periodic


class Relation(StrEnum):
    """How a target follows from the reconstructed quantity and its generator anchor."""

    VALUE = "value"
    DIFFERENCE = "difference"
    ANGLE = "angle"  # difference, wrapped
    RATIO = "ratio"


class Scale(StrEnum):
    """How a condition is shown to a network (`transforms.Standardise`)."""

    LINEAR = "linear"
    LOG = "log"  # ln(1 + x), for momenta and masses; and edge / x for every edge, where NanoAOD's thresholds cut
    ETA = "eta"  # x and |x|, and one flag |x| > edge for every edge
    PHI = "phi"  # cos and sin
    ONE_HOT = "one-hot"
    FLAG = "flag"  # 0 or 1 as it stands
    LABEL = "label"  # not at all: for calibration only


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a condition or target matrix.

    Attributes:
        name: column name, unique in its table.
        kind: the values it takes.
        low, high: inclusive bounds of the column; `special` values may lie outside.
        values: allowed values of a discrete feature or categories.
        special: values with a meaning of their own outside the range, e.g. −1 = not computed.
        branch: NanoAOD branch that a target is learned from; empty for a condition.
        relation: how the column follows from the branch.
        anchor: condition column that `relation` refers to; empty for `Relation.VALUE`.
        floor: a ratio divides by max(anchor, floor): the mass of a one-particle generator jet says nothing.
        physical: inclusive bounds of the reconstructed quantity itself.
        least: smallest reconstructed quantity with which NanoAOD stores the object.
        scale: how a condition is shown to a network.
        edges: |x| where the detector changes, for `Scale.ETA`; thresholds, for `Scale.LOG`.
        classes: the target transforms are calibrated for each of its values apart (`classes.ByClass`).
    """

    name: str
    kind: Kind = Kind.CONTINUOUS
    low: float = -np.inf
    high: float = np.inf
    values: tuple[float, ...] = ()
    special: tuple[float, ...] = ()
    branch: str = ""
    relation: Relation = Relation.VALUE
    anchor: str = ""
    floor: float = 1e-3
    physical: tuple[float, float] = (-np.inf, np.inf)
    least: float = -np.inf
    scale: Scale = Scale.LINEAR
    edges: tuple[float, ...] = ()
    classes: bool = False

    @property
    def is_discrete(self) -> bool:
        """True where every value is taken with a probability of its own."""
        return self.kind in (Kind.INTEGER, Kind.BOOLEAN, Kind.DISCRETE)

    def allows(self, column: FloatArray) -> NDArray[np.bool_]:
        """Which entries of `column` this feature may take; shape as given."""
        inside = (column >= self.low) & (column <= self.high)
        if self.is_discrete:
            inside &= column == np.rint(column)
        if self.values:
            inside &= np.isin(column, self.values)
        return np.asarray(inside | np.isin(column, self.special))

    def restrict(self, column: FloatArray) -> FloatArray:
        """`column` with every entry that is not allowed moved to the nearest allowed one; float64.

        A category is taken by magnitude, and is the first one where it is unknown.
        """
        if self.kind is Kind.CATEGORY:
            code = np.abs(column).astype(np.float64)
            return np.where(np.isin(code, self.values), code, self.values[0])
        moved = np.clip(np.nan_to_num(column), self.low, self.high)
        if self.is_discrete:
            moved = np.rint(moved)
        if self.values:
            allowed = np.sort(np.asarray(self.values, np.float64))
            moved = allowed[np.searchsorted((allowed[1:] + allowed[:-1]) / 2, moved)]
        return np.where(np.isin(column, self.special), column, moved)

    def encode(self, reconstructed: FloatArray, anchor: FloatArray | None = None) -> FloatArray:
        """Target column of a reconstructed quantity, within `allows`; both of shape (objects,)."""
        return self.restrict(self._relate(np.asarray(reconstructed, np.float64), anchor))

    def decode(self, target: FloatArray, anchor: FloatArray | None = None) -> FloatArray:
        """Reconstructed quantity of a target column, within `physical`; the inverse of `encode`."""
        if self.relation is Relation.VALUE or anchor is None:
            return np.clip(target, *self.physical) if np.isfinite(self.physical).any() else target
        if self.relation is Relation.RATIO:
            return np.clip(target * np.maximum(anchor, self.floor), *self.physical)
        if self.relation is Relation.DIFFERENCE:
            return np.clip(target + anchor, *self.physical)
        return wrap(target + anchor)

    def _relate(self, reconstructed: FloatArray, anchor: FloatArray | None) -> FloatArray:
        if self.relation is Relation.VALUE or anchor is None:
            return reconstructed
        if self.relation is Relation.RATIO:
            return reconstructed / np.maximum(anchor, self.floor)
        difference = reconstructed - anchor
        return difference if self.relation is Relation.DIFFERENCE else wrap(difference)


def wrap(angle: FloatArray) -> FloatArray:
    """The same direction in [−π, π], rad; |result| stays below π as a float32 too."""
    turned = angle - 2 * np.pi * np.floor((angle + np.pi) / (2 * np.pi))
    return np.clip(turned, -_PI, _PI)


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
JET_CONTENTS: Final = (0.0, 1.0, 4.0, 5.0, 11.0, 13.0, 15.0, 21.0)  # unknown, light quark, c, b, e, μ, τ, gluon
MUON_ORIGINS: Final = (0.0, 1.0, 15.0)  # a hadron, the hard process, a tau
MUON_DECAYS: Final = (0.0, 1.0, 4.0, 5.0, 15.0, 45.0)  # the same, c, b and c of a b told apart
JET_LEAST: Final = 15.0  # GeV, in NanoAOD
MUON_LEAST: Final = 3.0
MUON_EDGE: Final = 2.4  # |η| where the chambers end
TRACKER_EDGE: Final = 2.5  # |η| where the tracker, and with it taggers and qgl, ends
# barrel, endcap, transition, forward
_CALORIMETER_EDGES: Final = (1.3, MUON_EDGE, TRACKER_EDGE, 2.75, 3.0, 3.25, 3.5, 4.0, 4.7)
STATUS_FLAGS: Final = (
    *("isPrompt", "isDecayedLeptonHadron", "isTauDecayProduct", "isPromptTauDecayProduct"),
    *("isDirectTauDecayProduct", "isDirectPromptTauDecayProduct", "isDirectHadronDecayProduct", "isHardProcess"),
    *("fromHardProcess", "isHardProcessTauDecayProduct", "isDirectHardProcessTauDecayProduct"),
    *("fromHardProcessBeforeFSR", "isFirstCopy", "isLastCopy", "isLastCopyBeforeFSR"),
)  # GenPart_statusFlags, bit 0 first

_EVENT: Final = (  # what lies underneath: `conditions.activity`
    _momentum("event_ht"),
    Feature("event_soft", Kind.INTEGER, 0.0),
    Feature("event_width", low=0.0),
)
JET_CONDITIONS: Final = (
    *_neighbour("muon1"),
    *_neighbour("muon2"),
    Feature("gen_eta", low=-8.0, high=8.0, scale=Scale.ETA, edges=_CALORIMETER_EDGES),
    _momentum("gen_mass"),
    Feature("gen_phi", Kind.ANGLE, -np.pi, np.pi, scale=Scale.PHI),
    _momentum("gen_pt", JET_LEAST),
    _momentum("gen_hadronic"),
    Feature("content", Kind.CATEGORY, 0.0, 21.0, JET_CONTENTS, scale=Scale.ONE_HOT, classes=True),
    Feature("parton_flavour", Kind.CATEGORY, 0.0, 21.0, PARTON_FLAVOURS, scale=Scale.ONE_HOT),
    Feature("hadron_flavour", Kind.CATEGORY, 0.0, 5.0, HADRON_FLAVOURS, scale=Scale.ONE_HOT),
    Feature("near_dr", low=0.0, high=1.0),  # the closest other GenJet within 1: it takes area, and shares particles
    _momentum("near_pt"),
    Feature("near_b", Kind.BOOLEAN, 0.0, 1.0, scale=Scale.FLAG),
    _momentum("beside_ht"),
    *_EVENT,
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
    *_EVENT,
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
    _ratio("Jet_pt", "gen_pt", least=JET_LEAST),
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
