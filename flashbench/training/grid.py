"""Grid search over recipes of the refiner: one optuna study, any number of processes.

    out/NAME/
    ├── grid.json          the grid, its inputs, where the study is stored
    ├── pairs-KEY.npz      training pairs, read once
    ├── study.journal      optuna's storage, where no other is given
    └── points/KEY/        one a point: result.json, jets.onnx, jets-mmd/ (history, state), lock

Every process takes points until none is left. A point whose process was killed goes on from its last epoch: in another
process of the same search, or when the command is given again. A point that fails is recorded and the rest go on.
"""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from flashbench.errors import InputError, RunError
from flashbench.nanoaod import expand, open_source
from flashbench.progress import Progress
from flashbench.storage import atomic, write_json
from flashbench.training import state
from flashbench.training.grid_file import Grid, Point
from flashbench.training.grid_study import GRID, KEY, OWNER, content_of, open_study, results
from flashbench.training.loop import Epoch
from flashbench.training.onnx_network import export
from flashbench.training.pairing import Pairs, pair_files
from flashbench.training.refined import Setup, check_pairs, train_kind

RESULT: Final = "result.json"
POINTS: Final = "points"
_RETRIES: Final = 3  # of a point whose process was killed
_UNCLAIMED: Final = timedelta(seconds=60)  # a trial that says not who runs it is taken to be dead after
_POLL: Final = 0.5  # s
_RETRY: Final = "retries"


def run_grid(
    grid: Grid,
    tiers: tuple[Sequence[str], Sequence[str]],
    out: Path,
    *,
    events: int | None = None,
    storage: str = "",
    workers: int = 1,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Train every point of a grid, or those that are left.

    Args:
        grid: what.
        tiers: files of the fast and of the full tier.
        out: the grid's folder NAME is made in it.
        events: at most so many of each tier.
        storage: SQL address of optuna's storage, e.g. to share a study between machines; empty for a journal file.
        workers: processes, one core each.
        progress: called with points finished and in all.

    Returns:
        `results`.

    Raises:
        InputError, SchemaError: see `pair_files`, or there are too few pairs.
        RunError: the folder holds another grid, or points are left since all processes died.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder = out / grid.name
    prepare(grid, tiers, folder, events=events, storage=storage)
    total = len(grid.points)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(folder,)) for _ in range(min(workers, total))]
    for process in processes:
        process.start()
    try:
        _watch(processes, folder, total, progress)
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    found = results(folder)
    left = [each for each in found if each["state"] not in (state.DONE, state.FAILED)]
    if left and not all(process.exitcode == 0 for process in processes):
        problem = f"{len(left)} of {total} points are not finished: {_ends(processes)}"
        raise RunError(str(folder), problem, "give the same command again")
    return found


def prepare(
    grid: Grid, tiers: tuple[Sequence[str], Sequence[str]], folder: Path, *, events: int | None, storage: str
) -> None:
    """Write down what a folder is for, read the pairs, make the study; what is there already is left.

    Raises:
        InputError, SchemaError, RunError: see `run_grid`.
    """
    inputs = [[[source.uuid, source.entries] for source in map(open_source, expand(files))] for files in tiers]
    content = {
        "grid": grid.model_dump(mode="json"),
        "inputs": inputs,
        "events": events,
        "storage": storage,
        "points": [{"key": point.key, "parameters": point.parameters} for point in grid.points],
    }
    path = folder / GRID
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != content:
            raise RunError(str(folder), "holds another grid of that name", "rename the grid, or give another --out")
    else:
        write_json(path, content)
    if not (folder / f"{grid.kind}.npz").exists():
        paired = pair_files(*tiers, (grid.kind,), events=events)
        check_pairs(paired, tiers[0])
        pairs = paired.pairs[grid.kind]
        with atomic(folder / f"{grid.kind}.npz") as temporary:
            np.savez(temporary, **{each.name: getattr(pairs, each.name) for each in fields(pairs)})
    open_study(folder)


