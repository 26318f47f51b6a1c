"""The figure of a fold study: spectrum, relative errors, ratio to one fold, and mean error against folds."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

from flashbench.compare.plots.panels import (
    HATCHED,
    REFERENCE_AREA,
    around_one,
    band,
    finish_spectrum,
    legend,
    marks,
    title,
)
from flashbench.compare.plots.style import REFERENCE, Look
from flashbench.compare.upsampling import FoldStudy, Level

_SIZE = (13.0, 7.0)  # inches
_MARKERS = "osD^vXP<>p"


def draw_folds(study: FoldStudy) -> Figure:
    """The figure, on its own Agg canvas. Call inside `style.applied()`."""
    figure = Figure(figsize=_SIZE)
    FigureCanvasAgg(figure)
    left = figure.add_gridspec(
        3, 1, height_ratios=(2.6, 1.1, 1.1), hspace=0.09, left=0.095, right=0.565, top=0.93, bottom=0.115
    )
    right = figure.add_gridspec(1, 1, left=0.68, right=0.98, top=0.93, bottom=0.115)
    main = figure.add_subplot(left[0])
    relative, ratio = (figure.add_subplot(left[row], sharex=main) for row in (1, 2))
    looks = _looks(study.levels)
    _spectrum(main, study, looks[-1])
    _relative(relative, study, looks)
    _ratio(ratio, study, looks)
    _falling(figure.add_subplot(right[0]), study, looks)
    for axes in (main, relative):
        axes.tick_params(labelbottom=False)
    for axes in (main, relative, ratio):
        axes.yaxis.set_label_coords(-0.105, 0.5)
    return figure


def _looks(levels: Sequence[Level]) -> list[Look]:
    """One fold as every reference, more folds darker and darker."""
    shades = mpl.colormaps["plasma"](np.linspace(0.8, 0.15, len(levels) - 1))
    more = [Look(to_hex(shade), _MARKERS[number % len(_MARKERS)], "-") for number, shade in enumerate(shades)]
    return [Look(REFERENCE.colour, "", "-"), *more]


def _named(level: Level) -> str:
    return "1 fold" if level.folds == 1 else f"{level.folds:,} folds"


def _spectrum(axes: Axes, study: FoldStudy, look: Look) -> None:
    edges, one, most = study.frame.edges, study.levels[0], study.levels[-1]
    axes.stairs(one.values, edges, fill=True, color=REFERENCE_AREA, zorder=1)
    axes.stairs(
        one.values, edges, color=REFERENCE.colour, zorder=2, label=f"{study.simulator.partition('@')[0]}, {_named(one)}"
    )
    band(axes, edges, one.values, one.errors, **HATCHED)
    axes.stairs(most.values, edges, color=look.colour, zorder=3)
    centres, filled = (edges[1:] + edges[:-1]) / 2, most.errors > 0
    label = f"{_named(most)}, mean error {most.mean_error / one.mean_error:.2f} of that"
    axes.errorbar(centres[filled], most.values[filled], yerr=most.errors[filled], label=label, **marks(look))
    finish_spectrum(axes, [one.values, most.values], edges)
    axes.set_ylabel("Fraction of events", loc="center", fontsize=14)
    legend(axes)
    title(axes, study.frame.process_label, study.frame.region_label)


def _relative(axes: Axes, study: FoldStudy, looks: Sequence[Look]) -> None:
    for level, look in zip(study.levels, looks, strict=True):
        axes.stairs(level.relative, study.frame.edges, color=look.colour, linewidth=1.6, label=_named(level))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(top=min(axes.get_ylim()[1], 1.5))
    axes.set_ylabel("Relative\nerror", loc="center", fontsize=13)
    axes.grid(axis="y", alpha=0.4)


def _ratio(axes: Axes, study: FoldStudy, looks: Sequence[Look]) -> None:
    edges, most = study.frame.edges, study.levels[-1]
    centres, known = (edges[1:] + edges[:-1]) / 2, np.isfinite(most.ratio)
    axes.axhline(1.0, color=REFERENCE.colour, linewidth=1.3)
    axes.errorbar(centres[known], most.ratio[known], yerr=most.ratio_errors[known], **marks(looks[-1]))
    half = around_one([most.ratio], [most.ratio_errors])
    axes.set_ylim(1 - half, 1 + half)
    axes.set_ylabel("Ratio to\n1 fold", loc="center", fontsize=13)
    axes.set_xlabel(study.frame.axis_label)
    axes.grid(axis="y", alpha=0.4)


def _falling(axes: Axes, study: FoldStudy, looks: Sequence[Look]) -> None:
    """Mean error against the number of folds, in units of that with one fold."""
    one = study.levels[0].mean_error
    axes.plot(study.curve_folds, np.asarray(study.curve) / one, color="#717581", label="expected", zorder=2)
    axes.axhline(study.plateau / one, color="#717581", linestyle=(0, (5, 3)), label="plateau", zorder=1)
    for level, look in zip(study.levels, looks, strict=True):
        label = f"{_named(level)}, gain {level.gain:.2f}"
        axes.plot(level.folds, level.mean_error / one, look.marker or "s", color=look.colour, label=label, zorder=3)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([level.folds for level in study.levels]))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0, 1.45)
    axes.set_xlabel("Folds")
    axes.set_ylabel("Mean error over that of 1 fold", loc="center", fontsize=14)
    axes.grid(alpha=0.4)
    legend(axes)
