"""Flow matching beside the spline flow: accuracy and speed on events that neither was trained on, in one table.

    flashbench flowmatch train --flash flashbench/simulators/flash/weights --share 0.1 \
        --input 'ttbar/shard-000[0-1]*.root' --input 'ttbar_mumu/shard-0000[0-4].root' --out flowmatch-weights
    OMP_NUM_THREADS=1 python benchmarks/flowmatch_vs_spline.py --flash flashbench/simulators/flash/weights \
        --flowmatch flowmatch-weights --input 'ttbar/shard-0006[0-4].root' 'ttbar_mumu/shard-0001[0-4].root' \
        --steps 1 2 4 8 --output benchmarks/results/flowmatch_vs_spline.json

Needs the plugin flashbench-flowmatch. Both generate the targets of the same reconstructed objects from the same
conditions. Mean W1 is over targets, each in units of the real standard deviation, beside the same between random halves
of the real objects (of fewer rows, so an upper bound of the floor); AUC is of a classifier on targets and conditions,
0.5 at best; rate is objects a second of processor time of `generate` on one core, the best of three. How long each was
trained, and on how many objects, stands in the table too: the two are not equally trained unless it says so.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from flashbench.simulators.flash.feature import FloatArray, Kind
from flashbench.simulators.flash.features import JET_CONDITIONS, JET_TARGETS, MUON_CONDITIONS, MUON_TARGETS
from flashbench.simulators.flash.networks import Networks
from flashbench.simulators.flash.weights import load
from flashbench.stats import classifier_test, wasserstein
from flashbench.storage import write_json
from flashbench.training.extraction import extract
from flashbench_flowmatch.model import FlowMatchModel

REPEATS = 3


def mean_distance(first: FloatArray, second: FloatArray) -> float:
    """Mean over columns of W1 in units of the first sample's standard deviation; constant columns are left out."""
    spread = first.std(axis=0)
    columns = np.flatnonzero(spread > 0)
    return float(np.mean([wasserstein(first[:, j], second[:, j]) / spread[j] for j in columns]))


def rate(model: Any, conditions: FloatArray) -> float:
    """Objects a second of processor time, the best of the repeats: other work on the machine does not count."""
    best = 0.0
    for seed in range(REPEATS):
        started = time.process_time()
        model.generate(conditions, np.random.default_rng(seed))
        best = max(best, len(conditions) / (time.process_time() - started))
    return best


def training(folder: Path, part: str) -> dict[str, Any]:
    """Objects, optimiser steps and wall seconds that a network was trained with."""
    facts = load(folder / part)[1]["training"]
    history = folder / "training" / part / "history.jsonl"
    if history.exists():
        last = json.loads(history.read_text(encoding="utf-8").splitlines()[-1])
        return {"rows": facts["rows"], "steps": last["step"], "seconds": last["seconds"]}
    loop = facts["loop"]
    steps = facts["epochs"] * int(0.95 * facts["rows"] // loop["batch"])  # a twentieth is held out
    return {"rows": facts["rows"], "steps": steps, "seconds": facts["seconds"]}


def measured(model: Any, conditions: FloatArray, real: FloatArray, most: int) -> dict[str, float]:
    """Accuracy and speed of one model; the classifier sees `most` objects of each kind."""
    drawn = model.generate(conditions, np.random.default_rng(11))
    numeric = [j for j, f in enumerate(model.conditions) if f.kind is not Kind.CATEGORY]
    varying = np.flatnonzero(real.std(axis=0) > 0)
    rows = slice(0, most)
    events = np.arange(len(real))[rows]
    first, second = (np.column_stack([x[rows][:, varying], conditions[rows][:, numeric]]) for x in (drawn, real))
    keep = second.std(axis=0) > 0
    test = classifier_test(first[:, keep], second[:, keep], first_events=events, second_events=events)
    return {
        "mean_w1": mean_distance(real, drawn),
        "auc": test.auc,
        "auc_error": test.error,
        "objects_per_second": rate(model, conditions),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flash", type=Path, required=True)
    parser.add_argument("--flowmatch", type=Path, required=True)
    parser.add_argument("--input", nargs="+", required=True)
    parser.add_argument("--events", type=int)
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rows", type=int, default=40_000, help="most objects for the classifier, a minute each test")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    tables = extract(given.input, given.events)
    kinds = {
        "jets": (tables.jets, tables.targets["Jet"], JET_TARGETS, JET_CONDITIONS),
        "muons": (tables.muons, tables.targets["Muon"], MUON_TARGETS, MUON_CONDITIONS),
    }
    arguments = json.loads(json.dumps(vars(given), default=str))
    about = {"torch": version("torch"), "platform": platform.platform(), "command": sys.argv, "arguments": arguments}
    results = []
    trained = {
        kind: {"spline": training(given.flash, kind), "matching": training(given.flowmatch, kind)} for kind in kinds
    }
    print(
        f"{'objects':8}{'model':18}{'rows':>9}{'mean W1':>10}{'halves':>10}{'AUC':>16}{'objects/s':>12}"
        f"{'trained: rows':>15}{'steps':>8}{'seconds':>9}"
    )
    for kind, (objects, held, all_targets, all_conditions) in kinds.items():
        conditions = objects.conditions[objects.reconstructed]
        models: dict[str, Any] = {"spline": getattr(Networks.load(given.flash), kind)}
        for steps in given.steps:
            loaded = FlowMatchModel.load(given.flowmatch / kind, all_targets, all_conditions, steps)
            models[f"matching, {steps} steps"] = loaded
        names = [f.name for f in held]
        for name, model in models.items():
            real = objects.targets[:, [names.index(f.name) for f in model.targets]]
            half = np.random.default_rng(0).permutation(len(real))
            floor = mean_distance(real[half[::2]], real[half[1::2]])
            row = {"objects": kind, "model": name, "rows": len(real), "floor_w1": floor}
            row |= measured(model, conditions, real, given.rows)
            facts = trained[kind][name.partition(",")[0]]
            results.append(row | {"training": facts})
            area = f"{row['auc']:.4f} ± {row['auc_error']:.4f}"
            print(
                f"{kind:8}{name:18}{len(real):9,}{row['mean_w1']:10.4f}{floor:10.4f}{area:>16}"
                f"{row['objects_per_second']:12,.0f}{facts['rows']:15,}{facts['steps']:8,}{facts['seconds']:9.0f}",
                flush=True,
            )
            if given.output:
                write_json(given.output, {"results": results, **about})


if __name__ == "__main__":
    main()
