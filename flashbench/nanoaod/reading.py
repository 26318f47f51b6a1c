"""Blocks of NanoAOD into memory: what a file lacks is computed or filled, what is broken is mended or refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import awkward as ak
import numpy as np
import uproot

from flashbench.derived import INGREDIENTS, RECIPES, derivable, derive
from flashbench.errors import InputError, SchemaError
from flashbench.events import FLAT_COLLECTIONS, Branch, branch, check_finite
from flashbench.formats import Format, contents, reader_of
from flashbench.nanoaod.sources import Block, Source, branch_keys, decoded, open_events, require

_FINITE: Final = ("pt", "eta", "phi", "mass", "genWeight", "ptErr", "pfRelIso04_all", "qgl")


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
    file, tree = open_events(block.path)
    with file:
        _check_unchanged(block, str(file.file.uuid))
        keys = branch_keys(tree)
        neutral = require(Source(block.path, block.uuid, int(tree.num_entries), frozenset(keys), 0), names)
        wanted = _needed(names, keys)
        arrays = decoded(block.where, lambda: _arrays(tree, [keys[n] for n in wanted], block))
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
