"""Runs with scores: one truth an event, seen by several simulators."""

import zlib
from pathlib import Path

import numpy as np

from flashbench.analysis import Cutflow
from flashbench.compare.fit import Plan
from flashbench.results import RunResult

SIGMA = {"vbf_hmm": 2e-2, "vbf_hmm_alt": 2e-2, "dy2j": 0.6, "ttbar_mumu": 0.4}  # pb
SHAPES = {"vbf_hmm": (1.6, 0.7), "vbf_hmm_alt": (1.5, 0.7), "dy2j": (0.5, 0.5), "ttbar_mumu": (0.45, 0.5)}
PLAN = Plan(
    backgrounds=("dy2j", "ttbar_mumu"),
    normalisation={"dy2j": 0.1, "ttbar_mumu": 0.06, "vbf_hmm": 0.02},
    toys=100,
    replicas=60,
)


def make_run(process, simulator="full", *, events=8000, folds=1, shift=0.0, smear=0.15, efficiency=0.3, qgl=True):
    """A run whose score is the truth of the event, shifted and smeared; regions and efficiency are of the event and
    of the fold."""
    truth = np.random.default_rng(zlib.crc32(process.encode()))
    centre, width = SHAPES[process]
    true, selector, kind = (
        np.abs(truth.normal(centre, width, events)),
        truth.uniform(size=events),
        truth.uniform(size=events),
    )
    weight = truth.choice([1.0, 1.0, 1.0, -0.5], events)
    noise = np.random.default_rng(zlib.crc32(f"{process} {simulator}".encode()))
    rows = np.repeat(np.arange(events), folds)
    kept = selector[rows] + noise.normal(0, 0.02, len(rows)) < efficiency
    score = np.abs(true[rows] + noise.normal(shift, smear, len(rows)))
    table = {
        "run": np.ones(len(rows), np.uint32),
        "luminosityBlock": np.ones(len(rows), np.uint32),
        "event": rows.astype(np.uint64),
        "fold": np.tile(np.arange(folds, dtype=np.int32), events),
        "weight": weight[rows],
        "region": np.where(kept, np.where(kind[rows] < 0.7, 2, 1), 0).astype(np.int8),
        "jet1_qgl": np.where(kept, 0.5 if qgl else -1.0, np.nan),
        "jet2_qgl": np.where(kept, 0.5 if qgl else -1.0, np.nan),
        "dnn": np.where(kept, np.tanh(score), np.nan),
        "dnn_atanh": np.where(kept, score, np.nan),
        "dnn_noqgl_atanh": np.where(kept, 0.9 * score, np.nan),
    }
    order = noise.permutation(len(rows))
    manifest = {"cross_section_pb": SIGMA[process], "dnn": {"sha256": "a"}}
    return RunResult(
        *(process, process.upper(), simulator, simulator.upper(), folds),
        {name: column[order] for name, column in table.items()},
        *(float(weight.sum()), events, Cutflow(), manifest, Path("runs") / process / simulator),
    )


def make_runs(simulators, processes=("vbf_hmm", "dy2j", "ttbar_mumu"), **common):
    """Runs of simulators, each with its own arguments of `make_run`, on processes."""
    return {
        (process, name): make_run(process, name, **{**common, **given})
        for process in processes
        for name, given in simulators.items()
    }
