"""What a simulator's author tests with.

What to use when: subclass `SimulatorContract` in pytest; `check_simulator` for the outcomes as data (`flashbench check`
prints them); `synthetic_events` for events to try things on. `RULES` are the rules, each with its reason.
"""

from flashbench.testing.bench import BrokenRuleError, Limits
from flashbench.testing.checks import RULES, Checker, Outcome, Rule, Verdict, check_simulator
from flashbench.testing.events import synthetic_events
from flashbench.testing.suite import SimulatorContract

__all__ = [
    "RULES",
    "BrokenRuleError",
    "Checker",
    "Limits",
    "Outcome",
    "Rule",
    "SimulatorContract",
    "Verdict",
    "check_simulator",
    "synthetic_events",
]
