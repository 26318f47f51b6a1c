"""The figure of one event thrown many times: an observable on its standard axis, and close up."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from flashbench.compare.plots.panels import finish_spectrum, legend, title
from flashbench.compare.plots.style import REFERENCE, looks
from flashbench.compare.throws import FloatArray, Thrown

_SIZE = (12.5, 5.6)  # inches


def draw_throws(thrown: Thrown) -> Figure:
    """The figure, on its own Agg canvas. Call inside `style.applied()`."""
    figure = Figure(figsize=_SIZE)
    FigureCanvasAgg(figure)
    place = {"left": 0.095, "right": 0.98, "top": 0.915, "bottom": 0.15, "wspace": 0.2}
    wide, close = figure.subplots(1, 2, gridspec_kw=place)
    _draw(wide, thrown, thrown.frame.edges, thrown.contents)
    _draw(close, thrown, thrown.zoom_edges, thrown.zoom)
    wide.set_ylabel(f"Fraction of {thrown.throws:,} throws", loc="center", fontsize=14)
    close.xaxis.set_major_locator(MaxNLocator(5))
    close.ticklabel_format(axis="x", useOffset=False)
    title(wide, thrown.frame.process_label, "")
    title(close, f"event {thrown.event}", thrown.frame.region_label)
    legend(wide)
    if not thrown.defined:
        wide.text(0.5, 0.45, "No selected throws", transform=wide.transAxes, ha="center", va="center", fontsize=18)
    return figure


def _draw(axes: Axes, thrown: Thrown, edges: FloatArray, contents: FloatArray) -> None:
    look = looks([thrown.simulator])[thrown.simulator]
    label = f"{thrown.simulator_label}: {thrown.defined:,}, {thrown.defined / thrown.throws:.1%}"
    if np.isfinite(thrown.deviation):
        label += f"\n{thrown.mean:.4g} ± {thrown.deviation:.2g}"
    axes.stairs(contents, edges, fill=True, color=look.colour, alpha=0.25)
    axes.stairs(contents, edges, color=look.colour, label=label)
    for name, value in thrown.marks.items():
        if edges[0] <= value <= edges[-1]:
            colour, line = (REFERENCE.colour, "-") if name == "full" else (looks([name])[name].colour, (0, (4, 2)))
            axes.axvline(value, color=colour, linestyle=line, linewidth=1.8, label=f"{name}: {value:.4g}")
    finish_spectrum(axes, [contents], edges)
    axes.set_xlabel(thrown.frame.axis_label)
