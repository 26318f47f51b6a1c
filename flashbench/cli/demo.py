"""`flashbench demo`: every simulator beside full simulation, with nothing given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flashbench.cli.options import Runs, Seed, Workers

if TYPE_CHECKING:
    from flashbench.progress import Monitor
    from flashbench.simulators import RunName
    from flashbench.workflow import Settings

SIMULATORS: Final = ("full", "flash", "refined", "fast", "gen")
PROCESSES: Final = ("vbf_hmm", "dy2j")
VARIATION: Final = "vbf_hmm_alt"
"""Of the first process, for the ratio method."""

_STUDIED: Final = ("dnn_atanh", "ln_zstar")
_FOLDS: Final = (1, 25)
_THROWS: Final = 10_000


def demo(
    events: Annotated[int, typer.Option(min=1, help="Generator events a process; produced in thousands.")] = 1000,
    seed: Seed = 1,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of report, metrics, histograms and plots.")] = Path("comparison"),
    runs: Runs = Path("runs"),
    studies: Annotated[bool, typer.Option(help="Also upsampling, one event, and a systematic variation.")] = True,
    open_: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
) -> None:
    """Produce small samples and compare every simulator there is with full simulation, on signal and one background.

    With them go studies of the first simulator that throws dice: many folds of an event, one event thrown many times,
    and another parton shower predicted by the ratio method.

    Needs no files. Simulators that cannot run here are left out, and it says why. After an interruption the same
    command goes on from there. 1,000 events show how things work; to tell simulators apart takes more.

    Examples:

        flashbench demo

        flashbench demo --events 20000 --open
    """
    import webbrowser

    from rich.console import Console

    from flashbench import catalogue
    from flashbench.cli.progress import bars
    from flashbench.compare import comparison_table
    from flashbench.simulators import make, parse_run_name
    from flashbench.workflow import Settings, compare_processes, make_samples, runnable

    console = Console()
    names, left_out = runnable([parse_run_name(name) for name in SIMULATORS])
    for name, reason in left_out.items():
        console.print(f"left out: {name}: {reason}", style="yellow", markup=False, highlight=False)
    processes = [catalogue.built_in()[key] for key in PROCESSES]
    settings = Settings(events, seed, workers, runs)
    monitor = bars(console)
    make_samples(processes, names, settings, monitor)
    thrown = [name for name in names if make(name).info.stochastic]
    if studies and thrown:
        _study(thrown[0], settings, out, monitor)
    comparison = compare_processes(processes, names, settings, out, monitor=monitor)
    console.print(comparison_table(comparison))
    for note in comparison.notes:
        console.print(note, markup=False)
    console.print(f"report: {comparison.report}", markup=False)
    if open_:
        webbrowser.open(comparison.report.resolve().as_uri())


def _study(name: RunName, settings: Settings, out: Path, monitor: Monitor) -> None:
    """Folds, one event of the signal region and the ratio method, into folders that the report finds."""
    import numpy as np

    from flashbench import catalogue
    from flashbench.analysis import find_region
    from flashbench.simulators import RunName
    from flashbench.studies import throw_event, upsample_process, vary_processes
    from flashbench.workflow import run_process

    known = catalogue.built_in()
    signal, variation = known[PROCESSES[0]], known[VARIATION]
    upsample_process(signal, name, _FOLDS, settings, out / "upsampling", observables=_STUDIED, monitor=monitor)
    table = run_process(signal, RunName("full"), settings, monitor, ("region", "run", "luminosityBlock", "event")).table
    selected = np.flatnonzero(find_region("SR").select(table["region"]))
    if len(selected):
        event = ":".join(str(table[part][selected[0]]) for part in ("run", "luminosityBlock", "event"))
        throw_event(signal, event, name, settings, out / "event", throws=_THROWS, monitor=monitor)
    vary_processes(*(signal, variation, name, settings, out / "systematics"), observables=_STUDIED[:1], monitor=monitor)
