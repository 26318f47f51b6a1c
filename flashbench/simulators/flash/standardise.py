"""Between condition columns and what the networks see.

What to use when: `Standardise`; targets are brought to a flow by `transforms`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flashbench.simulators.flash.feature import Feature, FloatArray, Scale
from flashbench.simulators.flash.transforms import Float32Array, Tensors, check_columns

_CLIP: Final = 8.0  # standardised conditions are kept within


@dataclass(frozen=True)
class Standardise:
    """Conditions as a network sees them: logarithms, flags, one-hot codes, mean 0 and width 1.

    Attributes:
        features: one a raw column.
        low, high: range of each raw column in training, shape (conditions,); values beyond are moved to it.
        mean, width: of each network input, shape (inputs,).
    """

    features: tuple[Feature, ...]
    low: FloatArray
    high: FloatArray
    mean: FloatArray
    width: FloatArray

    @classmethod
    def fit(cls, columns: FloatArray, features: Sequence[Feature]) -> Standardise:
        """Learn ranges, means and widths from raw columns, shape (rows, conditions).

        Raises:
            SchemaError: the shape does not fit, there is no row, or a value is not finite.
        """
        check_columns(columns, features, "Standardise.fit")
        low, high = columns.min(axis=0), columns.max(axis=0)
        seen = columns.T.astype(np.float32)
        wide = [np.reshape(_expand(column, f), (-1, len(columns))) for column, f in zip(seen, features, strict=True)]
        free = np.concatenate(
            [np.full(len(w), f.scale not in (Scale.ONE_HOT, Scale.FLAG)) for w, f in zip(wide, features, strict=True)]
        )
        inputs = np.concatenate(wide, dtype=np.float64)
        mean, width = np.where(free, inputs.mean(axis=1), 0.0), np.where(free, inputs.std(axis=1), 1.0)
        return cls(tuple(features), low, high, mean, np.where(width > 1e-9, width, 1.0))

    @property
    def inputs(self) -> int:
        """Number of network inputs."""
        return len(self.mean)

    @cached_property
    def _bounds(self) -> tuple[FloatArray, FloatArray, Float32Array, Float32Array]:
        """Least and largest of each condition (a category has no range), mean and 1 / width of each input; columns."""
        free = np.array([feature.scale is Scale.ONE_HOT for feature in self.features])
        low, high = np.where(free, -np.inf, self.low), np.where(free, np.inf, self.high)
        mean, factor = self.mean.astype(np.float32), (1 / self.width).astype(np.float32)
        return low[:, None], high[:, None], mean[:, None], factor[:, None]

    def forward(self, columns: FloatArray) -> Float32Array:
        """Network inputs of raw columns: (rows, conditions) → (rows, inputs), float32, finite, within ±8."""
        inputs = np.empty((self.inputs, len(columns)), np.float32)
        low, high, mean, factor = self._bounds
        seen = np.clip(columns.T, low, high).astype(np.float32, order="C")
        row = 0
        for feature, column in zip(self.features, seen, strict=True):
            for part in _expand(column, feature):
                inputs[row] = part
                row += 1
        inputs -= mean
        inputs *= factor
        return np.clip(inputs, -_CLIP, _CLIP, out=inputs).T

    def outside(self, columns: FloatArray) -> dict[str, int]:
        """Rows of each condition beyond its range in training, where there are any; categories never are."""
        beyond = ((columns < self.low) | (columns > self.high)).sum(axis=0)
        pairs = zip(self.features, beyond, strict=True)
        return {f.name: int(n) for f, n in pairs if n and f.scale is not Scale.ONE_HOT}

    def within(self, columns: FloatArray, name: str) -> NDArray[np.bool_]:
        """Rows whose condition `name` lies in its range in training, shape (rows,)."""
        j = [feature.name for feature in self.features].index(name)
        return np.asarray((columns[:, j] >= self.low[j]) & (columns[:, j] <= self.high[j]))

    def tensors(self) -> Tensors:
        """Arrays to store."""
        return {f"condition.{name}": getattr(self, name) for name in ("low", "high", "mean", "width")}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], features: Sequence[Feature]) -> Standardise:
        """The inverse of `tensors`."""
        arrays = (np.asarray(tensors[f"condition.{name}"], np.float64) for name in ("low", "high", "mean", "width"))
        return cls(tuple(features), *arrays)


def _expand(column: Float32Array, feature: Feature) -> Sequence[NDArray[Any]]:
    """Network inputs of one raw column before they are standardised, each of shape (rows,)."""
    match feature.scale:
        case Scale.LOG:
            positive = np.maximum(column, 0.0)
            return [
                np.log1p(positive / feature.unit),
                *(np.minimum(edge / np.maximum(positive, 1e-3), 2.0) for edge in feature.edges),
            ]
        case Scale.ETA:
            size = np.abs(column)
            knots = np.array(feature.knots, np.float32)[:, None]
            ramps = np.clip((size - knots[:-1]) / np.diff(knots, axis=0), 0.0, 1.0)
            return [column, size, *(size > edge for edge in feature.edges), *ramps]
        case Scale.PHI:
            return [np.cos(column), np.sin(column)]
        case Scale.ONE_HOT:
            code = np.abs(column)
            known = [code == value for value in feature.values[1:]]
            return [~np.logical_or.reduce(known), *known]  # anything else counts as the first
        case Scale.LABEL:
            return []
        case _:
            return [column]
