"""`flashbench train dnn`: the discriminator of the analysis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flashbench.cli.options import Catalogue, Runs, Seed, Workers

if TYPE_CHECKING:
    from rich.table import Table

BACKGROUNDS = ("dy2j", "ewk_lljj", "ttbar_mumu")


def dnn(
    signal: Annotated[str, typer.Option(help="Signal, PROCESS or PROCESS=EVENTS.")] = "vbf_hmm",
    background: Annotated[
        list[str] | None,
        typer.Option(help="Background, PROCESS or PROCESS=EVENTS; repeatable. Default: dy2j, ewk_lljj, ttbar_mumu."),
    ] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="Events of each process that names none. Default: all of given files.")
    ] = None,
    region: Annotated[
        str, typer.Option(help="Training events: SR, PreSel, or wide (looser mass window and dijet cuts).")
    ] = "wide",
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs at most. Default: the recipe's.")] = None,
    seed: Seed = 1,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of the networks; the same command resumes in it.")] = Path(
        "dnn-weights"
    ),
    runs: Runs = Path("runs"),
    catalogue: Catalogue = None,
) -> None:
    """Train the DNN that tells signal from background, on runs of the full tier; makes the runs that are missing.

    Four networks by event number, so that no event is scored by one that saw it. Backgrounds are weighted by
    cross-section. Use the result with --dnn OUT/dnn.toml.

    Examples:

        flashbench train dnn --background dy2j=50000 --background ewk_lljj=20000 --background ttbar_mumu=60000

        flashbench run --sim full --process vbf_hmm --dnn dnn-weights/dnn.toml
    """
    from dataclasses import replace

    from rich.console import Console

    from flashbench import catalogue as lists
    from flashbench.cli.progress import bars
    from flashbench.simulators import RunName
    from flashbench.training.dnn import DnnRecipe, train_dnn
    from flashbench.workflow import Settings, run_process

    console = Console()
    monitor = bars(console)
    known = lists.load(catalogue)
    results = []
    for text in dict.fromkeys([signal, *(background or BACKGROUNDS)]):
        key, number = events_of(text)
        settings = Settings(number or events, seed, workers, runs, dnn=None)
        results.append(run_process(lists.find(known, key), RunName("full"), settings, monitor))
    recipe = DnnRecipe(region=region, seed=seed)
    recipe = replace(recipe, loop=replace(recipe.loop, epochs=epochs or recipe.loop.epochs))
    manifest = train_dnn(results, events_of(signal)[0], out, recipe, monitor)
    console.print(_sample_table(manifest))
    console.print(_roc_table(manifest))
    for process, facts in manifest["sample"]["processes"].items():
        for name, rows in facts["undefined"].items():
            console.print(f"{process}: {rows:,} events left out, their {name} is undefined", markup=False)
    console.print(f"networks in {out}; use them with --dnn {out / 'dnn.toml'}", markup=False)


def events_of(text: str) -> tuple[str, int | None]:
    """Process and number of events of `PROCESS` or `PROCESS=EVENTS`."""
    key, sign, number = text.partition("=")
    if sign and not (number.isdecimal() and int(number)):
        raise typer.BadParameter(f"'{text}' is not PROCESS or PROCESS=EVENTS")
    return key, int(number) if sign else None


def _sample_table(manifest: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table("process", "events", "trained on", "in SR", "σ (pb)", title="Training events")
    for process, facts in manifest["sample"]["processes"].items():
        numbers = (f"{facts[key]:,}" for key in ("events", "rows", "rows_in_SR"))
        table.add_row(process, *numbers, f"{facts['cross_section_pb']:.4g}")
    return table


def _roc_table(manifest: dict[str, Any]) -> Table:
    from rich.table import Table

    from flashbench.compare.numbers import with_error

    title = "SR, events not trained on"
    table = Table("signal against", "events in SR", "ROC area", "passes at 60 % of the signal", title=title)
    for name, roc in manifest["performance"]["roc"].items():
        if roc is None:
            table.add_row(name, "", "undefined: negative weights or no events", "")
            continue
        passed = f"{roc['background_efficiency']['0.6']:.2%}"
        table.add_row(name, f"{roc['events'][1]:,}", with_error(roc["area"], roc["error"]), passed)
    return table
