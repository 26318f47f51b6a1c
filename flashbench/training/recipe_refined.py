"""How a refiner is trained: everything that a grid can vary."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flashbench.errors import CatalogueError

if TYPE_CHECKING:  # both import torch, which a grid can be looked at without
    from flashbench.simulators.refined.network import NetworkConfig
    from flashbench.training.loop import LoopConfig

DEFAULT_EVENTS: Final = 60_000
_FEWEST_STEPS: Final = 20  # an epoch: a small sample gets smaller batches
_FEWEST_ROWS: Final = 128


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a training.

    Attributes:
        primary: term that is minimised.
        limits: constrained terms and the largest value of each, in units of the benchmark.
        epochs: how many.
    """

    primary: str
    limits: tuple[tuple[str, float], ...]
    epochs: int


class RefinerRecipe(BaseModel):
    """How a refiner is trained; limits are in units of the benchmark, the value of the term for fast objects.

    Attributes:
        kinds: what is refined.
        events: at most so many of each tier; None for all.
        seed: of everything random.
        epochs, batch, rate, warmup, patience: of the loop.
        blocks, hidden: of the network.
        schedule: "mmd", or "two-stage": MSE under a constraint on the MMD, then MMD.
        first_stage: share of the epochs.
        bandwidth: kernel width from each batch, or the median of the training sample.
        scales: multiples of it, averaged.
        parameter_weight: of generator pt and η beside the variables in the kernel's distance.
        category_power: how a category's share of the objects weighs, see `losses.mmd_by_category`.
        unitarity: "exact" restores the sum of the probabilities in every step, "constrained" leaves it to MDMM.
        huber: largest Huber loss; None for no constraint.
        mmd: largest MMD in the first of two stages.
        damping: of the constraints.
        leave_at_floor: leave a kind as it is whose fast objects are as near to full ones as other full ones: there is
            nothing to learn but the sample's own noise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: tuple[Literal["jets", "muons"], ...] = ("jets", "muons")
    events: int | None = Field(default=None, gt=0)
    seed: int = Field(default=1, ge=0)
    epochs: int = Field(default=40, gt=0)
    batch: int = Field(default=2048, gt=1)
    rate: float = Field(default=3e-3, gt=0)
    warmup: int = Field(default=100, ge=0)
    patience: int = Field(default=1000, gt=0)
    blocks: int = Field(default=5, gt=0)
    hidden: int = Field(default=128, gt=0)
    schedule: Literal["mmd", "two-stage"] = "mmd"
    first_stage: float = Field(default=0.3, gt=0, lt=1)
    bandwidth: Literal["adaptive", "median"] = "median"
    scales: tuple[float, ...] = Field(default=(0.25, 0.5, 1.0), min_length=1)
    parameter_weight: float = Field(default=1.0, ge=0)
    category_power: float = 1.0
    unitarity: Literal["exact", "constrained"] = "exact"
    huber: float | None = Field(default=1.1, gt=0)
    mmd: float = Field(default=0.5, gt=0)
    damping: float = Field(default=10.0, ge=0)
    leave_at_floor: bool = True

    @property
    def network(self) -> NetworkConfig:
        """Shape of the network."""
        from flashbench.simulators.refined.network import NetworkConfig

        return NetworkConfig(self.blocks, self.hidden)

    def stages(self, kind: str) -> tuple[Stage, ...]:
        """Parts of the training of a kind, in their order."""
        limits: tuple[tuple[str, float], ...] = ()
        if kind == "jets" and self.unitarity == "constrained":
            limits = (("unitarity_mean", 0.1), ("unitarity_spread", 1.0))  # both of the spread
        last = limits if self.huber is None else (("huber", self.huber), *limits)
        if self.schedule == "mmd":
            return (Stage("mmd", last, self.epochs),)
        first = max(1, round(self.first_stage * self.epochs))
        return Stage("mse", (("mmd", self.mmd), *limits), first), Stage("mmd", last, max(1, self.epochs - first))

    def loop(self, epochs: int, rows: int, threads: int, tensorboard: bool = False) -> LoopConfig:
        """Loop over so many rows: smaller batches for a small sample."""
        from flashbench.training.loop import LoopConfig

        batch = int(np.clip(rows // _FEWEST_STEPS, min(_FEWEST_ROWS, self.batch), self.batch))
        return LoopConfig(
            epochs=epochs,
            batch=batch,
            rate=self.rate,
            warmup=self.warmup,
            patience=self.patience,
            threads=threads,
            tensorboard=tensorboard,
        )


def load_recipe(path: Path | None, changes: Mapping[str, Any]) -> RefinerRecipe:
    """The shipped recipe with what a TOML file and `changes` say otherwise.

    Raises:
        CatalogueError: unreadable, not TOML, an unknown key or a value that does not hold; names file and key.
    """
    where, content = str(path or "recipe"), {}
    if path is not None:
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CatalogueError(where, f"cannot be read: {error}", "give a recipe in TOML") from error
    try:
        return RefinerRecipe.model_validate({**content, **changes})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CatalogueError(f"{where}: {key}", str(first["msg"]), f"{error.error_count()} problem(s)") from error
