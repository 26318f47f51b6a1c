"""Train the networks of FlashSim, several at a time, each in a process of its own.

A network is trained by one process with one thread, so that its weights do not depend on how many train beside it.
Every epoch ends with a checkpoint: a training that was killed, or one of whose processes was, goes on from there.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flashbench.errors import RunError
from flashbench.progress import Progress
from flashbench.simulators.flash import weights
from flashbench.simulators.flash.feature import Feature, FloatArray
from flashbench.training.classifier import train_classifier
from flashbench.training.flow import FlowSettings, train_flow
from flashbench.training.loop import Epoch, LoopConfig

_POLL: Final = 0.5  # s
_HISTORY: Final = "history.jsonl"

Table = tuple[Feature, ...]


@dataclass(frozen=True)
class Job:
    """What one network is trained on, and how.

    Attributes:
        part: its name.
        values: target columns of a flow, shape (rows, targets), or outcomes of a classifier, shape (rows,).
        conditions: raw columns, shape (rows, conditions).
        targets: features of the target columns; none for a classifier.
        features: of the conditions.
        loop, seed: how.
        flow: shape of a flow; None for a classifier.
        more: stored beside the weights of a classifier.
    """

    part: str
    values: NDArray[Any]
    conditions: FloatArray
    targets: Table
    features: Table
    loop: LoopConfig
    seed: int
    flow: FlowSettings | None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def work(self) -> int:
        """Rows in all epochs, what progress counts in."""
        return self.loop.epochs * len(self.values)


def train_parts(
    jobs: Sequence[Job], out: Path, work: Path, workers: int = 1, progress: Progress | None = None
) -> dict[str, dict[str, Any]]:
    """Train every network, or go on where killed trainings stood.

    Args:
        jobs: the longest first.
        out: each network's weights go to a folder of its name.
        work: likewise checkpoint and history.
        workers: processes; 1 stays in this one. Weights do not depend on them.
        progress: called with rows done and in all.

    Returns:
        Rows, loop, loss, epochs and seconds of each network.

    Raises:
        SchemaError, RunError: see `train_flow`; or a process died.
    """

    def report(epoch: Epoch | None = None) -> None:
        if progress is not None:
            progress(sum(_done(job, out, work) for job in jobs), sum(job.work for job in jobs))

    report()
    if workers == 1:
        facts = {}
        for job in jobs:
            facts[job.part] = train_part(job, out, work, report)
            report()
        return facts
    with _pool(min(workers, len(jobs))) as pool:
        futures = {job.part: pool.submit(train_part, job, out, work) for job in jobs}
        _watch(list(futures.values()), report)
        return {part: future.result() for part, future in futures.items()}


def train_part(job: Job, out: Path, work: Path, progress: Callable[[Epoch], None] | None = None) -> dict[str, Any]:
    """Train one network, or take the facts of one that an earlier call finished."""
    folder, work = out / job.part, work / job.part
    if (folder / weights.METADATA).exists():
        facts: dict[str, Any] = weights.load(folder)[1]["training"]
        return facts
    facts = {"rows": len(job.values), "loop": asdict(job.loop)}
    if job.flow is not None:
        tables = job.targets, job.features
        flow = train_flow(
            job.values, job.conditions, *tables, job.flow, job.loop, work, seed=job.seed, progress=progress
        )
        facts |= _history(work)
        flow.save(folder, facts)
    else:
        classifier, _, calibration = train_classifier(
            job.conditions, job.values, job.features, job.loop, work, seed=job.seed, progress=progress
        )
        facts |= {"calibration": calibration} | _history(work)
        classifier.save(folder, job.more | {"training": facts})
    (work / "checkpoint.pt").unlink()
    return facts


def _history(work: Path) -> dict[str, Any]:
    """Best validation loss, epochs and seconds of the loop's history."""
    lines = [json.loads(line) for line in (work / _HISTORY).read_text(encoding="utf-8").splitlines()]
    losses = [line["validation"]["total"] for line in lines]
    return {
        "loss": min(losses),
        "best_epoch": int(np.argmin(losses)),
        "epochs": len(lines),
        "seconds": lines[-1]["seconds"],
    }


def _done(job: Job, out: Path, work: Path) -> int:
    """Rows of the epochs in the history; all of them when the weights are written, since a loop may stop early."""
    if (out / job.part / weights.METADATA).exists():
        return job.work
    try:
        return (work / job.part / _HISTORY).read_text(encoding="utf-8").count("\n") * len(job.values)
    except FileNotFoundError:
        return 0


def _watch(futures: list[Future[dict[str, Any]]], report: Callable[[], None]) -> None:
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, _POLL, FIRST_EXCEPTION)
        report()
        for future in done:
            future.result()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with the block, at once if it ends with an error: epochs that are finished are kept."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin)
    try:
        yield pool
    except BaseException as error:
        running = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in running:
            process.terminate()
            process.join()
        if isinstance(error, BrokenProcessPool):
            hint = "out of memory? finished epochs are kept: give the same command again, with --workers 1"
            raise RunError("training", "a process died", hint) from error
        raise
    pool.shutdown()


def _begin() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL)
    os._exit(1)
