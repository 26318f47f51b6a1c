"""Colours, markers, lines and fonts: one look per simulator in every figure.

References:
    M. A. Petroff, arXiv:2107.02270 (colour sequence for people with deficient colour vision).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Look:
    """How a simulator is drawn; distinct in colour, marker and line, so that print in grey still tells."""

    colour: str
    marker: str
    line: str | tuple[int, tuple[int, ...]]


REFERENCE = Look("#1a1a1a", "", "-")
"""The reference, whichever it is: black line over a grey area."""

BUILT_IN: dict[str, Look] = {
    "full": Look("#717581", "P", "-"),
    "gen": Look("#3f7fe8", "o", "-"),
    "fast": Look("#f89c20", "s", (0, (6, 2))),
    "flash": Look("#e42536", "^", (0, (4, 1, 1, 1))),
    "refined": Look("#964a8b", "D", (0, (3, 1))),
}

SPARE: tuple[Look, ...] = (
    Look("#7a21dd", "v", (0, (2, 1))),
    Look("#a96b59", "X", (0, (6, 1, 1, 1, 1, 1))),
    Look("#0f7f83", "<", (0, (1, 1))),
    Look("#8a7f2a", ">", (0, (5, 1))),
    Look("#5c6070", "p", (0, (3, 1, 1, 1))),
)


def looks(simulators: Sequence[str]) -> dict[str, Look]:
    """A look for each simulator: that of its name without folds if built in, else one that its name chooses.

    Names that choose the same take the next free one, in alphabetical order.
    """
    chosen: dict[str, Look] = {}
    taken: set[int] = set()
    for simulator in sorted(simulators):
        name = simulator.partition("@")[0]
        if name in BUILT_IN and BUILT_IN[name] not in chosen.values():
            chosen[simulator] = BUILT_IN[name]
            continue
        first = crc32(simulator.encode()) % len(SPARE)
        slots = [(first + step) % len(SPARE) for step in range(len(SPARE))]
        slot = next((slot for slot in slots if slot not in taken), first)
        taken.add(slot)
        chosen[simulator] = SPARE[slot]
    return {simulator: chosen[simulator] for simulator in simulators}


def applied() -> AbstractContextManager[None]:
    """Context of Matplotlib settings: the style of the experiments' papers, smaller, with fonts for any script."""
    import matplotlib as mpl
    import mplhep

    fonts = [*mplhep.style.CMS["font.sans-serif"], "DejaVu Sans"]
    settings: dict[Any, Any] = {
        **mplhep.style.CMS,
        "font.sans-serif": [font for font in fonts if font not in {"Helvetica", "Arial"}],
        "figure.figsize": (7.0, 7.0),
        "font.size": 17,
        "legend.fontsize": 12.5,
        "axes.linewidth": 1.4,
        "lines.linewidth": 1.6,
        "xtick.major.size": 8,
        "xtick.minor.size": 4,
        "ytick.major.size": 8,
        "ytick.minor.size": 4,
        "pdf.fonttype": 3,  # the fonts are OpenType, which Matplotlib mislabels as 42
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
    }
    return mpl.rc_context(settings)
