"""The outcomes as a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from flashbench.validation.console import COLOURS
from flashbench.validation.flash.checks import Outcome


def short(value: float) -> str:
    """Three digits; a dash where it is not defined."""
    return f"{value:.3g}" if math.isfinite(value) else "–"


def outcomes_table(outcomes: Sequence[Outcome], title: str) -> Table:
    """Every requirement: process, number, what chance gives, limit, verdict."""
    table = Table(title=Text(title), title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Process", no_wrap=True)
    table.add_column("Requirement", min_width=17)
    for column in ("Number", "Null", "Limit"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    for outcome in outcomes:
        number, requirement = outcome.number, outcome.requirement
        table.add_row(
            Text(outcome.process),
            Text(requirement.label + (f" ({number.which})" if number.which else "")),
            short(number.value),
            short(number.null),
            f"{'≥' if requirement.at_least else '≤'} {short(outcome.limit)}",
            Text(outcome.verdict, style=COLOURS[outcome.verdict]),
        )
    return table
