"""What the flows are conditioned on: generator jets and muons with their surroundings, from gen-tier event blocks.

What to use when: `gen_jets` and `gen_muons` for the objects of a block, `jet_conditions` and `muon_conditions` for
their conditioning variables, `event_conditions` for what the number of fake jets depends on.

Units: GeV, rad. Differences Δη, Δφ are object − neighbour.

References:
    F. Vaselli et al., "FlashSim prototype: an end-to-end fast simulation using Normalizing Flow", CMS NOTE-2023/003.
"""

from __future__ import annotations

from typing import Any, Final

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.simulators.flash.feature import Feature, FloatArray
from flashbench.simulators.flash.features import STATUS_FLAGS
from flashbench.simulators.flash.pairs import Flat, IntArray, Pairs, carried, closest, flatten, in_band, pairs
from flashbench.simulators.flash.particles import Contents, gen_particles, require, within_jets
from flashbench.simulators.gen import LAST_COPY

PILEUP: Final = ("gpudensity", "nPU", "nTrueInt", "pudensity", "sumEOOT", "sumLOOT")

MUON_PT: Final = 2.5  # GeV; NanoAOD stores muons from 3 GeV
MUON_ETA: Final = 2.8  # the chambers end at 2.4
_NEAR: Final = 0.4  # ΔR to a neighbour of the other kind
_GENERATIONS: Final = 6  # of ancestors that are looked at
_ACTIVE_PT: Final = 20.0  # GeV, above what any NanoAOD stores
_BESIDE: Final = 1.0  # ΔR to another jet, whose disc of radius 0.4 overlaps up to 0.8; and |Δη| of a band
_NO_MUON: Final = {"dr": 0.5, "pt": 0.0, "deta": 0.5, "dphi": 0.5}
_LEAST_PT: Final = 1.0  # GeV, against a division by nothing
_ALONE: Final = {"dr": _BESIDE, "pt": 0.0, "b": 0.0}
_NO_JET: Final = {"dr": 0.5, "deta": 0.5, "dphi": 0.5, "pt": 0.0, "mass": 0.0}

Columns = dict[str, FloatArray]


def gen_jets(events: ak.Array) -> Flat:
    """All GenJets of a block.

    Raises:
        SchemaError: the block has no GenJet collection.
    """
    require(events, "GenJet")
    return flatten(events.GenJet, ("pt", "eta", "phi", "mass", "partonFlavour", "hadronFlavour"))


def gen_muons(events: ak.Array) -> Flat:
    """Stable last-copy muons of a block, whatever their pt; `index` is the place in GenPart.

    Raises:
        SchemaError: the block has no GenPart collection.
    """
    particles = gen_particles(events)
    last = (particles["statusFlags"] & LAST_COPY) != 0
    return particles.select((np.abs(particles["pdgId"]) == 13) & (particles["status"] == 1) & last)


def reconstructible(muons: Flat) -> Flat:
    """The generator muons that a detector could see: the rows that the muon network knows.

    Others are never reconstructed: pt above `MUON_PT`, |η| below `MUON_ETA`.
    """
    return muons.select((muons["pt"] > MUON_PT) & (np.abs(muons["eta"]) < MUON_ETA))


