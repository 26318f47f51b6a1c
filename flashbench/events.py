"""The event model: what a block of events holds, as data.

A block is an `ak.Array` of records, one an event: identity (`run`, `luminosityBlock`, `event`), `genWeight`, and the
collections of its tier under their NanoAOD names. Branch `Jet_pt` is `block.Jet.pt`; `Pileup_nPU` is
`block.Pileup.nPU`. Momenta in GeV, angles in rad, lengths in cm; floats are float64 in memory, float32 on disk.

What to use when: `BRANCHES` to look a branch up, `schema` for the branches of one NanoAOD version, `columns` for those
that a tier is read with, `repeat` in the core only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.errors import SchemaError, UnknownNameError

VERSIONS: Final = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
_TRIGGER: Final = "HLT_"
_UNTIL_9: Final = (5, 6, 7, 8, 9)
_UNTIL_8: Final = (5, 6, 7, 8)
_UNTIL_14: Final = VERSIONS[:-1]
_SINCE_9: Final = VERSIONS[4:]


class Tier(StrEnum):
    """Which simulation's columns: generator only, full simulation, fast simulation."""

    GEN = "gen"
    FULL = "full"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class Branch:
    """One NanoAOD branch.

    Attributes:
        name: NanoAOD name, e.g. `Jet_qgl`.
        dtype: type on disk; floats are widened to float64 in memory.
        meaning: unit and meaning, one line.
        neutral: value taken where a file lacks the branch; None makes the branch required.
        versions: NanoAOD versions that hold it.
    """

    name: str
    dtype: str
    meaning: str
    neutral: float | int | bool | None = None
    versions: tuple[int, ...] = VERSIONS

    @property
    def collection(self) -> str:
        """`Jet` for `Jet_pt`, empty for a scalar such as `run`."""
        return self.name.partition("_")[0] if "_" in self.name and not self.name.startswith(_TRIGGER) else ""

    @property
    def field(self) -> str:
        """`pt` for `Jet_pt`, the name itself for a scalar."""
        return self.name.partition("_")[2] if self.collection else self.name

    @property
    def memory_dtype(self) -> np.dtype[Any]:
        """Type in a block: float64 for every float, else as on disk."""
        disk = np.dtype(self.dtype)
        return np.dtype("float64") if disk.kind == "f" else disk


def _kinematics(collection: str) -> tuple[Branch, ...]:
    return (
        Branch(f"{collection}_pt", "float32", "transverse momentum, GeV"),
        Branch(f"{collection}_eta", "float32", "pseudorapidity"),
        Branch(f"{collection}_phi", "float32", "azimuth, rad"),
    )


