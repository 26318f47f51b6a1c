"""Training a flow end to end on a small problem with every difficulty of the real one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from flashbench.errors import SchemaError
from flashbench.simulators.flash.feature import Feature, Kind, Scale
from flashbench.training.flow import FlowSettings, train_flow
from flashbench.training.loop import LoopConfig

CONDITIONS = (
    Feature("gen_pt", low=0.0, scale=Scale.LOG),
    Feature("gen_eta", scale=Scale.ETA, edges=(2.5,)),
    Feature("flavour", Kind.CATEGORY, 0.0, 5.0, (0.0, 4.0, 5.0), scale=Scale.ONE_HOT),
)
TARGETS = (
    Feature("pt", low=0.0, high=20.0),
    Feature("btag", low=0.0, high=1.0, special=(-1.0,)),
    Feature("qgl", low=0.0, high=1.0, special=(-1.0,)),
    Feature("nConstituents", Kind.INTEGER, 1.0, 500.0),
    Feature("puId", Kind.DISCRETE, 0.0, 7.0, (0.0, 4.0, 6.0, 7.0)),
)


def objects(rows, seed):
    """Skewed response, a tagger peaked by flavour, a spike that jumps at |η| = 2.5, integers, identifications."""
    rng = np.random.default_rng(seed)
    pt, eta, flavour = 15 + rng.exponential(40, rows), rng.uniform(-4.7, 4.7, rows), rng.choice([0, 4, 5], rows)
    forward = np.abs(eta) > 2.5
    ratio = np.maximum(rng.normal(1, 0.8 / np.sqrt(pt)) - rng.exponential(0.05, rows), 0.1)
    alpha = np.select([flavour == 5, flavour == 4], [4.0, 1.0], 0.4)
    btag = np.where(rng.random(rows) < 0.03, -1.0, rng.beta(alpha, 4.4 - alpha))
    constituents = 1 + rng.poisson(0.3 * pt * ratio)
    qgl = np.where(forward & (rng.random(rows) < 0.9), -1.0, 1 / (1 + np.exp(rng.normal(constituents / 10 - 1, 1))))
    quality = rng.normal(pt / 30, 1)
    identity = np.select([quality > 1.5, quality > 0.7, quality > 0], [7.0, 6.0, 4.0], 0.0)
    return np.column_stack([ratio, btag, qgl, constituents, identity]), np.column_stack([pt, eta, flavour])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    targets, conditions = objects(30_000, seed=1)
    settings = FlowSettings(layers=4, blocks=1, hidden=32)
    loop = LoopConfig(epochs=12, batch=512, rate=4e-3)
    return train_flow(targets, conditions, TARGETS, CONDITIONS, settings, loop, tmp_path_factory.mktemp("flow"), seed=2)


@pytest.fixture(scope="module")
def compared(trained):
    truth, conditions = objects(30_000, seed=3)
    return truth, trained.generate(conditions, np.random.default_rng(4)), conditions


def test_every_target_is_close_to_unseen_truth(compared):
    """W1 on standardised variables, the mean within the published feasibility's order, none far off."""
    truth, made, _ = compared
    spread = truth.std(axis=0)
    distances = [wasserstein_distance(truth[:, j] / spread[j], made[:, j] / spread[j]) for j in range(len(TARGETS))]
    assert np.mean(distances) < 0.03
    assert max(distances) < 0.06


def test_targets_follow_their_condition(compared):
    """Resolution by pt, the tagger by flavour, the missing-qgl spike by |η|."""
    truth, made, conditions = compared
    pt, eta, flavour = conditions.T
    for low, high in ((15, 30), (30, 60), (60, 120)):
        chosen = (pt > low) & (pt < high)
        assert abs(made[chosen, 0].std() / truth[chosen, 0].std() - 1) < 0.12
    for code in (0, 4, 5):
        assert abs(made[flavour == code, 1].mean() - truth[flavour == code, 1].mean()) < 0.04
    for chosen in (np.abs(eta) > 2.6, np.abs(eta) < 2.4):
        assert abs(np.mean(made[chosen, 2] == -1) - np.mean(truth[chosen, 2] == -1)) < 0.05


def test_targets_are_correlated_as_in_truth(compared):
    truth, made, _ = compared
    assert np.abs(np.corrcoef(truth.T) - np.corrcoef(made.T)).max() < 0.06


def test_generated_values_are_ones_that_detectors_give(compared):
    _, made, _ = compared
    for j, feature in enumerate(TARGETS):
        assert feature.allows(made[:, j]).all(), feature.name


def test_the_same_seed_trains_the_same_flow(tmp_path):
    targets, conditions = objects(600, seed=1)
    settings, loop = FlowSettings(layers=2, blocks=1, hidden=8, bins=4), LoopConfig(epochs=2, batch=128)

    def draw(out, seed):
        model = train_flow(targets, conditions, TARGETS, CONDITIONS, settings, loop, tmp_path / out, seed=seed)
        return model.generate(conditions, np.random.default_rng(0))

    one, same, other = draw("one", 5), draw("same", 5), draw("other", 6)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_too_few_objects_are_refused(tmp_path):
    targets, conditions = objects(99, seed=1)
    with pytest.raises(SchemaError, match="at least 100"):
        train_flow(targets, conditions, TARGETS, CONDITIONS, FlowSettings(), LoopConfig(), tmp_path)
