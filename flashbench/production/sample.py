"""Samples on disk: made shard by shard in worker processes, resumed, listed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import count, takewhile
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from flashbench.errors import ProductionError
from flashbench.events import Tier
from flashbench.production import lhe as lhe_files
from flashbench.production.cache import SHARD_EVENTS, cache_directory, key_of, settings_of
from flashbench.production.minimum_bias import PARTS, PoolSettings, make_part, part_path
from flashbench.production.recipes import Recipe, lhe_recipe, recipe
from flashbench.production.shards import ShardJob, file_of, is_done, make_shard, read_marker
from flashbench.production.workers import quiet
from flashbench.storage import write_json

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sample:
    """A finished sample.

    Attributes:
        files: per reconstructed tier, the files of its shards, in order.
        cross_section_pb: per generated event, filter efficiency included.
        events: in the files; a multiple of the shard size, so it may exceed what was asked for.
    """

    process: str
    label: str
    seed: int
    directory: Path
    files: Mapping[Tier, tuple[Path, ...]]
    cross_section_pb: float
    events: int
    manifest: Path


def produce(
    process: str,
    events: int,
    *,
    seed: int = 1,
    workers: int = 2,
    cache: Path | None = None,
    tiers: tuple[Tier, ...] = (Tier.FULL, Tier.FAST),
    progress: Progress | None = None,
    lhe: Path | None = None,
) -> Sample:
    """Make (or complete) a sample of at least `events` events.

    The sample of a process and seed is an endless row of shards of 1000 events; this makes the first ones that are
    missing. The result does not depend on `workers`, nor on how often production was interrupted.

    Args:
        process: a key of `recipes.RECIPES`; with `lhe`, any name.
        tiers: reconstructed tiers to fill; each file carries the generator columns too.
        progress: called with (events done, events in all) whenever a shard is finished.
        lhe: a Les Houches event file to shower instead of Pythia's own matrix element; 0 `events` takes all.

    Raises:
        ProductionError: what is missing or wrong, and what to do.
        UnknownNameError: no recipe of that name.
    """
    _check(events, workers, tiers, lhe)
    root = cache_directory(cache)
    chosen = lhe_recipe(process) if lhe else recipe(process)
    pool = PoolSettings()
    settings = settings_of(chosen, seed, pool, lhe_files.sha256(lhe) if lhe and lhe.is_file() else "")
    directory = root / "samples" / process / key_of(settings)
    slices = lhe_files.split(lhe, directory / "lhe", SHARD_EVENTS) if lhe else None
    shards = _shards(events, slices)

    jobs = []
    for shard in range(shards):
        missing = tuple(tier for tier in tiers if not is_done(directory, tier, shard))
        if missing:
            piece = slices[shard] if slices else None
            jobs.append(ShardJob(chosen, seed, shard, missing, directory, root / "minimum-bias", pool, piece))
    if jobs:
        total = sum(piece.events for piece in slices[:shards]) if slices else shards * SHARD_EVENTS
        _run(jobs, workers, total, progress)
    shutil.rmtree(directory / "lhe", ignore_errors=True)
    return _finish(chosen, directory, tiers, shards, settings)


def _check(events: int, workers: int, tiers: tuple[Tier, ...], lhe: Path | None) -> None:
    if events < (0 if lhe else 1):
        raise ProductionError("production", f"{events} events asked for", "ask for at least 1")
    if workers < 1:
        raise ProductionError("production", f"{workers} workers asked for", "ask for at least 1")
    if not tiers or Tier.GEN in tiers:
        raise ProductionError("production", "tiers must be full, fast or both", "the gen tier is part of each file")


def _shards(events: int, slices: list[lhe_files.LheSlice] | None) -> int:
    wanted = -(-events // SHARD_EVENTS)
    if slices is None:
        return wanted
    available = sum(piece.events for piece in slices)
    if events > available:
        raise ProductionError("production", f"{events} events asked for, the LHE file holds {available}")
    return wanted or len(slices)


def _run(jobs: list[ShardJob], workers: int, total: int, progress: Progress | None) -> None:
    done = total - sum(job.lhe.events if job.lhe else SHARD_EVENTS for job in jobs)
    executor = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=quiet)
    try:
        _make_pool(executor, jobs[0])
        if progress:
            progress(done, total)
        for future in as_completed([executor.submit(make_shard, job) for job in jobs]):
            done += future.result()
            if progress:
                progress(done, total)
    except BrokenProcessPool as error:
        _stop(executor)
        problem = "a worker process died"
        raise ProductionError(
            "production", problem, "out of memory? try fewer workers; finished shards are kept"
        ) from error
    except BaseException:
        _stop(executor)
        raise
    executor.shutdown()


def _make_pool(executor: ProcessPoolExecutor, job: ShardJob) -> None:
    missing = [part for part in range(PARTS) if not part_path(job.pool_directory, job.pool, part).exists()]
    for made in [executor.submit(make_part, job.pool_directory, job.pool, part) for part in missing]:
        made.result()


def _stop(executor: ProcessPoolExecutor) -> None:
    """End the workers at once: what they have not finished is made again next time."""
    running = list((getattr(executor, "_processes", None) or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in running:
        process.terminate()


def _finish(
    chosen: Recipe, directory: Path, tiers: tuple[Tier, ...], shards: int, settings: dict[str, object]
) -> Sample:
    """Write the manifest of all shards that are there, and return the sample of the first `shards` of `tiers`."""
    markers = {tier: _markers(directory, tier) for tier in (Tier.FULL, Tier.FAST)}
    content: dict[str, Any] = {
        "process": chosen.process,
        "label": chosen.label,
        "note": chosen.note,
        "seed": settings["seed"],
        "cross_section_from": "recipe" if chosen.cross_section_pb else "Pythia, filter efficiency included",
        "cross_section_fixed_pb": chosen.cross_section_pb,
        "cross_section_pb": _cross_section(chosen.cross_section_pb, max(markers.values(), key=len)),
        "settings": json.loads(json.dumps(settings, default=str)),
        "shards": {str(tier): facts for tier, facts in markers.items() if facts},
    }
    write_json(directory / "manifest.json", content)
    return _sample(directory, content, tiers, shards)


def _markers(directory: Path, tier: Tier) -> list[dict[str, Any]]:
    found = takewhile(lambda shard: is_done(directory, tier, shard), count())
    return [read_marker(directory, tier, shard) for shard in found]


def _cross_section(fixed: float | None, markers: list[dict[str, Any]]) -> float:
    return fixed if fixed is not None else combined_cross_section(markers)


def _sample(directory: Path, content: dict[str, Any], tiers: tuple[Tier, ...], shards: int) -> Sample:
    used = content["shards"][str(tiers[0])][:shards]
    return Sample(
        content["process"],
        content["label"],
        content["seed"],
        directory,
        {tier: tuple(file_of(directory, tier, shard) for shard in range(shards)) for tier in tiers},
        _cross_section(content["cross_section_fixed_pb"], used),
        sum(int(facts["events"]) for facts in used),
        directory / "manifest.json",
    )


def combined_cross_section(markers: list[dict[str, Any]]) -> float:
    """Cross-section of shards together, pb: accepted events over summed luminosity."""
    accepted = sum(int(facts["accepted"]) for facts in markers)
    luminosity = sum(int(facts["accepted"]) / float(facts["cross_section_pb"]) for facts in markers)
    return accepted / luminosity


def load_sample(directory: Path) -> Sample:
    """The sample in a directory of the cache.

    Raises:
        ProductionError: there is no complete sample.
    """
    manifest = directory / "manifest.json"
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProductionError(str(directory), "holds no finished sample", "flashbench samples make") from error
    except json.JSONDecodeError as error:
        raise ProductionError(str(manifest), f"is not JSON ({error})", "delete it and make the sample again") from error
    tiers = tuple(Tier(name) for name in content["shards"])
    return _sample(directory, content, tiers, min(len(facts) for facts in content["shards"].values()))


def list_samples(cache: Path | None = None) -> list[Sample]:
    """All finished samples of a cache, by process and seed."""
    manifests = (cache_directory(cache) / "samples").glob("*/*/manifest.json")
    samples = [load_sample(path.parent) for path in manifests]
    return sorted(samples, key=lambda sample: (sample.process, sample.seed, sample.directory.name))
