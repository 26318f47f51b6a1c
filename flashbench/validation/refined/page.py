"""The page of a refiner: one HTML file, figures inlined, nothing fetched, everything escaped."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flashbench import __version__
from flashbench.compare.plots import style
from flashbench.compare.report import flatten
from flashbench.progress import Progress
from flashbench.validation.flash.console import short
from flashbench.validation.page import environment_of_pages
from flashbench.validation.plots import DPI, png
from flashbench.validation.refined.checks import Outcome
from flashbench.validation.refined.figures import WIDE, Drawn, figures
from flashbench.validation.refined.measure import REPLICAS, SPLITS, ProcessResult

GROUPS: Final = {
    "spectra": "Spectra",
    "correlations": "Correlations",
    "bins": "Discrepancies in bins",
    "tagging": "b tagging and unitarity",
    "response": "Response",
    "categories": "Spectra by flavour or origin",
}
_CLASSES: Final = {"pass": "agrees", "fail": "differs", "undecided": "no-events", "undefined": "no-events"}


def render(
    results: Sequence[ProcessResult],
    outcomes: Sequence[Outcome],
    provenance: Mapping[str, Any],
    progress: Progress | None = None,
) -> str:
    """The page as HTML.

    Args:
        provenance: nested facts for its last section, see `document`.
        progress: called with figures done and in all.
    """
    environment = environment_of_pages()
    environment.filters["short"] = short
    drawn = _drawn(results, progress)
    return environment.get_template("refined.html.j2").render(
        version=__version__,
        results=list(zip(results, drawn, strict=True)),
        outcomes=outcomes,
        classes=_CLASSES,
        groups=GROUPS,
        wide_size=[round(side * DPI) for side in WIDE],
        replicas=REPLICAS,
        splits=SPLITS,
        provenance=flatten(provenance),
    )


def _drawn(results: Sequence[ProcessResult], progress: Progress | None) -> list[dict[str, list[dict[str, Any]]]]:
    """Figures of each process, by group."""
    tasks: list[list[Drawn]] = [list(figures(result)) for result in results]
    total, done = sum(len(each) for each in tasks), 0
    pages: list[dict[str, list[dict[str, Any]]]] = []
    with style.applied(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a label's rarer scripts
        for task in tasks:
            groups: dict[str, list[dict[str, Any]]] = {}
            for each in task:
                data = b64encode(png(each.draw())).decode("ascii")
                facts = {"name": each.name, "label": each.label, "data": data, "wide": each.wide}
                groups.setdefault(each.group, []).append(facts)
                done += 1
                if progress is not None:
                    progress(done, total)
            pages.append(groups)
    return pages
