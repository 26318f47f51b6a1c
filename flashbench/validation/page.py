"""The page of a comparison of objects: one HTML file, figures inlined, nothing fetched, everything escaped."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from flashbench import __version__
from flashbench.compare.mathtext import to_html
from flashbench.compare.numbers import count
from flashbench.compare.plots import style
from flashbench.compare.report import flatten
from flashbench.progress import Progress
from flashbench.validation import plots
from flashbench.validation.checks import UNDECIDED_SIGMAS
from flashbench.validation.comparison import ObjectComparison
from flashbench.validation.console import with_known_error
from flashbench.validation.measures import REPLICAS, SPLITS, Compared, Distribution, Quantity, Roc

GROUPS: Final = {
    "response": "Jet response and resolution",
    "efficiency": "Jet reconstruction",
    "unmatched": "Jets without a generated partner",
    "multiplicity": "Jet multiplicity and kinematics",
    "contents": "Jet contents",
    "tagging": "Flavour and quark–gluon tagging",
    "identification": "Jet identification",
    "muons": "Muons",
}
_CLASSES: Final = {"pass": "agrees", "fail": "differs", "undecided": "no-events", "undefined": "no-events"}


def environment_of_pages() -> Environment:
    """Jinja as every validation page uses it: everything escaped, unknown names refused, one style sheet."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("flashbench.validation"), PackageLoader("flashbench.compare")]),  # style.css
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"with_error": with_known_error, "count": count, "math": to_html}
    return environment


def render(comparison: ObjectComparison, provenance: Mapping[str, Any], progress: Progress | None = None) -> str:
    """The page as HTML.

    Args:
        provenance: nested facts for its last section, see `document`.
        progress: called with figures done and in all.
    """
    environment = environment_of_pages()
    environment.filters["short"] = _short
    return environment.get_template("validation.html.j2").render(
        version=__version__,
        reference=comparison.reference,
        sample=comparison.sample,
        checks=comparison.checks,
        classes=_CLASSES,
        undecided_sigmas=UNDECIDED_SIGMAS,
        sections=list(_sections(comparison, _drawn(comparison, progress))),
        left_out=comparison.left_out,
        replicas=REPLICAS,
        splits=SPLITS,
        provenance=flatten(provenance),
    )


def _short(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "–"


def _drawn(comparison: ObjectComparison, progress: Progress | None) -> dict[str, list[dict[str, str]]]:
    """Figures by group: profiles, then curves, then spectra."""
    profiles = [each for each in comparison.quantities if each.quantity.edges]
    tasks: list[tuple[Callable[[Any, tuple[str, str]], Figure], Any, Quantity | Roc | Distribution]] = [
        *((plots.profile, each, each.quantity) for each in profiles),
        *((plots.roc, each, each.roc) for each in comparison.curves if each.reference or each.measured),
        *((plots.spectrum, each, each.distribution) for each in comparison.spectra if each.entries),
    ]
    labels = comparison.reference.label, comparison.sample.label
    drawn: dict[str, list[dict[str, str]]] = {}
    with style.applied(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a label's rarer scripts
        for done, (draw, what, declared) in enumerate(tasks, 1):
            data = b64encode(plots.png(draw(what, labels))).decode("ascii")
            drawn.setdefault(declared.group, []).append({"name": declared.name, "label": declared.label, "data": data})
            if progress is not None:
                progress(done, len(tasks))
    return drawn


def _sections(comparison: ObjectComparison, drawn: Mapping[str, list[dict[str, str]]]) -> Iterator[dict[str, Any]]:
    for group, title in GROUPS.items():
        quantities = [each for each in comparison.quantities if each.quantity.group == group]
        spectra = [each for each in comparison.spectra if each.distribution.group == group]
        figures = drawn.get(group, [])
        numbers = [_number(each) for each in quantities if not each.quantity.edges]
        if figures or numbers:
            yield {"key": group, "title": title, "numbers": numbers, "spectra": spectra, "figures": figures}


def _number(compared: Compared) -> dict[str, Any]:
    sides = [(float(side.value), float(side.error)) for side in (compared.reference, compared.measured)]
    error = float(np.hypot(sides[0][1], sides[1][1]))
    pull = (sides[1][0] - sides[0][0]) / error if error > 0 else float("nan")
    return {"label": compared.quantity.label, "sides": sides, "floor": float(compared.floor), "pull": pull}
