"""One line per simulator and process: does it give what the reference gives?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flashbench.compare.metrics import MetricRecord

FAMILY_P = 0.01
"""Probability to call simulators that agree different: each of n plots is tested at this over n."""

YIELD_SIGMAS = 3.0
"""A yield that is off by more paired standard errors differs."""

BEYOND_P = 0.05
"""A distance beyond this part of its null is counted; as many are expected by chance."""

YIELD_REGIONS = ("PreSel", "SR", "SB")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the records say of one simulator on one process.

    Attributes:
        word: "agrees", "differs" or "no events".
        yields: yield ratio of each region.
        tested, failed: plots with a χ² p-value, and those below the threshold.
        worst: χ² p-value record that is smallest, with the largest χ²/ndf among equals; None if there is
            none.
        worst_chi2: the χ²/ndf of the same plot.
        compared, beyond: plots whose Wasserstein distance has a null, and those beyond it.
        farthest: distance that is most of its null's standard deviations above its expectation; None if there is none.
    """

    process: str
    simulator: str
    reference: str
    word: str
    yields: tuple[MetricRecord, ...]
    tested: int
    failed: int
    worst: MetricRecord | None
    worst_chi2: float | None
    compared: int
    beyond: int
    farthest: MetricRecord | None


def judge(records: Sequence[MetricRecord]) -> tuple[Verdict, ...]:
    """Verdicts in the order of the records."""
    pairs = dict.fromkeys((record.process, record.simulator) for record in records)
    return tuple(
        _judge_one([record for record in records if (record.process, record.simulator) == pair]) for pair in pairs
    )


def _judge_one(records: Sequence[MetricRecord]) -> Verdict:
    yields = tuple(r for r in records if r.observable is None and r.region in YIELD_REGIONS)
    reduced = {(r.region, r.observable): r.value for r in records if r.metric == "chi2_ndf"}
    tests = [(r.value, r) for r in records if r.metric == "chi2_p" and r.value is not None]
    failed = sum(value < FAMILY_P / len(tests) for value, _ in tests)
    worst = min(tests, key=lambda t: (t[0], -(reduced[t[1].region, t[1].observable] or 0.0)), default=(None, None))[1]
    off = any(_is_off(record) for record in yields)
    word = "differs" if failed or off else "agrees"
    if all(record.value is None for record in yields):
        word = "no events"
    distances = [r for r in records if r.metric == "wasserstein" and r.null_p is not None]
    beyond = sum(r.null_p < BEYOND_P for r in distances if r.null_p is not None)
    return Verdict(
        *(records[0].process, records[0].simulator, records[0].reference, word, yields, len(tests), failed, worst),
        reduced[worst.region, worst.observable] if worst else None,
        *(len(distances), beyond, max(distances, key=excess, default=None)),
    )


def excess(record: MetricRecord) -> float:
    """Standard deviations above what is expected by chance; 0 where nothing can change."""
    if record.value is None or record.null is None or not record.null_spread:
        return 0.0
    return (record.value - record.null) / record.null_spread


def _is_off(record: MetricRecord) -> bool:
    if record.value is None:
        return False
    return abs(record.value - 1) > YIELD_SIGMAS * (record.error or 0.0)
