"""A comparison as a HEPData submission: `submission.yaml` and one table a plot, ready for `hepdata-validator`.

References:
    https://hepdata-submission.readthedocs.io/en/latest/data_yaml.html
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from numpy.typing import NDArray

from flashbench.compare.plots.drawing import Drawing
from flashbench.storage import write_text

if TYPE_CHECKING:
    from flashbench.results import RunResult

FloatArray = NDArray[np.float64]

SUBMISSION = "submission.yaml"


def write_hepdata(drawings: Sequence[Drawing], runs: Sequence[RunResult], folder: Path) -> Path:
    """Write every plot of a comparison as a table: fractions of generated events, and ratios with paired errors.

    Empty bins have no error, undefined ratios the value `-`, as HEPData wants. `submission.yaml` is written last.

    Args:
        drawings: one for each plot.
        runs: those that were compared.
        folder: made if need be.

    Returns:
        The submission file.
    """
    events = {run.process: run.n_events for run in runs}
    versions = {(run.process, run.simulator): run.manifest["simulator_version"] for run in runs}
    entries: list[dict[str, Any]] = [{"comment": _comment(runs)}]
    for drawing in drawings:
        write_text(folder / f"{drawing.name}.yaml", _dump(_table(drawing, versions)))
        entries.append(_entry(drawing, events[drawing.process]))
    path = folder / SUBMISSION
    write_text(path, "---\n".join(_dump(entry) for entry in entries))
    return path


def _comment(runs: Sequence[RunResult]) -> str:
    names = ", ".join(dict.fromkeys(run.simulator for run in runs))
    return f"Detector simulators {names} through the VBF H → μμ analysis, compared by flashbench."


def _entry(drawing: Drawing, events: int) -> dict[str, Any]:
    reference = drawing.curves[0].simulator
    return {
        "name": drawing.name,
        "description": (
            f"{drawing.label} in {drawing.region_label}, {drawing.process_label}: fraction of {events} generated "
            f"events in each bin, entries beyond the axis in none, and the ratio to {reference}. Errors are "
            "statistical; those of ratios know that simulators share generator events."
        ),
        "keywords": [{"name": "observables", "values": [drawing.observable]}],
        "data_file": f"{drawing.name}.yaml",
    }


def _table(drawing: Drawing, versions: dict[tuple[str, str], str]) -> dict[str, Any]:
    low, high = drawing.edges[:-1].tolist(), drawing.edges[1:].tolist()
    reference = drawing.curves[0].simulator
    columns = []
    for curve in drawing.curves:
        facts = {"Simulator": curve.label, "Version": versions[drawing.process, curve.simulator]}
        columns.append(_column(f"Fraction of events, {curve.simulator}", facts, curve.values, curve.errors))
        if curve.simulator != reference:
            columns.append(_column(f"{curve.simulator} / {reference}", facts, curve.ratio, curve.ratio_errors))
    bins = [{"low": a, "high": b} for a, b in zip(low, high, strict=True)]
    return {
        "independent_variables": [{"header": _header(drawing.label, drawing.unit), "values": bins}],
        "dependent_variables": columns,
    }


def _header(name: str, unit: str) -> dict[str, str]:
    return {"name": name, "units": unit} if unit else {"name": name}


def _column(name: str, facts: dict[str, str], values: FloatArray, errors: FloatArray) -> dict[str, Any]:
    return {
        "header": _header(name, ""),
        "qualifiers": [{"name": key, "value": value} for key, value in facts.items()],
        "values": [_value(value, error) for value, error in zip(values.tolist(), errors.tolist(), strict=True)],
    }


def _value(value: float, error: float) -> dict[str, Any]:
    if not np.isfinite(value):
        return {"value": "-"}
    if not np.isfinite(error) or error == 0:
        return {"value": value}
    return {"value": value, "errors": [{"label": "stat", "symerror": error}]}


def _dump(content: dict[str, Any]) -> str:
    return str(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
