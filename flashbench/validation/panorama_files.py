"""Figures of the objects of a comparison as files; those of an earlier one where nothing changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure

from flashbench import __version__
from flashbench.compare.planes import ContourStudy, CorrelationStudy
from flashbench.compare.plots import save_figures
from flashbench.compare.plots.caption import Caption, Exhibit
from flashbench.compare.plots.panels import shortened
from flashbench.compare.plots.planes import draw_contours, draw_correlations
from flashbench.events import Tier
from flashbench.progress import Progress
from flashbench.simulators import Simulator
from flashbench.storage import write_json
from flashbench.validation.panorama import (
    ObjectFigure,
    ProfileFigure,
    RocFigure,
    SpectrumFigure,
    object_figures,
    objects_of,
)
from flashbench.validation.plots import LABELS, legend, name_y, one_panel, profiles, rocs, short, two_panels

if TYPE_CHECKING:
    from flashbench.results import RunResult


FOLDER: Final = "objects"
_FIGURES: Final = 1  # version of what is drawn


def object_exhibits(
    runs: Sequence[RunResult],
    simulators: Mapping[str, Simulator],
    files: Callable[[Tier], Sequence[str]],
    out: Path,
    *,
    events: int,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[Exhibit, ...]:
    """Figures of the objects of one process, in `out/objects`.

    Args:
        runs: of the process, the reference first.
        simulators: by run name.
        files: of a tier; asked only where something is to be read.
        out: folder of the comparison.
        events: at most so many.
        workers: processes that draw.
        progress: called with events read and in all.

    Raises:
        FlashbenchError: see `objects_of`.
    """
    process, folder = runs[0].process, out / FOLDER
    index, key = folder / f"{process}.json", _key(runs, events)
    known = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
    if known.get("key") == key:
        captions = [Caption(**caption) for caption in known["figures"]]
        found = tuple(Exhibit(each, *(folder / f"{each.name}{ext}" for ext in (".png", ".pdf"))) for each in captions)
        if all(path.is_file() for each in found for path in (each.png, each.pdf)):
            return found
    read = {made.info.reads: files(made.info.reads) for made in simulators.values()}
    number = min(events, runs[0].n_events)
    seed = int(runs[0].manifest.get("seed", 1))
    seen = objects_of(process, simulators, read, events=number, seed=seed, progress=progress)
    pictures = save_figures(
        object_figures((process, runs[0].process_label), seen), folder, draw_object, workers=workers
    )
    exhibits = tuple(Exhibit(picture.drawing.caption, picture.png, picture.pdf) for picture in pictures)
    write_json(index, {"key": key, "events": number, "figures": [asdict(each.caption) for each in exhibits]})
    return exhibits


def _key(runs: Sequence[RunResult], events: int) -> str:
    """Changes with anything that a run depends on: the names of its parts are digests of that."""
    content: list[Any] = [[run.simulator, run.manifest.get("parts", []), run.process_label] for run in runs]
    return hashlib.sha256(json.dumps([__version__, _FIGURES, events, content]).encode()).hexdigest()


def draw_object(shown: ObjectFigure) -> Figure:
    """A figure of objects. Call inside `style.applied()`."""
    if isinstance(shown, ContourStudy):
        return draw_contours(shown)
    if isinstance(shown, CorrelationStudy):
        return draw_correlations(shown)
    if isinstance(shown, ProfileFigure):
        figure = profiles(shown.quantity, shown.sides)
    elif isinstance(shown, RocFigure):
        figure = rocs(shown.title, shown.sides) if shown.sides else _nothing(shown.title)
    else:
        figure = _draw_spectrum(shown)
    words = figure.text(0.175, 0.968, shortened(shown.process_label, 60, 1)[0], fontsize=10, va="bottom")
    words.set_parse_math(False)
    return figure


def _nothing(title: str) -> Figure:
    figure, axes = one_panel()
    words = axes.text(0.5, 0.5, f"{title}:\nno objects of either kind", ha="center", va="center", fontsize=14)
    words.set_parse_math(False)
    return figure


def _draw_spectrum(shown: SpectrumFigure) -> Figure:
    """Distributions over each other, their ratio to the first below; W1 in the legend."""
    figure, main, lower = two_panels()
    edges, centres = shown.edges, (shown.edges[1:] + shown.edges[:-1]) / 2
    first = shown.sides[0][2]
    lower.axhline(1.0, color="#1a1a1a", linewidth=1.2)
    for number, (label, look, contents, entries, apart, outside) in enumerate(shown.sides):
        words = f"{short(label, 24)}: {entries:,}"
        words += f", {outside:.1%} outside" if outside > 5e-4 else ""
        if number == 0:
            main.stairs(contents, edges, fill=True, color="#e3e4e8", zorder=1)
            main.stairs(contents, edges, color=look.colour, linewidth=1.6, zorder=2, label=words)
            continue
        words += f", W1 {apart:.2g}" if np.isfinite(apart) else ""
        main.stairs(contents, edges, color=look.colour, linestyle=look.line, linewidth=1.5, zorder=3, label=words)
        both = (first > 0) & (contents > 0)
        lower.plot(centres[both], contents[both] / first[both], look.marker, color=look.colour, markersize=4.5)
    tops = [float(contents.max(initial=0.0)) for _, _, contents, *_ in shown.sides]
    top = max(tops) if shown.log or not tops[0] else min(max(tops), 2.0 * tops[0])  # a peak without width goes beyond
    seen = np.concatenate([contents[contents > 0] for _, _, contents, *_ in shown.sides])
    room = 0.35 + 0.1 * len(shown.sides)
    if shown.log and seen.size:
        bottom = float(seen.min()) / 2
        main.set_yscale("log")
        main.set_ylim(bottom, top * (top / bottom) ** (0.75 * room))
    else:
        main.set_ylim(0, (top or 1.0) * (1 + room))
    main.set_xlim(edges[0], edges[-1])
    lower.set_ylim(0.4, 1.6)
    name_y(main, f"Fraction of {shown.counted}")
    name_y(lower, "Ratio", 0.5)
    lower.set_xlabel(shown.axis_label, **LABELS)
    legend(main, "W1 to the first" if len(shown.sides) > 1 else "")
    if not seen.size:
        main.text(0.5, 0.45, "No entries", transform=main.transAxes, ha="center", va="center", fontsize=18)
    return figure
