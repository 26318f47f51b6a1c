"""Values that go together: found where they always do, and kept by what is generated."""

from __future__ import annotations

import numpy as np
import pytest

from flashbench.simulators.flash.feature import Feature, Kind
from flashbench.simulators.flash.implied import Implication, apply, find
from flashbench.simulators.flash.transforms import RankGaussian

FEATURES = (
    Feature("old_score", low=0.0, high=1.0, special=(-10.0,)),
    Feature("score", low=0.0, high=1.0, special=(-1.0,)),
    Feature("other_score", low=0.0, high=1.0, special=(-1.0,)),
    Feature("free", low=0.0, high=1.0, special=(-1.0,)),
    Feature("identified", Kind.BOOLEAN, 0.0, 1.0),
)


def scores(rows, seed=0):
    """No old score: no score; no score: no other one and not identified; `free` has its spike on its own."""
    rng = np.random.default_rng(seed)
    u = rng.random((rows, 5))
    values = rng.beta(2, 3, (rows, 5))
    missing = u[:, 0] < 0.2
    values[:, 0] = np.where(missing & (u[:, 1] < 0.7), -10.0, values[:, 0])
    values[:, 1] = np.where(missing, -1.0, values[:, 1])
    values[:, 2] = np.where(missing, -1.0, values[:, 1] ** 2 + 0.01 * values[:, 2])
    values[:, 3] = np.where(u[:, 3] < 0.2, -1.0, values[:, 3])
    values[:, 4] = ~missing & (u[:, 4] < 0.8)
    return values


RULES = (Implication(0, -10.0, 1, -1.0), Implication(1, -1.0, 2, -1.0), Implication(1, -1.0, 4, 0.0))


def test_rules_without_exception_are_found_causes_first():
    assert find(scores(20_000)) == RULES


def test_one_exception_makes_it_no_rule():
    values = scores(20_000)
    values[np.flatnonzero(values[:, 1] == -1)[0], 2] = 0.5
    assert all(rule.effect != 2 or rule.cause != 1 for rule in find(values))


def test_what_chance_explains_is_no_rule():
    """A hundred rows of a flag that is on in 99.9 % of all rows are not enough to say that it must be on."""
    values = scores(2_000)
    values[:, 4] = 1.0
    values[0, 4] = 0.0
    values[0, 0] = 0.5
    assert all(rule.effect != 4 for rule in find(values))


def test_rules_form_no_circle():
    values = scores(20_000)
    twins = np.column_stack([values[:, 1], values[:, 2]])
    (rule,) = find(twins)
    assert {rule.cause, rule.effect} == {0, 1}


def test_a_chain_is_settled_from_its_beginning():
    columns = np.array([[-10.0, 0.4], [0.3, 0.3], [0.2, 0.2], [0.1, 0.1], [1.0, 1.0]])
    apply(RULES, columns)
    np.testing.assert_array_equal(columns[:, 0], [-10.0, -1.0, -1.0, 0.1, 0.0])
    np.testing.assert_array_equal(columns[:, 1], [0.4, 0.3, 0.2, 0.1, 1.0])


@pytest.fixture(scope="module")
def draws():
    """A training sample, its latents, and draws of a flow that blurs them: spikes are wider and do not coincide."""
    values, rng = scores(60_000), np.random.default_rng(1)
    rank = RankGaussian.fit(values, FEATURES)
    latent = rank.forward(values, rng.random(values.shape))
    blurred = 1.1 * latent[rng.permutation(len(latent))] + 0.1 + rng.normal(0, 0.1, latent.shape)
    return values, rank.calibrated(blurred.astype(np.float32), latent, values), blurred


def test_draws_of_an_imperfect_flow_keep_every_rule(draws):
    _, calibrated, blurred = draws
    made = calibrated.inverse(blurred)
    for cause, when, effect, then in RULES:
        assert (made[made[:, cause] == when, effect] == then).all()
    assert ((made[:, 2] == -1) == (made[:, 1] == -1)).all(), "as in training, neither is missing alone"


def test_calibrated_draws_have_the_distributions_of_the_training(draws):
    values, calibrated, blurred = draws
    made = calibrated.inverse(blurred)
    for j in range(len(FEATURES)):
        one, two = np.sort(values[:, j]), np.sort(made[:, j])
        assert np.abs(one - two).mean() < 0.005 * values[:, j].std(), FEATURES[j].name
        assert all(FEATURES[j].allows(made[:, j]))


def test_a_rule_is_given_up_where_too_few_rows_are_left_to_calibrate_on():
    """Else the effect keeps the spike of all rows in the few where the cause is away: it was drawn thirty times too
    seldom."""
    values = scores(60_000)
    common = np.random.default_rng(2).random(len(values)) < 0.998
    values[:, 4] = common
    values[:, 3] = np.where(common, 1.0, np.where(values[:, 1] == -1, 1.0, 0.0))
    rank = RankGaussian.fit(values, FEATURES)
    assert any(rule.effect == 3 and rule.cause == 4 for rule in rank.rules)
    latent = rank.forward(values, np.random.default_rng(3).random(values.shape))
    drawn = np.random.default_rng(4).standard_normal(latent.shape).astype(np.float32)
    made = rank.calibrated(drawn, latent, values).inverse(drawn)
    assert (made[:, 3] == 0).mean() == pytest.approx((values[:, 3] == 0).mean(), rel=0.3)


def test_a_handful_of_rows_calibrates_nothing(draws):
    _, _, blurred = draws
    values = scores(150)
    rank = RankGaussian.fit(values, FEATURES)
    latent = rank.forward(values, np.full(values.shape, 0.5))
    np.testing.assert_array_equal(rank.calibrated(latent, latent, values).inverse(blurred), rank.inverse(blurred))


def test_rules_survive_storage(draws):
    _, calibrated, blurred = draws
    loaded = RankGaussian.from_tensors(calibrated.tensors(), FEATURES)
    assert loaded.rules == RULES
    np.testing.assert_array_equal(loaded.inverse(blurred), calibrated.inverse(blurred))
