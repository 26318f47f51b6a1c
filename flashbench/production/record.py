"""Pythia's event record as flat arrays, and walks along its ancestry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flashbench.production.particles import is_hadron, pt_eta_phi
from flashbench.production.ragged import Array, BoolArray, FloatArray, IntArray, Ragged

_LONGEST_CHAIN = 1000
_BEAM = 12
_LEPTONS = (11, 13, 15)


@dataclass(frozen=True)
class Record:
    """The record of many events: `rows` holds pdgId, status and momenta, `mother`, `daughter1/2` are row numbers.

    Row 0 of each event is Pythia's "whole event" entry; a particle without mother has it as its mother.
    Momenta in GeV, vertices in mm.
    """

    rows: Ragged
    mother: IntArray
    daughter1: IntArray
    daughter2: IntArray

    @property
    def pdg(self) -> Array:
        return self.rows["pdgId"]

    @property
    def status(self) -> Array:
        return self.rows["status"]

    def is_final(self) -> BoolArray:
        final: BoolArray = self.status > 0
        return final

    def is_hard(self) -> BoolArray:
        """Members of the hard process (status 21–29), decays of its resonances among them."""
        code = np.abs(self.status)
        hard: BoolArray = (code > 20) & (code < 30)
        return hard

    def is_first_copy(self) -> BoolArray:
        first: BoolArray = self.pdg[self.mother] != self.pdg
        return first

    def is_last_copy(self) -> BoolArray:
        same: BoolArray = (self.pdg[self.daughter1] == self.pdg) | (self.pdg[self.daughter2] == self.pdg)
        return self.is_final() | ~same

    def is_decayed(self) -> BoolArray:
        """Hadrons and charged leptons that decayed; beams and copies before radiation do not count."""
        unstable: BoolArray = is_hadron(self.pdg) | np.isin(np.abs(self.pdg), _LEPTONS)
        return unstable & ~self.is_final() & self.is_last_copy() & np.not_equal(np.abs(self.status), _BEAM)

    def nearest_ancestor(self, of: IntArray, where: BoolArray) -> IntArray:
        """The nearest ancestor for which `where` holds, by the first-mother line.

        Args:
            of: rows, shape (n,).
            where: shape (rows,).

        Returns:
            Row numbers, −1 where there is none; shape (n,).
        """
        found = np.full(len(of), -1, dtype=np.int64)
        open_, current = np.arange(len(of)), self.mother[of]
        for _ in range(_LONGEST_CHAIN):
            hit = where[current]
            found[open_[hit]] = current[hit]
            alive = ~hit & (self.status[current] != -11)
            open_, current = open_[alive], self.mother[current[alive]]
            if not len(open_):
                break
        return found

    def copies_from_hard(self, of: IntArray) -> BoolArray:
        """Whether the row is a hard-process particle or a later copy of one; shape (n,)."""
        hard, pdg = self.is_hard(), self.pdg
        result = hard[of]
        open_, current = np.nonzero(~result)[0], of[~result]
        for _ in range(_LONGEST_CHAIN):
            mother = self.mother[current]
            same = pdg[mother] == pdg[current]
            open_, current = open_[same], mother[same]
            result[open_[hard[current]]] = True
            alive = ~hard[current]
            open_, current = open_[alive], current[alive]
            if not len(open_):
                break
        return result


def kinematics(record: Record, mask: BoolArray) -> dict[str, Array]:
    """pt, eta, phi, mass and pdgId of the rows of `mask`, float64."""
    rows = record.rows
    pt, eta, phi = pt_eta_phi(rows["px"][mask], rows["py"][mask], rows["pz"][mask])
    mass = np.maximum(rows["mass"][mask], 0.0)
    return {"pt": pt, "eta": eta, "phi": phi, "mass": mass, "pdgId": rows["pdgId"][mask].astype(np.int64)}


def from_batch(batch: Any) -> tuple[Record, FloatArray]:
    """The record of a Pythia `nextBatch` result, and its event weights, shape (events, weights)."""
    import awkward as ak

    particles = batch.prt
    counts = ak.to_numpy(ak.num(particles.id)).astype(np.int64)
    starts = np.repeat(np.cumsum(counts) - counts, counts)

    def flat(values: Any) -> Array:
        array: Array = ak.to_numpy(ak.flatten(values))
        return array

    vertex = ak.flatten(particles.vProd)
    columns: dict[str, Array] = {
        "pdgId": flat(particles.id).astype(np.int64),
        "status": flat(particles.status).astype(np.int64),
        "px": flat(particles.p.px),
        "py": flat(particles.p.py),
        "pz": flat(particles.p.pz),
        "energy": flat(particles.p.e),
        "mass": flat(particles.m),
    }
    for name, component in (("x", "px"), ("y", "py"), ("z", "pz")):
        columns[name] = ak.to_numpy(ak.fill_none(vertex[component], 0.0))  # None: produced at the collision point
    weights: FloatArray = ak.to_numpy(ak.to_regular(batch.info.weights)).astype(np.float64)
    record = Record(
        Ragged(counts, columns),
        mother=starts + flat(particles.mother1),
        daughter1=starts + flat(particles.daughter1),
        daughter2=starts + np.maximum(flat(particles.daughter2), flat(particles.daughter1)),
    )
    return record, weights
