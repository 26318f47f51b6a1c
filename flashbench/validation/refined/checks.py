"""What a refiner must reach, on the process that it was trained on and on others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from flashbench.validation.checks import UNDECIDED_SIGMAS
from flashbench.validation.console import COLOURS
from flashbench.validation.refined.measure import KindResult, ProcessResult

TRAINED: Final = "t1tttt"
Verdict = Literal["pass", "undecided", "fail", "undefined"]
_JETS: Final = "jets"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One number that has a limit, on one process.

    Attributes:
        value: refined over fast, unless the label says otherwise; `error` its own.
        fast, refined: distances to full, NaN where there are none.
        limit: largest value.
    """

    process: str
    kind: str
    label: str
    value: float
    error: float
    limit: float
    fast: float = float("nan")
    refined: float = float("nan")

    @property
    def verdict(self) -> Verdict:
        """Undecided where the limit is missed by less than two errors: more events could tell."""
        if not np.isfinite(self.value):
            return "undefined"
        if self.value <= self.limit:
            return "pass"
        return "undecided" if self.value - self.limit < UNDECIDED_SIGMAS * self.error else "fail"

    @property
    def passed(self) -> bool:
        """Whether it holds."""
        return self.verdict == "pass"


def judge(results: Sequence[ProcessResult]) -> tuple[Outcome, ...]:
    """Every requirement on every process.

    On the trained process W1 of the five jet variables is on average 0.35 of that of fast, correlations and ROC areas
    are three times nearer to full; on others all are twice as near. Nowhere is a variable worse than in fast, and the
    sum of probabilities strays no further than in fast and full.
    """
    return tuple(outcome for result in results for outcome in _judged(result))


def _judged(result: ProcessResult) -> Iterator[Outcome]:
    process = result.gathered.process
    trained = process == TRAINED
    for name, found in result.kinds.items():
        if name == _JETS:
            limits = {"w1": 0.35 if trained else 0.5} | dict.fromkeys(
                ("correlation.pearson", "roc.light", "roc.charm"), 1 / 3 if trained else 0.5
            )
        else:
            limits = {"w1": 1.0}
        for ratio_name, limit in limits.items():
            ratio = found.ratio(ratio_name)
            if ratio is not None:
                numbers = ratio.value, ratio.error, limit, ratio.fast, ratio.refined
                yield Outcome(process, name, f"{ratio.label}, refined / fast", *numbers)
        yield _worst(process, name, found)
        if found.sums:
            yield _unitarity(process, name, found)


def _worst(process: str, name: str, found: KindResult) -> Outcome:
    each = [ratio for ratio in found.ratios if ratio.name.startswith("w1.")]
    worst = max(each, key=lambda ratio: np.nan_to_num(ratio.value, nan=np.inf))
    numbers = worst.value, worst.error, 1.0, worst.fast, worst.refined
    return Outcome(process, name, f"Largest {worst.label}, refined / fast", *numbers)


def _unitarity(process: str, name: str, found: KindResult) -> Outcome:
    """Spread of the refined sum about one over the larger of fast and full, the mean's distance added."""
    (mean, spread), others = found.sums["refined"], [found.sums[side][1] for side in ("fast", "full")]
    value = float(np.hypot(mean, spread)) / max(others)
    label = "Sum of probabilities about 1, refined / larger of fast and full"
    return Outcome(process, name, label, value, 0.0, 1.01, max(others), float(np.hypot(mean, spread)))


def outcomes_table(outcomes: Sequence[Outcome], title: str) -> Table:
    """Every requirement for the terminal."""
    table = Table(title=Text(title), title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("Process", "Objects", "Requirement"):
        table.add_column(column)
    for column in ("Fast", "Refined", "Ratio", "Limit"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    for each in outcomes:
        numbers = (each.fast, each.refined, each.value)
        verdict = Text(each.verdict, style=COLOURS[each.verdict])
        table.add_row(
            each.process, each.kind, Text(each.label), *(f"{n:.3g}" for n in numbers), f"≤ {each.limit:.3g}", verdict
        )
    return table
