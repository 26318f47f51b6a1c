"""The conditional normalizing flow behind one adapter: normflows holds the parameters, `spline` does the arithmetic.

What to use when: `build` for a new flow, `log_prob` to train it, `FastFlow` to sample from it. Importing this module
imports torch and normflows.

References:
    V. Stimper et al., "normflows", JOSS 8 (2023) 5361; C. Durkan et al., arXiv:1906.04032 (coupling splines).
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import normflows
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashbench.simulators.flash import spline

Float32Array = NDArray[np.float32]
Generate = Callable[[spline.Layer, Tensor, Tensor], Tensor]

BLOCK: Final = 2048  # rows; the fastest on a CPU
_LEAST_BLOCK: Final = 128  # a smaller block costs as much; others are multiples of it


@dataclass(frozen=True, slots=True)
class FlowConfig:
    """Shape of a flow.

    Attributes:
        targets: columns that it generates, at least 2.
        conditions: network inputs that it is conditioned on.
        layers: coupling layers, at least 2; in complementary pairs.
        blocks, hidden: residual blocks and their width in each layer's network.
        bins, tail: spline bins, and the bound beyond which the flow is the identity.
        encoded: conditions are first brought to so many numbers by one network that all layers share; 0: not at all.
        encoder: hidden units of that network.
        seed: of the initial weights and the permutations between pairs.
    """

    targets: int
    conditions: int
    layers: int = 6
    blocks: int = 2
    hidden: int = 64
    bins: int = 8
    tail: float = 5.0
    encoded: int = 0
    encoder: int = 192
    seed: int = 0

    def __post_init__(self) -> None:
        if self.targets < 2 or self.layers < 2 or self.conditions < 1:
            raise ValueError(f"a coupling flow needs 2 targets, 2 layers and a condition: {self}")


class EncodedFlow(normflows.ConditionalNormalizingFlow):  # type: ignore[misc] # normflows has no types
    """normflows' conditional flow behind an encoder of its conditions."""

    def __init__(self, base: Any, flows: Sequence[Any], encoder: torch.nn.Module) -> None:
        super().__init__(base, flows)
        self.encoder = encoder

    def forward(self, z: Tensor, context: Tensor) -> Tensor:
        """Noise to latents, as normflows does it."""
        return super().forward(z, self.encoder(context))  # type: ignore[no-any-return]

    def log_prob(self, x: Tensor, context: Tensor) -> Tensor:
        """Logarithm of the density, as normflows does it."""
        return super().log_prob(x, self.encoder(context))  # type: ignore[no-any-return]

    def sample(self, num_samples: int, context: Tensor) -> tuple[Tensor, Tensor]:
        """Latents and their log-densities, as normflows does it."""
        return super().sample(num_samples, self.encoder(context))  # type: ignore[no-any-return]


def build(config: FlowConfig) -> EncodedFlow:
    """A conditional flow of rational-quadratic coupling layers that starts as the identity.

    Layers come in pairs with complementary masks and columns are shuffled between pairs only: a shuffle after every
    layer can leave a column that no layer transforms.

    Returns:
        A `normflows.ConditionalNormalizingFlow` with its encoder. The global random state is left as it was.
    """
    flows: list[Any] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        for i in range(config.layers):
            if i and i % 2 == 0:
                flows.append(normflows.flows.Permute(config.targets, mode="shuffle"))
            flows.append(_coupling(config, reverse=bool(i % 2)))
        base = normflows.distributions.DiagGaussian(config.targets, trainable=False)
        model = EncodedFlow(base, flows, _encoder(config))
    if min(coverage(model)) < 1:
        raise ValueError(f"a column is never transformed: {config}")
    return model


def _encoder(config: FlowConfig) -> torch.nn.Module:
    if not config.encoded:
        return torch.nn.Identity()
    return torch.nn.Sequential(
        torch.nn.Linear(config.conditions, config.encoder),
        torch.nn.ReLU(),
        torch.nn.Linear(config.encoder, config.encoded),
    )


def _coupling(config: FlowConfig, reverse: bool) -> Any:
    layer = normflows.flows.CoupledRationalQuadraticSpline(
        config.targets,
        config.blocks,
        config.hidden,
        num_context_channels=config.encoded or config.conditions,
        num_bins=config.bins,
        tail_bound=config.tail,
        reverse_mask=reverse,
    )
    layer.prqct.unconditional_transform = None  # a spline of each passing column: slow, and a pair covers them
    final = layer.prqct.transform_net.final_layer
    torch.nn.init.zeros_(final.weight)
    torch.nn.init.constant_(final.bias, math.log(math.exp(0.999) - 1))  # equal bins, derivatives one
    return layer


def _couplings(model: Any) -> tuple[list[tuple[Any, Tensor]], Tensor]:
    """Coupling layers from latent to data, each with its place for every column, and the final order of places."""
    size = next(flow.prqct.features for flow in model.flows if hasattr(flow, "prqct"))
    place = torch.arange(size)
    found = []
    for flow in model.flows:
        if hasattr(flow, "prqct"):
            found.append((flow.prqct, place))
        else:
            place = place[flow.perm]
    return found, place


def coverage(model: Any) -> list[int]:
    """How many layers transform each data column, length targets."""
    couplings, order = _couplings(model)
    times = torch.zeros(len(order), dtype=torch.long)
    for coupling, place in couplings:
        times[place[coupling.transform_features]] += 1
    return [int(n) for n in times[order]]


