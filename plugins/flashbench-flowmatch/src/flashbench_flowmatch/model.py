"""A trained generator of one kind of object: a `FlowModel` of FlashSim with another flow inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from flashbench.errors import PluginError
from flashbench.simulators.flash import weights
from flashbench.simulators.flash.classes import ByClass
from flashbench.simulators.flash.feature import Feature
from flashbench.simulators.flash.flow import BLOCK, one_core
from flashbench.simulators.flash.model import FlowModel, features_named
from flashbench.simulators.flash.standardise import Standardise
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
        rank: ByClass,
        steps: int = STEPS,
    ) -> None:
        self.config: Any = config
        self.velocity, self.steps = velocity.eval(), steps
        self.standardise, self.rank = standardise, rank

    @property
    def backend(self) -> str:
        """How it samples."""
        return "eager"

    def draw(self, noise: Float32Array, inputs: Float32Array) -> Float32Array:
        """At most one block, padded to a whole one: a row's result is its own."""
        missing = ((0, BLOCK - len(noise)), (0, 0))
        x, c = (torch.from_numpy(np.pad(each, missing).astype(np.float32)) for each in (noise, inputs))
        with torch.inference_mode(), one_core():
            drawn = integrate(self.velocity, x, c, self.steps)
        latent: Float32Array = drawn.numpy()[: len(noise)]
        return latent

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
        rank = ByClass.from_tensors(tensors, features_named(targets, metadata["targets"], directory))
        standardise = Standardise.from_tensors(tensors, features_named(conditions, metadata["conditions"], directory))
        return cls(config, velocity, standardise, rank, steps or metadata["steps"])
