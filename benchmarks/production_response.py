"""Derive the jet response tables of the reference detector from multijet events, and check them on another sample.

    python benchmarks/production_response.py --events 4000 --closure 1000 --out RESULT.json

Writes `flashbench/production/detector/weights/response-{full,fast}.json`. The calibration sample (multijets, flat in
pt by event weights that the fit ignores) and the closure sample (ttbar) share neither process nor seed.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from flashbench.events import Tier
from flashbench.production.cache import cache_directory
from flashbench.production.detector import response as responses
from flashbench.production.detector.chain import cross, simulate
from flashbench.production.detector.grades import grade_of
from flashbench.production.generate import events_of_generated, generate
from flashbench.production.minimum_bias import PARTS, PoolSettings, load_pool, make_part
from flashbench.production.ragged import blocks
from flashbench.production.recipes import Recipe, recipe
from flashbench.production.workers import quiet

MULTIJETS = Recipe(
    "multijets",
    "multijets",
    (
        "HardQCD:all = on",
        "PhaseSpace:pTHatMin = 12.",
        "PhaseSpace:bias2Selection = on",
        "PhaseSpace:bias2SelectionPow = 4.5",
        "PhaseSpace:bias2SelectionRef = 20.",
    ),
)
ETA = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.2, 6.0)
PT = (8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 65, 85, 120, 180, 300, 600)
SHARD = 500


def pairs_of(job: tuple[str, int, Tier, bool]) -> Any:
    """Offset-subtracted pt, corrected pt, gen pt and |gen eta| of well matched, isolated jets; shape (4, jets)."""
    process, seed, tier, corrected = job
    chosen = MULTIJETS if process == "multijets" else recipe(process)
    generated, _ = generate(chosen, SHARD, seed, Path("/tmp"))
    pool = load_pool(cache_directory() / "minimum-bias", PoolSettings())
    table = responses.load(tier) if corrected else responses.UNITY
    columns = []
    for first, last in blocks(generated.events, 250):
        part = events_of_generated(generated, first, last)
        grade = grade_of(tier)
        key = (seed, "response", first)
        crossing = cross(part, pool, grade.pileup, *key)
        lowest = 15.0 if corrected else 2.0
        seen = simulate(crossing, grade, table, *key, lowest_pt=lowest, untagged=True).jets
        jets = crossing.gen_jets
        ok = (seen["genJetIdx"] >= 0) & (seen["muEF"] < 0.5) & (seen["chEmEF"] < 0.5)
        gen = (jets.starts[seen.event] + seen["genJetIdx"])[ok]
        turn = (seen["phi"][ok] - jets["phi"][gen] + np.pi) % (2 * np.pi) - np.pi
        near = np.hypot(seen["eta"][ok] - jets["eta"][gen], turn) < 0.2
        values = [seen["subtracted"][ok], seen["pt"][ok], jets["pt"][gen], np.abs(jets["eta"][gen])]
        columns.append(np.stack(values)[:, near])
    return np.concatenate(columns, axis=1)


def derive(found: Any) -> dict[str, Any]:
    """Correction knots in each bin of |eta|: gen pt over median measured pt, at that measured pt."""
    measured, _, gen, eta = found
    rows_pt, rows_factor = [], []
    for low, high in pairwise(ETA):
        knots = []
        for a, b in pairwise(PT):
            inside = (eta >= low) & (eta < high) & (gen >= a) & (gen < b)
            if inside.sum() >= 25:
                ratio = float(np.median(measured[inside] / gen[inside]))
                centre = float(np.exp(np.mean(np.log(gen[inside]))))
                knots.append((centre * ratio, 1 / ratio))
        knots = sorted(knots)
        while len(knots) < len(PT) - 1:
            knots.append((knots[-1][0] * 1.5, knots[-1][1]))
        rows_pt.append([round(knot[0], 3) for knot in knots])
        rows_factor.append([round(knot[1], 4) for knot in knots])
    return {"eta": list(ETA), "pt": rows_pt, "factor": rows_factor}


def closure(found: Any) -> list[dict[str, float]]:
    """Median corrected response of an independent sample, in bins."""
    _, pt, gen, eta = found
    rows = []
    for low, high in ((0.0, 1.3), (1.3, 2.5), (2.5, 3.0), (3.0, 4.7)):
        for a, b in ((20, 30), (30, 50), (50, 80), (80, 120), (120, 300)):
            inside = (eta >= low) & (eta < high) & (gen >= a) & (gen < b)
            if inside.sum() > 20:
                ratio = pt[inside] / gen[inside]
                error = 1.25 * float(ratio.std()) / float(np.sqrt(inside.sum()))
                row = {"eta_low": low, "eta_high": high, "pt_low": a, "pt_high": b, "jets": int(inside.sum())}
                rows.append(row | {"response": float(np.median(ratio)), "error": error})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--closure", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep the shipped tables, measure their closure only")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    weights = Path(responses.__file__).parent / "weights"
    results = {}
    context = get_context("spawn")
    with ProcessPoolExecutor(arguments.workers, mp_context=context, initializer=quiet) as executor:
        directory = cache_directory() / "minimum-bias"
        list(executor.map(make_part, [directory] * PARTS, [PoolSettings()] * PARTS, range(PARTS)))
        for tier in (Tier.FULL, Tier.FAST):
            if not arguments.keep:
                jobs = [("multijets", 7000 + n, tier, False) for n in range(arguments.events // SHARD)]
                table = derive(np.concatenate(list(executor.map(pairs_of, jobs)), axis=1))
                (weights / f"response-{tier}.json").write_text(json.dumps(table) + "\n", encoding="utf-8")
            jobs = [("ttbar", 9000 + n, tier, True) for n in range(arguments.closure // SHARD)]
            results[str(tier)] = closure(np.concatenate(list(executor.map(pairs_of, jobs)), axis=1))
            for row in results[str(tier)]:
                print(tier, row)
    if arguments.out:
        content = {"command": " ".join(["python", *sys.argv]), "closure": results}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
