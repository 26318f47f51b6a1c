"""`flashbench run`: one simulator through the analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flashbench.cli.options import Catalogue, Dnn, Events, LeadingMuonPt, Runs, Seed, Trigger, Workers, chosen_dnn


def run(
    sim: Annotated[
        str, typer.Option(help="Simulator, with :option=value and @N for N folds: full, flash@25, flash:fakes=off.")
    ],
    process: Annotated[str | None, typer.Option(help="Process of the catalogue. List: processes.")] = None,
    input_: Annotated[
        list[str] | None, typer.Option("--input", help="NanoAOD file, quoted glob or root:// address; repeatable.")
    ] = None,
    events: Events = None,
    seed: Seed = 1,
    workers: Workers = 1,
    out: Runs = Path("runs"),
    catalogue: Catalogue = None,
    leading_muon_pt: LeadingMuonPt = None,
    trigger: Trigger = None,
    dnn: Dnn = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Finish the other blocks when one fails; still exits with 1.")
    ] = False,
) -> None:
    """Run one simulator on one process through the VBF H→μμ analysis.

    A run's directory holds parts (parquet), cutflow.json, histograms.json and manifest.json. Finished blocks are kept:
    after an interruption the same command goes on from there.

    Examples:

        flashbench run --sim gen --process dy2j --events 10000 --workers 2

        flashbench run --sim full --input NanoAODv5_sample.root

        flashbench run --sim full --process vbf_hmm --dnn mine.onnx
    """
    from rich.console import Console

    from flashbench import catalogue as lists
    from flashbench.analysis import Cuts
    from flashbench.cli.progress import bars
    from flashbench.compare import cutflow_table
    from flashbench.compare.discriminator import scored
    from flashbench.events import Tier
    from flashbench.simulators import parse_run_name
    from flashbench.workflow import Settings, run_process

    if process is None and not input_:
        raise typer.BadParameter("name a --process, or give --input files", param_hint="--process")
    console = Console()
    processes = lists.load(catalogue)
    if input_:
        known = processes.get(process) if process else None
        key, label = process or Path(input_[0]).stem, known.label if known else process or Path(input_[0]).name
        given = {tier: tuple(input_) for tier in (Tier.FULL, Tier.FAST)}
        chosen = lists.Process(key, label, files=given, origin="--input")
    else:
        chosen = lists.find(processes, process or "")
    cuts = Cuts(leading_muon_pt=leading_muon_pt, trigger=trigger)
    settings = Settings(events, seed, workers, out, cuts, chosen_dnn(dnn), keep_going)
    result = run_process(chosen, parse_run_name(sim), settings, bars(console))
    console.print(cutflow_table([result]))
    for what, number in result.manifest["repairs"].items():
        console.print(f"mended: {what} ({number})", markup=False)
    for line in scored(result.manifest):
        console.print(line, markup=False, highlight=False)
    console.print(f"run in {result.path}", markup=False)
