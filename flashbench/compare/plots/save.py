"""Figures into files: one PNG and one PDF each, whole or not at all."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from matplotlib.figure import Figure

from flashbench.compare.plots import style
from flashbench.compare.plots.drawing import Drawing
from flashbench.compare.plots.overlay import draw
from flashbench.progress import Progress
from flashbench.storage import atomic

_DPI = 100
_COLOURS = 128  # of the palette of a PNG: less than half of the size in full colour


class Named(Protocol):
    """What a figure shows, with the stem of its files."""

    @property
    def name(self) -> str: ...


Shown = TypeVar("Shown", bound=Named)


@dataclass(frozen=True, slots=True)
class Picture(Generic[Shown]):
    """Files of one drawing."""

    drawing: Shown
    png: Path
    pdf: Path


def save_all(
    drawings: Sequence[Drawing],
    directory: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[Picture[Drawing], ...]:
    """Save the standard figures of overlays, see `save_figures`."""
    return save_figures(drawings, directory, draw, workers=workers, progress=progress)


def save_figures(
    drawings: Sequence[Shown],
    directory: Path,
    draw_one: Callable[[Shown], Figure],
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[Picture[Shown], ...]:
    """Save every drawing as PNG and PDF in `directory`, in the order given.

    Args:
        draw_one: a function of a module, called within `style.applied()`.
        workers: processes; 1 draws in this one.
        progress: called with figures done and in all.
    """
    tasks = [(drawing, directory, draw_one) for drawing in drawings]
    pictures: list[Picture[Shown]] = []

    def note(picture: Picture[Shown]) -> None:
        pictures.append(picture)
        if progress is not None:
            progress(len(pictures), len(tasks))

    if workers <= 1 or len(tasks) < 2 * workers:
        for task in tasks:
            note(_save(task))
        return tuple(pictures)
    context = multiprocessing.get_context("spawn")  # safe beside threads, at 1 s a worker
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        for picture in pool.map(_save, tasks, chunksize=4):
            note(picture)
    return tuple(pictures)


def _save(task: tuple[Shown, Path, Callable[[Shown], Figure]]) -> Picture[Shown]:
    from PIL import Image

    drawing, directory, draw_one = task
    png, pdf = directory / f"{drawing.name}.png", directory / f"{drawing.name}.pdf"
    with style.applied(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a label's rarer scripts
        figure = draw_one(drawing)
        figure.set_dpi(_DPI)
        with atomic(pdf) as temporary:
            figure.savefig(temporary, format="pdf", metadata={"CreationDate": None, "Title": drawing.name})
        pixels = BytesIO()
        figure.savefig(pixels, format="rgba", dpi=_DPI)
        width, height = (round(side * _DPI) for side in figure.get_size_inches())
        image = np.frombuffer(pixels.getvalue(), dtype=np.uint8).reshape(height, width, 4)[..., :3]
        with atomic(png) as temporary:
            Image.fromarray(np.ascontiguousarray(image)).quantize(_COLOURS).save(temporary, format="PNG", optimize=True)
        figure.clear()
    return Picture(drawing, png, pdf)
