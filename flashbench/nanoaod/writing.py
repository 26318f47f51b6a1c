"""Event blocks as a NanoAOD TTree on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from flashbench.errors import InputError
from flashbench.events import BRANCHES
from flashbench.storage import atomic


def write_events(
    path: str | os.PathLike[str], blocks: Iterable[ak.Array], runs: Mapping[str, float | int] | None = None
) -> int:
    """Write event blocks as a NanoAOD TTree; the file appears whole or not at all.

    Args:
        path: destination; its folder is made.
        blocks: event blocks, all with the same fields; those of the event model keep its types on disk.
        runs: entries of a one-row `Runs` tree, e.g. `genEventSumw`.

    Returns:
        The number of events written.

    Raises:
        InputError: no block was given, so the branches are unknown.
    """
    target = Path(path)
    events = 0
    with atomic(target) as temporary, uproot.recreate(temporary, compression=uproot.ZSTD(3)) as file:
        tree = None
        for block in blocks:
            columns = dict(_disk_columns(block))
            if tree is None:
                types = {name: _disk_type(array) for name, array in columns.items()}
                tree = file.mktree("Events", types, counter_name=lambda counted: "n" + counted)
            tree.extend(columns)
            events += len(block)
        if tree is None:
            raise InputError(str(target), "nothing to write: not one block of events")
        if runs:
            values = {k: np.array([v], np.int64 if isinstance(v, int) else np.float64) for k, v in runs.items()}
            file.mktree("Runs", {k: v.dtype for k, v in values.items()}).extend(values)
    return events


def _disk_columns(events: ak.Array) -> Iterator[tuple[str, ak.Array]]:
    for name in events.fields:
        values = events[name]
        if not values.fields:
            yield name, ak.values_astype(values, _disk_dtype(name, values))
        elif values.ndim == 1:
            for sub in values.fields:
                full = f"{name}_{sub}"
                yield full, ak.values_astype(values[sub], _disk_dtype(full, values[sub]))
        else:
            typed = {
                sub: ak.values_astype(values[sub], _disk_dtype(f"{name}_{sub}", values[sub])) for sub in values.fields
            }
            yield name, ak.zip(typed)


def _disk_dtype(name: str, values: ak.Array) -> np.dtype[Any]:
    if name in BRANCHES:
        return np.dtype(BRANCHES[name].dtype)
    stored = np.asarray(ak.flatten(values, axis=None)).dtype
    return np.dtype("float32") if stored.kind == "f" else stored


def _disk_type(array: ak.Array) -> Any:
    return array.type.content