def work(folder: Path) -> None:
    """Train points of a prepared grid until none is left; what a worker process runs."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    grid = Grid.model_validate(content_of(folder)["grid"])
    with np.load(folder / f"{grid.kind}.npz") as stored:
        pairs = Pairs(**stored)
    study = open_study(folder)
    while True:
        _revive(study, folder)
        if not _left(study, len(grid.points)):
            if not _others(study):
                return
            time.sleep(_POLL)  # a process beside this one may yet be killed
            continue
        study.optimize(lambda trial: _objective(trial, grid, pairs, folder), n_trials=1, catch=(Exception,))


def _objective(trial: Trial, grid: Grid, pairs: Pairs, folder: Path) -> float:
    point = grid.point({name: trial.suggest_categorical(name, values) for name, values in grid.space.items()})
    place = folder / POINTS / point.key
    with _claimed(place) as mine:
        if not mine:
            raise optuna.TrialPruned("another process trains this point")
        trial.set_user_attr(OWNER, state.owner())
        trial.set_user_attr(KEY, point.key)
        try:
            terms = _train(trial, point, grid, pairs, place)
            value = terms[grid.minimise]
        except Exception as error:
            trial.set_user_attr("error", f"{type(error).__name__}: {error}")
            raise
    trial.set_user_attr("terms", terms)
    return value


def _train(trial: Trial, point: Point, grid: Grid, pairs: Pairs, place: Path) -> dict[str, float]:
    facts = {"name": point.key, "group": grid.name, "parameters": point.parameters, "minimise": grid.minimise}

    def report(number: int, epoch: Epoch) -> None:
        if grid.minimise not in epoch.validation:
            raise InputError(
                grid.name, f"no validation term '{grid.minimise}'", f"one of {', '.join(epoch.validation)}"
            )
        trial.report(epoch.validation[grid.minimise], number)  # one value a step is all that optuna keeps

    trained = train_kind(grid.kind, (pairs, None), place, point.recipe, Setup(facts=facts, watch=report))
    export(trained.network, place / f"{grid.kind}.onnx")
    write_json(place / RESULT, {"parameters": point.parameters, **trained.facts})
    terms: dict[str, float] = trained.facts["validation"]
    return terms


@contextmanager
def _claimed(place: Path) -> Iterator[bool]:
    """Whether this process has the folder for itself; a killed process gives its folders back."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _left(study: optuna.Study, points: int) -> bool:
    """Whether there are points that no process has taken."""
    trials = study.get_trials(deepcopy=False)
    taken = {trial.system_attrs["grid_id"] for trial in trials if "grid_id" in trial.system_attrs}
    return len(taken) < points or any(trial.state == TrialState.WAITING for trial in trials)


def _others(study: optuna.Study) -> bool:
    """Whether another process of this host trains a point."""
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    host = state.owner()["host"]
    return any(trial.user_attrs.get(OWNER, {}).get("host", host) == host for trial in running)


def _revive(study: optuna.Study, folder: Path) -> None:
    """Queue points again whose process is gone; each at most a few times, then it counts as failed."""
    with (folder / "revive.lock").open("w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not _dead(trial):
                continue
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            retries = int(trial.user_attrs.get(_RETRY, 0))
            if retries < _RETRIES:
                study.add_trial(
                    optuna.trial.create_trial(
                        state=TrialState.WAITING,
                        params=trial.params,
                        distributions=trial.distributions,
                        user_attrs={_RETRY: retries + 1} | {k: v for k, v in trial.user_attrs.items() if k == KEY},
                        system_attrs=dict(trial.system_attrs),
                    )
                )


def _dead(trial: FrozenTrial) -> bool:
    if OWNER in trial.user_attrs:
        return not state.alive(trial.user_attrs[OWNER])
    return trial.datetime_start is not None and datetime.now() - trial.datetime_start > _UNCLAIMED  # optuna's are local


def _watch(processes: Sequence[BaseProcess], folder: Path, total: int, progress: Progress | None) -> None:
    while any(process.is_alive() for process in processes):
        time.sleep(_POLL)
        if progress:
            progress(_finished(folder), total)
    if progress:
        progress(_finished(folder), total)


def _finished(folder: Path) -> int:
    return sum(row["state"] in (state.DONE, state.FAILED) for row in results(folder))


def _ends(processes: Sequence[BaseProcess]) -> str:
    return ", ".join(f"process {process.pid} ended with {process.exitcode}" for process in processes)
