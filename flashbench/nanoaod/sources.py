"""NanoAOD files as they are found: what is in them, and how they are cut into blocks."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import uproot

from flashbench.derived import derivable
from flashbench.errors import InputError, SchemaError
from flashbench.events import BRANCHES, branch
from flashbench.formats import contents, reader_of


@dataclass(frozen=True, slots=True)
class Source:
    """One NanoAOD file as it was found.

    Attributes:
        path: local path or address.
        uuid: ROOT's identifier of the file, part of every cache key.
        entries: number of events.
        branches: names in its `Events`.
        version: NanoAOD version that the branches point to; 0 for other formats.
    """

    path: str
    uuid: str
    entries: int
    branches: frozenset[str]
    version: int

    @property
    def has_generator(self) -> bool:
        """False for collision data."""
        return "GenPart_pdgId" in self.branches or "GenJet_pt" in self.branches


@dataclass(frozen=True, slots=True)
class Block:
    """A range of entries of one file; `index` numbers the blocks of a process, whatever the tier."""

    path: str
    uuid: str
    start: int
    stop: int
    index: int

    @property
    def where(self) -> str:
        """File and entries, for messages."""
        return f"{self.path} entries {self.start}–{self.stop - 1}"

    def __len__(self) -> int:
        return self.stop - self.start


def expand(patterns: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Files named by paths, globs and `root://` addresses, each pattern's in sorted order.

    Raises:
        InputError: a pattern that matches nothing, or a directory.
    """
    files: list[str] = []
    for pattern in (os.fspath(p) for p in patterns):
        if "://" in pattern:
            files.append(pattern)
            continue
        matches = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern, recursive=True))
        if not matches:
            raise InputError(pattern, "no such file", "give a NanoAOD file, a glob in quotes or a root:// address")
        for path in matches:
            if os.path.isdir(path):
                raise InputError(path, "is a directory", f"give the files in it: '{path.rstrip('/')}/*.root'")
        files.extend(matches)
    return files


def open_events(path: str) -> tuple[Any, Any]:
    """The open file and its `Events`; the caller closes the file.

    Raises:
        InputError: missing, a directory, not ROOT, truncated, or without `Events`.
    """
    if "://" not in path and not os.path.exists(path):
        raise InputError(path, "no such file")
    if "://" not in path and os.path.isdir(path):
        raise InputError(path, "is a directory", "give the files in it")
    try:
        file = uproot.open(path)
    except ImportError as error:
        raise InputError(path, "this kind of address needs a package", "pip install 'flashbench[remote]'") from error
    except Exception as error:  # uproot raises many kinds on bytes that are not a ROOT file
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(path, f"not a readable ROOT file, or truncated: {reason}", "check or copy it again") from error
    if "://" not in path and os.path.getsize(path) < file.file.fEND:
        size = f"{os.path.getsize(path)} of {file.file.fEND} bytes"
        file.close()
        raise InputError(path, f"truncated: {size}", "copy it again")
    names = {key.partition(";")[0] for key in file.keys(recursive=False)}
    if "Events" not in names:
        file.close()
        found = ", ".join(sorted(names)) or "nothing"
        raise InputError(path, f"holds no tree 'Events' (found: {found})", "is it NanoAOD?")
    return file, decoded(path, lambda: file["Events"])


def decoded(where: str, action: Callable[[], Any]) -> Any:
    """What `action` reads from a file.

    Raises:
        InputError: it cannot be decoded; says where.
    """
    try:
        return action()
    except Exception as error:  # a damaged basket surfaces as whatever the decoder tripped over
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(where, f"cannot be decoded, truncated or damaged: {reason}", "copy the file again") from error


def branch_keys(tree: Any) -> dict[str, str]:
    """NanoAOD name → key in the file.

    In an RNTuple a name may hide below the importer's `_collectionN`, or be the field `pt` of a collection `Jet`.
    """
    keys: dict[str, str] = {}
    for key in tree.keys():
        parent, _, name = key.rpartition(".")
        collection = parent.rpartition(".")[2]
        keys.setdefault(f"{collection}_{name}" if f"{collection}_{name}" in BRANCHES else name, key)
        if "." not in key:
            keys[key] = key
    return keys


def infer_version(branches: Iterable[str]) -> int:
    """NanoAOD version from the branches that came and went; files do not store it.

    The b-tag columns tell: CMVA until v7, DeepC until v8, quark–gluon likelihood until v9; v15 has no jet
    identification. v10–v14 hold the same of what flashbench reads, and count as 12.
    """
    names = set(branches)
    if "Jet_btagCMVA" in names:
        return 5 if "Muon_fsrPhotonIdx" not in names else 6
    if "Jet_btagDeepC" in names:
        return 8 if "Jet_puIdDisc" in names else 7
    if names & {"Jet_qgl", "Jet_btagCSVV2", "Jet_bRegCorr"}:
        return 9
    return 15 if "Jet_pt" in names and "Jet_jetId" not in names else 12


def open_source(path: str | os.PathLike[str]) -> Source:
    """Look at one file: its identity, entries and branches.

    Raises:
        InputError: missing, a directory, not ROOT, truncated, or without `Events`.
    """
    name = os.fspath(path)
    reader = reader_of(name)
    if reader is not None:
        found = contents(reader, name)
        return Source(name, found.uuid, found.entries, found.branches, 0)
    file, tree = open_events(name)
    with file:
        names = frozenset(branch_keys(tree))
        uuid = str(file.file.uuid)
        return Source(name, uuid, int(tree.num_entries), names, infer_version(names))


def require(source: Source, names: Iterable[str]) -> tuple[str, ...]:
    """Check that a file holds every required branch; return those to be filled with their neutral value.

    What can be computed from other branches (`flashbench.derived`) is held.

    Raises:
        SchemaError: names the file and all missing branches.
    """
    missing = [branch(name) for name in names if name not in source.branches and not derivable(name, source.branches)]
    required = [b.name for b in missing if b.neutral is None]
    if required:
        generator = any(b.startswith("Gen") for b in required) and not source.has_generator
        hint = "collision data has no generator branches: use --sim full" if generator else "is it NanoAOD v5–v15?"
        raise SchemaError(source.path, ", ".join(required), "missing", hint)
    return tuple(b.name for b in missing)


def plan_blocks(sources: Sequence[Source], size: int, limit: int | None = None) -> list[Block]:
    """Cut files into blocks of `size` entries, the last of each file shorter; at most `limit` entries in all."""
    blocks: list[Block] = []
    left = sum(s.entries for s in sources) if limit is None else limit
    for source in sources:
        entries = min(source.entries, left)
        for start in range(0, entries, size):
            stop = min(start + size, entries)
            blocks.append(Block(source.path, source.uuid, start, stop, len(blocks)))
        left -= entries
    return blocks
