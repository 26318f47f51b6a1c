"""Runs on disk: parts, manifest, cutflow.

A run directory holds `parts/*.parquet` (one a block, each with its own sums), `cutflow.json`, `histograms.json` and
`manifest.json`. The manifest is written last: a directory without one is an unfinished run.

What to use when: `load_run` to read a run, `read_part` for one block's, `write_part` in the engine only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from flashbench.analysis import Cutflow
from flashbench.errors import RunError
from flashbench.storage import atomic

MANIFEST: Final = "manifest.json"
MANIFEST_VERSION: Final = 1
_METADATA: Final = b"flashbench"

Table = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class RunResult:
    """One simulator on one process.

    Attributes:
        process: key of the process.
        process_label: its label for legends.
        simulator: run name, e.g. `flash@25`.
        simulator_label: its label for legends.
        folds: simulated events a generator event.
        table: one row for each event and fold: `run`, `luminosityBlock`, `event`, `fold`, `weight` (genWeight),
            `region` (0 none, 1 SB, 2 SR), `cuts_passed` (steps of the cutflow) and the observables, NaN where
            undefined.
        sum_weights: Σ genWeight over generated events, selected or not.
        n_events: number of generated events.
        cutflow: events and weights after each cut; each fold counts 1/folds of its event's weight.
        manifest: how the run was made.
        path: its directory.
    """

    process: str
    process_label: str
    simulator: str
    simulator_label: str
    folds: int
    table: Table
    sum_weights: float
    n_events: int
    cutflow: Cutflow
    manifest: Mapping[str, Any]
    path: Path


@dataclass(frozen=True)
class Part:
    """One block's table and sums."""

    table: Table
    cutflow: Cutflow
    sum_weights: float
    n_events: int
    timings: Mapping[str, float]
    neutral: tuple[str, ...]
    repairs: Mapping[str, int]
    scored: Mapping[str, int]


def write_part(path: Path, part: Part) -> None:
    """Write a block's result; it appears whole or not at all."""
    summary = {
        "cutflow": part.cutflow.to_dict(),
        "sum_weights": part.sum_weights,
        "n_events": part.n_events,
        "timings": dict(part.timings),
        "neutral": list(part.neutral),
        "repairs": dict(part.repairs),
        "scored": dict(part.scored),
    }
    table = pa.table(part.table).replace_schema_metadata({_METADATA: json.dumps(summary).encode()})
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_part(path: Path, *, rows: bool = True, columns: Sequence[str] | None = None) -> Part:
    """Read a block's result.

    Args:
        path: the parquet file.
        rows: False reads the sums alone and leaves the table empty.
        columns: of the table, those that it has; None for all.

    Raises:
        RunError: missing, damaged or not a flashbench part.
    """
    try:
        file = pq.ParquetFile(path)
        summary = json.loads((file.schema_arrow.metadata or {})[_METADATA])
        wanted = None if columns is None else [name for name in file.schema_arrow.names if name in columns]
        table = {n: c.to_numpy() for n, c in zip(*_columns(file.read(wanted)), strict=True)} if rows else {}
    except FileNotFoundError as error:
        raise RunError(str(path), "part is missing", "run the same command again") from error
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise RunError(
            str(path), f"part cannot be read: {error}", "delete it and run the same command again"
        ) from error
    return Part(
        table,
        Cutflow.from_dict(summary["cutflow"]),
        float(summary["sum_weights"]),
        int(summary["n_events"]),
        summary["timings"],
        tuple(summary["neutral"]),
        summary["repairs"],
        summary.get("scored", {}),
    )


def _columns(table: Any) -> tuple[list[str], list[Any]]:
    return list(table.column_names), list(table.columns)


def merge_tables(tables: Sequence[Table]) -> Table:
    """Rows of all blocks, in the order given."""
    return {name: np.concatenate([t[name] for t in tables]) for name in tables[0]} if tables else {}


def load_run(path: Path, columns: Sequence[str] | None = None) -> RunResult:
    """Read a finished run.

    Args:
        path: its directory.
        columns: of its table, those that it has; None for all.

    Raises:
        RunError: no run there, unfinished, or made by another layout of flashbench.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(str(path), f"no finished run: it has no {MANIFEST}", "make it with `flashbench run`") from error
    except ValueError as error:
        raise RunError(str(path / MANIFEST), f"is not JSON: {error}", "run the same command again") from error
    if manifest.get("manifest_version") != MANIFEST_VERSION:
        version = manifest.get("manifest_version")
        raise RunError(str(path), f"manifest version {version}, expected {MANIFEST_VERSION}", "run again")
    parts = [read_part(path / name, columns=columns) for name in manifest["parts"]]
    return RunResult(
        manifest["process"],
        manifest["process_label"],
        manifest["simulator"],
        manifest["simulator_label"],
        manifest["folds"],
        merge_tables([p.table for p in parts]),
        sum(p.sum_weights for p in parts),
        sum(p.n_events for p in parts),
        sum((p.cutflow for p in parts), start=Cutflow()),
        manifest,
        path,
    )
