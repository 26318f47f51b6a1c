"""Figures of a refiner: spectra with both ratios, correlation matrices, discrepancies in bins, ROC, response.

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
from numpy.typing import NDArray

from flashbench.compare.plots.style import BUILT_IN, REFERENCE, Look
from flashbench.simulators.refined.variables import JETS, Scale, Variable
from flashbench.validation.plots import DPI, LABELS, legend, name_y, one_panel, points, rocs, two_panels
from flashbench.validation.refined.gather import SIDES, Objects
from flashbench.validation.refined.measure import Discrepancy, KindResult, ProcessResult, excess

FloatArray = NDArray[np.float64]

WIDE: Final = (14.0, 3.4)  # inches
NAMES: Final = {"full": "Full", "fast": "Fast", "refined": "Refined"}
LOOKS: Final[dict[str, Look]] = {"full": REFERENCE, "fast": BUILT_IN["fast"], "refined": BUILT_IN["refined"]}
_BINS: Final = 50
_SUM_EDGES: Final = np.linspace(-0.005, 0.005, 61)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure that can be drawn, and where it belongs."""

    group: str
    name: str
    label: str
    draw: Callable[[], Figure]
    wide: bool = False


def figures(result: ProcessResult) -> Iterator[Drawn]:
    """Every figure of a process."""
    for name, found in result.kinds.items():
        objects = found.objects
        for k, variable in enumerate(objects.kind.variables):
            yield Drawn("spectra", f"{name}-{variable.name}", variable.label, partial(_spectrum, objects, k, name))
        yield Drawn("correlations", f"{name}-correlations", f"{name}", partial(_matrices, found), wide=True)
        for variable in objects.kind.variables:
            draw = partial(_discrepancies, found, variable)
            yield Drawn("bins", f"{name}-{variable.name}-bins", variable.label, draw)
        for code, category in objects.kind.categories:
            chosen = objects.take(objects.parameters[:, 2] == code)
            for k, variable in enumerate(objects.kind.variables):
                label = f"{variable.label}, {category}"
                draw = partial(_spectrum, chosen, k, f"{category} {name}")
                yield Drawn("categories", f"{name}-{variable.name}-{code}", label, draw)
        for background, curves in found.curves.items():
            label = f"B, b against {background}"
            sides = [(curves[side], NAMES[side], LOOKS[side]) for side in SIDES]
            yield Drawn("tagging", f"roc-{background}", label, partial(rocs, label, sides))
        yield Drawn(
            "response", f"{name}-response", f"{name}: median of pT / generated pT", partial(_response, found, 0)
        )
        yield Drawn("response", f"{name}-width", f"{name}: half width of it", partial(_response, found, 1))
        if objects.kind is JETS:
            yield Drawn("tagging", "unitarity", "sum of the probabilities − 1", partial(_unitarity, objects))


def _edges(variable: Variable, values: FloatArray) -> FloatArray:
    if variable.scale is Scale.SCORE:
        return np.linspace(0, 1, _BINS + 1)
    low, high = (float(end) for end in np.quantile(values, (0.001, 0.995)))
    if variable.scale is Scale.POSITIVE:
        return np.concatenate([[-1e-3], np.geomspace(1e-3, max(high, 1.0), _BINS)])
    return np.geomspace(max(low, 1e-3), max(high, low * 1.01), _BINS + 1)


def _spectrum(objects: Objects, column: int, counted: str) -> Figure:
    """One variable on all sides, and fast and refined over full."""
    variable = objects.kind.variables[column]
    figure, main, lower = two_panels()
    values = {side: each[:, column] for side, each in objects.sides.items()}
    edges = _edges(variable, values["full"]) if len(objects) else np.linspace(0, 1, 3)
    contents = {side: np.histogram(each, edges)[0].astype(np.float64) for side, each in values.items()}
    full = contents["full"]
    main.stairs(full, edges, fill=True, color="#e3e4e8", zorder=1)
    lower.axhline(1.0, color=REFERENCE.colour, linewidth=1.2)
    for side in SIDES:
        look = LOOKS[side]
        line: Any = "-" if side == "full" else look.line
        main.stairs(contents[side], edges, color=look.colour, linestyle=line, linewidth=1.5, label=NAMES[side])
        if side != "full":
            _ratio(lower, edges, contents[side], full, look)
    if variable.scale is not Scale.SCORE:
        main.set_xscale("symlog", linthresh=1e-3) if variable.scale is Scale.POSITIVE else main.set_xscale("log")
    main.set_yscale("log")
    main.set_ylim(0.5, max(float(full.max(initial=1.0)), 1.0) * 40)
    main.set_xlim(edges[0], edges[-1])
    lower.set_ylim(0.5, 1.5)
    name_y(main, "Objects")
    name_y(lower, "Over full")
    lower.set_xlabel(f"{variable.label} [{variable.unit}]" if variable.unit else variable.label, **LABELS)
    legend(main, f"{len(objects):,} {counted}")
    return figure


