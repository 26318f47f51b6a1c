"""The fit on templates with a known answer: its own Asimov data, pulls of toys, agreement with pyhf, and speed.

    python benchmarks/fit_toys.py --toys 5000 --out benchmarks/results/fit_toys.json

Templates have the sizes of the analysis at 59.7/fb: 10 signal events among 4,500 of background in SR.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from flashbench.stats.fit import Shape, Template, check_with_pyhf, expected_limit, significance, toys, workspace
from flashbench.stats.likelihood import Likelihood

CHANNELS = {"SR": 12, "SB": 4}
SIGNAL = np.r_[np.full(12, 10.0 / 12), 0.15, 0.08, 0.05, 0.02]
BACKGROUNDS = {
    "dy2j": np.r_[1500 * 0.42 ** np.arange(12) * 0.58 + 3, 600, 250, 60, 15],
    "ttbar_mumu": np.r_[2800 * 0.38 ** np.arange(12) * 0.62 + 2, 1200, 350, 60, 12],
    "ewk_lljj": np.r_[85 * 0.7 ** np.arange(12) * 0.3 + 1, 30, 25, 15, 8],
}
RATES = {"dy2j": 0.1, "ttbar_mumu": 0.06, "ewk_lljj": 0.1, "vbf_hmm": 0.02}


def make_workspace(relative: float, correlation: float) -> dict[str, Any]:
    """A workspace whose templates have a relative error, correlated between neighbouring bins as of folds."""
    distance = np.abs(np.subtract.outer(np.arange(16), np.arange(16)))
    matrix = np.where(distance, correlation**distance, 1.0)
    samples = {"vbf_hmm": SIGNAL} | BACKGROUNDS
    templates = {n: Template(v, matrix * np.outer(v, v) * relative**2) for n, v in samples.items()}
    shower = Shape("signal_shower", "vbf_hmm", np.linspace(1.05, 0.92, 16))
    return workspace(templates, CHANNELS, "vbf_hmm", normalisation=RATES, luminosity=0.025, shapes=[shower])


def study(relative: float, correlation: float, number: int, strength: float) -> dict[str, Any]:
    """Pulls of (μ̂ − μ)/σ, and how often the interval of one σ holds μ."""
    content = make_workspace(relative, correlation)
    likelihood = Likelihood.of(content)
    asimov = likelihood.fit(likelihood.expected())
    values = np.zeros((1, len(likelihood.names)))
    values[:, 0] = strength
    rng = np.random.default_rng(1)
    data, centres = toys(likelihood, number, rng)
    if strength != 1.0:
        data = rng.poisson(np.repeat(likelihood.expected(values), number, axis=0)).astype(np.float64)
    started = time.perf_counter()
    fitted = likelihood.fit(data, centres=centres)
    seconds = time.perf_counter() - started
    pulls = ((fitted.strength - strength) / fitted.strength_error)[fitted.converged]
    low, high = np.quantile(pulls, norm.cdf([-1, 1]))
    return {
        "template_error": relative,
        "correlation": correlation,
        "strength": strength,
        "toys": number,
        "not_converged": int((~fitted.converged).sum()),
        "asimov_strength": float(asimov.strength[0]),
        "strength_error": float(asimov.strength_error[0]),
        "significance": float(significance(likelihood)[0]),
        "limit": expected_limit(likelihood),
        "pull_mean": float(pulls.mean()),
        "pull_width": float(pulls.std(ddof=1)),
        "pull_width_error": float(pulls.std(ddof=1) / np.sqrt(2 * len(pulls))),
        "pull_half_width_of_68_percent": float((high - low) / 2),
        "coverage_of_one_sigma": float((np.abs(pulls) < 1).mean()),
        "milliseconds_a_fit": 1000 * seconds / number,
        "pyhf": _pyhf(content, likelihood),
    }


def _pyhf(content: dict[str, Any], likelihood: Likelihood) -> dict[str, float]:
    data = np.random.default_rng(2).poisson(likelihood.expected()[0])
    started = time.perf_counter()
    found = check_with_pyhf(content, data)
    return {**found, "seconds": time.perf_counter() - started}


def main() -> None:
    """Study a few models and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toys", type=int, default=5000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    cases = [(0.0, 0.0, 1.0), (0.1, 0.0, 1.0), (0.1, 0.7, 1.0), (0.2, 0.0, 1.0), (0.1, 0.0, 0.0), (0.1, 0.0, 3.0)]
    document = {
        "command": " ".join(["python", *sys.argv]),
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "signal_events_SR": float(SIGNAL[:12].sum()),
        "background_events_SR": float(sum(b[:12].sum() for b in BACKGROUNDS.values())),
        "studies": [study(relative, correlation, options.toys, mu) for relative, correlation, mu in cases],
    }
    text = json.dumps(document, indent=2) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
