"""Figures of a comparison of objects: spectra with their ratio, profiles with errors, ROC curves.

Call inside `flashbench.compare.plots.style.applied()`; figures have their own Agg canvas, pyplot does not know of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from flashbench.compare.plots.style import REFERENCE, Look, looks
from flashbench.stats import RocCurve, density
from flashbench.validation.comparison import Curves, Spectra
from flashbench.validation.measures import Compared, Measured, Quantity

FloatArray = NDArray[np.float64]

SIZE: Final = (6.0, 5.4)  # inches
DPI: Final = 100
_COLOURS: Final = 64  # of the palette of a PNG
_LOWEST_MISTAG: Final = 1e-3
LABELS: Final[dict[str, Any]] = {"fontsize": 14}
_PLACE: Final = {"left": 0.175, "right": 0.965, "top": 0.965, "bottom": 0.135}


def png(figure: Figure) -> bytes:
    """The figure as a PNG with a palette, a third of the size in full colour."""
    from PIL import Image

    FigureCanvasAgg(figure)
    raw, stream = BytesIO(), BytesIO()
    figure.savefig(raw, format="rgba", dpi=DPI)
    width, height = (round(side * DPI) for side in figure.get_size_inches())
    pixels = np.frombuffer(raw.getvalue(), dtype=np.uint8).reshape(height, width, 4)[..., :3]
    Image.fromarray(np.ascontiguousarray(pixels)).quantize(_COLOURS).save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def one_panel() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, dpi=DPI)
    return figure, figure.add_subplot(figure.add_gridspec(1, 1, **_PLACE)[0])


def two_panels() -> tuple[Figure, Axes, Axes]:
    """A figure with a ratio below."""
    figure = Figure(figsize=SIZE, dpi=DPI)
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 1), hspace=0.07, **_PLACE)
    main = figure.add_subplot(grid[0])
    lower = figure.add_subplot(grid[1], sharex=main)
    main.tick_params(labelbottom=False)
    return figure, main, lower


def name_y(axes: Axes, label: str, height: float = 1.0) -> None:
    axes.set_ylabel(label, **LABELS)
    axes.yaxis.set_label_coords(-0.145, height)  # in line, whatever the width of the numbers


def points(look: Look) -> dict[str, Any]:
    return {
        "color": look.colour, "fmt": look.marker, "markersize": 4.5, "elinewidth": 1.2, "markeredgecolor": "white",
        "markeredgewidth": 0.4, "zorder": 4,
    }  # fmt: skip


def short(label: str, width: int = 36) -> str:
    return label if len(label) <= width else f"{label[: width - 1]}…"


def legend(axes: Axes, title: str, place: Literal["upper left", "upper right"] = "upper right") -> None:
    """What is shown, and the samples."""
    style: dict[str, Any] = {"fontsize": 11.5, "title_fontsize": 12, "labelspacing": 0.35, "handlelength": 1.5}
    box = axes.legend(loc=place, title=title, alignment="left", **style)
    for text in (*box.get_texts(), box.get_title()):
        text.set_parse_math(False)


def spectrum(spectra: Spectra, labels: tuple[str, str]) -> Figure:
    """Normalised distributions over each other, their ratio below; W1 in the legend."""
    shown = spectra.distribution
    edges = np.linspace(shown.low, shown.high, shown.bins + 1)
    figure, main, lower = two_panels()
    look = looks(labels[1:])[labels[1]]
    sides = [_histogram(values, edges) for values in (spectra.reference, spectra.measured)]
    (want, want_error), (got, got_error) = sides
    counts = len(spectra.reference), len(spectra.measured)
    names = [f"{short(name)}, {n:,} {shown.counted}" for name, n in zip(labels, counts, strict=True)]
    main.stairs(want, edges, fill=True, color="#e3e4e8", zorder=1)
    main.stairs(want, edges, color=REFERENCE.colour, linewidth=1.6, zorder=2, label=names[0])
    _band(main, edges, want, want_error, facecolor="none", edgecolor="#8a8d98", hatch="//////", linewidth=0)
    main.stairs(got, edges, color=look.colour, linestyle=look.line, linewidth=1.4, zorder=3)
    centres, filled = (edges[1:] + edges[:-1]) / 2, got > 0
    main.errorbar(centres[filled], got[filled], yerr=got_error[filled], label=names[1], **points(look))
    _finish_spectrum(main, spectra, (want, got))
    _draw_ratio(lower, edges, sides, look)
    lower.set_xlabel(f"{shown.label} [{shown.unit}]" if shown.unit else shown.label, **LABELS)
    return figure


def _histogram(values: FloatArray, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fraction of the entries in each bin, and its error; zeros without entries."""
    counts = np.histogram(values, edges)[0].astype(np.float64)
    if not len(values):
        return counts, counts
    pdf = density(counts, counts, float(len(values)))
    return pdf.values, pdf.errors


