"""A toy of known distribution, trained for seconds; and the whole simulator with weights of such a training."""

import awkward as ak
import numpy as np
import pytest
import torch

from flashbench.errors import PluginError
from flashbench.nanoaod import write_events
from flashbench.simulators import get
from flashbench.simulators.flash.feature import Feature, Kind, Scale
from flashbench.simulators.flash.features import JET_CONDITIONS
from flashbench.testing import Limits, synthetic_events
from flashbench.testing.checks import check_simulator
from flashbench.training.flash import train_flash
from flashbench.training.flow import FlowSettings
from flashbench.training.loop import LoopConfig
from flashbench.training.recipe import FLOWS, FlashRecipe
from flashbench_flowmatch.simulator import VARIABLE, FlowMatchSimulator
from flashbench_flowmatch.training import train, train_match
from flashbench_flowmatch.velocity import Velocity, VelocityConfig, integrate

CONDITION = (Feature("c", scale=Scale.LINEAR),)
TARGETS = (Feature("y"), Feature("z"), Feature("n", kind=Kind.INTEGER, low=0, high=3))


def toy(rows, seed):
    """y follows c, z follows y, n counts y in units, with noise."""
    rng = np.random.default_rng(seed)
    c = rng.uniform(-2, 2, (rows, 1))
    y = c[:, 0] + rng.normal(0, 0.5, rows)
    z = -y + rng.normal(0, 0.3, rows)
    n = np.clip(np.rint(1.5 + y + rng.normal(0, 0.4, rows)), 0, 3)
    return c, np.column_stack([y, z, n])


def beyond_condition(c, columns):
    """Correlations of the columns once their means at a condition are taken away."""
    part = np.digitize(c[:, 0], np.linspace(-2, 2, 21))
    means = np.array([columns[part == k].mean(axis=0) for k in range(1, 21)])
    return np.corrcoef((columns - means[part - 1]).T)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    c, targets = toy(12_000, seed=1)
    loop = LoopConfig(epochs=8, batch=256, rate=4e-3)
    out = tmp_path_factory.mktemp("toy")
    return train_match(targets, c, TARGETS, CONDITION, loop, out, seed=1, hidden=64, blocks=2, steps=8)


def test_a_trained_toy_has_the_conditional_distribution(model):
    c, real = toy(20_000, seed=2)
    drawn = model.generate(c, np.random.default_rng(3))
    residual = drawn[:, 0] - c[:, 0]
    assert abs(residual.mean()) < 0.05
    assert abs(residual.std() - 0.5) < 0.06
    assert abs((drawn[:, 0] + drawn[:, 1]).std() - 0.3) < 0.08
    assert set(np.unique(drawn[:, 2])) == {0, 1, 2, 3}
    expected, found = beyond_condition(c, real), beyond_condition(c, drawn)
    assert found[0, 1] == pytest.approx(expected[0, 1], abs=0.04)
    assert found[0, 2] > 0.6 * expected[0, 2] > 0.3  # a smooth flow rounds the steps of a discrete target


def test_rows_do_not_depend_on_one_another(model):
    c, _ = toy(3000, seed=4)
    whole = model.generate(c, np.random.default_rng(5))
    assert np.array_equal(whole[:700], model.generate(c[:700], np.random.default_rng(5)))
    assert np.array_equal(whole, model.generate(c, np.random.default_rng(5), threads=2))
    assert model.generate(c[:0], np.random.default_rng(5)).shape == (0, 3)


def test_saved_model_draws_the_same(model, tmp_path):
    c, _ = toy(500, seed=6)
    model.save(tmp_path, {})
    again = type(model).load(tmp_path, TARGETS, CONDITION)
    assert again.steps == 8
    assert np.array_equal(model.generate(c, np.random.default_rng(1)), again.generate(c, np.random.default_rng(1)))
    with pytest.raises(PluginError, match="unknown features: c"):
        type(model).load(tmp_path, TARGETS, JET_CONDITIONS)


def test_midpoint_rule_is_of_second_order():
    class Rotation(torch.nn.Module):
        def forward(self, x, time, condition):
            return torch.stack([-x[:, 1], x[:, 0]], dim=1) * 2 * time

    start = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    exact = torch.tensor([[np.cos(1.0), np.sin(1.0)]])
    errors = [float((integrate(Rotation(), start, start, n) - exact).norm()) for n in (8, 16)]
    assert 3.3 < errors[0] / errors[1] < 4.7


def test_untrained_velocity_is_zero_and_its_seed_decides():
    one, two = (Velocity(VelocityConfig(3, 2, hidden=8, blocks=1, seed=seed)) for seed in (1, 2))
    x, time = torch.ones(4, 3), torch.full((4, 1), 0.5)
    assert not one(x, time, torch.ones(4, 2)).any()
    assert not torch.equal(one.first.weight, two.first.weight)


def events_with_fakes(number):
    """Synthetic events with one more jet that no generator jet stands behind."""
    events = synthetic_events(number, seed=7)
    pt = np.random.default_rng(8).exponential(8, number) + 15
    fake = ak.zip(
        {f: ak.Array(np.zeros((number, 1), np.asarray(ak.flatten(events.Jet[f])).dtype)) for f in events.Jet.fields}
    )
    fake = ak.from_regular(fake)
    fake = ak.with_field(fake, ak.unflatten(pt, np.ones(number, int)), "pt")
    fake = ak.with_field(fake, ak.full_like(fake.pt, 4.6), "eta")
    fake = ak.with_field(fake, ak.full_like(fake.genJetIdx, -1), "genJetIdx")
    return ak.with_field(events, ak.concatenate([events.Jet, fake], axis=1), "Jet")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_events(folder / "events.root", [events_with_fakes(1500)])
    recipe = FlashRecipe(epochs=1, flows=dict.fromkeys(FLOWS, FlowSettings(layers=2, blocks=1, hidden=8, bins=4)))
    train_flash([str(folder / "events.root")], folder / "flash", recipe)
    train([str(folder / "events.root")], folder / "flash", folder / "match", recipe, hidden=16, blocks=1)
    return folder / "match"


def test_simulator_holds_the_contract(weights):
    outcomes = check_simulator(lambda: FlowMatchSimulator(weights), Limits(seconds_per_event=1, megabytes_per_event=20))
    broken = [outcome.message for outcome in outcomes if outcome.verdict == "broken"]
    assert not broken, "\n".join(broken)


def test_steps_and_weights_are_in_the_version(weights):
    plain, few = FlowMatchSimulator(weights), FlowMatchSimulator(weights, steps=2)
    assert plain.info.version != few.info.version
    assert few.info.label == "Flow matching, 2 steps"
    assert few.info.name == "flowmatch"


def test_without_weights_it_says_how_to_train(monkeypatch, weights):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(PluginError, match="flashbench flowmatch train"):
        get("flowmatch")
    monkeypatch.setenv(VARIABLE, str(weights.with_name("flash")))
    with pytest.raises(PluginError, match="weights of another family"):
        get("flowmatch")
    monkeypatch.setenv(VARIABLE, str(weights))
    assert get("flowmatch").info.stochastic
