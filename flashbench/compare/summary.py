"""One line a simulator, over all processes: the first table of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flashbench.compare.metrics import MetricRecord
from flashbench.compare.speed import Speed, speed_of, speed_up
from flashbench.compare.strength import Fitted
from flashbench.compare.verdict import Verdict, excess

if TYPE_CHECKING:
    from flashbench.results import RunResult

SCORES = ("dnn_atanh", "dnn_noqgl_atanh")
"""Observables whose shape stands for the score, the first that there is."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is said of one simulator; a record is that of the process where it is worst, None where there is none.

    Attributes:
        agrees, differs, empty: processes with each verdict.
        in_yield: yield ratio most standard errors away from one.
        score: Wasserstein distance of the score, of the smallest probability by chance.
        farthest: distance that is most of its null's deviations beyond chance.
        fit: entry of `fit.json`; None where it was not fitted.
        speed: seconds of the first process that has them all.
        speed_up: against the reference on the same process.
    """

    simulator: str
    label: str
    is_reference: bool
    agrees: int
    differs: int
    empty: int
    in_yield: MetricRecord | None
    score: MetricRecord | None
    farthest: MetricRecord | None
    fit: Mapping[str, Any] | None
    speed: Speed | None
    speed_up: float | None

    @property
    def word(self) -> str:
        """As in `Verdict`; differs if it does anywhere."""
        if self.is_reference:
            return "reference"
        return "differs" if self.differs else "agrees" if self.agrees else "no events"


def summarise(
    runs: Sequence[RunResult],
    references: Mapping[str, str],
    verdicts: Sequence[Verdict],
    records: Sequence[MetricRecord],
    fitted: Fitted,
) -> tuple[Summary, ...]:
    """Simulators in the order of the runs, those first that are a reference."""
    names = dict.fromkeys(run.simulator for run in runs)
    ordered = sorted(names, key=lambda name: name not in references.values())
    return tuple(_summary(name, runs, references, verdicts, records, fitted=fitted) for name in ordered)


def _summary(
    name: str,
    runs: Sequence[RunResult],
    references: Mapping[str, str],
    verdicts: Sequence[Verdict],
    records: Sequence[MetricRecord],
    *,
    fitted: Fitted,
) -> Summary:
    own = [run for run in runs if run.simulator == name]
    judged = [verdict for verdict in verdicts if verdict.simulator == name]
    words = [verdict.word for verdict in judged]
    yields = [record for verdict in judged for record in verdict.yields if record.value is not None]
    mine = [record for record in records if record.simulator == name]
    speed, gained = _speeds(own, runs, references)
    return Summary(
        *(name, own[0].simulator_label, name in references.values() and not judged),
        *(words.count("agrees"), words.count("differs"), words.count("no events")),
        max(yields, key=_off, default=None),
        _score(mine),
        max((v.farthest for v in judged if v.farthest), key=excess, default=None),
        fitted.simulators.get(name),
        *(speed, gained),
    )


def _off(record: MetricRecord) -> float:
    """Standard errors away from one."""
    if record.value is None or not record.error:
        return 0.0
    return abs(record.value - 1) / record.error


def _score(records: Sequence[MetricRecord]) -> MetricRecord | None:
    for name in SCORES:
        found = [r for r in records if r.observable == name and r.metric == "wasserstein" and r.null_p is not None]
        if found:
            return min(found, key=lambda record: record.null_p if record.null_p is not None else 1.0)
    return None


def _speeds(
    own: Sequence[RunResult], runs: Sequence[RunResult], references: Mapping[str, str]
) -> tuple[Speed | None, float | None]:
    for run in own:
        speed = speed_of(run)
        if not speed.rate:
            continue
        first = next(r for r in runs if r.process == run.process and r.simulator == references[run.process])
        return speed, speed_up(speed, speed_of(first))
    return None, None
