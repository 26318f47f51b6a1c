"""The optuna study of a grid, and what became of its points; torch is not needed to look at it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from flashbench.errors import RunError
from flashbench.training import state
from flashbench.training.grid_file import Grid

GRID: Final = "grid.json"
JOURNAL: Final = "study.journal"
OWNER: Final = "owner"
KEY: Final = "key"


def content_of(folder: Path) -> dict[str, Any]:
    """What `grid.prepare` wrote down.

    Raises:
        RunError: there is no grid.
    """
    try:
        content: dict[str, Any] = json.loads((folder / GRID).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(str(folder), f"holds no grid: {error}", "flashbench grid refined grid.toml") from error
    return content


def open_study(folder: Path) -> optuna.Study:
    """The study of a prepared grid; made if it is not there."""
    content = content_of(folder)
    grid = Grid.model_validate(content["grid"])
    sampler = optuna.samplers.GridSampler(grid.space, seed=0)
    return optuna.create_study(
        storage=_storage(folder, content), sampler=sampler, study_name=grid.name, load_if_exists=True
    )


def _storage(folder: Path, content: dict[str, Any]) -> str | optuna.storages.BaseStorage:
    if content["storage"]:
        return str(content["storage"])
    return optuna.storages.JournalStorage(JournalFileBackend(str(folder / JOURNAL)))


def _trials(folder: Path, content: dict[str, Any]) -> list[FrozenTrial]:
    """Trials of the study, without making it where it is not there yet."""
    if not content["storage"] and not (folder / JOURNAL).exists():
        return []
    try:
        study = optuna.load_study(study_name=content["grid"]["name"], storage=_storage(folder, content))
    except KeyError:
        return []
    return study.get_trials(deepcopy=False)


def results(folder: Path) -> list[dict[str, Any]]:
    """What became of every point of a grid, the best first.

    Returns:
        key, parameters, state (of `flashbench.training.state`), value of the term that is minimised (None until it is
        done), validation terms of the best epoch, and the error of a failed one.
    """
    content = content_of(folder)
    by_key: dict[str, FrozenTrial] = {}
    for trial in _trials(folder, content):
        if KEY in trial.user_attrs and trial.state != TrialState.PRUNED:
            by_key[trial.user_attrs[KEY]] = trial
    rows = [_row(point, by_key.get(point["key"])) for point in content["points"]]
    return sorted(rows, key=lambda row: (row["value"] is None, row["value"] or 0.0))


def _row(point: dict[str, Any], trial: FrozenTrial | None) -> dict[str, Any]:
    states = {TrialState.COMPLETE: state.DONE, TrialState.FAIL: state.FAILED, TrialState.RUNNING: state.RUNNING}
    row = {**point, "state": states.get(trial.state, state.QUEUED) if trial else state.QUEUED}
    facts = trial.user_attrs if trial else {}
    if row["state"] == state.RUNNING and OWNER in facts and not state.alive(facts[OWNER]):
        row["state"] = state.KILLED
    value = trial.value if trial and trial.state == TrialState.COMPLETE else None
    error = facts.get("error", "its process was killed") if row["state"] == state.FAILED else ""
    return row | {"value": value, "terms": facts.get("terms", {}), "error": error}
