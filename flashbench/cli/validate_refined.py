"""`flashbench validate refined`: hold refined fast simulation against full simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flashbench.cli.options import Catalogue, Events, Workers


def refined(
    process: Annotated[
        list[str] | None, typer.Option(help="Process of the catalogue, repeatable. Default: t1tttt, ttbar.")
    ] = None,
    events: Events = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of sample production; networks are trained on seed 1, so not 1.")
    ] = 2,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of validation.html and validation.json.")] = Path(
        "refined-validation"
    ),
    weights: Annotated[Path | None, typer.Option(help="Folder of weights. Default: as `--sim refined`.")] = None,
    allow_seen: Annotated[
        bool, typer.Option("--allow-seen", help="Take files that the weights were trained on; refused otherwise.")
    ] = False,
    catalogue: Catalogue = None,
) -> None:
    """Compare refined jets and muons with those of fast and of full simulation of the same events.

    Spectra with their ratios, correlation matrices, discrepancies of every variable in bins of generator pT, η and
    flavour, b tagging, unitarity, response; and whether each required number is reached.

    Examples:

        flashbench validate refined --events 20000

        flashbench validate refined --process ttbar --process vbf_hmm --weights my-refiner
    """
    from rich.console import Console

    from flashbench import catalogue as lists
    from flashbench.cli.progress import bars
    from flashbench.cli.tiers import both_tiers
    from flashbench.simulators.refined import RefinedSimulator
    from flashbench.validation.refined import Sample, validate_refined
    from flashbench.validation.refined.checks import outcomes_table
    from flashbench.workflow import DEFAULT_EVENTS

    simulator = RefinedSimulator(weights)
    processes = lists.load(catalogue)
    console = Console()
    monitor = bars(console)
    samples = []
    for key in dict.fromkeys(process or ["t1tttt", "ttbar"]):
        chosen = lists.find(processes, key)
        wanted = events or DEFAULT_EVENTS
        fast, full, produced = both_tiers(chosen, wanted, seed, workers, monitor)
        samples.append(Sample(key, chosen.label, tuple(fast), tuple(full), wanted if produced else events))
    done = validate_refined(samples, simulator, out, allow_seen=allow_seen, monitor=monitor)
    console.print(outcomes_table(done.outcomes, f"{simulator.info.label} against full simulation"))
    console.print(f"page: {out / 'validation.html'}", markup=False)
