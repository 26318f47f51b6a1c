"""Distance of each target between two simulations, on two scales, with what chance alone gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flashbench.stats import wasserstein
from flashbench.validation.flash.samples import KINDS, Kind, Matched, Side
from flashbench.validation.measures import halves

FloatArray = NDArray[np.float64]

SPLITS: Final = 10
"""Random splits in halves that a null is the mean of."""

PUBLISHED: Final[dict[tuple[Kind, str], float]] = {
    ("Jet", "btagDeepB"): 0.0056,
    ("Jet", "pt"): 0.0052,
    ("Jet", "jetId"): 0.030,
    ("Jet", "nConstituents"): 0.614,
    ("Muon", "pt"): 0.00039,
    ("Muon", "dxyErr"): 0.00017,
}
"""W1 of the published prototype on tt̄, in the units of the target; pt is the ratio to the generator's.

References:
    F. Vaselli et al., "FlashSim prototype: an end-to-end fast simulation using Normalizing Flow", CMS NOTE-2023/003.
"""


@dataclass(frozen=True, slots=True)
class TargetDistance:
    """W1 of one target, as it is learned: pt and mass are ratios to the generator's, η and φ differences.

    Attributes:
        full, simulated: objects on either side, of the simulator in all throws of the events.
        distance: W1 in the units of the target; NaN where a side has no objects.
        null: W1 of two independent full simulations of as many objects as were compared.
        halves: W1 of two halves of full simulation, from which the null is scaled.
        spread: standard deviation of full simulation.
        strays: part of the simulated objects beyond the range of the full ones.
        published: W1 of the prototype, NaN if it is not known.
    """

    kind: Kind
    name: str
    full: int
    simulated: int
    distance: float
    null: float
    halves: float
    spread: float
    strays: float
    published: float

    @property
    def constant(self) -> bool:
        """Full simulation gives every object the same value: there is no scale, and every stray is a fault."""
        return self.spread == 0

    @property
    def standardised(self) -> float:
        """Distance over spread; NaN for a constant target."""
        return self.distance / self.spread if self.spread else float("nan")

    @property
    def standardised_null(self) -> float:
        """Null over spread; NaN for a constant target."""
        return self.null / self.spread if self.spread else float("nan")

    @property
    def in_nulls(self) -> float:
        """Distance over null; NaN for a constant target."""
        return self.distance / self.null if self.null else float("nan")

    @property
    def in_halves(self) -> float:
        """Distance over that of two halves of full simulation; NaN for a constant target."""
        return self.distance / self.halves if self.halves else float("nan")


def target_distances(full: Side, thrown: Mapping[Kind, Matched]) -> tuple[TargetDistance, ...]:
    """Every target of jets and muons.

    Args:
        full: side of full simulation.
        thrown: the simulator's matched objects, of one or more throws of the same events.
    """
    n_events = len(full.fakes)
    return tuple(
        _distance(kind, number, full.matched[kind], thrown[kind], n_events)
        for kind in KINDS
        for number in range(len(full.matched[kind].features))
    )


def _distance(kind: Kind, number: int, full: Matched, simulated: Matched, n_events: int) -> TargetDistance:
    name = full.features[number].name
    want, got = full.targets[:, number], simulated.targets[:, number]
    spread = float(np.std(want)) if len(want) else float("nan")
    halved = mean_of_halves(full, n_events, lambda one, two: wasserstein(want[one], want[two]))
    null = null_scale(len(want), len(got)) * halved
    distance = wasserstein(want, got) if len(want) and len(got) else float("nan")
    published = PUBLISHED.get((kind, name), float("nan"))
    sizes = len(want), len(got)
    return TargetDistance(kind, name, *sizes, distance, null, halved, spread, _strays(want, got), published)


def _strays(full: FloatArray, simulated: FloatArray) -> float:
    if not len(full) or not len(simulated):
        return float("nan")
    return float(np.mean((simulated < full.min()) | (simulated > full.max())))


def mean_of_halves(
    full: Matched,
    n_events: int,
    distance: Callable[[NDArray[np.bool_], NDArray[np.bool_]], float],
    splits: int = SPLITS,
) -> float:
    """Mean distance between random halves of the events; NaN where a half is empty.

    Args:
        distance: called with the masks of both halves, each shape (objects,).
    """
    found = []
    for first in halves(n_events, splits):
        one = first[full.event]
        if one.sum() > 1 and (~one).sum() > 1:
            found.append(distance(one, ~one))
    return float(np.mean(found)) if found else float("nan")


def null_scale(full: int, simulated: int) -> float:
    """What turns a distance of two halves into one of `full` and `simulated` objects.

    A distance without a difference goes as the error of a difference, √(1/n + 1/m).
    """
    if not full or not simulated:
        return float("nan")
    return float(np.sqrt((1 / full + 1 / simulated) / (4 / full)))
