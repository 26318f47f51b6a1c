"""The fit of the signal strength, with the templates of one simulator after another.

What to use when: `fit` for everything, from runs of every simulator on every process; `Plan` for how; `fit_table` and
`upsampling_gains` for the terminal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flashbench.compare.fit.document import fit_table, to_document, upsampling_gains, write_workspaces
from flashbench.compare.fit.measure import fit_simulators
from flashbench.compare.fit.plan import PUBLISHED, FitReport, Plan, SimulatorFit
from flashbench.compare.fit.templates import COLUMNS, Binning, Runs
from flashbench.progress import Progress

__all__ = [
    "COLUMNS",
    "PUBLISHED",
    "Binning",
    "FitReport",
    "Plan",
    "SimulatorFit",
    "fit",
    "fit_simulators",
    "fit_table",
    "to_document",
    "upsampling_gains",
    "write_workspaces",
]


def fit(
    runs: Runs,
    plan: Plan,
    out: Path,
    *,
    facts: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> FitReport:
    """Fit every simulator's templates to the reference's data; write numbers, workspaces and figures.

    `fit.json` is written last, after `workspaces/<simulator>.json` and `plots/`.

    Args:
        runs: of every process of the plan, by process and simulator.
        plan: how.
        out: folder.
        facts: more for `fit.json`, such as the command.
        progress: called with simulators done and in all.

    Raises:
        RunError, StatisticsError: see `fit_simulators`.
    """
    from flashbench import __version__
    from flashbench.compare.fit.figures import save_fit_figures
    from flashbench.storage import write_json

    report = fit_simulators(runs, plan, progress)
    write_workspaces(report, out / "workspaces")
    save_fit_figures(report, out / "plots")
    write_json(out / "fit.json", {**to_document(report, version=__version__), **(facts or {})})
    return report
