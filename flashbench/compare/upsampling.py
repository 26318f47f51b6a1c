"""One simulator with more and more folds: histograms, their errors, where these stop falling, and the gain.

What to use when: `study_folds` for the numbers, `upsample` for the numbers with figures and a document.

A number n of folds is the first n of those that were simulated, so that one run serves all. Errors are those of
`stats.folds`; the ratio to one fold is of the same generator events, and its errors know that.

References:
    F. Vaselli et al., FlashSim prototype, CMS NOTE-2023/003 (upsampling, mean statistical error).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flashbench.analysis import Observable, Region, find_region
from flashbench.compare.pairing import Paired, unpaired
from flashbench.compare.plots.frame import Frame
from flashbench.errors import StatisticsError
from flashbench.progress import Progress
from flashbench.stats import (
    Binning,
    EventContents,
    FoldedHistogram,
    contributions,
    joint_moments,
    mean_error,
    mean_error_at,
    plateau,
)
from flashbench.storage import plain, write_json

if TYPE_CHECKING:
    from flashbench.compare.plots.save import Picture
    from flashbench.results import RunResult

FloatArray = NDArray[np.float64]

SCHEMA_VERSION = 1
_CURVE_POINTS, _BEYOND = 40, 4  # of the expected curve, to so many times the folds that were simulated
DOCUMENT = "upsampling.json"


@dataclass(frozen=True, slots=True)
class Level:
    """A histogram with some number of folds.

    Attributes:
        values, errors: pdf and the papers' σ, shape (bins,).
        ratio, ratio_errors: to one fold, NaN where either is empty, shape (bins,).
        mean_error: mean over bins of √(Σ w² p²), the papers' "mean RSS".
        expected: the same, from the spread within events of all folds.
        gain: mean error with one fold over this one.
        entries: effective number of events in each bin, shape (bins,).
    """

    folds: int
    values: FloatArray
    errors: FloatArray
    ratio: FloatArray
    ratio_errors: FloatArray
    mean_error: float
    expected: float
    gain: float
    entries: FloatArray

    @property
    def relative(self) -> FloatArray:
        """Error over content, NaN in empty bins, shape (bins,)."""
        known = self.values != 0
        return np.divide(self.errors, np.abs(self.values), out=np.full_like(self.errors, np.nan), where=known)


@dataclass(frozen=True, slots=True)
class FoldStudy:
    """One observable in one region with one fold and with more.

    Attributes:
        levels: by number of folds, the first with one.
        plateau: mean error with infinitely many folds.
        curve_folds, curve: expected mean errors with these folds, for the figure.
    """

    frame: Frame
    simulator: str
    simulator_label: str
    levels: tuple[Level, ...]
    plateau: float
    curve_folds: tuple[int, ...]
    curve: tuple[float, ...]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.frame.name

    @property
    def plateau_gain(self) -> float:
        """Gain with infinitely many folds; infinite where events do not differ."""
        return self.levels[0].mean_error / self.plateau if self.plateau else np.inf


def fold_numbers(folds: Sequence[int]) -> tuple[int, ...]:
    """Numbers of folds in ascending order; one fold, which the others are compared with, is always among them.

    Raises:
        StatisticsError: less than one, or none above one.

    Example:
        >>> fold_numbers([25, 5, 25])
        (1, 5, 25)
    """
    if min(folds, default=0) < 1 or max(folds) < 2:
        raise StatisticsError("folds", f"{', '.join(map(str, folds)) or 'none'}", "want whole numbers, one above 1")
    return tuple(sorted({1, *folds}))


def study_folds(run: RunResult, folds: Sequence[int], plots: Sequence[tuple[Observable, str]]) -> tuple[FoldStudy, ...]:
    """Errors against folds for each plot; plots without a selected event are left out.

    Args:
        run: of as many folds as the largest number, or more.
        folds: numbers of folds.
        plots: observable and name of its region.

    Raises:
        StatisticsError: see `fold_numbers`; more folds than the run has.
        UnknownNameError: no such region.
    """
    numbers = fold_numbers(folds)
    if numbers[-1] > run.folds:
        raise StatisticsError("folds", f"{numbers[-1]} folds of a run of {run.folds}", f"run {run.simulator} with more")
    paired = unpaired(run)
    weights = np.zeros(int(np.max(paired.events, initial=-1)) + 1)
    weights[paired.events] = run.table["weight"]
    rows = {number: np.flatnonzero(run.table["fold"] < number) for number in numbers}
    studies = (_study(_Folds(paired, weights, rows), observable, find_region(region)) for observable, region in plots)
    return tuple(study for study in studies if study is not None)


@dataclass(frozen=True, slots=True)
class _Folds:
    """A run, the weights of its generator events, and the rows of the first folds by their number."""

    paired: Paired
    weights: FloatArray
    rows: dict[int, NDArray[np.intp]]


def _study(folds: _Folds, observable: Observable, region: Region) -> FoldStudy | None:
    run = folds.paired.run
    frame = Frame.of((run.process, run.process_label), observable, region, "folds")
    binning = Binning.of(frame.edges)
    place = binning.place(run.table[observable.name], region.select(run.table["region"]))
    if not (place < binning.size).any():
        return None
    histograms, contents = {}, {}
    for number, rows in folds.rows.items():
        histograms[number] = _histogram(folds, number, binning, place[rows])
        used = rows[place[rows] < binning.size]
        columns = (folds.paired.events[used], place[used], run.table["weight"][used] / number)
        matrix = contributions(*columns, (binning.size, folds.weights.size))
        contents[number] = EventContents(np.arange(folds.weights.size, dtype=np.uint64), folds.weights, matrix)
    most = histograms[max(histograms)]
    curve = tuple(sorted({round(each) for each in np.geomspace(1, _BEYOND * most.folds, _CURVE_POINTS)}))
    return FoldStudy(
        *(frame, run.simulator, run.simulator_label),
        *(tuple(_level(number, histograms, contents) for number in histograms), plateau(most)),
        *(curve, tuple(mean_error_at(most, number) for number in curve)),
    )


def _histogram(folds: _Folds, number: int, binning: Binning, place: NDArray[np.int32]) -> FoldedHistogram:
    """Of the first folds; values stand for bins that were found already."""
    rows, table = folds.rows[number], folds.paired.run.table
    edges = np.arange(binning.size + 1.0)
    return FoldedHistogram(edges, number).fill(
        folds.paired.events[rows], table["fold"][rows], table["weight"][rows], place.astype(np.float64)
    )


def _level(number: int, histograms: dict[int, FoldedHistogram], contents: dict[int, EventContents]) -> Level:
    histogram, one = histograms[number], histograms[1]
    pdf, error = histogram.pdf, mean_error(histogram.variances)
    moments = joint_moments({"many": contents[number], "one": contents[1]})
    above, below = moments.pdf("many"), moments.pdf("one")
    filled = (above != 0) & (below != 0)
    safe = np.where(filled, below, 1.0)
    covariance = moments.propagate({"many": 1 / safe, "one": -above / safe**2})
    errors = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    return Level(
        *(number, pdf.values, pdf.errors),
        *(np.where(filled, above / safe, np.nan), np.where(filled, errors, np.nan)),
        *(error, mean_error_at(histograms[max(histograms)], number)),
        *(mean_error(one.variances) / error if error else np.nan, histogram.effective_entries),
    )


@dataclass(frozen=True, slots=True)
class Upsampling:
    """A finished study: `out` holds the document and `plots/`."""

    out: Path
    studies: tuple[FoldStudy, ...]
    pictures: tuple[Picture[FoldStudy], ...]

    @property
    def document(self) -> Path:
        """The JSON document."""
        return self.out / DOCUMENT


def upsample(
    run: RunResult,
    folds: Sequence[int],
    plots: Sequence[tuple[Observable, str]],
    out: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Upsampling:
    """Study the folds of a run, and write `upsampling.json` and a figure for each plot.

    Args:
        run, folds, plots: see `study_folds`.
        out: folder to write to, made if need be.
        workers: processes that draw figures, see `compare.compare`.
        progress: called with figures done and in all.

    Raises:
        StatisticsError: see `study_folds`; no plot has a selected event.
    """
    from flashbench.compare.plots import save_figures
    from flashbench.compare.plots.folds import draw_folds

    studies = study_folds(run, folds, plots)
    if not studies:
        raise StatisticsError("upsample", f"no event of {run.process} is selected by any fold", "take more events")
    pictures = save_figures(studies, out / "plots", draw_folds, workers=workers, progress=progress)
    write_json(out / DOCUMENT, to_document(run, studies))
    return Upsampling(out, studies, pictures)


def to_document(run: RunResult, studies: Sequence[FoldStudy]) -> dict[str, Any]:
    """`upsampling.json`: every number of the studies, and how the run was made."""
    content: dict[str, Any] = plain(
        {
            "schema": "flashbench.upsampling",
            "version": SCHEMA_VERSION,
            "process": run.process,
            "simulator": run.simulator,
            "n_events": run.n_events,
            "sum_weights": run.sum_weights,
            "plots": [_describe(study) for study in studies],
            "run": run.manifest,
        }
    )
    return content


def _describe(study: FoldStudy) -> dict[str, Any]:
    return {
        "observable": study.frame.observable,
        "region": study.frame.region,
        "edges": study.frame.edges,
        "plateau": study.plateau,
        "plateau_gain": study.plateau_gain,
        "folds": [
            {
                "folds": level.folds,
                "mean_error": level.mean_error,
                "expected_mean_error": level.expected,
                "gain": level.gain,
                "pdf": level.values,
                "errors": level.errors,
                "relative_errors": level.relative,
                "ratio": level.ratio,
                "ratio_errors": level.ratio_errors,
                "effective_events": level.entries,
            }
            for level in study.levels
        ],
    }
