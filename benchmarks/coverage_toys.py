"""Do the errors of flashbench cover? Toy experiments with a known smearing model.

    python benchmarks/coverage_toys.py --toys 2000 --out benchmarks/results/coverage_toys.json

Every toy draws a Poisson number of generator events, with weights of either sign, smears them as full simulation does
and as a fast simulator with folds does (another draw of the same response, less an efficiency that depends on the
reconstructed value), and compares estimates with the truth, known by integration. Pull = (estimate - truth) / error.
The χ² of an estimate against the truth, with its covariance, must have uniform p-values.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from flashbench.stats.bootstrap import bootstrap_sums, event_keys, paired_ratio
from flashbench.stats.distances import chi_square
from flashbench.stats.folds import FoldedHistogram
from flashbench.stats.joint import EventContents, event_contents, joint_moments
from flashbench.stats.transfer import close, transfer

FloatArray = NDArray[np.float64]

EDGES = np.linspace(0, 4, 16)


@dataclass(frozen=True)
class Model:
    """A smearing model.

    Attributes:
        events: expected generator events a toy.
        folds: of the fast simulator.
        smearing: of the observable, whose bins are 0.27 wide.
        efficiency: of full simulation, at any value.
        negative: fraction of events of weight -1.
    """

    events: int = 6000
    folds: int = 10
    smearing: float = 0.2
    efficiency: float = 0.8
    negative: float = 0.1

    def truth(self, rng: np.random.Generator, slope: float, events: int) -> FloatArray:
        """Generated values: a triangle of density 1 + slope (x - 2) on [-1, 5], times 1/6."""
        height = 1 + 3 * abs(slope)
        value = rng.uniform(-1, 5, 4 * events + 100)
        kept = value[rng.uniform(0, height, value.size) < 1 + slope * (value - 2)]
        return kept[:events]

    def expected(self, slope: float) -> FloatArray:
        """True pdf of full simulation, shape (bins,)."""
        x = np.linspace(-1, 5, 60_001)
        density = (1 + slope * (x - 2)) / 6
        below = stats.norm.cdf((EDGES[:, np.newaxis] - x) / self.smearing)
        return self.efficiency * np.trapezoid(np.diff(below, axis=0) * density, x, axis=1)

    def fast_efficiency(self) -> FloatArray:
        """What the fast simulator keeps in each bin of what full simulation does."""
        return np.linspace(0.7, 1.0, EDGES.size - 1)


def simulate(
    model: Model, rng: np.random.Generator, truth: FloatArray, folds: int, *, fast: bool
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Values and selection of every fold, shape (events · folds,)."""
    value = np.repeat(truth, folds) + rng.normal(0, model.smearing, truth.size * folds)
    place = np.clip(np.searchsorted(EDGES, value, side="right") - 1, 0, EDGES.size - 2)
    kept = model.efficiency * (model.fast_efficiency()[place] if fast else 1.0)
    return value, rng.uniform(size=value.size) < kept


@dataclass(frozen=True)
class Sample:
    """One toy sample."""

    folded: FoldedHistogram
    full: EventContents
    fast: EventContents


def draw(model: Model, rng: np.random.Generator, slope: float) -> Sample:
    """A toy of a process, by both simulators."""
    truth = model.truth(rng, slope, int(rng.poisson(model.events)))
    event, weight = np.arange(truth.size), np.where(rng.uniform(size=truth.size) < model.negative, -1.0, 1.0)
    value, kept = simulate(model, rng, truth, 1, fast=False)
    full = event_contents(event, weight, value, EDGES, selected=kept)
    value, kept = simulate(model, rng, truth, model.folds, fast=True)
    rows, fold, heavy = (
        np.repeat(event, model.folds),
        np.tile(np.arange(model.folds), event.size),
        weight.repeat(model.folds),
    )
    fast = event_contents(rows, heavy, value, EDGES, selected=kept, folds=model.folds)
    return Sample(FoldedHistogram(EDGES, model.folds).fill(rows, fold, heavy, value, kept), full, fast)


class Record:
    """Pulls and p-values of one quantity over toys."""

    def __init__(self) -> None:
        self.pulls: list[FloatArray] = []
        self.p_values: list[float] = []

    def add(self, estimate: FloatArray, truth: FloatArray, errors: FloatArray, covariance: FloatArray | None) -> None:
        """One toy."""
        self.pulls.append((estimate - truth) / errors)
        if covariance is not None:
            self.p_values.append(chi_square(estimate, truth, covariance).p_value)

    def summary(self) -> dict[str, Any]:
        """Width, bias and coverage with errors that take bins of a toy as one, and the uniformity of p-values."""
        pulls = np.array(self.pulls)
        inside = (np.abs(pulls) < 1).mean(axis=1)
        squares = (pulls**2).mean(axis=1)
        width = float(np.sqrt(squares.mean()))
        found: dict[str, Any] = {
            "pull_width": width,
            "pull_width_error": float(squares.std(ddof=1) / np.sqrt(len(pulls)) / (2 * width)),
            "pull_mean": float(pulls.mean()),
            "coverage": float(inside.mean()),
            "coverage_error": float(inside.std(ddof=1) / np.sqrt(len(pulls))),
        }
        if self.p_values:
            test = stats.kstest(self.p_values, "uniform")
            found |= {"p_value_mean": float(np.mean(self.p_values)), "p_value_ks": float(test.pvalue)}
        return found


