"""Smear: pT of generator jets and muons, smeared by a Gaussian whose width depends on |η| and pT."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.events import Tier
from flashbench.simulators import SimulatorInfo
from flashbench.simulators.gen import GenSimulator

TABLE = Path(__file__).with_name("resolution.toml")
SMALLEST = 0.1  # of the generated pT, so that pT stays positive


class SmearSimulator:
    """Smears pT; directions, identification and links are the generator's."""

    def __init__(self, table: str = "") -> None:
        """Read the resolutions.

        Args:
            table: TOML file; by default the one that is shipped.
        """
        text = Path(table or TABLE).read_text(encoding="utf-8")
        self.resolution = tomllib.loads(text)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        self.info = SimulatorInfo(
            "smear",
            f"0.1.0+{digest}",  # another table is another version: no stale results
            "Smear",
            Tier.GEN,
            stochastic=True,
            provides=GenSimulator.info.provides,
        )

    def simulate(self, events: ak.Array, rng: np.random.Generator) -> ak.Array:
        """Smear a block of events."""
        clean = GenSimulator().simulate(events, rng)
        muons = smear(clean.Muon, self.resolution["muons"], rng)
        error = width(muons, self.resolution["muons"]) * muons.pt
        jets = smear(clean.Jet, self.resolution["jets"], rng)
        return ak.zip({"Muon": ak.with_field(muons, error, "ptErr"), "Jet": jets}, depth_limit=1)


def width(objects: ak.Array, table: dict[str, Any]) -> ak.Array:
    """Relative resolution of each object, from its cell."""
    eta = cell(abs(objects.eta), table["abs_eta"])
    pt = cell(objects.pt, table["pt"])
    return ak.unflatten(np.asarray(table["resolution"])[eta, pt], ak.num(objects.pt))


def cell(values: ak.Array, edges: list[float]) -> NDArray[np.intp]:
    """Index of the last lower edge that is reached, of all objects in a row."""
    reached: NDArray[np.intp] = np.searchsorted(edges, ak.to_numpy(ak.flatten(values)), side="right")
    return np.maximum(reached - 1, 0)


def smear(objects: ak.Array, table: dict[str, Any], rng: np.random.Generator) -> ak.Array:
    """Objects with smeared pT, in order of the new pT."""
    counts = ak.num(objects.pt)
    noise = ak.unflatten(rng.standard_normal(int(ak.sum(counts))), counts)
    factor = 1 + width(objects, table) * noise
    factor = ak.where(factor < SMALLEST, SMALLEST, factor)
    objects = ak.with_field(objects, objects.pt * factor, "pt")
    return objects[ak.argsort(objects.pt, axis=1, ascending=False, stable=True)]
