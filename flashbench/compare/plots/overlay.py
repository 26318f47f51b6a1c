"""The standard figure: simulators over each other, and their ratio to the reference below."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import AutoMinorLocator, MaxNLocator
from numpy.typing import NDArray

from flashbench.compare.plots.drawing import Curve, Drawing
from flashbench.compare.plots.panels import HATCHED, REFERENCE_AREA, around_one, band, marks, shortened, title
from flashbench.compare.plots.style import REFERENCE, Look, looks

_NOTE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}


def draw(drawing: Drawing) -> Figure:
    """The figure of an overlay, on its own Agg canvas; pyplot does not know of it.

    Call inside `style.applied()`.
    """
    figure = Figure()
    FigureCanvasAgg(figure)
    # One thread of axes: the upper shares its x axis with the ratio below.
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 1), hspace=0.06, left=0.165, right=0.965, top=0.93, bottom=0.115)
    main = figure.add_subplot(grid[0])
    ratio = figure.add_subplot(grid[1], sharex=main)
    main.tick_params(labelbottom=False)
    reference, others = drawing.curves[0], drawing.curves[1:]
    look = looks([curve.simulator for curve in others])
    _draw_reference(main, ratio, drawing.edges, reference)
    for curve in others:
        _draw_curve(main, ratio, drawing.edges, curve, look[curve.simulator])
    _finish_main(main, drawing)
    _finish_ratio(ratio, drawing)
    for axes, height in ((main, 1.0), (ratio, 0.5)):
        axes.yaxis.set_label_coords(-0.135, height)  # in line, whatever the width of the numbers
        axes.yaxis.set_minor_locator(AutoMinorLocator(2))
    ratio.xaxis.set_minor_locator(AutoMinorLocator(2))
    return figure


def _draw_reference(main: Axes, ratio: Axes, edges: NDArray[np.float64], curve: Curve) -> None:
    main.stairs(curve.values, edges, fill=True, color=REFERENCE_AREA, zorder=1)
    main.stairs(curve.values, edges, color=REFERENCE.colour, linewidth=1.8, zorder=2, label=_legend(curve))
    band(main, edges, curve.values, curve.errors, **HATCHED)
    ratio.axhline(1.0, color=REFERENCE.colour, linewidth=1.4, zorder=2)


def _draw_curve(main: Axes, ratio: Axes, edges: NDArray[np.float64], curve: Curve, look: Look) -> None:
    centres = (edges[1:] + edges[:-1]) / 2
    main.stairs(curve.values, edges, color=look.colour, linestyle=look.line, linewidth=1.6, zorder=3)
    filled = curve.errors > 0
    main.errorbar(
        *(centres[filled], curve.values[filled]), yerr=curve.errors[filled], label=_legend(curve), **marks(look)
    )
    known = np.isfinite(curve.ratio) & np.isfinite(curve.ratio_errors)
    shown = np.where(known, curve.ratio, np.nan)
    band(ratio, edges, shown, curve.ratio_errors, color=look.colour, alpha=0.28, linewidth=0)
    ratio.plot(
        *(centres[known], curve.ratio[known]), look.marker, color=look.colour, markersize=5, zorder=4,
        markeredgecolor="white", markeredgewidth=0.5,
    )  # fmt: skip


def _legend(curve: Curve) -> str:
    """Name and statistics of a curve; what lies outside the axis is said."""
    name = "\n".join(shortened(curve.label, width=34, lines=3))
    outside = [
        f"{share:.1%} {where}" for share, where in ((curve.underflow, "below"), (curve.overflow, "above")) if share
    ]
    entries = f"{curve.entries:,.0f}" if curve.entries == round(curve.entries) else f"{curve.entries:,.1f}"
    return f"{name}\n" + ", ".join([f"{entries} events", *outside])


def _finish_main(axes: Axes, drawing: Drawing) -> None:
    width = drawing.edges[1] - drawing.edges[0]
    per = f"{width:.3g} {drawing.unit}" if drawing.unit else f"{width:.3g}"
    axes.set_ylabel(f"Fraction of events / {per}")
    top = max((float(np.max(curve.values + curve.errors)) for curve in drawing.curves), default=0.0)
    bottom = min((float(np.min(curve.values - curve.errors)) for curve in drawing.curves), default=0.0)
    lines = sum(_legend(curve).count("\n") + 1.35 for curve in drawing.curves)
    size = min(12.5, 12.5 * 11 / lines)
    covered = 0.05 + lines * size * 0.0041  # part of the height below the legend
    axes.set_ylim(min(bottom * 1.1, 0.0), top / (1 - covered) if top > 0 else 1.0)
    axes.set_xlim(drawing.edges[0], drawing.edges[-1])
    axes.yaxis.set_major_locator(MaxNLocator(6, prune="upper" if top > 0 else None))
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    axes.yaxis.get_offset_text().set(fontsize=12, x=-0.13)
    legend = axes.legend(loc="upper right", labelspacing=0.45, alignment="left", handlelength=1.4, fontsize=size)
    for text in legend.get_texts():
        text.set_parse_math(False)
    title(axes, drawing.process_label, drawing.region_label)
    if drawing.is_empty:
        axes.text(0.5, 0.45, "No selected events", transform=axes.transAxes, ha="center", va="center", fontsize=20)


def _finish_ratio(axes: Axes, drawing: Drawing) -> None:
    unit = f" [{drawing.unit}]" if drawing.unit else ""
    axes.set_xlabel(f"{drawing.label}{unit}")
    name = shortened(drawing.curves[0].simulator, 14, 1)[0]
    label = axes.set_ylabel(f"Ratio to {name}", loc="center", fontsize=14)
    label.set_parse_math(False)
    others = drawing.curves[1:]
    half = around_one([curve.ratio for curve in others], [curve.ratio_errors for curve in others])
    axes.set_ylim(1 - half, 1 + half)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], prune="both"))
    axes.grid(axis="y", alpha=0.5)
    if not any(np.isfinite(curve.ratio_errors).any() for curve in drawing.curves[1:]):
        axes.text(0.5, 0.25, "no ratio: empty bins", transform=axes.transAxes, ha="center", va="center", fontsize=12)
        return
    beyond = 0
    for curve in drawing.curves[1:]:
        known = np.isfinite(curve.ratio_errors)
        beyond += int(np.count_nonzero(np.abs(curve.ratio[known] - 1) > half))
    if beyond:
        note = f"{beyond} bin{'s' if beyond > 1 else ''} beyond the range"
        where: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "bottom"}
        axes.text(0.99, 0.05, note, fontsize=10.5, color="#333333", bbox=_NOTE, **where)
