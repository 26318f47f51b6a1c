"""The VBF H → μμ analysis of a block of events: selection, regions, cutflow, table of observables.

References:
    CMS, JHEP 01 (2021) 148.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.analysis import kinematics
from flashbench.analysis.candidates import Candidates, find_candidates
from flashbench.analysis.cutflow import Cutflow
from flashbench.analysis.cuts import Cuts
from flashbench.analysis.dnn import Discriminator
from flashbench.analysis.observables import all_observables
from flashbench.analysis.regions import NO_REGION, SIGNAL, BoolArray, region_codes
from flashbench.errors import SchemaError


@dataclass(frozen=True, slots=True)
class Analysed:
    """A block after the analysis.

    Attributes:
        table: one row per event of the block, selected or not: `region` (int8: 0 none, 1 sideband, 2 signal),
            `cuts_passed` (int8: how many steps of the cutflow, one upon the other), then one float64 column per
            observable, NaN where it is undefined. Scores are there with a discriminator only.
        cutflow: of the same events.
        scored: counts of the discriminator, see `Scores`.
    """

    table: dict[str, NDArray[Any]]
    cutflow: Cutflow
    scored: Mapping[str, int] = field(default_factory=dict)


def analyse(events: ak.Array, cuts: Cuts = Cuts(), discriminator: Discriminator | None = None) -> Analysed:  # noqa: B008
    """Selects a block of events and tabulates its observables.

    Args:
        events: a block with `Muon`, `Jet` (the fields of `find_candidates`) and `genWeight`; and with the
            trigger, where `cuts` asks for one.
        cuts: thresholds.
        discriminator: what scores the events of a region; they then need their `event` number.

    Raises:
        SchemaError: the trigger is not among the fields, or a weight is not finite.
    """
    candidates = find_candidates(events, cuts)
    table: dict[str, NDArray[Any]] = {o.name: o.evaluate(candidates) for o in all_observables() if o.function}

    decisions = _event_cuts(events, candidates, cuts)
    passed = np.logical_and.reduce([decision for _, decision in decisions])
    codes = region_codes(candidates.dimuon.mass, cuts) * passed
    regions = [
        (f"PreSel: {cuts.sideband_low:g} < m(μμ) < {cuts.sideband_high:g} GeV", codes != NO_REGION),
        (f"SR: {cuts.signal_low:g} ≤ m(μμ) ≤ {cuts.signal_high:g} GeV", codes == SIGNAL),
    ]
    steps = [*decisions, *regions]
    cutflow = Cutflow.count(steps, events.genWeight)
    depth = np.cumprod([decision for _, decision in steps], axis=0).sum(axis=0).astype(np.int8)
    table = {"region": codes, "cuts_passed": depth, **table}
    if discriminator is None:
        return Analysed(table, cutflow)
    scores = discriminator.score({"event": ak.to_numpy(events.event), **table})
    return Analysed({**table, **scores.columns}, cutflow, scores.counts)


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
