"""The page of a comparison: one HTML file, figures inlined, nothing fetched, everything escaped."""

from __future__ import annotations

import hashlib
import os
import shlex
from base64 import b64encode
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flashbench import __version__
from flashbench.analysis import REGIONS
from flashbench.compare.embedding import Inlined, inline
from flashbench.compare.mathtext import to_html
from flashbench.compare.metrics import MetricRecord, all_metrics
from flashbench.compare.numbers import MISSING, count, probability, sigmas, with_error
from flashbench.compare.plots import Drawing, Picture
from flashbench.compare.plots.caption import Exhibit
from flashbench.compare.speed import speed_of
from flashbench.compare.summary import summarise
from flashbench.compare.verdict import BEYOND_P, FAMILY_P, YIELD_REGIONS, YIELD_SIGMAS
from flashbench.stats.nulls import REPLICAS as NULL_REPLICAS

if TYPE_CHECKING:
    from flashbench.compare import Comparison
    from flashbench.results import RunResult

GROUPS: Final[Mapping[str, str]] = {
    "selection": "Selection",
    "observables": "Observables",
    "together": "Pairs of observables",
    "objects": "Objects",
    "separation": "Signal and background",
    "systematics": "Systematics",
    "upsampling": "Upsampling",
    "fit": "Fit",
}
"""Groups of figures, in the order of the page."""

_OF_PROCESS: Final = ("together", "objects")
_NOTES: Final = {
    "objects": "Reconstructed jets and muons beside the generated ones, of the first events of the sample; errors of "
    "profiles from a bootstrap over events.",
    "separation": "Shapes of the selected events, normalised to one. Signal solid, background dashed; a colour a "
    "simulator. Hatched: error of the reference.",
}


