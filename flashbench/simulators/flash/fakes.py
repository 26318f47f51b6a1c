"""Fake jets: reconstructed jets that no generator jet stands behind, from pile-up, noise and soft radiation.

Their number in an event is drawn from a categorical distribution given pile-up and the number of GenJets, their
features from a flow given the same; the azimuth is uniform where no generator jet lies, since a second jet of radius
0.4 cannot stand there.

What to use when: `FAKE_CONDITIONS` and `FAKE_TARGETS` for the tables, `FakeJets` to draw them, `free_azimuth` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from flashbench.simulators.flash.conditions import PILEUP, Columns, stack
from flashbench.simulators.flash.feature import Feature, FloatArray, Kind, Relation
from flashbench.simulators.flash.features import JET_TARGETS, MUON_CONDITIONS
from flashbench.simulators.flash.pairs import Flat, IntArray, pairs

if TYPE_CHECKING:
    from flashbench.simulators.flash.efficiency import Classifier
    from flashbench.simulators.flash.model import FlowModel

MOST_FAKES: Final = 30  # in one event; more are counted as so many
_RADIUS: Final = 0.4
_ATTEMPTS: Final = 6

FAKE_CONDITIONS: Final = (
    *(feature for feature in MUON_CONDITIONS if feature.name in PILEUP),
    Feature("nGenJet", Kind.INTEGER, 0.0),
)
FAKE_TARGETS: Final = (
    Feature("pt", low=0.0, high=1e4, branch="Jet_pt"),
    Feature("eta", low=-5.3, high=5.3, branch="Jet_eta"),
    Feature("mass", low=0.0, high=1e3, branch="Jet_mass"),
    *(feature for feature in JET_TARGETS if feature.relation is Relation.VALUE),
)


def fake_targets_for(branches: Iterable[str]) -> tuple[Feature, ...]:
    """Features of fake jets whose NanoAOD branch is among `branches`, in table order."""
    held = frozenset(branches)
    return tuple(feature for feature in FAKE_TARGETS if feature.branch in held)


@dataclass(frozen=True)
class FakeJets:
    """Draws fake jets.

    Attributes:
        number: probability of 0, 1, 2, … fakes in an event.
        features: flow of one fake's features.
    """

    number: Classifier
    features: FlowModel

    def draw(self, columns: Columns, jets: Flat, rng: np.random.Generator, threads: int = 1) -> Flat:
        """Fake jets of a block.

        Args:
            columns: from `conditions.event_conditions`, each of shape (events,).
            jets: generator jets of the same events.
            rng: source of randomness.
            threads: of the flow; the result does not depend on them.

        Returns:
            `pt`, `eta`, `phi`, `mass` and the other features, each of shape (fakes,).
        """
        conditions = stack(columns, FAKE_CONDITIONS)
        counts = self.number.throw(conditions, rng)
        event = np.repeat(np.arange(len(counts)), counts)
        values = self.features.generate(conditions[event], rng, threads)
        drawn = {f.name: f.decode(values[:, k]) for k, f in enumerate(self.features.targets)}
        fakes = Flat(drawn, counts)
        fakes.columns["phi"] = free_azimuth(fakes, jets, rng)
        return fakes


def free_azimuth(fakes: Flat, jets: Flat, rng: np.random.Generator) -> FloatArray:
    """Azimuth of each fake, uniform where its ΔR to every jet of the event exceeds 0.4; shape (fakes,).

    After six attempts the last one stands: a crowded event has no room left.
    """
    attempts = rng.uniform(-np.pi, np.pi, (_ATTEMPTS, len(fakes)))
    phi: FloatArray = attempts[0].copy()
    blocked = _blocked(fakes, phi, jets, np.arange(len(fakes)))
    for attempt in attempts[1:]:
        if not len(blocked):
            break
        phi[blocked] = attempt[blocked]
        blocked = _blocked(fakes, phi, jets, blocked)
    return phi


def _blocked(fakes: Flat, phi: FloatArray, jets: Flat, rows: IntArray) -> IntArray:
    """Those of `rows` that lie within 0.4 of a jet."""
    mask = np.zeros(len(fakes), dtype=bool)
    mask[rows] = True
    chosen = Flat({"eta": fakes["eta"], "phi": phi}, fakes.counts).select(mask)
    return rows[np.unique(pairs(chosen, jets, _RADIUS).left)]
