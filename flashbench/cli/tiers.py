"""Files of the fast and the full tier of the same events, for verbs that need both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flashbench.errors import CatalogueError

if TYPE_CHECKING:
    from flashbench.catalogue import Process
    from flashbench.progress import Monitor

Fast = Annotated[
    list[str] | None,
    typer.Option(help="NanoAOD file, quoted glob or root:// address of the fast tier; repeatable. Needs --full."),
]
Full = Annotated[list[str] | None, typer.Option(help="The same of the full tier, with the same events.")]


def both_tiers(
    process: Process, events: int, seed: int, workers: int, monitor: Monitor
) -> tuple[list[str], list[str], bool]:
    """Files of both tiers of a process, produced if the catalogue has none, and whether they were.

    Raises:
        CatalogueError: the catalogue names no files of one tier.
        ProductionError: the sample cannot be made.
    """
    from flashbench.events import Tier

    if process.files:
        return list(process.patterns(Tier.FAST)), list(process.patterns(Tier.FULL)), False
    from flashbench.production import produce

    with monitor(f"sample {process.key}") as progress:
        tiers = (Tier.FULL, Tier.FAST)
        sample = produce(process.key, events, seed=seed, workers=workers, tiers=tiers, progress=progress)
    fast, full = ([str(path) for path in sample.files[tier]] for tier in (Tier.FAST, Tier.FULL))
    return fast, full, True


def chosen_tiers(
    given: tuple[list[str] | None, list[str] | None],
    process: tuple[str, Path | None],
    events: tuple[int | None, int],
    seed: int,
    workers: int,
    *,
    monitor: Monitor,
) -> tuple[list[str], list[str], int | None]:
    """Files that were given, or those of a process, and how many events to take.

    Args:
        given: files of the fast and of the full tier.
        process: its key, and the catalogue.
        events: asked for, and how many of a sample that is produced.

    Raises:
        CatalogueError, ProductionError, UnknownNameError: see `both_tiers`; or only one tier was given.
    """
    from flashbench import catalogue as lists

    fast, full = given
    if fast and full:
        return list(fast), list(full), events[0]
    if fast or full:
        raise CatalogueError("--fast and --full", "only one was given", "give both tiers of the same events")
    key, catalogue = process
    chosen = lists.find(lists.load(catalogue), key)
    wanted = events[0] or events[1]
    *files, produced = both_tiers(chosen, wanted, seed, workers, monitor)
    return files[0], files[1], wanted if produced else events[0]
