# ruff: noqa: NPY002 - the global generators are what is tested
import random

import numpy as np
import pytest

from flashbench.testing import RULES, Checker, Limits, SimulatorContract, Verdict, check_simulator
from testing.broken_simulators import BROKEN, Honest, HonestCopy, Unpicklable

LIMITS = Limits(events=150, seconds_per_event=2e-3, megabytes_per_event=0.1)


class TestHonest(SimulatorContract):
    simulator = Honest
    limits = LIMITS


class TestHonestCopy(SimulatorContract):
    simulator = HonestCopy
    limits = LIMITS


class TestGen(SimulatorContract):
    simulator = "gen"
    limits = LIMITS


class TestFull(SimulatorContract):
    simulator = "full"
    limits = LIMITS


def test_every_rule_has_a_simulator_that_breaks_it():
    assert list(BROKEN) == [rule.name for rule in RULES]


@pytest.mark.parametrize("rule", BROKEN)
def test_each_rule_is_broken_alone(rule):
    outcomes = {outcome.rule.name: outcome for outcome in check_simulator(BROKEN[rule], LIMITS)}
    assert [name for name, outcome in outcomes.items() if outcome.verdict is Verdict.BROKEN] == [rule]
    for outcome in outcomes.values():
        if outcome.verdict is Verdict.NOT_JUDGED:
            assert outcome.remark == rule
    message = outcomes[rule].message
    assert outcomes[rule].remark in message
    assert outcomes[rule].rule.statement in message
    assert outcomes[rule].rule.reason in message


def test_simulator_that_is_not_registered_must_pickle():
    outcome = Checker(Unpicklable, LIMITS).outcome("remade")
    assert outcome.verdict is Verdict.BROKEN
    assert "does not pickle" in outcome.remark


def test_an_object_is_judged_like_its_class():
    assert all(o.verdict in (Verdict.HELD, Verdict.NOT_APPLICABLE) for o in check_simulator(Honest(), LIMITS))


def test_check_leaves_the_global_generators_as_they_were():
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    Checker(Honest, LIMITS).outcome("own-stream")
    Checker(BROKEN["own-stream"], LIMITS).outcome("own-stream")
    assert (random.random(), np.random.random()) == expected


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rules_do_not_build_on_one_another_in_a_circle(rule):
    known = {r.name: r for r in RULES}

    def below(name):
        return {name}.union(*(below(need) for need in known[name].needs))

    for need in rule.needs:
        assert rule.name not in below(need)
