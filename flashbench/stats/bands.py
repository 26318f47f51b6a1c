"""ROC curves with error bands, and mistag rates at fixed efficiencies, of any score and pair of flavours.

What to use when: `roc_band` for a curve, its band and its area from one sample of objects; `mistag_ratio` for two
simulators of the same generator events; `flavours` to split the objects of a sample. Errors are from a bootstrap over
generator events: the jets of an event are correlated, and simulators share events.

References:
    B. Efron, Ann. Statist. 7 (1979) 1 (the bootstrap).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flashbench.errors import StatisticsError
from flashbench.stats.bootstrap import Ratio, poisson_weights
from flashbench.stats.roc import RocCurve, roc_curve

FloatArray = NDArray[np.float64]

EFFICIENCIES = tuple(round(0.05 * step, 2) for step in range(1, 20))
REPLICAS = 100
"""Replicas by default: errors known to 7 %."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of signal and background objects.

    Attributes:
        score, is_signal, weights, keys: shape (objects,); the keys are of the generator events (see
            `bootstrap.event_keys`).
    """

    score: FloatArray
    is_signal: NDArray[np.bool_]
    weights: FloatArray
    keys: NDArray[np.uint64]

    def curve(self, factors: FloatArray | None = None) -> RocCurve:
        """The curve, of all objects or of a replica with these factors on their weights."""
        mass = self.weights if factors is None else self.weights * factors
        one, two = self.is_signal & (mass != 0), ~self.is_signal & (mass != 0)
        return roc_curve(self.score[one], self.score[two], mass[one], mass[two])

    def replicas(self, replicas: int) -> list[RocCurve | None]:
        """Curves of the replicas; None where one has lost all signal or all background."""
        events, index = np.unique(self.keys, return_inverse=True)
        found: list[RocCurve | None] = []
        for replica in range(replicas):
            factors = poisson_weights(events, replica, replica + 1)[:, 0].astype(np.float64)[index]
            mass = self.weights * factors
            both = mass[self.is_signal].any() and mass[~self.is_signal].any()
            found.append(self.curve(factors) if both else None)
        return found


def flavours(
    score: ArrayLike,
    flavour: ArrayLike,
    keys: ArrayLike,
    *,
    signal: Sequence[int],
    background: Sequence[int],
    weights: ArrayLike | None = None,
) -> Scored:
    """The objects of two groups of flavours.

    Args:
        score: of any tagger, shape (objects,); ±∞ is a score, NaN is not.
        flavour: code of each object, its sign ignored; shape (objects,).
        keys: of the generator event of each object, shape (objects,).
        signal, background: codes, e.g. (5,) and (1, 2, 3).
        weights: not negative, shape (objects,); None for unit weights.

    Raises:
        StatisticsError: shapes that do not fit, a code in both groups, or no object of one of them.

    Example:
        >>> jets = flavours([0.9, 0.2, 0.4], [5, 1, -5], [1, 1, 2], signal=(5,), background=(1, 2, 3))
        >>> jets.curve().area
        1.0
    """
    points, codes = np.asarray(score, dtype=np.float64), np.abs(np.asarray(flavour))
    mass = np.ones_like(points) if weights is None else np.asarray(weights, dtype=np.float64)
    identity = np.asarray(keys, dtype=np.uint64)
    if points.ndim != 1 or not points.shape == codes.shape == mass.shape == identity.shape:
        raise StatisticsError("roc", f"scores {points.shape}, flavours {codes.shape} and weights do not fit")
    if shared := set(signal) & set(background):
        raise StatisticsError("roc", f"flavour {min(shared)} is both signal and background")
    groups = np.isin(codes, list(signal)), np.isin(codes, list(background))
    for name, chosen in zip(("signal", "background"), groups, strict=True):
        if not chosen.any():
            raise StatisticsError("roc", f"no {name}", f"flavours there are: {sorted(set(codes.tolist()))}")
    used = groups[0] | groups[1]
    return Scored(points[used], groups[0][used], mass[used], identity[used])


@dataclass(frozen=True, slots=True)
class RocBand:
    """A curve at chosen efficiencies.

    Attributes:
        efficiency: of the signal, shape (points,).
        mistag, errors: efficiency of the background there and its standard error, shape (points,).
        area, area_error: under the curve.
    """

    efficiency: FloatArray
    mistag: FloatArray
    errors: FloatArray
    area: float
    area_error: float


def roc_band(scored: Scored, efficiencies: Sequence[float] = EFFICIENCIES, replicas: int = REPLICAS) -> RocBand:
    """Mistag rate at fixed signal efficiencies, and the area, with errors from a bootstrap over events.

    Raises:
        StatisticsError: see `roc.roc_curve`; fewer than two replicas, or most of them without signal or background.

    Example:
        >>> jets = flavours([3, 2, 1, 0] * 50, [5, 0, 5, 0] * 50, range(200), signal=(5,), background=(0,))
        >>> band = roc_band(jets, [0.75])
        >>> round(band.area, 3), band.mistag.round(3).tolist()
        (0.75, [0.5])
    """
    nominal = scored.curve()
    curves = _usable(scored.replicas(replicas), replicas)
    spread = np.array([_mistags(curve, efficiencies) for curve in curves])
    areas = [curve.area for curve in curves]
    return RocBand(
        np.asarray(efficiencies, dtype=np.float64),
        _mistags(nominal, efficiencies),
        spread.std(axis=0, ddof=1),
        nominal.area,
        float(np.std(areas, ddof=1)),
    )


def mistag_ratio(
    first: Scored, reference: Scored, efficiencies: Sequence[float] = EFFICIENCIES, replicas: int = REPLICAS
) -> Ratio:
    """Mistag rate of a simulator over that of the reference at the same efficiencies, with paired errors.

    Each simulator has its own cut for an efficiency. The error is the spread of (m_k - r d_k) / d over replicas k that
    both see with the same events; NaN where the reference's rate d is zero.

    Raises:
        StatisticsError: see `roc_band`; no efficiency at which the reference mistags anything.
    """
    top, bottom = (_mistags(each.curve(), efficiencies) for each in (first, reference))
    if not bottom.any():
        raise StatisticsError("mistag_ratio", "the reference mistags nothing at these efficiencies", "ask for higher")
    pairs = [
        (_mistags(one, efficiencies), _mistags(two, efficiencies))
        for one, two in zip(first.replicas(replicas), reference.replicas(replicas), strict=True)
        if one is not None and two is not None
    ]
    _enough(len(pairs), replicas)
    value = np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)
    moves = np.array([one - np.nan_to_num(value) * two for one, two in pairs]).std(axis=0, ddof=1)
    return Ratio(value, np.divide(moves, bottom, out=np.full_like(top, np.nan), where=bottom > 0))


def _mistags(curve: RocCurve, efficiencies: Sequence[float]) -> FloatArray:
    return np.array([curve.background_at(each) for each in efficiencies])


def _usable(curves: Sequence[RocCurve | None], replicas: int) -> list[RocCurve]:
    found = [curve for curve in curves if curve is not None]
    _enough(len(found), replicas)
    return found


def _enough(found: int, replicas: int) -> None:
    if found < max(2, replicas / 2):
        raise StatisticsError("roc", f"{found} of {replicas} replicas have signal and background", "too few objects")
