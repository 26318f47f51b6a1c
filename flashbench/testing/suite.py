"""The contract as a pytest class to subclass."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from flashbench.testing.bench import Limits
from flashbench.testing.checks import RULES, Checker, Target, Verdict


class SimulatorContract:
    """Subclass it in your tests; pytest then judges your simulator by every rule.

    Attributes:
        simulator: its registered name, or a class or function that makes one.
        limits: size of the sample and cost an event.

    Example:
        class TestMine(SimulatorContract):
            simulator = "mine"
    """

    simulator: ClassVar[Target]
    limits: ClassVar[Limits] = Limits()

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """One test a rule."""
        if "rule" in metafunc.fixturenames:
            metafunc.parametrize("rule", [rule.name for rule in RULES])

    def test_rule(self, rule: str) -> None:
        """The simulator holds the rule."""
        import pytest

        __tracebackhide__ = True
        simulator: Any = type(self).simulator
        outcome = _checker(simulator, self.limits).outcome(rule)
        if outcome.verdict is Verdict.BROKEN:
            pytest.fail(outcome.message, pytrace=False)
        if outcome.verdict is Verdict.NOT_JUDGED:
            pytest.fail(f"{rule}: not judged, because '{outcome.remark}' is broken", pytrace=False)
        if outcome.verdict is Verdict.NOT_APPLICABLE:
            pytest.skip("for stochastic simulators" if outcome.rule.stochastic else "for deterministic simulators")


@cache  # a sample is simulated once, not once a rule
def _checker(simulator: Any, limits: Limits) -> Checker:
    return Checker(simulator, limits)
