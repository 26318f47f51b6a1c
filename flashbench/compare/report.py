"""The page of a comparison: one HTML file, figures inlined, nothing fetched, everything escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from flashbench import __version__
from flashbench.analysis import REGIONS
from flashbench.compare.mathtext import to_html
from flashbench.compare.metrics import MetricRecord, all_metrics
from flashbench.compare.numbers import count, probability, sigmas, with_error
from flashbench.compare.plots import Drawing, Picture
from flashbench.compare.verdict import BEYOND_P, FAMILY_P, YIELD_REGIONS, YIELD_SIGMAS
from flashbench.stats.nulls import REPLICAS as NULL_REPLICAS

if TYPE_CHECKING:
    from flashbench.compare import Comparison
    from flashbench.results import RunResult


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
    environment.filters["sigmas"] = sigmas
    processes = dict.fromkeys(run.process for run in comparison.runs)
    return environment.get_template("report.html.j2").render(
        version=__version__,
        verdicts=comparison.verdicts,
        labels={run.process: run.process_label for run in comparison.runs},
        simulators={run.simulator: run.simulator_label for run in comparison.runs},
        anchors={
            (d.process, d.region, d.observable): d.name for d in (picture.drawing for picture in comparison.pictures)
        },
        processes=[_process(comparison, process) for process in processes],
        metrics=all_metrics(),
        yield_regions=YIELD_REGIONS,
        family_p=FAMILY_P,
        beyond_p=BEYOND_P,
        yield_sigmas=YIELD_SIGMAS,
        replicas=comparison.replicas,
        notes=comparison.notes,
        null_replicas=NULL_REPLICAS,
    )


def _process(comparison: Comparison, process: str) -> dict[str, Any]:
    runs = [run for run in comparison.runs if run.process == process]
    reference = comparison.references[process]
    runs.sort(key=lambda run: run.simulator != reference)
    pictures = [picture for picture in comparison.pictures if picture.drawing.process == process]
    return {
        "key": process,
        "label": runs[0].process_label,
        "reference": reference,
        "runs": runs,
        "n_events": runs[0].n_events,
        "cuts": _cutflow(runs),
        "regions": [
            {
                "name": region.name,
                "label": region.label,
                "figures": [_figure(picture) for picture in pictures if picture.drawing.region == region.name],
                "rows": _rows(comparison.metrics, process, region.name, pictures),
            }
            for region in REGIONS
            if any(picture.drawing.region == region.name for picture in pictures)
        ],
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


def _figure(picture: Picture[Drawing]) -> dict[str, Any]:
    drawing = picture.drawing
    simulators = ", ".join(curve.simulator for curve in drawing.curves[1:])
    alt = (
        f"{drawing.observable} in {drawing.region_label} of {drawing.process_label}: {simulators} over "
        f"{drawing.curves[0].simulator}, with their ratio"
    )
    return {
        "anchor": drawing.name,
        "label": drawing.label,
        "observable": drawing.observable,
        "alt": alt,
        "data": b64encode(picture.png.read_bytes()).decode("ascii"),
        "pdf": f"plots/{picture.pdf.name}",
    }


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
