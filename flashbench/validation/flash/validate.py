"""The whole validation: gather, measure, judge, write page and document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flashbench.nanoaod import expand, open_source
from flashbench.progress import Monitor, silent
from flashbench.simulators import Simulator
from flashbench.validation.flash.checks import Outcome, judge
from flashbench.validation.flash.held_out import refuse_seen, seen, training_of
from flashbench.validation.flash.measure import ProcessResult, measure_process
from flashbench.validation.flash.samples import gather


@dataclass(frozen=True, slots=True)
class Events:
    """Events of a process to validate with.

    Attributes:
        process, label: key, and for legends.
        files: of the full tier; `fast`: of the fast tier of the same events, empty to leave it out.
        limit: at most so many events.
    """

    process: str
    label: str
    files: tuple[str, ...]
    fast: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Validation:
    """What was measured and judged, and the document of it."""

    results: tuple[ProcessResult, ...]
    outcomes: tuple[Outcome, ...]
    document: dict[str, Any]


def validate_flash(
    samples: Sequence[Events],
    simulator: tuple[str, Simulator],
    out: Path,
    *,
    throws: int = 1,
    seed: int = 1,
    allow_seen: bool = False,
    monitor: Monitor = silent,
) -> Validation:
    """Validate a simulator on some processes; writes `validation.html` and `validation.json` to `out`.

    Args:
        samples: one a process.
        simulator: run name and simulator.
        throws: of each event, for the distances of the targets; everything else is of the first.
        seed: of simulator and classifiers.
        allow_seen: take files that the weights were trained on; the document says so.
        monitor: given the name of a stage, a context whose value is called with what is done and in all.

    Raises:
        RunError: a file was trained on, see `held_out`; or the simulator is not one to validate here.
        FlashbenchError: see `gather`.
    """
    from flashbench.storage import write_json, write_text
    from flashbench.validation.flash.document import to_document
    from flashbench.validation.flash.page import render

    training = training_of(simulator[1])
    sources = [open_source(path) for each in samples for path in expand(each.files)]
    if not allow_seen:
        refuse_seen(training, sources)
    results = []
    for each in samples:
        with monitor(f"{simulator[0]} on {each.process}") as progress:
            gathered = gather(
                (each.process, each.label),
                simulator,
                each.files,
                each.fast,
                events=each.limit,
                throws=throws,
                seed=seed,
                progress=progress,
            )
        with monitor(f"measurements of {each.process}") as progress:
            results.append(measure_process(gathered, seed=seed, progress=progress))
    outcomes = judge(results)
    facts = {
        "name": simulator[0],
        "version": simulator[1].info.version,
        "throws": throws,
        "seed": seed,
        "training": training,
        "trained_on": seen(training, sources),
    }
    document = to_document(results, outcomes, facts)
    write_json(out / "validation.json", document)
    with monitor("figures") as progress:
        page = render(results, outcomes, document["provenance"], progress)
    write_text(out / "validation.html", page)
    return Validation(tuple(results), outcomes, document)
