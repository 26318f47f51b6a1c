"""What a learned simulator must reach, as a table: number, limit, verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from flashbench.validation.checks import UNDECIDED_SIGMAS
from flashbench.validation.flash.measure import ProcessResult
from flashbench.validation.flash.quantities import TAGGERS
from flashbench.validation.flash.samples import KINDS, Kind
from flashbench.validation.flash.targets import PUBLISHED

TRAINED: Final = "ttbar"
"""Process that the networks learn from."""

Verdict: TypeAlias = Literal["pass", "fail", "undecided", "undefined"]
Where: TypeAlias = Literal["trained", "unseen", "all"]
_NAN: Final = float("nan")


@dataclass(frozen=True, slots=True)
class Number:
    """A measured number.

    Attributes:
        value: of the process.
        null: the same number of two full simulations of as many objects, or 0.5 for an area that chance gives; NaN
            where there is none.
        error: by how much chance may move it; of a distance, that of two full simulations.
        limit: replaces the requirement's, NaN if it does not.
        which: what decided it, e.g. the worst target.
    """

    value: float
    null: float = _NAN
    error: float = 0.0
    limit: float = _NAN
    which: str = ""


Measure: TypeAlias = Callable[[ProcessResult, ProcessResult | None], Number]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that must hold.

    Attributes:
        measure: called with the process and, if it was measured too, the trained one.
        limit: largest value, or the smallest if `at_least`.
        where: on the process that was trained on (its held-out events), on others, or on all.
        needs_fast: left out without the fast tier.
    """

    name: str
    label: str
    measure: Measure
    limit: float
    where: Where = "trained"
    at_least: bool = False
    needs_fast: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """A requirement on a process; undecided where it is missed by less than two errors: more events could tell."""

    requirement: Requirement
    process: str
    number: Number
    limit: float
    verdict: Verdict

    @property
    def passed(self) -> bool:
        """Whether it holds."""
        return self.verdict == "pass"


def _distance(value: float, null: float, which: str = "", limit: float = _NAN) -> Number:
    return Number(value, null, null, limit, which)


def _mean(kind: Kind) -> Measure:
    return lambda result, trained: _distance(result.mean_distance(kind), result.mean_null(kind))


def _worst(kind: Kind) -> Measure:
    def measure(result: ProcessResult, trained: ProcessResult | None) -> Number:
        each = max(result.of(kind), key=lambda target: np.nan_to_num(target.standardised, nan=np.inf), default=None)
        return _distance(each.standardised, each.standardised_null, each.name) if each else Number(_NAN)

    return measure


def _halves(kind: Kind) -> Measure:
    def measure(result: ProcessResult, trained: ProcessResult | None) -> Number:
        each = max(result.of(kind), key=lambda target: np.nan_to_num(target.in_halves, nan=np.inf), default=None)
        return Number(each.in_halves, 1.0, which=each.name) if each else Number(_NAN)

    return measure


def _strays(kind: Kind) -> Measure:
    def measure(result: ProcessResult, trained: ProcessResult | None) -> Number:
        each = max(result.constants(kind), key=lambda target: target.strays, default=None)
        return Number(each.strays, 0.0, which=each.name) if each else Number(0.0, 0.0, which="none is constant")

    return measure


def _published(kind: Kind, name: str) -> Measure:
    def measure(result: ProcessResult, trained: ProcessResult | None) -> Number:
        each = next((target for target in result.of(kind) if target.name == name), None)
        return _distance(each.distance, each.null) if each else Number(_NAN)

    return measure


def _separation(kind: Kind) -> Measure:
    def measure(result: ProcessResult, trained: ProcessResult | None) -> Number:
        """The larger area of the two classifiers."""
        found = result.separations[kind]
        areas = {
            "perceptron": (found.area, found.error),
            "logistic regression": (found.quadratic, found.quadratic_error),
        }
        known = {name: area for name, area in areas.items() if np.isfinite(area).all()}
        if not known:
            return Number(_NAN)
        which = max(known, key=lambda name: known[name])
        return Number(known[which][0], 0.5, known[which][1], which=which)

    return measure


