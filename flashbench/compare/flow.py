"""Where events go: the cuts one upon the other, and what becomes of the reference's events in a simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flashbench.analysis.regions import SIDEBAND, SIGNAL
from flashbench.compare.pairing import Paired, PairedProcess
from flashbench.compare.plots.caption import Caption
from flashbench.results import Table

FloatArray = NDArray[np.float64]

STATES: Final = ("no muon pair", "< 2 jets", "other cuts", "SB", "SR")
"""Where an event ends: the first that holds of the first two, else its region."""


@dataclass(frozen=True, slots=True)
class CutflowStudy:
    """Part of the generated weight that is left after each cut.

    Attributes:
        simulators: the reference first; of them the labels.
        parts: shape (simulators, cuts), NaN where a simulator lacks the cut.
        errors: of the parts, an event being one trial whatever its folds, shape (simulators, cuts).
        ratios: of the parts to the reference's, shape (simulators, cuts).
        ratio_errors: of the ratios; simulators share generator events, shape (simulators, cuts).
    """

    caption: Caption
    process_label: str
    simulators: tuple[str, ...]
    labels: tuple[str, ...]
    cuts: tuple[str, ...]
    parts: FloatArray
    errors: FloatArray
    ratios: FloatArray
    ratio_errors: FloatArray

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.caption.name


@dataclass(frozen=True, slots=True)
class MigrationStudy:
    """Where the same generator events end in the reference and in each simulator.

    Attributes:
        parts: by simulator; of the reference's weight in each of `STATES`, what is in each of them in the simulator;
            rows add up to one, NaN where the reference has none; shape (states, states).
        events: generator events of the reference in each state, shape (states,).
    """

    caption: Caption
    process_label: str
    reference: str
    labels: dict[str, str]
    parts: dict[str, FloatArray]
    events: NDArray[np.int64]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.caption.name


def cutflow_study(process: PairedProcess) -> CutflowStudy:
    """The cutflows of all simulators of a process.

    With w of an event and s the part of its folds that passes: part = Σws / Σw, its variance Σw²(s − part)² / (Σw)²;
    ratio R = Σws / Σws₀, its variance Σw²(s − R s₀)² / (Σws₀)².
    """
    runs = [paired.run for paired in process.all]
    cuts = tuple(dict.fromkeys(name for run in runs for name in run.cutflow.names))
    parts, errors, ratios, ratio_errors = np.full((4, len(runs), len(cuts)), np.nan)
    weights = _weights(process)
    total = weights.sum()
    first = {name: _passing(process.reference, name, len(weights)) for name in process.reference.run.cutflow.names}
    for row, paired in enumerate(process.all):
        for column, name in enumerate(cuts):
            if name not in paired.run.cutflow.names or not total:
                continue
            share = _passing(paired, name, len(weights))
            part = (weights @ share) / total
            parts[row, column] = part
            errors[row, column] = np.linalg.norm(weights * (share - part)) / abs(total)
            if name in first and (base := weights @ first[name]):
                ratio = (weights @ share) / base
                ratios[row, column] = ratio
                ratio_errors[row, column] = np.linalg.norm(weights * (share - ratio * first[name])) / abs(base)
    names = ", ".join(run.simulator for run in runs)
    alt = f"Cutflow of {process.label}: part of the events after each cut for {names}, and the ratio to the first"
    return CutflowStudy(
        Caption(process.process, "selection", "cutflow", "Cutflow", alt),
        process.label,
        tuple(run.simulator for run in runs),
        tuple(run.simulator_label for run in runs),
        *(cuts, parts, errors, ratios, ratio_errors),
    )


def _weights(process: PairedProcess) -> FloatArray:
    """Weight of each generator event, shape (events,)."""
    weights = np.zeros(len(process.keys))
    weights[process.reference.events] = process.reference.run.table["weight"]
    return weights


def _passing(paired: Paired, name: str, n_events: int) -> FloatArray:
    """Part of each event's folds that passes a cut and all before it, shape (events,)."""
    passed = paired.run.table["cuts_passed"] > paired.run.cutflow.names.index(name)
    return np.bincount(paired.events, weights=passed, minlength=n_events) / max(paired.run.folds, 1)


def migration_study(process: PairedProcess) -> MigrationStudy:
    """Pairs each simulator's events, and folds, with the reference's."""
    first, number = process.reference, len(STATES)
    shares = {paired.run.simulator: _shares(paired, len(process.keys)) for paired in process.all}
    weights = _weights(process)
    reference = shares[first.run.simulator]
    parts = {}
    for paired in process.others:
        moved = (reference * weights[:, np.newaxis]).T @ shares[paired.run.simulator]
        totals = moved.sum(axis=1, keepdims=True)
        parts[paired.run.simulator] = np.where(totals != 0, moved / np.where(totals, totals, 1.0), np.nan)
    names = ", ".join(parts)
    alt = f"Migration of {process.label}: where events that end in a region of {first.run.simulator} end in {names}"
    return MigrationStudy(
        Caption(process.process, "selection", "migration", f"Migration from {first.run.simulator}", alt),
        process.label,
        first.run.simulator,
        {paired.run.simulator: paired.run.simulator_label for paired in process.others},
        parts,
        np.rint(reference.sum(axis=0)).astype(np.int64).reshape(number),
    )


def _shares(paired: Paired, n_events: int) -> FloatArray:
    """Part of an event's folds that end in each state, shape (events, states)."""
    number = len(STATES)
    place = paired.events * number + states(paired.run.table)
    counts = np.bincount(place, minlength=n_events * number).reshape(n_events, number)
    return np.asarray(counts / max(paired.run.folds, 1), dtype=np.float64)


def states(table: Table) -> NDArray[np.int64]:
    """Index into `STATES` of each row of a run's table, shape (rows,)."""
    region = table["region"]
    pairs = [np.isnan(table["dimuon_mass"]), np.isnan(table["dijet_mass"])]
    return np.select([region == SIGNAL, region == SIDEBAND, *pairs], [4, 3, 0, 1], 2).astype(np.int64)
