"""One column that FlashSim is told or predicts: its values, its bounds, and how a network sees it.

What to use when: `Feature.encode` and `Feature.decode` between a reconstructed quantity and its target,
`Feature.restrict` for values that it may take. The tables of all columns are in `features`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_PI: Final = 3.1415925  # largest float32 below π: an angle stays in range when it is written to disk


class Kind(StrEnum):
    """What values a feature takes."""

    CONTINUOUS = "continuous"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DISCRETE = "discrete"  # `values` is the whole set
    CATEGORY = "category"  # a code without order; `values` is the set, anything else counts as the first
    ANGLE = "angle"  # rad, periodic


class Relation(StrEnum):
    """How a target follows from the reconstructed quantity and its generator anchor."""

    VALUE = "value"
    DIFFERENCE = "difference"
    ANGLE = "angle"  # difference, wrapped
    RATIO = "ratio"


class Scale(StrEnum):
    """How a condition is shown to a network (`standardise.Standardise`)."""

    LINEAR = "linear"
    LOG = "log"  # ln(1 + x / unit), for momenta and masses; and edge / x for every edge, where NanoAOD's thresholds cut
    ETA = "eta"  # x and |x|; for every edge a flag |x| > edge; between every two knots a ramp from 0 to 1
    PHI = "phi"  # cos and sin
    ONE_HOT = "one-hot"
    FLAG = "flag"  # 0 or 1 as it stands
    LABEL = "label"  # not at all: for calibration only


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a condition or target matrix.

    Attributes:
        name: column name, unique in its table.
        kind: the values it takes.
        low, high: inclusive bounds of the column; `special` values may lie outside.
        values: allowed values of a discrete feature or categories.
        special: values with a meaning of their own outside the range, e.g. −1 = not computed.
        branch: NanoAOD branch that a target is learned from; empty for a condition.
        relation: how the column follows from the branch.
        anchor: condition column that `relation` refers to; empty for `Relation.VALUE`.
        floor: a ratio divides by max(anchor, floor): the mass of a one-particle generator jet says nothing.
        physical: inclusive bounds of the reconstructed quantity itself.
        least: smallest reconstructed quantity with which NanoAOD stores the object.
        scale: how a condition is shown to a network.
        edges: |x| where the detector changes, for `Scale.ETA`; thresholds, for `Scale.LOG`.
        knots: |x| that `Scale.ETA` draws ramps between, increasing: with them a network follows any course in |x|.
        unit: below it `Scale.LOG` is nearly linear, GeV.
        trend: a target whose draws are moved by what the flow's mean misses (`classes.ByClass`).
        classes: the target transforms are calibrated for each of its values apart (`classes.ByClass`).
    """

    name: str
    kind: Kind = Kind.CONTINUOUS
    low: float = -np.inf
    high: float = np.inf
    values: tuple[float, ...] = ()
    special: tuple[float, ...] = ()
    branch: str = ""
    relation: Relation = Relation.VALUE
    anchor: str = ""
    floor: float = 1e-3
    physical: tuple[float, float] = (-np.inf, np.inf)
    least: float = -np.inf
    scale: Scale = Scale.LINEAR
    edges: tuple[float, ...] = ()
    knots: tuple[float, ...] = ()
    unit: float = 1.0
    trend: bool = False
    classes: bool = False

    @property
    def is_discrete(self) -> bool:
        """True where every value is taken with a probability of its own."""
        return self.kind in (Kind.INTEGER, Kind.BOOLEAN, Kind.DISCRETE)

    def allows(self, column: FloatArray) -> NDArray[np.bool_]:
        """Which entries of `column` this feature may take; shape as given."""
        inside = (column >= self.low) & (column <= self.high)
        if self.is_discrete:
            inside &= column == np.rint(column)
        if self.values:
            inside &= np.isin(column, self.values)
        return np.asarray(inside | np.isin(column, self.special))

    def restrict(self, column: FloatArray) -> FloatArray:
        """`column` with every entry that is not allowed moved to the nearest allowed one; float64.

        A category is taken by magnitude, and is the first one where it is unknown.
        """
        if self.kind is Kind.CATEGORY:
            code = np.abs(column).astype(np.float64)
            return np.where(np.isin(code, self.values), code, self.values[0])
        moved = np.clip(np.nan_to_num(column), self.low, self.high)
        if self.is_discrete:
            moved = np.rint(moved)
        if self.values:
            allowed = np.sort(np.asarray(self.values, np.float64))
            moved = allowed[np.searchsorted((allowed[1:] + allowed[:-1]) / 2, moved)]
        return np.where(np.isin(column, self.special), column, moved)

    def encode(self, reconstructed: FloatArray, anchor: FloatArray | None = None) -> FloatArray:
        """Target column of a reconstructed quantity, within `allows`; both of shape (objects,)."""
        return self.restrict(self._relate(np.asarray(reconstructed, np.float64), anchor))

    def decode(self, target: FloatArray, anchor: FloatArray | None = None) -> FloatArray:
        """Reconstructed quantity of a target column, within `physical`; the inverse of `encode`."""
        if self.relation is Relation.VALUE or anchor is None:
            return np.clip(target, *self.physical) if np.isfinite(self.physical).any() else target
        if self.relation is Relation.RATIO:
            return np.clip(target * np.maximum(anchor, self.floor), *self.physical)
        if self.relation is Relation.DIFFERENCE:
            return np.clip(target + anchor, *self.physical)
        return wrap(target + anchor)

    def _relate(self, reconstructed: FloatArray, anchor: FloatArray | None) -> FloatArray:
        if self.relation is Relation.VALUE or anchor is None:
            return reconstructed
        if self.relation is Relation.RATIO:
            return reconstructed / np.maximum(anchor, self.floor)
        difference = reconstructed - anchor
        return difference if self.relation is Relation.DIFFERENCE else wrap(difference)


def wrap(angle: FloatArray) -> FloatArray:
    """The same direction in [−π, π], rad; |result| stays below π as a float32 too."""
    turned = angle - 2 * np.pi * np.rint(angle / (2 * np.pi))
    return np.clip(turned, -_PI, _PI)
