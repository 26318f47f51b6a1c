"""Train one flow: from raw target and condition columns to a `FlowModel`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import torch
from torch import Tensor

from flashbench.errors import SchemaError
from flashbench.simulators.flash.classes import ByClass
from flashbench.simulators.flash.feature import Feature, FloatArray
from flashbench.simulators.flash.flow import FlowConfig, build, log_prob
from flashbench.simulators.flash.model import REDRAWS, FlowModel
from flashbench.simulators.flash.standardise import Standardise
from flashbench.simulators.flash.transforms import Float32Array, RankGaussian
from flashbench.training.loop import TOTAL, LoopConfig, Progress, fit

_VALIDATION_SHARE = 0.05
_VALIDATION_ROWS = 50_000  # at most
_CHUNK = 2048

CALIBRATION_DRAWS: Final = 2_000_000
"""Draws that a model is calibrated with, at most, where the sample is not larger."""

_DRAWS_A_ROW: Final = 10  # beyond, the sample itself is the limit

M = TypeVar("M", bound=FlowModel)


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Shape of the flow; see `FlowConfig`."""

    layers: int = 6
    blocks: int = 2
    hidden: int = 64
    bins: int = 8
    tail: float = 5.0
    encoded: int = 0
    encoder: int = 192


@dataclass(frozen=True, slots=True)
class Prepared:
    """Objects of one kind, ready to train on; rows in a random order.

    Attributes:
        targets: shape (rows, targets).
        conditions: raw, shape (rows, conditions).
        latent: Gaussianised targets, shape (rows, targets).
        held_out: first rows, that validate.
    """

    targets: FloatArray
    conditions: FloatArray
    rank: RankGaussian
    standardise: Standardise
    latent: Float32Array
    held_out: int

    @property
    def inputs(self) -> Float32Array:
        """Standardised conditions, shape (rows, inputs)."""
        return self.standardise.forward(self.conditions)


class FlowTask:
    """Maximum likelihood of a flow: the negative log-density, in nats a row."""

    def __init__(self, model: Any, latent: Float32Array, inputs: Float32Array, held_out: int) -> None:
        """Train on all rows but the first `held_out`, which validate.

        Args:
            model: from `build`.
            latent: Gaussianised targets, shape (rows, targets).
            inputs: standardised conditions, shape (rows, inputs).
            held_out: rows kept for validation.
        """
        self.module: torch.nn.Module = model
        self.rows = len(latent) - held_out
        x, c = torch.from_numpy(np.ascontiguousarray(latent)), torch.from_numpy(np.ascontiguousarray(inputs))
        self._x, self._c = x[held_out:], c[held_out:]
        self._held_out = list(zip(torch.split(x[:held_out], _CHUNK), torch.split(c[:held_out], _CHUNK), strict=True))

    def groups(self) -> list[dict[str, Any]]:
        """All parameters alike."""
        return [{"params": list(self.module.parameters())}]

    def loss(self, batch: Tensor) -> Mapping[str, Tensor]:
        """Mean over the rows of `batch`."""
        return {TOTAL: -log_prob(self.module, self._x[batch], self._c[batch]).mean()}

    def validate(self) -> Mapping[str, float]:
        """Mean over the rows that were held out."""
        sums = [-float(log_prob(self.module, x, c).sum()) for x, c in self._held_out]
        return {TOTAL: sum(sums) / sum(len(x) for x, _ in self._held_out)}


