"""Figures of a comparison: what to draw (`Drawing`), how it looks (`style`), and files of it (`save`)."""

from flashbench.compare.plots.drawing import Curve, Drawing, drawing_of
from flashbench.compare.plots.overlay import draw
from flashbench.compare.plots.save import Picture, save_all

__all__ = ["Curve", "Drawing", "Picture", "draw", "drawing_of", "save_all"]
