"""Everything that is measured of one process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from flashbench.progress import Progress
from flashbench.stats import RocCurve, roc_area
from flashbench.validation.flash.planes import PLANES, PlaneResult, plane_result
from flashbench.validation.flash.quantities import B_TAG, PROFILES, ROCS
from flashbench.validation.flash.samples import KINDS, Gathered, Kind
from flashbench.validation.flash.targets import TargetDistance, target_distances
from flashbench.validation.flash.together import Correlations, Separation, correlations, separation
from flashbench.validation.measures import Distribution, Measured, Quantity, Roc, measure

_Result = TypeVar("_Result")

REPLICAS: Final = 25
"""Bootstrap replicas of a profile's errors: known to 14 %."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A quantity on every side, by its name."""

    quantity: Quantity
    sides: dict[str, Measured]


@dataclass(frozen=True, slots=True)
class Curve:
    """A ROC on every side, by its name; None where one has no signal or background.

    Attributes:
        errors: of the areas, jets taken as independent.
    """

    roc: Roc
    sides: dict[str, RocCurve | None]
    errors: dict[str, float]

    def area(self, side: str) -> float:
        """Area under the curve; NaN without one."""
        curve = self.sides.get(side)
        return curve.area if curve else float("nan")

    def error_of_difference(self, side: str) -> float:
        """Of an area and the full one, as if they had no events in common; NaN without one."""
        nan = float("nan")
        return float(np.hypot(self.errors.get(side, nan), self.errors.get("full", nan)))


@dataclass(frozen=True, slots=True)
class Score:
    """A tagger's values for one flavour on every side, by its name."""

    distribution: Distribution
    sides: dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class FakeNumber:
    """Fakes an event on one side: mean and its standard error."""

    mean: float
    error: float


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """What was measured of one process."""

    gathered: Gathered
    targets: tuple[TargetDistance, ...]
    correlations: dict[Kind, Correlations]
    separations: dict[Kind, Separation]
    planes: tuple[PlaneResult, ...]
    profiles: tuple[Profile, ...]
    curves: tuple[Curve, ...]
    scores: tuple[Score, ...]
    fakes: dict[str, FakeNumber]

    def of(self, kind: Kind) -> tuple[TargetDistance, ...]:
        """Distances of the targets of one kind that vary in full simulation."""
        return tuple(each for each in self.targets if each.kind == kind and not each.constant)

    def constants(self, kind: Kind) -> tuple[TargetDistance, ...]:
        """Those that do not vary."""
        return tuple(each for each in self.targets if each.kind == kind and each.constant)

    def mean_distance(self, kind: Kind) -> float:
        """Mean W1 of the standardised targets of one kind, constant ones left out."""
        return _mean([each.standardised for each in self.of(kind)])

    def mean_null(self, kind: Kind) -> float:
        """The same of two full simulations."""
        return _mean([each.standardised_null for each in self.of(kind)])


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def measure_process(gathered: Gathered, *, seed: int = 0, progress: Progress | None = None) -> ProcessResult:
    """Measure one process; what needs a branch that a side lacks is left out.

    Args:
        seed: of the classifiers.
        progress: called with measurements done and in all.
    """
    full, simulated, n_events = gathered.full, gathered.simulated, len(gathered.full.fakes)
    profiles = [each for each in PROFILES if _has(gathered, each.needs)]
    planes = [each for each in PLANES if _has(gathered, each.needs)]
    rocs = [each for each in ROCS if _has(gathered, each.needs)]
    scores = [each for each in B_TAG if _has(gathered, each.needs)]
    total = 2 * len(KINDS) + 1 + len(profiles) + len(planes) + len(rocs) + len(scores)
    done = 0

    def step(result: _Result) -> _Result:
        """The result, once it is reported."""
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)
        return result

    pairs = {kind: (full.matched[kind], simulated.matched[kind]) for kind in KINDS}
    return ProcessResult(
        gathered,
        step(target_distances(full, gathered.thrown)),
        {kind: step(correlations(kind, *pair, n_events)) for kind, pair in pairs.items()},
        {kind: step(separation(kind, *pair, n_events, seed)) for kind, pair in pairs.items()},
        tuple(step(plane_result(plane, gathered)) for plane in planes),
        tuple(step(_profile(quantity, gathered)) for quantity in profiles),
        tuple(step(_curve(roc, gathered)) for roc in rocs),
        tuple(step(Score(each, {s.name: each.values(s.objects)[0] for s in gathered.sides})) for each in scores),
        {side.name: _number(side.fakes) for side in gathered.sides},
    )


def _has(gathered: Gathered, needs: tuple[str, ...]) -> bool:
    return gathered.branches.issuperset(needs)


def _curve(roc: Roc, gathered: Gathered) -> Curve:
    curves, errors = {}, {}
    for side in gathered.sides:
        curves[side.name] = roc.curve(side.objects)
        table = side.objects.tables[roc.table]
        scores = (table[roc.score][select(table)] for select in (roc.signal, roc.background))
        errors[side.name] = roc_area(*scores).error if curves[side.name] else float("nan")
    return Curve(roc, curves, errors)


def _profile(quantity: Quantity, gathered: Gathered) -> Profile:
    return Profile(quantity, {side.name: measure(quantity, side.objects, REPLICAS) for side in gathered.sides})


def _number(fakes: NDArray[np.int64]) -> FakeNumber:
    return FakeNumber(float(fakes.mean()), float(fakes.std() / np.sqrt(len(fakes))))
