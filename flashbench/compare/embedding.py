"""Figures as text in the page, smaller ones where there are many."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

BUDGET: Final = 13_500_000
"""Bytes of all figures in a page; the rest of 15 MB is for tables."""

_LEAST: Final = 0.4  # of the side of a figure
_COLOURS: Final = 32


@dataclass(frozen=True, slots=True)
class Inlined:
    """A PNG in base64, and its size in pixels."""

    data: str
    width: int
    height: int


def inline(pictures: Sequence[Path], budget: int = BUDGET) -> list[Inlined]:
    """Pictures as they are where they fit into the budget, else scaled to fit, to two fifths of their side at least."""
    from PIL import Image

    contents = [path.read_bytes() for path in pictures]
    encoded = sum(len(content) for content in contents) * 4 / 3
    scale = 1.0 if encoded <= budget else max(_LEAST, 0.74 * (budget / encoded) ** 0.75)  # of the side, as measured
    found = []
    for content in contents:
        with Image.open(BytesIO(content)) as image:
            width, height = image.size
            if scale < 1:
                size = round(width * scale), round(height * scale)
                small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS).quantize(_COLOURS)
                stream = BytesIO()
                small.save(stream, format="PNG", optimize=True)
                content = stream.getvalue()  # noqa: PLW2901 - what is embedded
        found.append(Inlined(b64encode(content).decode("ascii"), width, height))
    return found
