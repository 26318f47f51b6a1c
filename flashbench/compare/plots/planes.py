"""Figures of observables two by two: contours, and matrices of correlations with their differences."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from flashbench.compare.planes import ContourStudy, CorrelationStudy
from flashbench.compare.plots.panels import canvas, shortened, title
from flashbench.compare.plots.style import REFERENCE, Look, looks


def draw_contours(study: ContourStudy) -> Figure:
    """Contours of all simulators over one another, the reference's area in grey. Call inside `style.applied()`."""
    figure = canvas(7.0, 7.0)
    axes = figure.add_subplot(figure.add_gridspec(1, 1, left=0.165, right=0.965, top=0.93, bottom=0.115)[0])
    centres = [(edges[1:] + edges[:-1]) / 2 for edges in study.edges]
    first, *others = study.labels
    look: dict[str, Look] = {first: REFERENCE, **looks(others)}
    keys = []
    for name, label in study.labels.items():
        levels, how = study.levels[name], look[name]
        if levels.size:
            contents = study.contents[name].T
            if name == first:
                above = [*levels, max(float(contents.max()) * 1.01, float(levels[-1]) * 1.01)]
                greys = ("#f1f1f4", "#dddee4", "#c4c6ce")[-levels.size :]
                axes.contourf(*centres, contents, levels=above, colors=greys, zorder=0)
            style: dict[str, Any] = {"colors": how.colour, "linestyles": [how.line], "linewidths": 1.7}
            axes.contour(*centres, contents, levels=levels, **style)
        words = shortened(label, 30, 1)[0] + ("" if levels.size else ": no events")
        line: dict[str, Any] = {"color": how.colour, "linestyle": how.line}
        keys.append(Line2D([], [], label=words, **line))
    axes.set_xlim(*study.edges[0][[0, -1]])
    axes.set_ylim(*study.edges[1][[0, -1]])
    axes.set_xlabel(study.axes[0])
    axes.set_ylabel(study.axes[1])
    box = axes.legend(
        handles=keys, loc="upper right", fontsize=11.5, title="50, 90, 99 %", title_fontsize=11.5,
        frameon=True, framealpha=0.85, edgecolor="none",
    )  # fmt: skip
    for text in box.get_texts():
        text.set_parse_math(False)
    title(axes, study.process_label, study.region_label)
    if not any(levels.size for levels in study.levels.values()):
        axes.text(0.5, 0.45, "No selected events", transform=axes.transAxes, ha="center", va="center", fontsize=20)
    return figure


def draw_correlations(study: CorrelationStudy) -> Figure:
    """The reference's matrix, and for each other its difference. Call inside `style.applied()`."""
    number = len(study.matrices)
    width = 1.75 + 4.1 * number
    figure = canvas(width, 5.9)
    grid = {"left": 1.55 / width, "right": 0.99, "top": 0.86, "bottom": 0.25, "wspace": 0.06}
    panels = figure.subplots(1, number, squeeze=False, gridspec_kw=grid)[0]
    first = next(iter(study.matrices))
    away = [study.matrices[name] - study.matrices[first] for name in study.distances]
    largest = max((float(np.nanmax(np.abs(each))) for each in away if np.isfinite(each).any()), default=0.0) or 1.0
    for column, (axes, (name, matrix)) in enumerate(zip(panels, study.matrices.items(), strict=True)):
        is_first = name == first
        shown = matrix if is_first else matrix - study.matrices[first]
        limit = 1.0 if is_first else largest
        axes.imshow(shown, cmap="RdBu_r" if is_first else "PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
        for (row, other), value in np.ndenumerate(shown):
            if np.isfinite(value):
                colour = "white" if abs(value) > 0.65 * limit else "#1a1a1a"
                words = f"{round(100 * value) + 0:d}"
                axes.text(other, row, words, ha="center", va="center", fontsize=9, color=colour)
        ticks = range(len(study.observables))
        axes.set_xticks(ticks, study.observables, rotation=55, ha="right", rotation_mode="anchor", fontsize=10.5)
        axes.set_yticks(ticks, study.observables if column == 0 else [""] * len(ticks), fontsize=10.5)
        axes.minorticks_off()
        axes.tick_params(which="both", length=0)
        label = shortened(study.labels[name], 24, 1)[0]
        words = f"{label}, %" if is_first else f"{label} − {shortened(first, 12, 1)[0]}, %"
        if not is_first and np.isfinite(study.distances[name]):
            words += f"\nrms difference {100 * study.distances[name]:.1f} %"
        where: dict[str, Any] = {"transform": axes.transAxes, "ha": "left", "va": "bottom", "fontsize": 12.5}
        axes.text(0.0, 1.015, words, fontweight="bold", **where).set_parse_math(False)
    head = shortened(f"{study.process_label}: {study.region_label}", 26 * number, 1)[0]
    figure.text(0.01, 0.99, head, va="top", fontsize=12.5).set_parse_math(False)
    if not np.isfinite(study.matrices[first]).any():
        figure.text(0.985, 0.985, "No selected events", va="top", ha="right", fontsize=13.5)
    return figure
