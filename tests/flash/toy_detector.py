"""Events of a toy detector whose efficiency, response, fakes and charge flips are known."""

import awkward as ak
import numpy as np

from flashbench.events import BRANCHES

LAST_COPY = 1 << 13
JET_EFFICIENCY = 0.8
MUON_EFFICIENCY = 0.9
CHARGE_FLIP = 0.05
FAKES_PER_INTERACTION = 0.03


def toy_events(events: int, seed: int, first_event: int = 1) -> ak.Array:
    """Events with generator and reconstructed columns, linked, sorted by descending pt."""
    rng = np.random.default_rng(seed)
    interactions = rng.poisson(30, events)
    gen_jets, jet_counts = _gen_jets(rng, events)
    gen_muons, muon_counts = _gen_muons(rng, events)
    jets = _jets(rng, gen_jets, jet_counts, interactions)
    muons = _muons(rng, gen_muons, muon_counts)
    block = {
        "run": np.ones(events, np.uint32),
        "luminosityBlock": np.ones(events, np.uint32),
        "event": np.arange(first_event, first_event + events, dtype=np.uint64),
        "genWeight": np.ones(events),
        "GenPart": _collection("GenPart", gen_muons, muon_counts),
        "GenJet": _collection("GenJet", gen_jets, jet_counts),
        "Muon": _by_pt(_collection("Muon", *muons)),
        "Jet": _by_pt(_collection("Jet", *jets)),
        "Pileup": ak.zip(
            {
                "nPU": interactions.astype(np.int32),
                "nTrueInt": rng.uniform(20, 40, events),
                "pudensity": rng.uniform(0, 1, events),
                "gpudensity": rng.uniform(0, 1, events),
                "sumEOOT": rng.poisson(300, events).astype(np.int32),
                "sumLOOT": rng.poisson(100, events).astype(np.int32),
            },
            depth_limit=1,
        ),
    }
    return ak.zip(block, depth_limit=1)


def _gen_jets(rng, events):
    counts = rng.integers(0, 6, events)
    total = int(counts.sum())
    flavour = rng.choice([0, 4, 5], total, p=[0.7, 0.1, 0.2])
    columns = {
        "pt": 25 + rng.exponential(40, total),  # no jet comes out below 15 GeV
        "eta": rng.uniform(-4.5, 4.5, total),
        "phi": rng.uniform(-3.1, 3.1, total),
        "mass": 2 + rng.exponential(5, total),
        "hadronFlavour": flavour,
        "partonFlavour": np.where(flavour > 0, flavour, rng.choice([-1, 1, 21], total)),
    }
    return columns, counts


def _gen_muons(rng, events):
    counts = rng.integers(0, 3, events)
    total = int(counts.sum())
    columns = {
        "pt": 4 + rng.exponential(30, total),
        "eta": rng.uniform(-2.3, 2.3, total),
        "phi": rng.uniform(-3.1, 3.1, total),
        "mass": np.zeros(total),
        "pdgId": rng.choice([-13, 13], total),
        "status": np.ones(total, int),
        "statusFlags": LAST_COPY | rng.integers(0, 2, total),
    }
    return columns, counts


def _jets(rng, gen, counts, interactions):
    found = rng.random(len(gen["pt"])) < JET_EFFICIENCY
    kept, event, index = {k: v[found] for k, v in gen.items()}, *(x[found] for x in _places(counts))
    number = rng.poisson(FAKES_PER_INTERACTION * interactions)
    fakes = int(number.sum())
    real = len(event)
    light = rng.beta(1, 8, real)
    columns = {
        "pt": np.concatenate([kept["pt"] * rng.normal(1.0, 0.1, real), 15 + rng.exponential(5, fakes)]),
        "eta": np.concatenate([kept["eta"] + rng.normal(0, 0.01, real), rng.uniform(-4, 4, fakes)]),
        "phi": np.concatenate([kept["phi"] + rng.normal(0, 0.01, real), rng.uniform(-3.1, 3.1, fakes)]),
        "mass": np.concatenate([kept["mass"] * rng.normal(1.0, 0.1, real), rng.exponential(4, fakes)]),
        "btagDeepFlavB": np.concatenate([np.where(kept["hadronFlavour"] == 5, 1 - light, light), np.zeros(fakes)]),
        "qgl": np.concatenate([rng.random(real), np.full(fakes, -1.0)]),
        "puId": np.concatenate([np.full(real, 7), rng.choice([0, 7], fakes)]),
        "jetId": np.full(real + fakes, 6),
        "nConstituents": rng.poisson(20, real + fakes) + 1,
        "genJetIdx": np.concatenate([index, np.full(fakes, -1)]),
    }
    return _ordered(columns, np.concatenate([event, np.repeat(np.arange(len(counts)), number)]), len(counts))


def _muons(rng, gen, counts):
    found = rng.random(len(gen["pt"])) < MUON_EFFICIENCY
    kept, event, index = {k: v[found] for k, v in gen.items()}, *(x[found] for x in _places(counts))
    real = len(event)
    columns = {
        "pt": kept["pt"] * rng.normal(1.0, 0.01, real),
        "eta": kept["eta"] + rng.normal(0, 1e-4, real),
        "phi": kept["phi"] + rng.normal(0, 1e-4, real),
        "charge": -np.sign(kept["pdgId"]) * np.where(rng.random(real) < CHARGE_FLIP, -1, 1),
        "pfRelIso04_all": rng.exponential(0.1, real),
        "mediumId": rng.random(real) < 0.95,
        "ptErr": 0.01 * kept["pt"],
        "genPartIdx": index,
    }
    return _ordered(columns, event, len(counts))


def _places(counts):
    starts = np.cumsum(counts) - counts
    return np.repeat(np.arange(len(counts)), counts), np.arange(counts.sum()) - np.repeat(starts, counts)


def _ordered(columns, event, events):
    order = np.argsort(event, kind="stable")
    return {k: v[order] for k, v in columns.items()}, np.bincount(event, minlength=events)


def _collection(name, columns, counts):
    total = len(columns["pt"])
    declared = [b for b in BRANCHES.values() if b.collection == name]
    fields = {
        b.field: np.asarray(columns.get(b.field, np.full(total, b.neutral))).astype(b.memory_dtype) for b in declared
    }
    return ak.unflatten(ak.zip(fields), counts)


def _by_pt(objects):
    return objects[ak.argsort(objects.pt, axis=1, ascending=False, stable=True)]
