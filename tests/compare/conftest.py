"""Synthetic runs: one truth per event, seen by several simulators."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from flashbench.analysis import OBSERVABLES, Cutflow
from flashbench.results import RunResult

MANIFEST = {
    "seed": 1,
    "simulator_version": "1",
    "inputs": [{"sha256": "0" * 64, "uuid": "u"}],
    "cuts": {},
    "dnn": None,
    "timings": {"simulate": 1.5},
    "versions": {"numpy": "2"},
}


def make_run(
    simulator: str = "full",
    *,
    events: int = 400,
    folds: int = 1,
    shift: float = 0.0,
    smear: float = 0.03,
    efficiency: float = 0.5,
    negative: float = 0.0,
    process: str = "vbf_hmm",
    label: str = "VBF H → μμ",
    simulator_label: str | None = None,
) -> RunResult:
    """A run whose observables are a truth common to all simulators, shifted and smeared, in units of the axis."""
    truth = np.random.default_rng(events)
    weight = np.where(truth.uniform(size=events) < negative, -0.5, 0.5)
    selector = truth.uniform(size=events)
    values = {o.name: truth.beta(2, 3, events) for o in OBSERVABLES}
    noise = np.random.default_rng([ord(letter) for letter in simulator])
    rows = np.repeat(np.arange(events), folds)
    table = {
        "run": np.ones(len(rows), np.uint32),
        "luminosityBlock": (rows // 100).astype(np.uint32),
        "event": rows.astype(np.uint64),
        "fold": np.tile(np.arange(folds, dtype=np.int32), events),
        "weight": weight[rows],
    }
    kept = selector[rows] + noise.normal(0, smear, len(rows)) < efficiency if efficiency else np.zeros(len(rows), bool)
    table["region"] = np.where(kept, np.where(selector[rows] * 7 % 1 < 0.8, 2, 1), 0).astype(np.int8)
    table["cuts_passed"] = (1 + kept).astype(np.int8)
    for o in OBSERVABLES:
        seen = o.low + (o.high - o.low) * (values[o.name][rows] + noise.normal(shift, smear, len(rows)))
        table[o.name] = np.where(kept, seen, np.nan)
    order = noise.permutation(len(rows))
    cutflow = Cutflow.count([("all events", np.ones(len(rows), bool)), ("selected", kept)], weight[rows] / folds)
    return RunResult(
        *(process, label, simulator, simulator_label or simulator, folds),
        {name: column[order] for name, column in table.items()},
        *(float(weight.sum()), events, cutflow, MANIFEST),
        Path("runs") / process / simulator,
    )


def with_table(result: RunResult, /, **columns: np.ndarray) -> RunResult:
    """The run with some columns replaced."""
    return replace(result, table=result.table | columns)


def first_rows(run: RunResult, rows: int) -> RunResult:
    """The run with the first rows of its table only."""
    return replace(run, table={name: column[:rows] for name, column in run.table.items()})
