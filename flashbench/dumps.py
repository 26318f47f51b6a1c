"""Events in parquet or Arrow (Feather) files, as `ak.to_parquet` and `ak.to_feather` write them.

A file with NanoAOD names, as columns (`Jet_pt`) or as records (`Jet` with field `pt`), is read as it is. Otherwise a
TOML file says what is what, and is given in place of the files:

    [input]
    files = ["dump_*.parquet"]                          # relative to this file; read as one
    [columns]                                           # NanoAOD name = column; dots go into records
    event = "event_number"
    Jet_pt = { column = "jets.pt", scale = 0.001 }      # in MeV
    Muon_mediumId = { value = true }                    # the same for every muon
    run = { value = 1 }
    # event = { entry = true }                          # the number of the entry, from 1

`flashbench run --sim full --input mine.toml`; in a catalogue, `files.full = ["mine.toml"]`.
"""

from __future__ import annotations

import glob
import hashlib
import os
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flashbench.errors import CatalogueError, InputError, SchemaError, UnknownNameError
from flashbench.events import BRANCHES, FLAT_COLLECTIONS, branch

PARQUET: Final = (".parquet", ".pq")
ARROW: Final = (".feather", ".arrow")
MAPPING: Final = ".toml"


class _Column(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    column: str | None = None
    scale: float | int = 1
    value: bool | int | float | None = None
    entry: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"column": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one(self) -> _Column:
        if (self.column is not None) + (self.value is not None) + self.entry != 1:
            raise ValueError("give one of `column`, `value`, `entry = true`")
        return self


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")
    files: list[str] = Field(min_length=1)


class _Mapping(BaseModel):
    model_config = ConfigDict(extra="forbid")
    input: _Input
    columns: dict[str, _Column]


@dataclass(frozen=True, slots=True)
class _Dump:
    """Files that are read as one, and where each branch is in them."""

    path: str
    files: tuple[str, ...]
    columns: dict[str, _Column]
    text: str


class ArrowDump:
    """The format of this module; see `flashbench.formats.Format`."""

    def recognises(self, path: str) -> bool:
        """By the file's extension."""
        return "://" not in path and Path(path).suffix in (*PARQUET, *ARROW, MAPPING)

    def open(self, path: str) -> tuple[str, int, frozenset[str]]:
        """Identity (of the mapping, and of the files by name, size and time), events, branches."""
        dump = _describe(path)
        digest = hashlib.sha256(dump.text.encode())
        for file in dump.files:
            status = os.stat(file)
            digest.update(f"{os.path.abspath(file)} {status.st_size} {status.st_mtime_ns}".encode())
        return digest.hexdigest()[:32], sum(_rows(f) for f in dump.files), frozenset(dump.columns)

    def read(self, path: str, start: int, stop: int, names: Sequence[str]) -> dict[str, ak.Array]:
        """Columns of a range of entries."""
        dump = _describe(path)
        wanted = {name: dump.columns[name] for name in names}
        siblings = {name: _sibling(name, dump) for name, c in wanted.items() if c.value is not None and _is_list(name)}
        tops = {str(c.column).partition(".")[0] for c in (*wanted.values(), *siblings.values()) if c.column}
        pieces = [_read(file, first, last, sorted(tops)) for file, first, last in _parts(dump, start, stop)]
        table = ak.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        out = {}
        for name, column in wanted.items():
            if column.entry:
                out[name] = ak.Array(np.arange(start + 1, stop + 1))
            elif column.column is not None:
                out[name] = _scaled(_plain(_walk(table, column.column, path), name, path), column.scale)
            else:
                like = siblings.get(name)
                out[name] = _constant(name, column, _walk(table, str(like.column), path) if like else table, path)
        return out


def _scaled(values: ak.Array, scale: float) -> ak.Array:
    """Times a unit, in double precision: 25,000 MeV of a float32 column are 25 GeV, not 25.000002."""
    return values if scale == 1 else ak.values_astype(values, "float64") * scale


def _constant(name: str, column: _Column, like: Any, path: str) -> ak.Array:
    constant = np.asarray(column.value, branch(name).memory_dtype)
    if not _is_list(name):
        return ak.Array(np.full(len(like), constant))
    return ak.full_like(_plain(like, name, path), constant, dtype=constant.dtype)


def _describe(path: str) -> _Dump:
    if not os.path.isfile(path):
        raise InputError(path, "no such file")
    if Path(path).suffix != MAPPING:
        return _Dump(path, (path,), {n: _Column(column=c) for n, c in _nanoaod_names(path).items()}, "")
    try:
        text = Path(path).read_text(encoding="utf-8")
        content = _Mapping.model_validate(tomllib.loads(text))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(path, f"is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CatalogueError(f"{path}: {key}", str(first["msg"]), f"{error.error_count()} problem(s)") from error
    columns = {}
    for name, given in content.columns.items():
        try:
            branch(name)
        except UnknownNameError as error:
            raise CatalogueError(f"{path}: columns.{name}", str(error)) from error
        columns[name] = given
    return _Dump(path, _files(path, content.input.files), columns, text)


def _files(path: str, patterns: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for pattern in patterns:
        matches = sorted(glob.glob(str(Path(path).resolve().parent / Path(pattern).expanduser()), recursive=True))
        if not matches:
            raise CatalogueError(f"{path}: input.files", f"no file matches {pattern}")
        found += matches
    wrong = [file for file in found if Path(file).suffix not in (*PARQUET, *ARROW)]
    if wrong:
        raise CatalogueError(f"{path}: input.files", f"{wrong[0]} is neither parquet nor Arrow")
    return tuple(found)


def _nanoaod_names(path: str) -> dict[str, str]:
    """NanoAOD names in a file, as columns or as fields of records, with where they are."""
    found = {}
    for each in _schema(path):
        kind = _element(each.type)
        if each.name in BRANCHES or each.name.startswith("HLT_"):
            found[each.name] = each.name
        elif pa.types.is_struct(kind):
            names = (kind.field(i).name for i in range(kind.num_fields))
            found |= {f"{each.name}_{n}": f"{each.name}.{n}" for n in names if f"{each.name}_{n}" in BRANCHES}
    return found


def _element(kind: Any) -> Any:
    """Type of what a column holds, below lists and the extension types that awkward writes."""
    while True:
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        else:
            return kind


def _schema(path: str) -> Any:
    return _guarded(path, lambda: pq.read_schema(path) if _is_parquet(path) else pa.ipc.open_file(path).schema)


def _rows(path: str) -> int:
    if _is_parquet(path):
        return int(_guarded(path, lambda: pq.read_metadata(path).num_rows))
    return int(_guarded(path, lambda: pa.feather.read_table(path, columns=_schema(path).names[:1]).num_rows))


def _parts(dump: _Dump, start: int, stop: int) -> Iterator[tuple[str, int, int]]:
    """Files with the range of each that lies in start … stop of all; the first with an empty one if none does."""
    first, any_part = 0, False
    for file in dump.files:
        rows = _rows(file)
        begin, end = max(start - first, 0), min(stop - first, rows)
        if begin < end:
            any_part = True
            yield file, begin, end
        first += rows
    if not any_part:
        yield dump.files[0], 0, 0


def _read(path: str, start: int, stop: int, columns: list[str]) -> ak.Array:
    missing = sorted(set(columns) - set(_schema(path).names))
    if missing:
        raise SchemaError(path, ", ".join(missing), "no such column", "correct the mapping")
    if not _is_parquet(path):
        table = _guarded(path, lambda: pa.feather.read_table(path, columns=columns))
        return ak.from_arrow(table.slice(start, stop - start))
    file = _guarded(path, lambda: pq.ParquetFile(path))
    edges = np.cumsum([0, *(file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups))])
    groups = [i for i in range(len(edges) - 1) if edges[i] < stop and edges[i + 1] > start]
    table = _guarded(path, lambda: file.read_row_groups(groups, columns=columns))
    return ak.from_arrow(table.slice(start - int(edges[groups[0]]) if groups else 0, stop - start))


def _walk(table: Any, column: str, path: str) -> Any:
    for part in column.split("."):
        if part not in table.fields:
            raise SchemaError(path, column, "no such column", f"there are {', '.join(table.fields) or 'none'}")
        table = table[part]
    return table


def _plain(values: Any, name: str, path: str) -> Any:
    """Values without option types, which Arrow puts everywhere.

    Raises:
        SchemaError: missing values, or a shape that is not the branch's.
    """
    depth = 2 if _is_list(name) else 1
    if values.fields or values.ndim != depth:
        expected = "a list of numbers an event" if depth == 2 else "one number an event"
        raise SchemaError(path, name, f"is {values.type.content}", f"expected {expected}")
    for axis in range(depth):
        if ak.any(ak.is_none(values, axis=axis), axis=None):
            raise SchemaError(path, name, "has missing values", "fill them")
        values = ak.drop_none(values, axis=axis)
    return values


def _sibling(name: str, dump: _Dump) -> _Column:
    collection = branch(name).collection
    for other, column in dump.columns.items():
        if column.column is not None and branch(other).collection == collection:
            return column
    raise CatalogueError(f"{dump.path}: columns.{name}", f"no column says how many {collection} there are")


def _is_list(name: str) -> bool:
    collection = branch(name).collection
    return bool(collection) and collection not in FLAT_COLLECTIONS


def _is_parquet(path: str) -> bool:
    return Path(path).suffix in PARQUET


def _guarded(path: str, action: Any) -> Any:
    try:
        return action()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(path, f"cannot be read, truncated or damaged: {reason}", "check or copy it again") from error
