"""Runs in, a verdict out: metrics, histograms, figures and a page that compare simulators of the same events.

What to use when: `compare` for everything, from `flashbench.results.load_run`; `write_histograms` for one
run; `cutflow_table` and `comparison_table` for the terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flashbench.compare.console import comparison_table, cutflow_table
from flashbench.compare.metrics import METRICS, Metric, MetricRecord
from flashbench.compare.roles import Roles
from flashbench.compare.strength import Fitted
from flashbench.compare.verdict import Verdict
from flashbench.progress import Progress

if TYPE_CHECKING:
    from flashbench.compare.appendix import Appendix
    from flashbench.compare.plots import Drawing, Picture
    from flashbench.compare.plots.caption import Exhibit
    from flashbench.results import RunResult

__all__ = [
    "METRICS",
    "Comparison",
    "Metric",
    "MetricRecord",
    "Roles",
    "Verdict",
    "compare",
    "comparison_table",
    "cutflow_table",
    "write_histograms",
]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finished comparison.

    Attributes:
        out: folder of `report.html`, `metrics.json`, `histograms.json` and `plots/`.
        references: process to the simulator that the others were compared with.
        replicas: of the bootstrap.
        notes: what was done to the runs before, in sentences.
        pictures: of the observables; exhibits: of everything else.
        appendices: studies of other commands that the report shows.
        fitted: what the simulators would measure.
    """

    out: Path
    runs: tuple[RunResult, ...]
    references: dict[str, str]
    metrics: tuple[MetricRecord, ...]
    verdicts: tuple[Verdict, ...]
    pictures: tuple[Picture[Drawing], ...]
    replicas: int
    notes: tuple[str, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    appendices: tuple[Appendix, ...] = ()
    fitted: Fitted = field(default_factory=Fitted)

    @property
    def report(self) -> Path:
        """The page."""
        return self.out / "report.html"


def compare(
    runs: Sequence[RunResult],
    out: Path,
    *,
    reference: str | None = None,
    roles: Roles = Roles(),  # noqa: B008 - frozen
    exhibits: Sequence[Exhibit] = (),
    include: Sequence[Path] = (),
    remarks: Sequence[str] = (),
    progress: Progress | None = None,
    workers: int = 1,
) -> Comparison:
    """Compare the simulators of each process with a reference, and write metrics, histograms, figures and report.

    Every file appears whole or not at all; figures come first and the report last. Where signal and a background are
    compared, the signal strength is fitted too, into `out/fit`.

    Args:
        runs: finished runs of one or several processes.
        out: folder to write to, made if need be.
        reference: simulator to compare with; None for `full` where a process has it, else its first run.
        roles: which process is the signal, and which are backgrounds.
        exhibits: more figures for the report, e.g. of objects.
        include: folders that `flashbench fit`, `upsample` or `systematics` wrote, for the report; those in `out` are
            found without.
        remarks: sentences for the report.
        progress: called with figures done and in all.
        workers: processes that measure and draw. More than 1 starts new interpreters: guard a script's main code by
            `if __name__ == "__main__"`.

    Raises:
        RunError: nothing to compare, or runs of one process of different generator events.
        UnknownNameError: a process has no run of that reference.
        InputError: a folder to include holds no study.
    """
    from flashbench import __version__
    from flashbench.analysis import all_observables
    from flashbench.compare import metrics
    from flashbench.compare.appendix import find_appendices
    from flashbench.compare.discriminator import neutralise, tabulated
    from flashbench.compare.documents import HistogramDocument
    from flashbench.compare.gallery import draw_any, split, studies
    from flashbench.compare.pairing import pair_runs
    from flashbench.compare.plots import save_figures
    from flashbench.compare.processing import measure_processes
    from flashbench.compare.report import render
    from flashbench.compare.strength import fit_comparison
    from flashbench.compare.verdict import judge
    from flashbench.stats import REPLICAS
    from flashbench.storage import write_json, write_text

    runs, notes = neutralise(runs)
    processes = pair_runs(runs, reference)
    observables = [tabulated([paired.run for paired in each.all], all_observables()) for each in processes]
    measured = list(measure_processes(processes, observables, workers))
    records = [record for each in measured for record in each.records]
    drawings = [drawing for each in measured for drawing in each.drawings]
    document = HistogramDocument()
    document.content["histograms"] = {each.process: each.histograms for each in measured}
    shown = [*drawings, *studies(processes, roles)]
    pictures, more = split(save_figures(shown, out / "plots", draw_any, workers=workers, progress=progress))
    write_json(out / "metrics.json", metrics.to_document(records, processes, version=__version__, replicas=REPLICAS))
    write_json(out / "histograms.json", document.content)
    compared = tuple(paired.run for process in processes for paired in process.all)
    references = {process.process: process.reference.run.simulator for process in processes}
    fitted = fit_comparison(compared, roles, references, out)
    comparison = Comparison(
        *(out, compared, references, tuple(records), judge(records), pictures, REPLICAS, (*notes, *remarks)),
        *((*more, *exhibits), find_appendices(out, include), fitted),
    )
    write_text(comparison.report, render(comparison))
    return comparison


def write_histograms(runs: Sequence[RunResult], path: Path) -> None:
    """Write the standard histograms of runs as UHI JSON, without comparing them."""
    from flashbench.analysis import all_observables
    from flashbench.compare.discriminator import tabulated
    from flashbench.compare.documents import histograms_of
    from flashbench.storage import write_json

    write_json(path, histograms_of(runs, tabulated(runs, all_observables())).content)
