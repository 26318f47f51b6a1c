"""A trained generator of one kind of object: a `FlowModel` of FlashSim with another flow inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from flashbench.errors import PluginError, SchemaError
from flashbench.simulators.flash import weights
from flashbench.simulators.flash.features import Feature, FloatArray
from flashbench.simulators.flash.flow import BLOCK, in_blocks, one_core
from flashbench.simulators.flash.model import FlowModel
from flashbench.simulators.flash.transforms import RankGaussian, Standardise
from flashbench_flowmatch.velocity import Velocity, VelocityConfig, integrate

STEPS: Final = 4
_VELOCITY: Final = "velocity."

Float32Array = NDArray[np.float32]


class FlowMatchModel(FlowModel):
    """Draws target columns for condition columns, like any `FlowModel`.

    Attributes:
        steps: of the integration.
    """

    def __init__(
        self,
        config: VelocityConfig,
        velocity: Velocity,
        standardise: Standardise,
        rank: RankGaussian,
        steps: int = STEPS,
    ) -> None:
        self.config: Any = config
        self.velocity, self.steps = velocity.eval(), steps
        self.standardise, self.rank = standardise, rank

    @property
    def backend(self) -> str:
        """How it samples."""
        return "eager"

    def generate(self, conditions: FloatArray, rng: np.random.Generator, threads: int = 1) -> FloatArray:
        """One draw of the targets for every row; see `FlowModel.generate`.

        Raises:
            SchemaError: the number of columns does not fit.
        """
        rows = len(conditions)
        if conditions.ndim != 2 or conditions.shape[1] != len(self.conditions):
            problem = f"shape {conditions.shape} does not fit {len(self.conditions)} conditions"
            raise SchemaError("FlowMatchModel.generate", "conditions", problem)
        out = np.empty((rows, len(self.targets)))
        noise = rng.standard_normal((-(-rows // BLOCK) * BLOCK, len(self.targets)), np.float32)

        def work(block: slice) -> None:
            latent = self._block(noise[block.start : block.start + BLOCK], conditions[block])
            out[block] = self.rank.inverse(latent)

        in_blocks(rows, threads, work)
        return out

    def latent(self, conditions: FloatArray, rng: np.random.Generator) -> Float32Array:
        """What the flow alone draws, before the targets' distributions are put on; shape (rows, targets)."""
        out = np.empty((len(conditions), len(self.targets)), np.float32)
        noise = rng.standard_normal((-(-len(out) // BLOCK) * BLOCK, out.shape[1]), np.float32)

        def work(block: slice) -> None:
            out[block] = self._block(noise[block.start : block.start + BLOCK], conditions[block])

        in_blocks(len(out), 1, work)
        return out

    def _block(self, noise: Float32Array, conditions: FloatArray) -> Float32Array:
        """At most one block, padded to a whole one: a row's result is its own."""
        inputs = np.zeros((BLOCK, self.standardise.inputs), np.float32)
        inputs[: len(conditions)] = self.standardise.forward(conditions)
        with torch.inference_mode(), one_core():
            drawn = integrate(self.velocity, torch.from_numpy(noise), torch.from_numpy(inputs), self.steps)
        latent: Float32Array = drawn.numpy()[: len(conditions)]
        return latent

    def calibrated(self, drawn: Float32Array, latent: Float32Array, values: FloatArray) -> FlowMatchModel:
        """The same flow with its transform calibrated, see `RankGaussian.calibrated`."""
        rank = self.rank.calibrated(drawn, latent, values)
        return FlowMatchModel(self.config, self.velocity, self.standardise, rank, self.steps)

    def save(self, directory: Path, metadata: Mapping[str, Any]) -> str:
        """Write the weights; returns their SHA-256."""
        tensors = {_VELOCITY + name: t.numpy() for name, t in self.velocity.state_dict().items()}
        tensors |= self.rank.tensors() | self.standardise.tensors()
        names = {"targets": [f.name for f in self.targets], "conditions": [f.name for f in self.conditions]}
        content = {"velocity": asdict(self.config), **names, "steps": self.steps, "training": dict(metadata)}
        return weights.save(directory, tensors, content)

    @classmethod
    def load(
        cls, directory: Path, targets: Sequence[Feature], conditions: Sequence[Feature], steps: int | None = None
    ) -> FlowMatchModel:
        """A model that `save` wrote.

        Args:
            directory: of the weights.
            targets, conditions: features to choose from, by name.
            steps: of the integration; None for those it was calibrated with.

        Raises:
            InputError: a file is missing or unreadable.
            PluginError: checksum, feature tables, or the kind of model differ.
        """
        tensors, metadata = weights.load(directory)
        if "velocity" not in metadata:
            raise PluginError(str(directory), "holds no flow-matching model", "train: flashbench flowmatch train")
        config = VelocityConfig(**metadata["velocity"])
        velocity = Velocity(config)
        state = {n.removeprefix(_VELOCITY): torch.from_numpy(a) for n, a in tensors.items() if n.startswith(_VELOCITY)}
        velocity.load_state_dict(state)
        rank = RankGaussian.from_tensors(tensors, _pick(targets, metadata["targets"], directory))
        standardise = Standardise.from_tensors(tensors, _pick(conditions, metadata["conditions"], directory))
        return cls(config, velocity, standardise, rank, steps or metadata["steps"])


def _pick(features: Sequence[Feature], names: Sequence[str], directory: Path) -> list[Feature]:
    known = {f.name: f for f in features}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise PluginError(str(directory), f"trained with unknown features: {', '.join(unknown)}", "train again")
    return [known[name] for name in names]
