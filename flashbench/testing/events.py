"""Synthetic NanoAOD-like events: VBF-shaped enough that all regions of the analysis fill.

Generator and reconstructed columns belong together: jets and muons link to their generator objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import awkward as ak
import numpy as np

from flashbench.events import BRANCHES, branch
from flashbench.simulators.gen import LAST_COPY


def synthetic_events(events: int, seed: int, first_event: int = 1) -> ak.Array:
    """Events with every declared branch: a dimuon near 125 GeV, two tagging jets, soft extras.

    Some have no muons, some no jets; a quarter of the weights is −1.

    Args:
        events: how many.
        seed: of all that is random in them.
        first_event: number of the first; they count upwards.
    """
    rng = np.random.default_rng(seed)
    muons = _muons(rng, events)
    jets = _jets(rng, events)
    gen_jets = {"pt": jets["pt"] * 1.02, **{k: jets[k] for k in ("eta", "phi", "mass")}}
    collections = {
        "Muon": {**muons, "genPartIdx": ak.local_index(muons["pt"])},
        "Jet": {**jets, "genJetIdx": ak.local_index(jets["pt"])},
        "GenPart": {
            **{k: muons[k] for k in ("pt", "eta", "phi", "mass")},
            "pdgId": -13 * muons["charge"],
            "status": ak.ones_like(muons["charge"]),
            "statusFlags": LAST_COPY * ak.ones_like(muons["charge"]),
        },
        "GenJet": gen_jets,
    }
    block: dict[str, Any] = {
        "run": np.ones(events, np.uint32),
        "luminosityBlock": np.ones(events, np.uint32),
        "event": np.arange(first_event, first_event + events, dtype=np.uint64),
        "genWeight": rng.choice([1.0, 1.0, 1.0, -1.0], events),
    }
    for name, given in collections.items():
        fields = dict(given)
        for declared in (b for b in BRANCHES.values() if b.collection == name and b.field not in fields):
            fields[declared.field] = ak.full_like(given["pt"], declared.neutral, dtype=declared.memory_dtype)
        block[name] = ak.zip(fields)
    pileup = {b.field: np.zeros(events, b.memory_dtype) for b in BRANCHES.values() if b.collection == "Pileup"}
    block["Pileup"] = ak.zip({**pileup, "nPU": rng.poisson(32, events).astype(np.int32)}, depth_limit=1)
    return ak.zip(block, depth_limit=1)


def sorted_by_pt(events: ak.Array) -> ak.Array:
    """The same events with muons and jets in order of descending pT."""
    for name in ("Muon", "Jet"):
        objects = events[name]
        order = ak.argsort(objects.pt, axis=1, ascending=False, stable=True)
        events = ak.with_field(events, objects[order], name)
    return events


def without_objects(events: ak.Array) -> ak.Array:
    """The same events, every collection empty; pile-up stays."""
    for name in ("Muon", "Jet", "GenPart", "GenJet"):
        events = ak.with_field(events, events[name][:, :0], name)
    return events


def only(events: ak.Array, names: Iterable[str]) -> ak.Array:
    """The events with the branches `names` and no others, as a simulator would be given them.

    Raises:
        UnknownNameError: the event model has no such branch.
    """
    block: dict[str, Any] = {}
    collections: dict[str, dict[str, Any]] = {}
    for declared in map(branch, names):
        if declared.collection:
            collections.setdefault(declared.collection, {})[declared.field] = events[declared.collection][
                declared.field
            ]
        elif declared.name in events.fields:
            block[declared.name] = events[declared.name]
        else:  # a trigger
            block[declared.name] = np.ones(len(events), declared.memory_dtype)
    for name, fields in collections.items():
        block[name] = ak.zip(fields, depth_limit=1 if name == "Pileup" else None)
    return ak.zip(block, depth_limit=1)


def _muons(rng: np.random.Generator, events: int) -> dict[str, Any]:
    number = rng.choice([0, 1, 2, 3], events, p=[0.05, 0.1, 0.8, 0.05])
    total = int(number.sum())
    rank = _ranks(number)
    phi = np.repeat(rng.uniform(-np.pi, np.pi, events), number) + np.pi * (rank % 2) + rng.normal(0, 0.3, total)
    columns = {
        "pt": np.array([65.0, 58.0, 12.0])[rank] * rng.normal(1, 0.03, total),
        "eta": rng.normal(0, 0.4, total),
        "phi": (phi + np.pi) % (2 * np.pi) - np.pi,
        "mass": np.full(total, 0.1056583755),
        "charge": np.where(rank % 2 == 0, 1, -1).astype(np.int32),
        "pfRelIso04_all": rng.exponential(0.05, total),
        "mediumId": rng.random(total) < 0.95,
        "ptErr": rng.uniform(0.5, 1.5, total),
    }
    return {name: ak.unflatten(values, number) for name, values in columns.items()}


def _jets(rng: np.random.Generator, events: int) -> dict[str, Any]:
    number = rng.choice([0, 1, 2, 3, 4], events, p=[0.05, 0.1, 0.5, 0.25, 0.1])
    total = int(number.sum())
    rank = _ranks(number)
    columns = {
        "pt": np.array([120.0, 70.0, 35.0, 26.0])[rank] * rng.uniform(0.8, 1.25, total) / 1.25**rank,
        "eta": np.where(rank % 2 == 0, 1, -1) * rng.normal(2.4, 0.8, total),
        "phi": rng.uniform(-np.pi, np.pi, total),
        "mass": rng.exponential(10, total),
        "puId": rng.choice([0, 4, 6, 7], total, p=[0.05, 0.05, 0.1, 0.8]).astype(np.int32),
        "jetId": rng.choice([0, 2, 6], total, p=[0.02, 0.03, 0.95]).astype(np.int32),
        "qgl": rng.uniform(0, 1, total),
    }
    return {name: ak.unflatten(values, number) for name, values in columns.items()}


def _ranks(number: Any) -> Any:
    return np.concatenate([np.arange(n) for n in number]) if len(number) else np.empty(0, int)
