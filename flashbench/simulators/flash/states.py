"""What is decided of an object before its flow is asked: identification, and which scores there are at all.

A flow is smooth, and where its training has few objects it blurs a probability that jumps: forward jets fail `jetId`
too often, hard jets lose their b tag. Values that many objects share are therefore drawn first, all together, by a
classifier; the flow is told what came out and draws the rest.

What to use when: `find_states` on training columns, `States` to fill and to merge columns, `StateChooser` to draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from flashbench.simulators.flash.efficiency import Classifier
from flashbench.simulators.flash.feature import Feature, FloatArray, Kind, Scale

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

SPIKE_SHARE: Final = 1 / 50
"""A value that so many rows have is decided first …"""

SPIKE_ROWS: Final = 20
"""… if it is so many rows at least."""

_TABLE: Final = "states"


@dataclass(frozen=True)
class States:
    """The combinations of decided values that a training sample holds.

    Attributes:
        targets: features of all target columns.
        table: shape (states, targets): the value that a state settles, NaN where it leaves the target open.
    """

    targets: tuple[Feature, ...]
    table: FloatArray

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What the flow is told: a flag for each value that a target is settled at, which names it as `anchor`."""
        return tuple(_flag(self.targets[j], value) for j, value in self._values)

    @cached_property
    def flags(self) -> FloatArray:
        """Columns of `features` for each state, shape (states, flags)."""
        columns = [self.table[:, j] == value for j, value in self._values]
        return np.array(columns, np.float64).reshape(len(columns), len(self.table)).T

    @cached_property
    def open(self) -> IntArray:
        """Targets that some state leaves open: those of the flow."""
        return np.flatnonzero(np.isnan(self.table).any(axis=0))

    @property
    def flow_targets(self) -> tuple[Feature, ...]:
        """Features of `open`."""
        return tuple(self.targets[j] for j in self.open)

    @property
    def _values(self) -> list[tuple[int, float]]:
        return [(j, float(v)) for j, column in enumerate(self.table.T) for v in np.unique(column[~np.isnan(column)])]

    def filled(self, values: FloatArray, state: IntArray, rng: np.random.Generator) -> FloatArray:
        """Columns of the flow, with what a state settles replaced by values of other rows, which say nothing.

        Args:
            values: shape (rows, targets).
            state: of each row.
            rng: of which rows.
        """
        columns = values[:, self.open]
        settled = ~np.isnan(self.table)[state][:, self.open]
        for column, known in zip(columns.T, settled.T, strict=True):
            column[known] = rng.choice(column[~known], int(known.sum()))
        return columns

    def merged(self, drawn: FloatArray, state: IntArray) -> FloatArray:
        """All targets, shape (rows, targets): those that the flow has drawn, and over them what the state settles."""
        settled = self.table[state]
        values = np.empty((len(self.targets), len(state)))
        values[self.open] = drawn.T
        return np.where(np.isnan(settled), values.T, settled)


def find_states(values: FloatArray, targets: Sequence[Feature]) -> tuple[States, IntArray]:
    """The states of a training sample, and that of each row.

    Decided are flags and discrete targets, and of others but integers each value of a row in fifty, and of 20 at least.

    Args:
        values: shape (rows, targets).
        targets: one a column.

    Example:
        >>> tag = Feature("tag", low=0.0, high=1.0, special=(-1.0,))
        >>> column = np.append(np.full(30, -1.0), np.linspace(0.1, 0.9, 70))
        >>> states, state = find_states(column[:, None], [tag])
        >>> states.table.ravel().tolist(), [feature.name for feature in states.features]
        ([-1.0, nan], ['tag=-1'])
    """
    spikes = [_spikes(values[:, j], feature) for j, feature in enumerate(targets)]
    codes = [_codes(values[:, j], found) for j, found in enumerate(spikes)]
    names = np.ravel_multi_index(codes, [len(found) + 1 for found in spikes])
    _, first, state = np.unique(names, return_index=True, return_inverse=True)
    choices = [np.append(found, np.nan) for found in spikes]
    columns = [choice[code[first]] for choice, code in zip(choices, codes, strict=True)]
    return States(tuple(targets), np.column_stack(columns)), state.astype(np.int64)


@dataclass(frozen=True)
class StateChooser:
    """Draws states.

    Attributes:
        states: to choose from.
        classifier: the probability of each, given raw conditions.
    """

    states: States
    classifier: Classifier

    def choose(self, conditions: FloatArray, noise: NDArray[np.floating[Any]]) -> IntArray:
        """One state a row, shape (rows,), as `noise`, which is standard normal, has it."""
        outcome = self.classifier.outcome(conditions, ndtr(noise.astype(np.float64)))
        return np.minimum(outcome, len(self.states.table) - 1)  # a classifier has two outcomes, even of one state

    @classmethod
    def load(cls, directory: Path, targets: Iterable[Feature], conditions: tuple[Feature, ...]) -> StateChooser:
        """Read a classifier that was stored with `metadata` of its states.

        Raises:
            PluginError, InputError: see `Classifier.load`; or the weights know a target that is not among `targets`.
        """
        from flashbench.simulators.flash.model import features_named

        classifier = Classifier.load(directory, conditions)
        stored = classifier.metadata[_TABLE]
        features = tuple(features_named(list(targets), stored["targets"], directory))
        return cls(States(features, np.array(stored["table"], np.float64)), classifier)


def metadata(states: States) -> dict[str, Any]:
    """What is stored beside the weights of the classifier."""
    table = [[None if np.isnan(value) else value for value in row] for row in states.table.tolist()]
    return {_TABLE: {"targets": [feature.name for feature in states.targets], "table": table}}


def settled(conditions: FloatArray, features: Sequence[Feature], targets: Sequence[Feature]) -> BoolArray:
    """Which targets of which rows are settled by the flags among their conditions; shape (rows, targets)."""
    known = np.zeros((len(conditions), len(targets)), dtype=bool)
    place = {feature.name: j for j, feature in enumerate(targets)}
    for k, feature in enumerate(features):
        if feature.anchor in place:
            known[:, place[feature.anchor]] |= conditions[:, k] > 0
    return known


def _flag(target: Feature, value: float) -> Feature:
    return Feature(f"{target.name}={value:g}", Kind.BOOLEAN, 0.0, 1.0, scale=Scale.FLAG, anchor=target.name)


def _spikes(column: FloatArray, feature: Feature) -> FloatArray:
    """Values to be decided, increasing."""
    value, count = np.unique(column, return_counts=True)
    if feature.kind is Kind.INTEGER:
        return value[:0]
    return value if feature.is_discrete else value[count >= max(SPIKE_ROWS, SPIKE_SHARE * len(column))]


def _codes(column: FloatArray, spikes: FloatArray) -> NDArray[np.intp]:
    """Place of each value among the spikes; their number where it is none."""
    place = np.searchsorted(spikes, column)
    hit = np.append(spikes, np.nan)[place] == column
    return np.where(hit, place, len(spikes))
