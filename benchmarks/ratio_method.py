"""How well the ratio method predicts full simulation of a variation, beside what costs less.

    python benchmarks/ratio_method.py --sim flash@25 --events 20000 --out benchmarks/results/ratio_method.json

VAR_full ≈ REF_full · VAR_sim / REF_sim in 15 bins of the signal region. The deviation beyond the error is the largest
|prediction / truth - 1| less the error of the largest of so many deviations (`simultaneous`: 2.2 σ for 15), with all
correlations between the histograms. Baselines: REF_full as it is, and REF_full · VAR_gen / REF_gen.

References:
    F. Vaselli et al., FlashSim prototype, CMS NOTE-2023/003 (deviations of at most 2 %, read off the figure).
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
from flashbench.compare.systematics import BINS, METHOD, VariationStudy, study_variation
from flashbench.simulators import RunName, parse_run_name
from flashbench.storage import plain, write_json
from flashbench.studies import plots_of
from flashbench.workflow import Settings, run_process

REGION = "SR"
ALLOWED = 0.02
"""Deviation beyond the statistical error."""


def measure(
    processes: tuple[Process, Process], name: RunName, settings: Settings, bins: int = BINS
) -> list[dict[str, Any]]:
    """Closure of every observable with a standard plot in the signal region.

    Args:
        processes: reference and variation.
    """
    names = {"full": RunName("full"), "sim": name, "gen": RunName("gen")}
    one, two = ({part: run_process(each, which, settings) for part, which in names.items()} for each in processes)
    known = tabulated([*one.values(), *two.values()], all_observables())
    plots = [(observable, region) for observable, region in plots_of([], REGION) if observable in known]
    return [_line(study) for study in study_variation(one, two, plots, bins)]


def _line(study: VariationStudy) -> dict[str, Any]:
    method = study.closures[METHOD]
    return {
        "observable": study.frame.observable,
        "region": study.frame.region,
        "bins": len(method.prediction.states),
        "valid_bins": int(method.prediction.valid.sum()),
        "allowed_beyond_error": ALLOWED,
        "within": method.beyond_error <= ALLOWED,
        "better_than_baselines": study.best,
        "closures": {
            name: {
                "largest_deviation": closure.largest,
                "its_error": closure.ratio_errors[closure.largest_bin],
                "beyond_error": closure.beyond_error,
                "chi2": closure.chi_square.statistic,
                "ndf": closure.chi_square.ndf,
                "p_value": closure.chi_square.p_value,
                "ratio": closure.ratio,
                "ratio_errors": closure.ratio_errors,
            }
            for name, closure in study.closures.items()
        },
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", default="flash")
    parser.add_argument("--ref", default="vbf_hmm")
    parser.add_argument("--var", default="vbf_hmm_alt")
    parser.add_argument("--bins", type=int, default=BINS)
    parser.add_argument("--events", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--catalogue", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    known = catalogue.load(options.catalogue)
    processes = catalogue.find(known, options.ref), catalogue.find(known, options.var)
    settings = Settings(options.events, options.seed, options.workers, options.runs)
    started = time.perf_counter()
    lines = measure(processes, parse_run_name(options.sim), settings, options.bins)
    document = plain(
        {
            "command": " ".join(["python", *sys.argv]),
            "cpus": os.cpu_count(),
            "reference": options.ref,
            "variation": options.var,
            "simulator": options.sim,
            "seconds": round(time.perf_counter() - started, 1),
            "observables": lines,
        }
    )
    if options.out:
        write_json(options.out, document)
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
