"""The VBF selection once more, as a plain-Python loop that shares no code with flashbench.analysis.

Dimuon pair: the leading selected μ⁺ with the leading selected μ⁻.
"""

import math
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

Event = dict[str, Any]
Cartesian = tuple[float, float, float, float]


def cartesian(particle: dict[str, float]) -> Cartesian:
    px, py = particle["pt"] * math.cos(particle["phi"]), particle["pt"] * math.sin(particle["phi"])
    pz = particle["pt"] * math.sinh(particle["eta"])
    return math.sqrt(px**2 + py**2 + pz**2 + particle["mass"] ** 2), px, py, pz


def pair_mass(a: dict[str, float], b: dict[str, float]) -> float:
    energy, px, py, pz = (x + y for x, y in zip(cartesian(a), cartesian(b), strict=True))
    return math.sqrt(max(energy**2 - px**2 - py**2 - pz**2, 0.0))


def distance(a: dict[str, float], b: dict[str, float]) -> float:
    turn = abs(a["phi"] - b["phi"]) % (2 * math.pi)
    return math.hypot(a["eta"] - b["eta"], min(turn, 2 * math.pi - turn))


def good_muon(muon: dict[str, float], cuts: Any) -> bool:
    return bool(
        muon["pt"] > cuts.muon_pt
        and abs(muon["eta"]) < cuts.muon_abs_eta
        and muon["mediumId"]
        and muon["pfRelIso04_all"] < cuts.muon_isolation
    )


def good_jet(jet: dict[str, float], muons: list[dict[str, float]], cuts: Any) -> bool:
    if jet["pt"] <= cuts.jet_pt or abs(jet["eta"]) >= cuts.jet_abs_eta:
        return False
    if not int(jet["jetId"]) & cuts.jet_id:
        return False
    if jet["pt"] < cuts.pileup_pt and jet["puId"] < cuts.pileup_id:
        return False
    return all(distance(jet, muon) > cuts.jet_muon_distance for muon in muons)


def region(mass: float, cuts: Any) -> int:
    if cuts.signal_low <= mass <= cuts.signal_high:
        return 2
    if cuts.sideband_low < mass < cuts.signal_low or cuts.signal_high < mass < cuts.sideband_high:
        return 1
    return 0


def decisions(event: Event, cuts: Any) -> Iterator[bool]:
    """One cut after the other; not to be asked on after the first that fails."""
    yield True
    if cuts.trigger is not None:
        yield event[cuts.trigger]
    muons = [m for m in event["Muon"] if good_muon(m, cuts)]
    yield len(muons) >= 2
    plus = sorted((m for m in muons if m["charge"] > 0), key=lambda m: -m["pt"])
    minus = sorted((m for m in muons if m["charge"] < 0), key=lambda m: -m["pt"])
    yield bool(plus and minus)
    if cuts.leading_muon_pt is not None:
        yield max(plus[0]["pt"], minus[0]["pt"]) > cuts.leading_muon_pt
    jets = sorted((j for j in event["Jet"] if good_jet(j, muons, cuts)), key=lambda j: -j["pt"])
    yield len(jets) >= 2
    yield jets[0]["pt"] > cuts.leading_jet_pt
    yield jets[1]["pt"] > cuts.second_jet_pt
    yield pair_mass(jets[0], jets[1]) > cuts.dijet_mass
    yield abs(jets[0]["eta"] - jets[1]["eta"]) > cuts.dijet_eta_gap
    where = region(pair_mass(plus[0], minus[0]), cuts)
    yield where in (1, 2)
    yield where == 2


def cutflow(events: list[Event], cuts: Any, n_cuts: int) -> tuple[list[tuple[int, float, float]], list[int]]:
    """(events, Σw, Σw²) after each cut, and the region of each event: 2 passes all cuts, 1 all but the last."""
    counts = [[0, 0.0, 0.0] for _ in range(n_cuts)]
    regions = []
    for event in events:
        passed = sum(1 for _ in takewhile(bool, decisions(event, cuts)))
        regions.append(max(0, 2 - (n_cuts - passed)))
        for step in counts[:passed]:
            step[0] += 1
            step[1] += event["genWeight"]
            step[2] += event["genWeight"] ** 2
    return [(n, w, w2) for n, w, w2 in counts], regions
