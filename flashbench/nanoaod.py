"""Read and write NanoAOD, a block of entries at a time.

What to use when: `open_source` to look at a file, `plan_blocks` to cut files into blocks, `load_block` to read one,
`write_events` to write a TTree that ROOT-style readers understand.

TTree and RNTuple of NanoAOD v5–v15 are read, and what `flashbench.formats` reads; TTree is written
(`uproot.WritableDirectory.mktree`: plain assignment writes RNTuple since uproot 5.7). A local path, a glob or, with
`fsspec-xrootd` installed, a `root://` address names a file.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from flashbench.derived import INGREDIENTS, RECIPES, derivable, derive
from flashbench.errors import InputError, SchemaError
from flashbench.events import BRANCHES, FLAT_COLLECTIONS, Branch, branch, check_finite
from flashbench.formats import Format, contents, reader_of
from flashbench.storage import atomic

_FINITE = ("pt", "eta", "phi", "mass", "genWeight", "ptErr", "pfRelIso04_all", "qgl")


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


@dataclass(frozen=True, slots=True)
class Loaded:
    """A block in memory.

    Attributes:
        events: shape (entries,), see `flashbench.events`.
        neutral: branches the file lacks, filled with their neutral value.
        repairs: what was mended, with the number of values, e.g. broken gen links.
    """

    events: ak.Array
    neutral: tuple[str, ...] = ()
    repairs: Mapping[str, int] = field(default_factory=dict)


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


def _open_events(path: str) -> tuple[Any, Any]:
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
    return file, _read(path, lambda: file["Events"])


def _read(where: str, action: Any) -> Any:
    try:
        return action()
    except Exception as error:  # a damaged basket surfaces as whatever the decoder tripped over
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(where, f"cannot be decoded, truncated or damaged: {reason}", "copy the file again") from error


def _branch_keys(tree: Any) -> dict[str, str]:
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
    file, tree = _open_events(name)
    with file:
        names = frozenset(_branch_keys(tree))
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


def load_block(block: Block, names: Sequence[str]) -> Loaded:
    """Read the branches `names` of a block.

    Returns:
        Events of shape (entries,); collections as jagged records, floats as float64.

    Raises:
        InputError: the file is gone, changed since it was planned, or damaged.
        SchemaError: a required branch is missing, or a momentum, angle or weight is not finite.
    """
    reader = reader_of(block.path)
    columns, neutral = _read_foreign(reader, block, names) if reader else _read_events(block, names)
    repairs: dict[str, int] = {}
    for name in names:
        if name not in columns and name not in neutral:
            columns[name] = derive(name, columns)
            repairs[f"{name} computed {RECIPES[name]}"] = int(ak.count(columns[name]))
    for name in neutral:
        columns[name] = _neutral(branch(name), columns, len(block))
    counter = next((name for name in ("nGenJet", "GenJet_pt") if name in columns), None)
    if "Jet_genJetIdx" in names and counter:
        count = columns[counter] if counter == "nGenJet" else ak.num(columns[counter])
        columns["Jet_genJetIdx"] = _guard_links(columns["Jet_genJetIdx"], count, repairs)
    return Loaded(assemble({n: columns[n] for n in names}, block.path, block.start), neutral, repairs)


def _needed(names: Sequence[str], held: Collection[str]) -> list[str]:
    """Branches to read of those that a file holds: what is asked for, and what that is computed or guarded with."""
    direct = [name for name in names if name in held]
    behind = [each for name in names if name not in held and derivable(name, held) for each in INGREDIENTS[name]]
    counter = [name for name in ("nGenJet", "GenJet_pt") if name in held][:1] if "Jet_genJetIdx" in direct else []
    return [*dict.fromkeys([*direct, *behind, *counter])]


def _read_events(block: Block, names: Sequence[str]) -> tuple[dict[str, ak.Array], tuple[str, ...]]:
    file, tree = _open_events(block.path)
    with file:
        _check_unchanged(block, str(file.file.uuid))
        keys = _branch_keys(tree)
        neutral = require(Source(block.path, block.uuid, int(tree.num_entries), frozenset(keys), 0), names)
        wanted = _needed(names, keys)
        arrays = _read(block.where, lambda: _arrays(tree, [keys[n] for n in wanted], block))
    return {name: arrays[keys[name]] for name in wanted}, neutral


def _read_foreign(reader: Format, block: Block, names: Sequence[str]) -> tuple[dict[str, ak.Array], tuple[str, ...]]:
    found = contents(reader, block.path)
    _check_unchanged(block, found.uuid)
    neutral = require(Source(block.path, found.uuid, found.entries, found.branches, 0), names)
    wanted = _needed(names, found.branches)
    return dict(reader.read(block.path, block.start, block.stop, wanted)), neutral


def _check_unchanged(block: Block, uuid: str) -> None:
    if uuid != block.uuid:
        raise InputError(block.path, "changed while it was being read", "start the run again")


def _arrays(tree: Any, keys: list[str], block: Block) -> dict[str, ak.Array]:
    span = {"entry_start": block.start, "entry_stop": block.stop}
    if isinstance(tree, uproot.TTree):
        return dict(tree.arrays(keys, how=dict, **span))
    out: dict[str, ak.Array] = {}
    for key in keys:
        array = tree.arrays(filter_name=key, **span)
        for part in key.split("."):
            array = array[part]
        out[key] = array
    return out


def _neutral(missing: Branch, columns: Mapping[str, ak.Array], entries: int) -> ak.Array:
    value = np.asarray(missing.neutral, missing.memory_dtype)
    if not missing.collection or missing.collection in FLAT_COLLECTIONS:
        return ak.Array(np.full(entries, value))
    sibling = next((a for n, a in columns.items() if n.startswith(missing.collection + "_")), None)
    if sibling is None:
        return ak.Array(
            ak.contents.ListOffsetArray(
                ak.index.Index64(np.zeros(entries + 1, np.int64)),
                ak.contents.NumpyArray(np.empty(0, value.dtype)),
            )
        )
    return ak.unflatten(np.full(int(ak.sum(ak.num(sibling))), value), ak.num(sibling))


def _guard_links(index: ak.Array, count: ak.Array, repairs: dict[str, int]) -> ak.Array:
    broken = index >= count
    number = int(ak.sum(broken))
    if number:
        repairs["Jet_genJetIdx beyond nGenJet, set to -1"] = number
    return ak.where(broken, -1, index)


def assemble(columns: Mapping[str, ak.Array], where: str, first_entry: int = 0) -> ak.Array:
    """Join flat NanoAOD columns into an event block, in the memory types of the schema.

    Raises:
        SchemaError: collection columns of unequal lengths, or values that are not finite.
    """
    scalars: dict[str, Any] = {}
    collections: dict[str, dict[str, Any]] = {}
    for name, values in columns.items():
        declared = branch(name)
        typed = ak.values_astype(values, declared.memory_dtype)
        if declared.field in _FINITE:
            check_finite(typed, name, where, first_entry)
        if declared.collection:
            collections.setdefault(declared.collection, {})[declared.field] = typed
        else:
            scalars[name] = typed
    for name, fields in collections.items():
        if name in FLAT_COLLECTIONS:
            scalars[name] = ak.zip(fields, depth_limit=1)
            continue
        try:
            scalars[name] = ak.zip(fields)
        except ValueError as error:
            raise SchemaError(
                where, f"{name}_*", "columns of unequal length in an event", "is the file damaged?"
            ) from error
    return ak.zip(scalars, depth_limit=1)


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
