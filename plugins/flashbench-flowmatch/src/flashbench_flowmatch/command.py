"""`flashbench flowmatch`: train it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Train FlashSim by flow matching.")


@app.callback()
def _flowmatch() -> None:
    """Train FlashSim by flow matching."""


@app.command()
def train(
    flash: Annotated[Path, typer.Option(help="Weights of `flashbench train flash`, for efficiencies and fakes.")],
    input_: Annotated[
        list[str], typer.Option("--input", help="NanoAOD file or quoted glob to learn from; repeatable.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the weights; the same command resumes in it.")] = Path(
        "flowmatch-weights"
    ),
    events: Annotated[int | None, typer.Option(min=1, help="Events to learn from. Default: all.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs. Default: as FlashSim's recipe.")] = None,
    share: Annotated[float, typer.Option(min=0, help="Of the recipe's optimiser steps, where --epochs is absent.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed.")] = 1,
) -> None:
    """Train jets and muons; the other networks are those of FlashSim.

    Example:

        flashbench flowmatch train --flash flash-weights --input 'ttbar/*.root'
    """
    from flashbench.training.loop import TOTAL, Epoch
    from flashbench.training.recipe import FlashRecipe
    from flashbench_flowmatch.training import train as train_all

    def report(part: str, epoch: Epoch) -> None:
        loss = epoch.validation[TOTAL]
        typer.echo(f"{part}: epoch {epoch.epoch + 1} of {epoch.epochs}, validation {loss:.4f}, {epoch.seconds:.0f} s")

    steps = {part: max(1, round(share * number)) for part, number in FlashRecipe().steps.items()}
    train_all(input_, flash, out, FlashRecipe(events=events, epochs=epochs, seed=seed, steps=steps), report)
    typer.echo(f"weights in {out}; use them with FLASHBENCH_FLOWMATCH_WEIGHTS={out}")