def jet_conditions(jets: Flat, muons: Flat, events: ak.Array) -> Columns:
    """The conditioning variables of generator jets, each of shape (jets,).

    Args:
        jets: from `gen_jets`.
        muons: from `gen_muons`, of the same events.
        events: the block, for its pile-up.

    Returns:
        Kinematics, flavours, and ΔR, pt, Δη, Δφ of the closest and second-closest muon within ΔR 0.4; an absent muon
        stands at 0.5, 0, 0.5, 0.5. Beyond the 14 of the prototype: `gen_width`, mass over pt; `content`, what the jet
        is; `gen_hadronic`, its pt without leptons and what they radiate; `prompt_pt`, that of muons of the hard process
        within it, `photon_pt` of photons; code and pt of the hard process's `quark` and of the heavy `hadron` within ΔR
        0.4; ΔR, pt and b flavour of the closest other GenJet within 1 (1, 0, 0 if there is none), which takes of its
        area; `beside_ht`, the hadronic pt within |Δη| of 1, with which the subtracted density grows; the event's
        `activity` and pile-up collisions.
    """
    columns: Columns = {}
    near_muons = pairs(jets, muons, _NEAR)
    of_muons = carried(near_muons, muons["pt"], len(jets))
    for rank, near in enumerate(closest(near_muons, 2), start=1):
        neighbour = _neighbour(near, {"pt": muons["pt"]}, _NO_MUON, len(jets))
        columns |= {f"muon{rank}_{name}": values for name, values in neighbour.items()}
    columns |= {f"gen_{name}": jets[name].astype(np.float64) for name in ("eta", "mass", "phi", "pt")}
    columns["gen_width"] = columns["gen_mass"] / np.maximum(columns["gen_pt"], _LEAST_PT)
    inside = within_jets(jets, gen_particles(events), _NEAR)
    columns["gen_hadronic"] = np.maximum(jets["pt"] - of_muons - inside.electrons - inside.prompt_photons, 0.0)
    columns["prompt_pt"], columns["photon_pt"] = inside.prompt_muons, inside.photons
    columns["content"] = _contents(jets, of_muons, inside)
    columns["parton_flavour"] = np.abs(jets["partonFlavour"]).astype(np.float64)
    columns["hadron_flavour"] = jets["hadronFlavour"].astype(np.float64)
    columns |= {name: getattr(inside, name) for name in ("quark", "quark_pt", "hadron", "hadron_pt")}
    band = in_band(jets, jets, _BESIDE)
    band = band.take(band.left != band.right)
    (near,) = closest(band.take(band.dr < _BESIDE), 1)
    of_near = {"pt": jets["pt"], "b": (jets["hadronFlavour"] == 5).astype(np.float64)}
    columns |= {f"near_{name}": values for name, values in _neighbour(near, of_near, _ALONE, len(jets)).items()}
    columns["beside_ht"] = _beside(band, jets["pt"] - of_muons, len(jets))
    columns |= {name: values[jets.event] for name, values in activity(jets, of_muons).items()}
    columns["nPU"] = pileup(events)["nPU"][jets.event]
    return columns


def muon_conditions(muons: Flat, jets: Flat, events: ak.Array) -> Columns:
    """The conditioning variables of generator muons, each of shape (muons,).

    Args:
        muons: from `gen_muons` or `reconstructible`.
        jets: from `gen_jets`, of the same events.
        events: the block, for its pile-up.

    Returns:
        Kinematics and charge; the 15 status flags as 0 or 1; ΔR, Δη, Δφ, pt, mass of the closest GenJet within ΔR 0.4
        (0.5, 0.5, 0.5, 0, 0 if there is none); six pile-up variables. Beyond the 30 of the prototype: `origin`
        and `decay`, `beside_ht` and the event's `activity`.
    """
    columns: Columns = {f"gen_{name}": muons[name].astype(np.float64) for name in ("eta", "phi", "pt")}
    columns["gen_charge"] = charge(muons)
    columns["origin"] = _origins(muons, np.zeros(len(muons)))
    columns["decay"] = _origins(muons, _hadrons(events, muons))
    for bit, name in enumerate(STATUS_FLAGS):
        columns[f"status_{name}"] = ((muons["statusFlags"] >> bit) & 1).astype(np.float64)
    band = in_band(muons, jets, _BESIDE)
    within = band.take(band.dr < _NEAR)
    (near,) = closest(within, 1)
    neighbour = _neighbour(near, {"pt": jets["pt"], "mass": jets["mass"]}, _NO_JET, len(muons))
    columns |= {f"jet_{name}": values for name, values in neighbour.items()}
    of_muons = carried(within.turned, muons["pt"], len(jets))
    columns["beside_ht"] = _beside(band, jets["pt"] - of_muons, len(muons))
    event = muons.event
    columns |= {name: values[event] for name, values in activity(jets, of_muons).items()}
    return columns | {name: values[event] for name, values in pileup(events).items()}


def activity(jets: Flat, of_muons: FloatArray) -> Columns:
    """What a generator event says of its soft activity, each of shape (events,).

    The energy density that is subtracted from every jet, and that fills isolation cones, grows with it: without it
    what is learned on one process is off by some percent on another. Muons in jets, and GenJets that are mostly a
    muon, are left out.

    Args:
        jets: from `gen_jets`.
        of_muons: pt of the muons within each, shape (jets,).

    Returns:
        `event_ht`: scalar sum of the hadronic pt of GenJets above 20 GeV; `event_soft`: number of GenJets below that;
        `event_width`: sum of their masses over sum of their pt, which grows with what lies underneath a jet.
    """
    hadronic = jets["pt"] - of_muons
    jet, hard = of_muons < jets["pt"] / 2, hadronic > _ACTIVE_PT

    def total(weights: FloatArray) -> FloatArray:
        return np.bincount(jets.event, weights=weights, minlength=len(jets.counts)).astype(np.float64)

    return {
        "event_ht": total(np.where(hard, hadronic, 0.0)),
        "event_soft": total((jet & ~hard).astype(np.float64)),
        "event_width": total(jet * jets["mass"]) / np.maximum(total(jet * jets["pt"]), 1.0),
    }


