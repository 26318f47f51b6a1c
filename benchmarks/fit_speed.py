"""Time of a fit of four simulators, runs given: reading them, templates, bootstrap, toys, limits, pyhf, figures.

    python benchmarks/fit_speed.py --out benchmarks/results/fit_speed.json

Runs are made up: tables on disk of the size of the analysis, 50,000 events a process, one simulator with 25 folds. The
score of an event is that of its truth, smeared and shifted by each simulator: the numbers of the fit mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from flashbench.analysis import Cutflow
from flashbench.compare.fit import COLUMNS, Plan, fit
from flashbench.results import MANIFEST, MANIFEST_VERSION, Part, load_run, write_part
from flashbench.storage import write_json

PROCESSES = {  # pb, part selected, centre and width of the true artanh of the score
    "vbf_hmm": (8.2e-4, 0.21, 1.5, 0.8),
    "dy2j": (0.6, 0.07, 0.3, 0.5),
    "ewk_lljj": (0.023, 0.12, 0.7, 0.6),
    "ttbar_mumu": (9.6, 0.006, 0.15, 0.3),
    "vbf_hmm_alt": (8.2e-4, 0.21, 1.45, 0.8),
}
SIMULATORS = {"full": (1, 0.0), "gen": (1, 0.1), "flash": (1, 0.02), "flash@25": (25, 0.02)}
BLOCK = 2000


def make_run(folder: Path, process: str, simulator: str, events: int) -> None:
    """Parts and manifest of a run."""
    sigma, selected, centre, width = PROCESSES[process]
    folds, shift = SIMULATORS[simulator]
    truth = np.random.default_rng(zlib.crc32(process.encode()))
    noise = np.random.default_rng(zlib.crc32(f"{process}{simulator}".encode()))
    true = np.abs(truth.normal(centre, width, events))
    chance, kind = truth.uniform(size=events), truth.uniform(size=events)
    parts = []
    for start in range(0, events, BLOCK):
        rows = np.repeat(np.arange(start, min(start + BLOCK, events)), folds)
        kept = chance[rows] * noise.uniform(0.9, 1.1, len(rows)) < selected
        score = np.where(kept, np.abs(true[rows] + noise.normal(shift, 0.2, len(rows))), np.nan)
        number = len(rows) // folds
        table: dict[str, Any] = {
            "run": np.ones(len(rows), np.uint32),
            "luminosityBlock": np.ones(len(rows), np.uint32),
            "event": rows.astype(np.uint64),
            "fold": np.tile(np.arange(folds, dtype=np.int32), number),
            "weight": np.ones(len(rows)),
            "region": np.where(kept, np.where(kind[rows] < 0.6, 2, 1), 0).astype(np.int8),
            "jet1_qgl": np.where(kept, 0.5, np.nan),
            "jet2_qgl": np.where(kept, 0.5, np.nan),
            "dnn": np.tanh(score),
            "dnn_atanh": score,
            "dnn_noqgl_atanh": score,
        }
        name = f"parts/{start:08d}.parquet"
        write_part(folder / name, Part(table, Cutflow(), float(number), number, {}, (), {}, {}))
        parts.append(name)
    manifest = {
        "manifest_version": MANIFEST_VERSION, "process": process, "process_label": process, "simulator": simulator,
        "simulator_label": simulator, "folds": folds, "parts": parts, "cross_section_pb": sigma, "dnn": {"sha256": ""},
    }  # fmt: skip
    write_json(folder / MANIFEST, manifest)


def main() -> None:
    """Make runs, time the fit of them, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    plan = Plan(variation="vbf_hmm_alt", normalisation={"dy2j": 0.1, "ewk_lljj": 0.1, "ttbar_mumu": 0.06})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for process in PROCESSES:
            for simulator in SIMULATORS:
                make_run(folder / process / simulator, process, simulator, options.events)
        wall, cpu = time.perf_counter(), time.process_time()
        runs = {(p, s): load_run(folder / p / s, COLUMNS) for p in PROCESSES for s in SIMULATORS}
        read = time.perf_counter() - wall
        report = fit(runs, plan, folder / "fit")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    document = {
        "command": " ".join(["python", *sys.argv]),
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "events_a_process": options.events,
        "simulators": list(SIMULATORS),
        "bins": report.binning.channels,
        "toys": plan.toys,
        "replicas": plan.replicas,
        "reading_seconds": round(read, 2),
        "wall_seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "wanted_seconds": 60,
        "peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 3),
    }
    text = json.dumps(document, indent=2) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
