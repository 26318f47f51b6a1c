"""Events and weights that are left after each cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flashbench.errors import RunError, SchemaError

_VERSION = 1


@dataclass(frozen=True, slots=True)
class CutflowStep:
    """What passes one cut and all before it.

    The sums are kept as exact fractions, so that adding blocks gives the same number in every order and
    grouping; read them as floats through `sum_weights` and `sum_weights2`.
    """

    name: str
    events: int
    exact_weights: Fraction
    exact_weights2: Fraction

    @property
    def sum_weights(self) -> float:
        """Σw."""
        return float(self.exact_weights)

    @property
    def sum_weights2(self) -> float:
        """Σw², the variance of `sum_weights`."""
        return float(self.exact_weights2)


@dataclass(frozen=True, slots=True)
class Cutflow:
    """Ordered cuts, each with events, Σw and Σw². Adds exactly; `Cutflow()` is the zero of the addition."""

    steps: tuple[CutflowStep, ...] = ()

    @classmethod
    def count(cls, cuts: Iterable[tuple[str, NDArray[np.bool_]]], weights: ArrayLike) -> Cutflow:
        """Applies cuts one upon the other.

        Args:
            cuts: name and decision, shape (events,), of each cut by itself.
            weights: shape (events,), of either sign.

        Raises:
            SchemaError: a weight is not finite.
        """
        w = np.asarray(weights, dtype=np.float64)
        if not np.isfinite(w).all():
            entry = np.flatnonzero(~np.isfinite(w))[0]
            raise SchemaError("analysis", "genWeight", f"not finite in entry {entry} of the block")
        left = np.ones(len(w), dtype=np.bool_)
        steps = []
        for name, passed in cuts:
            left = left & passed
            sums = (Fraction(float(np.sum(w[left]))), Fraction(float(np.sum(w[left] ** 2))))
            steps.append(CutflowStep(name, int(np.count_nonzero(left)), *sums))
        return cls(tuple(steps))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cuts in order."""
        return tuple(step.name for step in self.steps)

    def __iter__(self) -> Iterator[CutflowStep]:
        return iter(self.steps)

    def __add__(self, other: Cutflow) -> Cutflow:
        """The cutflow of both sets of events.

        Raises:
            RunError: the cuts differ.
        """
        if not isinstance(other, Cutflow):
            return NotImplemented
        if not self.steps or not other.steps:
            return self if self.steps else other
        if self.names != other.names:
            a, b = (", ".join(names) for names in (self.names, other.names))
            raise RunError("cutflow", f"cuts differ: [{a}] and [{b}]", "use the same Cuts for both")
        return Cutflow(tuple(_sum(a, b) for a, b in zip(self.steps, other.steps, strict=True)))

    def merge(self, *others: Cutflow) -> Cutflow:
        """This cutflow plus all others."""
        return sum(others, start=self)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: sums as floats, exact for one block and rounded once for a merged cutflow."""
        return {
            "version": _VERSION,
            "cuts": [
                {
                    "name": step.name,
                    "events": step.events,
                    "sum_weights": step.sum_weights,
                    "sum_weights2": step.sum_weights2,
                }
                for step in self.steps
            ],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Cutflow:
        """Reads what `to_dict` wrote.

        Raises:
            RunError: it is not that.
        """
        if content.get("version") != _VERSION:
            raise RunError("cutflow", f"version {content.get('version')!r} is not {_VERSION}", "run again")
        try:
            steps = tuple(_read_step(cut) for cut in content["cuts"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RunError("cutflow", f"cannot be read: {error!r}", "run again") from error
        return cls(steps)


def _sum(a: CutflowStep, b: CutflowStep) -> CutflowStep:
    return CutflowStep(
        a.name, a.events + b.events, a.exact_weights + b.exact_weights, a.exact_weights2 + b.exact_weights2
    )


def _read_step(cut: Mapping[str, Any]) -> CutflowStep:
    sums = (Fraction(cut["sum_weights"]), Fraction(cut["sum_weights2"]))
    return CutflowStep(str(cut["name"]), int(cut["events"]), *sums)
