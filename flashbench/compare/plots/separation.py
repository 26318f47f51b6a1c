"""Figures of signal beside background: shapes with their ratios, and ROC curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from flashbench.compare.plots.panels import REFERENCE_AREA, around_one, band, canvas, shortened, title
from flashbench.compare.plots.style import REFERENCE, Look, looks
from flashbench.compare.separation import RocStudy, Shape, ShapeStudy

FloatArray = NDArray[np.float64]

_LOWEST_MISTAG = 1e-3
_BACKGROUND = "#fbe3bd"


def draw_shapes(study: ShapeStudy) -> Figure:
    """Signal solid, background dashed, a colour a simulator; below the ratio to the reference of either.

    Call inside `style.applied()`.
    """
    figure = canvas(7.4, 8.4)
    grid = figure.add_gridspec(
        3, 1, height_ratios=(3, 1, 1), hspace=0.07, left=0.16, right=0.965, top=0.94, bottom=0.095
    )
    main = figure.add_subplot(grid[0])
    lower = [figure.add_subplot(grid[row], sharex=main) for row in (1, 2)]
    sides = (study.signal, study.background)
    look = looks([shape.simulator for shape in study.signal[1:]])
    for shapes, fill, line in zip(sides, (REFERENCE_AREA, _BACKGROUND), ("-", (0, (5, 2))), strict=True):
        main.stairs(shapes[0].values, study.edges, fill=True, color=fill, alpha=0.8, zorder=1)
        for shape in shapes:
            colour = REFERENCE.colour if shape is shapes[0] else look[shape.simulator].colour
            main.stairs(shape.values, study.edges, color=colour, linestyle=line, linewidth=1.7, zorder=3)
    for axes, shapes, words in zip(lower, sides, ("signal", "background"), strict=True):
        _ratios(axes, study.edges, shapes, look, words)
    _finish(main, study, look)
    main.tick_params(labelbottom=False)
    lower[0].tick_params(labelbottom=False)
    lower[1].set_xlabel(study.axis_label)
    for axes, height in ((main, 1.0), (lower[0], 0.5), (lower[1], 0.5)):
        axes.yaxis.set_label_coords(-0.125, height)
    return figure


def _ratios(axes: Axes, edges: FloatArray, shapes: Sequence[Shape], look: dict[str, Look], words: str) -> None:
    first = shapes[0]
    filled = first.values > 0
    relative = np.where(filled, first.errors / np.where(filled, first.values, 1.0), np.nan)
    band(axes, edges, np.where(filled, 1.0, np.nan), relative, facecolor="none", edgecolor="#8a8d98",
         hatch="//////", linewidth=0)  # fmt: skip
    axes.axhline(1.0, color=REFERENCE.colour, linewidth=1.3)
    values, errors = [], []
    for shape in shapes[1:]:
        both = filled & (shape.values > 0)
        over = np.where(both, shape.values / np.where(both, first.values, 1.0), np.nan)
        error = np.where(both, shape.errors / np.where(both, first.values, 1.0), np.nan)
        how = look[shape.simulator]
        centres = (edges[1:] + edges[:-1]) / 2
        axes.plot(centres, over, how.marker, color=how.colour, markersize=4.5)
        values.append(over)
        errors.append(np.where(np.isfinite(error), error, np.inf))
    half = around_one(values, errors) if values else 0.5
    axes.set_ylim(1 - half, 1 + half)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], prune="both"))
    name = shortened(first.simulator, 12, 1)[0]
    axes.set_ylabel(f"To {name},\n{words}", loc="center", fontsize=13).set_parse_math(False)
    axes.grid(axis="y", alpha=0.5)


def _finish(axes: Axes, study: ShapeStudy, look: dict[str, Look]) -> None:
    keys = [
        Line2D([], [], color="#55585f", linestyle="-", label=_told(study.processes[0], study.signal[0])),
        Line2D([], [], color="#55585f", linestyle=(0, (5, 2)), label=_told(study.processes[1], study.background[0])),
    ]
    for shape in study.signal:
        colour = REFERENCE.colour if shape is study.signal[0] else look[shape.simulator].colour
        keys.append(Line2D([], [], color=colour, linewidth=3, label=shortened(shape.label, 34, 1)[0]))
    top = max(float(np.max(shape.values)) for shape in (*study.signal, *study.background))
    axes.set_ylim(0, top * (1.35 + 0.08 * len(keys)) if top > 0 else 1.0)
    axes.set_xlim(study.edges[0], study.edges[-1])
    axes.yaxis.set_major_locator(MaxNLocator(6, prune="upper"))
    axes.set_ylabel("Fraction of selected events / bin", fontsize=15)
    box = axes.legend(handles=keys, loc="upper right", fontsize=11.5, alignment="left", labelspacing=0.4)
    for text in box.get_texts():
        text.set_parse_math(False)
    title(axes, "Signal and background", study.region_label)
    if not any(shape.entries for shape in (*study.signal, *study.background)):
        axes.text(0.5, 0.45, "No selected events", transform=axes.transAxes, ha="center", va="center", fontsize=20)


def _told(process: str, shape: Shape) -> str:
    outside = f", {shape.outside:.1%} outside" if shape.outside > 5e-4 else ""
    return f"{shortened(process.replace('$', ''), 30, 1)[0]}: {shape.entries:,.0f} events{outside}"


def draw_roc(study: RocStudy) -> Figure:
    """Background against signal efficiency of every simulator. Call inside `style.applied()`."""
    figure = canvas(7.0, 7.0)
    axes = figure.add_subplot(figure.add_gridspec(1, 1, left=0.165, right=0.965, top=0.93, bottom=0.115)[0])
    first, *others = study.labels or {"": ""}
    look: dict[str, Look] = {first: REFERENCE, **looks(others)}
    for name, (signal, background) in study.curves.items():
        area, error = study.areas[name]
        label = f"{shortened(study.labels[name], 26, 1)[0]}: area {area:.3f} ± {error:.3f}"
        style: dict[str, Any] = {"color": look[name].colour, "linestyle": look[name].line, "linewidth": 1.8}
        axes.plot(signal, background, label=label, **style)
    axes.set_yscale("log")
    axes.set_xlim(0, 1)
    axes.set_ylim(_LOWEST_MISTAG, 1)
    axes.grid(which="major", alpha=0.4)
    process = [shortened(label.replace("$", ""), 26, 1)[0] for label in study.processes]
    axes.set_xlabel(f"Efficiency of {process[0]}").set_parse_math(False)
    axes.set_ylabel(f"Efficiency of {process[1]}").set_parse_math(False)
    if study.curves:
        box = axes.legend(loc="lower right", fontsize=11.5, alignment="left", title="Score of the network")
        box.get_title().set_fontsize(11.5)
        for text in box.get_texts():
            text.set_parse_math(False)
    else:
        axes.text(0.5, 0.45, "No selected events", transform=axes.transAxes, ha="center", va="center", fontsize=20)
    title(axes, "Signal against background", study.region_label)
    return figure
