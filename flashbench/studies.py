"""Studies of one simulator: what `flashbench upsample` and `flashbench systematics` do, as functions.

What to use when: `upsample_process` for errors against folds, `throw_event` for one event thrown many times,
`vary_processes` for the ratio method. Each runs what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np

from flashbench import engine
from flashbench.analysis import Cuts, Observable, all_observables, find_observable, find_region
from flashbench.catalogue import Process
from flashbench.derived import derivable
from flashbench.errors import InputError, RunError, UnknownNameError
from flashbench.events import BRANCHES, IDENTITY, Tier
from flashbench.nanoaod import Block, expand, load_block, open_source, write_events
from flashbench.progress import Monitor, silent
from flashbench.results import RunResult
from flashbench.simulators import RunName, make
from flashbench.workflow import Settings, input_files, run_process

if TYPE_CHECKING:
    from flashbench.compare.systematics import Systematics
    from flashbench.compare.throws import Throws
    from flashbench.compare.upsampling import Upsampling

Plots = Sequence[tuple[Observable, str]]

ONE_EVENT: Final = ("ln_zstar", "dnn_atanh")
"""Observables of the study of one event, of those that the run has: a sharp and a smeared one."""

_THROWS_AT_ONCE: Final = 1000


def check_folds(name: RunName) -> None:
    """A simulator that a study may throw as often as it needs.

    Raises:
        RunError: folds in its name, or not stochastic.
        UnknownNameError, PluginError: no such simulator, see `simulators.make`.
    """
    if name.folds > 1:
        raise RunError(str(name), "names a number of folds", "leave @N out: --folds says it")
    if not make(name).info.stochastic:
        raise RunError(str(name), "is not stochastic: its folds would be copies", "name another simulator")


def plots_of(names: Sequence[str], region: str | None) -> Plots:
    """Observables and their regions: those named, else all; in the region named, else those of their standard plots.

    With a region and no names, the observables whose standard plot is made there.

    Raises:
        UnknownNameError: no such observable or region.
    """
    if region is not None:
        find_region(region)
    if names:
        chosen: Sequence[Observable] = [find_observable(name) for name in dict.fromkeys(names)]
        return [(each, where) for each in chosen for where in ((region,) if region else each.regions)]
    return [(each, where) for each in all_observables() for where in each.regions if region in (None, where)]


def _tabulated(plots: Plots, runs: Sequence[RunResult], asked: bool) -> Plots:
    """Plots whose observable every run has, unless it was asked for: scores are lacking without a network."""
    lacking = {each.name for each, _ in plots if not all(each.name in run.table for run in runs)}
    if lacking and asked:
        raise UnknownNameError(f"observable in the runs of {runs[0].process}", min(lacking), runs[0].table)
    return [(each, where) for each, where in plots if each.name not in lacking]


def upsample_process(
    process: Process,
    name: RunName,
    folds: Sequence[int],
    settings: Settings,
    out: Path,
    *,
    observables: Sequence[str] = (),
    region: str | None = None,
    monitor: Monitor = silent,
) -> Upsampling:
    """Run a simulator with the most folds, and study all numbers of them in it.

    Args:
        name: without folds.
        folds: numbers of folds; one is always among them.
        out: where document and figures go.
        observables, region: see `plots_of`.

    Raises:
        RunError, UnknownNameError: see `check_folds` and `plots_of`.
        StatisticsError: see `compare.upsampling.upsample`.
        FlashbenchError: see `workflow.run_process`.
    """
    from flashbench.compare.upsampling import fold_numbers, upsample

    check_folds(name)
    plots, numbers = plots_of(observables, region), fold_numbers(folds)
    run = run_process(process, replace(name, folds=numbers[-1]), settings, monitor)
    with monitor("figures") as progress:
        chosen = _tabulated(plots, [run], bool(observables))
        return upsample(run, numbers, chosen, out, workers=settings.workers, progress=progress)


def vary_processes(
    reference: Process,
    variation: Process,
    name: RunName,
    settings: Settings,
    out: Path,
    *,
    observables: Sequence[str] = (),
    region: str = "SR",
    bins: int | None = None,
    monitor: Monitor = silent,
) -> Systematics:
    """Run `full`, `gen` and a simulator on two processes, and predict one from the other by the ratio method.

    Args:
        name: of the simulator, with folds if wished.
        observables, region: see `plots_of`.
        bins: uniform ones; None for those of the published figure.

    Raises:
        RunError, StatisticsError: see `compare.systematics.vary`.
        UnknownNameError: see `plots_of`.
        FlashbenchError: see `workflow.run_process`.
    """
    from flashbench.compare.systematics import BINS, vary

    if reference.key == variation.key:
        raise RunError(reference.key, "is both reference and variation", "name two samples of different events")
    plots = plots_of(observables, region)
    names = {"full": RunName("full"), "sim": name, "gen": RunName("gen")}
    one, two = (
        {part: run_process(process, which, settings, monitor) for part, which in names.items()}
        for process in (reference, variation)
    )
    with monitor("figures") as progress:
        chosen = _tabulated(plots, [*one.values(), *two.values()], bool(observables))
        return vary(one, two, chosen, out, bins=bins or BINS, workers=settings.workers, progress=progress)


def throw_event(
    process: Process,
    event: str,
    name: RunName,
    settings: Settings,
    out: Path,
    *,
    throws: int,
    observables: Sequence[str] = (),
    region: str = "SR",
    monitor: Monitor = silent,
) -> Throws:
    """Throw one generator event of a process many times, beside what `full` and `gen` make of it.

    Args:
        event: its number, or run:luminosityBlock:event.
        name: without folds.
        out: where document and figures go.
        throws: how often.
        observables: those to show; by default `ONE_EVENT`.
        region: of the throws that are shown.

    Raises:
        InputError: no such event in the sample, or several of that number.
        RunError, UnknownNameError: see `check_folds` and `plots_of`.
        FlashbenchError: see `workflow.input_files` and `engine.run`.
    """
    from flashbench.compare.throws import throw

    check_folds(name)
    plots = plots_of(observables or ONE_EVENT, region)
    wanted = _parse_event(event)
    at_once = max(number for number in range(1, min(throws, _THROWS_AT_ONCE) + 1) if throws % number == 0)
    with TemporaryDirectory() as folder:
        runs = {}
        for which, copies, folds in (
            (name, throws // at_once, at_once),
            (RunName("full"), 1, 1),
            (RunName("gen"), 1, 1),
        ):
            tier = make(which).info.reads
            if process.files and which != name and not _has(process, tier):
                continue
            located = _locate(process, wanted, tier, settings, monitor)
            wanted = located.identity
            file = Path(folder) / f"{which}.root"
            write_events(file, [located.load(settings.cuts)] * copies)
            request = engine.RunRequest(
                process.key,
                replace(which, folds=folds),
                process.label,
                settings.seed,
                block_events=max(1, _THROWS_AT_ONCE // folds),
                cuts=settings.cuts,
                dnn=settings.dnn,
            )
            with monitor(f"{which} on event {':'.join(map(str, wanted))}") as progress:
                place = Path(folder) / str(which)
                runs[str(which)] = engine.run(request, [file], place, workers=settings.workers, progress=progress)
        run = runs.pop(str(name))
        with monitor("figures") as progress:
            chosen = _tabulated(plots, [run, *runs.values()], bool(observables))
            return throw(run, runs, chosen, out, workers=settings.workers, progress=progress)


def _has(process: Process, tier: Tier) -> bool:
    return tier in process.files or (tier is Tier.GEN and bool(process.files))


@dataclass(frozen=True, slots=True)
class _Located:
    """Where an event is."""

    path: str
    entry: int
    identity: tuple[int, ...]

    def load(self, cuts: Cuts) -> object:
        """The event, with every branch of the event model that its file tells, and the trigger that is cut on."""
        source = open_source(self.path)
        held = {*source.branches, *IDENTITY}
        names = [name for name in BRANCHES if name in held or derivable(name, held)]
        names += [cuts.trigger] if cuts.trigger else []
        return load_block(Block(self.path, source.uuid, self.entry, self.entry + 1, 0), names).events


def _parse_event(text: str) -> tuple[int, ...]:
    """Event number, or run, luminosity block and event number.

    Raises:
        InputError: not of that form.
    """
    parts = text.split(":")
    if len(parts) not in (1, 3) or not all(part.isdecimal() for part in parts):
        raise InputError(f"event '{text}'", "is no event", "give its number, or run:luminosityBlock:event")
    return tuple(map(int, parts))


def _locate(process: Process, wanted: tuple[int, ...], tier: Tier, settings: Settings, monitor: Monitor) -> _Located:
    """The event in the sample of a tier."""
    files, limit = input_files(process, tier, settings, monitor)
    found: list[_Located] = []
    lowest, highest, left = None, None, limit
    for path in expand(files):
        source = open_source(path)
        entries = source.entries if left is None else min(source.entries, left)
        if not entries:
            continue
        left = None if left is None else left - entries
        events = load_block(Block(path, source.uuid, 0, entries, 0), IDENTITY).events
        columns = np.stack([np.asarray(events[name], dtype=np.uint64) for name in IDENTITY], axis=1)
        numbers = columns[:, -1]
        lowest = min(int(numbers.min()), int(numbers.min()) if lowest is None else lowest)
        highest = max(int(numbers.max()), highest or 0)
        same = (columns[:, -len(wanted) :] == np.array(wanted, dtype=np.uint64)).all(axis=1)
        found += [_Located(path, int(at), tuple(map(int, columns[at]))) for at in np.flatnonzero(same)]
    name = ":".join(map(str, wanted))
    if not found:
        span = f"its events are numbered {lowest} to {highest}" if highest is not None else "its files hold no events"
        raise InputError(f"{process.key} ({tier})", f"no event {name}", span)
    if len({each.identity for each in found}) > 1:
        several = ", ".join(":".join(map(str, each.identity)) for each in found[:3])
        raise InputError(f"{process.key} ({tier})", f"several events {name}", f"name one of {several}, …")
    return found[0]
