"""Events a second that the discriminator scores on two cores.

    python benchmarks/dnn_speed.py --out benchmarks/results/dnn_speed.json

Scores the networks that are shipped, or without any, untrained ones of the recipe's shape: speed does not depend on
weights. `score` is all that a run does: the matrix of inputs from the table, counts of undefined values and of those
beyond the training range, and two scores an event, with QGL and without. `network` is one pass of the networks alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from flashbench.analysis import Discriminator, open_discriminator, shipped
from flashbench.analysis.dnn import CONSTANTS, INPUTS, input_matrix


def untrained(folder: Path) -> Path:
    """Four networks of the recipe's shape with random weights."""
    from flashbench.training.discriminator import MassAndKinematics, write_onnx

    description = {
        "inputs": list(INPUTS), "mean": [0.0] * 25, "scale": [1.0] * 25, "low": [-9.0] * 25, "high": [9.0] * 25,
        "output": "logit",
    }  # fmt: skip
    names = [f"dnn-{fold}.onnx" for fold in range(4)]
    for name in names:
        write_onnx(folder / name, MassAndKinematics().layers(), description)
    (folder / "dnn.toml").write_text(f"models = {json.dumps(names)}\n", encoding="utf-8")
    return folder / "dnn.toml"


def make_table(events: int, seed: int) -> dict[str, Any]:
    """Selected events with every input, of about unit size."""
    rng = np.random.default_rng(seed)
    table: dict[str, Any] = {name: rng.normal(size=events) for name in INPUTS if name not in CONSTANTS}
    table["region"] = rng.choice(np.array([1, 2], np.int8), events)
    table["event"] = rng.permutation(events).astype(np.uint64)
    return table


def network_only(discriminator: Discriminator, table: dict[str, Any]) -> None:
    """One pass of the networks over the events."""
    matrix = input_matrix(table)
    for number, network in enumerate(discriminator.networks):
        network.raw(matrix[table["event"] % len(discriminator.networks) == number])


def rate(work: Callable[[], Any], events: int, repeats: int) -> float:
    """Events a second, the best of some runs."""
    best = np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return events / best


def in_a_worker(path: str, events: int, seed: int, repeats: int) -> tuple[float, float]:
    """Start and end of scoring in one of several processes, by the clock they share."""
    discriminator, table = open_discriminator(path), make_table(events, seed)
    discriminator.score(table)
    started = time.time()
    for _ in range(repeats):
        discriminator.score(table)
    return started, time.time()


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = shipped() or untrained(Path(folder))
        table = make_table(options.events, 1)
        one = open_discriminator(path)
        single = {
            "score_one_thread": rate(lambda: one.score(table), options.events, options.repeats),
            "network_one_thread": rate(lambda: network_only(one, table), options.events, options.repeats),
        }
        two = open_discriminator(path, threads=options.workers)
        single["score_two_threads"] = rate(lambda: two.score(table), options.events, options.repeats)
        context = get_context("spawn")
        with ProcessPoolExecutor(options.workers, mp_context=context) as pool:
            jobs = [
                pool.submit(in_a_worker, str(path), options.events, seed, options.repeats)
                for seed in range(options.workers)
            ]
            spans = [job.result() for job in jobs]
        together = max(end for _, end in spans) - min(start for start, _ in spans)
    document = {
        "command": " ".join(["python", *sys.argv]),
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "networks": "shipped" if shipped() else "untrained, of the recipe's shape",
        "provider": one.networks[0].provider,
        "events": options.events,
        "events_per_second": {
            **{name: round(value) for name, value in single.items()},
            f"score_{options.workers}_processes": round(options.workers * options.events * options.repeats / together),
        },
        "wanted": 500_000,
    }
    text = json.dumps(document, indent=2) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
