"""Pythia 8 (Bierlich et al., SciPost Phys. Codebases 8) → compact tables of particles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flashbench.errors import ProductionError
from flashbench.production.filters import VbfCuts, vbf_hook
from flashbench.production.genparts import gen_parts
from flashbench.production.particles import NEUTRINOS, charge, is_b_hadron, is_c_hadron, is_invisible, is_parton
from flashbench.production.ragged import BoolArray, FloatArray, Ragged, chain, events_of
from flashbench.production.recipes import COMMON, Recipe
from flashbench.production.record import Record, from_batch, kinematics

BATCH = 250  # events in memory at once: 126 kB each
_LARGEST_ETA = 6.0
_LEAST_SHOWERED = 0.95
_PICOBARN_PER_MILLIBARN = 1e9
_BEFORE_HADRONISATION = (-71, -72, -73, -74)


@dataclass(frozen=True)
class Generated:
    """Generator content of some events; lengths in mm, momenta in GeV, float64.

    Args:
        weights: event weights, nominal first, shape (events, weights).
        visible: stable particles but neutrinos and neutralinos, |eta| < 6: pt, eta, phi, mass, pdgId, charge,
            production point x, y, z (mm, from the collision), `genPart` (index in GenPart or −1).
        neutrinos: pt, eta, phi, pdgId.
        hadrons: last b and c hadrons: pt, eta, phi, pdgId, flavour.
        partons: partons just before hadronisation.
        gen_parts: the GenPart collection.
    """

    weights: FloatArray
    visible: Ragged
    neutrinos: Ragged
    hadrons: Ragged
    partons: Ragged
    gen_parts: Ragged

    @property
    def events(self) -> int:
        return len(self.weights)


@dataclass(frozen=True, slots=True)
class CrossSection:
    """What Pythia says of a run: accepted of tried events, cross-section and its error in pb."""

    tried: int
    accepted: int
    value_pb: float
    error_pb: float


def pythia(settings: Iterable[str], seed: int, hook: Any = None) -> Any:
    """A Pythia ready to generate.

    Raises:
        ProductionError: Pythia is not installed, refuses a setting or cannot start.
    """
    try:
        import pythia8mc
    except ImportError as error:
        problem = f"Pythia 8 is not installed ({error})"
        raise ProductionError("production", problem, "pip install 'flashbench[production]'") from error
    generator = pythia8mc.Pythia("", False)
    for setting in (*COMMON, *settings, f"Random:seed = {seed}"):
        if not generator.readString(setting):
            raise ProductionError("Pythia", f"does not accept '{setting}'")
    if hook is not None:
        generator.setUserHooksPtr(hook)
    if not generator.init():
        raise ProductionError("Pythia", "could not be initialised", f"settings: {', '.join(settings)}")
    return generator


def generate(
    recipe: Recipe, events: int, seed: int, scratch: Path, lhe: Path | None = None
) -> tuple[Generated, CrossSection]:
    """`events` events of a recipe from a fresh Pythia: a pure function of the arguments.

    Args:
        scratch: a directory where the SLHA spectrum can be written.
        lhe: the file that `events` matrix-element events are read from, each once; those few that Pythia cannot
            shower are left out.

    Raises:
        ProductionError: Pythia gave fewer events than asked for, or could shower less than 95 % of the file.
    """
    settings = (*recipe.settings, *([f"Beams:LHEF = {lhe}"] if lhe else []))
    if recipe.slha:
        spectrum = scratch / f"{recipe.process}-{seed}.slha"
        spectrum.write_text(recipe.slha, encoding="ascii")
        settings = (*settings, f"SLHA:file = {spectrum}")
    hook = vbf_hook(VbfCuts()) if recipe.phase_space == "vbf" else None
    generator = pythia(settings, seed, hook)
    parts: list[Generated] = []
    done = 0
    while done < events:
        batch = generator.nextBatch(min(BATCH, events - done))
        if not len(batch):
            break
        parts.append(compact(*from_batch(batch)))
        done += len(batch)
    if done < (_LEAST_SHOWERED * events if lhe else events):
        problem = f"stopped after {done} of {events} events"
        raise ProductionError(f"Pythia, {recipe.process}", problem, "see its messages with the settings of the recipe")
    info = generator.infoPython()
    picobarn = _PICOBARN_PER_MILLIBARN
    cross_section = CrossSection(
        int(info.nTried()), int(info.nAccepted()), info.sigmaGen() * picobarn, info.sigmaErr() * picobarn
    )
    return join(parts), cross_section


def compact(record: Record, weights: FloatArray) -> Generated:
    """The tables that the rest of the chain needs, out of a full record."""
    rows, pdg = record.rows, record.pdg
    parts, index = gen_parts(record)
    momentum = np.hypot(rows["px"], rows["py"])
    central = np.abs(rows["pz"]) < np.sinh(_LARGEST_ETA) * momentum
    seen = record.is_final() & ~is_invisible(pdg) & central
    visible = rows.select(seen)
    columns = kinematics(record, seen)
    positions = {name: visible[name] for name in ("x", "y", "z")}
    columns |= {**positions, "charge": charge(columns["pdgId"]), "genPart": index[seen]}

    beauty, charm = is_b_hadron(pdg), is_c_hadron(pdg)
    last = record.is_last_copy() & ~record.is_final()
    beauty &= last & ~_has_daughter(record, beauty)
    charm &= last & ~_has_daughter(record, charm)
    heavy = beauty | charm
    hadrons = {**kinematics(record, heavy), "flavour": np.where(beauty[heavy], 5, 4)}

    partons = is_parton(pdg) & np.isin(record.status, _BEFORE_HADRONISATION) & (momentum > 1.0)
    neutrinos = record.is_final() & np.isin(np.abs(pdg), NEUTRINOS) & (momentum > 0.5)
    return Generated(
        weights,
        Ragged(visible.counts, columns),
        Ragged(rows.select(neutrinos).counts, kinematics(record, neutrinos)),
        Ragged(rows.select(heavy).counts, hadrons),
        Ragged(rows.select(partons).counts, kinematics(record, partons)),
        parts,
    )


def _has_daughter(record: Record, kind: BoolArray) -> BoolArray:
    return kind[record.daughter1] | kind[record.daughter2]


def join(parts: list[Generated]) -> Generated:
    """Events of several blocks, one after another."""
    return Generated(
        np.concatenate([part.weights for part in parts]),
        chain([part.visible for part in parts]),
        chain([part.neutrinos for part in parts]),
        chain([part.hadrons for part in parts]),
        chain([part.partons for part in parts]),
        chain([part.gen_parts for part in parts]),
    )


def events_of_generated(generated: Generated, first: int, last: int) -> Generated:
    """Events `first` … `last`−1."""
    return Generated(
        generated.weights[first:last],
        events_of(generated.visible, first, last),
        events_of(generated.neutrinos, first, last),
        events_of(generated.hadrons, first, last),
        events_of(generated.partons, first, last),
        events_of(generated.gen_parts, first, last),
    )
