"""Tables for the terminal. Functions return them; the CLI prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from flashbench.compare.metrics import MetricRecord
from flashbench.compare.numbers import count, probability, with_error

if TYPE_CHECKING:
    from flashbench.compare import Comparison
    from flashbench.results import RunResult

_COLOUR = {"agrees": "green", "differs": "red", "no events": "yellow"}


def cutflow_table(runs: Sequence[RunResult]) -> Table:
    """Events left after each cut, and the weighted fraction of the first line, of runs of one process."""
    table = Table(title=Text(f"Cutflow: {runs[0].process_label}"), title_justify="left")
    table.add_column("Cut")
    for run in runs:
        table.add_column(Text(run.simulator_label), justify="right")
    names = dict.fromkeys(name for run in runs for name in run.cutflow.names)
    for name in names:
        table.add_row(Text(name), *(_passed(run, name) for run in runs))
    return table


def _passed(run: RunResult, name: str) -> str:
    steps = {step.name: step for step in run.cutflow}
    if name not in steps:
        return ""
    first = run.cutflow.steps[0].sum_weights
    share = f"  {steps[name].sum_weights / first:7.2%}" if first else ""
    return count(steps[name].events) + share


def comparison_table(comparison: Comparison) -> Table:
    """The verdict on every simulator and process."""
    table = Table(title="Comparison", title_justify="left")
    for column in ("Process", "Simulator", "Reference", "Verdict"):
        table.add_column(column, overflow="fold")
    for column in ("Yield", "Plots that differ", "Worst plot", "χ²/ndf", "p"):
        table.add_column(column, justify="right", overflow="fold")
    for verdict in comparison.verdicts:
        table.add_row(
            *(Text(verdict.process), Text(verdict.simulator), Text(verdict.reference)),
            Text(verdict.word, style=_COLOUR[verdict.word]),
            Text(_main_yield(verdict.yields)),
            f"{verdict.failed} of {verdict.tested}",
            Text(f"{verdict.worst.observable} ({verdict.worst.region})" if verdict.worst else ""),
            with_error(verdict.worst_chi2, None),
            probability(verdict.worst.value if verdict.worst else None),
        )
    return table


def _main_yield(yields: Sequence[MetricRecord]) -> str:
    return "\n".join(f"{record.region} {with_error(record.value, record.error)}" for record in yields)
