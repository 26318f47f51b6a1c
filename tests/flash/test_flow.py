"""The flow: coverage, agreement with stock normflows, exact inverse, purity of sampling."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.simulators.flash import spline
from flashbench.simulators.flash.flow import (
    BLOCK,
    FastFlow,
    FlowConfig,
    build,
    coverage,
    in_blocks,
    log_prob,
    one_core,
    to_noise,
)

SHAPES = [FlowConfig(17, 26), FlowConfig(22, 5, layers=4, hidden=16), FlowConfig(5, 3, layers=3, blocks=1, bins=4)]
SHAPES += [FlowConfig(17, 26, blocks=1, encoded=8)]


def perturbed(config, size=0.1, double=False):
    """A flow away from the identity it starts as."""
    model = build(config)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
    return model.double() if double else model


def batch(config, rows=512, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1.5, (rows, config.targets)).astype(dtype)  # some beyond the tails
    return noise, rng.normal(size=(rows, config.conditions)).astype(dtype)


@pytest.mark.parametrize("targets", [2, 3, 7, 17, 22])
@pytest.mark.parametrize("layers", [2, 3, 4, 6])
def test_every_column_is_transformed_for_every_seed(targets, layers):
    """Alternating masks with a shuffle after each layer leave a column out for 21 % of seeds at 6 layers."""
    for seed in range(40):
        times = coverage(build(FlowConfig(targets, 2, layers=layers, blocks=1, hidden=2, bins=2, seed=seed)))
        assert min(times) >= layers // 2
        if layers % 2 == 0:
            assert set(times) == {layers // 2}


@pytest.mark.parametrize("config", SHAPES)
def test_an_untrained_flow_only_reorders_columns(config):
    noise, condition = batch(config)
    made = FastFlow(build(config)).sample(noise, condition)
    assert_allclose(np.sort(made, axis=1), np.sort(noise, axis=1), atol=1e-5)


@pytest.mark.parametrize("config", SHAPES)
def test_sampling_equals_stock_normflows(config):
    model, (noise, condition) = perturbed(config), batch(config)
    with torch.no_grad():
        stock = model.forward(torch.from_numpy(noise), torch.from_numpy(condition)).numpy()
    assert np.abs(stock - noise).max() > 0.1
    assert_allclose(FastFlow(model).sample(noise, condition), stock, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", SHAPES)
def test_density_and_its_gradient_equal_stock_normflows(config):
    model = perturbed(config, double=True)
    x, condition = (torch.from_numpy(a) for a in batch(config, dtype=np.float64))
    ours, stock = log_prob(model, x, condition), model.log_prob(x, condition)
    assert_allclose(ours.detach(), stock.detach(), rtol=1e-9, atol=1e-9)
    parameters = [p for p in model.parameters() if p.requires_grad]
    for one, other in zip(
        torch.autograd.grad(ours.mean(), parameters), torch.autograd.grad(stock.mean(), parameters), strict=True
    ):
        assert_allclose(one, other, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("config", SHAPES)
def test_sampling_is_the_inverse_of_the_training_direction(config):
    model, (noise, condition) = perturbed(config), batch(config)
    latent = torch.from_numpy(FastFlow(model).sample(noise, condition))
    with torch.no_grad():
        back, _ = to_noise(model, latent, torch.from_numpy(condition))
    assert_allclose(back, noise, atol=1e-4)


def test_the_density_is_normalised():
    """Over a plane of two targets, beyond the tails included."""
    config = FlowConfig(2, 1, layers=4, hidden=8, bins=6)
    model = perturbed(config, size=0.4, double=True)
    axis = torch.linspace(-8, 8, 641, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        density = log_prob(model, grid, torch.full((len(grid), 1), 0.3, dtype=torch.float64)).exp()
    assert_allclose(density.sum() * (axis[1] - axis[0]) ** 2, 1.0, atol=2e-3)


@pytest.fixture(scope="module", params=[SHAPES[0], SHAPES[-1]], ids=["plain", "encoded"])
def fast(request):
    return FastFlow(perturbed(request.param))


def test_a_row_does_not_depend_on_its_neighbours(fast):
    """Bit for bit: permuted within a block, split on blocks, and in a shorter request."""
    noise, condition = batch(SHAPES[0], rows=2 * BLOCK + 700)
    whole = fast.sample(noise, condition)
    order = np.random.default_rng(0).permutation(BLOCK)
    assert_array_equal(fast.sample(noise[:BLOCK][order], condition[:BLOCK][order]), whole[:BLOCK][order])
    assert_array_equal(fast.sample(noise[BLOCK:], condition[BLOCK:]), whole[BLOCK:])
    for rows in (1, 3, 31, 1000, BLOCK + 1):
        assert_array_equal(fast.sample(noise[:rows], condition[:rows]), whole[:rows])


def test_the_number_of_threads_changes_nothing(fast):
    noise, condition = batch(SHAPES[0], rows=3 * BLOCK + 5)
    before = torch.get_num_threads()
    assert_array_equal(fast.sample(noise, condition, threads=2), fast.sample(noise, condition))
    assert torch.get_num_threads() == before


def test_no_rows_give_no_rows(fast):
    noise, condition = batch(SHAPES[0], rows=0)
    assert fast.sample(noise, condition).shape == (0, 17)


def test_extreme_noise_stays_finite(fast):
    noise, condition = batch(SHAPES[0])
    noise[0], noise[1], noise[2], noise[3] = 10, -10, 5, -5
    assert np.isfinite(fast.sample(noise, condition * 8)).all()


def test_one_core_gives_the_threads_back_after_an_error():
    def fail():
        with one_core():
            seen.append(torch.get_num_threads())
            raise ZeroDivisionError

    seen = []
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            fail()
        assert [*seen, torch.get_num_threads()] == [1, 2]
    finally:
        torch.set_num_threads(before)


def test_an_error_in_a_block_reaches_the_caller():
    def work(rows):
        if rows.start:
            raise KeyError("second")

    with pytest.raises(KeyError, match="second"):
        in_blocks(2 * BLOCK, 2, work)


def test_building_leaves_the_random_state_alone_and_depends_on_the_seed_only():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, other = build(SHAPES[1]), build(SHAPES[1])
    assert torch.rand(1) == expected
    for name, tensor in one.state_dict().items():
        assert_array_equal(tensor, other.state_dict()[name])


def test_without_a_compiler_it_warns_and_stays_eager(monkeypatch):
    def no_compiler(*args, **kwargs):
        def fail(*args):
            raise RuntimeError("InvalidCxxCompiler: no working C++ compiler")

        return fail

    monkeypatch.setattr(torch, "compile", no_compiler)
    model, (noise, condition) = perturbed(SHAPES[2]), batch(SHAPES[2])
    with pytest.warns(UserWarning, match="without compilation.*no working C\\+\\+"):
        flow = FastFlow(model, compile=True)
    assert flow.backend == "eager"
    assert_array_equal(flow.sample(noise, condition), FastFlow(model).sample(noise, condition))


def test_more_shapes_than_torch_compiles_stay_eager_with_a_warning(monkeypatch):
    """Five columns part in two and three: a second shape, where torch's limit of one a process is already reached."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # dynamo's limits, no compiler
    torch.compiler.reset()
    with (
        torch._dynamo.config.patch(recompile_limit=1),
        pytest.warns(UserWarning, match="without compilation.*limit of compiled shapes"),
    ):
        assert FastFlow(perturbed(SHAPES[2]), compile=True).backend == "eager"
    torch.compiler.reset()