def render(comparison: Comparison) -> str:
    """The report as HTML."""
    environment = Environment(
        loader=PackageLoader("flashbench.compare"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"with_error": with_error, "probability": probability, "count": count, "math": to_html}
    environment.filters |= {"sigmas": sigmas, "rate": _rate, "milliseconds": _milliseconds, "shorten": _shorten}
    script = (files("flashbench.compare") / "templates" / "report.js").read_text(encoding="utf-8")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    figures = _figures(comparison)
    sections = _sections(comparison, figures)
    return environment.get_template("report.html.j2").render(
        version=__version__,
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        summaries=summarise(
            *(comparison.runs, comparison.references, comparison.verdicts, comparison.metrics, comparison.fitted)
        ),
        fit_reason=comparison.fitted.reason.rstrip("."),
        verdicts=comparison.verdicts,
        labels={run.process: run.process_label for run in comparison.runs},
        simulators={run.simulator: run.simulator_label for run in comparison.runs},
        anchors={
            (d.process, d.region, d.observable): d.name for d in (picture.drawing for picture in comparison.pictures)
        },
        processes=[_process(comparison, process, figures) for process in comparison.references],
        sections=sections,
        groups={key: GROUPS[key] for key in GROUPS if any(figure["group"] == key for figure in figures)},
        region_names=[region.name for region in REGIONS if any(f["region"] == region.name for f in figures)],
        metrics=all_metrics(),
        yield_regions=YIELD_REGIONS,
        family_p=FAMILY_P,
        beyond_p=BEYOND_P,
        yield_sigmas=YIELD_SIGMAS,
        replicas=comparison.replicas,
        notes=comparison.notes,
        null_replicas=NULL_REPLICAS,
        stages=list(dict.fromkeys(stage for run in comparison.runs for stage in run.manifest.get("timings", {}))),
        timings=[
            {"process": run.process, "simulator": run.simulator, "speed": speed_of(run)} for run in comparison.runs
        ],
        commands=_commands(comparison.runs),
        made=[_made(run) for run in comparison.runs],
    )


def _rate(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _milliseconds(seconds: float | None) -> str:
    return MISSING if seconds is None else f"{1000 * seconds:.3g}"


def _shorten(text: str, width: int = 40) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _figures(comparison: Comparison) -> list[dict[str, Any]]:
    """Every figure of the page, in its order, with its picture as text."""
    studies = [exhibit for appendix in comparison.appendices for exhibit in appendix.exhibits]
    exhibits = [*comparison.exhibits, *studies]
    pictures = inline([*(each.png for each in comparison.pictures), *(each.png for each in exhibits)])
    overlays = [
        _overlay(picture, inlined, comparison) for picture, inlined in zip(comparison.pictures, pictures, strict=False)
    ]
    others = pictures[len(overlays) :]
    return overlays + [_exhibit(each, found, comparison) for each, found in zip(exhibits, others, strict=True)]


def _overlay(picture: Picture[Drawing], inlined: Inlined, comparison: Comparison) -> dict[str, Any]:
    drawing = picture.drawing
    simulators = ", ".join(curve.simulator for curve in drawing.curves[1:])
    alt = (
        f"{drawing.observable} in {drawing.region_label} of {drawing.process_label}: {simulators} over "
        f"{drawing.curves[0].simulator}, with their ratio"
    )
    return {
        "anchor": drawing.name,
        "label": drawing.label,
        "name": drawing.observable,
        "alt": alt + ("; no selected events" if drawing.is_empty else ""),
        "text": f"{alt} {drawing.region} {drawing.process}",
        "process": drawing.process,
        "group": "observables",
        "region": drawing.region,
        "wide": False,
        **_files(picture.png, picture.pdf, inlined, comparison),
    }


def _exhibit(exhibit: Exhibit, inlined: Inlined, comparison: Comparison) -> dict[str, Any]:
    caption = exhibit.caption
    return {
        "anchor": caption.name,
        "label": caption.label,
        "name": caption.kind,
        "alt": caption.alt,
        "text": f"{caption.alt} {caption.kind} {caption.group} {caption.process}",
        "process": caption.process,
        "group": caption.group,
        "region": "",
        "wide": inlined.width > 1.15 * inlined.height,
        **_files(exhibit.png, exhibit.pdf, inlined, comparison),
    }


def _files(png: Path, pdf: Path, inlined: Inlined, comparison: Comparison) -> dict[str, Any]:
    links = {"png": link(png, comparison.out), "pdf": link(pdf, comparison.out)}
    return {**links, "data": inlined.data, "width": inlined.width, "height": inlined.height}


def link(path: Path, folder: Path) -> str:
    """A file as the page in `folder` links to it."""
    return os.path.relpath(path, folder).replace(os.sep, "/")


def _sections(comparison: Comparison, figures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is not of one process: figures of several, and the studies of other commands."""
    known = {figure["anchor"]: figure for figure in figures}
    found = []
    for key, title in GROUPS.items():
        appendices = [
            {
                "title": appendix.title,
                "folder": link(appendix.folder, comparison.out),
                "heads": appendix.heads,
                "words": appendix.words,
                "rows": appendix.rows,
                "figures": [known[exhibit.caption.name] for exhibit in appendix.exhibits],
            }
            for appendix in comparison.appendices
            if appendix.group == key
        ]
        own = {exhibit.caption.name for exhibit in comparison.exhibits if not exhibit.caption.process}
        shown = [figure for figure in figures if figure["group"] == key and figure["anchor"] in own]
        if appendices or shown:
            note = _NOTES.get(key, "")
            found.append({"key": key, "title": title, "note": note, "appendices": appendices, "figures": shown})
    return found


def _process(comparison: Comparison, process: str, figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    runs = [run for run in comparison.runs if run.process == process]
    reference = comparison.references[process]
    runs.sort(key=lambda run: run.simulator != reference)
    own = [figure for figure in figures if figure["process"] == process]
    pictures = [picture for picture in comparison.pictures if picture.drawing.process == process]
    regions = [
        {
            "name": region.name,
            "label": region.label,
            "figures": [figure for figure in own if figure["region"] == region.name],
            "rows": _rows(comparison.metrics, process, region.name, pictures),
        }
        for region in REGIONS
        if any(picture.drawing.region == region.name for picture in pictures)
    ]
    others = [
        {
            "key": f"{group}-{process}",
            "title": GROUPS[group].lower(),
            "note": _NOTES.get(group, ""),
            "figures": [figure for figure in own if figure["group"] == group],
        }
        for group in _OF_PROCESS
        if any(figure["group"] == group for figure in own)
    ]
    parts = [(f"selection-{process}", "selection")]
    parts += [(f"region-{process}-{region['name']}", str(region["label"])) for region in regions]
    return {
        "key": process,
        "label": runs[0].process_label,
        "reference": reference,
        "runs": runs,
        "n_events": runs[0].n_events,
        "cuts": _cutflow(runs),
        "selection": [figure for figure in own if figure["group"] == "selection"],
        "regions": regions,
        "others": others,
        "parts": [*parts, *((part["key"], part["title"]) for part in others)],
        "provenance": [(run, flatten(run.manifest)) for run in runs],
    }


def _cutflow(runs: Sequence[RunResult]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Cut, then events and weighted fraction of the first cut for each run; empty strings where a run lacks it."""
    names = dict.fromkeys(name for run in runs for name in run.cutflow.names)
    rows = []
    for name in names:
        cells = []
        for run in runs:
            step = next((step for step in run.cutflow if step.name == name), None)
            first = run.cutflow.steps[0].sum_weights if run.cutflow.steps else 0.0
            share = f"{step.sum_weights / first:.2%}" if step is not None and first else ""
            cells.append((count(step.events) if step is not None else "", share))
        rows.append((name, cells))
    return rows


def _rows(
    records: Sequence[MetricRecord], process: str, region: str, pictures: Sequence[Picture[Drawing]]
) -> list[dict[str, Any]]:
    """One row for each observable and simulator, with the records by metric."""
    shown = {p.drawing.observable: p.drawing for p in pictures if p.drawing.region == region}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        if record.process != process or record.region != region or record.observable not in shown:
            continue
        drawing = shown[record.observable]
        row = rows.setdefault(
            (record.observable, record.simulator),
            {
                "label": drawing.label,
                "unit": drawing.unit,
                "anchor": drawing.name,
                "simulator": record.simulator,
                "values": {},
            },
        )
        row["values"][record.metric] = record
    return list(rows.values())


def _commands(runs: Sequence[RunResult]) -> list[str]:
    """Commands that made the runs, each once, the program by its name."""
    found = []
    for run in runs:
        words = [str(word) for word in run.manifest.get("command", ())]
        if words:
            found.append(shlex.join([words[0].rpartition("/")[2], *words[1:]]))
    return list(dict.fromkeys(found))


def _made(run: RunResult) -> tuple[str, ...]:
    """Process, simulator, version, seed, events, code, commit, first input, time."""
    manifest = run.manifest
    inputs = manifest.get("inputs", ())
    first = inputs[0] if inputs else {}
    more = f" and {len(inputs) - 1} more" if len(inputs) > 1 else ""
    return (
        run.process,
        run.simulator,
        str(manifest.get("simulator_version", MISSING)),
        str(manifest.get("seed", MISSING)),
        count(run.n_events),
        str(manifest.get("code", MISSING)),
        str(manifest.get("git_commit") or MISSING)[:12],
        str(first.get("sha256") or MISSING)[:12] + more,
        str(manifest.get("created", MISSING)),
    )


def flatten(manifest: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Dotted keys and values of nested mappings, in their order; lists of more than eight are counted."""
    lines: list[tuple[str, str]] = []
    for key, value in manifest.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            lines += flatten(value, f"{name}.")
        elif isinstance(value, list | tuple):
            lines += _flatten_list(name, value)
        else:
            lines.append((name, str(value)))
    return lines


def _flatten_list(name: str, values: Sequence[Any]) -> list[tuple[str, str]]:
    if len(values) > 8:
        return [(name, f"{len(values)} entries")]
    if any(isinstance(value, Mapping) for value in values):
        return [
            line
            for index, value in enumerate(values)
            for line in (flatten(value, f"{name}.{index}.") if isinstance(value, Mapping) else [(name, str(value))])
        ]
    return [(name, " ".join(str(value) for value in values))]
