"""`flashbench systematics`: a variation of full simulation by the ratio method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flashbench.cli.options import Catalogue, Dnn, Events, LeadingMuonPt, Runs, Seed, Trigger, Workers, chosen_dnn


def systematics(
    ref: Annotated[str, typer.Option(help="Process with full simulation, the reference.")] = "vbf_hmm",
    var: Annotated[str, typer.Option(help="Its variation: another generator or shower.")] = "vbf_hmm_alt",
    sim: Annotated[str, typer.Option(help="Simulator of both, e.g. flash or flash@25.")] = "flash",
    observable: Annotated[
        list[str] | None,
        typer.Option(help="Observable; repeatable. Default: those with a standard plot in the region."),
    ] = None,
    region: Annotated[str, typer.Option(help="all, PreSel, SR or SB.")] = "SR",
    bins: Annotated[int, typer.Option(min=1, help="Bins in the range of the standard plot.")] = 15,
    events: Events = None,
    seed: Seed = 1,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of systematics.json and plots.")] = Path("systematics"),
    runs: Runs = Path("runs"),
    catalogue: Catalogue = None,
    leading_muon_pt: LeadingMuonPt = None,
    trigger: Trigger = None,
    dnn: Dnn = None,
) -> None:
    """Predict full simulation of a variation: VAR_full = REF_full x VAR_sim / REF_sim, bin by bin.

    Shows the five curves, and the closure against the true VAR_full (χ² with covariance, largest deviation, p-value)
    beside two baselines: REF_full as it is, and the ratio at generator level, VAR_gen / REF_gen. Errors know that
    simulators share generator events. Writes systematics.json and plots.

    Examples:

        flashbench systematics --ref vbf_hmm --var vbf_hmm_alt --sim flash

        flashbench systematics --sim flash@25 --observable dnn_atanh --events 20000
    """
    from rich.console import Console

    from flashbench import catalogue as lists
    from flashbench.analysis import Cuts
    from flashbench.cli.progress import bars
    from flashbench.compare.tables import closures_table
    from flashbench.simulators import make, parse_run_name
    from flashbench.studies import vary_processes
    from flashbench.workflow import Settings

    name = parse_run_name(sim)
    make(name)
    known = lists.load(catalogue)
    sides = lists.find(known, ref), lists.find(known, var)
    cuts = Cuts(leading_muon_pt=leading_muon_pt, trigger=trigger)
    settings = Settings(events, seed, workers, runs, cuts, chosen_dnn(dnn))
    console = Console()
    found = vary_processes(
        *(*sides, name, settings, out),
        observables=observable or (),
        region=region,
        bins=bins,
        monitor=bars(console),
    )
    console.print(closures_table(found.studies))
    console.print(f"numbers: {found.document}, plots: {found.out / 'plots'}", markup=False)
