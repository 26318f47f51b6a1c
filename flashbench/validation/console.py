"""Tables for the terminal. Functions return them; the CLI prints."""

from __future__ import annotations

import math

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from flashbench.compare.numbers import with_error
from flashbench.validation.comparison import ObjectComparison

COLOURS = {"pass": "green", "fail": "red", "undecided": "yellow", "undefined": "yellow"}


def with_known_error(value: float, error: float) -> str:
    """A value and its error, where they are defined."""
    return with_error(value if math.isfinite(value) else None, error if math.isfinite(error) else None)


def checks_table(comparison: ObjectComparison) -> Table:
    """Quantities with a tolerance: both values, the floor, the tolerance (relative if in %), the verdict."""
    title = f"{comparison.sample.label} against {comparison.reference.label}"
    table = Table(title=Text(title), title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Quantity", min_width=17)
    for column in ("Reference", "Measured", "Floor", "Allowed"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    for check in comparison.checks:
        allowed = check.tolerance.allowed
        table.add_row(
            Text(check.label),
            with_known_error(check.reference, check.reference_error),
            with_known_error(check.measured, check.error),
            f"{check.floor:.2g}",
            f"{allowed:.0%}" if check.tolerance.relative else f"{allowed:.2g}",
            Text(check.verdict, style=COLOURS[check.verdict]),
        )
    return table
