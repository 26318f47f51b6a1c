"""`flashbench validate`: hold a learned simulator against the full simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flashbench.cli.options import Catalogue, Events, Workers
from flashbench.cli.validate_refined import refined

app = typer.Typer(no_args_is_help=True, help="Validate a learned simulator, object by object.")
app.command()(refined)


@app.callback()
def _validate() -> None:
    """Validate a learned simulator, object by object."""


@app.command()
def flash(
    process: Annotated[
        list[str] | None, typer.Option(help="Process of the catalogue, repeatable. Default: ttbar.")
    ] = None,
    events: Events = None,
    seed: Annotated[
        int,
        typer.Option(min=0, help="Seed of sample production and simulator; networks are trained on seed 1, so not 1."),
    ] = 2,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of validation.html and validation.json.")] = Path(
        "flash-validation"
    ),
    sim: Annotated[
        str, typer.Option(help="Simulator, with options: flash, flash:fakes=off, flash@4 (four throws for distances).")
    ] = "flash",
    fast: Annotated[bool, typer.Option(help="Show the fast tier beside, where there is one.")] = True,
    allow_seen: Annotated[
        bool, typer.Option("--allow-seen", help="Take files that the weights were trained on; refused otherwise.")
    ] = False,
    catalogue: Catalogue = None,
) -> None:
    """Compare FlashSim's jets and muons with those of full simulation of the same generator events.

    Distance of every target with its null, a classifier test on targets and conditions, correlations, contours,
    response, b tagging, efficiencies and fakes; and whether each required number is reached. Events must not be those
    that the networks were trained on: the default seed is 2, training's is 1. With flash@N the distances of targets
    take N throws of every event, which leaves them the chance of full simulation alone; everything else takes the
    first.

    Examples:

        flashbench validate flash --events 20000

        flashbench validate flash --process ttbar --process dy2j --process vbf_hmm --out my-validation

        flashbench validate flash --sim flash:fakes=off
    """
    from rich.console import Console

    from flashbench import catalogue as lists
    from flashbench.cli.progress import bars
    from flashbench.events import Tier
    from flashbench.simulators import make, parse_run_name
    from flashbench.validation.flash import outcomes_table, validate_flash
    from flashbench.validation.flash.validate import Events as Chosen
    from flashbench.workflow import DEFAULT_EVENTS

    name = parse_run_name(sim)
    simulator = make(name)
    processes = lists.load(catalogue)
    console = Console()
    monitor = bars(console)
    samples = []
    for key in dict.fromkeys(process or ["ttbar"]):
        chosen = lists.find(processes, key)
        tiers = (Tier.FULL, Tier.FAST) if fast else (Tier.FULL,)
        if chosen.files:
            files = {tier: chosen.patterns(tier) for tier in tiers if tier is Tier.FULL or tier in chosen.files}
            limit = events
        else:
            from flashbench.production import produce

            limit = events or DEFAULT_EVENTS
            with monitor(f"sample {key}") as progress:
                sample = produce(key, limit, seed=seed, workers=workers, tiers=tiers, progress=progress)
            files = {tier: tuple(str(path) for path in sample.files[tier]) for tier in tiers}
        samples.append(Chosen(key, chosen.label, files[Tier.FULL], files.get(Tier.FAST, ()), limit))
    done = validate_flash(
        samples, (str(name), simulator), out, throws=name.folds, seed=seed, allow_seen=allow_seen, monitor=monitor
    )
    title = f"{simulator.info.label} against full simulation"
    console.print(outcomes_table(done.outcomes, title))
    console.print(f"page: {out / 'validation.html'}", markup=False)
