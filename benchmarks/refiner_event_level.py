"""Refined and fast simulation in the analysis: yields in SR ∪ SB and shapes, against full on the same events.

    python benchmarks/refiner_event_level.py --process vbf_hmm --process ttbar_mumu --events 30000 \\
        --output benchmarks/results/refiner_event_level.json

Yields are over full, with the error of a paired bootstrap over generator events. A W1 stands beside what it is by
chance, if the simulator drew from the distribution of full (`null`). Both tiers of the samples are produced.
FLASHBENCH_REFINED_WEIGHTS names the weights.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from flashbench import catalogue, provenance
from flashbench.analysis import OBSERVABLES
from flashbench.compare import histograms, metrics
from flashbench.compare.pairing import pair_runs
from flashbench.results import RunResult
from flashbench.simulators import parse_run_name
from flashbench.stats import REPLICAS
from flashbench.storage import write_json
from flashbench.workflow import Settings, run_process

REGION: Final = "PreSel"  # SR ∪ SB
SIMULATORS: Final = ("full", "fast", "refined")
SHOWN: Final = ("dnn_atanh", "dnn_noqgl_atanh", "dimuon_mass", "jet1_pt", "jet2_pt", "pt_balance", "dijet_mass")


def measure(runs: list[RunResult]) -> dict[str, Any]:
    """Yields and distances of fast and of refined from full."""
    (process,) = pair_runs(runs)
    observables = [replace(each, regions=(REGION,)) for each in OBSERVABLES if each.name in SHOWN]
    records = list(metrics.measure(*histograms.fill(process, observables, REPLICAS)))
    selected = int((runs[0].table["region"] > 0).sum())
    result: dict[str, Any] = {"generated events": runs[0].n_events, "selected by full": selected}
    for run in runs[1:]:
        mine = [each for each in records if each.simulator == run.simulator and each.region == REGION]
        ratio = next(each for each in mine if each.observable is None and each.metric == "yield_ratio")
        distances = {each.observable: each for each in mine if each.observable and each.metric == "wasserstein"}
        result[run.simulator] = {
            "yield over full": {"value": ratio.value, "error": ratio.error},
            "W1": {name: {"value": d.value, "error": d.error, "null": d.null} for name, d in distances.items()},
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--process", action="append", help="repeatable; default vbf_hmm and ttbar_mumu")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=2, help="of production; the refiner learned from seed 1")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--catalogue", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs-refiner"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/refiner_event_level.json"))
    arguments = parser.parse_args()
    processes = catalogue.load(arguments.catalogue)
    settings = Settings(arguments.events, arguments.seed, arguments.workers, arguments.runs)
    results = {}
    for key in arguments.process or ["vbf_hmm", "ttbar_mumu"]:
        chosen = catalogue.find(processes, key)
        results[key] = measure([run_process(chosen, parse_run_name(name), settings) for name in SIMULATORS])
        print(key, results[key], flush=True)
    content = {
        "command": " ".join(["python", *sys.argv]),
        "provenance": provenance.describe(),
        "region": "SR ∪ SB",
        "replicas": REPLICAS,
        "processes": results,
    }
    write_json(arguments.output, content)


if __name__ == "__main__":
    main()
