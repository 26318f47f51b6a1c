"""`flashbench compare`: simulators against a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flashbench.cli.options import Catalogue, Dnn, Events, LeadingMuonPt, Runs, Seed, Trigger, Workers, chosen_dnn


def compare(
    sims: Annotated[list[str], typer.Argument(help="Two or more simulators, e.g. full flash@25 flash:fakes=off gen.")],
    process: Annotated[list[str] | None, typer.Option(help="Process; repeatable. Default: vbf_hmm.")] = None,
    reference: Annotated[str | None, typer.Option(help="Default: full if named, else the first.")] = None,
    events: Events = None,
    seed: Seed = 1,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of report, metrics, histograms and plots.")] = Path("comparison"),
    hepdata: Annotated[Path | None, typer.Option(help="Also write a HEPData submission (YAML) to this folder.")] = None,
    objects: Annotated[
        int, typer.Option(min=0, help="Events of each process for figures of jets and muons; 0 for none.")
    ] = 2000,
    include: Annotated[
        list[Path] | None,
        typer.Option(help="Folder that fit, upsample or systematics wrote, for the report; repeatable."),
    ] = None,
    runs: Runs = Path("runs"),
    catalogue: Catalogue = None,
    leading_muon_pt: LeadingMuonPt = None,
    trigger: Trigger = None,
    dnn: Dnn = None,
) -> None:
    """Compare simulators with a reference; produces and runs what is missing.

    Writes report.html, metrics.json, histograms.json and plots (PNG and PDF) with a ratio to the reference. Where a
    signal and a background are compared, the signal strength is fitted too. The report also shows studies in folders
    below --out.

    Examples:

        flashbench compare full gen --process vbf_hmm

        flashbench compare full gen --process vbf_hmm --process dy2j --events 20000 --hepdata submission
    """
    from rich.console import Console

    from flashbench import catalogue as lists
    from flashbench.analysis import Cuts
    from flashbench.cli.progress import bars
    from flashbench.compare import comparison_table, cutflow_table
    from flashbench.compare.hepdata import write_hepdata
    from flashbench.simulators import make, parse_run_name
    from flashbench.workflow import Settings, compare_processes

    names = [parse_run_name(sim) for sim in dict.fromkeys(sims)]
    if len(names) < 2:
        raise typer.BadParameter("name at least two different simulators", param_hint="SIMS")
    for name in names:
        make(name)
    known = lists.load(catalogue)
    chosen = [lists.find(known, key) for key in dict.fromkeys(process or ["vbf_hmm"])]
    console = Console()
    cuts = Cuts(leading_muon_pt=leading_muon_pt, trigger=trigger)
    settings = Settings(events, seed, workers, runs, cuts, chosen_dnn(dnn))
    comparison = compare_processes(
        *(chosen, names, settings, out),
        reference=reference,
        objects=objects,
        include=include or (),
        monitor=bars(console),
    )
    for key in dict.fromkeys(p.key for p in chosen):
        console.print(cutflow_table([run for run in comparison.runs if run.process == key]))
    console.print(comparison_table(comparison))
    for note in comparison.notes:
        console.print(note, markup=False)
    if hepdata:
        submission = write_hepdata([picture.drawing for picture in comparison.pictures], comparison.runs, hepdata)
        console.print(f"HEPData submission: {submission}", markup=False)
    console.print(f"report: {comparison.report}", markup=False)
