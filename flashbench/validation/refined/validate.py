"""The whole validation of a refiner: gather, measure, judge, write page and document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flashbench.nanoaod import expand, open_source
from flashbench.progress import Monitor, silent
from flashbench.simulators.refined import RefinedSimulator
from flashbench.simulators.refined.refiner import identity, read_manifest
from flashbench.storage import write_json, write_text
from flashbench.validation.flash.held_out import refuse_seen, seen
from flashbench.validation.refined.checks import Outcome, judge
from flashbench.validation.refined.document import to_document
from flashbench.validation.refined.gather import gather
from flashbench.validation.refined.measure import ProcessResult, measure_kind
from flashbench.validation.refined.page import render

_FACTS = ("seed", "inputs", "recipe", "created")


@dataclass(frozen=True, slots=True)
class Sample:
    """Events of a process to validate with: both tiers, and at most how many."""

    process: str
    label: str
    fast: tuple[str, ...]
    full: tuple[str, ...]
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Validation:
    """What was measured and judged, and the document of it."""

    results: tuple[ProcessResult, ...]
    outcomes: tuple[Outcome, ...]
    document: dict[str, Any]


def validate_refined(
    samples: Sequence[Sample],
    simulator: RefinedSimulator,
    out: Path,
    *,
    seed: int = 1,
    allow_seen: bool = False,
    monitor: Monitor = silent,
) -> Validation:
    """Validate a refiner on some processes; writes `validation.html` and `validation.json` to `out`.

    Args:
        samples: one a process.
        seed: of the bootstrap.
        allow_seen: take files that the weights were trained on; the document says so.
        monitor: given the name of a stage, a context whose value is called with what is done and in all.

    Raises:
        RunError: a file was trained on, see `flash.held_out`.
        FlashbenchError: see `gather`.
    """
    manifest = read_manifest(simulator.weights)
    training = {"weights": str(simulator.weights), "identity": identity(manifest)}
    training |= {name: manifest[name] for name in _FACTS if name in manifest}
    sources = [open_source(path) for each in samples for path in expand((*each.fast, *each.full))]
    if not allow_seen:
        refuse_seen(training, sources)
    results = []
    for each in samples:
        with monitor(f"{each.process}: refining") as progress:
            process = each.process, each.label
            gathered = gather(process, simulator, each.fast, each.full, events=each.limit, progress=progress)
        kinds = {}
        for name, objects in gathered.objects.items():
            with monitor(f"{each.process}: {name}") as progress:
                kinds[name] = measure_kind(objects, seed=seed, progress=progress)
        results.append(ProcessResult(gathered, kinds))
    outcomes = judge(results)
    facts = {"version": simulator.info.version, "training": training, "trained_on": seen(training, sources)}
    document = to_document(results, outcomes, facts)
    write_json(out / "validation.json", document)
    with monitor("figures") as progress:
        page = render(results, outcomes, document["provenance"], progress)
    write_text(out / "validation.html", page)
    return Validation(tuple(results), outcomes, document)
