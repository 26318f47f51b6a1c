"""Parts that figures share: stepped bands, points, titles, shortened names."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flashbench.compare.plots.style import Look

FloatArray = NDArray[np.float64]

REFERENCE_AREA = "#e3e4e8"
HATCHED: dict[str, Any] = {"facecolor": "none", "edgecolor": "#8a8d98", "hatch": "//////", "linewidth": 0}


def canvas(width: float, height: float) -> Figure:
    """A figure of so many inches on its own Agg canvas; pyplot does not know of it."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def band(axes: Axes, edges: FloatArray, middle: FloatArray, half: FloatArray, **style: Any) -> None:
    """A stepped band of `middle` ± `half`; gaps where either is NaN."""
    low, high = (np.append(side, side[-1]) for side in (middle - half, middle + half))
    axes.fill_between(edges, low, high, step="post", **style)


def marks(look: Look) -> dict[str, Any]:
    """Style of points with error bars."""
    style: dict[str, Any] = {"color": look.colour, "fmt": look.marker, "markersize": 5, "elinewidth": 1.2}
    return style | {"markeredgecolor": "white", "markeredgewidth": 0.5, "zorder": 4}


def shortened(text: str, width: int, lines: int) -> list[str]:
    """At most `lines` lines of `width` characters; what does not fit ends in an ellipsis."""
    wrapped = wrap(text, width) or [""]
    if len(wrapped) > lines:
        wrapped = [*wrapped[: lines - 1], wrapped[lines - 1][: width - 1] + "…"]
    return wrapped


def title(axes: Axes, process_label: str, region_label: str, width: int = 62) -> None:
    """Process on the left, region on the right; a long process label gives way."""
    region = shortened(region_label, 24, 1)[0]
    process = shortened(process_label, width - len(region), 1)[0]
    for x, words, align, weight in ((0.0, process, "left", "bold"), (1.0, region, "right", "normal")):
        text = axes.text(
            x, 1.015, words, transform=axes.transAxes, ha=align, va="bottom", fontsize=13.5, fontweight=weight
        )
        text.set_parse_math(False)


def legend(axes: Axes, size: float = 11.5, heading: str | None = None) -> None:
    """A legend whose entries are text, whatever a label holds."""
    box = axes.legend(
        loc="upper right", title=heading, labelspacing=0.4, alignment="left", handlelength=1.5, fontsize=size
    )
    box.get_title().set_fontsize(size)
    for text in (*box.get_texts(), box.get_title()):
        text.set_parse_math(False)


def finish_spectrum(axes: Axes, contents: list[FloatArray], edges: FloatArray, room: float = 0.5) -> None:
    """Vertical axis of a pdf: logarithmic where contents differ a hundredfold, with room for a legend above."""
    seen = np.concatenate([each[np.isfinite(each) & (each > 0)] for each in contents])
    axes.set_xlim(edges[0], edges[-1])
    if not seen.size:
        axes.set_ylim(0, 1)
        return
    low, top = float(seen.min()), float(seen.max())
    if top > 100 * low:
        axes.set_yscale("log")
        axes.set_ylim(low / 3, top * (top / low) ** room)
    else:
        bottom = min(0.0, *(float(np.nanmin(each)) for each in contents))
        axes.set_ylim(1.1 * bottom, top * (1 + room))
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
        axes.yaxis.get_offset_text().set(fontsize=11, x=-0.11)


def around_one(values: list[FloatArray], errors: list[FloatArray]) -> float:
    """Half the range of a ratio axis: holds nearly all bins whose ratio is known to better than a half."""
    distances = [np.zeros(0)]
    for value, error in zip(values, errors, strict=True):
        with np.errstate(invalid="ignore"):
            known = np.isfinite(value) & (error < 0.5)
        distances.append(np.abs(value[known] - 1) + error[known])
    pooled = np.concatenate(distances)
    return float(np.clip(1.15 * np.quantile(pooled, 0.95), 0.1, 1.0)) if pooled.size else 0.5