def train_flow(  # noqa: PLR0917 - two matrices, what their columns are, and three settings
    targets: FloatArray,
    conditions: FloatArray,
    target_features: Sequence[Feature],
    condition_features: Sequence[Feature],
    settings: FlowSettings,
    loop: LoopConfig,
    out: Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> FlowModel:
    """Train a conditional flow; a killed training goes on when it is called again.

    Args:
        targets: target columns, shape (rows, targets).
        conditions: raw condition columns of the same rows, shape (rows, conditions).
        target_features, condition_features: one a column.
        settings: shape of the flow.
        loop: how long and how fast.
        out: directory for checkpoint and history; the caller saves the model (`FlowModel.save`).
        seed: of everything random.
        progress: called after every epoch.

    Returns:
        The model of the best epoch.

    Raises:
        SchemaError: fewer than 100 rows, or shapes or values do not fit.
        RunError: `out` holds another training, or the loss is not finite.
    """
    sample = prepare(targets, conditions, target_features, condition_features, np.random.default_rng(seed))
    config = FlowConfig(
        targets=targets.shape[1],
        conditions=sample.standardise.inputs,
        layers=settings.layers,
        blocks=settings.blocks,
        hidden=settings.hidden,
        bins=settings.bins,
        tail=settings.tail,
        encoded=settings.encoded,
        encoder=settings.encoder,
        seed=seed,
    )
    model = build(config)
    fit(FlowTask(model, sample.latent, sample.inputs, sample.held_out), loop, out, progress, seed)
    flow = FlowModel(config, model, sample.standardise, ByClass(sample.rank))
    return calibrate(flow, sample, np.random.default_rng(seed))


def prepare(
    targets: FloatArray,
    conditions: FloatArray,
    target_features: Sequence[Feature],
    condition_features: Sequence[Feature],
    rng: np.random.Generator,
) -> Prepared:
    """Shuffle the rows, learn their transforms and apply them.

    Args:
        targets: target columns, shape (rows, targets).
        conditions: raw condition columns of the same rows, shape (rows, conditions).
        target_features, condition_features: one a column.
        rng: of the order, and of where an atom is put.

    Raises:
        SchemaError: fewer than 100 rows, or shapes or values do not fit.
    """
    rows = len(targets)
    if rows < 100 or len(conditions) != rows:
        raise SchemaError("training", "all", f"{rows} targets, {len(conditions)} conditions; at least 100 of each")
    order = rng.permutation(rows)
    targets, conditions = targets[order], conditions[order]
    rank, standardise = RankGaussian.fit(targets, target_features), Standardise.fit(conditions, condition_features)
    latent = rank.forward(targets, rng.random(targets.shape))
    held_out = min(_VALIDATION_ROWS, max(1, int(_VALIDATION_SHARE * rows)))
    return Prepared(targets, conditions, rank, standardise, latent, held_out)


def calibrate(model: M, sample: Prepared, rng: np.random.Generator, most: int = CALIBRATION_DRAWS) -> M:
    """The model with target distributions of the training sample, for objects that a file holds.

    Args:
        model: trained on `sample`.
        sample: from `prepare`.
        rng: of the draws.
        most: draws; for the conditions of each row one at least and ten at most.
    """
    times = int(np.clip(most // len(sample.conditions), 1, _DRAWS_A_ROW))
    conditions = np.repeat(sample.conditions, times, axis=0)
    drawn = _stored_draws(model, sample, conditions, rng)
    if any(feature.trend for feature in model.targets):
        mean = drawn.reshape(len(sample.latent), times, -1).mean(axis=1)
        model = model.with_trend(sample.inputs, sample.latent - mean)
        drawn = _stored_draws(model, sample, conditions, rng)
    return model.calibrated((drawn, conditions), (sample.latent, sample.conditions), sample.targets)


def _stored_draws(model: FlowModel, sample: Prepared, conditions: FloatArray, rng: np.random.Generator) -> Float32Array:
    """Latents of objects that a file holds, shape (rows, targets)."""
    drawn = model.latent(conditions, rng)
    first = model.calibrated((drawn, conditions), (sample.latent, sample.conditions), sample.targets)
    for _ in range(REDRAWS):
        again = np.flatnonzero(~first.stored(first.values(drawn, conditions), conditions))
        if len(again):
            drawn[again] = model.latent(conditions[again], rng)
    return drawn
