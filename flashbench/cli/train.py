"""`flashbench train`: learn a simulator from a sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flashbench.cli import train_dnn
from flashbench.cli.options import Catalogue, Seed, Workers
from flashbench.cli.train_refined import refined

app = typer.Typer(no_args_is_help=True, help="Train FlashSim, the refiner or the discriminator on NanoAOD.")
app.command("dnn")(train_dnn.dnn)
app.command()(refined)


@app.callback()
def _train() -> None:
    """Train FlashSim, the refiner or the discriminator on NanoAOD."""


@app.command()
def flash(
    process: Annotated[str, typer.Option(help="Process to learn from; produced if the catalogue has no files.")] = (
        "ttbar"
    ),
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", help="NanoAOD file, quoted glob or root:// address to learn from; repeatable."),
    ] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="Events to learn from. Default: all of given files, 50,000 produced.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of every network. Default: the recipe's.")] = None,
    seed: Seed = 1,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of the weights; the same command resumes in it.")] = Path(
        "flash-weights"
    ),
    catalogue: Catalogue = None,
) -> None:
    """Train flows, efficiencies and fakes of FlashSim, and write weights with their manifest.

    Needs generator and reconstructed columns in one file. After an interruption the same command goes on where it was.
    Use the result with FLASHBENCH_FLASH_WEIGHTS=DIR flashbench run --sim flash.

    Examples:

        flashbench train flash --process ttbar --events 50000 --out my-weights

        flashbench train flash --input NanoAODv5_sample.root --epochs 2
    """
    from rich.console import Console
    from rich.table import Table

    from flashbench import catalogue as lists
    from flashbench.cli.progress import bars
    from flashbench.events import Tier
    from flashbench.simulators.flash.networks import require_libraries
    from flashbench.workflow import Settings, input_files

    require_libraries()
    from flashbench.training.flash import train_flash
    from flashbench.training.recipe import DEFAULT_EVENTS, FlashRecipe

    console = Console()
    monitor = bars(console)
    if input_:
        files, taken = list(input_), events
    else:
        chosen = lists.find(lists.load(catalogue), process)
        wanted = events if chosen.files else events or DEFAULT_EVENTS
        files, taken = input_files(chosen, Tier.FULL, Settings(wanted, seed, workers), monitor)
    recipe = FlashRecipe(events=taken, epochs=epochs, seed=seed)
    manifest = train_flash(files, out, recipe, workers=workers, monitor=monitor)
    table = Table("network", "rows", "validation loss", "seconds", title="FlashSim training")
    for part, facts in manifest["training"].items():
        table.add_row(part, f"{facts['rows']:,}", f"{facts['loss']:.4f}", f"{facts['seconds']:.0f}")
    console.print(table)
    console.print(f"weights in {out}; use them with FLASHBENCH_FLASH_WEIGHTS={out}", markup=False)
