"""One shard: 1000 events of a sample, a pure function of its settings and its number.

Its marker, a small JSON file, is written last: a shard without one is made again, so that production can be stopped
at any moment.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flashbench.events import Tier
from flashbench.nanoaod import write_events
from flashbench.production.assemble import block, digest
from flashbench.production.cache import SHARD_EVENTS
from flashbench.production.detector.chain import cross, simulate
from flashbench.production.detector.grades import FULL, grade_of
from flashbench.production.detector.response import load as load_response
from flashbench.production.generate import Generated, events_of_generated, generate
from flashbench.production.lhe import LheSlice
from flashbench.production.minimum_bias import PoolSettings, load_pool
from flashbench.production.ragged import Ragged, blocks
from flashbench.production.recipes import Recipe
from flashbench.production.streams import pythia_seed
from flashbench.storage import write_json

BLOCK = 250  # events in the detector at once


@dataclass(frozen=True, slots=True)
class ShardJob:
    """What a worker needs to make one shard.

    Args:
        directory: of the sample.
        pool_directory: where the minimum-bias pool is.
        lhe: the part of a user's LHE file that this shard showers, or None.
        events: in the shard; anything but the shard size is for tests.
    """

    recipe: Recipe
    seed: int
    shard: int
    tiers: tuple[Tier, ...]
    directory: Path
    pool_directory: Path
    pool: PoolSettings
    lhe: LheSlice | None = None
    events: int = SHARD_EVENTS


def file_of(directory: Path, tier: Tier, shard: int) -> Path:
    return directory / str(tier) / f"shard-{shard:05d}.root"


def marker_of(directory: Path, tier: Tier, shard: int) -> Path:
    return directory / str(tier) / f"shard-{shard:05d}.json"


def is_done(directory: Path, tier: Tier, shard: int) -> bool:
    """Whether the shard's marker and file are there."""
    return marker_of(directory, tier, shard).exists() and file_of(directory, tier, shard).exists()


def make_shard(job: ShardJob) -> int:
    """Make the missing tiers of a shard.

    Returns:
        Its number of events.
    """
    import awkward as ak

    clock = time.perf_counter()
    source = job.lhe.path if job.lhe else None
    wanted = job.lhe.events if job.lhe else job.events
    with TemporaryDirectory(prefix="flashbench-") as scratch:
        seed = pythia_seed(job.seed, job.recipe.process, job.shard)
        generated, cross_section = generate(job.recipe, wanted, seed, Path(scratch), source)
    generation = time.perf_counter() - clock
    pool = _pool(job.pool_directory, job.pool)
    made: dict[Tier, list[Any]] = {tier: [] for tier in job.tiers}
    seconds = dict.fromkeys((str(tier) for tier in job.tiers), 0.0)
    for number, (first, last) in enumerate(blocks(generated.events, BLOCK)):
        part = events_of_generated(generated, first, last)
        key = (job.seed, job.recipe.process, job.shard, number)
        crossing = cross(part, pool, FULL.pileup, *key)
        for tier in job.tiers:
            begin = time.perf_counter()
            seen = simulate(crossing, grade_of(tier), load_response(tier), *key)
            identity = (job.shard, job.shard * SHARD_EVENTS + first + 1)
            made[tier].append(block(crossing, seen, *identity))
            seconds[str(tier)] += time.perf_counter() - begin
    for tier, blocks_made in made.items():
        events = ak.concatenate(blocks_made)
        write_events(file_of(job.directory, tier, job.shard), [events], weight_sums(generated))
        facts = {
            "shard": job.shard,
            "tier": str(tier),
            "events": generated.events,
            "tried": cross_section.tried,
            "accepted": cross_section.accepted,
            "sum_weights": float(generated.weights[:, 0].sum()),
            "cross_section_pb": cross_section.value_pb,
            "cross_section_error_pb": cross_section.error_pb,
            "sha256": digest([events]),
            "seconds": {"generation": round(generation, 3), "reconstruction": round(seconds[str(tier)], 3)},
        }
        write_json(marker_of(job.directory, tier, job.shard), facts)
    return generated.events


def weight_sums(generated: Generated) -> dict[str, float | int]:
    """Entries of the `Runs` tree."""
    nominal = generated.weights[:, 0]
    return {
        "genEventCount": generated.events,
        "genEventSumw": float(nominal.sum()),
        "genEventSumw2": float((nominal**2).sum()),
    }


@lru_cache(maxsize=1)
def _pool(directory: Path, settings: PoolSettings) -> Ragged:
    return load_pool(directory, settings)


def read_marker(directory: Path, tier: Tier, shard: int) -> dict[str, Any]:
    """What a finished shard says of itself."""
    facts: dict[str, Any] = json.loads(marker_of(directory, tier, shard).read_text(encoding="utf-8"))
    return facts