def _band(axes: Axes, edges: FloatArray, middle: FloatArray, half: FloatArray, **style: Any) -> None:
    axes.bar(edges[:-1], 2 * half, np.diff(edges), middle - half, align="edge", **style)


def _finish_spectrum(axes: Axes, spectra: Spectra, contents: tuple[FloatArray, FloatArray]) -> None:
    top = max(float(each.max(initial=0.0)) for each in contents) or 1.0
    seen = np.concatenate([each[each > 0] for each in contents])
    if spectra.distribution.log and seen.size:
        bottom = float(seen.min()) / 2
        axes.set_yscale("log")
        axes.set_ylim(bottom, top * (top / bottom) ** 0.45)
    else:
        axes.set_ylim(0, top * 1.45)
    name_y(axes, f"Fraction of {spectra.distribution.counted}")
    axes.set_xlim(spectra.distribution.low, spectra.distribution.high)
    legend(axes, f"W1 {spectra.distance:.3g}, by chance {spectra.floor:.2g}")


def _draw_ratio(axes: Axes, edges: FloatArray, sides: list[tuple[FloatArray, FloatArray]], look: Look) -> None:
    (want, want_error), (got, got_error) = sides
    both = (want > 0) & (got > 0)
    ratio = got[both] / want[both]
    centres = (edges[1:] + edges[:-1]) / 2
    axes.axhline(1.0, color=REFERENCE.colour, linewidth=1.2)
    relative = np.where(want > 0, want_error / np.where(want > 0, want, 1.0), 0.0)
    _band(axes, edges, np.ones_like(want), relative, facecolor="none", edgecolor="#8a8d98", hatch="//////", linewidth=0)
    axes.errorbar(centres[both], ratio, yerr=got_error[both] / want[both], **points(look))
    axes.set_ylim(0, 2)
    name_y(axes, "Ratio")


def profile(compared: Compared, labels: tuple[str, str]) -> Figure:
    """A profile of both samples, with errors."""
    look = looks(labels[1:])[labels[1]]
    sides = (compared.reference, Look(REFERENCE.colour, "o", "-")), (compared.measured, look)
    return profiles(compared.quantity, [(side, name, how) for (side, how), name in zip(sides, labels, strict=True)])


def profiles(quantity: Quantity, sides: Sequence[tuple[Measured, str, Look]]) -> Figure:
    """A profile of several samples, with errors."""
    figure, axes = one_panel()
    edges = np.asarray(quantity.edges)
    for side, name, look in sides:
        _draw_profile(axes, edges, side, name, points(look))
    ends = [(side.value, np.nan_to_num(side.error)) for side, _, _ in sides]
    top = max(float(np.nanmax(value + error, initial=0.0)) for value, error in ends) or 1.0
    low = min(float(np.nanmin(value - error, initial=top)) for value, error in ends)
    floor = max(0.0, low - 0.3 * (top - low) - 0.05 * top) if low > 0.5 * top else 0.0
    axes.set_ylim(floor, top + 0.35 * (top - floor))
    axes.set_xlim(edges[0], edges[-1])
    if edges[0] > 0 and edges[-1] / edges[0] > 10:
        axes.set_xscale("log")
        ticks = [tick for tick in (3, 5, 10, 20, 50, 100, 200, 300, 1000) if edges[0] <= tick <= edges[-1]]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(quantity.x_label, **LABELS)
    name_y(axes, quantity.y_label)
    legend(axes, quantity.label)
    return figure


def _draw_profile(axes: Axes, edges: FloatArray, side: Measured, name: str, style: dict[str, Any]) -> None:
    known = np.isfinite(side.value)
    low, high = edges[:-1][known], edges[1:][known]
    error = np.nan_to_num(side.error[known])
    axes.errorbar((low + high) / 2, side.value[known], xerr=(high - low) / 2, yerr=error, label=short(name), **style)


def roc(curves: Curves, labels: tuple[str, str]) -> Figure:
    """Background against signal efficiency, logarithmic; the areas in the legend."""
    look = looks(labels[1:])[labels[1]]
    return rocs(curves.roc.label, [(curves.reference, labels[0], REFERENCE), (curves.measured, labels[1], look)])


def rocs(title: str, sides: Sequence[tuple[RocCurve | None, str, Look]]) -> Figure:
    """Background against signal efficiency of several samples, logarithmic; the areas in the legend."""
    figure, axes = one_panel()
    for curve, name, look in sides:
        if curve is not None:
            text = f"{short(name)}, area {curve.area:.3f}"
            axes.plot(curve.signal, curve.background, color=look.colour, linestyle=look.line, linewidth=1.8, label=text)
    axes.set_yscale("log")
    axes.set_ylim(_LOWEST_MISTAG, 1)
    axes.set_xlim(0, 1)
    axes.grid(which="both", alpha=0.25)
    axes.set_xlabel("Signal efficiency", **LABELS)
    name_y(axes, "Background efficiency")
    legend(axes, title, "upper left")
    return figure
