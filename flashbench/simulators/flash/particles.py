"""GenPart of a block, and what of it lies within each generator jet.

What to use when: `gen_particles` to leave awkward, `within_jets` for the leptons and photons, the quark of the hard
process and the heavy hadron of each GenJet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import awkward as ak
import numpy as np

from flashbench.errors import SchemaError
from flashbench.simulators.flash.feature import FloatArray
from flashbench.simulators.flash.features import HEAVY_HADRONS, QUARKS, STATUS_FLAGS
from flashbench.simulators.flash.pairs import BoolArray, Flat, Pairs, carried, flatten, hardest, pairs
from flashbench.simulators.gen import LAST_COPY

OUTGOING: Final = 23  # GenPart_status of what leaves the hard process
_ELECTRON, _MUON, _TAU, _PHOTON = 11, 13, 15, 22
_PROMPT: Final = sum(1 << STATUS_FLAGS.index(name) for name in ("isPrompt", "isPromptTauDecayProduct"))


@dataclass(frozen=True, slots=True)
class Contents:
    """Particles within each jet, all of shape (jets,); 0 where there is none.

    Attributes:
        electrons, taus: scalar sum of pt of stable electrons, and of taus before their decay.
        prompt_electrons, prompt_muons: the same of stable leptons of the hard process, or of its taus.
        photons, prompt_photons: the same of photons, all that the file stores and those that no hadron decayed to.
        quark, quark_pt: |PDG code| 1–5 and pt of the hardest quark that leaves the hard process.
        hadron, hadron_pt: |PDG code| and pt of the hardest weakly decaying c or b hadron.
    """

    electrons: FloatArray
    taus: FloatArray
    prompt_electrons: FloatArray
    prompt_muons: FloatArray
    photons: FloatArray
    prompt_photons: FloatArray
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


def gen_particles(events: ak.Array) -> Flat:
    """All of GenPart.

    Raises:
        SchemaError: the block has no GenPart collection.
    """
    require(events, "GenPart")
    return flatten(events.GenPart, ("pt", "eta", "phi", "pdgId", "status", "statusFlags"))


def within_jets(jets: Flat, particles: Flat, radius: float) -> Contents:
    """What lies within `radius` in ΔR of each jet.

    Args:
        jets: with `eta` and `phi`.
        particles: from `gen_particles`, of the same events.
        radius: largest ΔR.
    """
    code, last = np.abs(particles["pdgId"]), (particles["statusFlags"] & LAST_COPY) != 0
    stable = np.isin(code, (_ELECTRON, _MUON, _PHOTON)) & (particles["status"] == 1)
    light = last & (stable | (code == _TAU))
    quark = np.isin(code, QUARKS) & (particles["status"] == OUTGOING)
    hadron = last & np.isin(code, HEAVY_HADRONS)
    chosen = light | quark | hadron
    found = particles.select(chosen)
    near = pairs(jets, found, radius)
    code, prompt = code[chosen], (found["statusFlags"] & _PROMPT) != 0

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
    electron, photon = of == _ELECTRON, of == _PHOTON
    leptons = total(electron), total(of == _TAU), total(electron & of_prompt), total((of == _MUON) & of_prompt)
    photons = total(photon), total(photon & of_prompt)
    quarks, hadrons = near.take(np.isin(of, QUARKS)), near.take(np.isin(of, HEAVY_HADRONS))
    return Contents(*leptons, *photons, *top(quarks), *top(hadrons))
