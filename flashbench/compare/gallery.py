"""Figures of a comparison beside the overlays: selection, pairs of observables, signal and background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from matplotlib.figure import Figure

from flashbench.compare.flow import CutflowStudy, MigrationStudy, cutflow_study, migration_study
from flashbench.compare.pairing import PairedProcess
from flashbench.compare.planes import ContourStudy, CorrelationStudy, contour_studies, correlation_study
from flashbench.compare.plots import Drawing, draw
from flashbench.compare.plots.caption import Exhibit
from flashbench.compare.plots.flow import draw_cutflow, draw_migration
from flashbench.compare.plots.planes import draw_contours, draw_correlations
from flashbench.compare.plots.save import Picture
from flashbench.compare.plots.separation import draw_roc, draw_shapes
from flashbench.compare.roles import Roles
from flashbench.compare.separation import RocStudy, ShapeStudy, separation_studies

Study: TypeAlias = CutflowStudy | MigrationStudy | ContourStudy | CorrelationStudy | ShapeStudy | RocStudy


def studies(processes: Sequence[PairedProcess], roles: Roles) -> tuple[Study, ...]:
    """What is drawn of each process, then of signal and backgrounds."""
    found: list[Study] = []
    for process in processes:
        found += [cutflow_study(process), migration_study(process)]
        found += [*contour_studies(process), correlation_study(process)]
    return (*found, *separation_studies(processes, roles.signal, roles.backgrounds))


def draw_any(shown: Drawing | Study) -> Figure:
    """The figure of an overlay or of a study. Call inside `style.applied()`."""
    if isinstance(shown, Drawing):
        return draw(shown)
    drawers: dict[type, Callable[[Any], Figure]] = {
        CutflowStudy: draw_cutflow,
        MigrationStudy: draw_migration,
        ContourStudy: draw_contours,
        CorrelationStudy: draw_correlations,
        ShapeStudy: draw_shapes,
        RocStudy: draw_roc,
    }
    return drawers[type(shown)](shown)


def split(pictures: Sequence[Picture[Any]]) -> tuple[tuple[Picture[Drawing], ...], tuple[Exhibit, ...]]:
    """Pictures of overlays, and those of studies as the report has them."""
    overlays = tuple(picture for picture in pictures if isinstance(picture.drawing, Drawing))
    others = (picture for picture in pictures if not isinstance(picture.drawing, Drawing))
    return overlays, tuple(Exhibit(picture.drawing.caption, picture.png, picture.pdf) for picture in others)