@pytest.mark.parametrize("config", SHAPES)
def test_what_is_written_for_a_compiler_gives_the_same_samples(config):
    """The way by which the tracer goes, run operation by operation."""
    torch.compiler.reset()
    model, (noise, condition) = perturbed(config), batch(config)
    (layer, *_), context = FastFlow(model)._layers, torch.from_numpy(condition)
    context = torch.cat([model.encoder(context).t(), torch.ones(1, len(context))]).detach()
    z = torch.from_numpy(2 * noise).t().contiguous()  # some of them beyond the bound
    traced = torch.compile(spline.generate, backend="eager", dynamic=False, fullgraph=True)
    with torch.inference_mode():
        expected = spline.generate(layer, z, context)
        assert torch.allclose(traced(layer, z, context), expected, atol=1e-4)
        assert (expected[layer.moved] != z[layer.moved]).any()
    torch.compiler.reset()


def test_what_gets_compiled_is_the_layer_and_is_reported(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: compiled.append(function) or function)
    assert FastFlow(perturbed(SHAPES[2]), compile=True).backend == "compiled"
    assert compiled == [spline.generate]


@pytest.mark.parametrize("wrong", [{"targets": 1}, {"layers": 1}, {"conditions": 0}])
def test_a_flow_that_could_not_couple_is_refused(wrong):
    with pytest.raises(ValueError, match="coupling flow"):
        FlowConfig(**({"targets": 4, "conditions": 2} | wrong))
