"""Reads the tree `Delphes` of a ROOT file under NanoAOD names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import awkward as ak
import uproot

from flashbench.errors import InputError
from flashbench_delphes.mapping import MUONS, recipes

TREE = "Delphes"


class DelphesFormat:
    """See `flashbench.formats.Format`."""

    def recognises(self, path: str) -> bool:
        """A ROOT file with a tree `Delphes`."""
        if not path.endswith(".root") or ("://" not in path and not os.path.isfile(path)):
            return False
        try:
            with uproot.open(path) as file:
                return TREE in {key.partition(";")[0] for key in file.keys(recursive=False)}
        except (OSError, ValueError, KeyError, uproot.DeserializationError):  # whatever it is, it is not Delphes
            return False

    def open(self, path: str) -> tuple[str, int, frozenset[str]]:
        """Identity, events, and the NanoAOD names that the file's branches give."""
        with _tree(path) as (file, tree):
            held = _branches(tree)
            return str(file.file.uuid), int(tree.num_entries), frozenset(_available(path, held))

    def read(self, path: str, start: int, stop: int, names: Sequence[str]) -> dict[str, ak.Array]:
        """Columns of a range of entries."""
        with _tree(path) as (_, tree):
            held = _branches(tree)
            available = _available(path, held)
            entries = _Entries(tree, held, start, stop)
            return {name: available[name][0](entries) for name in names}


class _Entries:
    """Delphes branches of a range of entries, each read once."""

    def __init__(self, tree: Any, held: dict[str, str], start: int, stop: int) -> None:
        self._tree, self._held, self._span = tree, held, (start, stop)
        self._columns: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        """One branch."""
        if name not in self._columns:
            self._columns[name] = self._tree[self._held[name]].array(
                entry_start=self._span[0], entry_stop=self._span[1]
            )
        return self._columns[name]

    def has(self, name: str) -> bool:
        """Whether the file holds it."""
        return name in self._held


def _branches(tree: Any) -> dict[str, str]:
    """Name such as `Jet.PT` → key in the tree, where a split object's branch stands below it."""
    return {key.rpartition("/")[2]: key for key in tree.keys(recursive=True)}


def _available(path: str, held: dict[str, str]) -> dict[str, Any]:
    muons = next((name for name in MUONS if f"{name}.PT" in held), None)
    if muons is None or "Event.Number" not in held:
        missing = "Event.Number" if muons else "Muon.PT"
        raise InputError(path, f"its tree {TREE} has no {missing}", "write Event, Muon, Jet, GenJet and Particle")
    table = recipes(muons)
    return {name: recipe for name, recipe in table.items() if all(each in held for each in recipe[1])}


@contextmanager
def _tree(path: str) -> Iterator[tuple[Any, Any]]:
    try:
        file = uproot.open(path)
    except (OSError, ValueError, uproot.DeserializationError) as error:
        raise InputError(path, f"cannot be read: {error}", "check or copy it again") from error
    with file:
        yield file, file[TREE]
