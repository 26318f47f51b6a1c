"""`flashbench demo`: every simulator beside full simulation, with nothing given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from flashbench.cli.options import Runs, Seed, Workers

SIMULATORS: Final = ("full", "flash", "refined", "fast", "gen")
PROCESSES: Final = ("vbf_hmm", "dy2j")


def demo(
    events: Annotated[int, typer.Option(min=1, help="Generator events a process; produced in thousands.")] = 1000,
    seed: Seed = 1,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of report, metrics, histograms and plots.")] = Path("comparison"),
    runs: Runs = Path("runs"),
    open_: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
) -> None:
    """Produce small samples and compare every simulator there is with full simulation, on signal and one background.

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
    from flashbench.simulators import parse_run_name
    from flashbench.workflow import Settings, compare_processes, make_samples, runnable

    console = Console()
    names, left_out = runnable([parse_run_name(name) for name in SIMULATORS])
    for name, reason in left_out.items():
        console.print(f"left out: {name}: {reason}", style="yellow", markup=False, highlight=False)
    processes = [catalogue.built_in()[key] for key in PROCESSES]
    settings = Settings(events, seed, workers, runs)
    monitor = bars(console)
    make_samples(processes, names, settings, monitor)
    comparison = compare_processes(processes, names, settings, out, monitor=monitor)
    console.print(comparison_table(comparison))
    for note in comparison.notes:
        console.print(note, markup=False)
    console.print(f"report: {comparison.report}", markup=False)
    if open_:
        webbrowser.open(comparison.report.resolve().as_uri())
