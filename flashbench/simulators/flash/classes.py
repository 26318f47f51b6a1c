"""Target transforms, one for each class of object, and what draws are moved by before.

A flow that learned b jets, gluon jets and isolated muons in one is a little off in each, in opposite directions: the
calibration of all together hides it until a process has them in other proportions.

What to use when: `ByClass` wherever draws become target values; `whole` alone to Gaussianise training values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from flashbench.simulators.flash.feature import Feature, FloatArray
from flashbench.simulators.flash.flow import in_blocks
from flashbench.simulators.flash.transforms import BoolArray, Float32Array, RankGaussian, Tensors, within_reach

FEWEST_ROWS: Final = 1000
"""Training rows of a class with a transform of its own."""

_NO_TREND: Final = 1000.0  # rows that show none, for each input of width one
_PREFIX: Final = "class."
_TREND: Final = "trend"


class ByClass:
    """A transform for each class of row, and one for all others.

    Attributes:
        whole: of all rows.
        parts: by label.
        trend: what the flow's latents miss on average, linear in a row's network inputs and 1: shape
            (inputs + 1, targets), zero but for targets with `Feature.trend`; None for nothing. Likelihood hardly feels
            a shift by some percent of the width, but another process, where an input is far from its mean, shows it.
    """

    def __init__(
        self,
        whole: RankGaussian,
        parts: Mapping[float, RankGaussian] | None = None,
        trend: Float32Array | None = None,
    ) -> None:
        self.whole, self.parts, self.trend = whole, dict(parts or {}), trend

    def inverse(self, latent: Float32Array, labels: FloatArray | None = None, threads: int = 1) -> FloatArray:
        """Physical values of latents, see `RankGaussian.inverse`.

        One class after the other, since its tables fill a core's cache.

        Args:
            latent: shape (rows, targets).
            labels: class of each row, shape (rows,); None where there are no classes.
            threads: blocks worked on at a time.
        """
        if labels is None or not self.parts:
            return self._sorted(latent, np.zeros(len(latent)), threads).T
        order = np.argsort(labels.astype(np.int16), kind="stable")  # codes: sorted by their digits
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return np.take(self._sorted(latent[order], labels[order], threads), back, axis=1).T

    def _sorted(self, latent: Float32Array, labels: FloatArray, threads: int) -> FloatArray:
        """Values of rows ordered by class, shape (targets, rows)."""
        columns = within_reach(latent)
        out = np.empty(columns.shape)

        def work(block: slice) -> None:
            starts = block.start + np.flatnonzero(np.diff(labels[block], prepend=np.nan))
            for start, stop in zip(starts, [*starts[1:], block.stop], strict=True):
                rank = self.parts.get(float(labels[start]), self.whole)
                out[:, start:stop] = rank.values(columns[:, start:stop])

        in_blocks(len(labels), threads, work)
        return out

    def calibrated(
        self,
        drawn: Float32Array,
        latent: Float32Array,
        values: FloatArray,
        labels: tuple[FloatArray, FloatArray] | None = None,
        settled: tuple[BoolArray, BoolArray] | None = None,
    ) -> ByClass:
        """Each transform calibrated on the rows of its class, see `RankGaussian.calibrated`.

        Args:
            drawn: latents from the flow, shape (rows, targets).
            latent, values: of the training sample, shape (training rows, targets).
            labels: classes of the drawn and of the training rows; None where there are none.
            settled: what was decided before, of the drawn and of the training rows.
        """
        whole = self.whole.calibrated(drawn, latent, values, settled)
        if labels is None:
            return ByClass(whole, trend=self.trend)
        of_drawn, of_training = labels
        names, counts = np.unique(of_training, return_counts=True)
        parts = {}
        for name in names[counts >= FEWEST_ROWS]:
            rows, made = of_training == name, of_drawn == name
            known = None if settled is None else (settled[0][made], settled[1][rows])
            parts[float(name)] = self.whole.calibrated(drawn[made], latent[rows], values[rows], known)
        return ByClass(whole, parts, self.trend)

    def with_trend(self, inputs: Float32Array, missed: Float32Array) -> ByClass:
        """The same transforms behind the trend of `missed`, by least squares, in targets with `Feature.trend`.

        Args:
            inputs: of the training sample, shape (rows, inputs).
            missed: mean latent of each row less that of its draws, shape (rows, targets).
        """
        wide = np.column_stack([inputs, np.ones(len(inputs))]).astype(np.float64)
        square = wide.T @ wide + _NO_TREND * np.eye(wide.shape[1])
        wanted = np.array([feature.trend for feature in self.whole.features])
        trend = np.linalg.solve(square, wide.T @ (missed * wanted)).astype(np.float32)
        return ByClass(self.whole, self.parts, trend)

    def tensors(self) -> Tensors:
        """Arrays to store."""
        stored = self.whole.tensors() | ({} if self.trend is None else {_TREND: self.trend})
        for label, rank in self.parts.items():
            stored |= {f"{_PREFIX}{label:g}.{name}": array for name, array in rank.tensors().items()}
        return stored

    @classmethod
    def from_tensors(cls, tensors: Tensors, features: Sequence[Feature]) -> ByClass:
        """The inverse of `tensors`."""
        labels = {name.split(".")[1] for name in tensors if name.startswith(_PREFIX)}
        parts = {}
        for label in sorted(labels):
            start = f"{_PREFIX}{label}."
            own = {name.removeprefix(start): array for name, array in tensors.items() if name.startswith(start)}
            parts[float(label)] = RankGaussian.from_tensors(own, features)
        return cls(RankGaussian.from_tensors(tensors, features), parts, tensors.get(_TREND))
