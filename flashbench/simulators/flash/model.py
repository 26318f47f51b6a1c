"""A trained generator of one kind of object: condition transform, flow, target transform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray

from flashbench.errors import PluginError, SchemaError
from flashbench.simulators.flash import weights
from flashbench.simulators.flash.classes import ByClass
from flashbench.simulators.flash.feature import Feature, FloatArray
from flashbench.simulators.flash.flow import BLOCK, FastFlow, FlowConfig, build, in_blocks
from flashbench.simulators.flash.standardise import Standardise
from flashbench.simulators.flash.states import StateChooser, settled
from flashbench.simulators.flash.transforms import Float32Array

BoolArray = NDArray[np.bool_]

_FLOW: Final = "flow."
REDRAWS: Final = 4


class FlowModel:
    """Draws target columns for condition columns.

    Attributes:
        targets, conditions: features of the columns that go out and come in.
        config: shape of the flow.
        backend: "compiled" or "eager" sampling.
        chooser: of what is decided before; None where nothing is.
    """

    chooser: StateChooser | None = None

    def __init__(  # noqa: PLR0917 - what it consists of
        self,
        config: FlowConfig,
        flow: Any,
        standardise: Standardise,
        rank: ByClass,
        compile: bool = False,
        chooser: StateChooser | None = None,
    ) -> None:
        self.config, self.flow, self.standardise, self.rank, self.chooser = config, flow, standardise, rank, chooser
        self._fast = FastFlow(flow, compile=compile)

    @property
    def targets(self) -> tuple[Feature, ...]:
        """Features of the generated columns."""
        return self.rank.whole.features if self.chooser is None else self.chooser.states.targets

    @property
    def conditions(self) -> tuple[Feature, ...]:
        """Features of the condition columns."""
        features = self.standardise.features
        return features if self.chooser is None else self.chooser.classifier.inputs.features

    @property
    def backend(self) -> str:
        """How it samples: "compiled" or "eager"."""
        return self._fast.backend

    def generate(self, conditions: FloatArray, rng: np.random.Generator, threads: int = 1) -> FloatArray:
        """One draw of the targets for every row.

        Noise is drawn in whole blocks, so that the first rows of a longer request are those of a shorter one.

        Args:
            conditions: raw columns, shape (rows, conditions); outside the training range they count as its edge.
            rng: source of the noise, and of nothing else.
            threads: blocks of 2048 rows worked on at a time; the result does not depend on it.

        Returns:
            Shape (rows, targets), float64; every value is one that its feature allows.

        Raises:
            SchemaError: the number of columns does not fit.
        """
        rows = len(conditions)
        if conditions.ndim != 2 or conditions.shape[1] != len(self.conditions):
            problem = f"shape {conditions.shape} does not fit {len(self.conditions)} conditions"
            raise SchemaError("FlowModel.generate", "conditions", problem)
        flow_targets = len(self.rank.whole.features)
        noise = np.empty((-(-rows // BLOCK) * BLOCK, flow_targets + (self.chooser is not None)), np.float32)
        rng.standard_normal(dtype=np.float32, out=noise)
        drawn = noise[:rows, :flow_targets]
        if self.chooser is None:
            return self.values(self._latents(drawn, conditions, threads), conditions, threads)
        state = self.chooser.choose(conditions, noise[:rows, -1])
        known = np.column_stack([conditions, self.chooser.states.flags[state]])
        return self.chooser.states.merged(self.values(self._latents(drawn, known, threads), known, threads), state)

    def generate_stored(
        self, conditions: FloatArray, rng: np.random.Generator, threads: int = 1
    ) -> tuple[FloatArray, BoolArray]:
        """`generate`, with rows drawn again that no file would hold: the flow's edge at a threshold is not sharp.

        Returns:
            Targets, shape (rows, targets), and which rows a file holds, shape (rows,): nearly all, after four attempts.
        """
        values = self.generate(conditions, rng, threads)
        stored = self.stored(values, conditions)
        for _ in range(REDRAWS):
            rows = np.flatnonzero(~stored)
            if not len(rows):
                break
            values[rows] = self.generate(conditions[rows], rng, threads)
            stored[rows] = self.stored(values[rows], conditions[rows])
        return values, stored

    def stored(self, values: FloatArray, conditions: FloatArray) -> BoolArray:
        """Which rows hold nothing below the `least` of its feature; shape (rows,).

        Args:
            values: targets, shape (rows, targets).
            conditions: raw, shape (rows, conditions).
        """
        place = {feature.name: k for k, feature in enumerate(self.conditions)}
        stored = np.ones(len(values), dtype=bool)
        for k, feature in enumerate(self.targets):
            if feature.least > -np.inf:
                anchor = conditions[:, place[feature.anchor]] if feature.anchor else None
                stored &= feature.decode(values[:, k], anchor) >= feature.least
        return stored

    def seen(self, conditions: FloatArray, name: str) -> BoolArray:
        """Rows whose condition `name` is one that an object of the training sample had; shape (rows,)."""
        return self.standardise.within(conditions, name)

    def values(self, latent: Float32Array, conditions: FloatArray, threads: int = 1) -> FloatArray:
        """Targets of latents, shape (rows, targets), for raw conditions of the same rows."""
        return self.rank.inverse(latent, self._labels(conditions), threads)

    def calibrated(
        self, drawn: tuple[Float32Array, FloatArray], latent: tuple[Float32Array, FloatArray], values: FloatArray
    ) -> Self:
        """The same flow with its transforms calibrated, see `ByClass.calibrated`.

        Args:
            drawn, latent: latents from the flow and of the training sample, each with its raw conditions.
            values: targets of the training sample.
        """
        of_drawn, of_training = self._labels(drawn[1]), self._labels(latent[1])
        labels = None if of_drawn is None or of_training is None else (of_drawn, of_training)
        model = copy(self)
        features = self.standardise.features, self.rank.whole.features
        known = (settled(drawn[1], *features), settled(latent[1], *features))
        model.rank = self.rank.calibrated(drawn[0], latent[0], values, labels, known)
        return model

    def _labels(self, conditions: FloatArray) -> FloatArray | None:
        """Class of each row, shape (rows,)."""
        return next((conditions[:, k] for k, f in enumerate(self.conditions) if f.classes), None)

    def with_trend(self, inputs: Float32Array, missed: Float32Array) -> Self:
        """The same flow with draws moved by a trend, see `ByClass.with_trend`."""
        model = copy(self)
        model.rank = self.rank.with_trend(inputs, missed)
        return model

    def latent(self, conditions: FloatArray, rng: np.random.Generator) -> Float32Array:
        """What is drawn before the targets' distributions are put on; shape (rows, targets)."""
        return self._latents(rng.standard_normal((len(conditions), len(self.targets)), np.float32), conditions)

    def _latents(self, noise: Float32Array, conditions: FloatArray, threads: int = 1) -> Float32Array:
        """`draw` for all rows, moved by the trend; a row's result is its own."""
        out = np.empty_like(noise)

        def work(block: slice) -> None:
            """Fill the rows of a block."""
            inputs = self.standardise.forward(conditions[block])
            out[block] = self.draw(noise[block], inputs)
            self._move(out[block], inputs)

        in_blocks(len(out), threads, work)
        return out

    def _move(self, latent: Float32Array, inputs: Float32Array) -> None:
        """Add the trend in place; summed one input after another, so that a row's result is its own."""
        if self.rank.trend is not None:
            slopes, offset = self.rank.trend[:-1], self.rank.trend[-1]
            for k in np.flatnonzero(self.rank.trend.any(axis=0)):
                latent[:, k] += (inputs.T * slopes[:, k, None]).sum(axis=0) + offset[k]

    def draw(self, noise: Float32Array, inputs: Float32Array) -> Float32Array:
        """At most one block of noise and inputs to latents; all that another kind of flow has to replace.

        Args:
            noise: shape (rows, targets).
            inputs: standardised conditions, shape (rows, inputs).
        """
        return self._fast.block(noise, inputs)

    def outside(self, conditions: FloatArray) -> dict[str, int]:
        """Rows of each condition beyond its training range, where there are any."""
        seen = self.standardise if self.chooser is None else self.chooser.classifier.inputs
        return seen.outside(conditions)

    def save(self, directory: Path, metadata: Mapping[str, Any]) -> str:
        """Write the weights; returns their SHA-256. `metadata` is the caller's: recipe, seed, training manifest."""
        tensors = {_FLOW + name: tensor.numpy() for name, tensor in self.flow.state_dict().items()}
        names = {"targets": _names(self.rank.whole.features), "conditions": _names(self.standardise.features)}
        tensors |= self.rank.tensors() | self.standardise.tensors()
        return weights.save(directory, tensors, {"flow": asdict(self.config), **names, "training": dict(metadata)})

    @classmethod
    def load(
        cls,
        directory: Path,
        targets: Sequence[Feature],
        conditions: Sequence[Feature],
        compile: bool = False,
        chooser: StateChooser | None = None,
    ) -> FlowModel:
        """A model that `save` wrote.

        Args:
            directory: of the weights.
            targets: features to choose from; those that the weights were trained on are taken, by name.
            conditions: likewise.
            compile: see `FastFlow`.
            chooser: of what was decided before, whose flags are conditions of the flow.

        Raises:
            InputError: a file is missing or unreadable.
            PluginError: checksum, feature-table version or the features differ.
        """
        tensors, metadata = weights.load(directory)
        config = FlowConfig(**metadata["flow"])
        flow = build(config)
        state = {name.removeprefix(_FLOW): a for name, a in tensors.items() if name.startswith(_FLOW)}
        flow.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
        rank = ByClass.from_tensors(tensors, features_named(targets, metadata["targets"], directory))
        known = (*conditions, *(chooser.states.features if chooser else ()))
        standardise = Standardise.from_tensors(tensors, features_named(known, metadata["conditions"], directory))
        return cls(config, flow, standardise, rank, compile, chooser)


def _names(features: Sequence[Feature]) -> list[str]:
    return [f.name for f in features]


def features_named(features: Sequence[Feature], names: Sequence[str], directory: Path) -> list[Feature]:
    """Features in the order of the names that weights were stored with.

    Raises:
        PluginError: a name is unknown.
    """
    known = {f.name: f for f in features}
    missing = [name for name in names if name not in known]
    if missing:
        raise PluginError(str(directory), f"trained with unknown features: {', '.join(missing)}", "train again")
    return [known[name] for name in names]
