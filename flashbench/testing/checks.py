"""The rules that a simulator must hold, why, and whether it does.

What to use when: `check_simulator` for all rules at once, `Checker` for one at a time, `RULES` to read them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from flashbench.simulators import Simulator, SimulatorInfo, make, parse_run_name
from flashbench.testing import behaviour_rules as behaviour
from flashbench.testing import output_rules as output
from flashbench.testing.bench import Bench, BrokenRuleError, Factory, Limits

Target = str | Factory | Simulator


class Verdict(StrEnum):
    """How a rule fared."""

    HELD = "held"
    BROKEN = "broken"
    NOT_APPLICABLE = "not applicable"
    NOT_JUDGED = "not judged"  # a rule that it builds on is broken


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the contract.

    Attributes:
        name: short, of one word or two with a hyphen.
        statement: what must hold.
        reason: what goes wrong where it does not.
        check: raises `BrokenRuleError`; returns a remark.
        needs: rules without which this one cannot be judged.
        stochastic: True or False where it is only for simulators that are or are not; None for all.
    """

    name: str
    statement: str
    reason: str
    check: Callable[[Bench], str]
    needs: tuple[str, ...] = ()
    stochastic: bool | None = None

    def applies(self, info: SimulatorInfo) -> bool:
        """Whether the rule is for such a simulator."""
        return self.stochastic is None or info.stochastic is self.stochastic


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rule, how it fared, and what was seen."""

    rule: Rule
    verdict: Verdict
    remark: str = ""

    @property
    def message(self) -> str:
        """What was seen, the rule and its reason."""
        return f"{self.rule.name}: {self.remark}\n  rule: {self.rule.statement}\n  why: {self.rule.reason}"


_WELL_FORMED: Final = ("schema", "types")
_BEHAVED: Final = (*_WELL_FORMED, "seeded", "remade")

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "made",
        "The simulator can be found by its name and made without arguments.",
        "Runs look simulators up by name, in every worker process.",
        output.made,
    ),
    Rule(
        "info",
        "`info` names the simulator, its version, label and tier, and only branches that NanoAOD knows.",
        "Cache keys, legends and the columns that are read come from it.",
        output.info,
        ("made",),
    ),
    Rule(
        "runs",
        "`simulate` takes ordinary events with the columns of its tier and of `info.needs`, and does not raise.",
        "A column that is read and not declared in `info.needs` is missing in a run.",
        output.runs,
        ("info",),
    ),
    Rule(
        "length",
        "One row comes out for each event that goes in.",
        "Identity and weight are attached by position; a lost event shifts all that follow.",
        output.length,
        ("runs",),
    ),
    Rule(
        "schema",
        "Muon and Jet come out as a list of records for each event, with every required and every announced branch.",
        "The analysis reads them under these names.",
        output.schema,
        ("length",),
    ),
    Rule(
        "types",
        "Every branch holds numbers, and whole numbers where NanoAOD holds integers or flags.",
        "An identification of 3.7 is silently truncated, and passes cuts that it should not.",
        output.types,
        ("schema",),
    ),
    Rule(
        "finite",
        "No value is NaN or infinite.",
        "A NaN fails every cut and leaves a histogram without a word.",
        output.finite,
        ("types",),
    ),
    Rule(
        "range",
        "pT ≥ 0, φ in (−π, π], charge ±1.",
        "An azimuth that is not wrapped or a lost charge shifts angles and pairs.",
        output.in_range,
        ("types",),
    ),
    Rule(
        "plausible",
        "Typical momenta and masses are of the generated size, in GeV, and objects come out at all.",
        "MeV, or a wrong column, pass every cut on types.",
        output.plausible,
        ("types", "finite", "range"),
    ),
    Rule(
        "sorted",
        "Muons and jets stand in order of descending pT.",
        "Readers of NanoAOD take the first as the leading one.",
        output.sorted_by_momentum,
        ("types", "finite"),
    ),
    Rule(
        "links",
        "genJetIdx and genPartIdx are −1 or point at the generator object that stands behind.",
        "After sorting, a link that was not carried along points at another object; matched studies are then wrong.",
        output.links,
        ("types", "finite", "range", "order"),
    ),
    Rule(
        "order",
        "Row i belongs to event i.",
        "Identity and weight are attached by position; a permuted block pairs events with foreign weights.",
        output.order,
        ("types", "finite", "range"),
    ),
    Rule(
        "identity",
        "run, luminosityBlock, event and genWeight that come out are those that went in.",
        "Simulators are paired by identity; the core owns it and the weights.",
        output.identity,
        ("length",),
    ),
    Rule(
        "empty",
        "A block of no events gives a block of none, of the same schema.",
        "Files and skims may hold none.",
        output.empty,
        ("schema",),
    ),
    Rule(
        "bare",
        "Events without jets, muons or generator objects come through.",
        "They are in every sample; their weights are in every denominator.",
        output.bare,
        ("schema",),
    ),
    Rule(
        "deterministic",
        "A simulator that is not stochastic gives the same whatever the random stream.",
        "Folds of it are refused as copies, and its errors are taken to be those of the events alone.",
        behaviour.deterministic,
        _WELL_FORMED,
        stochastic=False,
    ),
    Rule(
        "split",
        "An event comes out the same whatever other events are in its block.",
        "The size of blocks is a matter of memory, and must not be one of physics.",
        behaviour.split,
        (*_WELL_FORMED, "deterministic", "order", "own-stream", "seeded"),
        stochastic=False,
    ),
    Rule(
        "seeded",
        "The same events and the same stream give the same output.",
        "A run could not be repeated, and would depend on the number of workers.",
        behaviour.seeded,
        _WELL_FORMED,
    ),
    Rule(
        "varied",
        "Another stream gives another output.",
        "Every block would be thrown with the same numbers.",
        behaviour.varied,
        (*_WELL_FORMED, "seeded", "own-stream"),
        stochastic=True,
    ),
    Rule(
        "folds",
        "Copies of an event in one block are thrown independently.",
        "Upsampling repeats events; copies that share randomness add no information, and their errors lie.",
        behaviour.folds,
        (*_WELL_FORMED, "finite", "range", "order", "varied"),
        stochastic=True,
    ),
    Rule(
        "own-stream",
        "Randomness comes from the stream that is given, never from a global generator.",
        "Global generators depend on what ran before, and are shared by threads.",
        behaviour.own_stream,
        ("runs",),
    ),
    Rule(
        "input",
        "The events that go in are not changed.",
        "The core takes identity, weights and generator columns from them afterwards.",
        behaviour.input_untouched,
        ("runs",),
    ),
    Rule(
        "remade",
        "Made again, by name or from a pickle, it gives the same output.",
        "Every worker process makes its own.",
        behaviour.remade,
        (*_WELL_FORMED, "seeded"),
    ),
    Rule(
        "forgetful",
        "What an earlier call was given does not change a later one.",
        "Which blocks a worker sees, and in what order, is chance.",
        behaviour.forgetful,
        _BEHAVED,
    ),
    Rule(
        "threads",
        "Calls at the same time give what they give one by one.",
        "A thread pool is an executor like any other.",
        behaviour.threads,
        (*_BEHAVED, "own-stream", "forgetful"),
    ),
    Rule(
        "time",
        "An event takes no longer than the limit, once weights are loaded.",
        "A fast simulation that is slow is neither.",
        behaviour.fast_enough,
        ("runs",),
    ),
    Rule(
        "memory",
        "An event needs no more memory than the limit.",
        "A block of 2,000 events must fit beside others.",
        behaviour.small_enough,
        ("runs",),
    ),
)


class Checker:
    """Judges a simulator by one rule at a time; what a rule builds on is judged once."""

    def __init__(self, target: Target, limits: Limits | None = None) -> None:
        """Take a simulator.

        Args:
            target: a name as of `flashbench run --sim` (options allowed), a class or function that makes one, or an
                object, which must then pickle.
            limits: size of the sample and cost an event.
        """
        self._outcomes: dict[str, Outcome] = {}
        self._rules = {rule.name: rule for rule in RULES}
        self._bench = Bench(_factory(target), limits or Limits(), registered=isinstance(target, str))

    def outcome(self, name: str) -> Outcome:
        """How the rule of that name fares."""
        if name not in self._outcomes:
            self._outcomes[name] = self._judge(self._rules[name])
        return self._outcomes[name]

    def _judge(self, rule: Rule) -> Outcome:
        for need in rule.needs:
            found = self.outcome(need)
            if found.verdict in (Verdict.BROKEN, Verdict.NOT_JUDGED):
                blame = need if found.verdict is Verdict.BROKEN else found.remark
                return Outcome(rule, Verdict.NOT_JUDGED, blame)
        if rule.needs and not rule.applies(self._bench.info):
            return Outcome(rule, Verdict.NOT_APPLICABLE)
        try:
            return Outcome(rule, Verdict.HELD, rule.check(self._bench))
        except BrokenRuleError as broken:
            return Outcome(rule, Verdict.BROKEN, str(broken))


def check_simulator(target: Target, limits: Limits | None = None) -> tuple[Outcome, ...]:
    """Judge a simulator by every rule; see `Checker`."""
    checker = Checker(target, limits)
    return tuple(checker.outcome(rule.name) for rule in RULES)


def _factory(target: Target) -> Factory:
    if isinstance(target, str):
        return lambda: make(parse_run_name(target))
    if isinstance(target, type) or not isinstance(target, Simulator):
        return target
    import copy

    return lambda: copy.deepcopy(target)
