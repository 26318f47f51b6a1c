"""Figures of a learned simulator: targets, contours, profiles, curves, taggers by flavour.

Call inside `flashbench.compare.plots.style.applied()`, as those of `flashbench.validation.plots`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy import ndimage

from flashbench.compare.plots.style import BUILT_IN, REFERENCE, Look, looks
from flashbench.errors import StatisticsError
from flashbench.stats import content_levels
from flashbench.validation.flash.measure import Curve, ProcessResult, Profile, Score
from flashbench.validation.flash.planes import QUANTILES, PlaneResult
from flashbench.validation.flash.samples import Gathered, Side
from flashbench.validation.flash.targets import TargetDistance
from flashbench.validation.measures import Measured
from flashbench.validation.plots import DPI, LABELS, legend, name_y, one_panel, profiles, rocs, short

FloatArray = NDArray[np.float64]

WIDE: Final = (9.6, 4.2)  # inches: linear and logarithmic beside each other
_BINS: Final = 60
_CENTRAL: Final = (0.002, 0.998)
_SMOOTHING: Final = 0.8  # bins


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure that can be drawn, and where it belongs."""

    group: str
    name: str
    label: str
    draw: Callable[[], Figure]


def figures(result: ProcessResult) -> Iterator[Drawn]:
    """Every figure of a process."""
    for target in result.targets:
        group, name = ("jets" if target.kind == "Jet" else "muons"), f"{target.kind}_{target.name}"
        yield Drawn(group, name, name, partial(_target, result, target))
    for plane in result.planes:
        yield Drawn("contours", plane.plane.name, plane.plane.label, partial(_contours, result.gathered, plane))
    for score in result.scores:
        shown = score.distribution
        yield Drawn("tagging", shown.name, shown.label, partial(_tagger, result.gathered, score))
    for curve in result.curves:
        yield Drawn("tagging", curve.roc.name, curve.roc.label, partial(_roc, result.gathered, curve))
    for profile in result.profiles:
        shown_profile = profile.quantity
        draw = partial(_profile, result.gathered, profile)
        yield Drawn(shown_profile.group, shown_profile.name, shown_profile.label, draw)


def _look(gathered: Gathered, side: Side) -> Look:
    """Full in black, the simulator as in every report."""
    if side.name == "full":
        return REFERENCE
    return BUILT_IN["fast"] if side.name == "fast" else looks([gathered.simulator])[gathered.simulator]


def _target(result: ProcessResult, target: TargetDistance) -> Figure:
    """One target, linear and logarithmic; W1 in the legend."""
    figure = Figure(figsize=WIDE, dpi=DPI)
    linear, logarithmic = figure.subplots(1, 2, gridspec_kw={"left": 0.09, "right": 0.985, "top": 0.96, "bottom": 0.16})
    sides = (result.gathered.full, result.gathered.simulated)
    found = [side.matched[target.kind] for side in sides]
    number = [feature.name for feature in found[0].features].index(target.name)
    values = [each.targets[:, number] for each in found]
    for axes, scale, part in ((linear, "linear", _CENTRAL), (logarithmic, "log", (0.0, 1.0))):
        edges = _axis(values, found[0].features[number].is_discrete, part)
        for side, each in zip(sides, values, strict=True):
            _steps(axes, each, edges, _look(result.gathered, side), f"{short(side.label)}, {len(each):,}")
        axes.set_yscale(scale)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xlabel(f"{target.kind}_{target.name}" + _relation(result, target), **LABELS)
        axes.tick_params(labelsize=11)
        top = axes.get_ylim()[1]
        axes.set_ylim(0 if scale == "linear" else None, top * (1.35 if scale == "linear" else 30))
    linear.set_ylabel("Fraction of objects", **LABELS)
    legend(linear, f"W1 {target.distance:.3g}, by chance {target.null:.2g}")
    return figure


def _relation(result: ProcessResult, target: TargetDistance) -> str:
    features = {feature.name: feature for feature in result.gathered.full.matched[target.kind].features}
    anchor = features[target.name].anchor
    if not anchor:
        return ""
    sign = "/" if features[target.name].relation == "ratio" else "−"
    return f" {sign} {anchor}"


def _axis(values: list[FloatArray], discrete: bool, part: tuple[float, float]) -> FloatArray:
    """Edges of the bins over a central part of the values; whole numbers stand in the middle of theirs."""
    joined = np.concatenate([each for each in values if len(each)] or [np.zeros(1)])
    low, high = (float(end) for end in np.quantile(joined, part))
    if discrete:
        return np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.5, max(1.0, np.ceil((high - low) / 100)))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high + 1e-9 * max(1.0, abs(high)), _BINS + 1)


def _steps(axes: Axes, values: FloatArray, edges: FloatArray, look: Look, label: str) -> None:
    contents = np.histogram(values, edges)[0] / max(len(values), 1)
    filled = look == REFERENCE
    if filled:
        axes.stairs(contents, edges, fill=True, color="#e3e4e8", zorder=1)
    style: dict[str, Any] = {"color": look.colour, "linestyle": "-" if filled else look.line, "linewidth": 1.5}
    axes.stairs(contents, edges, label=label, zorder=2 if filled else 3, **style)


def _contours(gathered: Gathered, found: PlaneResult) -> Figure:
    """Contours that hold each quantile, smoothed by less than a bin."""
    figure, axes = one_panel()
    edges = found.plane.edges()
    centres = [(each[1:] + each[:-1]) / 2 for each in edges]
    keys = []
    for side in gathered.sides:
        look = _look(gathered, side)
        smooth = ndimage.gaussian_filter(found.contents[side.name], _SMOOTHING)
        try:
            levels = content_levels(smooth, QUANTILES)
        except StatisticsError:  # no objects
            continue
        ascending = np.unique(levels[levels > 0])
        axes.contour(*centres, smooth.T, levels=ascending, colors=look.colour, linestyles=[look.line], linewidths=1.5)
        style: dict[str, Any] = {"color": look.colour, "linestyle": look.line}
        keys.append(Line2D([], [], label=short(side.label), **style))
    axes.set_xlim(edges[0][0], edges[0][-1])
    axes.set_ylim(edges[1][0], edges[1][-1])
    axes.set_xlabel(found.plane.x[0], **LABELS)
    name_y(axes, found.plane.y[0], 1.0)
    axes.legend(handles=keys, fontsize=11.5, loc="upper left", title="50, 90, 99 %", title_fontsize=12)
    return figure


def _tagger(gathered: Gathered, score: Score) -> Figure:
    figure, axes = one_panel()
    shown = score.distribution
    edges = np.linspace(shown.low, shown.high, shown.bins + 1)
    for side in gathered.sides:
        values = score.sides[side.name]
        _steps(axes, values, edges, _look(gathered, side), f"{short(side.label)}, {len(values):,}")
    axes.set_yscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(axes.get_ylim()[0], axes.get_ylim()[1] * 12)
    axes.set_xlabel(shown.label, **LABELS)
    name_y(axes, "Fraction of jets")
    legend(axes, shown.label)
    return figure


def _roc(gathered: Gathered, curve: Curve) -> Figure:
    return rocs(
        curve.roc.label, [(curve.sides[side.name], side.label, _look(gathered, side)) for side in gathered.sides]
    )


def _profile(gathered: Gathered, profile: Profile) -> Figure:
    sides: list[tuple[Measured, str, Look]] = []
    for side in gathered.sides:
        look = _look(gathered, side)
        points = Look(look.colour, "o", "-") if side.name == "full" else look
        sides.append((profile.sides[side.name], side.label, points))
    return profiles(profile.quantity, sides)
