"""The quantile function of one target, as a table of segments over a standard-normal latent."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from flashbench.simulators.flash.feature import Feature, FloatArray

Float32Array = NDArray[np.float32]

ATOM_SHARE: Final = 1 / 2000  # a value more common than this keeps its own flat segment …
_ATOM_COUNT: Final = 5  # … if it was seen this often
FEWEST_MOVING: Final = 200
_SPACING: Final = 0.01  # of knots in the latent where the target is continuous


@dataclass(frozen=True)
class Quantiles:
    """Segments in order: latents from `edge[k]` to the next edge take the values from `left[k]` to `right[k]`.

    Attributes:
        edge: where a segment begins, shape (segments,), increasing.
        left, right: values at its two ends; equal for an atom.
        end: where the last segment ends.
    """

    edge: Float32Array
    left: Float32Array
    right: Float32Array
    end: np.float32

    @property
    def slope(self) -> FloatArray:
        """Value per latent within each segment, shape (segments,)."""
        width = np.append(self.edge[1:], self.end).astype(np.float64) - self.edge
        return (self.right.astype(np.float64) - self.left) / width

    def latent(self, values: FloatArray, uniform: FloatArray) -> Float32Array:
        """Latents of values, shape (rows,); an atom is spread over its segment by `uniform` in [0, 1).

        A value that was never seen takes the nearest place below it.
        """
        value = values.astype(np.float32)
        segment = np.maximum(np.searchsorted(self.left, value, side="right") - 1, 0)
        left, right = self.left[segment], self.right[segment]
        start, stop = self.edge[segment], np.append(self.edge[1:], self.end)[segment]
        span = np.where(right > left, right - left, np.float32(1.0)).astype(np.float64)
        along = start + np.clip((value - left) / span, 0.0, 1.0) * (stop.astype(np.float64) - start)
        low, high = ndtr(start.astype(np.float64)), ndtr(stop.astype(np.float64))
        spread = ndtri(low + uniform * (high - low))
        latent = np.where(right > left, along, spread).astype(np.float32)
        return np.clip(latent, start, np.nextafter(stop, np.float32(-np.inf)))

    def moved(self, before: Float32Array, after: Float32Array) -> Quantiles:
        """The same quantile function for latents of another distribution; both given by a sample, shape (rows,).

        Beyond the samples edges move as their ends do. An atom without any row is dropped. Fewer rows than
        `FEWEST_MOVING` tell nothing: then nothing moves.
        """
        if min(len(before), len(after)) < FEWEST_MOVING:
            return self
        edge = np.append(self.edge, self.end).astype(np.float64)
        old, new = np.sort(before).astype(np.float64), np.sort(after).astype(np.float64)
        share = np.interp(edge, old, (np.arange(len(old)) + 0.5) / len(old), left=0.0, right=1.0)
        place = np.interp(share, (np.arange(len(new)) + 0.5) / len(new), new)
        place += np.minimum(edge - old[0], 0) + np.maximum(edge - old[-1], 0)
        unused = (self.left == self.right) & (np.diff(np.searchsorted(old, edge)) == 0)
        keep = ~unused | unused.all()
        moved = place.astype(np.float32)
        return _without_gaps(moved[:-1][keep], self.left[keep], self.right[keep], moved[-1])


def quantiles(column: FloatArray, feature: Feature) -> Quantiles:
    """The table of one column, shape (rows,), rows ≥ 1.

    Discrete and special values, and values that are common in the column, become atoms; between them the quantile
    function runs linearly through knots that are evenly spaced in the latent.
    """
    rows = len(column)
    value, count = np.unique(column.astype(np.float32), return_counts=True)
    rank = np.concatenate([[0], np.cumsum(count)])  # value k holds ranks rank[k] … rank[k + 1]
    atom = (count >= np.maximum(_ATOM_COUNT, ATOM_SHARE * rows)) | np.isin(
        value, np.asarray(feature.special, np.float32)
    )
    atom |= feature.is_discrete
    edge: list[NDArray[Any]] = []
    left: list[NDArray[Any]] = []
    right: list[NDArray[Any]] = []
    for first, last in _runs(atom):
        knots = _knots(rank[first : last + 1], rows)
        alone = len(knots) == 1
        edge.append(_edges(rank, first, last, knots, rows))
        left.append(value[first + knots] if alone else value[first + knots[:-1]])
        right.append(value[first + knots] if alone else value[first + knots[1:]])
    end = np.float32(ndtri(1 - 0.5 / rows))
    return _without_gaps(np.concatenate(edge), np.concatenate(left), np.concatenate(right), end)


def _runs(atom: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open ranges of values: each atom alone, neighbours that are not atoms together."""
    new = np.flatnonzero(atom[1:] | atom[:-1]) + 1
    bounds = [0, *new.tolist(), len(atom)]
    return list(pairwise(bounds))


def _knots(rank: NDArray[np.int64], rows: int) -> NDArray[np.intp]:
    """Places within a run, first and last included, whose latents are at least a spacing apart."""
    middle = ndtri((rank[1:] + rank[:-1]) / (2 * rows))
    cell = np.floor(middle / _SPACING)
    keep = np.append(True, cell[1:] != cell[:-1])
    keep[-1] = True
    return np.flatnonzero(keep)


def _edges(rank: NDArray[np.int64], first: int, last: int, knots: NDArray[np.intp], rows: int) -> Float32Array:
    """Latents where the segments of a run begin: the run's own share begins before the middle of its first value."""
    share = (rank[first + knots] + rank[first + knots + 1]) / (2 * rows)
    share[0] = max(rank[first], 0.5) / rows
    begin = share if len(knots) == 1 else share[:-1]
    latent: Float32Array = ndtri(begin).astype(np.float32)
    return latent


def _without_gaps(edge: Float32Array, left: Float32Array, right: Float32Array, end: np.float32) -> Quantiles:
    """Drop segments too thin for a float32."""
    wide = np.append(edge[1:], end) > edge
    wide[0] |= not wide.any()
    end = max(end, np.nextafter(edge[wide][-1], np.float32(np.inf)))
    return Quantiles(edge[wide], left[wide], right[wide], end)
