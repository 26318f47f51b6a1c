"""Train by flow matching: the tables and transforms of FlashSim, flashbench's training loop, another task."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from flashbench.errors import RunError
from flashbench.simulators.flash.classes import ByClass
from flashbench.simulators.flash.efficiency import ChargeFlip
from flashbench.simulators.flash.feature import Feature, FloatArray
from flashbench.simulators.flash.features import JET_CONDITIONS, MUON_CONDITIONS
from flashbench.simulators.flash.networks import MANIFEST, PARTS, read_manifest, write_manifest
from flashbench.simulators.flash.transforms import Float32Array
from flashbench.training.extraction import Objects, extract
from flashbench.training.flow import calibrate, prepare
from flashbench.training.loop import TOTAL, Epoch, LoopConfig, fit
from flashbench.training.recipe import FlashRecipe
from flashbench_flowmatch.model import STEPS, FlowMatchModel
from flashbench_flowmatch.velocity import Velocity, VelocityConfig

OWN: Final = ("jets", "muons")  # the networks that are not FlashSim's
_CALIBRATION_DRAWS: Final = 100_000

Progress = Callable[[str, Epoch], None]


class MatchTask:
    """Flow matching on straight paths: the mean square of the velocity's error, per target."""

    def __init__(self, velocity: Velocity, latent: Float32Array, inputs: Float32Array, held_out: int) -> None:
        """Train on all rows but the first `held_out`, which validate with noise and times of their own.

        Args:
            velocity: the network.
            latent: Gaussianised targets, shape (rows, targets).
            inputs: standardised conditions, shape (rows, inputs).
            held_out: rows kept for validation.
        """
        self.module: torch.nn.Module = velocity
        self.rows = len(latent) - held_out
        x, c = torch.from_numpy(np.ascontiguousarray(latent)), torch.from_numpy(np.ascontiguousarray(inputs))
        self._x, self._c = x[held_out:], c[held_out:]
        chance = torch.Generator().manual_seed(1)
        noise = torch.randn(x[:held_out].shape, generator=chance)
        times = torch.rand((held_out, 1), generator=chance)
        self._validation = (x[:held_out], c[:held_out], noise, times)

    def groups(self) -> list[dict[str, Any]]:
        """All parameters alike."""
        return [{"params": list(self.module.parameters())}]

    def loss(self, batch: Tensor) -> Mapping[str, Tensor]:
        """Of the rows of `batch`, at random times."""
        x = self._x[batch]
        return {TOTAL: self._error(x, self._c[batch], torch.randn_like(x), torch.rand(len(x), 1))}

    def validate(self) -> Mapping[str, float]:
        """Of the rows that were held out."""
        return {TOTAL: float(self._error(*self._validation))}

    def _error(self, x: Tensor, condition: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        velocity = self.module((1 - time) * noise + time * x, time, condition)
        error: Tensor = (velocity - (x - noise)).square().mean()
        return error


def train_match(  # noqa: PLR0917 - two matrices, what their columns are, and how
    targets: FloatArray,
    conditions: FloatArray,
    target_features: Sequence[Feature],
    condition_features: Sequence[Feature],
    loop: LoopConfig,
    out: Path,
    *,
    seed: int = 0,
    hidden: int = 192,
    blocks: int = 4,
    steps: int = STEPS,
    progress: Callable[[Epoch], None] | None = None,
) -> FlowMatchModel:
    """Train one model; a killed training goes on when it is called again.

    Args:
        targets: target columns, shape (rows, targets).
        conditions: raw condition columns, shape (rows, conditions).
        target_features, condition_features: one a column.
        loop: how long and how fast.
        out: directory for checkpoint and history.
        seed: of everything random.
        hidden, blocks: shape of the network.
        steps: of the integration that the distributions are calibrated with.
        progress: called after every epoch.

    Raises:
        SchemaError: fewer than 100 rows, or shapes or values do not fit.
        RunError: `out` holds another training, or the loss is not finite.
    """
    sample = prepare(targets, conditions, target_features, condition_features, np.random.default_rng(seed))
    config = VelocityConfig(targets.shape[1], sample.standardise.inputs, hidden, blocks, seed)
    velocity = Velocity(config)
    fit(MatchTask(velocity, sample.latent, sample.inputs, sample.held_out), loop, out, progress, seed)
    trained = FlowMatchModel(config, velocity, sample.standardise, ByClass(sample.rank), steps)
    return calibrate(trained, sample, np.random.default_rng([seed, 1]), _CALIBRATION_DRAWS)


def train(
    files: Sequence[str],
    flash: Path,
    out: Path,
    recipe: FlashRecipe,
    progress: Progress | None = None,
    *,
    hidden: int = 192,
    blocks: int = 4,
) -> dict[str, Any]:
    """Train jets and muons, and put them beside the other networks of a FlashSim training.

    Args:
        files: NanoAOD with generator and reconstructed columns.
        flash: weights of `flashbench train flash`: efficiencies, fakes and charge flips are taken from there.
        out: folder of the weights.
        recipe: events, epochs, seed.
        progress: called with the network's name after every epoch.
        hidden, blocks: shape of the networks.

    Returns:
        The manifest of the weights.

    Raises:
        InputError, SchemaError: a file cannot be read or lacks a column.
        PluginError: `flash` holds no weights.
        RunError: `out` has weights already, or a training of another input.
    """
    if (out / MANIFEST).exists():
        raise RunError(str(out), "has weights already", "remove it, or give another --out")
    source = read_manifest(flash)
    tables = extract(files, recipe.events)
    kinds: dict[str, tuple[Objects, tuple[Feature, ...], tuple[Feature, ...]]] = {
        "jets": (tables.jets, tables.targets["Jet"], JET_CONDITIONS),
        "muons": (tables.muons, tables.targets["Muon"], MUON_CONDITIONS),
    }
    for part, (objects, features, conditions) in kinds.items():
        rows = objects.conditions[objects.reconstructed]
        loop = recipe.loop(part, len(rows))
        report = (lambda epoch, part=part: progress(part, epoch)) if progress else None
        work = out / "training" / part
        model = train_match(
            *(objects.targets, rows, features, conditions, loop, work),
            seed=recipe.seed,
            hidden=hidden,
            blocks=blocks,
            progress=report,
        )
        model.save(out / part, {"rows": len(rows)})
    for part in PARTS:
        if part not in OWN:
            shutil.copytree(flash / part, out / part, dirs_exist_ok=True)
    own = {f.branch for _, features, _ in kinds.values() for f in features}
    more = {"family": "flow matching", "flash": source["networks"], "events": tables.events, "seed": recipe.seed}
    charge = ChargeFlip.from_dict(source["charge_flip"])
    write_manifest(out, charge, own | set(source["provides"]), more)
    return read_manifest(out)
