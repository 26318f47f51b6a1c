"""FlashSim in the analysis of processes it never saw: yields and jet kinematics, and what fakes and efficiencies do.

    python benchmarks/flash_event_level.py --events 30000 --output benchmarks/results/flash_event_level.json

Yields are flash over full in SR ∪ SB, with the error of a paired bootstrap over generator events. A W1 stands beside
what it is by chance, if flash drew from the distribution of full (`null`), and beside that of two halves of full
(`halves`). Required: yield within 2 % or two errors, W1 of second-jet pT and R(pT) at most twice the null; without
fakes visibly worse. Samples are produced, or taken from files: `--files dy2j=GLOB`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from flashbench import catalogue, engine, provenance
from flashbench.analysis import OBSERVABLES
from flashbench.compare import histograms, metrics
from flashbench.compare.pairing import pair_runs
from flashbench.events import Tier
from flashbench.results import RunResult
from flashbench.simulators import parse_run_name
from flashbench.stats import REPLICAS
from flashbench.storage import write_json
from flashbench.workflow import Settings, find_input

REGION: Final = "PreSel"  # SR ∪ SB
SHOWN: Final = ("jet1_pt", "jet2_pt", "pt_balance", "dijet_mass", "dijet_eta_gap", "n_jets", "dimuon_mass")
REQUIRED: Final = ("jet2_pt", "pt_balance")
FLASH: Final = "flash"
ABLATIONS: Final = ("flash:fakes=off", "flash:efficiency=off")
MOST_OFF: Final = 0.02  # of a yield
MOST_NULLS: Final = 2.0


def runs_of(process: catalogue.Process, files: list[str], settings: Settings, folds: int, out: Path) -> list[RunResult]:
    """Full, flash and its ablations on the same events, every one thrown so often."""
    if not files:
        found = find_input(process, Tier.FULL, settings)
        files, settings = found.files, replace(settings, events=found.events)
    runs = []
    for name in ("full", *(f"{name}@{folds}" for name in (FLASH, *ABLATIONS))):
        print(f"{name} on {process.key}", flush=True)
        request = engine.RunRequest(
            process.key, parse_run_name(name), process.label, settings.seed, settings.events, dnn=None
        )
        runs.append(engine.run(request, files, out / process.key / name, workers=settings.workers))
    return runs


def measure(runs: list[RunResult]) -> dict[str, Any]:
    """Yields and distances of every simulator from full, and whether flash is as required."""
    (process,) = pair_runs(runs)
    observables = [replace(each, regions=(REGION,)) for each in OBSERVABLES if each.name in SHOWN]
    records = list(metrics.measure(*histograms.fill(process, observables, REPLICAS)))
    result: dict[str, Any] = {"generated events": runs[0].n_events, "selected by full": _selected(runs[0])}
    for run in runs[1:]:
        mine = [each for each in records if each.simulator == run.simulator and each.region == REGION]
        ratio = next(each for each in mine if each.observable is None and each.metric == "yield_ratio")
        distances = {each.observable: each for each in mine if each.observable and each.metric == "wasserstein"}
        result[run.simulator.partition("@")[0]] = {
            "yield over full": {"value": ratio.value, "error": ratio.error},
            "W1": {name: _distance(each) for name, each in distances.items()},
        }
    result["required"] = _required(result)
    return result


def _selected(run: RunResult) -> int:
    return int((run.table["region"] > 0).sum())


def _distance(record: metrics.MetricRecord) -> dict[str, float | None]:
    in_nulls = record.value / record.null if record.value is not None and record.null else None
    names = ("value", "error", "null", "null_spread", "significance", "halves")
    return {name: getattr(record, name) for name in names} | {"in nulls": in_nulls}


def _required(result: dict[str, Any]) -> dict[str, bool]:
    flash, without = result[FLASH], result[ABLATIONS[0]]
    ratio = flash["yield over full"]
    off, off_without = (abs(each["yield over full"]["value"] - 1) for each in (flash, without))
    nulls, nulls_without = ([each["W1"][name]["in nulls"] for name in REQUIRED] for each in (flash, without))
    worse = max(nulls_without) > MOST_NULLS or off_without > MOST_OFF + 2 * ratio["error"]
    return {
        "yield within 2 % or two errors": off <= max(MOST_OFF, 2 * ratio["error"]),
        "W1 of second-jet pT and R(pT) at most twice the null": max(nulls) <= MOST_NULLS,
        "worse without fakes": worse and max(nulls_without) > max(nulls),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--process", action="append", help="repeatable; default vbf_hmm and dy2j")
    parser.add_argument("--files", action="append", default=[], metavar="PROCESS=GLOB", help="full tier of a process")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument(
        "--seed", type=int, default=1, help="of production and simulator; flash learned from ttbar only"
    )
    parser.add_argument("--folds", type=int, default=5, help="throws of every event by flash")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs-flash-event-level"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/flash_event_level.json"))
    arguments = parser.parse_args()
    given = dict(each.split("=", 1) for each in arguments.files)
    processes = catalogue.load()
    settings = Settings(arguments.events, arguments.seed, arguments.workers)
    results = {}
    for key in arguments.process or ["vbf_hmm", "dy2j"]:
        files = [given[key]] if key in given else []
        results[key] = measure(
            runs_of(catalogue.find(processes, key), files, settings, arguments.folds, arguments.runs)
        )
        print(key, results[key]["required"], flush=True)
    content = {
        "command": " ".join(["python", *sys.argv]),
        "provenance": provenance.describe(),
        "region": "SR ∪ SB",
        "replicas": REPLICAS,
        "folds": arguments.folds,
        "processes": results,
    }
    write_json(arguments.output, content)


if __name__ == "__main__":
    main()
