"""Jet clustering with FastJet (Cacciari, Salam, Soyez, Eur. Phys. J. C72 (2012) 1896), many events at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flashbench.errors import ProductionError
from flashbench.production.particles import pt_eta_phi
from flashbench.production.ragged import IntArray, Ragged


@dataclass(frozen=True)
class Clustered:
    """Jets by descending pt, and their constituents.

    Args:
        jets: pt, eta, phi, mass (GeV, rad).
        jet: jet row of each constituent, ascending, shape (constituents,).
        constituent: row in the clustered table of each constituent, shape (constituents,).
    """

    jets: Ragged
    jet: IntArray
    constituent: IntArray


def cluster(inputs: Ragged, radius: float, lowest_pt: float) -> Clustered:
    """Anti-kT jets above `lowest_pt` GeV.

    Args:
        inputs: pt, eta, phi, mass of what is clustered (GeV, rad).

    Raises:
        ProductionError: an input is not finite; FastJet would drop it silently.
    """
    import awkward as ak
    import fastjet

    pt, eta, phi, mass = (np.asarray(inputs[name], dtype=np.float64) for name in ("pt", "eta", "phi", "mass"))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    if not np.isfinite(energy).all():
        row = int(np.argmin(np.isfinite(energy)))
        raise ProductionError("jet clustering", f"input {row} of event {inputs.event[row]} is not finite")
    offsets = np.concatenate(([0], np.cumsum(inputs.counts))).astype(np.int64)
    contents = [ak.contents.NumpyArray(values) for values in (px, py, pz, energy)]
    record = ak.contents.RecordArray(contents, ["px", "py", "pz", "E"], parameters={"__record__": "Momentum4D"})
    layout = ak.contents.ListOffsetArray(ak.index.Index64(offsets), record)

    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    sequence = fastjet.ClusterSequence(ak.Array(layout), definition)
    found = sequence.inclusive_jets(min_pt=lowest_pt)
    members = sequence.constituent_index(min_pt=lowest_pt)

    counts = ak.to_numpy(ak.num(found)).astype(np.int64)
    px, py, pz, energy = (ak.to_numpy(ak.flatten(found[name])) for name in ("px", "py", "pz", "E"))
    pt, eta, phi = pt_eta_phi(px, py, pz)
    mass = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
    jets = Ragged(counts, {"pt": pt, "eta": eta, "phi": phi, "mass": mass})

    sizes = ak.to_numpy(ak.flatten(ak.num(members, axis=2))).astype(np.int64)
    jet = np.repeat(np.arange(jets.rows), sizes)
    constituent = ak.to_numpy(ak.flatten(members, axis=None)).astype(np.int64) + inputs.starts[jets.event[jet]]

    order = jets.sorted_rows(pt)  # FastJet's order is ascending
    rank = np.empty(jets.rows, dtype=np.int64)
    rank[order] = np.arange(jets.rows)
    by_jet = np.argsort(rank[jet], kind="stable")
    return Clustered(jets.take(order), rank[jet][by_jet], constituent[by_jet])