def event_conditions(events: ak.Array, jets: Flat) -> Columns:
    """What the fake jets of an event depend on, each of shape (events,).

    Pile-up, and the number of GenJets: they leave less of the detector free for others.
    """
    return pileup(events) | {"nGenJet": jets.counts.astype(np.float64)}


def pileup(events: ak.Array) -> Columns:
    """The six pile-up variables, each of shape (events,)."""
    require(events, "Pileup")
    return {name: ak.to_numpy(events.Pileup[name]).astype(np.float64) for name in PILEUP}


def charge(muons: Flat) -> FloatArray:
    """Charge of generator muons, ±1: a μ⁻ has the positive PDG code 13."""
    charges: FloatArray = -np.sign(muons["pdgId"]).astype(np.float64)
    return charges


def stack(columns: Columns, features: tuple[Feature, ...]) -> FloatArray:
    """Columns side by side in the order of a feature table, shape (rows, features)."""
    return np.column_stack([columns[feature.name] for feature in features])


def _contents(jets: Flat, of_muons: FloatArray, inside: Contents) -> FloatArray:
    """What each GenJet is, shape (jets,).

    13, 11 or 22 if muons or electrons of the hard process or photons of no hadron carry half of its pt, else its hadron
    flavour 5 or 4, else 1 a light quark, 21 a gluon, 15 a tau within it, 1 too where no parton is named but a quark of
    the hard process has half of its pt, 13 or 11 if it is any other muon or electron; 0 if nothing is known.
    """
    parton, hadron = np.abs(jets["partonFlavour"]), jets["hadronFlavour"].astype(np.int64)
    half, light = jets["pt"] / 2, (parton >= 1) & (parton <= 5)
    leptonic = [inside.prompt_muons >= half, inside.prompt_electrons >= half, inside.prompt_photons >= half]
    partonic = [hadron >= 4, light, parton == 21, inside.taus > 0, inside.quark_pt >= half]
    known = [*leptonic, *partonic, of_muons >= half, inside.electrons >= half]
    return np.select(known, [13, 11, 22, hadron, 1, 21, 15, 1, 13, 11], 0).astype(np.float64)


def _origins(muons: Flat, otherwise: NDArray[Any]) -> FloatArray:
    """Where a muon is from, shape (muons,): 1 the hard process, 15 a tau, else as given."""
    prompt, tau = ((muons["statusFlags"] >> STATUS_FLAGS.index(flag)) & 1 for flag in ("isPrompt", "isTauDecayProduct"))
    return np.select([prompt == 1, tau == 1], [1, 15], otherwise).astype(np.float64)


def _hadrons(events: ak.Array, muons: Flat) -> IntArray:
    """What each muon is from: 5 a b hadron, 4 a c hadron, 45 one of a b hadron, 0 none; shape (muons,)."""
    particles = flatten(events.GenPart, ("pdgId", "genPartIdxMother"))
    code, mother = particles["pdgId"], particles["genPartIdxMother"]
    first, counts = particles.starts[muons.event], particles.counts[muons.event]

    def above(place: IntArray) -> IntArray:
        """Place of the mother; −1 if there is none."""
        local = np.where(place >= 0, mother[place], -1)
        return np.where((local >= 0) & (local < counts), first + local, -1)

    def flavour(place: IntArray) -> IntArray:
        """5 or 4 by the heaviest quark of a hadron's code, else 0."""
        digits = np.abs(code[place]) // np.array([[100], [1000]]) % 10
        quark = np.where((digits == 5).any(axis=0), 5, np.where((digits == 4).any(axis=0), 4, 0))
        return np.where(place >= 0, quark, 0)

    parent = ancestor = above(first + muons["index"])
    beauty = np.zeros(len(muons), dtype=bool)
    for _ in range(_GENERATIONS):
        ancestor = above(ancestor)
        beauty |= flavour(ancestor) == 5
    return np.where((flavour(parent) == 4) & beauty, 45, flavour(parent))


def _beside(band: Pairs, hadronic: FloatArray, rows: int) -> FloatArray:
    """Scalar sum of the hadronic pt of the GenJets in each object's band, shape (rows,)."""
    return carried(band, np.maximum(hadronic, 0.0), rows)


def _neighbour(near: Pairs, of_right: Columns, absent: dict[str, float], rows: int) -> Columns:
    present = {"dr": near.dr, "deta": near.deta, "dphi": near.dphi}
    present |= {name: values[near.right] for name, values in of_right.items()}
    columns = {}
    for name, missing in absent.items():
        columns[name] = np.full(rows, missing)
        columns[name][near.left] = present[name]
    return columns
