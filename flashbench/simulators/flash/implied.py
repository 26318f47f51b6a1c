"""Values that go together without exception: where one target takes a certain value, another is known.

A jet whose DeepCSV could not be computed has no b and no c score; a muon without any particle around it has no charged
one either. A flow knows such rules up to the sharpness of its edges and breaks them for a few objects in a thousand;
`find` reads them off the training sample, so that what is made from the flow's draws never breaks them.

What to use when: `find` on training columns, `apply` on generated ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flashbench.simulators.flash.feature import FloatArray

BoolArray = NDArray[np.bool_]

_LEAST_SHARE: Final = 1 / 500  # of the rows that a rule must hold for
_LEAST_SETTLED: Final = 0.1  # of the rows in which the effect takes its value
_LEAST_EXCEPTIONS: Final = 50.0  # expected if the two targets were independent: none by chance


class Implication(NamedTuple):
    """Where target `cause` is `when`, target `effect` is `then`; targets by column number."""

    cause: int
    when: float
    effect: int
    then: float


def find(columns: FloatArray) -> tuple[Implication, ...]:
    """Rules that every row keeps and that chance cannot explain, of spikes at an end of the cause's range.

    A target is the effect of one rule at most, the one that settles most rows, and rules form no circle. They are
    returned in an order in which each cause is settled before its effects.

    Args:
        columns: shape (rows, targets).
    """
    rows, targets = columns.shape
    found: list[tuple[int, Implication]] = []
    for cause in range(targets):
        for when in {float(columns[:, cause].min()), float(columns[:, cause].max())}:
            inside = columns[:, cause] == when
            if _LEAST_SHARE * rows <= inside.sum() < rows:
                found += [(int(inside.sum()), rule) for rule in _effects(columns, inside, cause, when)]
    chosen: dict[int, Implication] = {}
    for _, rule in sorted(found, key=lambda each: (-each[0], each[1])):
        if rule.effect not in chosen and rule.effect not in _causes(rule.cause, chosen):
            chosen[rule.effect] = rule
    return tuple(sorted(chosen.values(), key=lambda rule: (len(_causes(rule.effect, chosen)), rule.effect)))


def _effects(columns: FloatArray, inside: BoolArray, cause: int, when: float) -> Iterable[Implication]:
    values = columns[inside]
    for effect in np.flatnonzero((values == values[0]).all(axis=0)):
        then = values[0, effect]
        taken = np.count_nonzero(columns[:, effect] == then)
        exceptions = len(values) * (1 - taken / len(columns))
        if effect != cause and exceptions > _LEAST_EXCEPTIONS and len(values) > _LEAST_SETTLED * taken:
            yield Implication(cause, when, int(effect), float(then))


def _causes(target: int, chosen: dict[int, Implication]) -> set[int]:
    """`target` and everything that it follows from."""
    causes = {target}
    while target in chosen:
        target = chosen[target].cause
        causes.add(target)
    return causes


def apply(rules: Sequence[Implication], columns: Sequence[FloatArray]) -> None:
    """Set what the rules settle, in place.

    Args:
        columns: one a target, each of shape (rows,).
    """
    for rule in rules:
        columns[rule.effect][columns[rule.cause] == rule.when] = rule.then
