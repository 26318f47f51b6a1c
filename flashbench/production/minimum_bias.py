"""The pool of minimum-bias collisions that pile-up is drawn from.

Made once for a version of the settings, in fixed parts with their own seeds, so that the number of workers does not
matter. Particles that no grade of the detector can see are thinned out.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flashbench.production.detector.decays import decay_in_flight
from flashbench.production.detector.kinds import kind_of
from flashbench.production.generate import BATCH, compact, pythia
from flashbench.production.ragged import BoolArray, Ragged, chain
from flashbench.production.recipes import COMMON, MINIMUM_BIAS
from flashbench.production.record import from_batch
from flashbench.production.streams import pythia_seed, stream

PARTS = 4
_COLUMNS = ("pt", "eta", "phi", "mass", "x", "y", "z")


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Size and seed of the pool; part of the key of every sample made from it."""

    events: int = 10_000
    seed: int = 20_180
    version: int = 3

    def key(self) -> str:
        facts = [self.events, self.seed, self.version, PARTS, COMMON, MINIMUM_BIAS]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def part_path(directory: Path, settings: PoolSettings, part: int) -> Path:
    return directory / f"{settings.key()}-{part}.npz"


def make_part(directory: Path, settings: PoolSettings, part: int) -> Path:
    """Make one part of the pool unless it is there; written under a temporary name, then renamed."""
    path = part_path(directory, settings, part)
    if path.exists():
        return path
    directory.mkdir(parents=True, exist_ok=True)
    generator = pythia(MINIMUM_BIAS, pythia_seed(settings.seed, part))
    wanted = settings.events // PARTS
    tables: list[Ragged] = []
    done = 0
    while done < wanted:
        batch = generator.nextBatch(min(BATCH, wanted - done))
        visible = compact(*from_batch(batch)).visible
        visible = decay_in_flight(visible, stream(settings.seed, part, done, "decays"))
        tables.append(thin(visible))
        done += len(batch)
    pool = chain(tables)
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.tmp.npz")
    arrays: dict[str, Any] = {"counts": pool.counts, **pool.columns}
    np.savez(temporary, **arrays)
    temporary.replace(path)
    return path


def visible_somewhere(particles: Ragged) -> BoolArray:
    """Particles that leave a trace in at least one grade: thresholds in GeV of pt (central) or energy (forward)."""
    eta = np.abs(particles["eta"])
    energy = np.hypot(particles["pt"] * np.cosh(eta), particles["mass"])
    central = np.where(particles["charge"] != 0, particles["pt"] > 0.25, particles["pt"] > 0.2)
    seen: BoolArray = np.where(eta < 2.9, central, np.where(eta < 3.0, particles["pt"] > 0.2, energy > 1.0))
    return seen & (eta < 5.2)


def thin(particles: Ragged) -> Ragged:
    """The columns that pile-up needs, in float32, of the particles that can be seen."""
    kept = particles.select(visible_somewhere(particles))
    columns: dict[str, Any] = {name: kept[name].astype(np.float32) for name in _COLUMNS}
    columns |= {"charge": kept["charge"], "kind": kind_of(kept["pdgId"])}
    return Ragged(kept.counts, columns)


def load_pool(directory: Path, settings: PoolSettings) -> Ragged:
    """The whole pool, parts in order."""
    parts: list[Ragged] = []
    for part in range(PARTS):
        with np.load(part_path(directory, settings, part)) as stored:
            columns = {name: stored[name] for name in stored.files if name != "counts"}
            parts.append(Ragged(stored["counts"], columns))
    return chain(parts)