def _roc(tagger: str, side: str) -> Measure:
    def measure(result: ProcessResult, trained: ProcessResult | None) -> Number:
        """Distance of the area from that of full."""
        curve = next((each for each in result.curves if each.roc.name == f"{tagger}_light"), None)
        if curve is None:
            return Number(_NAN)
        return Number(abs(curve.area(side) - curve.area("full")), error=curve.error_of_difference(side))

    return measure


def _against_trained(kind: Kind) -> Measure:
    def measure(result: ProcessResult, trained: ProcessResult | None) -> Number:
        if trained is None:
            return Number(_NAN)
        return _distance(result.mean_distance(kind), result.mean_null(kind), limit=2 * trained.mean_distance(kind))

    return measure


_WORDS: Final[dict[Kind, str]] = {"Jet": "jets", "Muon": "muons"}
REQUIREMENTS: Final = (
    *(Requirement(f"mean_w1_{_WORDS[k]}", f"Mean W₁ of standardised targets, {_WORDS[k]}", _mean(k), 0.01)
      for k in KINDS),
    *(Requirement(f"worst_w1_{_WORDS[k]}", f"Largest W₁ of a standardised target, {_WORDS[k]}", _worst(k), 0.03)
      for k in KINDS),
    *(Requirement(f"worst_null_{_WORDS[k]}", f"Largest W₁ over that of halves of full, {_WORDS[k]}", _halves(k), 3.0)
      for k in KINDS),
    *(Requirement(f"strays_{_WORDS[k]}", f"Objects off a target constant in full, {_WORDS[k]}", _strays(k), 0.01)
      for k in KINDS),
    *(Requirement(f"published_{k}_{name}", f"W₁ of {k}_{name}{' / gen pT' if name == 'pt' else ''}, prototype's",
                  _published(k, name), limit) for (k, name), limit in PUBLISHED.items()),
    *(Requirement(f"auc_{_WORDS[k]}", f"Classifier on targets and conditions, area, {_WORDS[k]}", _separation(k), 0.55)
      for k in KINDS),
    *(Requirement(f"roc_{tagger}", f"{tagger}, b against udsg: area's distance from full", _roc(tagger, "simulated"),
                  0.005) for tagger in TAGGERS),
    *(Requirement(f"roc_fast_{tagger}", f"{tagger}, the same of the fast tier, to be missed by", _roc(tagger, "fast"),
                  0.01, at_least=True, needs_fast=True) for tagger in TAGGERS),
    *(Requirement(f"unseen_w1_{_WORDS[k]}", f"Mean W₁ of standardised targets, {_WORDS[k]}, twice that of {TRAINED}",
                  _against_trained(k), _NAN, "unseen") for k in KINDS),
)  # fmt: skip


def judge(results: Sequence[ProcessResult], requirements: Sequence[Requirement] = REQUIREMENTS) -> tuple[Outcome, ...]:
    """Every requirement on every process that it is for; what was not measured is left out.

    What compares with the trained process is left out where that is not among `results`, and what compares with the
    fast tier where that is missing.
    """
    trained = next((result for result in results if result.gathered.process == TRAINED), None)
    return tuple(outcome for result in results for outcome in _judged(result, trained, requirements))


def _judged(
    result: ProcessResult, trained: ProcessResult | None, requirements: Sequence[Requirement]
) -> Iterator[Outcome]:
    process = result.gathered.process
    here = "trained" if process == TRAINED else "unseen"
    for requirement in requirements:
        if requirement.where not in {here, "all"}:
            continue
        if requirement.where == "unseen" and trained is None:
            continue
        if requirement.needs_fast and result.gathered.fast is None:
            continue
        number = requirement.measure(result, trained)
        limit = number.limit if np.isfinite(number.limit) else requirement.limit
        yield Outcome(requirement, process, number, limit, _verdict(number, limit, requirement.at_least))


def _verdict(number: Number, limit: float, at_least: bool) -> Verdict:
    if not np.isfinite(number.value) or not np.isfinite(limit):
        return "undefined"
    missed = limit - number.value if at_least else number.value - limit
    if missed <= 0:
        return "pass"
    return "undecided" if missed < UNDECIDED_SIGMAS * number.error else "fail"