def _ratio(axes: Axes, edges: FloatArray, got: FloatArray, want: FloatArray, look: Look) -> None:
    """Ratio with the errors of independent counts: the events are shared, so that they are too large, if anything."""
    both = (want > 0) & (got > 0)
    centres = (edges[1:] + edges[:-1])[both] / 2
    ratio = got[both] / want[both]
    axes.errorbar(centres, ratio, yerr=ratio * np.sqrt(1 / got[both] + 1 / want[both]), **points(look))


def _matrices(found: KindResult) -> Figure:
    """Correlations of full, fast and refined, and the differences of the last two from the first."""
    names = [name.removeprefix("btagDeepFlav") for name in found.objects.kind.names]
    full = found.matrices["full"]
    shown = [(NAMES[side], found.matrices[side], 1.0, "RdBu_r") for side in SIDES]
    largest = max(float(np.nanmax(np.abs(found.matrices[side] - full))) for side in ("fast", "refined")) or 1.0
    shown += [(f"{NAMES[s]} − full", found.matrices[s] - full, largest, "PuOr_r") for s in ("fast", "refined")]
    figure = Figure(figsize=WIDE, dpi=DPI)
    panels = figure.subplots(1, len(shown), gridspec_kw={"left": 0.05, "right": 0.99, "top": 0.88, "bottom": 0.16})
    for axes, (title, matrix, limit, colours) in zip(panels, shown, strict=True):
        axes.imshow(matrix, cmap=colours, vmin=-limit, vmax=limit)
        for (row, column), value in np.ndenumerate(matrix):
            text = f"{value:.2f}" if limit == 1.0 else f"{100 * value:.1f}%"
            axes.text(column, row, text, ha="center", va="center", fontsize=9)
        ticks = range(len(names))
        axes.set_xticks(ticks, names, fontsize=10, rotation=35)
        axes.set_yticks(ticks, names if axes is panels[0] else [""] * len(names), fontsize=10)
        axes.tick_params(which="both", length=0)
        axes.minorticks_off()
        axes.set_title(title, fontsize=13)
    return figure


def _discrepancies(found: KindResult, variable: Variable) -> Figure:
    """W1 to full of one variable in every bin, and what chance gives."""
    rows = [each for each in found.discrepancies if each.variable == variable.name]
    figure, axes = one_panel()
    figure.subplots_adjust(bottom=0.36)
    place = np.arange(len(rows))
    for side in ("fast", "refined"):
        style = points(LOOKS[side])
        marker = style.pop("fmt")
        style.pop("elinewidth")
        axes.plot(place, [getattr(each, side) for each in rows], marker, label=NAMES[side], **style)
    axes.step(place, [each.null for each in rows], where="mid", color="#8a8d98", linewidth=1.2, label="by chance")
    axes.set_yscale("log")
    axes.set_xticks(place, [_bin(each) for each in rows], rotation=60, fontsize=10, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", which="minor", length=0)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.35)
    name_y(axes, "W1 to full / spread")
    legend(axes, variable.label.replace("$", ""))
    return figure


def _bin(each: Discrepancy) -> str:
    return {"generator pT": f"pT {each.bin}", "generator |η|": f"|η| {each.bin}"}.get(each.axis, each.bin)


def _response(found: KindResult, which: int) -> Figure:
    figure, axes = one_panel()
    edges = found.response_edges
    centres = np.sqrt(edges[1:] * edges[:-1])
    for side in SIDES:
        look = LOOKS[side]
        style: dict[str, Any] = {"color": look.colour, "linestyle": "-" if side == "full" else look.line}
        axes.plot(centres, found.response[side][which], marker=look.marker or "o", label=NAMES[side], **style)
    axes.set_xscale("log")
    axes.set_xlabel("generated $p_T$ [GeV]", **LABELS)
    name_y(axes, "Half width (68 %)" if which else "Median of $p_T$ over generated")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.3 * (high - low))
    legend(axes, found.objects.kind.collection)
    return figure


def _unitarity(objects: Objects) -> Figure:
    figure, axes = one_panel()
    for side in SIDES:
        look = LOOKS[side]
        line: Any = "-" if side == "full" else look.line
        contents = np.histogram(excess(objects.sides[side]), _SUM_EDGES)[0] / max(1, len(objects))
        axes.stairs(contents, _SUM_EDGES, color=look.colour, linestyle=line, linewidth=1.5, label=NAMES[side])
    axes.set_yscale("log")
    axes.set_xlabel("b + c + uds + g − 1", **LABELS)
    name_y(axes, "Fraction of jets")
    legend(axes, "sum of the probabilities")
    return figure
