"""From names to files to runs to a comparison; what the command line does, as functions.

What to use when: `find_input` to find or make a process's sample, `make_samples` to make several before they are
needed, `run_process` for one simulator on one process, `compare_processes` for a whole comparison, `fit_processes` for
a fit; `runnable` for what can run here. The embedded production is imported only where a process has no files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flashbench import engine
from flashbench.analysis import Cuts, shipped
from flashbench.catalogue import Process
from flashbench.errors import PluginError, SchemaError
from flashbench.events import Tier
from flashbench.progress import Monitor, silent
from flashbench.results import RunResult
from flashbench.simulators import RunName, make

if TYPE_CHECKING:
    from flashbench.compare import Comparison
    from flashbench.compare.fit import FitReport, Plan
    from flashbench.compare.plots.caption import Exhibit

DEFAULT_EVENTS: Final = 5000
OBJECT_EVENTS: Final = 2000
"""Events of each process whose jets and muons a comparison draws."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for every run of a workflow.

    Attributes:
        events: generator events a process; None for all of given files, 5,000 of a produced sample.
        seed: of sample production and of simulators.
        workers: processes.
        runs: folder of the run directories, `<runs>/<process>/<simulator>`.
        cuts: selection.
        dnn: networks that score the events; by default those shipped, None for no scores.
        keep_going: finish the other blocks of a run when one fails.
    """

    events: int | None = None
    seed: int = 1
    workers: int = 1
    runs: Path = Path("runs")
    cuts: Cuts = field(default_factory=Cuts)
    dnn: Path | None = field(default_factory=shipped)
    keep_going: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """Events of a process.

    Attributes:
        files: paths, globs and addresses.
        events: how many to take; None for all.
        cross_section_pb: of a generated event, K factor included; None where nobody says.
    """

    files: list[str]
    events: int | None
    cross_section_pb: float | None


def find_input(process: Process, tier: Tier, settings: Settings, monitor: Monitor = silent) -> Input:
    """Files of a process for a tier, produced if it has none.

    Raises:
        CatalogueError: the catalogue names no files for that tier.
        ProductionError: the sample cannot be made, e.g. without the `production` extra.
    """
    given = process.cross_section
    if process.files:
        scaled = given * process.k_factor if given else None
        return Input(list(process.patterns(tier)), settings.events, scaled)
    from flashbench.production import produce

    events = DEFAULT_EVENTS if settings.events is None else settings.events
    stored = _stored(tier)
    with monitor(f"sample {process.key} ({stored})") as progress:
        sample = produce(
            process.key, events, seed=settings.seed, workers=settings.workers, tiers=(stored,), progress=progress
        )
    files = [str(path) for path in sample.files[stored]]
    return Input(files, events, (given or sample.cross_section_pb) * process.k_factor)


def input_files(
    process: Process, tier: Tier, settings: Settings, monitor: Monitor = silent
) -> tuple[list[str], int | None]:
    """Files and number of events of `find_input`."""
    found = find_input(process, tier, settings, monitor)
    return found.files, found.events


def run_process(
    process: Process,
    name: RunName,
    settings: Settings,
    monitor: Monitor = silent,
    columns: Sequence[str] | None = None,
) -> RunResult:
    """Run one simulator on one process; finished blocks of an earlier run are taken over.

    Args:
        process: what to run on.
        name: simulator and folds.
        settings: events, seed, workers.
        monitor: where progress goes.
        columns: of the table that is returned, without histograms.json then; None for all.

    Raises:
        FlashbenchError: see `flashbench.engine.run` and `find_input`.
    """
    from flashbench.compare import write_histograms

    found = find_input(process, make(name).info.reads, settings, monitor)
    request = engine.RunRequest(
        process.key,
        name,
        process.label,
        settings.seed,
        found.events,
        cuts=settings.cuts,
        dnn=settings.dnn,
        cross_section_pb=found.cross_section_pb,
    )
    out = settings.runs / process.key / str(name)
    with monitor(f"{name} on {process.key}") as progress:
        result = engine.run(
            request,
            found.files,
            out,
            workers=settings.workers,
            progress=progress,
            keep_going=settings.keep_going,
            columns=columns,
        )
    if columns is None:
        write_histograms([result], out / "histograms.json")
    return result


def runnable(names: Sequence[RunName]) -> tuple[list[RunName], dict[str, str]]:
    """The runs whose simulators can be made here, and of the others why not: no weights, a missing library.

    Raises:
        UnknownNameError: no simulator of that name.
    """
    found, left_out = [], {}
    for name in names:
        try:
            make(name)
        except PluginError as error:
            left_out[str(name)] = str(error)
        else:
            found.append(name)
    return found, left_out


def make_samples(
    processes: Sequence[Process], names: Sequence[RunName], settings: Settings, monitor: Monitor = silent
) -> None:
    """Produce what `find_input` would for these runs, all tiers of an event at once; shards that are there are kept.

    Raises:
        ProductionError: a sample cannot be made, e.g. without the `production` extra.
    """
    from flashbench.production import produce

    events = DEFAULT_EVENTS if settings.events is None else settings.events
    stored = {_stored(make(name).info.reads) for name in names}
    for process in processes:
        if not process.files:
            with monitor(f"sample {process.key}") as progress:
                produce(
                    *(process.key, events),
                    seed=settings.seed,
                    workers=settings.workers,
                    tiers=tuple(sorted(stored)),
                    progress=progress,
                )


def _stored(tier: Tier) -> Tier:
    """The tier whose files hold it: generator columns are in every file."""
    return Tier.FULL if tier is Tier.GEN else tier


def compare_processes(
    processes: Sequence[Process],
    names: Sequence[RunName],
    settings: Settings,
    out: Path,
    *,
    reference: str | None = None,
    objects: int = OBJECT_EVENTS,
    include: Sequence[Path] = (),
    monitor: Monitor = silent,
) -> Comparison:
    """Produce and run what is missing, then compare every simulator with the reference.

    Args:
        processes: what to run on.
        names: at least two runs.
        settings: events, seed, workers.
        out: where the report goes.
        reference: a run name; None takes `full` if it is there, else the first.
        objects: events of each process whose jets and muons are drawn; 0 for none.
        include: folders of studies for the report, see `flashbench.compare.compare`.
        monitor: where progress goes.

    Raises:
        FlashbenchError: see `flashbench.engine.run`, `find_input` and `flashbench.compare.compare`.
    """
    from flashbench.compare import Roles, compare

    runs = [run_process(process, name, settings, monitor) for process in processes for name in names]
    exhibits: list[Exhibit] = []
    remarks: list[str] = []
    for process in processes if objects else ():
        own = sorted((r for r in runs if r.process == process.key), key=lambda r: r.simulator != (reference or "full"))
        try:
            exhibits += _objects(
                process, own, {str(n): n for n in names}, settings, out, events=objects, monitor=monitor
            )
        except SchemaError as error:
            remarks.append(f"{process.key}: no figures of jets and muons: {error}")
    with monitor("figures and report") as progress:
        return compare(
            runs,
            out,
            reference=reference,
            roles=Roles.of(processes),
            exhibits=exhibits,
            include=include,
            remarks=remarks,
            progress=progress,
            workers=settings.workers,
        )


def _objects(
    process: Process,
    runs: Sequence[RunResult],
    names: Mapping[str, RunName],
    settings: Settings,
    out: Path,
    *,
    events: int,
    monitor: Monitor,
) -> Sequence[Exhibit]:
    """Figures of the jets and muons of a process, those of an earlier comparison where nothing changed."""
    from flashbench.validation.panorama_files import object_exhibits

    simulators = {run.simulator: make(names[run.simulator]) for run in runs}
    with monitor(f"jets and muons of {process.key}") as progress:
        return object_exhibits(
            *(runs, simulators, lambda tier: find_input(process, tier, settings).files, out),
            events=events,
            workers=settings.workers,
            progress=progress,
        )


def fit_processes(
    processes: Sequence[Process],
    names: Sequence[RunName],
    settings: Settings,
    plan: Plan,
    out: Path,
    *,
    counts: Mapping[str, int] | None = None,
    monitor: Monitor = silent,
) -> FitReport:
    """Produce and run what is missing, then fit the templates of every simulator to the reference's data.

    Args:
        processes: signal, backgrounds and variation of the plan.
        names: runs, the plan's reference among them.
        settings: events, seed, workers.
        plan: how to fit.
        out: where numbers, workspaces and plots go.
        counts: events of processes that have a number of their own.
        monitor: where progress goes.

    Raises:
        FlashbenchError: see `flashbench.engine.run`, `find_input` and `flashbench.compare.fit.fit`.
    """
    from flashbench import provenance
    from flashbench.compare.fit import COLUMNS, fit

    runs = {}
    for process in processes:
        own = replace(settings, events=(counts or {}).get(process.key, settings.events))
        for name in names:
            runs[process.key, str(name)] = run_process(process, name, own, monitor, COLUMNS)
    with monitor("fits") as progress:
        return fit(runs, plan, out, facts=provenance.describe(), progress=progress)