_IDENTITY: Final = (
    Branch("run", "uint32", "run number", 1),
    Branch("luminosityBlock", "uint32", "luminosity block; 0 where a skim dropped it", 0),
    Branch("event", "uint64", "event number"),
    Branch("genWeight", "float32", "generator weight; 1 for collision data", 1.0),
)
_GENERATOR: Final = (
    *_kinematics("GenPart"),
    Branch("GenPart_mass", "float32", "mass, GeV; stored 0 for light particles"),
    Branch("GenPart_pdgId", "int32", "PDG code"),
    Branch("GenPart_status", "int32", "generator status, 1 = stable"),
    Branch("GenPart_statusFlags", "int32", "bits: 0 isPrompt … 13 isLastCopy"),
    Branch("GenPart_genPartIdxMother", "int32", "index of the mother, −1 = none", -1),
    *_kinematics("GenJet"),
    Branch("GenJet_mass", "float32", "mass, GeV"),
    Branch("GenJet_partonFlavour", "int32", "parton flavour, PDG code", 0),
    Branch("GenJet_hadronFlavour", "uint8", "hadron flavour: 5, 4 or 0", 0),
    Branch("Pileup_nPU", "int32", "pile-up interactions in this crossing", 0),
    Branch("Pileup_nTrueInt", "float32", "their Poisson mean", 0.0),
    Branch("Pileup_pudensity", "float32", "reconstructed pile-up density, 1/mm", 0.0),
    Branch("Pileup_gpudensity", "float32", "generated pile-up density, 1/mm", 0.0),
    Branch("Pileup_sumEOOT", "int32", "early out-of-time interactions", 0),
    Branch("Pileup_sumLOOT", "int32", "late out-of-time interactions", 0),
)
_MUON: Final = (
    *_kinematics("Muon"),
    Branch("Muon_mass", "float32", "mass, GeV", 0.1056583755),
    Branch("Muon_charge", "int32", "charge, ±1"),
    Branch("Muon_pfRelIso04_all", "float32", "relative isolation, ΔR 0.4, Δβ corrected"),
    Branch("Muon_mediumId", "bool", "medium identification"),
    Branch("Muon_ptErr", "float32", "uncertainty of pT, GeV; 0 = unknown", 0.0),
    Branch("Muon_dxy", "float32", "transverse impact parameter, cm", 0.0),
    Branch("Muon_dxyErr", "float32", "its uncertainty, cm", 0.0),
    Branch("Muon_dz", "float32", "longitudinal impact parameter, cm", 0.0),
    Branch("Muon_dzErr", "float32", "its uncertainty, cm", 0.0),
    Branch("Muon_ip3d", "float32", "3D impact parameter, cm", 0.0),
    Branch("Muon_sip3d", "float32", "its significance", 0.0),
    Branch("Muon_isGlobal", "bool", "global muon", True),
    Branch("Muon_isPFcand", "bool", "particle-flow muon", True),
    Branch("Muon_isTracker", "bool", "tracker muon", True),
    Branch("Muon_jetPtRelv2", "float32", "pT relative to the closest jet's axis, GeV", 0.0),
    Branch("Muon_jetRelIso", "float32", "relative isolation in the matched jet", 0.0),
    Branch("Muon_pfRelIso03_all", "float32", "relative isolation, ΔR 0.3", 0.0),
    Branch("Muon_pfRelIso03_chg", "float32", "charged relative isolation, ΔR 0.3", 0.0),
    Branch("Muon_softId", "bool", "soft identification", True),
    Branch("Muon_softMva", "float32", "soft-muon discriminant", 0.0),
    Branch("Muon_softMvaId", "bool", "soft-muon discriminant identification", True),
    Branch("Muon_genPartIdx", "int32", "index of the generator muon, −1 = none", -1),
)
_JET: Final = (
    *_kinematics("Jet"),
    Branch("Jet_mass", "float32", "mass, GeV"),
    Branch("Jet_jetId", "int32", "bits: 2 tight, 4 tight with lepton veto", None, _UNTIL_14),
    Branch("Jet_puId", "int32", "pile-up bits: 4 loose, 2 medium, 1 tight; 7 = all pass", 7, _UNTIL_9),
    Branch("Jet_qgl", "float32", "quark–gluon likelihood; −1 = not computed", -1.0, _UNTIL_9),
    Branch("Jet_area", "float32", "catchment area", 0.5026548),
    Branch("Jet_btagCMVA", "float32", "CMVA discriminant; −10 = not computed", -10.0, (5, 6, 7)),
    Branch("Jet_btagCSVV2", "float32", "CSVv2 discriminant; −10 = not computed", -10.0, _UNTIL_9),
    Branch("Jet_btagDeepB", "float32", "DeepCSV b + bb; −1 = not computed", -1.0, _UNTIL_9),
    Branch("Jet_btagDeepC", "float32", "DeepCSV c; −1 = not computed", -1.0, _UNTIL_8),
    Branch("Jet_btagDeepFlavB", "float32", "DeepJet b; −1 = not computed", -1.0),
    Branch("Jet_btagDeepFlavC", "float32", "DeepJet c; −1 = not computed", -1.0, _UNTIL_8),
    Branch("Jet_btagDeepFlavCvB", "float32", "DeepJet c against b; −1 = not computed", -1.0, _SINCE_9),
    Branch("Jet_btagDeepFlavCvL", "float32", "DeepJet c against light; −1 = not computed", -1.0, _SINCE_9),
    Branch("Jet_btagDeepFlavQG", "float32", "DeepJet g against q; −1 = not computed", -1.0, _SINCE_9),
    Branch("Jet_bRegCorr", "float32", "b-jet energy regression factor", 1.0, _UNTIL_9),
    Branch("Jet_nConstituents", "int32", "particle-flow constituents", 0),
    Branch("Jet_muEF", "float32", "muon energy fraction", 0.0),
    Branch("Jet_genJetIdx", "int32", "index of the matched GenJet, −1 = none", -1),
    Branch("Jet_partonFlavour", "int32", "parton flavour, PDG code", 0),
    Branch("Jet_hadronFlavour", "int32", "hadron flavour: 5, 4 or 0", 0),
)

