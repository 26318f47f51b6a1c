"""Figures of a comparison: what to draw (`Drawing`), how it looks (`style`), and files of it (`save`).

`folds`, `throws` and `variation` draw the studies of upsampling, of one event and of the ratio method, whose axes a
`Frame` describes.
"""

from flashbench.compare.plots.drawing import Curve, Drawing, drawing_of
from flashbench.compare.plots.frame import Frame
from flashbench.compare.plots.overlay import draw
from flashbench.compare.plots.save import Picture, save_all, save_figures

__all__ = ["Curve", "Drawing", "Frame", "Picture", "draw", "drawing_of", "save_all", "save_figures"]
