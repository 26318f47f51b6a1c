"""What the full tier must reproduce of real events, as a table: quantity, tolerance, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from flashbench.validation.jets import ETA_RANGES, GEN_PT
from flashbench.validation.measures import Compared

UNDECIDED_SIGMAS: Final = 2.0
"""A quantity outside its tolerance by fewer standard errors than this is undecided: more events could tell."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a quantity may be from the reference.

    Attributes:
        quantity: name of a `Quantity`.
        allowed: largest difference, in the quantity's unit, or as a part of the reference's value if `relative`.
    """

    quantity: str
    allowed: float
    relative: bool = False


TOLERANCES: Final = (
    *(Tolerance(f"jet_resolution_{low}_{high}", 0.15, relative=True) for low, high in GEN_PT),
    *(Tolerance(f"unmatched_{name}_{pt}", 0.30, relative=True) for pt in (20, 25) for name in ETA_RANGES),
    Tolerance("nConstituents", 0.10, relative=True),
    Tolerance("muon_isolation", 0.02),
    Tolerance("btagDeepFlavB_light_area", 0.02),
    *(Tolerance(f"puId_{name}", 0.05) for name in ("loose", "medium", "tight")),
    *(Tolerance(f"jetId_{name}", 0.05) for name in ("tight", "lepton_veto")),
)


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison with its tolerance.

    Attributes:
        floor: mean difference of the quantity between random halves of the reference.
        allowed: largest difference, in the quantity's unit.
        verdict: "pass", "fail", "undecided" (outside, by less than the statistics resolve) or "undefined".
    """

    quantity: str
    label: str
    reference: float
    reference_error: float
    measured: float
    error: float
    floor: float
    allowed: float
    tolerance: Tolerance
    verdict: str

    @property
    def passed(self) -> bool:
        """Within its tolerance."""
        return self.verdict == "pass"

    @property
    def difference(self) -> float:
        """Measured minus reference."""
        return self.measured - self.reference


def check(compared: Compared, tolerance: Tolerance) -> Check:
    """The verdict on one number."""
    want, got = float(compared.reference.value), float(compared.measured.value)
    errors = float(compared.reference.error), float(compared.measured.error)
    allowed = tolerance.allowed * abs(want) if tolerance.relative else tolerance.allowed
    return Check(
        *(tolerance.quantity, compared.quantity.label, want, errors[0], got, errors[1]),
        *(float(compared.floor), allowed, tolerance, _verdict(abs(got - want), allowed, float(np.hypot(*errors)))),
    )


def _verdict(difference: float, allowed: float, error: float) -> str:
    if not np.isfinite(difference):
        return "undefined"
    if difference <= allowed:
        return "pass"
    return "undecided" if difference - allowed < UNDECIDED_SIGMAS * error else "fail"


def check_all(compared: Sequence[Compared], tolerances: Sequence[Tolerance] = TOLERANCES) -> tuple[Check, ...]:
    """Every tolerance whose quantity was measured."""
    known = {each.quantity.name: each for each in compared}
    return tuple(check(known[each.quantity], each) for each in tolerances if each.quantity in known)
