"""What the flows are conditioned on: generator jets and muons with their surroundings, from gen-tier event blocks.

What to use when: `gen_jets` and `gen_muons` for the objects of a block, `jet_conditions` and `muon_conditions` for
their conditioning variables, `event_conditions` for what the number of fake jets depends on.

Units: GeV, rad. Differences Δη, Δφ are object − neighbour.

References:
    F. Vaselli et al., "FlashSim prototype: an end-to-end fast simulation using Normalizing Flow", CMS NOTE-2023/003.
"""

from __future__ import annotations

from typing import Final

import awkward as ak
import numpy as np

from flashbench.errors import SchemaError
from flashbench.simulators.flash.features import STATUS_FLAGS, Feature
from flashbench.simulators.flash.pairs import Flat, FloatArray, Pairs, closest, flatten, pairs

LAST_COPY: Final = 1 << 13  # GenPart_statusFlags
PILEUP: Final = ("gpudensity", "nPU", "nTrueInt", "pudensity", "sumEOOT", "sumLOOT")

MUON_PT: Final = 2.5  # GeV; NanoAOD stores muons from 3 GeV
MUON_ETA: Final = 2.8  # the chambers end at 2.4
_NEAR: Final = 0.4  # ΔR to a neighbour of the other kind
_ACTIVE_PT: Final = 20.0  # GeV, above what any NanoAOD stores
_NO_MUON: Final = {"dr": 0.5, "pt": 0.0, "deta": 0.5, "dphi": 0.5}
_NO_JET: Final = {"dr": 0.5, "deta": 0.5, "dphi": 0.5, "pt": 0.0, "mass": 0.0}

Columns = dict[str, FloatArray]


def gen_jets(events: ak.Array) -> Flat:
    """All GenJets of a block.

    Raises:
        SchemaError: the block has no GenJet collection.
    """
    _require(events, "GenJet")
    return flatten(events.GenJet, ("pt", "eta", "phi", "mass", "partonFlavour", "hadronFlavour"))


def gen_muons(events: ak.Array) -> Flat:
    """Stable last-copy muons of a block, whatever their pt; `index` is the place in GenPart.

    Raises:
        SchemaError: the block has no GenPart collection.
    """
    _require(events, "GenPart")
    particles = flatten(events.GenPart, ("pt", "eta", "phi", "pdgId", "status", "statusFlags"))
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
        stands at 0.5, 0, 0.5, 0.5. Beyond the 14 of the prototype: the event's `activity` and pile-up collisions.
    """
    columns: Columns = {}
    for rank, near in enumerate(closest(pairs(jets, muons, _NEAR), 2), start=1):
        neighbour = _neighbour(near, {"pt": muons["pt"]}, _NO_MUON, len(jets))
        columns |= {f"muon{rank}_{name}": values for name, values in neighbour.items()}
    columns |= {f"gen_{name}": jets[name].astype(np.float64) for name in ("eta", "mass", "phi", "pt")}
    columns["parton_flavour"] = np.abs(jets["partonFlavour"]).astype(np.float64)
    columns["hadron_flavour"] = jets["hadronFlavour"].astype(np.float64)
    columns |= {name: values[jets.event] for name, values in activity(jets, muons).items()}
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
        (0.5, 0.5, 0.5, 0, 0 if there is none); six pile-up variables. Beyond the 30 of the prototype: the event's
        `activity`.
    """
    columns: Columns = {f"gen_{name}": muons[name].astype(np.float64) for name in ("eta", "phi", "pt")}
    columns["gen_charge"] = charge(muons)
    for bit, name in enumerate(STATUS_FLAGS):
        columns[f"status_{name}"] = ((muons["statusFlags"] >> bit) & 1).astype(np.float64)
    (near,) = closest(pairs(muons, jets, _NEAR), 1)
    neighbour = _neighbour(near, {"pt": jets["pt"], "mass": jets["mass"]}, _NO_JET, len(muons))
    columns |= {f"jet_{name}": values for name, values in neighbour.items()}
    event = muons.event
    columns |= {name: values[event] for name, values in activity(jets, muons).items()}
    return columns | {name: values[event] for name, values in pileup(events).items()}


def activity(jets: Flat, muons: Flat) -> Columns:
    """What a generator event says of its soft activity, each of shape (events,).

    The energy density that is subtracted from every jet, and that fills isolation cones, grows with it: without it
    what is learned on one process is off by some percent on another. Muons in jets, and GenJets that are mostly a
    muon, are left out.

    Returns:
        `event_ht`: scalar sum of the hadronic pt of GenJets above 20 GeV; `event_soft`: number of GenJets below that;
        `event_width`: sum of their masses over sum of their pt, which grows with what lies underneath a jet.
    """
    near = pairs(jets, muons, _NEAR)
    carried = np.bincount(near.left, weights=muons["pt"][near.right], minlength=len(jets))
    hadronic = jets["pt"] - carried
    jet, hard = carried < jets["pt"] / 2, hadronic > _ACTIVE_PT

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
    _require(events, "Pileup")
    return {name: ak.to_numpy(events.Pileup[name]).astype(np.float64) for name in PILEUP}


def charge(muons: Flat) -> FloatArray:
    """Charge of generator muons, ±1: a μ⁻ has the positive PDG code 13."""
    charges: FloatArray = -np.sign(muons["pdgId"]).astype(np.float64)
    return charges


def stack(columns: Columns, features: tuple[Feature, ...]) -> FloatArray:
    """Columns side by side in the order of a feature table, shape (rows, features)."""
    return np.column_stack([columns[feature.name] for feature in features])


def _neighbour(near: Pairs, of_right: Columns, absent: dict[str, float], rows: int) -> Columns:
    present = {"dr": near.dr, "deta": near.deta, "dphi": near.dphi}
    present |= {name: values[near.right] for name, values in of_right.items()}
    columns = {}
    for name, missing in absent.items():
        columns[name] = np.full(rows, missing)
        columns[name][near.left] = present[name]
    return columns


def _require(events: ak.Array, collection: str) -> None:
    if collection not in events.fields:
        hint = "flash needs the generator tier: GenJet, GenPart and Pileup"
        raise SchemaError("simulator 'flash'", collection, "collection missing", hint)
