"""Events that the discriminator learns from: which rows of the runs, and how much each counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from flashbench.analysis import lacks_qgl
from flashbench.analysis.dnn import INPUTS, NEUTRAL_QGL, QGL, input_matrix
from flashbench.analysis.regions import NO_REGION, SIGNAL
from flashbench.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from flashbench.results import RunResult

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Table = Mapping[str, NDArray[Any]]

FEWEST: Final = 20  # events of a process
_QGL_COLUMNS: Final = [INPUTS.index(name) for name in QGL]


def _wide(table: Table) -> BoolArray:
    """Looser than the selection: more events of the backgrounds that few of pass it.

    The network learns the ratio of two densities, which at a point in SR is the same whatever lies around it.
    """
    mass, dijet, gap = (np.nan_to_num(table[name]) for name in ("dimuon_mass", "dijet_mass", "dijet_eta_gap"))
    jets = (np.nan_to_num(table["jet1_pt"]) > 35) & (np.nan_to_num(table["jet2_pt"]) > 25)
    return jets & (mass > 105) & (mass < 160) & (dijet > 250) & (gap > 1.5)


REGIONS: Final[Mapping[str, Callable[[Table], BoolArray]]] = {
    "SR": lambda table: np.asarray(table["region"] == SIGNAL),
    "PreSel": lambda table: np.asarray(table["region"] != NO_REGION),
    "wide": _wide,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of all processes.

    Attributes:
        inputs: raw, QGL neutral where a jet has none, shape (rows, 25).
        signal, in_region: whether signal, whether in SR; shape (rows,).
        weight: cross-section times generator weight over the sum of those, pb, of either sign; shape (rows,).
        event: number, shape (rows,).
        processes: of each process rows, rows in SR, share of negative weights, rows left out for an undefined input.
    """

    inputs: FloatArray
    signal: BoolArray
    in_region: BoolArray
    weight: FloatArray
    event: NDArray[np.uint64]
    processes: Mapping[str, Mapping[str, Any]]

    @property
    def digest(self) -> str:
        """Checksum of all rows."""
        arrays = (self.inputs, self.signal, self.in_region, self.weight, self.event)
        return hashlib.sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in arrays)).hexdigest()

    def describe(self) -> dict[str, Any]:
        """For a manifest."""
        low, high = self.inputs.min(axis=0), self.inputs.max(axis=0)
        return {
            "digest": self.digest,
            "processes": {process: dict(facts) for process, facts in self.processes.items()},
            "range": {name: [float(a), float(b)] for name, a, b in zip(INPUTS, low, high, strict=True)},
        }


def gather(runs: Sequence[RunResult], signal: str, region: str) -> Sample:
    """Training rows of runs.

    Args:
        runs: one a process; without folds.
        signal: process of the signal.
        region: a key of `REGIONS`.

    Raises:
        UnknownNameError: no such region, or no run of the signal.
        InputError: a process with too few events, without cross-section or without QGL, no background, or a class whose
            weights do not add up to something positive.
    """
    if region not in REGIONS:
        raise UnknownNameError("training region", region, REGIONS)
    names = [run.process for run in runs]
    if signal not in names:
        raise UnknownNameError("process among the runs", signal, names)
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise InputError(", ".join(names), "not a signal and backgrounds, each once", "name one run a process")
    parts = [_rows(run, region) for run in runs]
    columns = [np.concatenate([part[0][number] for part in parts]) for number in range(4)]
    is_signal = np.repeat([run.process == signal for run in runs], [len(part[0][0]) for part in parts])
    for kind, label in ((is_signal, "signal"), (~is_signal, "background")):
        if not columns[1][kind].sum() > 0:
            raise InputError(label, "its weights do not add up to something positive", "give more events")
    facts = {run.process: part[1] for run, part in zip(runs, parts, strict=True)}
    return Sample(columns[0], is_signal, columns[3].astype(bool), columns[1], columns[2], facts)


def _rows(run: RunResult, region: str) -> tuple[tuple[NDArray[Any], ...], dict[str, Any]]:
    """Inputs, weights, event numbers and whether in SR of the chosen rows of a run; and what to record of them."""
    sigma = run.manifest.get("cross_section_pb")
    if sigma is None:
        hint = "set cross_section of the process in a catalogue"
        raise InputError(f"{run.path} ({run.process})", "has no cross-section", hint)
    if run.folds > 1:
        raise InputError(str(run.path), f"has {run.folds} folds an event", "train on one")
    if lacks_qgl(run.table):
        raise InputError(str(run.path), "no jet has a QGL, and the network would learn a constant", "use another tier")
    chosen = np.flatnonzero(REGIONS[region](run.table))
    inputs = input_matrix(run.table, chosen, own_mass=True)
    inputs[:, _QGL_COLUMNS] = np.where(inputs[:, _QGL_COLUMNS] < 0, NEUTRAL_QGL, inputs[:, _QGL_COLUMNS])
    finite = np.isfinite(inputs)
    whole = finite.all(axis=1)
    used = chosen[whole]
    if len(used) < FEWEST:
        problem = f"{len(used)} events of {run.n_events} in {region}, at least {FEWEST} are needed"
        raise InputError(f"{run.path} ({run.process})", problem, "give more events, or train in a wider region")
    weight = np.asarray(run.table["weight"][used], np.float64) * (sigma / run.sum_weights)
    in_region = run.table["region"][used] == SIGNAL
    undefined = {name: int(n) for name, n in zip(INPUTS, (~finite).sum(axis=0), strict=True) if n}
    facts = {
        "events": run.n_events,
        "rows": len(used),
        "rows_in_SR": int(in_region.sum()),
        "cross_section_pb": sigma,
        "negative_weights": float((weight < 0).mean()),
        "undefined": undefined,
        "run": str(run.path),
        "inputs": run.manifest.get("inputs", []),
    }
    return (inputs[whole], weight, run.table["event"][used].astype(np.uint64), in_region), facts
