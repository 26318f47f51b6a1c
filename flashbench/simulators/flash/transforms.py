"""Between target columns and what the flows see: values ↔ standard-normal latents, spikes and discrete values exact.

What to use when: `RankGaussian`; conditions are brought to a network by `standardise`.

References:
    M. Rosenblatt, "Remarks on a multivariate transformation", Ann. Math. Stat. 23 (1952) 470; the probability integral
    transform is randomised where a value has a probability of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flashbench.errors import SchemaError, SimulationError
from flashbench.simulators.flash.feature import Feature, FloatArray
from flashbench.simulators.flash.implied import Implication, apply, find
from flashbench.simulators.flash.quantiles import FEWEST_MOVING, Quantiles, quantiles

BoolArray = NDArray[np.bool_]
Tensors = dict[str, NDArray[Any]]
Float32Array = NDArray[np.float32]

_BUCKETS: Final = 4096  # uniform in the latent: the first guess of a segment
_NEXT: Final = 3  # column of `_segments`
_REACH: Final = 6.0  # latents beyond are the extreme values


class RankGaussian:
    """Each target by its own rank to a standard normal, and back.

    A table of segments a target, see `quantiles.Quantiles`; a uniform grid finds the segment of a latent.

    Attributes:
        tables, features: one a target.
        rules: values that another target settles (`implied`): the inverse keeps them.
    """

    def __init__(
        self, tables: Sequence[Quantiles], features: Sequence[Feature], rules: Sequence[Implication] = ()
    ) -> None:
        self.tables, self.features, self.rules = tuple(tables), tuple(features), tuple(rules)
        lengths = [len(t.edge) for t in tables]
        first = np.cumsum(lengths) - lengths
        self._segments = np.concatenate([_segments(t) for t in tables])
        self._low = np.array([t.left[0] for t in tables], np.float32)[:, None]
        self._high = np.array([t.right[-1] for t in tables], np.float32)[:, None]
        starts = [_starts(t.edge) for t in tables]
        self._start = np.concatenate([s + f for s, f in zip(starts, first, strict=True)]).astype(np.int32)
        self._row = (np.arange(len(lengths), dtype=np.int32) * _BUCKETS)[:, None]

    @classmethod
    def fit(cls, columns: FloatArray, features: Sequence[Feature]) -> RankGaussian:
        """Learn the tables.

        Args:
            columns: shape (rows, targets), at least one row; values that a feature does not allow are restricted.
            features: one a column.

        Raises:
            SchemaError: the shape does not fit, there is no row, or a value is not finite.
        """
        check_columns(columns, features, "RankGaussian.fit")
        allowed = np.column_stack([feature.restrict(columns[:, j]) for j, feature in enumerate(features)])
        tables = [quantiles(allowed[:, j], feature) for j, feature in enumerate(features)]
        return cls(tables, features, find(allowed))

    def calibrated(
        self,
        drawn: Float32Array,
        latent: Float32Array,
        values: FloatArray,
        settled: tuple[BoolArray, BoolArray] | None = None,
    ) -> RankGaussian:
        """The same tables moved so that draws of an imperfect flow have exactly the distributions of its training.

        The median of the training must stand where the median of the draws is, and so for every other quantile. A
        target that follows from another is moved in the rows where it does not: there its spike is not needed. A rule
        that leaves too few such rows is given up.

        Args:
            drawn: latents from the flow for the conditions of the training sample, shape (rows, targets).
            latent, values: of the training sample, shape (training rows, targets); `latent` from `forward`.
            settled: what was decided before (`states`), of draws and training; these entries tell nothing.
        """
        if min(len(latent), len(drawn)) < FEWEST_MOVING:
            return self
        rules = [rule for rule in self.rules if (values[:, rule.cause] != rule.when).sum() >= FEWEST_MOVING]
        effects = [rule.effect for rule in rules]
        pairs = [(latent[:, j], drawn[:, j]) for j in range(len(self.tables))]
        if settled is not None:
            of_drawn, of_latent = settled
            pairs = [(b[~of_latent[:, j]], a[~of_drawn[:, j]]) for j, (b, a) in enumerate(pairs)]
        tables = [t if j in effects else t.moved(*pairs[j]) for j, t in enumerate(self.tables)]
        for rule in rules:  # each after what it follows from
            made = RankGaussian(tables, self.features, rules).inverse(drawn)
            open_before, open_now = values[:, rule.cause] != rule.when, made[:, rule.cause] != rule.when
            j = rule.effect
            tables[j] = tables[j].moved(latent[open_before, j], drawn[open_now, j])
        return RankGaussian(tables, self.features, rules)

    def forward(self, values: FloatArray, uniform: FloatArray) -> Float32Array:
        """Latents of physical values.

        Args:
            values: shape (rows, targets).
            uniform: in [0, 1), same shape: where within its share of the latent an atom is put.

        Returns:
            Shape (rows, targets), float32; standard normal a column when the values follow the training sample.

        Raises:
            SchemaError: the shape does not fit, or a value is not finite.
        """
        check_columns(values, self.features, "RankGaussian.forward")
        latent = np.empty(values.shape, np.float32)
        for j, (table, feature) in enumerate(zip(self.tables, self.features, strict=True)):
            latent[:, j] = table.latent(feature.restrict(values[:, j]), uniform[:, j])
        return latent

    def inverse(self, latent: NDArray[np.floating[Any]]) -> FloatArray:
        """Physical values of latents, shape (rows, targets), float64: always values that the features allow.

        Raises:
            SimulationError: a latent is not finite.
        """
        return self.values(within_reach(latent)).T

    def values(self, z: Float32Array) -> FloatArray:
        """`inverse` of columns from `within_reach`: shape (targets, rows) in and out."""
        place, latent = self._start.take(_bucket(z) + self._row).reshape(-1), z.reshape(-1)
        found = self._segments.take(place, axis=0)
        ahead = np.flatnonzero(latent >= found[:, _NEXT])
        while len(ahead):  # few: only tails have many segments in a bucket
            place[ahead] += 1
            found[ahead] = self._segments[place[ahead]]
            ahead = ahead[latent[ahead] >= found[ahead, _NEXT]]
        edge, left, slope = found[:, :_NEXT].T
        value = (left + slope * (latent - edge)).reshape(z.shape)
        allowed: FloatArray = np.clip(value, self._low, self._high).astype(np.float64)
        apply(self.rules, list(allowed))
        return allowed

    def tensors(self) -> Tensors:
        """Arrays to store: float32 segments of all targets, and how many each has."""
        return {
            "rank.segments": np.array([len(t.edge) for t in self.tables], np.int32),
            "rank.edge": np.concatenate([t.edge for t in self.tables]),
            "rank.left": np.concatenate([t.left for t in self.tables]),
            "rank.right": np.concatenate([t.right for t in self.tables]),
            "rank.end": np.array([t.end for t in self.tables], np.float32),
            "rank.rules": np.array(self.rules, np.float64).reshape(-1, 4),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], features: Sequence[Feature]) -> RankGaussian:
        """The inverse of `tensors`."""
        cuts = np.cumsum(tensors["rank.segments"])[:-1]
        parts = (np.split(np.asarray(tensors[f"rank.{name}"]), cuts) for name in ("edge", "left", "right"))
        rows = zip(*parts, tensors["rank.end"], strict=True)
        rules = [Implication(int(a), float(x), int(b), float(y)) for a, x, b, y in tensors["rank.rules"]]
        return cls([Quantiles(edge, left, right, np.float32(end)) for edge, left, right, end in rows], features, rules)


def _segments(table: Quantiles) -> Float32Array:
    """Edge, left value, slope and next edge of each segment side by side, which makes one look-up of four."""
    after = np.append(table.edge[1:], np.float32(np.inf))
    return np.column_stack([table.edge, table.left, table.slope.astype(np.float32), after])


def within_reach(latent: NDArray[np.floating[Any]]) -> Float32Array:
    """Latents (rows, targets) as contiguous columns (targets, rows), extreme ones moved to where the tables end.

    Raises:
        SimulationError: a latent is not finite.
    """
    z: Float32Array = np.array(latent.T, np.float32, order="C")
    if not np.isfinite(z).all():
        raise SimulationError("flash", "the flow returned a latent that is not finite", "the weights are damaged")
    np.clip(z, -_REACH, _REACH, out=z)
    return z


def _bucket(z: NDArray[np.floating[Any]]) -> NDArray[np.int32]:
    return ((z + np.float32(_REACH)) * np.float32((_BUCKETS - 1) / (2 * _REACH))).astype(np.int32)


def _starts(edge: Float32Array) -> NDArray[np.int64]:
    """Segment in which each bucket begins: all edges of earlier buckets lie behind, those of its own ahead."""
    behind = np.searchsorted(_bucket(np.clip(edge, -_REACH, _REACH)), np.arange(_BUCKETS), side="left") - 1
    return np.maximum(behind, 0)


def check_columns(columns: FloatArray, features: Sequence[Feature], where: str) -> None:
    """Look at a matrix before something is learned from it, or made of it.

    Raises:
        SchemaError: the shape does not fit, there is no row, or a value is not finite.
    """
    if columns.ndim != 2 or columns.shape[1] != len(features):
        raise SchemaError(where, "all", f"shape {columns.shape} does not fit {len(features)} features")
    if not len(columns):
        raise SchemaError(where, "all", "no rows", "no object of this kind was found to learn from")
    for j, feature in enumerate(features):
        if not np.isfinite(columns[:, j]).all():
            raise SchemaError(where, feature.branch or feature.name, "not finite")
