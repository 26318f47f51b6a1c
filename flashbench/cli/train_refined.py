"""`flashbench train refined`: the correction of fast simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flashbench.cli.options import Catalogue, Seed, Workers
from flashbench.cli.tiers import Fast, Full


def refined(
    process: Annotated[str, typer.Option(help="Process to learn from; produced if the catalogue has no files.")] = (
        "t1tttt"
    ),
    fast: Fast = None,
    full: Full = None,
    full_again: Annotated[
        list[str] | None,
        typer.Option(help="Full tier of some of the events, simulated a second time: the floor of every loss."),
    ] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="Events to learn from. Default: all of given files, 60,000 produced.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="TOML with what differs from the shipped recipe.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of every network. Default: the recipe's.")] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard events.")] = False,
    seed: Seed = 1,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of the weights; the same command resumes in it.")] = Path(
        "refined-weights"
    ),
    catalogue: Catalogue = None,
) -> None:
    """Train the networks that make fast simulation like full, and write them with their manifest.

    Pairs jets and muons of the two tiers through their generator objects. After an interruption the same command goes
    on where it was; `flashbench monitor OUT` shows it in the browser.
    Use the result with FLASHBENCH_REFINED_WEIGHTS=DIR flashbench run --sim refined.

    Examples:

        flashbench train refined --process t1tttt --events 60000 --out my-refiner

        flashbench train refined --fast 'fast/*.root' --full 'full/*.root' --epochs 10
    """
    from rich.console import Console
    from rich.table import Table

    from flashbench.cli.extras import need
    from flashbench.cli.progress import bars
    from flashbench.cli.tiers import chosen_tiers

    need("train", "torch", "mdmm", "onnx")
    from flashbench.training.recipe_refined import DEFAULT_EVENTS, load_recipe
    from flashbench.training.refined import train_refined

    console = Console()
    monitor = bars(console)
    files = chosen_tiers((fast, full), (process, catalogue), (events, DEFAULT_EVENTS), seed, workers, monitor=monitor)
    changes = {"seed": seed, "events": files[2]} | ({"epochs": epochs} if epochs else {})
    chosen = load_recipe(recipe, changes)
    manifest = train_refined(
        *files[:2], out, chosen, again=full_again or (), threads=workers, tensorboard=tensorboard, monitor=monitor
    )
    table = Table("network", "pairs", "term", "fast", "refined", "full", title="Refiner, on events not trained on")
    for name, facts in manifest["training"].items():
        after = facts["validation"]
        for term, before in facts["benchmark"].items():
            floor = facts["floor"].get(term)
            numbers = (before, after[term], floor)
            table.add_row(name, f"{facts['pairs']:,}", term, *("" if n is None else f"{n:.3g}" for n in numbers))
    console.print(table)
    for name in (name for name, facts in manifest["training"].items() if not facts["stages"]):
        console.print(f"{name}: fast is as near to full as full to itself; they are left as they are")
    console.print(f"weights in {out}; use them with FLASHBENCH_REFINED_WEIGHTS={out}", markup=False)
