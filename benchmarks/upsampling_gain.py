"""What folds gain in the mean statistical error, beside what is published for FlashSim.

    python benchmarks/upsampling_gain.py --sim flash --events 20000 --out benchmarks/results/upsampling_gain.json

The mean error is the mean over the bins of a standard plot of √(Σ w² p²), with p the part of an event's folds in the
bin; the gain is that with one fold over that with all. One run serves both: one fold is the first of all.

References:
    F. Vaselli et al., FlashSim prototype, CMS NOTE-2023/003.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from flashbench import catalogue
from flashbench.analysis import all_observables
from flashbench.catalogue import Process
from flashbench.compare.discriminator import tabulated
from flashbench.compare.upsampling import FoldStudy, study_folds
from flashbench.simulators import RunName, parse_run_name
from flashbench.storage import plain, write_json
from flashbench.studies import check_folds, plots_of
from flashbench.workflow import Settings, run_process

PUBLISHED = {
    ("vbf_hmm", "dnn_atanh"): {"one_fold": 32.3, "folds_25": 14.2, "gain": 2.3},
    ("vbf_hmm", "ln_zstar"): {"one_fold": 14.4, "folds_25": 11.2, "gain": 1.3},
    ("dy2j", "dnn_atanh"): {"one_fold": 3.2, "folds_25": 1.1, "gain": 2.9},
}
"""With 25 folds; errors are in the events of those samples, and only their ratio is to be compared."""

SMEARED = ("dnn_atanh", "pt_balance", "jet1_pt", "jet2_pt", "dijet_mass", "dimuon_mass")
SHARP = ("ln_zstar",)
REGIONS = ("SR", "PreSel")


def measure(process: Process, name: RunName, folds: int, settings: Settings) -> list[dict[str, Any]]:
    """Gains of the smeared observables and of the sharp one, in both regions."""
    check_folds(name)
    run = run_process(process, RunName(name.simulator, folds, name.options), settings)
    known = {observable.name for observable in tabulated([run], all_observables())}
    wanted = [each for each in (*SMEARED, *SHARP) if each in known]
    plots = [plot for region in REGIONS for plot in plots_of(wanted, region)]
    return [_line(study) for study in study_folds(run, [folds], plots)]


def _line(study: FoldStudy) -> dict[str, Any]:
    one, most = study.levels[0], study.levels[-1]
    frame = study.frame
    return {
        "observable": frame.observable,
        "region": frame.region,
        "mean_error_one_fold": one.mean_error,
        "mean_error": most.mean_error,
        "gain": most.gain,
        "expected_gain": one.expected / most.expected,
        "gain_at_plateau": study.plateau_gain,
        "published": PUBLISHED.get((frame.process, frame.observable)) if most.folds == 25 else None,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", default="flash")
    parser.add_argument("--process", default="vbf_hmm")
    parser.add_argument("--folds", type=int, default=25)
    parser.add_argument("--events", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--catalogue", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    process = catalogue.find(catalogue.load(options.catalogue), options.process)
    settings = Settings(options.events, options.seed, options.workers, options.runs)
    started = time.perf_counter()
    lines = measure(process, parse_run_name(options.sim), options.folds, settings)
    document = plain(
        {
            "command": " ".join(["python", *sys.argv]),
            "cpus": os.cpu_count(),
            "process": process.key,
            "simulator": options.sim,
            "folds": options.folds,
            "seconds": round(time.perf_counter() - started, 1),
            "gains": lines,
        }
    )
    if options.out:
        write_json(options.out, document)
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
