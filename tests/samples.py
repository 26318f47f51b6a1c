"""Synthetic NanoAOD-like events: VBF-shaped enough that all regions fill."""

import awkward as ak
import numpy as np

from flashbench.events import BRANCHES

LAST_COPY = 1 << 13


def nanoaod_events(events: int, seed: int, first_event: int = 1) -> ak.Array:
    """Events with every declared branch: a dimuon near 125 GeV, two tagging jets, soft extras."""
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
    block = {
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


def _muons(rng: np.random.Generator, events: int) -> dict[str, ak.Array]:
    number = rng.choice([0, 1, 2, 3], events, p=[0.05, 0.1, 0.8, 0.05])
    total = int(number.sum())
    rank = np.concatenate([np.arange(n) for n in number])
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


def _jets(rng: np.random.Generator, events: int) -> dict[str, ak.Array]:
    number = rng.choice([0, 1, 2, 3, 4], events, p=[0.05, 0.1, 0.5, 0.25, 0.1])
    total = int(number.sum())
    rank = np.concatenate([np.arange(n) for n in number])
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
