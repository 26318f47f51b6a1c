"""`flashbench leaderboard` and `flashbench schema`: what other programs and other people's comparisons need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from flashbench.compare.leaderboard import Board


def leaderboard(
    files: Annotated[list[Path], typer.Argument(help="metrics.json of comparisons.")],
    metric: Annotated[str, typer.Option(help="Metric to rank by, of those in the files.")] = "wasserstein",
    region: Annotated[str | None, typer.Option(help="all, PreSel, SR or SB only. Default: every plot.")] = None,
    observable: Annotated[str | None, typer.Option(help="This observable only. Default: every plot.")] = None,
) -> None:
    """Rank simulators from the files of comparisons, their own or other people's.

    Only numbers of the same sample, selection, networks, reference and version of the metric are ranked together; what
    differs from the first file is named with the reason. A distance is divided by the distance between random halves of
    the reference, so that 1 is what this number of events can resolve, and plots can be averaged.

    Examples:

        flashbench leaderboard comparison/metrics.json

        flashbench leaderboard results/*.json --metric chi2_ndf --region SR
    """
    from rich.console import Console

    from flashbench.compare.leaderboard import rank

    ranked = rank(files, metric=metric, region=region, observable=observable)
    console = Console()
    for board in ranked.boards:
        console.print(_table(board))
    for line in ranked.left_out:
        console.print(f"left out: {line}", markup=False, highlight=False, style="yellow")


def schema(name: Annotated[str, typer.Argument(help="Document; metrics is there.")] = "metrics") -> None:
    """Print the JSON schema of a document that flashbench writes.

    Example:

        flashbench schema metrics
    """
    import json

    from flashbench.compare import schemas

    typer.echo(json.dumps(schemas.schema(name), indent=2, ensure_ascii=False))


def _table(board: Board) -> Table:
    from rich.table import Table
    from rich.text import Text

    from flashbench.compare.numbers import MISSING, with_error

    title = f"{board.label}: {board.metric}, N = {board.n_events:,} generated events, reference {board.reference}"
    table = Table(title=Text(title), title_justify="left")
    for column in ("", "simulator", "version"):
        table.add_column(column, overflow="fold")
    for column in ("score", "worst", "SR yield ratio", "events/s"):
        table.add_column(column, justify="right", overflow="fold")
    table.add_column("file", overflow="fold")
    for place, entry in enumerate(board.entries, start=1):
        (region, observable), worst = entry.worst
        speed = MISSING if entry.events_per_second is None else f"{entry.events_per_second:,.0f}"
        table.add_row(
            *(str(place), Text(entry.simulator), Text(entry.version), f"{entry.score:.3g}"),
            Text(f"{worst:.3g} ({observable or 'yield'}, {region})"),
            *(with_error(entry.yield_ratio, entry.yield_error), speed, Text(str(entry.file))),
        )
    better = "higher" if board.higher_is_better else "lower"
    unit = ", each over the distance between halves of the reference" if board.in_halves else ""
    lacking = f"; {board.undefined} that some simulator lacks are left out" if board.undefined else ""
    table.caption = Text(f"score: mean over {board.plots} plots{unit}, {better} is better{lacking}")
    table.caption_justify = "left"
    return table
