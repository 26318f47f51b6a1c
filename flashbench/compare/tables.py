"""Tables of studies for the terminal. Functions return them; the CLI prints."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from flashbench.compare.numbers import MISSING, probability, with_error
from flashbench.compare.systematics import METHOD, VariationStudy
from flashbench.compare.throws import EventStudy
from flashbench.compare.upsampling import FoldStudy


def _table(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in words:
        table.add_column(column, overflow="fold")
    for column in numbers:
        table.add_column(column, justify="right")
    return table


def folds_table(studies: Sequence[FoldStudy]) -> Table:
    """Mean error with each number of folds and at the plateau, and the gain of the most folds."""
    first = studies[0]
    folds = [f"{level.folds:,} fold{'s' if level.folds > 1 else ''}" for level in first.levels]
    title = f"Mean statistical error over bins, √(Σ w² p²): {first.simulator_label}, {first.frame.process_label}"
    table = _table(title, ("Observable", "Region"), (*folds, "plateau", "gain", "at plateau"))
    for study in studies:
        names = (Text(study.frame.observable), Text(study.frame.region))
        errors = (f"{level.mean_error:.4g}" for level in study.levels)
        gains = (_factor(study.levels[-1].gain), _factor(study.plateau_gain))
        table.add_row(*names, *errors, f"{study.plateau:.4g}", *gains)
    table.caption = Text("gain: mean error with one fold over that with most; its square is the factor on events")
    table.caption_justify = "left"
    return table


def _factor(value: float) -> str:
    return f"×{value:.2f}" if math.isfinite(value) else MISSING


def event_table(study: EventStudy) -> Table:
    """Throws of an event that pass each cut, and that are in each region."""
    title = f"Event {study.event}, {study.throws:,} throws of {study.simulator}"
    table = _table(title, ("Cut or region",), ("throws", "fraction", "68 % interval"))
    for passed in (*study.cuts, *study.regions):
        interval = f"{passed.low:.2%} to {passed.high:.2%}"
        table.add_row(Text(passed.name), f"{passed.throws:,}", f"{passed.fraction:.2%}", interval)
    return table


def spread_table(study: EventStudy) -> Table:
    """Centre and spread of each observable over the throws, beside other simulators' value for the event."""
    others = tuple(study.others)
    table = _table(
        "Spread over the throws", ("Observable", "Region"), ("throws", "mean", "deviation", "median", *others)
    )
    for each in study.thrown:
        middle = each.quantiles[len(each.quantiles) // 2]
        numbers = (each.mean, each.deviation, middle, *(each.marks.get(name, math.nan) for name in others))
        shown = (f"{number:.4g}" if math.isfinite(number) else MISSING for number in numbers)
        table.add_row(Text(each.frame.observable), Text(each.frame.region), f"{each.defined:,}", *shown)
    found = ", ".join(f"{name}: {region}" for name, region in study.others.items())
    table.caption, table.caption_justify = Text(f"region of the event by other simulators: {found}"), "left"
    return table


def closures_table(studies: Sequence[VariationStudy]) -> Table:
    """Closure of the ratio method and of its baselines, for each observable."""
    first = studies[0]
    title = f"VAR full from REF full and {first.sim}: {first.frame.process_label}"
    columns = ("χ²/ndf", "p", "largest deviation", "in bin", "beyond its error", "bins")
    table = _table(title, ("Observable", "Region", "Prediction"), columns)
    for study in studies:
        for name, closure in study.closures.items():
            low, high = study.frame.edges[closure.largest_bin : closure.largest_bin + 2]
            table.add_row(
                *(Text(study.frame.observable), Text(study.frame.region)),
                Text(name, style="bold" if name == METHOD else ""),
                f"{closure.chi_square.statistic:.1f}/{closure.chi_square.ndf}",
                probability(closure.chi_square.p_value),
                with_error(closure.ratio[closure.largest_bin] - 1, closure.ratio_errors[closure.largest_bin]),
                f"{low:.3g} to {high:.3g}",
                f"{closure.beyond_error:+.2%}",
                f"{int(closure.prediction.valid.sum())} of {len(closure.prediction.states)}",
            )
    return table
