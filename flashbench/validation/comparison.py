"""Two samples laid beside each other: every declared quantity, distribution and curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from flashbench.progress import Progress
from flashbench.stats import RocCurve
from flashbench.validation import jets, muons
from flashbench.validation.checks import Check, check_all
from flashbench.validation.measures import (
    Compared,
    Distribution,
    Quantity,
    Roc,
    distance,
    distance_floor,
    floor,
    measure,
)
from flashbench.validation.objects import Objects

FloatArray = NDArray[np.float64]
_Result = TypeVar("_Result")

QUANTITIES: Final = (*jets.QUANTITIES, *muons.QUANTITIES)
DISTRIBUTIONS: Final = (*jets.DISTRIBUTIONS, *muons.DISTRIBUTIONS)
ROCS: Final = jets.ROCS


@dataclass(frozen=True, slots=True)
class Spectra:
    """A distribution in both samples.

    Attributes:
        reference, measured: values, shape (entries,).
        distance: W1 between them; `floor`: mean W1 between random halves of the reference. NaN without entries.
        spread: standard deviation of the reference's values, the scale of W1.
    """

    distribution: Distribution
    reference: FloatArray
    measured: FloatArray
    distance: float
    floor: float
    spread: float

    @property
    def entries(self) -> int:
        """Of both samples."""
        return len(self.reference) + len(self.measured)

    @property
    def in_floors(self) -> float:
        """W1 over its floor; NaN where that is zero."""
        return self.distance / self.floor if self.floor else float("nan")

    @property
    def in_spreads(self) -> float:
        """W1 over the spread: the distance of the standardised quantity; NaN where that is zero."""
        return self.distance / self.spread if self.spread else float("nan")


@dataclass(frozen=True, slots=True)
class Curves:
    """A ROC in both samples; None where one has no signal or background."""

    roc: Roc
    reference: RocCurve | None
    measured: RocCurve | None


@dataclass(frozen=True, slots=True)
class ObjectComparison:
    """Everything measured of a sample against a reference.

    Attributes:
        left_out: quantity, distribution or curve to the branches that one of the samples lacks.
    """

    reference: Objects
    sample: Objects
    quantities: tuple[Compared, ...]
    spectra: tuple[Spectra, ...]
    curves: tuple[Curves, ...]
    checks: tuple[Check, ...]
    left_out: tuple[tuple[str, tuple[str, ...]], ...]


def compare_objects(
    reference: Objects,
    sample: Objects,
    *,
    quantities: Sequence[Quantity] = QUANTITIES,
    distributions: Sequence[Distribution] = DISTRIBUTIONS,
    rocs: Sequence[Roc] = ROCS,
    progress: Progress | None = None,
) -> ObjectComparison:
    """Measure two samples and their differences.

    What needs a branch that either sample lacks is left out, and listed.
    """
    absent = reference.absent | sample.absent
    declared: tuple[Quantity | Distribution | Roc, ...] = (*quantities, *distributions, *rocs)
    lacking = {each.name: tuple(sorted(absent.intersection(each.needs))) for each in declared}
    steps = _Steps(sum(not lacking[each.name] for each in declared), progress)
    compared = tuple(steps.of(_compare(each, reference, sample)) for each in quantities if not lacking[each.name])
    spectra = tuple(steps.of(_spectra(each, reference, sample)) for each in distributions if not lacking[each.name])
    curves = tuple(
        steps.of(Curves(each, each.curve(reference), each.curve(sample))) for each in rocs if not lacking[each.name]
    )
    checks = check_all([each for each in compared if not each.quantity.edges])
    left_out = tuple((name, branches) for name, branches in lacking.items() if branches)
    return ObjectComparison(reference, sample, compared, spectra, curves, checks, left_out)


class _Steps:
    """Reports each result as it comes."""

    def __init__(self, total: int, report: Progress | None) -> None:
        self.done, self.total, self.report = 0, total, report

    def of(self, result: _Result) -> _Result:
        """The result, once it is reported."""
        self.done += 1
        if self.report is not None:
            self.report(self.done, self.total)
        return result


def _compare(quantity: Quantity, reference: Objects, sample: Objects) -> Compared:
    return Compared(quantity, measure(quantity, reference), measure(quantity, sample), floor(quantity, reference))


def _spectra(distribution: Distribution, reference: Objects, sample: Objects) -> Spectra:
    values = distribution.values(reference)[0], distribution.values(sample)[0]
    spread = float(np.std(values[0])) if len(values[0]) else float("nan")
    apart = distance(distribution, reference, sample), distance_floor(distribution, reference)
    return Spectra(distribution, *values, *apart, spread)
