"""NanoAOD branches from those of a Delphes tree, one function each; the README says what is approximated.

References:
    DELPHES 3 Collaboration, JHEP 02 (2014) 057.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import awkward as ak
import numpy as np

MUON_MASS = 0.1056583755  # GeV
LAST_COPY = 1 << 13
MM = 0.1  # cm
MUONS = ("Muon", "MuonTight", "MuonMedium", "MuonLoose")
JET_RADIUS, MUON_RADIUS = 0.4, 0.1


class Columns(Protocol):
    """Columns of a range of entries."""

    def __call__(self, name: str) -> Any:
        """One branch, e.g. `Jet.PT`: a list an event."""
        ...

    def has(self, name: str) -> bool:
        """Whether the file holds it."""
        ...


Recipe = Callable[[Columns], Any]


def plain(name: str, scale: float = 1.0) -> Recipe:
    """The branch itself, times a unit."""
    return lambda get: get(name) * scale if scale != 1 else get(name)


def constant(like: str, value: float | int | bool) -> Recipe:
    """One value for every object."""
    return lambda get: ak.full_like(get(like), value, dtype=np.asarray(value).dtype)


def event_number(get: Columns) -> Any:
    """`Event.Number`, one an event."""
    return ak.firsts(get("Event.Number"))


def one(get: Columns) -> Any:
    """1 for every event."""
    return ak.Array(np.ones(len(get("Event.Number")), np.int64))


def weight(get: Columns) -> Any:
    """`Event.Weight`, 1 where the reader of the events filled none."""
    return ak.firsts(get("Event.Weight")) if get.has("Event.Weight") else one(get)


def status_flags(get: Columns) -> Any:
    """isLastCopy for stable particles."""
    return LAST_COPY * ak.values_astype(get("Particle.Status") == 1, "int32")


def flavour(collection: str) -> Recipe:
    """PDG code, 0 where the card fills none."""
    name = f"{collection}.Flavor"
    return lambda get: (
        ak.values_astype(get(name), "int32")
        if get.has(name)
        else ak.full_like(get(f"{collection}.PT"), 0, dtype=np.int32)
    )


def hadron_flavour(collection: str) -> Recipe:
    """5, 4 or 0 of the parton flavour."""

    def recipe(get: Columns) -> Any:
        code = abs(flavour(collection)(get))
        return ak.where((code == 5) | (code == 4), code, 0)

    return recipe


def b_tag(get: Columns) -> Any:
    """1 where the first working point passes, else 0."""
    return ak.values_astype(ak.values_astype(get("Jet.BTag"), "int64") & 1, "float64")


def constituents(get: Columns) -> Any:
    """Charged and neutral ones."""
    return get("Jet.NCharged") + get("Jet.NNeutrals")


def jet_link(get: Columns) -> Any:
    """Index of the closest generator jet within ΔR 0.4."""
    return closest(get, ("Jet", "GenJet"), JET_RADIUS, ak.ones_like(get("GenJet.PT"), dtype=bool))


def muon_link(muons: str) -> Recipe:
    """Index of the closest stable muon among the particles within ΔR 0.1."""

    def recipe(get: Columns) -> Any:
        stable = (abs(get("Particle.PID")) == 13) & (get("Particle.Status") == 1)
        return closest(get, (muons, "Particle"), MUON_RADIUS, stable)

    return recipe


def closest(get: Columns, pair: tuple[str, str], radius: float, chosen: Any) -> Any:
    """Index of the closest of the chosen others within a radius, −1 without one.

    Args:
        get: columns.
        pair: collections of the objects and of the others.
        radius: ΔR.
        chosen: which of the others, shape (events, others).

    Returns:
        Shape (events, objects).
    """
    objects, others = pair
    index = ak.local_index(get(f"{others}.PT"))
    eta, phi = get(f"{objects}.Eta"), get(f"{objects}.Phi")
    other_eta, other_phi, places = (values[chosen] for values in (get(f"{others}.Eta"), get(f"{others}.Phi"), index))
    left, right = ak.unzip(ak.cartesian([eta, other_eta], axis=1, nested=True))
    left_phi, right_phi = ak.unzip(ak.cartesian([phi, other_phi], axis=1, nested=True))
    _, place = ak.unzip(ak.cartesian([phi, places], axis=1, nested=True))
    turn = (left_phi - right_phi + np.pi) % (2 * np.pi) - np.pi
    distance = np.hypot(left - right, turn)
    nearest = ak.argmin(distance, axis=2, keepdims=True)
    near = ak.fill_none(ak.firsts(distance[nearest], axis=2), np.inf) < radius
    return ak.where(near, ak.fill_none(ak.firsts(place[nearest], axis=2), -1), -1)


def recipes(muons: str) -> dict[str, tuple[Recipe, tuple[str, ...]]]:
    """NanoAOD name → recipe and the Delphes branches without which it cannot be.

    Args:
        muons: the muon collection of the file.
    """
    table: dict[str, tuple[Recipe, tuple[str, ...]]] = {
        "run": (one, ("Event.Number",)),
        "luminosityBlock": (one, ("Event.Number",)),
        "event": (event_number, ("Event.Number",)),
        "genWeight": (weight, ("Event.Number",)),
        "GenPart_statusFlags": (status_flags, ("Particle.Status",)),
        "GenJet_partonFlavour": (flavour("GenJet"), ("GenJet.PT",)),
        "GenJet_hadronFlavour": (hadron_flavour("GenJet"), ("GenJet.PT",)),
        "Jet_partonFlavour": (flavour("Jet"), ("Jet.PT",)),
        "Jet_hadronFlavour": (hadron_flavour("Jet"), ("Jet.PT",)),
        "Jet_jetId": (constant("Jet.PT", 6), ("Jet.PT",)),
        "Jet_puId": (constant("Jet.PT", 7), ("Jet.PT",)),
        "Jet_btagDeepFlavB": (b_tag, ("Jet.BTag",)),
        "Jet_nConstituents": (constituents, ("Jet.NCharged", "Jet.NNeutrals")),
        "Jet_genJetIdx": (jet_link, ("Jet.Eta", "Jet.Phi", "GenJet.Eta", "GenJet.Phi", "GenJet.PT")),
        "Muon_mass": (constant(f"{muons}.PT", MUON_MASS), (f"{muons}.PT",)),
        "Muon_mediumId": (constant(f"{muons}.PT", True), (f"{muons}.PT",)),
        "Muon_genPartIdx": (
            muon_link(muons),
            (f"{muons}.Eta", f"{muons}.Phi", *(f"Particle.{n}" for n in ("PID", "Status", "PT", "Eta", "Phi"))),
        ),
    }
    copied = {
        **{f"GenPart_{n}": f"Particle.{d}" for n, d in (*KINEMATICS, ("mass", "Mass"), ("pdgId", "PID"))},
        "GenPart_status": "Particle.Status",
        "GenPart_genPartIdxMother": "Particle.M1",
        **{f"GenJet_{n}": f"GenJet.{d}" for n, d in (*KINEMATICS, ("mass", "Mass"))},
        **{f"Jet_{n}": f"Jet.{d}" for n, d in (*KINEMATICS, ("mass", "Mass"))},
        **{f"Muon_{n}": f"{muons}.{d}" for n, d in (*KINEMATICS, ("charge", "Charge"))},
        "Muon_pfRelIso04_all": f"{muons}.IsolationVar",
    }
    lengths = {"dxy": "D0", "dxyErr": "ErrorD0", "dz": "DZ", "dzErr": "ErrorDZ"}
    table |= {name: (plain(source), (source,)) for name, source in copied.items()}
    table |= {f"Muon_{name}": (plain(f"{muons}.{d}", MM), (f"{muons}.{d}",)) for name, d in lengths.items()}
    return table


KINEMATICS = (("pt", "PT"), ("eta", "Eta"), ("phi", "Phi"))
