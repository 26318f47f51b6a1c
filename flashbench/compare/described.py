"""What was compared: samples, selection and simulators, so that numbers of two comparisons can be ranked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flashbench.compare.pairing import PairedProcess
from flashbench.compare.speed import speed_of

if TYPE_CHECKING:
    from flashbench.results import RunResult


def describe_samples(processes: Sequence[PairedProcess]) -> list[dict[str, Any]]:
    """The sample of each process as its reference sees it; equal if numbers of two comparisons may be ranked."""
    return [_sample(process.process, process.label, process.reference.run) for process in processes]


def _sample(process: str, label: str, run: RunResult) -> dict[str, Any]:
    manifest = run.manifest
    return {
        "process": process,
        "label": label,
        "reference": run.simulator,
        "reference_version": manifest["simulator_version"],
        "n_events": run.n_events,
        "inputs_sha256": _inputs(manifest["inputs"]),
        "cuts": manifest["cuts"],
        "dnn_sha256": manifest["dnn"]["sha256"] if manifest["dnn"] else None,
    }


def _inputs(inputs: Sequence[dict[str, Any]]) -> str:
    """One checksum of all files, in their order; a remote file stands for itself by its UUID."""
    return hashlib.sha256(json.dumps([file["sha256"] or file["uuid"] for file in inputs]).encode()).hexdigest()


def describe_simulators(processes: Sequence[PairedProcess]) -> list[dict[str, Any]]:
    """Version, folds, seed and speed of every run."""
    return [_simulator(paired.run) for process in processes for paired in process.all]


def _simulator(run: RunResult) -> dict[str, Any]:
    return {
        "process": run.process,
        "simulator": run.simulator,
        "label": run.simulator_label,
        "version": run.manifest["simulator_version"],
        "folds": run.folds,
        "seed": run.manifest["seed"],
        "events_per_second": speed_of(run).rate,
    }
