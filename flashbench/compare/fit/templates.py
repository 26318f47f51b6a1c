"""From runs to templates: which bin each event and fold falls into, and what it is worth at a luminosity."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from flashbench.analysis import lacks_qgl
from flashbench.analysis.regions import SIDEBAND, SIGNAL
from flashbench.errors import RunError
from flashbench.stats import EventContents, bootstrap_sums, event_contents, event_keys, table_events
from flashbench.stats.fit import Template, automatic_edges

if TYPE_CHECKING:
    from flashbench.results import RunResult

FloatArray = NDArray[np.float64]
Runs = Mapping[tuple[str, str], "RunResult"]  # by process and simulator

SCORE: Final = "dnn_atanh"
NEUTRAL_SCORE: Final = "dnn_noqgl_atanh"
COLUMNS: Final = (
    *("run", "luminosityBlock", "event", "fold", "weight", "region", "jet1_qgl", "jet2_qgl", "dnn", SCORE),
    NEUTRAL_SCORE,
)
"""What a fit reads of a run's table."""

_FINE: Final = np.linspace(0.0, 8.0, 321)  # artanh of the score; what is above is in the last bin
_PER_PB: Final = 1000.0  # /fb in a /pb


@dataclass(frozen=True, slots=True)
class Binning:
    """Edges of the score in SR and SB; each last bin takes what is above. Bins of SR come first."""

    signal: FloatArray
    sideband: FloatArray

    @property
    def channels(self) -> dict[str, int]:
        """Bins of each channel."""
        return {"SR": len(self.signal) - 1, "SB": len(self.sideband) - 1}

    @property
    def bins(self) -> int:
        """Bins in all."""
        return sum(self.channels.values())

    def place(self, table: Mapping[str, NDArray[Any]], score: str) -> FloatArray:
        """Number of the bin of each row, NaN outside the regions and where there is no score; shape (rows,)."""
        values, region = np.asarray(table[score], np.float64), table["region"]
        numbers = np.full(len(values), np.nan)
        first = 0
        for code, edges in ((SIGNAL, self.signal), (SIDEBAND, self.sideband)):
            rows = np.flatnonzero((region == code) & np.isfinite(values))
            numbers[rows] = first + np.clip(np.searchsorted(edges, values[rows], side="right") - 1, 0, len(edges) - 2)
            first += len(edges) - 1
        return numbers


FINE: Final = Binning(_FINE, _FINE)


@dataclass(frozen=True, slots=True)
class Content:
    """What each generator event of a run adds to each bin, and the events that a unit of weight stands for."""

    run: RunResult
    events: EventContents
    factor: float

    @property
    def template(self) -> Template:
        """Expected events and their covariance, with the folds of an event summed."""
        values = np.asarray(self.events.contents.sum(axis=1), dtype=np.float64) * self.factor
        covariance = (self.events.contents @ self.events.contents.T).toarray() * self.factor**2
        return Template(values, covariance)


def contents(runs: Runs, binning: Binning, score: str, luminosity: float) -> dict[tuple[str, str], Content]:
    """Contents of every run.

    Args:
        runs: by process and simulator.
        binning: of the score.
        score: column of the table.
        luminosity: in /fb.

    Raises:
        RunError: a run without scores or cross-section, or simulators of a process that differ in events.
    """
    found: dict[tuple[str, str], Content] = {}
    first: dict[str, Content] = {}
    for (process, simulator), run in runs.items():
        if score not in run.table:
            raise RunError(str(run.path), "has no DNN score", "run it with --dnn, or train one: flashbench train dnn")
        sigma = run.manifest.get("cross_section_pb")
        if sigma is None:
            raise RunError(f"{run.path} ({process})", "has no cross-section", "set cross_section in a catalogue")
        identity = table_events(run.table)
        numbers = binning.place(run.table, score)
        edges = np.arange(binning.bins + 1, dtype=np.float64)
        events = event_contents(identity, run.table["weight"], numbers, edges, folds=run.folds)
        made = Content(run, events, sigma * _PER_PB * luminosity / run.sum_weights)
        other = first.setdefault(process, made)
        if not np.array_equal(events.events, other.events.events):
            names = f"{process}: {simulator} and {other.run.simulator}"
            raise RunError(names, "are of different events", "run both on the same files and number of events")
        found[process, simulator] = made
    return found


def score_of(runs: Runs) -> tuple[str, str]:
    """Column of the score that all simulators can be compared in, and what is to be said of it, or nothing.

    Raises:
        RunError: runs were scored by different networks.
    """
    networks = {run.manifest["dnn"]["sha256"] for run in runs.values() if run.manifest.get("dnn")}
    if len(networks) > 1:
        raise RunError("fit", "runs were scored by different networks", "run all with the same --dnn")
    without = [run.simulator for run in runs.values() if SCORE in run.table and lacks_qgl(run.table)]
    if not without:
        return SCORE, ""
    names = ", ".join(dict.fromkeys(without))
    return NEUTRAL_SCORE, f"no QGL in {names}: the DNN takes the neutral value 0.98 for every simulator"


def replicas(
    found: Mapping[tuple[str, str], Content], process: str, simulators: Sequence[str], number: int
) -> dict[str, FloatArray]:
    """Templates of a process in bootstrap replicas of its generator events, the same in every simulator.

    Processes are independent: their events have keys of their own, even where they have the same numbers.

    Returns:
        By simulator, shape (replicas, bins).
    """
    chosen = [found[process, simulator] for simulator in simulators]
    events = chosen[0].events
    keys = event_keys(events.events, np.full(len(events.events), zlib.crc32(process.encode())), events.events)
    rows = [*(each.events.contents for each in chosen), sparse.csr_array(events.weights[np.newaxis])]
    sums = bootstrap_sums(keys, sparse.vstack(rows, format="csc"), number)
    bins = chosen[0].events.contents.shape[0]
    scale = events.weights.sum() / sums[:, -1:]
    return {
        simulator: sums[:, place * bins : (place + 1) * bins] * each.factor * scale
        for place, (simulator, each) in enumerate(zip(simulators, chosen, strict=True))
    }


def automatic_binning(
    runs: Runs, signal: str, score: str, luminosity: float, asked: tuple[int, int, float, float]
) -> Binning:
    """Bins that share out the signal in SR and the background in SB, filled well enough in every simulator.

    Args:
        asked: most bins in SR and SB, least background events in a bin, largest relative error of it.

    Raises:
        StatisticsError: there is not enough background for a single bin.
    """
    found = contents(runs, FINE, score, luminosity)
    fine = len(_FINE) - 1
    totals: dict[str, list[Template]] = {}
    for (process, simulator), content in found.items():
        if process != signal:
            totals.setdefault(simulator, []).append(content.template)
    sums = [
        Template(np.sum([t.values for t in each], axis=0), np.sum([t.covariance for t in each], axis=0))
        for each in totals.values()
    ]
    reference = next(simulator for process, simulator in found if process == signal)
    wanted = found[signal, reference].template.values
    edges = []
    for channel, (bins, start) in enumerate(((asked[0], 0), (asked[1], fine))):
        part = slice(start, start + fine)
        backgrounds = [Template(t.values[part], t.covariance[part, part]) for t in sums]
        share = wanted[part] if channel == 0 else backgrounds[0].values
        edges.append(automatic_edges(_FINE, share, backgrounds, bins=bins, minimum=asked[2], relative_error=asked[3]))
    return Binning(*edges)
