"""One generator event thrown many times: how often it passes, and how far it spreads.

What to use when: `study_throws` for the numbers, `throw` for the numbers with figures and a document.

References:
    F. Vaselli et al., FlashSim prototype, CMS NOTE-2023/003 (one event thrown 10,000 times).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flashbench.analysis import REGIONS, Observable, find_region
from flashbench.compare.pairing import IDENTITY
from flashbench.compare.plots.frame import Frame
from flashbench.errors import StatisticsError
from flashbench.progress import Progress
from flashbench.stats import efficiency
from flashbench.storage import plain, write_json

if TYPE_CHECKING:
    from flashbench.compare.plots.save import Picture
    from flashbench.results import RunResult

FloatArray = NDArray[np.float64]

SCHEMA_VERSION = 1
DOCUMENT = "event.json"
_CENTRAL = (0.16, 0.5, 0.84)
_SHOWN, _ZOOM_BINS = (0.005, 0.995), 40  # of the figure's second panel


@dataclass(frozen=True, slots=True)
class Passed:
    """Throws that pass a cut and all before it, or fall into a region; the fraction's 68 % interval."""

    name: str
    throws: int
    fraction: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Thrown:
    """One observable of the throws of an event that are in one region.

    Attributes:
        frame: of the standard plot.
        contents: fraction of all throws in each of its bins, shape (bins,).
        zoom_edges, zoom: the same in bins that hold the central 99 %.
        defined: throws that are in the region and have the observable.
        mean, deviation, quantiles: of these, the last at 16, 50 and 84 %; NaN without any.
        marks: value of other simulators for this event, in whatever region; without those that have none.
    """

    frame: Frame
    simulator: str
    simulator_label: str
    event: str
    throws: int
    contents: FloatArray
    zoom_edges: FloatArray
    zoom: FloatArray
    defined: int
    mean: float
    deviation: float
    quantiles: tuple[float, ...]
    marks: dict[str, float]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.frame.name


@dataclass(frozen=True, slots=True)
class EventStudy:
    """What became of one event.

    Attributes:
        event: run:luminosityBlock:event.
        cuts, regions: throws that pass.
        others: region of the same event by other simulators, by their names.
    """

    event: str
    simulator: str
    throws: int
    cuts: tuple[Passed, ...]
    regions: tuple[Passed, ...]
    others: dict[str, str]
    thrown: tuple[Thrown, ...]


def study_throws(
    run: RunResult, others: Mapping[str, RunResult], plots: Sequence[tuple[Observable, str]]
) -> EventStudy:
    """Pass fractions and spreads of one event.

    Args:
        run: whose rows are all throws of one event.
        others: runs of that event with one row each, by what to call them, e.g. `full`.
        plots: observable and name of the region whose throws are shown.

    Raises:
        StatisticsError: rows of several events.
        UnknownNameError: no such region.
    """
    identity = [run.table[name] for name in IDENTITY]
    throws, codes = len(identity[0]), run.table["region"]
    if not throws or any(np.ptp(column) for column in identity):
        raise StatisticsError("throws", f"{throws} rows are not of one event", "throw one event")
    event = ":".join(str(column[0]) for column in identity)
    return EventStudy(
        *(event, run.simulator.partition("@")[0], throws),
        tuple(_passed(step.name, step.events, throws) for step in run.cutflow),
        tuple(_passed(region.name, int(region.select(codes).sum()), throws) for region in REGIONS[1:]),
        {name: _region_of(other) for name, other in others.items()},
        tuple(_thrown(run, others, observable, region, event) for observable, region in plots),
    )


def _passed(name: str, number: int, throws: int) -> Passed:
    found = efficiency(number, throws)
    return Passed(name, number, float(found.value), float(found.low), float(found.high))


def _region_of(run: RunResult) -> str:
    """The narrowest region that the event of a run is in."""
    inside = [region.name for region in REGIONS if region.select(run.table["region"])[0]]
    return inside[-1]


def _thrown(
    run: RunResult, others: Mapping[str, RunResult], observable: Observable, region_name: str, event: str
) -> Thrown:
    region = find_region(region_name)
    frame = Frame.of((run.process, run.process_label), observable, region, "event")
    values = np.asarray(run.table[observable.name], dtype=np.float64)
    throws = len(values)
    chosen = values[region.select(run.table["region"]) & np.isfinite(values)]
    marks = {name: float(other.table[observable.name][0]) for name, other in others.items()}
    low, high = np.quantile(chosen, _SHOWN) if chosen.size else (observable.low, observable.high)
    half = max(float(high - low) / 2, 1e-9 * max(abs(float(low)), 1.0)) * 1.1
    zoom_edges = np.linspace((low + high) / 2 - half, (low + high) / 2 + half, _ZOOM_BINS + 1)
    return Thrown(
        *(frame, run.simulator.partition("@")[0], run.simulator_label.partition(" ×")[0], event, throws),
        np.histogram(chosen, frame.edges)[0] / throws,
        *(zoom_edges, np.histogram(chosen, zoom_edges)[0] / throws, len(chosen)),
        float(chosen.mean()) if chosen.size else np.nan,
        float(chosen.std(ddof=1)) if chosen.size > 1 else np.nan,
        tuple(map(float, np.quantile(chosen, _CENTRAL))) if chosen.size else (np.nan,) * len(_CENTRAL),
        {name: value for name, value in marks.items() if np.isfinite(value)},
    )


@dataclass(frozen=True, slots=True)
class Throws:
    """A finished study: `out` holds the document and `plots/`."""

    out: Path
    study: EventStudy
    pictures: tuple[Picture[Thrown], ...]

    @property
    def document(self) -> Path:
        """The JSON document."""
        return self.out / DOCUMENT


def throw(
    run: RunResult,
    others: Mapping[str, RunResult],
    plots: Sequence[tuple[Observable, str]],
    out: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Throws:
    """Study the throws of an event, and write `event.json` and a figure for each plot.

    Args:
        run, others, plots: see `study_throws`.
        out: folder to write to, made if need be.
        workers: processes that draw figures, see `compare.compare`.
        progress: called with figures done and in all.

    Raises:
        StatisticsError, UnknownNameError: see `study_throws`.
    """
    from flashbench.compare.plots import save_figures
    from flashbench.compare.plots.throws import draw_throws

    study = study_throws(run, others, plots)
    pictures = save_figures(study.thrown, out / "plots", draw_throws, workers=workers, progress=progress)
    write_json(out / DOCUMENT, to_document(run, study))
    return Throws(out, study, pictures)


def to_document(run: RunResult, study: EventStudy) -> dict[str, Any]:
    """`event.json`: every number of the study, and how the run was made."""
    content: dict[str, Any] = plain(
        {
            "schema": "flashbench.event",
            "version": SCHEMA_VERSION,
            "process": run.process,
            "simulator": study.simulator,
            "event": study.event,
            "throws": study.throws,
            "cuts": [asdict(passed) for passed in study.cuts],
            "regions": [asdict(passed) for passed in study.regions],
            "other_simulators": study.others,
            "plots": [
                {
                    "observable": each.frame.observable,
                    "region": each.frame.region,
                    "throws": each.defined,
                    "mean": each.mean,
                    "deviation": each.deviation,
                    "quantiles": dict(zip(map(str, _CENTRAL), each.quantiles, strict=True)),
                    "other_simulators": each.marks,
                    "edges": each.frame.edges,
                    "contents": each.contents,
                    "zoom_edges": each.zoom_edges,
                    "zoom_contents": each.zoom,
                }
                for each in study.thrown
            ],
            "run": run.manifest,
        }
    )
    return content
