"""The discriminator in a comparison: scores that may be laid beside one another, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flashbench.analysis import Observable, lacks_qgl
from flashbench.errors import RunError

if TYPE_CHECKING:
    from flashbench.results import RunResult


def scored(manifest: Mapping[str, Any]) -> list[str]:
    """What a run's manifest says of its scores, in lines for the terminal."""
    dnn = manifest.get("dnn")
    if dnn is None:
        return ["dnn: no network, so no scores (give one with --dnn)"]
    counts = dict(dnn["counts"])
    number = counts.pop("scored", 0)
    notes = [f"{what}: {rows:,}" for what, rows in counts.items()]
    return [f"dnn: {number:,} events scored by {dnn['path']} on {dnn['provider']}", *(f"dnn: {note}" for note in notes)]


def neutralise(runs: Sequence[RunResult]) -> tuple[tuple[RunResult, ...], tuple[str, ...]]:
    """Runs whose scores can be compared, and what was done to them.

    Where a simulator of a process has no quark–gluon likelihood, every simulator of it takes the score with the neutral
    value.

    Raises:
        RunError: runs of one process were scored by different networks.
    """
    changed, notes = [], []
    for process in dict.fromkeys(run.process for run in runs):
        group = [run for run in runs if run.process == process]
        networks = {run.manifest["dnn"]["sha256"] for run in group if run.manifest.get("dnn")}
        if len(networks) > 1:
            raise RunError(process, "its runs were scored by different networks", "run all with the same --dnn")
        without = [run.simulator for run in group if "dnn" in run.table and lacks_qgl(run.table)]
        if without:
            verb = "has" if len(without) == 1 else "have"
            notes.append(f"{process}: {', '.join(without)} {verb} no QGL: every DNN score takes the neutral value 0.98")
        changed += [_neutral(run) if without and "dnn" in run.table else run for run in group]
    return tuple(changed), tuple(notes)


def _neutral(run: RunResult) -> RunResult:
    stretched = run.table["dnn_noqgl_atanh"]
    return replace(run, table={**run.table, "dnn": np.tanh(stretched), "dnn_atanh": stretched})


def tabulated(runs: Sequence[RunResult], observables: Sequence[Observable]) -> list[Observable]:
    """Observables that every run has; scores are lacking where a run was made without a network."""
    return [o for o in observables if o.function or all(o.name in run.table for run in runs)]