def log_prob(model: Any, x: Tensor, condition: Tensor) -> Tensor:
    """Logarithm of the density, shape (rows,); differentiable in the parameters.

    Args:
        model: from `build`.
        x: latents of the targets, shape (rows, targets).
        condition: shape (rows, inputs).
    """
    z, log_det = to_noise(model, x, condition)
    return log_det - 0.5 * z.square().sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


def to_noise(model: Any, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
    """The training direction: noise, shape (rows, targets), and log |det|, shape (rows,)."""
    couplings, order = _couplings(model)
    columns, context = x.t()[torch.argsort(order)], _with_one(model.encoder(condition).t()).contiguous()
    log_det = torch.zeros(x.shape[0], dtype=x.dtype)
    for coupling, place in reversed(couplings):
        columns, part = spline.density(spline.pack(coupling, place), columns, context)
        log_det = log_det + part
    return columns.t(), log_det


def _with_one(columns: Tensor) -> Tensor:
    """One more row, of ones, which the biases of `spline.Layer` are fed by."""
    return torch.cat([columns, columns.new_ones(1, columns.shape[1])])


class FastFlow:
    """Samples of a flow as a pure function of noise and condition.

    Rows are worked on in blocks of 2048, the last one padded to a multiple of 128 (compiled: to 2048), with which the
    result of a row depends neither on the other rows nor on how many there are. Each block runs on one core; `threads`
    blocks run at a time.

    Attributes:
        backend: "compiled" or "eager".
    """

    def __init__(self, model: Any, compile: bool = False) -> None:
        """Read the parameters of `model`; later changes to it are not seen.

        Args:
            model: from `build`.
            compile: generate machine code with torch.compile, once; faster, but it takes half a minute and needs
                a C++ compiler. Without one this warns and stays eager.
        """
        couplings, order = _couplings(model)
        with torch.no_grad():
            self._layers = [spline.pack(coupling, place) for coupling, place in couplings]
        self._order = order
        self._encoder = copy.deepcopy(model.encoder)
        first = next(self._encoder.parameters(), None)
        self.targets = len(order)
        layer = self._layers[0]
        self.conditions = layer.first.shape[1] - len(layer.fixed) - 1 if first is None else first.shape[1]
        self._generate: Generate = spline.generate
        self.backend = "eager"
        if compile:
            self._compile()

    def _compile(self) -> None:
        from torch._dynamo.exc import FailOnRecompileLimitHit

        # Compiled once for all layers and flows of the same shape; fullgraph: rather fail than run in part.
        self._generate = torch.compile(spline.generate, dynamic=False, fullgraph=True)
        try:
            self.block(np.zeros((BLOCK, self.targets), np.float32), np.zeros((BLOCK, self.conditions), np.float32))
        except FailOnRecompileLimitHit:
            self._stay_eager("torch's limit of compiled shapes in one process is reached")
        except (RuntimeError, OSError) as error:  # all other errors of dynamo and inductor are RuntimeErrors
            self._stay_eager(str(error).strip().partition("\n")[0])
        else:
            self.backend = "compiled"

    def _stay_eager(self, problem: str) -> None:
        self._generate = spline.generate
        warnings.warn(f"flash: sampling without compilation, slower: {problem}", stacklevel=4)

    def sample(self, noise: Float32Array, condition: Float32Array, threads: int = 1) -> Float32Array:
        """Latents of the targets.

        Args:
            noise: standard normal, shape (rows, targets).
            condition: shape (rows, inputs).
            threads: blocks worked on at a time; the result does not depend on it.

        Returns:
            Shape (rows, targets), float32.
        """
        out = np.empty((len(noise), self.targets), np.float32)

        def work(rows: slice) -> None:
            out[rows] = self.block(noise[rows], condition[rows])

        in_blocks(len(noise), threads, work)
        return out

    def block(self, noise: Float32Array, condition: Float32Array) -> Float32Array:
        """`sample` for at most one block, on one core."""
        rows = len(noise)
        size = BLOCK if self.backend == "compiled" else -(-rows // _LEAST_BLOCK) * _LEAST_BLOCK
        with torch.inference_mode(), one_core():
            z, context = _columns(noise, size), _with_one(self._encoder(_columns(condition, size).t()).t())
            for layer in self._layers:
                z = self._generate(layer, z, context)
            return z[self._order, :rows].numpy().T


def _columns(rows: Float32Array, size: int) -> Tensor:
    """(rows, columns) as a features × batch tensor of `size` rows; those that are missing are zero."""
    padded = torch.zeros(rows.shape[1], size)
    padded[:, : len(rows)] = torch.from_numpy(np.ascontiguousarray(rows.T, np.float32))
    return padded


def in_blocks(rows: int, threads: int, work: Callable[[slice], None]) -> None:
    """Call `work` for every block of 2048 of `rows`, `threads` at a time, on one core each."""
    blocks = [slice(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK)]
    if threads == 1 or len(blocks) < 2:
        for block in blocks:
            work(block)
        return
    with (
        one_core(),
        ThreadPoolExecutor(min(threads, len(blocks)), initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        for done in [pool.submit(work, block) for block in blocks]:
            done.result()


@contextmanager
def one_core() -> Iterator[None]:
    """Run torch operations of this thread on one core, then as before: sharing one small product costs more."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
