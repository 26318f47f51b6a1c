"""What trainings below a folder have come to, read while they write.

A training is a folder with `history.jsonl` or `state.json`: any that uses the shared loop. Points of a grid that no
process has taken yet come from the grid's study.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from flashbench.training import state
from flashbench.training.grid_study import GRID, JOURNAL, results

HISTORY: Final = "history.jsonl"
REFERENCE: Final = "reference.json"
TOTAL: Final = "total"  # `flashbench.training.loop.TOTAL`; that module imports torch
STOPPED: Final = "stopped"  # a history without a state that has not grown for a while
_QUIET: Final = 120.0  # s after which it counts as that
_HIDDEN: Final = (".", "tensorboard")

Epochs = list[dict[str, Any]]


class Collector:
    """Reads trainings below a folder; what has not changed is not read again."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._histories: dict[Path, tuple[tuple[int, ...], Epochs]] = {}
        self._grids: dict[Path, tuple[tuple[int, ...], list[dict[str, Any]]]] = {}

    def overview(self) -> dict[str, Any]:
        """All trainings: state, epoch, time left, best and last terms, references, hyper-parameters."""
        folders, grids = self._folders()
        trainings = [self._training(folder) for folder in folders]
        known = {each["id"] for each in trainings}
        for grid in grids:
            trainings += [row for row in self._waiting(grid) if not any(i.startswith(row["id"] + "/") for i in known)]
        return {"root": str(self.root), "now": time.time(), "trainings": sorted(trainings, key=lambda t: str(t["id"]))}

    def history(self, identity: str, start: int = 0) -> dict[str, Any] | None:
        """Epochs of one training from `start` on; None where there is no such training."""
        folder = next((f for f in self._folders()[0] if self._identity(f) == identity), None)
        if folder is None:
            return None
        epochs = self._epochs(folder)
        return {"id": identity, "epochs": epochs[start:], "total": len(epochs)}

    def _folders(self) -> tuple[list[Path], list[Path]]:
        """Folders of trainings and of grids."""
        trainings, grids = [], []
        for place, below, files in os.walk(self.root):
            below[:] = [name for name in below if not name.startswith(_HIDDEN)]
            if HISTORY in files or state.FILE in files:
                trainings.append(Path(place))
            if GRID in files:
                grids.append(Path(place))
        return trainings, grids

    def _identity(self, folder: Path) -> str:
        return folder.relative_to(self.root).as_posix()

    def _training(self, folder: Path) -> dict[str, Any]:
        epochs, told = self._epochs(folder), state.read(folder) or {}
        last = epochs[-1] if epochs else {}
        total = int(told.get("epochs") or last.get("epochs") or 0)
        now = str(told.get("state") or _state_of(folder, epochs))
        best = min(epochs, key=lambda epoch: epoch["validation"].get(TOTAL, float("inf")), default={})
        rate = last.get("seconds", 0.0) / len(epochs) if epochs else 0.0
        return {
            "id": self._identity(folder),
            "name": str(told.get("name") or folder.name),
            "group": str(told.get("group") or ""),
            "kind": str(told.get("kind") or ""),
            "primary": str(told.get("primary") or TOTAL),
            "minimise": str(told.get("minimise") or TOTAL),
            "parameters": told.get("parameters") or {},
            "state": now,
            "error": str(told.get("error") or ""),
            "epoch": len(epochs),
            "epochs": total,
            "seconds": last.get("seconds", 0.0),
            "eta": max(0, total - len(epochs)) * rate if now == state.RUNNING and epochs else None,
            "best": {"epoch": best.get("epoch"), "terms": best.get("validation", {})},
            "last": {"train": last.get("train", {}), "validation": last.get("validation", {})},
            "reference": _json(folder / REFERENCE),
        }

    def _epochs(self, folder: Path) -> Epochs:
        """The history; a line that is being written is left for the next time."""
        path = folder / HISTORY
        stamp = _stamp(path)
        if stamp is None:
            return []
        if path in self._histories and self._histories[path][0] == stamp:
            return self._histories[path][1]
        epochs = list(_lines(path))
        self._histories[path] = (stamp, epochs)
        return epochs

    def _waiting(self, folder: Path) -> list[dict[str, Any]]:
        """Points of a grid, as trainings without a history."""
        content = _json(folder / GRID)
        rows = self._points(folder)
        name = str(content.get("grid", {}).get("name", folder.name))
        empty = {"kind": content.get("grid", {}).get("kind", ""), "primary": TOTAL, "minimise": TOTAL, "epoch": 0}
        empty |= {"epochs": 0, "seconds": 0.0, "eta": None, "reference": {}, "last": {"train": {}, "validation": {}}}
        return [
            empty
            | {"id": f"{self._identity(folder)}/points/{row['key']}".removeprefix("./"), "name": row["key"]}
            | {"group": name, "parameters": row["parameters"], "state": row["state"], "error": row["error"]}
            | {"best": {"epoch": None, "terms": row["terms"]}}
            for row in rows
        ]

    def _points(self, folder: Path) -> list[dict[str, Any]]:
        """Rows of the grid's study."""
        stamp = _stamp(folder / JOURNAL)
        if stamp is not None and folder in self._grids and self._grids[folder][0] == stamp:
            return self._grids[folder][1]
        rows = results(folder)
        self._grids[folder] = (stamp or (), rows)
        return rows


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def _state_of(folder: Path, epochs: Epochs) -> str:
    """State of a training that does not tell it, by its history."""
    if epochs and len(epochs) >= epochs[-1].get("epochs", 0):
        return state.DONE
    stamp = _stamp(folder / HISTORY)
    pace = 5 * epochs[-1]["seconds"] / len(epochs) if epochs else 0.0
    quiet = time.time() - stamp[2] / 1e9 > max(_QUIET, pace) if stamp else True
    return STOPPED if quiet else state.RUNNING


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there yet
        return {}
    return content
