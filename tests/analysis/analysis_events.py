"""Events for the tests: random ones near every threshold, and the real ones straight from uproot."""

import os
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

LAST_COPY = 13  # bit of GenPart_statusFlags
MUON_MASS = 0.1056583755


def random_events(n_events: int, seed: int) -> ak.Array:
    """Muons and jets with values on thresholds, in any order of pT, weights of both signs."""
    rng = np.random.default_rng(seed)

    def jagged(counts, values):
        return ak.unflatten(values, counts)

    n_muons = rng.integers(0, 5, n_events)
    n_jets = rng.integers(0, 7, n_events)
    m, j = int(n_muons.sum()), int(n_jets.sum())
    muons = {
        "pt": np.where(rng.random(m) < 0.05, rng.choice([20.0, 26.0], m), 15 + rng.exponential(40, m)),
        "eta": np.where(rng.random(m) < 0.02, 2.4, rng.uniform(-2.6, 2.6, m)),
        "phi": rng.uniform(-np.pi, np.pi, m),
        "mass": np.full(m, MUON_MASS),
        "charge": rng.choice([-1, 1], m).astype(np.int32),
        "pfRelIso04_all": np.where(rng.random(m) < 0.02, 0.25, rng.exponential(0.08, m)),
        "mediumId": rng.random(m) < 0.9,
        "ptErr": rng.uniform(0.1, 2, m),
    }
    jets = {
        "pt": np.where(rng.random(j) < 0.1, rng.choice([25.0, 35.0, 50.0], j), 20 + rng.exponential(60, j)),
        "eta": np.where(rng.random(j) < 0.02, -4.7, rng.uniform(-5, 5, j)),
        "phi": rng.uniform(-np.pi, np.pi, j),
        "mass": rng.exponential(10, j),
        "puId": rng.choice([0, 4, 6, 7], j).astype(np.int32),
        "jetId": rng.choice([0, 2, 6], j, p=[0.1, 0.1, 0.8]).astype(np.int32),
        "qgl": rng.uniform(-1, 1, j),
    }
    return ak.zip(
        {
            "genWeight": rng.normal(1, 1, n_events),
            "HLT_IsoMu24": rng.random(n_events) < 0.8,
            "Muon": ak.zip({name: jagged(n_muons, values) for name, values in muons.items()}),
            "Jet": ak.zip({name: jagged(n_jets, values) for name, values in jets.items()}),
        },
        depth_limit=1,
    )


def real_file() -> Path:
    """The CMS file, or skips the test."""
    if "FLASHBENCH_REAL_DATA" not in os.environ:
        pytest.skip("FLASHBENCH_REAL_DATA is not set: no real events to read")
    return Path(os.environ["FLASHBENCH_REAL_DATA"]) / "NanoAODv5_sample.root"


def _float64(array: ak.Array) -> ak.Array:
    return ak.values_astype(array, np.float64)


def real_full_events() -> ak.Array:
    """Reconstructed muons and jets of the real file."""
    with uproot.open(real_file()) as file:
        tree = file["Events"].arrays(filter_name=["genWeight", "HLT_IsoMu24", "Muon_*", "Jet_*"])
    muon_floats, muon_flags = ("pt", "eta", "phi", "mass", "pfRelIso04_all", "ptErr"), ("charge", "mediumId")
    jet_floats, jet_flags = ("pt", "eta", "phi", "mass", "qgl"), ("puId", "jetId")
    muons = {x: _float64(tree[f"Muon_{x}"]) for x in muon_floats} | {x: tree[f"Muon_{x}"] for x in muon_flags}
    jets = {x: _float64(tree[f"Jet_{x}"]) for x in jet_floats} | {x: tree[f"Jet_{x}"] for x in jet_flags}
    columns = {"genWeight": _float64(tree.genWeight), "Muon": ak.zip(muons), "Jet": ak.zip(jets)}
    if "HLT_IsoMu24" in tree.fields:
        columns["HLT_IsoMu24"] = tree.HLT_IsoMu24
    return ak.zip(columns, depth_limit=1)


def real_gen_events() -> ak.Array:
    """Last-copy status-1 muons and GenJets of the real file in the place of reconstructed ones."""
    with uproot.open(real_file()) as file:
        tree = file["Events"].arrays(filter_name=["genWeight", "GenPart_*", "GenJet_*"])
    last = (tree.GenPart_statusFlags >> LAST_COPY) % 2 == 1
    stable = (abs(tree.GenPart_pdgId) == 13) & (tree.GenPart_status == 1) & last
    muons = {name: _float64(tree[f"GenPart_{name}"][stable]) for name in ("pt", "eta", "phi")}
    ones, zeros = ak.ones_like(muons["pt"]), ak.zeros_like(muons["pt"])
    muons |= {"mass": MUON_MASS * ones, "charge": -np.sign(tree.GenPart_pdgId[stable])}
    muons |= {"pfRelIso04_all": zeros, "mediumId": ones == 1, "ptErr": zeros}
    jets = {name: _float64(tree[f"GenJet_{name}"]) for name in ("pt", "eta", "phi", "mass")}
    seven = ak.full_like(jets["pt"], 7, dtype=np.int32)
    jets |= {"puId": seven, "jetId": seven - 1, "qgl": ak.full_like(jets["pt"], 0.98)}
    columns = {"genWeight": _float64(tree.genWeight), "Muon": ak.zip(muons), "Jet": ak.zip(jets)}
    return ak.zip(columns, depth_limit=1)
