"""GenPart of a block, and what of it lies within each generator jet.

What to use when: `gen_particles` to leave awkward, `within_jets` for the leptons, what they radiated, the quark of the
hard process and the heavy hadron of each GenJet; `mothers` to go up in the generator record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import awkward as ak
import numpy as np

from flashbench.errors import SchemaError
from flashbench.simulators.flash.feature import FloatArray
from flashbench.simulators.flash.features import HEAVY_HADRONS, QUARKS, STATUS_FLAGS
from flashbench.simulators.flash.pairs import BoolArray, Flat, IntArray, Pairs, carried, flatten, hardest, pairs
from flashbench.simulators.gen import LAST_COPY

OUTGOING: Final = 23  # GenPart_status of what leaves the hard process
GENERATIONS: Final = 6  # of ancestors that are looked at
_ELECTRON, _MUON, _TAU, _PHOTON = 11, 13, 15, 22
_LEAST_RADIATED: Final = 1.0  # GeV; less is how the numbers are rounded
_PROMPT: Final = sum(1 << STATUS_FLAGS.index(name) for name in ("isPrompt", "isPromptTauDecayProduct"))


@dataclass(frozen=True, slots=True)
class Contents:
    """Particles within each jet, all of shape (jets,); 0 where there is none.

    Attributes:
        electrons, taus: scalar sum of pt of stable electrons, and of taus before their decay.
        prompt_electrons, prompt_muons: the same of stable leptons of the hard process, or of its taus.
        radiated: scalar sum of pt of what stable electrons and muons radiated, see `_radiation`.
        quark, quark_pt: |PDG code| 1–5 and pt of the hardest quark that leaves the hard process.
        hadron, hadron_pt: |PDG code| and pt of the hardest weakly decaying c or b hadron.
    """

    electrons: FloatArray
    taus: FloatArray
    prompt_electrons: FloatArray
    prompt_muons: FloatArray
    radiated: FloatArray
    quark: FloatArray
    quark_pt: FloatArray
    hadron: FloatArray
    hadron_pt: FloatArray


def require(events: ak.Array, collection: str) -> None:
    """Check for a generator collection.

    Raises:
        SchemaError: the block has none of that name.
    """
    if collection not in events.fields:
        hint = "flash needs the generator tier: GenJet, GenPart and Pileup"
        raise SchemaError("simulator 'flash'", collection, "collection missing", hint)


def gen_particles(events: ak.Array, *more: str) -> Flat:
    """All of GenPart: kinematics, code, status and flags, and `more` of its fields.

    Raises:
        SchemaError: the block has no GenPart collection.
    """
    require(events, "GenPart")
    return flatten(events.GenPart, ("pt", "eta", "phi", "pdgId", "status", "statusFlags", *more))


def mothers(particles: Flat, event: IntArray, rows: IntArray) -> IntArray:
    """Rows of the mothers, −1 where there is none, as of a row of −1; shape (rows,).

    Args:
        particles: with `genPartIdxMother`.
        event: of each row.
        rows: of `particles`.
    """
    local = np.where(rows >= 0, particles["genPartIdxMother"][rows], -1)
    return np.where((local >= 0) & (local < particles.counts[event]), particles.starts[event] + local, -1)


def within_jets(jets: Flat, particles: Flat, radius: float) -> Contents:
    """What lies within `radius` in ΔR of each jet.

    Args:
        jets: with `eta` and `phi`.
        particles: from `gen_particles`, of the same events, with `genPartIdxMother`.
        radius: largest ΔR.
    """
    code, last = np.abs(particles["pdgId"]), (particles["statusFlags"] & LAST_COPY) != 0
    stable = ((code == _ELECTRON) | (code == _MUON)) & (particles["status"] == 1)
    leptons = last & stable
    emitter, radiated = _radiation(particles, np.flatnonzero(leptons))
    quark = np.isin(code, QUARKS) & (particles["status"] == OUTGOING)
    hadron = last & np.isin(code, HEAVY_HADRONS)
    chosen = leptons | (last & (code == _TAU)) | quark | hadron
    chosen[emitter] = True
    found, code = particles.select(chosen), code[chosen]
    place = np.cumsum(chosen)[emitter] - 1
    code[place] = _PHOTON
    for name, values in radiated.items():
        found[name][place] = values
    near = pairs(jets, found, radius)
    prompt = (found["statusFlags"] & _PROMPT) != 0

    def top(which: Pairs) -> tuple[FloatArray, FloatArray]:
        """Code and pt of the hardest particle of each jet."""
        best = hardest(which, found["pt"])
        columns = np.zeros((2, len(jets)))
        columns[:, best.left] = code[best.right], found["pt"][best.right]
        return columns[0], columns[1]

    def total(which: BoolArray) -> FloatArray:
        """Scalar sum of the pt of some of the pairs, for each jet."""
        return carried(near.take(which), found["pt"], len(jets))

    of, of_prompt = code[near.right], prompt[near.right]
    electron, muon = of == _ELECTRON, of == _MUON
    sums = total(electron), total(of == _TAU), total(electron & of_prompt), total(muon & of_prompt)
    quarks, hadrons = near.take(np.isin(of, QUARKS)), near.take(np.isin(of, HEAVY_HADRONS))
    return Contents(*sums, total(of == _PHOTON), *top(quarks), *top(hadrons))


def _radiation(particles: Flat, leptons: IntArray) -> tuple[IntArray, dict[str, FloatArray]]:
    """Rows of the first copies of leptons that have radiated; pt, η and φ of the momentum lost since.

    Not all files store photons. The difference holds the recoil too, which is small beside a collinear photon.
    """
    code, event = np.abs(particles["pdgId"]), particles.event[leptons]
    first = leptons
    for _ in range(GENERATIONS):
        above = mothers(particles, event, first)
        copy = (above >= 0) & (code[above] == code[leptons])
        if not copy.any():
            break
        first = np.where(copy, above, first)

    def momentum(rows: IntArray) -> FloatArray:
        """Shape (3, rows)."""
        pt, eta, phi = (particles[name][rows].astype(np.float64) for name in ("pt", "eta", "phi"))
        return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])

    x, y, z = momentum(first) - momentum(leptons)
    pt = np.hypot(x, y)
    lost = pt > _LEAST_RADIATED
    x, y, z, pt = x[lost], y[lost], z[lost], pt[lost]
    return first[lost], {"pt": pt, "eta": np.arcsinh(z / pt), "phi": np.arctan2(y, x)}
