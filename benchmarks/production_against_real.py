"""Lay the full tier of `ttbar` beside real NanoAOD: the figures that the reference detector is tuned to.

    python benchmarks/production_against_real.py REAL.root PRODUCED.root [PRODUCED.root …] --out RESULT.json

Beside each figure of the real file stands its statistical floor: the difference between its two halves.
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

GEN_PT = ((20, 30), (30, 50), (50, 80), (80, 120))
ETA_RANGES = {"central": (0.0, 2.4), "endcap": (2.4, 3.0), "forward": (3.0, 4.7)}
JET = ("pt", "eta", "phi", "puId", "jetId", "nConstituents", "btagDeepFlavB", "hadronFlavour", "genJetIdx", "muEF",
       "qgl", "area", "mass", "partonFlavour", "btagDeepB", "btagCSVV2", "bRegCorr")  # fmt: skip
MUON = ("pt", "eta", "genPartIdx", "pfRelIso04_all", "pfRelIso03_all", "pfRelIso03_chg", "mediumId", "isGlobal",
        "softMvaId", "softId", "isPFcand", "ptErr", "dxyErr", "dzErr", "sip3d", "jetRelIso", "jetPtRelv2")  # fmt: skip


def read(path: str) -> ak.Array:
    """The columns that are compared."""
    names = [f"Jet_{n}" for n in JET] + [f"Muon_{n}" for n in MUON]
    names += ["GenJet_pt", "GenJet_eta", "GenJet_phi", "GenPart_statusFlags", "GenPart_pdgId"]
    return uproot.open(path)["Events"].arrays(names)


def matched(events: ak.Array, radius: float = 0.2) -> tuple[Any, Any, Any]:
    """Ratio of pt, gen pt and |gen eta| of jets within `radius` of their GenJet, flat; jets of muons left out."""
    index = events.Jet_genJetIdx
    ok = (index >= 0) & (index < ak.num(events.GenJet_pt)) & (events.Jet_muEF < 0.5)
    safe = index[ok]
    gen_pt, gen_eta, gen_phi = events.GenJet_pt[safe], events.GenJet_eta[safe], events.GenJet_phi[safe]
    turn = (events.Jet_phi[ok] - gen_phi + np.pi) % (2 * np.pi) - np.pi
    near = np.hypot(events.Jet_eta[ok] - gen_eta, turn) < radius
    flat = [ak.to_numpy(ak.flatten(x[near])) for x in (events.Jet_pt[ok] / gen_pt, gen_pt, abs(gen_eta))]
    return flat[0], flat[1], flat[2]


def half_width(values: Any) -> float:
    """Half of the central 68 %, over the median."""
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84])
    return float((high - low) / 2 / middle)


def roc_area(signal: Any, background: Any) -> float:
    """Probability that a signal jet scores above a background jet."""
    both = np.concatenate([signal, background])
    rank = both.argsort().argsort() + 1.0
    for value in np.unique(both[np.isin(both, (-1.0, -2.0, -10.0))]):
        rank[both == value] = rank[both == value].mean()
    n, m = len(signal), len(background)
    return float((rank[:n].sum() - n * (n + 1) / 2) / (n * m))


def measure(events: ak.Array) -> dict[str, float]:
    """Every figure, by name."""
    flat = {name: ak.to_numpy(ak.flatten(events[name])) for name in events.fields if name.startswith(("Jet", "Muon"))}
    result: dict[str, float] = {}
    ratio, gen_pt, gen_eta = matched(events)
    for low, high in GEN_PT:
        inside = (gen_pt > low) & (gen_pt < high)
        central = inside & (gen_eta < 1.3)
        result[f"resolution {low}-{high} |eta|<1.3"] = half_width(ratio[central])
        result[f"response {low}-{high} |eta|<1.3"] = float(np.median(ratio[central]))
        for name, (a, b) in (("1.3-2.4", (1.3, 2.4)), ("2.4-3", (2.4, 3.0)), ("3-4.7", (3.0, 4.7))):
            chosen = inside & (gen_eta > a) & (gen_eta < b)
            if chosen.sum() > 5:
                result[f"info: resolution {low}-{high} {name}"] = half_width(ratio[chosen])
                result[f"info: response {low}-{high} {name}"] = float(np.median(ratio[chosen]))
    pt, eta = flat["Jet_pt"], np.abs(flat["Jet_eta"])
    hard = pt > 20
    alone = flat["Jet_genJetIdx"] < 0
    for name, (a, b) in ETA_RANGES.items():
        inside = (eta >= a) & (eta < b)
        result[f"unmatched jets per event, pt>20, {name}"] = float((alone & hard & inside).sum() / len(events))
        result[f"info: unmatched jets per event, pt>30, {name}"] = float(
            (alone & (pt > 30) & inside).sum() / len(events)
        )
        result[f"info: unmatched jets per event, 15<pt<20, {name}"] = float(
            (alone & ~hard & inside).sum() / len(events)
        )
        result[f"info: jets per event, pt>20, {name}"] = float((hard & inside).sum() / len(events))
        result[f"info: nConstituents, {name}"] = float(flat["Jet_nConstituents"][hard & inside].mean())
        result[f"info: jetId tight, {name}"] = float((flat["Jet_jetId"][inside] & 2 > 0).mean())
        result[f"info: qgl=-1, {name}"] = float((flat["Jet_qgl"][inside & hard] < 0).mean())
        for lo, hi in ((15, 20), (20, 30), (30, 50)):
            cell = inside & (pt > lo) & (pt < hi)
            result[f"info: puId loose, {name} {lo}-{hi}"] = float((flat["Jet_puId"][cell] & 4 > 0).mean())
    result["nConstituents, pt>20"] = float(flat["Jet_nConstituents"][hard].mean())
    result["info: nConstituents std"] = float(flat["Jet_nConstituents"][hard].std())
    for bit, name in ((4, "loose"), (2, "medium"), (1, "tight")):
        result[f"puId {name} pass fraction"] = float((flat["Jet_puId"] & bit > 0).mean())
    result["jetId tight pass fraction"] = float((flat["Jet_jetId"] & 2 > 0).mean())
    result["jetId tight lepton veto pass fraction"] = float((flat["Jet_jetId"] & 4 > 0).mean())
    central = (pt > 30) & (eta < 2.4) & (flat["Jet_muEF"] < 0.5)
    flavour, score = np.abs(flat["Jet_hadronFlavour"]), flat["Jet_btagDeepFlavB"]
    result["DeepFlavB ROC area, b vs udsg"] = roc_area(score[central & (flavour == 5)], score[central & (flavour == 0)])
    result["info: DeepFlavB ROC area, b vs c"] = roc_area(
        score[central & (flavour == 5)], score[central & (flavour == 4)]
    )
    parton = np.abs(flat["Jet_partonFlavour"])
    qgl = central & (flat["Jet_qgl"] >= 0)
    light = (parton > 0) & (parton < 4)
    result["info: qgl ROC area"] = roc_area(flat["Jet_qgl"][qgl & light], flat["Jet_qgl"][qgl & (parton == 21)])
    for name in ("btagDeepB", "btagCSVV2"):
        result[f"info: {name} failed, central"] = float((flat[f"Jet_{name}"][eta < 2.4] < 0).mean())
    result["info: area std, pt>30"] = float(flat["Jet_area"][pt > 30].std())
    result["info: bRegCorr mean b"] = float(flat["Jet_bRegCorr"][central & (flavour == 5)].mean())
    result["info: jet mass, pt 50-100"] = float(flat["Jet_mass"][(pt > 50) & (pt < 100)].mean())
    return result | muon_figures(events)


def muon_figures(events: ak.Array) -> dict[str, float]:
    """Figures of muons, prompt ones by the isPrompt bit of the matched generator muon."""
    index = events.Muon_genPartIdx
    flags = ak.fill_none(ak.pad_none(events.GenPart_statusFlags, 1), 0)
    pdg = ak.fill_none(ak.pad_none(events.GenPart_pdgId, 1), 0)
    linked = (index >= 0) & (abs(pdg[ak.where(index < 0, 0, index)]) == 13)
    prompt = linked & (flags[ak.where(index < 0, 0, index)] & 1 > 0)
    chosen = ak.to_numpy(ak.flatten(prompt & (events.Muon_pt > 20)))
    other = ak.to_numpy(ak.flatten(linked & ~prompt))
    none = ak.to_numpy(ak.flatten(~linked))
    flat = {name: ak.to_numpy(ak.flatten(events[f"Muon_{name}"])) for name in MUON}
    result = {"prompt muon isolation<0.25 efficiency": float((flat["pfRelIso04_all"][chosen] < 0.25).mean())}
    for name, mask in (("prompt", chosen), ("from hadrons", other), ("unmatched", none)):
        result[f"info: muons per event, {name}"] = float(mask.sum() / len(events))
        for flag in ("mediumId", "isGlobal", "isPFcand", "softId", "softMvaId"):
            result[f"info: {flag}, {name}"] = float(flat[flag][mask].mean())
        result[f"info: median pt, {name}"] = float(np.median(flat["pt"][mask]))
        for quantity in ("dxyErr", "dzErr", "sip3d", "jetRelIso", "jetPtRelv2", "pfRelIso03_chg", "pfRelIso03_all"):
            result[f"info: median {quantity}, {name}"] = float(np.median(flat[quantity][mask]))
        result[f"info: median ptErr/pt, {name}"] = float(np.median(flat["ptErr"][mask] / flat["pt"][mask]))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real")
    parser.add_argument("produced", nargs="+")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    real = read(arguments.real)
    target, halves = measure(real), [measure(real[::2]), measure(real[1::2])]
    found = measure(ak.concatenate([read(path) for path in arguments.produced]))
    rows = [
        {"figure": name, "real": target[name], "floor": abs(halves[0][name] - halves[1][name]), "produced": found[name]}
        for name in target
    ]
    for row in rows:
        print(f"{row['figure']:56s} real {row['real']:9.4f} ± {row['floor']:7.4f}  produced {row['produced']:9.4f}")
    if arguments.out:
        content = {"command": " ".join(["python", *sys.argv]), "events": len(real), "figures": rows}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
