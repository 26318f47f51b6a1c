"""A stochastic simulator whose response is known, registered by a distribution of its own for a test."""

from __future__ import annotations

import os
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from flashbench.events import Tier
from flashbench.simulators import SimulatorInfo
from flashbench.simulators.gen import GenSimulator

EFFICIENCY = 0.95
"""Of a jet."""


class ToySimulator:
    """Generator muons and jets: jets lost at random, momenta smeared."""

    info = SimulatorInfo("toy", "1", "Toy", Tier.GEN, stochastic=True, provides=GenSimulator.info.provides)

    def __init__(self, width: float = 0.1) -> None:
        self.width = width

    def simulate(self, events: ak.Array, rng: np.random.Generator) -> ak.Array:
        clean = GenSimulator().simulate(events, rng)
        found = rng.uniform(size=int(ak.sum(ak.num(clean.Jet)))) < EFFICIENCY
        jets = clean.Jet[ak.unflatten(found, ak.num(clean.Jet))]
        return ak.zip(
            {"Muon": _smeared(clean.Muon, self.width / 10, rng), "Jet": _smeared(jets, self.width, rng)}, depth_limit=1
        )


def _smeared(objects: ak.Array, width: float, rng: np.random.Generator) -> ak.Array:
    counts = ak.num(objects)
    factor = ak.unflatten(np.exp(rng.normal(0, width, int(ak.sum(counts)))), counts)
    objects = ak.with_field(objects, objects.pt * factor, "pt")
    return objects[ak.argsort(objects.pt, axis=1, ascending=False, stable=True)]


def register(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Install a distribution in `folder` that registers `toy`, for this process and those that it starts."""
    metadata = folder / "flashbench_toy-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: flashbench-toy\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[flashbench.simulators]\ntoy = toy_simulator:ToySimulator\n")
    patch.syspath_prepend(folder)
    paths = (str(folder), str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))
    patch.setenv("PYTHONPATH", os.pathsep.join(path for path in paths if path))
