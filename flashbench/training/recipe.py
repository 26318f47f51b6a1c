"""How FlashSim is trained: what the shipped weights were made with, and what a smaller sample gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from flashbench.training.flow import FlowSettings
from flashbench.training.loop import LoopConfig

DEFAULT_EVENTS: Final = 50_000
_BATCHES: Final = (128, 1024)
_FEWEST_STEPS: Final = 50  # an epoch: a small sample gets smaller batches
_MOST_EPOCHS: Final = 200
_STEPS: Final = {
    "jets": 16_000,
    "muons": 10_000,
    "fake-features": 5000,
    "jet-states": 24_000,
    "jet-efficiency": 3000,
    "muon-efficiency": 2000,
    "fake-number": 2000,
}  # of the shipped recipe
FLOWS: Final = ("jets", "muons", "fake-features")
_FLOWS: Final = {"jets": FlowSettings(blocks=1, bins=6, encoded=32)}  # most of the objects, and told of most


@dataclass(frozen=True, slots=True)
class FlashRecipe:
    """How FlashSim is trained.

    Attributes:
        events: at most so many of the input; None for all.
        epochs: of every network; None for as many as its steps need.
        seed: of everything random.
        steps: optimiser steps of each network, where `epochs` is None.
        flows: shape of each of the `FLOWS`.
    """

    events: int | None = None
    epochs: int | None = None
    seed: int = 1
    steps: dict[str, int] = field(default_factory=lambda: dict(_STEPS))
    flows: dict[str, FlowSettings] = field(default_factory=lambda: dict.fromkeys(FLOWS, FlowSettings()) | _FLOWS)

    def loop(self, part: str, rows: int) -> LoopConfig:
        """Loop of a network with so many rows: smaller batches for a small sample."""
        batch = int(np.clip(rows // _FEWEST_STEPS, *_BATCHES))
        epochs = self.epochs or int(np.clip(-(-self.steps[part] * batch // rows), 1, _MOST_EPOCHS))
        return LoopConfig(epochs=epochs, batch=batch, patience=max(10, epochs // 4))
