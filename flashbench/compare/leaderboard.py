"""Simulators ranked from the files of comparisons, without their events.

A number is only ranked beside another if both were measured on the same sample, with the same selection, networks,
reference, number of events and definition of the metric. For each process the first file that has it says what these
are; others that differ are left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from flashbench.compare import schemas
from flashbench.errors import FlashbenchError, RunError, UnknownNameError

DEFAULT_METRIC: Final = "wasserstein"
_SCHEMA: Final = "metrics"
_MUST_MATCH: Final = {
    "n_events": "other number of events",
    "inputs_sha256": "other input files",
    "reference": "other reference",
    "reference_version": "other version of the reference",
    "cuts": "other selection",
    "dnn_sha256": "other networks of the score",
}
Plot = tuple[str, str | None]  # region, observable


@dataclass(frozen=True, slots=True)
class Entry:
    """One simulator on one process.

    Attributes:
        score: mean over the plots of the metric, each over what it is between halves of the reference where known.
        worst: plot with the worst score, and that.
        yield_ratio, yield_error: in the signal region; None where undefined.
        events_per_second: from generated to reconstructed objects on one core of the machine of the run; None where it
            is not known.
        file: where it is from.
    """

    simulator: str
    version: str
    seed: int
    score: float
    worst: tuple[Plot, float]
    yield_ratio: float | None
    yield_error: float | None
    events_per_second: float | None
    file: Path


@dataclass(frozen=True, slots=True)
class Board:
    """Simulators of one process, best first.

    Attributes:
        plots: that every simulator has, and the mean is of.
        undefined: plots that some simulator lacks.
        in_halves: whether scores are in units of the distance between halves of the reference.
    """

    process: str
    label: str
    reference: str
    n_events: int
    metric: str
    definition: str
    higher_is_better: bool
    plots: int
    undefined: int
    in_halves: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Boards of all processes, and what is in none with the reason."""

    boards: tuple[Board, ...]
    left_out: tuple[str, ...]


def rank(
    files: Sequence[Path], *, metric: str = DEFAULT_METRIC, region: str | None = None, observable: str | None = None
) -> Leaderboard:
    """Rank the simulators in `metrics.json` files.

    Args:
        files: the first that has a process sets its sample and the version of the metric.
        metric: one of which higher or lower is better.
        region, observable: take only these plots.

    Raises:
        RunError: no file can be used, or the metric cannot rank.
        UnknownNameError: a file that can be used has no such metric.
    """
    documents, left_out = _read(files)
    first = next(iter(documents.values()))
    definition = _definition(first, metric)
    if definition is None:
        raise UnknownNameError("metric", metric, [m["name"] for m in first["metrics"]])
    if definition["higher_is_better"] is None:
        raise RunError(f"metric '{metric}'", "neither higher nor lower is better", "rank by another")
    standards: dict[str, Mapping[str, Any]] = {}
    found: dict[str, dict[tuple[str, str, int], _Candidate]] = {}
    for path, document in documents.items():
        own = _definition(document, metric)
        if own is None or own["version"] != definition["version"]:
            had = f"has version {own['version']}" if own else "has none"
            left_out.append(f"{path}: {metric} of version {definition['version']} is ranked, it {had}")
            continue
        for sample in document["samples"]:
            process = sample["process"]
            standard = standards.setdefault(process, sample)
            differs = [words for key, words in _MUST_MATCH.items() if sample[key] != standard[key]]
            if differs:
                left_out.append(f"{path}: {process}: {', '.join(differs)} than in the first file that has it")
                continue
            for candidate in _candidates(path, document, sample, metric, (region, observable)):
                known = found.setdefault(process, {}).setdefault(candidate.key, candidate)
                if known is not candidate:
                    left_out.append(f"{path}: {process}: {candidate.simulator} is in {known.path} already")
    boards = [_board(standards[process], definition, list(each.values())) for process, each in found.items()]
    if not boards:
        wanted = " ".join(word for word in (metric, observable, f"in {region}" if region else None) if word)
        raise RunError("leaderboard", f"no simulator has {wanted}", "see the records of metrics.json for what there is")
    return Leaderboard(tuple(boards), tuple(left_out))


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    facts: Mapping[str, Any]
    n_events: int
    values: Mapping[Plot, float]
    halves: Mapping[Plot, float | None]
    yields: tuple[float | None, float | None]

    @property
    def simulator(self) -> str:
        return str(self.facts["simulator"])

    @property
    def key(self) -> tuple[str, str, int]:
        return self.simulator, str(self.facts["version"]), int(self.facts["seed"])

    def in_halves(self) -> dict[Plot, float]:
        """Values over what they are between halves of the reference, where that is known and not zero."""
        return {plot: value / half for plot, value in self.values.items() if (half := self.halves[plot])}


