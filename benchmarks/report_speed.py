"""Time of a comparison and its page, runs given: reading tables, metrics with nulls, figures, fit, report.

    python benchmarks/report_speed.py --runs runs --process vbf_hmm dy2j --sim full fast flash refined gen \
        --out benchmarks/results/report_speed.json

Runs are those that `flashbench run` wrote. Only the first `--observables` that they have are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from flashbench import catalogue
from flashbench.analysis import OBSERVABLES
from flashbench.compare import Roles, compare
from flashbench.results import load_run

WANTED_SECONDS, WANTED_BYTES = 60.0, 15_000_000


def main() -> None:
    """Compare, time it, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--process", nargs="+", default=["vbf_hmm", "dy2j"])
    parser.add_argument("--sim", nargs="+", default=["full", "fast", "flash", "refined", "gen"])
    parser.add_argument("--observables", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder of the comparison; by default it is thrown away")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    # Scores last in the list are compared too: a fit needs them.
    chosen = (*OBSERVABLES[: options.observables - 3], *OBSERVABLES[-3:])
    known = catalogue.built_in()
    started = time.perf_counter()
    runs = [load_run(options.runs / process / sim) for process in options.process for sim in options.sim]
    read = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, patch("flashbench.analysis.all_observables", lambda: chosen):
        roles = Roles.of([known[process] for process in options.process])
        made = compare(runs, options.keep or Path(folder), roles=roles, workers=options.workers)
        ended = time.perf_counter()
        result = {
            "command": " ".join(["python", *sys.argv]),
            "cpus": os.cpu_count(),
            "load_average": os.getloadavg()[0],
            "simulators": options.sim,
            "events": {run.process: run.n_events for run in runs},
            "observables": len(chosen),
            "figures": {"observables": len(made.pictures), "others": len(made.exhibits)},
            "reading_seconds": read - started,
            "wall_seconds": ended - started,
            "cpu_seconds": sum(os.times()[:4]),
            "page_bytes": made.report.stat().st_size,
            "fitted": sorted(made.fitted.simulators) or made.fitted.reason,
            "wanted": {"wall_seconds": WANTED_SECONDS, "page_bytes": WANTED_BYTES},
        }
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
