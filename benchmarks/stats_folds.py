"""Time and memory to fill the folds of many events, beside a plain loop over events with the same sums.

    python benchmarks/stats_folds.py --events 1000000 --folds 25 --out benchmarks/results/stats_folds.json

The loop is run on fewer events: its time is given as a rate, and the time for all is that rate carried forward.
Peak memory is that of the whole process, input blocks included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashbench.stats.folds import FoldedHistogram

EDGES = np.linspace(0, 4, 16)

Block = tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]


def make_block(events: int, folds: int, number: int) -> Block:
    """Events, folds, weights and values of a block; a tenth of the folds fail the selection."""
    rng = np.random.default_rng(number)
    value = np.repeat(rng.normal(2, 1, events), folds) + rng.normal(0, 0.4, events * folds)
    value[rng.uniform(size=value.size) < 0.1] = np.nan
    event = rng.permutation(events).astype(np.uint64) + np.uint64(number * events)
    weight = np.where(rng.uniform(size=events) < 0.1, -1.0, 1.0)
    return np.repeat(event, folds), np.tile(np.arange(folds, dtype=np.int32), events), np.repeat(weight, folds), value


def plain_loop(block: Block, folds: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pdf and σ by a histogram of the folds of each event, one event after the other."""
    _, _, weights, values = block
    contents, squares, total = np.zeros(EDGES.size - 1), np.zeros(EDGES.size - 1), 0.0
    for start in range(0, len(values), folds):
        share = np.histogram(values[start : start + folds], bins=EDGES)[0] / folds
        contents += weights[start] * share
        squares += (weights[start] * share) ** 2
        total += weights[start]
    return contents / total, np.sqrt(squares) / total


def main() -> None:
    """Time both and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--folds", type=int, default=25)
    parser.add_argument("--block", type=int, default=40_000, help="events a block")
    parser.add_argument("--loop-events", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    histogram, wall, cpu = FoldedHistogram(EDGES, options.folds), 0.0, 0.0
    for number in range(options.events // options.block):
        block = make_block(options.block, options.folds, number)
        clocks = time.perf_counter(), time.process_time()
        histogram.fill(*block)
        wall, cpu = wall + time.perf_counter() - clocks[0], cpu + time.process_time() - clocks[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    few = make_block(options.loop_events, options.folds, 0)
    started, started_cpu = time.perf_counter(), time.process_time()
    values, errors = plain_loop(few, options.folds)
    loop_wall, loop_cpu = time.perf_counter() - started, time.process_time() - started_cpu
    same = FoldedHistogram(EDGES, options.folds).fill(*few).pdf
    np.testing.assert_allclose(same.values, values)
    np.testing.assert_allclose(same.errors, errors)
    document = {
        "command": " ".join(["python", *sys.argv]),
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "entries": histogram.n_events * options.folds,
        "bins": EDGES.size - 1,
        "fill_wall_seconds": round(wall, 3),
        "fill_cpu_seconds": round(cpu, 3),
        "peak_memory_gib": round(peak, 3),
        "loop_events": options.loop_events,
        "loop_wall_seconds": round(loop_wall, 3),
        "loop_cpu_seconds": round(loop_cpu, 3),
        "loop_events_per_cpu_second": round(options.loop_events / loop_cpu),
        "loop_cpu_seconds_carried_forward": round(loop_cpu / options.loop_events * histogram.n_events, 1),
        "cpu_ratio": round(loop_cpu / options.loop_events * histogram.n_events / cpu, 1),
    }
    text = json.dumps(document, indent=2) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