def _read(files: Sequence[Path]) -> tuple[dict[Path, dict[str, Any]], list[str]]:
    documents, left_out = {}, []
    for path in dict.fromkeys(files):
        try:
            documents[path] = schemas.read(path, _SCHEMA)
        except FlashbenchError as error:
            left_out.append(str(error))
    if not documents:
        raise RunError("leaderboard", f"no file can be used: {'; '.join(left_out) or 'none given'}")
    return documents, left_out


def _definition(document: Mapping[str, Any], metric: str) -> dict[str, Any] | None:
    return next((m for m in document["metrics"] if m["name"] == metric), None)


def _candidates(
    path: Path, document: Mapping[str, Any], sample: Mapping[str, Any], metric: str, chosen: tuple[str | None, ...]
) -> list[_Candidate]:
    process = sample["process"]
    records = [r for r in document["records"] if r["process"] == process]
    found = []
    for facts in document["simulators"]:
        own = [r for r in records if r["simulator"] == facts["simulator"] and facts["process"] == process]
        plots = {
            (r["region"], r["observable"]): r
            for r in own
            if r["metric"] == metric
            and all(want in (None, r[key]) for want, key in zip(chosen, ("region", "observable"), strict=True))
        }
        values = {plot: r["value"] for plot, r in plots.items() if r["value"] is not None}
        halves = {plot: r["halves"] for plot, r in plots.items()}
        signal = ("SR", None, "yield_ratio")
        ratio = next((r for r in own if (r["region"], r["observable"], r["metric"]) == signal), None)
        if values:
            yields = (ratio["value"], ratio["error"]) if ratio else (None, None)
            found.append(_Candidate(path, facts, sample["n_events"], values, halves, yields))
    return found


def _board(sample: Mapping[str, Any], definition: Mapping[str, Any], candidates: Sequence[_Candidate]) -> Board:
    in_halves = any(half for each in candidates for half in each.halves.values())
    scores = [each.in_halves() if in_halves else each.values for each in candidates]
    every = {plot for each in candidates for plot in each.values}
    common = sorted((plot for plot in every if all(plot in each for each in scores)), key=str)
    if not common:
        raise RunError(str(sample["process"]), "its simulators have no plot in common", "name fewer files")
    if definition["has_unit"] and not in_halves and len({observable for _, observable in common}) > 1:
        problem = "has no distances between halves of the reference, and plots of several units have no mean"
        raise RunError(str(sample["process"]), problem, "name one --observable, or another --metric")
    higher = bool(definition["higher_is_better"])
    entries = [
        _entry(candidate, {plot: score[plot] for plot in common}, min if higher else max)
        for candidate, score in zip(candidates, scores, strict=True)
    ]
    entries.sort(key=lambda entry: -entry.score if higher else entry.score)
    return Board(
        process=sample["process"],
        label=sample["label"],
        reference=sample["reference"],
        n_events=sample["n_events"],
        metric=definition["name"],
        definition=definition["definition"],
        higher_is_better=higher,
        plots=len(common),
        undefined=len(every) - len(common),
        in_halves=in_halves,
        entries=tuple(entries),
    )


def _entry(candidate: _Candidate, scores: Mapping[Plot, float], worst_of: Callable[..., Plot]) -> Entry:
    facts, worst = candidate.facts, worst_of(scores, key=lambda plot: scores[plot])
    return Entry(
        *(candidate.simulator, facts["version"], facts["seed"], float(np.mean(list(scores.values())))),
        *((worst, scores[worst]), *candidate.yields),
        *(facts["events_per_second"], candidate.path),
    )
