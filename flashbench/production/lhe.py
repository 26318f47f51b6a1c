"""Les Houches event files (J. Alwall et al., Comput. Phys. Commun. 176 (2007) 300): checked, then cut into shards.

Pythia stops silently at a damaged event; so every event is parsed here first, and the error names its number.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flashbench.errors import ProductionError
from flashbench.storage import atomic

_GZIP_MAGIC = b"\x1f\x8b"
_PARTICLE_FIELDS = 13
_EVENT_FIELDS = 6


@dataclass(frozen=True, slots=True)
class LheSlice:
    """Consecutive events of an LHE file, in a file of their own."""

    path: Path
    events: int


def open_lhe(path: Path) -> IO[str]:
    """The text of an LHE file, gzipped or not.

    Raises:
        ProductionError: the file is missing or a directory.
    """
    try:
        with path.open("rb") as probe:
            zipped = probe.read(2) == _GZIP_MAGIC
    except OSError as error:
        raise ProductionError(str(path), f"cannot be read ({error.strerror})", "give an LHE file") from error
    return (
        gzip.open(path, "rt", encoding="utf-8", errors="replace")
        if zipped
        else path.open(encoding="utf-8", errors="replace")
    )


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_event(lines: list[str], number: int, path: Path) -> None:
    """Refuse an event whose lines are not what its header announces.

    Args:
        lines: between `<event>` and `</event>`.
        number: of the event, from 1.

    Raises:
        ProductionError: names the event.
    """
    where = f"{path}, event {number}"
    if not lines:
        raise ProductionError(where, "is empty", "is the file damaged?")
    header = lines[0].split()
    if len(header) != _EVENT_FIELDS:
        raise ProductionError(where, f"header has {len(header)} fields, not {_EVENT_FIELDS}", "is the file damaged?")
    try:
        particles = int(header[0])
        [float(field) for field in header[1:]]
    except ValueError as error:
        raise ProductionError(where, f"header is not numbers ({error})", "is the file damaged?") from error
    rows = lines[1 : particles + 1]
    if len(rows) < particles:
        problem = f"announces {particles} particles and holds {len(rows)}"
        raise ProductionError(where, problem, "is the file damaged?")
    for row, line in enumerate(rows, start=1):
        fields = line.split()
        try:
            values = [float(field) for field in fields]
        except ValueError as error:
            raise ProductionError(where, f"particle {row} is not numbers ({error})", "is the file damaged?") from error
        if len(values) != _PARTICLE_FIELDS or not all(abs(value) < float("inf") for value in values):
            problem = f"particle {row} has {len(fields)} fields, not {_PARTICLE_FIELDS} finite numbers"
            raise ProductionError(where, problem, "is the file damaged?")


def _lines(file: IO[str], path: Path, done: list[int]) -> Iterator[str]:
    try:
        yield from file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        where = f"{path}, after event {done[0]}"
        raise ProductionError(where, f"compressed data end or are damaged ({error})", "fetch the file again") from error


def read_lhe(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The file in pieces: first ("head", lines up to the end of `<init>`), then ("event", lines) for each event.

    Raises:
        ProductionError: not an LHE file, truncated, or with a malformed event; names the event.
    """
    done = [0]
    with open_lhe(path) as file:
        lines = _lines(file, path, done)
        head: list[str] = []
        for line in lines:
            head.append(line)
            if "</init>" in line:
                break
        else:
            raise ProductionError(str(path), "has no <init> block", "give a Les Houches event file")
        if not any("<LesHouchesEvents" in line for line in head):
            raise ProductionError(str(path), "does not start with <LesHouchesEvents>", "give a Les Houches event file")
        yield "head", head
        for line in lines:
            text = line.strip()
            if text.startswith("<event"):
                yield "event", _event(lines, done, path)
            elif text.startswith("</LesHouchesEvents"):
                return
    raise ProductionError(
        f"{path}, after event {done[0]}", "the file ends without </LesHouchesEvents>", "is it truncated?"
    )


def _event(lines: Iterator[str], done: list[int], path: Path) -> list[str]:
    number = done[0] + 1
    body: list[str] = []
    for line in lines:
        text = line.strip()
        if text.startswith("</event>"):
            check_event(_numbers(body), number, path)
            done[0] = number
            return body
        if text.startswith(("<event", "</LesHouchesEvents")):
            break
        body.append(line)
    raise ProductionError(f"{path}, event {number}", "has no end", "is the file truncated?")


def _numbers(body: list[str]) -> list[str]:
    """Lines of the event record proper: before comments, weights and other tags."""
    record: list[str] = []
    for line in body:
        text = line.strip()
        if text.startswith(("<", "#")):
            break
        if text:
            record.append(text)
    return record


def split(path: Path, directory: Path, size: int, events: int | None = None) -> list[LheSlice]:
    """Check an LHE file and cut it into files of `size` events, in `directory`.

    Args:
        events: stop after so many; None takes all.

    Raises:
        ProductionError: as `read_lhe`; also when the file holds no event, or fewer than `events`.
    """
    pieces = read_lhe(path)
    _, head = next(pieces)
    slices: list[LheSlice] = []
    batch: list[list[str]] = []
    total = 0
    for _, body in pieces:
        batch.append(body)
        total += 1
        if len(batch) == size:
            slices.append(_write_slice(directory, len(slices), head, batch))
            batch = []
        if total == events:
            break
    if batch:
        slices.append(_write_slice(directory, len(slices), head, batch))
    if not total:
        raise ProductionError(str(path), "holds no event", "give a file with events")
    if events is not None and total < events:
        raise ProductionError(str(path), f"holds {total} events, {events} were asked for", f"ask for at most {total}")
    return slices


def _write_slice(directory: Path, number: int, head: list[str], batch: list[list[str]]) -> LheSlice:
    target = directory / f"part-{number:05d}.lhe"
    with atomic(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(head)
        for body in batch:
            file.writelines(["<event>\n", *body, "</event>\n"])
        file.write("</LesHouchesEvents>\n")
    return LheSlice(target, len(batch))