BRANCHES: Final[Mapping[str, Branch]] = {b.name: b for b in (*_IDENTITY, *_GENERATOR, *_MUON, *_JET)}
IDENTITY: Final = ("run", "luminosityBlock", "event")
FLAT_COLLECTIONS: Final = ("Pileup",)  # one value an event, no counter

# What the VBF H→μμ analysis reads of a simulator's output.
ANALYSIS_BRANCHES: Final = (
    *("Muon_pt", "Muon_eta", "Muon_phi", "Muon_mass", "Muon_charge", "Muon_pfRelIso04_all", "Muon_mediumId"),
    *("Muon_ptErr", "Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass", "Jet_puId", "Jet_jetId", "Jet_qgl"),
)
GENERATOR_BRANCHES: Final = tuple(b.name for b in _GENERATOR)
RECO_BRANCHES: Final = tuple(b.name for b in (*_MUON, *_JET))


def branch(name: str) -> Branch:
    """The declared branch of that NanoAOD name; every `HLT_*` is a required flag, one an event.

    Raises:
        UnknownNameError: the event model has no such branch.
    """
    if name.startswith(_TRIGGER):
        return Branch(name, "bool", "trigger decision")
    if name not in BRANCHES:
        raise UnknownNameError("NanoAOD branch", name, BRANCHES)
    return BRANCHES[name]


def schema(version: int) -> tuple[Branch, ...]:
    """Branches that NanoAOD `version` holds, of those flashbench knows.

    Raises:
        UnknownNameError: no schema for that version.

    Example:
        >>> "Jet_qgl" in {b.name for b in schema(9)}, "Jet_qgl" in {b.name for b in schema(12)}
        (True, False)
    """
    if version not in VERSIONS:
        raise UnknownNameError("NanoAOD version", str(version), map(str, VERSIONS))
    return tuple(b for b in BRANCHES.values() if version in b.versions)


def columns(tier: Tier, reco: Iterable[str] = ANALYSIS_BRANCHES) -> tuple[str, ...]:
    """Branches read for a tier: identity, weight and its collections.

    The gen tier is the generator columns; the reconstructed tiers are `reco`, by default what the analysis needs.
    """
    own = GENERATOR_BRANCHES if tier is Tier.GEN else tuple(reco)
    return (*(b.name for b in _IDENTITY), *own)


def repeat(events: ak.Array, folds: int) -> ak.Array:
    """Each event `folds` times, copies adjacent: the block that an upsampled simulator sees."""
    return events if folds == 1 else events[np.repeat(np.arange(len(events)), folds)]


def first_bad_event(bad: ak.Array) -> int | None:
    """Index of the first event with a true entry in `bad`, shape (events,) or (events, var)."""
    flags = ak.any(bad, axis=-1) if bad.ndim > 1 else bad
    hits: NDArray[np.intp] = np.flatnonzero(ak.to_numpy(flags))
    return int(hits[0]) if len(hits) else None


def check_finite(values: ak.Array, branch_name: str, where: str, first_entry: int = 0) -> None:
    """Refuse NaN and infinity.

    Raises:
        SchemaError: names `where`, the branch and the first offending entry.
    """
    flat = ak.to_numpy(ak.flatten(values, axis=None))
    if flat.dtype.kind != "f" or np.isfinite(flat).all():
        return
    finite = ak.Array(ak.to_layout(values, allow_record=False))
    index = first_bad_event(~np.isfinite(finite))
    entry = first_entry + (index or 0)
    raise SchemaError(where, branch_name, f"not finite in entry {entry}", "mend or drop that event")
