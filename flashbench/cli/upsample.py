"""`flashbench upsample`: what more folds gain, and what becomes of one event."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flashbench.cli.options import Catalogue, Dnn, Events, LeadingMuonPt, Runs, Seed, Trigger, Workers, chosen_dnn

_MANY, _THROWS = "1,5,25,100", "10000"


def upsample(
    sim: Annotated[str, typer.Option(help="Stochastic simulator, with options, without @N.")] = "flash",
    process: Annotated[str, typer.Option(help="Process of the catalogue.")] = "vbf_hmm",
    folds: Annotated[
        str | None, typer.Option(help=f"Numbers of folds, or of throws of one event. Default: {_MANY}; {_THROWS}.")
    ] = None,
    event: Annotated[
        str | None, typer.Option(help="Throw this one event: its number, or run:luminosityBlock:event.")
    ] = None,
    observable: Annotated[list[str] | None, typer.Option(help="Observable; repeatable. Default: all.")] = None,
    region: Annotated[
        str | None, typer.Option(help="all, PreSel, SR or SB. Default: that of each standard plot; SR for one event.")
    ] = None,
    events: Events = None,
    seed: Seed = 1,
    workers: Workers = 2,
    out: Annotated[
        Path | None, typer.Option(help="Folder of document and plots. Default: upsampling or event.")
    ] = None,
    runs: Runs = Path("runs"),
    catalogue: Catalogue = None,
    leading_muon_pt: LeadingMuonPt = None,
    trigger: Trigger = None,
    dnn: Dnn = None,
) -> None:
    """Study the folds of a simulator: errors against their number, or the spread of one event.

    Writes upsampling.json (or event.json) and plots. Errors of n folds are of the first n of one run with the most;
    the plateau is what no number of folds gets below. For one event: the fraction that passes each cut, and histograms
    of ln|z*| and, with a network, of the DNN output, beside the values of full simulation and generator.

    Examples:

        flashbench upsample --sim flash --process vbf_hmm --folds 1,5,25,100

        flashbench upsample --sim flash --process dy2j --folds 1,25 --observable dnn_atanh --observable ln_zstar

        flashbench upsample --event 12 --folds 10000
    """
    from rich.console import Console

    from flashbench import catalogue as lists
    from flashbench.analysis import Cuts
    from flashbench.cli.progress import bars
    from flashbench.compare.tables import event_table, folds_table, spread_table
    from flashbench.simulators import parse_run_name
    from flashbench.studies import throw_event, upsample_process
    from flashbench.workflow import Settings

    default = _MANY if event is None else _THROWS
    numbers = _numbers(default if folds is None else folds)
    if event is not None and len(numbers) > 1:
        raise typer.BadParameter("one event takes one number of throws", param_hint="--folds")
    chosen, name = lists.find(lists.load(catalogue), process), parse_run_name(sim)
    cuts = Cuts(leading_muon_pt=leading_muon_pt, trigger=trigger)
    settings = Settings(events, seed, workers, runs, cuts, chosen_dnn(dnn))
    console = Console()
    monitor, names = bars(console), observable or ()
    if event is None:
        place = out or Path("upsampling")
        found = upsample_process(
            *(chosen, name, numbers, settings, place), observables=names, region=region, monitor=monitor
        )
        console.print(folds_table(found.studies))
        console.print(f"numbers: {found.document}, plots: {found.out / 'plots'}", markup=False)
        return
    thrown = throw_event(
        *(chosen, event, name, settings, out or Path("event")),
        throws=numbers[0],
        observables=names,
        region=region or "SR",
        monitor=monitor,
    )
    console.print(event_table(thrown.study))
    if thrown.study.thrown:
        console.print(spread_table(thrown.study))
    console.print(f"numbers: {thrown.document}, plots: {thrown.out / 'plots'}", markup=False)


def _numbers(text: str) -> list[int]:
    """Whole numbers above zero, separated by commas."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"'{text}' are not whole numbers separated by commas", param_hint="--folds")
    return [int(part) for part in parts]
