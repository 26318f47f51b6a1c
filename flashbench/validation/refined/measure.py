"""Everything that is measured of one process: distances of fast and of refined simulation to full.

Both are of the same events as full simulation, so that *ratios* refined over fast are the numbers to quote: most of
what chance does is in numerator and denominator alike. Their errors are from a bootstrap over events.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flashbench.progress import Progress
from flashbench.simulators.refined.unitarity import probability_sum
from flashbench.simulators.refined.variables import JETS, SCORE_RANGE, Kind
from flashbench.stats import Correlation, RocCurve, correlation_matrix, matrix_distance, roc_area, roc_curve
from flashbench.validation.refined.gather import SIDES, Gathered, Objects

FloatArray = NDArray[np.float64]

REPLICAS: Final = 20
"""Of the bootstrap: errors known to 16 %."""
SPLITS: Final = 4
"""Halvings of the events for the null."""
FEWEST: Final = 200  # objects of a bin, below which it is left out
PT_EDGES: Final = (0.0, 30.0, 60.0, 120.0, 250.0, np.inf)  # GeV, generator's
ETA_EDGES: Final = (0.0, 0.8, 1.6, 2.5, 5.0)  # |η|, generator's
ROC_PT, ROC_ETA = 30.0, 2.4
TAGGER: Final = 1  # column of B
ROCS: Final = (("light", 0), ("charm", 4))


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """W1 of one variable to full simulation in one bin, in units of the variable's spread in full.

    Attributes:
        axis: what is binned: "all", the category, "generator pT" or "generator |η|"; `bin` says which.
        null: of two full simulations of as many objects.
    """

    variable: str
    axis: str
    bin: str
    objects: int
    fast: float
    refined: float
    null: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """Distance to full simulation of refined over that of fast, and its error."""

    name: str
    label: str
    fast: float
    refined: float
    error: float

    @property
    def value(self) -> float:
        """Refined over fast; NaN where fast does not differ."""
        return self.refined / self.fast if self.fast > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class KindResult:
    """What was measured of one kind of object.

    Attributes:
        objects: what it was measured of.
        discrepancies: of every variable, in all objects and in bins.
        ratios: W1 averaged over the variables and of each, correlations (Pearson's and Spearman's), ROC gaps.
        matrices: Pearson's correlation matrix of each side.
        curves: ROC of B on each side, by name of the background; jets only.
        sums: mean and spread of the sum of probabilities less one on each side; jets only.
        response: median and half width (68 %) of pt over the generator's in bins of it, on each side, and the edges.
    """

    objects: Objects
    discrepancies: tuple[Discrepancy, ...]
    ratios: tuple[Ratio, ...]
    matrices: dict[str, FloatArray]
    curves: dict[str, dict[str, RocCurve]]
    sums: dict[str, tuple[float, float]]
    response: dict[str, tuple[FloatArray, FloatArray]]
    response_edges: FloatArray

    def ratio(self, name: str) -> Ratio | None:
        """The ratio of that name, where it is defined."""
        return next((each for each in self.ratios if each.name == name), None)


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """What was measured of one process, by key of `KINDS`."""

    gathered: Gathered
    kinds: dict[str, KindResult]


def measure_kind(objects: Objects, *, seed: int = 0, progress: Progress | None = None) -> KindResult:
    """Measure one kind of object.

    Args:
        seed: of bootstrap and halvings.
        progress: called with replicas done and in all.
    """
    nominal = _distances(objects)
    rng, replicas = np.random.default_rng(seed), []
    events = int(objects.event.max()) + 1
    for replica in range(REPLICAS):
        times = rng.poisson(1.0, events)[objects.event]
        replicas.append(_distances(objects.take(np.repeat(np.arange(len(objects)), times))))
        if progress:
            progress(replica + 1, REPLICAS)
    edges = np.geomspace(15, 1000, 13)
    return KindResult(
        objects,
        tuple(_discrepancies(objects, rng)),
        tuple(_ratio(name, label, nominal, replicas) for name, label in _labels(objects.kind) if name in nominal),
        {side: correlation_matrix(values) for side, values in objects.sides.items()},
        {name: curves for name, code in ROCS if (curves := _curves(objects, code))},
        {side: _sum_of(values) for side, values in objects.sides.items()} if objects.kind is JETS else {},
        {side: _response(values[:, 0], objects.parameters[:, 0], edges) for side, values in objects.sides.items()},
        edges,
    )


def wasserstein(first: FloatArray, second: FloatArray) -> FloatArray:
    """W1 of columns with as many rows, in units of the second's spread; shape (columns,)."""
    distance: FloatArray = np.abs(np.sort(first, axis=0) - np.sort(second, axis=0)).mean(axis=0)
    spread = second.std(axis=0)
    return distance / np.where(spread > 0, spread, np.nan)


def _labels(kind: Kind) -> Iterator[tuple[str, str]]:
    yield "w1", "W₁, mean over the variables"
    for variable in kind.variables:
        yield f"w1.{variable.name}", f"W₁ of {variable.name}"
    yield "correlation.pearson", "Pearson's correlation matrix, distance"
    yield "correlation.spearman", "Spearman's correlation matrix, distance"
    for name, _ in ROCS:
        yield f"roc.{name}", f"ROC area of B, b against {name}: gap"


