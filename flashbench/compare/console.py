"""Tables for the terminal. Functions return them; the CLI prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from flashbench.compare.metrics import MetricRecord
from flashbench.compare.numbers import MISSING, count, probability, sigmas, with_error
from flashbench.compare.verdict import Verdict

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
    """The verdict on every simulator and process: yields, plots that are off, and distances beyond their nulls."""
    regions = tuple(dict.fromkeys(r.region for verdict in comparison.verdicts for r in verdict.yields))
    table = Table(title="Yield ratio to the reference", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("Process", "Simulator", "Verdict"):
        table.add_column(column, overflow="fold")
    for column in (*regions, "Off", "W₁ > null"):
        table.add_column(column, justify="right", overflow="fold")
    for verdict in comparison.verdicts:
        yields = {r.region: with_error(r.value, r.error) for r in verdict.yields}
        table.add_row(
            *(Text(verdict.process), Text(verdict.simulator), Text(verdict.word, style=_COLOUR[verdict.word])),
            *(yields.get(region, "") for region in regions),
            f"{verdict.failed}/{verdict.tested}",
            f"{verdict.beyond}/{verdict.compared}" if verdict.compared else MISSING,
        )
    lines = [_worst(verdict) for verdict in comparison.verdicts if verdict.worst]
    lines += [_farthest(verdict, verdict.farthest) for verdict in comparison.verdicts if verdict.farthest]
    table.caption = Text("\n".join(lines))
    table.caption_justify = "left"
    return table


def _worst(verdict: Verdict) -> str:
    worst = verdict.worst
    plot = f"{worst.observable} ({worst.region})" if worst else ""
    chi2, p = with_error(verdict.worst_chi2, None), probability(worst.value if worst else None)
    return f"{verdict.process}: {verdict.simulator} is farthest off in {plot}, χ²/ndf {chi2}, p {p}"


def _farthest(verdict: Verdict, record: MetricRecord) -> str:
    plot = f"{record.observable} ({record.region})"
    chance = f"{with_error(record.null, record.null_spread)} by chance"
    found = f"{with_error(record.value, record.error)} against {chance}"
    significance = sigmas(record.significance, record.null_resolved)
    return f"{verdict.process}: {verdict.simulator} is farthest beyond chance in {plot}, W₁ {found}, {significance}"
