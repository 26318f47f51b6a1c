"""The page of a learned simulator: one HTML file, figures inlined, nothing fetched, everything escaped."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flashbench import __version__
from flashbench.compare.plots import style
from flashbench.compare.report import flatten
from flashbench.progress import Progress
from flashbench.validation.flash.checks import Outcome
from flashbench.validation.flash.console import short
from flashbench.validation.flash.figures import WIDE, figures
from flashbench.validation.flash.measure import REPLICAS, ProcessResult
from flashbench.validation.flash.samples import KINDS
from flashbench.validation.flash.targets import SPLITS
from flashbench.validation.flash.together import ROUNDS
from flashbench.validation.page import environment_of_pages
from flashbench.validation.plots import DPI, png

GROUPS: Final = {
    "contours": "Contours",
    "response": "Response",
    "tagging": "b tagging",
    "efficiency": "Efficiencies",
    "fakes": "Jets without a generated jet",
    "edges": "Edges of the detector",
    "jets": "Targets of jets",
    "muons": "Targets of muons",
}
_CLASSES: Final = {"pass": "agrees", "fail": "differs", "undecided": "no-events", "undefined": "no-events"}
_WIDE_GROUPS: Final = ("jets", "muons")


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
    return environment.get_template("flash.html.j2").render(
        version=__version__,
        simulator=results[0].gathered.simulated.label,
        results=[(result, figures) for result, figures in zip(results, drawn, strict=True)],
        outcomes=outcomes,
        classes=_CLASSES,
        groups=GROUPS,
        wide=_WIDE_GROUPS,
        wide_size=[round(side * DPI) for side in WIDE],
        kinds=KINDS,
        replicas=REPLICAS,
        splits=SPLITS,
        rounds=ROUNDS,
        provenance=flatten(provenance),
    )


def _drawn(results: Sequence[ProcessResult], progress: Progress | None) -> list[dict[str, list[dict[str, str]]]]:
    """Figures of each process, by group."""
    tasks = [list(figures(result)) for result in results]
    total, done = sum(len(each) for each in tasks), 0
    pages: list[dict[str, list[dict[str, str]]]] = []
    with style.applied(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a label's rarer scripts
        for task in tasks:
            groups: dict[str, list[dict[str, str]]] = {}
            for each in task:
                data = b64encode(png(each.draw())).decode("ascii")
                groups.setdefault(each.group, []).append({"name": each.name, "label": each.label, "data": data})
                done += 1
                if progress is not None:
                    progress(done, total)
            pages.append(groups)
    return pages
