"""Figures of the selection: the cutflow with its ratio, and the migration of events between regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flashbench.compare.flow import STATES, CutflowStudy, MigrationStudy
from flashbench.compare.plots.panels import around_one, canvas, legend, shortened, title
from flashbench.compare.plots.style import REFERENCE, Look, looks

_DARK = 0.55  # a cell beyond it has white letters


def draw_cutflow(study: CutflowStudy) -> Figure:
    """Fractions after each cut, and their ratio to the reference. Call inside `style.applied()`."""
    figure = canvas(8.6, 7.2)
    grid = figure.add_gridspec(2, 1, height_ratios=(2.4, 1), hspace=0.06, left=0.125, right=0.97, top=0.94, bottom=0.23)
    main = figure.add_subplot(grid[0])
    ratio = figure.add_subplot(grid[1], sharex=main)
    look = looks(study.simulators)
    places = np.arange(len(study.cuts), dtype=np.float64)
    shifts = np.linspace(-0.22, 0.22, len(study.simulators)) if len(study.simulators) > 1 else np.zeros(1)
    ratios, errors = [], []
    for row, name in enumerate(study.simulators):
        how = Look(REFERENCE.colour, "o", "-") if row == 0 else look[name]
        parts, label = study.parts[row], "\n".join(shortened(study.labels[row], 34, 2))
        if row == 0:
            edges = np.append(places - 0.5, places[-1] + 0.5)
            main.stairs(parts, edges, fill=True, color="#e3e4e8", zorder=1)
            main.stairs(parts, edges, color=how.colour, label=label, zorder=2)
            continue
        style: dict[str, Any] = {"color": how.colour, "fmt": how.marker, "markersize": 6.5, "elinewidth": 1.3}
        main.errorbar(places + shifts[row], parts, yerr=study.errors[row], label=label, zorder=4, **style)
        ratio.errorbar(places + shifts[row], study.ratios[row], yerr=study.ratio_errors[row], **style)
        ratios.append(study.ratios[row])
        errors.append(np.nan_to_num(study.ratio_errors[row]))
    _finish(main, ratio, study, around_one(ratios, errors))
    return figure


def _finish(main: Axes, ratio: Axes, study: CutflowStudy, half: float) -> None:
    seen = study.parts[np.isfinite(study.parts) & (study.parts > 0)]
    if seen.size and float(seen.min()) < 0.02:
        main.set_yscale("log")
        main.set_ylim(float(seen.min()) / 2, 60)
    else:
        main.set_ylim(0, 1.5)
    main.set_xlim(-0.5, len(study.cuts) - 0.5)
    main.set_ylabel("Fraction of generated events", fontsize=15)
    main.tick_params(labelbottom=False)
    main.minorticks_off()
    legend(main)
    title(main, study.process_label, "one cut upon the other")
    ratio.axhline(1.0, color=REFERENCE.colour, linewidth=1.4)
    ratio.set_ylim(1 - half, 1 + half)
    name = shortened(study.simulators[0], 14, 1)[0]
    ratio.set_ylabel(f"Ratio to {name}", loc="center", fontsize=14).set_parse_math(False)
    ratio.grid(axis="y", alpha=0.5)
    ratio.minorticks_off()
    ratio.tick_params(top=False)
    ratio.set_xticks(range(len(study.cuts)), study.cuts, rotation=32, ha="right", rotation_mode="anchor", fontsize=11.5)
    for text in ratio.get_xticklabels():
        text.set_parse_math(False)
    if not seen.size or not (study.parts[:, -1] > 0).any():
        main.text(0.5, 0.45, "No selected events", transform=main.transAxes, ha="center", va="center", fontsize=20)
    for axes in (main, ratio):
        axes.yaxis.set_label_coords(-0.095, 1.0 if axes is main else 0.5)


def draw_migration(study: MigrationStudy) -> Figure:
    """A matrix a simulator, rows the state in the reference. Call inside `style.applied()`."""
    number = len(study.parts)
    figure = canvas(2.3 + 3.7 * number, 5.2)
    grid = {"left": 1.75 / (2.3 + 3.7 * number), "right": 0.985, "top": 0.86, "bottom": 0.24, "wspace": 0.1}
    panels = figure.subplots(1, number, squeeze=False, gridspec_kw=grid)[0]
    for column, (axes, (name, parts)) in enumerate(zip(panels, study.parts.items(), strict=True)):
        axes.imshow(np.nan_to_num(parts), cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, to), part in np.ndenumerate(parts):
            words = f"{part:.1%}" if np.isfinite(part) else "–"
            colour = "white" if part > _DARK else "#1a1a1a"
            axes.text(to, row, words, ha="center", va="center", fontsize=11.5, color=colour)
        axes.set_xticks(range(len(STATES)), STATES, rotation=38, ha="right", rotation_mode="anchor", fontsize=11.5)
        counts = [f"{state}\n{count:,}" for state, count in zip(STATES, study.events, strict=True)]
        axes.set_yticks(range(len(STATES)), counts if column == 0 else [""] * len(STATES), fontsize=11.5)
        axes.minorticks_off()
        axes.tick_params(which="both", length=0)
        where: dict[str, Any] = {
            "transform": axes.transAxes,
            "ha": "left",
            "va": "bottom",
            "fontsize": 13.5,
            "fontweight": "bold",
        }
        label = shortened(study.labels[name], 30, 1)[0]
        axes.text(0.0, 1.02, label, **where).set_parse_math(False)
        axes.set_xlabel(f"ends in {shortened(name, 18, 1)[0]}", loc="center", fontsize=13).set_parse_math(False)
    label = panels[0].set_ylabel(f"ends in {shortened(study.reference, 18, 1)[0]}, events", loc="center", fontsize=13)
    label.set_parse_math(False)
    head = figure.text(0.01, 0.985, shortened(study.process_label, 26 * number, 1)[0], va="top", fontsize=13.5)
    head.set_parse_math(False)
    if study.events[-2:].sum() == 0:
        figure.text(0.985, 0.985, "No selected events", va="top", ha="right", fontsize=13.5)
    return figure
