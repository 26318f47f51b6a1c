"""The figure of the ratio method: five curves, and prediction and baselines over the truth."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from flashbench.compare.numbers import probability
from flashbench.compare.plots.panels import (
    HATCHED,
    REFERENCE_AREA,
    around_one,
    band,
    finish_spectrum,
    legend,
    marks,
    shortened,
    title,
)
from flashbench.compare.plots.style import REFERENCE, Look, looks
from flashbench.compare.systematics import METHOD, VariationStudy
from flashbench.stats import Closure

_SIZE = (8.6, 9.4)  # inches
_PREDICTION = Look("#7a21dd", "o", "-")
_BASELINES = (Look("#717581", "s", (0, (4, 2))), Look("#3f7fe8", "D", (0, (1, 1))))


def draw_variation(study: VariationStudy) -> Figure:
    """The figure, on its own Agg canvas. Call inside `style.applied()`."""
    figure = Figure(figsize=_SIZE)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 1, height_ratios=(2.3, 1), hspace=0.05, left=0.14, right=0.97, top=0.945, bottom=0.09)
    main = figure.add_subplot(grid[0])
    ratio = figure.add_subplot(grid[1], sharex=main)
    main.tick_params(labelbottom=False)
    _curves(main, study)
    _ratios(ratio, study)
    for axes in (main, ratio):
        axes.yaxis.set_label_coords(-0.105, 0.5)
    return figure


def _curves(axes: Axes, study: VariationStudy) -> None:
    edges, centres = study.frame.edges, (study.frame.edges[1:] + study.frame.edges[:-1]) / 2
    truth, prediction = study.variation["full"], study.closures[METHOD].prediction
    axes.stairs(truth.values, edges, fill=True, color=REFERENCE_AREA, zorder=1)
    axes.stairs(truth.values, edges, color=REFERENCE.colour, zorder=2, label=f"VAR {truth.label}")
    band(axes, edges, truth.values, truth.errors, **HATCHED)
    look = looks([study.sim])[study.sim]
    lines = [
        (study.reference["full"], f"REF {study.reference['full'].label}", REFERENCE.colour, (0, (1, 1))),
        (study.variation["sim"], f"VAR {study.variation['sim'].label}", look.colour, "-"),
        (study.reference["sim"], f"REF {study.reference['sim'].label}", look.colour, (0, (1, 1))),
    ]
    for spectrum, label, colour, line in lines:
        axes.stairs(spectrum.values, edges, color=colour, linestyle=line, linewidth=1.6, label=label, zorder=3)
    known = prediction.valid
    label = f"prediction: REF {study.reference['full'].label} × VAR / REF of {study.sim}"
    axes.errorbar(
        *(centres[known], prediction.values[known]), yerr=prediction.errors[known], label=label, **marks(_PREDICTION)
    )
    finish_spectrum(axes, [truth.values, study.reference["full"].values], edges, room=0.62)
    axes.set_ylabel("Fraction of events", loc="center", fontsize=15)
    names = (f"{key}: {shortened(label, 44, 1)[0]}" for key, label in zip(("REF", "VAR"), study.labels, strict=True))
    legend(axes, heading="\n".join(names))
    title(axes, study.frame.process_label, study.frame.region_label)


def _ratios(axes: Axes, study: VariationStudy) -> None:
    """Errors are those of the ratio, the truth's included."""
    edges, closure = study.frame.edges, study.closures[METHOD]
    centres, known = (edges[1:] + edges[:-1]) / 2, np.isfinite(closure.ratio)
    axes.axhline(1.0, color=REFERENCE.colour, linewidth=1.3)
    others = [(name, each) for name, each in study.closures.items() if name != METHOD]
    for (name, each), look in zip(others, _BASELINES, strict=False):
        axes.stairs(each.ratio, edges, color=look.colour, linestyle=look.line, linewidth=1.6, label=_told(name, each))
    values, errors = closure.ratio[known], closure.ratio_errors[known]
    axes.errorbar(centres[known], values, yerr=errors, label=_told(METHOD, closure), **marks(_PREDICTION))
    half = around_one([each.ratio for each in study.closures.values()], [closure.ratio_errors] * len(study.closures))
    axes.set_ylim(1 - half, 1 + 1.9 * half)
    axes.set_ylabel("Ratio to VAR full", loc="center", fontsize=15)
    axes.set_xlabel(study.frame.axis_label)
    axes.grid(axis="y", alpha=0.4)
    legend(axes, size=10.5)


def _told(name: str, closure: Closure) -> str:
    found = closure.chi_square
    largest = f"largest deviation {closure.largest:.1%}"
    return f"{name}: χ²/ndf {found.statistic:.1f}/{found.ndf}, p {probability(found.p_value)}, {largest}"
