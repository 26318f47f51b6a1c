"""Two tiers of the same toy events, whose difference is known: fast pt and isolation are low, fast scores too sure."""

import awkward as ak
import numpy as np

from flashbench.events import BRANCHES

LAST_COPY = 1 << 13
FAST_PT = 0.95
FAST_ISOLATION = 0.7
FAST_SHARPNESS = 1.3  # of the logarithms of the four probabilities


def toy_tiers(events, seed, first_event=1):
    """Blocks of the fast and the full tier, with generator columns, linked, sorted by descending pt."""
    rng = np.random.default_rng(seed)
    jets = _gen_jets(rng, events)
    muons = _gen_muons(rng, events)
    tiers = []
    for fast in (True, False):
        columns = {
            "run": np.ones(events, np.uint32),
            "luminosityBlock": np.ones(events, np.uint32),
            "event": np.arange(first_event, first_event + events, dtype=np.uint64),
            "genWeight": np.ones(events),
            "GenJet": _collection("GenJet", jets),
            "GenPart": _collection("GenPart", muons),
            "Jet": _by_pt(_collection("Jet", _reco_jets(rng, jets, fast))),
            "Muon": _by_pt(_collection("Muon", _reco_muons(rng, muons, fast))),
        }
        tiers.append(ak.zip(columns, depth_limit=1))
    return tuple(tiers)


def scores_of(probabilities):
    """B, CvB, CvL, QG of probabilities of b, c, uds, g, shape (jets, 4)."""
    b, c, uds, g = probabilities.T
    return {
        "btagDeepFlavB": b,
        "btagDeepFlavCvB": c / (b + c),
        "btagDeepFlavCvL": c / (c + uds + g),
        "btagDeepFlavQG": g / (uds + g),
    }


def _gen_jets(rng, events):
    counts = rng.integers(0, 5, events)
    total = counts.sum()
    place = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    flavour = rng.choice([0, 4, 5], total, p=[0.5, 0.2, 0.3])
    columns = {
        "pt": 25 + rng.exponential(60, total),
        "eta": rng.uniform(-2.4, 2.4, total),
        "phi": -3 + 1.5 * place + rng.uniform(0, 0.3, total),  # never closer than 0.6
        "mass": rng.exponential(8, total),
        "hadronFlavour": flavour,
        "truth": np.log([[0.05, 0.1, 0.45, 0.4], [0.1, 0.4, 0.3, 0.2], [0.6, 0.2, 0.1, 0.1]])[
            np.searchsorted([0, 4, 5], flavour)
        ].T
        + 0.8 * rng.standard_normal((4, total)),
    }
    return columns, counts


def _gen_muons(rng, events):
    counts = rng.integers(0, 3, events)
    total = counts.sum()
    place = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    prompt = rng.random(total) < 0.6
    columns = {
        "pt": 5 + rng.exponential(30, total),
        "eta": rng.uniform(-2.3, 2.3, total),
        "phi": -2 + 2 * place + rng.uniform(0, 0.5, total),
        "mass": np.zeros(total),
        "pdgId": rng.choice([-13, 13], total),
        "status": np.ones(total, int),
        "statusFlags": LAST_COPY | prompt.astype(int),
    }
    return columns, counts


def _reco_jets(rng, generated, fast):
    gen, counts = generated
    total = len(gen["pt"])
    logits = gen["truth"] + 0.3 * rng.standard_normal((4, total))
    if fast:
        logits = logits * FAST_SHARPNESS
    probabilities = np.exp(logits) / np.exp(logits).sum(0)
    index = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    columns = {
        **{name: gen[name] + 0.01 * rng.standard_normal(total) for name in ("eta", "phi")},
        "pt": gen["pt"] * (FAST_PT if fast else 1.0) * rng.normal(1, 0.05, total),
        "mass": gen["mass"],
        **scores_of(probabilities.T),
        "jetId": np.full(total, 6),
        "genJetIdx": index,
        "area": 0.5 + 0.001 * gen["pt"],
    }
    return columns, counts


def _reco_muons(rng, generated, fast):
    gen, counts = generated
    total = len(gen["pt"])
    index = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    isolation = rng.exponential(0.1, total) * (FAST_ISOLATION if fast else 1.0)
    columns = {
        "pt": gen["pt"] * rng.normal(1.0, 0.02, total),
        "eta": gen["eta"],
        "phi": gen["phi"],
        "charge": -np.sign(gen["pdgId"]),
        "pfRelIso04_all": np.where(rng.random(total) < 0.1, 0.0, isolation),
        "mediumId": np.ones(total, bool),
        "genPartIdx": index,
    }
    return columns, counts


def _collection(name, content):
    columns, counts = content
    total = counts.sum()
    declared = [b for b in BRANCHES.values() if b.collection == name]
    fields = {
        b.field: np.asarray(columns.get(b.field, np.full(total, b.neutral))).astype(b.memory_dtype) for b in declared
    }
    return ak.unflatten(ak.zip(fields), counts)


def _by_pt(objects):
    return objects[ak.argsort(objects.pt, axis=1, ascending=False, stable=True)]
