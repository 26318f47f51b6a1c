"""`flashbench grid`: search a grid of recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flashbench.cli.options import Catalogue, Seed, Workers
from flashbench.cli.tiers import Fast, Full

app = typer.Typer(no_args_is_help=True, help="Search a grid of hyper-parameters.")
_BEST = 10


@app.callback()
def _grid() -> None:
    """Search a grid of hyper-parameters."""


@app.command()
def refined(
    file: Annotated[Path, typer.Argument(help="The grid, TOML.")],
    process: Annotated[str, typer.Option(help="Process to learn from; produced if the catalogue has no files.")] = (
        "t1tttt"
    ),
    fast: Fast = None,
    full: Full = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="Events to learn from. Default: all of given files, 60,000 produced.")
    ] = None,
    seed: Seed = 1,
    workers: Workers = 2,
    storage: Annotated[
        str, typer.Option(help="SQL address of the study, to share it between machines. Default: a file in OUT/NAME.")
    ] = "",
    out: Annotated[Path, typer.Option(help="The grid's folder OUT/NAME; the same command resumes in it.")] = Path(
        "grids"
    ),
    catalogue: Catalogue = None,
) -> None:
    """Train a refiner at every point of a grid, several at a time; failed points are recorded and the rest go on.

    Start the same command again to resume, or on another machine with the same --storage to share the work.
    `flashbench monitor OUT` shows it in the browser.

    A grid:

        name = "widths"
        kind = "jets"
        [recipe]
        epochs = 20
        [grid]
        hidden = [64, 128]
        bandwidth = ["median", "adaptive"]

    Examples:

        flashbench grid refined grid.toml --process t1tttt --events 20000 --workers 2

        flashbench grid refined grid.toml --storage postgresql://me@host/studies
    """
    from rich.console import Console
    from rich.table import Table

    from flashbench.cli.extras import need
    from flashbench.cli.progress import bars
    from flashbench.cli.tiers import chosen_tiers

    need("train", "torch", "mdmm", "onnx", "optuna")
    from flashbench.training.grid import run_grid
    from flashbench.training.grid_file import load_grid
    from flashbench.training.recipe_refined import DEFAULT_EVENTS

    console = Console()
    monitor = bars(console)
    grid = load_grid(file)
    fast_files, full_files, taken = chosen_tiers(
        (fast, full), (process, catalogue), (events, DEFAULT_EVENTS), seed, workers, monitor=monitor
    )
    with monitor(f"grid {grid.name}, points") as progress:
        rows = run_grid(
            grid, (fast_files, full_files), out, events=taken, storage=storage, workers=workers, progress=progress
        )
    table = Table("point", "state", *grid.grid, grid.minimise, title=f"{grid.name}: the best {_BEST}")
    for row in rows[:_BEST]:
        value = row["error"] if row["value"] is None else f"{row['value']:.4g}"
        table.add_row(row["key"], row["state"], *(str(row["parameters"][name]) for name in grid.grid), value)
    console.print(table)
