"""Reconstructed objects of one sample laid beside those of another: what is measured, how it is judged, and the page.

What to use when: `validate` for everything; `read_objects` or `tables_of`, then `compare_objects`, for the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from flashbench.progress import Monitor, Progress
from flashbench.validation.checks import TOLERANCES, Check, Tolerance
from flashbench.validation.comparison import ObjectComparison, compare_objects
from flashbench.validation.console import checks_table
from flashbench.validation.objects import Objects, ObjectTable, read_objects, tables_of

__all__ = [
    "TOLERANCES",
    "Check",
    "ObjectComparison",
    "ObjectTable",
    "Objects",
    "Tolerance",
    "checks_table",
    "compare_objects",
    "read_objects",
    "tables_of",
    "validate",
]


def _stage(monitor: Monitor | None, stage: str) -> AbstractContextManager[Progress | None]:
    return nullcontext() if monitor is None else monitor(stage)


def validate(
    sample: Sequence[str | Path],
    against: str | Path,
    out: Path,
    *,
    label: str,
    events: int | None = None,
    monitor: Monitor | None = None,
) -> ObjectComparison:
    """Compare files with a real one, and write `validation.html` and `validation.json` to `out`.

    Args:
        sample: NanoAOD files, globs or addresses.
        against: the reference file.
        label: of the sample.
        events: of the sample, at most.
        monitor: given the name of a stage, a context whose value is called with what is done and in all.

    Raises:
        InputError: a file that cannot be read or holds no events.
        SchemaError: a file without generator or reconstructed columns.
    """
    from flashbench.storage import write_json, write_text
    from flashbench.validation.document import to_document
    from flashbench.validation.page import render

    reference = read_objects([against], Path(against).name)
    objects = read_objects(sample, label, events)
    with _stage(monitor, "measurements") as progress:
        comparison = compare_objects(reference, objects, progress=progress)
    document = to_document(comparison)
    write_json(out / "validation.json", document)
    with _stage(monitor, "figures") as progress:
        page = render(comparison, document["provenance"], progress)
    write_text(out / "validation.html", page)
    return comparison
