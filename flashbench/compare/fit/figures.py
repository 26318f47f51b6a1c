"""Figures of a fit: templates after it beside the data, pulls of the nuisance parameters, strength by simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flashbench.compare.fit.plan import FitReport, SimulatorFit
from flashbench.compare.plots import Picture, save_figures
from flashbench.compare.plots.frame import file_safe
from flashbench.compare.plots.style import REFERENCE, Look, looks
from flashbench.stats.likelihood import Likelihood

FloatArray = NDArray[np.float64]

_FILLS: Final = ("#5790fc", "#f89c20", "#964a8b", "#9c9ca1", "#7a21dd", "#a96b59")
_SIGNAL: Final = "#e42536"
_LABELS: Final = {"SR": "Signal region", "SB": "Sideband"}


@dataclass(frozen=True, slots=True)
class PostFit:
    """Templates of one simulator after the fit, and the data, in each channel.

    Attributes:
        channels: name to edges, data, samples by label (the signal last), and error of their sum.
    """

    simulator: str
    label: str
    reference: str
    strength: tuple[float, float]
    channels: Mapping[str, tuple[FloatArray, FloatArray, Mapping[str, FloatArray], FloatArray]]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return f"fit-{file_safe(self.simulator)}"


@dataclass(frozen=True, slots=True)
class Pulls:
    """Nuisance parameters after the fit.

    Attributes:
        values: by simulator values and errors, shape (parameters,), NaN where it has none.
    """

    parameters: tuple[str, ...]
    values: Mapping[str, tuple[FloatArray, FloatArray]]
    name: str = "fit-pulls"


@dataclass(frozen=True, slots=True)
class Strengths:
    """Signal strength of every simulator: value, error by bootstrap, σ(μ)."""

    reference: str
    values: Mapping[str, tuple[float, float, float]]
    name: str = "fit-strength"


def save_fit_figures(report: FitReport, folder: Path) -> tuple[Picture[Any], ...]:
    """Save all figures of a fit as PNG and PDF."""
    after = [_post_fit(report, fit) for fit in report.simulators]
    strengths = {f.simulator: (1 + f.bias, f.bias_error, f.strength_error) for f in report.simulators}
    return (
        *save_figures(after, folder, draw_post_fit),
        *save_figures([_pulls(report)], folder, draw_pulls),
        *save_figures([Strengths(report.plan.reference, strengths)], folder, draw_strengths),
    )


def _post_fit(report: FitReport, fit: SimulatorFit) -> PostFit:
    likelihood, values = Likelihood.of(fit.content), fit.post_fit.values
    samples = likelihood.samples(values)[0]
    step = 1e-4 * np.eye(values.shape[1])  # numerical slopes of the sum, for its error
    slopes = (likelihood.expected(values + step) - likelihood.expected(values - step)) / 2e-4
    error = np.sqrt(np.einsum("pi,pq,qi->i", slopes, fit.post_fit.covariance[0], slopes))
    data = report.simulators[0].total
    order = [*range(1, len(samples)), 0]
    names = [report.labels[process] for process in report.plan.processes]
    channels, start = {}, 0
    for channel, edges in (("SR", report.binning.signal), ("SB", report.binning.sideband)):
        part = slice(start, start + len(edges) - 1)
        stack = {names[number]: samples[number, part] for number in order}
        channels[channel] = (edges, data[part], stack, error[part])
        start = part.stop
    strength = float(fit.post_fit.strength[0]), float(fit.post_fit.strength_error[0])
    return PostFit(fit.simulator, fit.label, report.simulators[0].label, strength, channels)


def _pulls(report: FitReport) -> Pulls:
    shared = [
        name
        for name in dict.fromkeys(n for fit in report.simulators for n in fit.post_fit.names[1:])
        if not name.startswith("template_")
    ]
    values = {}
    for fit in report.simulators:
        columns = [fit.post_fit.names.index(name) if name in fit.post_fit.names else -1 for name in shared]
        found = [
            np.where(np.array(columns) < 0, np.nan, each[0][columns])
            for each in (fit.post_fit.values, fit.post_fit.errors)
        ]
        axes = [n for n, name in enumerate(fit.post_fit.names) if name.startswith("template_")]
        largest = np.abs(fit.post_fit.values[0][axes]).max() if axes else np.nan
        values[fit.simulator] = np.append(found[0], largest), np.append(found[1], 0.0)
    return Pulls((*shared, "largest template pull"), values)


def _canvas(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def draw_post_fit(shown: PostFit) -> Figure:
    """Stacked templates with the data, SR and SB side by side, and their ratio below."""
    figure = _canvas(10.5, 7.0)
    widths = [len(edges) for edges, *_ in shown.channels.values()]
    grid = figure.add_gridspec(
        2, 2, width_ratios=widths, height_ratios=(3, 1), hspace=0.06, wspace=0.28,
        left=0.09, right=0.98, top=0.93, bottom=0.11,
    )  # fmt: skip
    for column, (channel, content) in enumerate(shown.channels.items()):
        main = figure.add_subplot(grid[0, column])
        ratio = figure.add_subplot(grid[1, column], sharex=main)
        _draw_channel(main, ratio, content, shown)
        main.tick_params(labelbottom=False)
        main.text(1.0, 1.015, _LABELS[channel], transform=main.transAxes, ha="right", va="bottom", fontsize=13.5)
        if column == 0:
            words = f"{shown.label}, fitted to {shown.reference}: μ = {shown.strength[0]:.2f} ± {shown.strength[1]:.2f}"
            title = main.text(
                0.0, 1.015, words, transform=main.transAxes, va="bottom", fontsize=13.5, fontweight="bold"
            )
            title.set_parse_math(False)
            legend = main.legend(loc="upper right", fontsize=11, alignment="left")  # the sideband is too narrow for one
            for text in legend.get_texts():
                text.set_parse_math(text.get_text().count("$") % 2 == 0)
            main.set_ylabel("Events / bin")
            ratio.set_ylabel("Data / fit", loc="center", fontsize=14)
    return figure


def _draw_channel(
    main: Axes,
    ratio: Axes,
    content: tuple[FloatArray, FloatArray, Mapping[str, FloatArray], FloatArray],
    shown: PostFit,
) -> None:
    edges, data, samples, error = content
    bins = np.arange(len(edges), dtype=np.float64)  # of equal width: automatic bins are not
    below = np.zeros(len(data))
    *backgrounds, (signal, fitted) = samples.items()
    for number, (label, values) in enumerate(backgrounds):
        colour = _FILLS[number % len(_FILLS)]
        main.stairs(below + values, bins, baseline=below, fill=True, color=colour, label=label)
        below = below + values
    below = below + fitted
    main.stairs(below, bins, color="#55585f", linewidth=1.0)
    negative = " (negative)" if shown.strength[0] < 0 else ""
    main.stairs(np.abs(fitted), bins, color=_SIGNAL, linewidth=1.8, label=signal + negative)
    band: dict[str, Any] = {
        "step": "post",
        "facecolor": "none",
        "edgecolor": "#55585f",
        "hatch": "//////",
        "linewidth": 0,
    }
    main.fill_between(bins, _closed(below - error), _closed(below + error), **band)
    centres = (bins[1:] + bins[:-1]) / 2
    points: dict[str, Any] = {"fmt": "o", "color": REFERENCE.colour, "markersize": 5, "elinewidth": 1.2}
    main.errorbar(centres, data, yerr=np.sqrt(data), label=f"{shown.reference}, expected", **points)
    main.set_yscale("log")
    least = min(float(below.min()), max(float(np.abs(fitted).min()), 1e-2))
    main.set_ylim(least / 3, float(data.max()) * 300)
    relative = error / below
    ratio.fill_between(bins, _closed(1 - relative), _closed(1 + relative), **band)
    ratio.errorbar(centres, data / below, yerr=np.sqrt(data) / below, **points)
    ratio.axhline(1.0, color="#8a8d98", linewidth=1.0)
    half = min(1.0, 1.3 * float(np.max(np.abs(data / below - 1) + np.sqrt(data) / below)))
    ratio.set_ylim(1 - half, 1 + half)
    ratio.set_xlim(bins[0], bins[-1])
    ticks = range(0, len(edges), max(1, len(edges) // 6))
    ratio.set_xticks([float(t) for t in ticks], [f"{edges[t]:.2g}" for t in ticks])
    ratio.minorticks_off()
    ratio.set_xlabel("artanh(DNN output), lower edge of bin", fontsize=14)


def _closed(heights: FloatArray) -> FloatArray:
    """Heights of bins at their lower edges, the last repeated at the upper."""
    return np.append(heights, heights[-1])


def draw_pulls(shown: Pulls) -> Figure:
    """Values and errors of the nuisance parameters, each simulator with its mark."""
    figure = _canvas(7.0, 1.8 + 0.62 * len(shown.parameters))
    axes = figure.add_axes((0.36, 0.9 / figure.get_figheight(), 0.61, 1 - 1.5 / figure.get_figheight()))
    axes.axvspan(-2, 2, color="#f2f2f4")
    axes.axvspan(-1, 1, color="#e3e4e8")
    axes.axvline(0, color="#8a8d98", linewidth=1.0)
    rows = np.arange(len(shown.parameters))[::-1]
    for (simulator, (values, errors)), look, shift in _spread(shown.values):
        known = np.isfinite(values)
        axes.errorbar(
            values[known], rows[known] + shift, xerr=errors[known], fmt=look.marker or "o", color=look.colour,
            markersize=5, elinewidth=1.2, label=simulator,
        )  # fmt: skip
    axes.set_yticks(rows, shown.parameters, fontsize=12)
    axes.minorticks_off()
    axes.set_ylim(-0.7, len(rows) - 0.3)
    reach = max((float(np.nanmax(np.abs(v) + e)) for v, e in shown.values.values()), default=1.0)
    axes.set_xlim(-max(2.2, 1.1 * reach), max(2.2, 1.1 * reach))
    axes.set_xlabel("Pull (standard deviations)", fontsize=14)
    _plain_legend(axes, len(shown.values))
    return figure


def draw_strengths(shown: Strengths) -> Figure:
    """Signal strength by simulator: the thick bar is the bias's own error, the thin one σ(μ)."""
    figure = _canvas(7.0, 1.7 + 0.55 * len(shown.values))
    axes = figure.add_axes((0.3, 0.95 / figure.get_figheight(), 0.66, 1 - 1.35 / figure.get_figheight()))
    axes.axvline(1.0, color="#8a8d98", linewidth=1.0)
    rows = np.arange(len(shown.values))[::-1]
    look = looks(list(shown.values))
    for row, (simulator, (value, error, width)) in zip(rows, shown.values.items(), strict=True):
        colour = REFERENCE.colour if simulator == shown.reference else look[simulator].colour
        axes.errorbar([value], [row], xerr=[width], fmt="none", color=colour, elinewidth=1.0, alpha=0.6)
        axes.errorbar([value], [row], xerr=[error], fmt=look[simulator].marker or "o", color=colour, elinewidth=3.0)
    axes.set_yticks(rows, list(shown.values), fontsize=12)
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    axes.minorticks_off()
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(f"Signal strength fitted to {shown.reference}", fontsize=14)
    axes.set_title("thick: paired bootstrap of the bias; thin: expected σ(μ)", fontsize=11, loc="left")
    return figure


def _spread(values: Mapping[str, Any]) -> Sequence[tuple[tuple[str, Any], Look, float]]:
    """Each simulator with its look and a small offset, so that marks do not lie on one another."""
    look = looks(list(values))
    shifts = np.linspace(0.25, -0.25, len(values)) if len(values) > 1 else [0.0]
    return [(item, look[item[0]], float(shift)) for item, shift in zip(values.items(), shifts, strict=True)]


def _plain_legend(axes: Axes, entries: int) -> None:
    legend = axes.legend(loc="lower center", bbox_to_anchor=(0.35, 1.0), ncols=min(entries, 4), fontsize=12)
    for text in legend.get_texts():
        text.set_parse_math(False)
