"""The VBF H → μμ analysis of a block of events: selection, regions, cutflow, table of observables.

References:
    CMS, JHEP 01 (2021) 148.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.analysis import kinematics
from flashbench.analysis.candidates import Candidates, find_candidates
from flashbench.analysis.cutflow import Cutflow
from flashbench.analysis.cuts import Cuts
from flashbench.analysis.kinematics import FloatArray
from flashbench.analysis.observables import OBSERVABLES
from flashbench.errors import SchemaError, UnknownNameError

BoolArray = NDArray[np.bool_]
RegionCodes = NDArray[np.int8]

NO_REGION, SIDEBAND, SIGNAL = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Region:
    """A set of events that plots and metrics are made for.

    Attributes:
        select: from the table's `region` column to a decision, both of shape (events,).
    """

    name: str
    label: str
    select: Callable[[RegionCodes], BoolArray]


REGIONS: tuple[Region, ...] = (
    Region("all", "no selection", lambda codes: np.ones(codes.shape, dtype=np.bool_)),
    Region("PreSel", "VBF preselection", lambda codes: codes != NO_REGION),
    Region("SR", "VBF signal region", lambda codes: codes == SIGNAL),
    Region("SB", "VBF sideband", lambda codes: codes == SIDEBAND),
)


@dataclass(frozen=True, slots=True)
class Analysed:
    """A block after the analysis.

    Attributes:
        table: one row per event of the block, selected or not: `region` (int8: 0 none, 1 sideband, 2 signal),
            then one float64 column per observable, NaN where it is undefined.
        cutflow: of the same events.
    """

    table: dict[str, NDArray[Any]]
    cutflow: Cutflow


def analyse(events: ak.Array, cuts: Cuts = Cuts()) -> Analysed:  # noqa: B008 - frozen
    """Selects a block of events and tabulates its observables.

    Args:
        events: a block with `Muon`, `Jet` (the fields of `find_candidates`) and `genWeight`; and with the
            trigger, where `cuts` asks for one.
        cuts: thresholds.

    Raises:
        SchemaError: the trigger is not among the fields, or a weight is not finite.
    """
    candidates = find_candidates(events, cuts)
    table: dict[str, NDArray[Any]] = {o.name: o.evaluate(candidates) for o in OBSERVABLES}

    decisions = _event_cuts(events, candidates, cuts)
    passed = np.logical_and.reduce([decision for _, decision in decisions])
    codes = region_codes(candidates.dimuon.mass, cuts) * passed
    regions = [
        (f"PreSel: {cuts.sideband_low:g} < m(μμ) < {cuts.sideband_high:g} GeV", codes != NO_REGION),
        (f"SR: {cuts.signal_low:g} ≤ m(μμ) ≤ {cuts.signal_high:g} GeV", codes == SIGNAL),
    ]
    return Analysed({"region": codes, **table}, Cutflow.count([*decisions, *regions], events.genWeight))


def region_codes(mass: FloatArray, cuts: Cuts = Cuts()) -> RegionCodes:  # noqa: B008 - frozen
    """The region that a dimuon mass (GeV) belongs to; the cuts on muons and jets are not looked at.

    Signal is closed, 115 ≤ m ≤ 135; the sideband is open, 110 < m < 115 or 135 < m < 150; NaN is in none.
    """
    signal = (mass >= cuts.signal_low) & (mass <= cuts.signal_high)
    window = (mass > cuts.sideband_low) & (mass < cuts.sideband_high)
    return np.select([signal, window], [SIGNAL, SIDEBAND], NO_REGION).astype(np.int8)


def find_region(name: str) -> Region:
    """The region of that name.

    Raises:
        UnknownNameError: there is none; suggests near ones.
    """
    for region in REGIONS:
        if region.name == name:
            return region
    raise UnknownNameError("region", name, (r.name for r in REGIONS))


def _event_cuts(events: ak.Array, c: Candidates, cuts: Cuts) -> list[tuple[str, BoolArray]]:
    """Name and decision of each cut before the mass, in order; each decides by itself."""
    eta_gap = kinematics.eta_gap(c.jet1, c.jet2)
    steps: list[tuple[str, BoolArray]] = [("all events", np.ones(len(c), dtype=np.bool_))]
    if cuts.trigger is not None:
        steps.append((f"trigger {cuts.trigger}", _trigger(events, cuts.trigger)))
    steps += [("≥ 2 muons", c.n_muons >= 2), ("opposite-charge pair", ~np.isnan(c.muon1.pt))]
    if cuts.leading_muon_pt is not None:
        steps.append((f"leading muon pT > {cuts.leading_muon_pt:g} GeV", c.muon1.pt > cuts.leading_muon_pt))
    return [
        *steps,
        ("≥ 2 jets", c.n_jets >= 2),
        (f"leading jet pT > {cuts.leading_jet_pt:g} GeV", c.jet1.pt > cuts.leading_jet_pt),
        (f"second jet pT > {cuts.second_jet_pt:g} GeV", c.jet2.pt > cuts.second_jet_pt),
        (f"m(jj) > {cuts.dijet_mass:g} GeV", c.dijet.mass > cuts.dijet_mass),
        (f"|Δη(jj)| > {cuts.dijet_eta_gap:g}", eta_gap > cuts.dijet_eta_gap),
    ]


def _trigger(events: ak.Array, name: str) -> BoolArray:
    if name not in events.fields:
        raise SchemaError("analysis", name, "not a field of these events", "cut without this trigger")
    return np.asarray(ak.to_numpy(events[name]), dtype=np.bool_)
