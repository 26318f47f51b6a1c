"""Which runs may be compared: those of the same generator events, matched by their identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flashbench.errors import RunError, UnknownNameError
from flashbench.stats import event_keys

if TYPE_CHECKING:
    from flashbench.results import RunResult

IDENTITY = ("run", "luminosityBlock", "event")

DRAWING_ORDER = ("full", "fast", "gen", "flash", "refined")
"""Built-in simulators in the order of every legend and table; others follow by name."""

_SAME_WEIGHT = 1e-6  # relative: genWeight is float32 in NanoAOD


@dataclass(frozen=True, slots=True)
class Paired:
    """A run and the generator event of each of its rows.

    Attributes:
        events: index into `PairedProcess.keys` of each row of `run.table`, shape (rows,).
        weights: weight of each row, a fold carrying its share of the event, shape (rows,).
    """

    run: RunResult
    events: NDArray[np.int64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairedProcess:
    """The runs of one process over the same generator events.

    Attributes:
        reference: the run that all others are compared with.
        others: the others, in drawing order.
        keys: of the generator events for the bootstrap, shape (events,), see `stats.event_keys`.
    """

    process: str
    label: str
    reference: Paired
    others: tuple[Paired, ...]
    keys: NDArray[np.uint64]

    @property
    def all(self) -> tuple[Paired, ...]:
        """The reference, then the others."""
        return self.reference, *self.others


def pair_runs(runs: Sequence[RunResult], reference: str | None = None) -> tuple[PairedProcess, ...]:
    """Group runs by process, choose the reference of each and match their events.

    Args:
        runs: in any order; processes keep the order of their first run.
        reference: simulator to compare with; None for `full` where a process has it, else its first run.

    Raises:
        RunError: nothing to compare, a simulator twice, or runs of one process that differ in coverage.
        UnknownNameError: no run of that reference.
    """
    groups: dict[str, list[RunResult]] = {}
    for run in runs:
        groups.setdefault(run.process, []).append(run)
    if not groups:
        raise RunError("compare", "no runs given", "run two simulators first")
    return tuple(_pair(process, group, reference) for process, group in groups.items())


def _pair(process: str, runs: list[RunResult], reference: str | None) -> PairedProcess:
    names = [run.simulator for run in runs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RunError(process, f"more than one run of {', '.join(twice)}", "give one run a simulator")
    if len(runs) < 2:
        raise RunError(process, f"only {names[0]} was run: nothing to compare", "run another simulator on it")
    if reference is not None and reference not in names:
        raise UnknownNameError(f"simulator among the runs of {process}", reference, names)
    chosen = reference or ("full" if "full" in names else names[0])
    first = next(run for run in runs if run.simulator == chosen)
    others = sorted((run for run in runs if run is not first), key=lambda run: drawing_rank(run.simulator))
    rows, identity = _event_rows(first)
    paired = [Paired(first, rows, _shares(first))]
    paired += [_matched(first, identity, run) for run in others]
    return PairedProcess(process, first.process_label, paired[0], tuple(paired[1:]), event_keys(*identity))


def drawing_rank(simulator: str) -> tuple[int, str]:
    """Sorts simulators as in every legend and table."""
    name = simulator.partition("@")[0]
    return (DRAWING_ORDER.index(name) if name in DRAWING_ORDER else len(DRAWING_ORDER)), simulator


def _shares(run: RunResult) -> NDArray[np.float64]:
    return np.asarray(run.table["weight"], dtype=np.float64) / max(run.folds, 1)


def _event_rows(run: RunResult) -> tuple[NDArray[np.int64], tuple[NDArray[Any], ...]]:
    """Index of the generator event of each row, and the sorted identities, each of shape (events,)."""
    columns = [np.asarray(run.table[name]) for name in IDENTITY]
    order = np.lexsort(columns[::-1])
    ordered = [column[order] for column in columns]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = np.any([column[1:] != column[:-1] for column in ordered], axis=0)
    rows = np.empty(len(order), dtype=np.int64)
    rows[order] = np.cumsum(starts) - 1
    identity = tuple(column[starts] for column in ordered)
    counts = np.bincount(rows, minlength=len(identity[0]))
    wrong = np.flatnonzero(counts != run.folds)
    if wrong.size:
        event = _name(identity, int(wrong[0]))
        problem = f"event {event} has {counts[wrong[0]]} rows, not {run.folds}, and {wrong.size - 1} more do so"
        raise RunError(str(run.path), problem, "events must be numbered uniquely and none may be missing")
    return rows, identity


def _matched(first: RunResult, identity: tuple[NDArray[Any], ...], run: RunResult) -> Paired:
    """`run` with its events matched to those of `first`; refuses unequal coverage."""
    both = f"{run.process}: {run.simulator} and {first.simulator}"
    hint = "run both on the same files and number of events"
    if run.n_events != first.n_events:
        raise RunError(both, f"differ in events: {run.n_events} and {first.n_events}", hint)
    if not np.isclose(run.sum_weights, first.sum_weights, rtol=_SAME_WEIGHT, atol=0):
        raise RunError(both, f"differ in sum of weights: {run.sum_weights:g} and {first.sum_weights:g}", hint)
    rows, own = _event_rows(run)
    if len(own[0]) != len(identity[0]):
        problem = f"differ in the events of their tables: {len(own[0])} and {len(identity[0])}"
        raise RunError(both, problem, hint)
    unequal = np.flatnonzero(np.any([mine != theirs for mine, theirs in zip(own, identity, strict=True)], axis=0))
    if unequal.size:
        at = int(unequal[0])
        problem = f"are of different events: first {_name(own, at)} against {_name(identity, at)}"
        raise RunError(both, problem, hint)
    return Paired(run, rows, _shares(run))


def _name(identity: tuple[NDArray[Any], ...], index: int) -> str:
    return ":".join(str(column[index]) for column in identity)


def unpaired(run: RunResult) -> Paired:
    """A run by itself: folds are matched to their event; without folds every row is one, whatever its identity."""
    rows = np.arange(len(run.table["weight"])) if run.folds == 1 else _event_rows(run)[0]
    return Paired(run, rows, _shares(run))