def _distances(objects: Objects) -> dict[str, tuple[float, float]]:
    """Distance to full of fast and of refined, by name."""
    full, others = objects.sides["full"], [objects.sides[side] for side in ("fast", "refined")]
    names = [variable.name for variable in objects.kind.variables]
    apart = [wasserstein(each, full) for each in others]
    found = {f"w1.{name}": (float(apart[0][k]), float(apart[1][k])) for k, name in enumerate(names)}
    found["w1"] = (float(apart[0].mean()), float(apart[1].mean()))
    for kind in Correlation:
        wanted = correlation_matrix(full, kind=kind)
        fast, refined = (matrix_distance(correlation_matrix(each, kind=kind), wanted) for each in others)
        found[f"correlation.{kind}"] = (fast, refined)
    for name, code in ROCS:
        areas = _areas(objects, code)
        if areas:
            found[f"roc.{name}"] = (abs(areas["fast"] - areas["full"]), abs(areas["refined"] - areas["full"]))
    return found


def _ratio(
    name: str, label: str, nominal: dict[str, tuple[float, float]], replicas: list[dict[str, tuple[float, float]]]
) -> Ratio:
    ratios = [each[name][1] / each[name][0] for each in replicas if name in each and each[name][0] > 0]
    spread = np.std(ratios, ddof=1) if len(ratios) > 1 else np.nan
    return Ratio(name, label, *nominal[name], float(spread))


def _bins(objects: Objects) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    momentum, eta, code = objects.parameters.T
    yield "all", "all", np.ones(len(objects), dtype=bool)
    for value, name in objects.kind.categories:
        yield objects.kind.category, name, code == value
    for low, high in itertools.pairwise(PT_EDGES):
        name = f"{low:.0f}–{high:.0f} GeV" if np.isfinite(high) else f"> {low:.0f} GeV"
        yield "generator pT", name, (momentum >= low) & (momentum < high)
    for low, high in itertools.pairwise(ETA_EDGES):
        yield "generator |η|", f"{low}–{high}", (np.abs(eta) >= low) & (np.abs(eta) < high)


def _discrepancies(objects: Objects, rng: np.random.Generator) -> Iterator[Discrepancy]:
    for axis, name, rows in _bins(objects):
        chosen = objects.take(rows)
        if len(chosen) < FEWEST:
            continue
        full = chosen.sides["full"]
        fast, refined = (wasserstein(chosen.sides[side], full) for side in ("fast", "refined"))
        null = _null(full, chosen.event, rng)
        for k, variable in enumerate(objects.kind.variables):
            numbers = (float(fast[k]), float(refined[k]), float(null[k]))
            yield Discrepancy(variable.name, axis, name, len(chosen), *numbers)


def _null(full: FloatArray, event: NDArray[np.int64], rng: np.random.Generator) -> FloatArray:
    """Mean W1 of random halves of the events, times what twice the objects gain."""
    found = []
    for _ in range(SPLITS):
        half = (rng.random(int(event.max()) + 1) < 0.5)[event]
        sides = full[half], full[~half]
        length = min(map(len, sides))
        found.append(wasserstein(*(rng.permutation(side)[:length] for side in sides)))
    return np.asarray(np.mean(found, axis=0) / np.sqrt(2), dtype=np.float64)


def _tagged(objects: Objects, code: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Jets of the signal and of the background; None where one is too small, or for other objects."""
    if objects.kind is not JETS:
        return None
    inside = (objects.parameters[:, 0] > ROC_PT) & (np.abs(objects.parameters[:, 1]) < ROC_ETA)
    signal, background = (inside & (objects.parameters[:, 2] == each) for each in (5, code))
    return (signal, background) if min(signal.sum(), background.sum()) >= FEWEST else None


def _areas(objects: Objects, code: int) -> dict[str, float]:
    rows = _tagged(objects, code)
    if rows is None:
        return {}
    scores = {side: values[:, TAGGER] for side, values in objects.sides.items()}
    return {side: roc_area(each[rows[0]], each[rows[1]]).value for side, each in scores.items()}


def _curves(objects: Objects, code: int) -> dict[str, RocCurve]:
    rows = _tagged(objects, code)
    if rows is None:
        return {}
    scores = {side: objects.sides[side][:, TAGGER] for side in SIDES}
    return {side: roc_curve(each[rows[0]], each[rows[1]]) for side, each in scores.items()}


def excess(values: FloatArray) -> FloatArray:
    """Sum of probabilities less one of jets, shape (jets,)."""
    b, cvb, cvl = np.clip(values[:, 1:4], *SCORE_RANGE).T
    return np.asarray(probability_sum(b, cvb, cvl) - 1, dtype=np.float64)


def _sum_of(values: FloatArray) -> tuple[float, float]:
    away = excess(values)
    return float(away.mean()), float(away.std())


def _response(pt: FloatArray, generated: FloatArray, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    place = np.digitize(generated, edges) - 1
    found = np.full((2, len(edges) - 1), np.nan)
    for k in range(len(edges) - 1):
        inside = place == k
        if inside.sum() >= FEWEST:
            low, middle, high = np.quantile(pt[inside] / generated[inside], [0.16, 0.5, 0.84])
            found[:, k] = middle, (high - low) / 2
    return found[0], found[1]