def run(model: Model, toys: int, seed: int, replicas: int) -> dict[str, dict[str, Any]]:
    """Summaries of every quantity.

    Args:
        replicas: of the paired bootstrap.
    """
    records: dict[str, Record] = defaultdict(Record)
    nominal, varied = model.expected(0.0), model.expected(0.2)
    kept = model.fast_efficiency()
    for toy in range(toys):
        rng = np.random.default_rng([seed, toy])
        reference, variation = draw(model, rng, 0.0), draw(model, rng, 0.2)
        _upsampled(records, model, reference, nominal * kept)
        _ratio(
            records,
            reference,
            kept,
            event_keys(np.full(len(reference.full.events), toy), 0, reference.full.events),
            replicas,
        )
        _ratio_method(records, reference, variation, varied)
    return {name: record.summary() for name, record in records.items()}


def _upsampled(records: dict[str, Record], model: Model, sample: Sample, truth: FloatArray) -> None:
    folded = sample.folded
    expected = truth * model.events * (1 - 2 * model.negative)
    contents, pdf = folded.contents, folded.pdf
    records["upsampled yield, papers' sigma"].add(contents, expected, np.sqrt(folded.variances), folded.products)
    shape = folded.shape_covariance
    records["upsampled pdf, shape covariance"].add(pdf.values, truth, np.sqrt(np.diagonal(shape)), shape)
    records["upsampled pdf, papers' sigma (too large)"].add(pdf.values, truth, pdf.errors, folded.covariance)
    alone = np.sqrt(folded.single_fold_variances / model.folds)
    records["upsampled yield, folds taken as events (too small)"].add(contents, expected, alone, np.diag(alone**2))


def _ratio(records: dict[str, Record], sample: Sample, truth: FloatArray, keys: Any, replicas: int) -> None:
    moments = joint_moments({"full": sample.full, "sim": sample.fast})
    above, below = moments.pdf("sim"), moments.pdf("full")
    covariance = moments.propagate({"sim": 1 / below, "full": -above / below**2})
    records["paired ratio, analytic"].add(above / below, truth, np.sqrt(np.diagonal(covariance)), covariance)
    tops, bottoms = (
        bootstrap_sums(keys, sample.fast.contents, replicas),
        bootstrap_sums(keys, sample.full.contents, replicas),
    )
    sums = sample.fast.contents.sum(axis=1), sample.full.contents.sum(axis=1)
    ratio = paired_ratio(*sums, tops, bottoms)
    records["paired ratio, bootstrap"].add(ratio.value, truth, ratio.error, None)
    squares = [
        (each.contents**2).sum(axis=1) / total**2 for each, total in zip((sample.fast, sample.full), sums, strict=True)
    ]
    naive = ratio.value * np.sqrt(squares[0] + squares[1])
    records["paired ratio, independent errors (too large)"].add(ratio.value, truth, naive, np.diag(naive**2))


def _ratio_method(records: dict[str, Record], reference: Sample, variation: Sample, truth: FloatArray) -> None:
    one, two = (joint_moments({"full": each.full, "sim": each.fast}) for each in (reference, variation))
    prediction = transfer(one, two)
    records["ratio method"].add(prediction.values, truth, prediction.errors, prediction.covariance)
    parts = [(one, "full"), (one, "sim"), (two, "sim")]
    ones = np.ones(len(truth))
    relative = [np.diagonal(moments.propagate({name: ones})) / moments.pdf(name) ** 2 for moments, name in parts]
    naive = prediction.values * np.sqrt(np.sum(relative, axis=0))
    records["ratio method, independent errors (too large)"].add(prediction.values, truth, naive, np.diag(naive**2))
    closure = close(one, two)
    record = records["ratio method, closure"]
    record.pulls.append((closure.ratio - 1) / closure.ratio_errors)
    record.p_values.append(closure.chi_square.p_value)


def main() -> None:
    """Run the toys and write their summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toys", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--events", type=int, default=Model.events)
    parser.add_argument("--folds", type=int, default=Model.folds)
    parser.add_argument("--replicas", type=int, default=200)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    model = Model(events=options.events, folds=options.folds)
    started = time.perf_counter()
    results = run(model, options.toys, options.seed, options.replicas)
    document = {
        "command": " ".join(["python", *sys.argv]),
        "toys": options.toys,
        "model": asdict(model),
        "bins": EDGES.size - 1,
        "bootstrap_replicas": options.replicas,
        "seconds": round(time.perf_counter() - started, 1),
        "results": results,
    }
    text = json.dumps(document, indent=2) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
