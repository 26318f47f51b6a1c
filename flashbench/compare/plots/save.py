"""Figures into files: one PNG and one PDF each, whole or not at all."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from flashbench.compare.plots import style
from flashbench.compare.plots.drawing import Drawing
from flashbench.compare.plots.overlay import draw
from flashbench.storage import atomic

_DPI = 100
_COLOURS = 64  # of the palette of a PNG: a third of the size in full colour


@dataclass(frozen=True, slots=True)
class Picture:
    """Files of one drawing."""

    drawing: Drawing
    png: Path
    pdf: Path


def save_all(
    drawings: Sequence[Drawing],
    directory: Path,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Picture, ...]:
    """Save every drawing as PNG and PDF in `directory`, in the order given.

    Args:
        workers: processes; 1 draws in this one.
        progress: called with figures done and in all.
    """
    tasks = [(drawing, directory) for drawing in drawings]
    pictures: list[Picture] = []

    def note(picture: Picture) -> None:
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


def _save(task: tuple[Drawing, Path]) -> Picture:
    from PIL import Image

    drawing, directory = task
    png, pdf = directory / f"{drawing.name}.png", directory / f"{drawing.name}.pdf"
    with style.applied(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a label's rarer scripts
        figure = draw(drawing)
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
