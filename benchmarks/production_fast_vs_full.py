"""How the fast grade differs from the full one: b-tag ROC areas, and W1 of every target over its floor.

    python benchmarks/production_fast_vs_full.py --process ttbar --events 20000 --out RESULT.json

W1 is between the same events' full and fast columns, in units of the full column's standard deviation; the floor is
the same distance between two halves of the full events.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from scipy.stats import wasserstein_distance

from flashbench.events import Tier
from flashbench.production import produce
from flashbench.stats import roc_area

JET = ("area", "btagCMVA", "btagCSVV2", "btagDeepB", "btagDeepC", "btagDeepFlavB", "btagDeepFlavC", "bRegCorr", "mass",
       "nConstituents", "pt", "qgl", "muEF", "puId", "jetId")  # fmt: skip
MUON = ("pt", "dxy", "dxyErr", "dz", "dzErr", "ip3d", "isGlobal", "isPFcand", "isTracker", "jetPtRelv2", "jetRelIso",
        "mediumId", "pfRelIso03_all", "pfRelIso03_chg", "pfRelIso04_all", "ptErr", "sip3d", "softId", "softMva",
        "softMvaId")  # fmt: skip
TARGETS = [f"Jet_{name}" for name in JET] + [f"Muon_{name}" for name in MUON]


def distance(first: Any, second: Any) -> float:
    """W1 in units of the first's standard deviation, both clipped to the first's central 99.8 %."""
    low, high = np.quantile(first, [0.001, 0.999])
    a, b = np.clip(first, low, high), np.clip(second, low, high)
    spread = a.std()
    return float(wasserstein_distance(a, b) / spread) if spread > 0 else 0.0


def area(events: ak.Array) -> float:
    """ROC area of DeepFlavB, b against udsg, central jets above 30 GeV."""
    chosen = (events.Jet_pt > 30) & (abs(events.Jet_eta) < 2.4) & (events.Jet_muEF < 0.5)
    score = ak.to_numpy(ak.flatten(events.Jet_btagDeepFlavB[chosen]))
    flavour = ak.to_numpy(ak.flatten(events.Jet_hadronFlavour[chosen]))
    return roc_area(score[flavour == 5], score[flavour == 0]).value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--process", default="ttbar")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    sample = produce(arguments.process, arguments.events, workers=arguments.workers)
    names = [*TARGETS, "Jet_eta", "Jet_hadronFlavour"]
    full, fast = (
        ak.concatenate([uproot.open(path)["Events"].arrays(names) for path in sample.files[tier]])
        for tier in (Tier.FULL, Tier.FAST)
    )
    rows = []
    for name in TARGETS:
        columns = [ak.to_numpy(ak.flatten(part[name])).astype(float) for part in (full, fast, full[::2], full[1::2])]
        rows.append({"target": name, "w1": distance(*columns[:2]), "floor": distance(*columns[2:])})
        print(f"{name:24s} W1 {rows[-1]['w1']:.4f} floor {rows[-1]['floor']:.4f}")
    means = {key: float(np.mean([row[key] for row in rows])) for key in ("w1", "floor")}
    areas = {"full": area(full), "fast": area(fast)}
    content = {
        "command": " ".join(["python", *sys.argv]),
        "events": sample.events,
        "roc_area": areas | {"fast_minus_full": areas["fast"] - areas["full"]},
        "mean_w1": means | {"ratio": means["w1"] / means["floor"]},
        "targets": rows,
    }
    print(content["roc_area"], content["mean_w1"])
    if arguments.out:
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
