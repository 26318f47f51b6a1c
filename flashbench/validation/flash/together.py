"""Targets and conditions together: correlations, and can a classifier tell simulated objects from full ones?

The conditions of both sides are those of the same generator objects, so that a classifier that tells them apart has
found a fault of the targets given the conditions, or of the efficiency.

References:
    D. Lopez-Paz, M. Oquab, ICLR 2017 (the test); V. Chernozhukov et al., Econom. J. 21 (2018) C1 (cross-fitting).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from flashbench.errors import StatisticsError
from flashbench.simulators.flash.feature import Feature
from flashbench.simulators.flash.features import JET_CONDITIONS, MUON_CONDITIONS
from flashbench.stats import Correlation, area_and_moves, classifier_test, correlation_matrix, matrix_distance
from flashbench.validation.flash.samples import Kind, Matched
from flashbench.validation.flash.targets import mean_of_halves, null_scale

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

CONDITIONS: Final[dict[Kind, tuple[Feature, ...]]] = {"Jet": JET_CONDITIONS, "Muon": MUON_CONDITIONS}
ROUNDS: Final = 3
"""Parts of the events, each tested by networks trained on the others."""

MOST: Final = 50_000  # objects a side that the network sees
_MOST_QUADRATIC: Final = 4_000  # likewise, of the logistic regression: its cost goes as the fourth power of columns
_FEWEST: Final = 300  # objects a side, below which nothing can be learned
_STEPS: Final = 3000
_BATCH: Final = 512  # rows; fewer where there are few
_EPOCHS: Final = (10, 100)
_SPLITS: Final = 4


@dataclass(frozen=True, slots=True)
class Separation:
    """How well a classifier tells two sides apart; 0.5 is not at all.

    Attributes:
        objects: that entered, of the smaller side.
        area: of the ROC of a multilayer perceptron, on objects of events that it was not trained on; `error` its own.
        quadratic: of a logistic regression of scores, squares and products, and its error.
        p_value: of the quadratic one.
    """

    objects: int
    area: float
    error: float
    quadratic: float
    quadratic_error: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Correlations:
    """Spearman's correlations of targets with targets and conditions.

    Attributes:
        names: of targets, then of conditions.
        full, simulated: shape (names, names); NaN between two conditions, and where a column is constant.
        distance: root mean square difference; `null`: that of two full simulations of as many objects.
    """

    names: tuple[str, ...]
    full: FloatArray
    simulated: FloatArray
    distance: float
    null: float


def correlations(kind: Kind, full: Matched, simulated: Matched, n_events: int) -> Correlations:
    """Correlations of both sides and their distance; NaN without objects."""
    names = (*(f.name for f in full.features), *(f.name for f in CONDITIONS[kind]))
    targets = len(full.features)
    points = _columns(full)
    if min(len(full), len(simulated)) < 2:
        empty = np.full((len(names), len(names)), np.nan)
        return Correlations(names, empty, empty, float("nan"), float("nan"))
    matrices = _matrix(points, targets), _matrix(_columns(simulated), targets)

    def apart(one: BoolArray, two: BoolArray) -> float:
        return matrix_distance(_matrix(points[one], targets), _matrix(points[two], targets))

    null = null_scale(len(full), len(simulated)) * mean_of_halves(full, n_events, apart, _SPLITS)
    return Correlations(names, *matrices, matrix_distance(*matrices), null)


def _matrix(points: FloatArray, targets: int) -> FloatArray:
    matrix = correlation_matrix(points, kind=Correlation.SPEARMAN)
    matrix[targets:, targets:] = np.nan
    return matrix


def _columns(objects: Matched) -> FloatArray:
    return np.column_stack([objects.targets, objects.conditions])


def separation(kind: Kind, full: Matched, simulated: Matched, n_events: int, seed: int = 0) -> Separation:
    """Classifier two-sample test on (target, condition); NaN where there are too few objects.

    Args:
        n_events: of the process; objects of an event are always on the same side of a split.
        seed: of splits and networks.
    """
    fewer = min(len(full), len(simulated))
    if fewer < _FEWEST:
        return Separation(fewer, *[float("nan")] * 5)
    order = np.random.default_rng(seed).permutation(n_events)
    network = _perceptron_area(kind, *_first(full, simulated, order, MOST), seed)
    quadratic = _quadratic(*_first(full, simulated, order, _MOST_QUADRATIC), seed)
    return Separation(min(fewer, MOST), *network, *quadratic)


def _first(full: Matched, simulated: Matched, order: NDArray[np.int64], most: int) -> tuple[Matched, Matched]:
    """Objects of so many events, in a random order, that neither side has more than `most`."""
    place = np.argsort(order)
    larger = max((full, simulated), key=len)
    if len(larger) <= most:
        return full, simulated
    last = np.sort(place[larger.event])[most]
    return full.where(place[full.event] < last), simulated.where(place[simulated.event] < last)


def _perceptron_area(kind: Kind, full: Matched, simulated: Matched, seed: int) -> tuple[float, float]:
    from flashbench.training.classifier import train_classifier
    from flashbench.training.loop import LoopConfig

    columns = np.concatenate([_columns(full), _columns(simulated)])
    targets = len(full.features)
    columns[:, :targets] = _normal_scores(columns[:, :targets])
    features = (*(Feature(f"target {f.name}") for f in full.features), *CONDITIONS[kind])
    outcome = np.repeat([0, 1], [len(full), len(simulated)])
    event = np.concatenate([full.event, simulated.event])
    part = np.random.default_rng(seed).integers(0, ROUNDS, int(event.max()) + 1)[event]
    rows = len(columns) * (ROUNDS - 1) // ROUNDS
    batch = min(_BATCH, max(64, rows // 20))
    epochs = int(np.clip(_STEPS * batch / rows, *_EPOCHS))
    loop = LoopConfig(epochs=epochs, batch=batch, decay=1e-2, patience=10)
    area, moves = 0.0, np.zeros(int(event.max()) + 1)
    with TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            used, held = part != number, part == number
            trained, _, _ = train_classifier(
                columns[used], outcome[used], features, loop, Path(folder) / str(number), seed=seed + number
            )
            score = trained.probabilities(columns[held])[:, 1]
            value, moved = area_and_moves(score, outcome[held], np.ones(len(score)))
            area += value / ROUNDS
            moves += np.bincount(event[held], moved / ROUNDS, minlength=len(moves))
    return area, float(np.sqrt(moves @ moves))


def _quadratic(full: Matched, simulated: Matched, seed: int) -> tuple[float, float, float]:
    one, two = _columns(full), _columns(simulated)
    varies = np.ptp(np.concatenate([one, two]), axis=0) > 0
    try:
        test = classifier_test(
            one[:, varies],
            two[:, varies],
            first_events=full.event,
            second_events=simulated.event,
            splits=2,
            seed=seed,
        )
    except StatisticsError:  # too few objects for its splits
        return float("nan"), float("nan"), float("nan")
    return test.auc, test.error, test.p_value


def _normal_scores(columns: FloatArray) -> FloatArray:
    """Ranks as quantiles of a normal distribution: tails do not matter; shape as given."""
    scores = special.ndtri((stats.rankdata(columns, axis=0) - 0.5) / len(columns))
    return np.asarray(scores, dtype=np.float64)
