"""Reconstructed objects of one sample laid beside those of another: what is measured, how it is judged, and the page.

What to use when: `validate` for everything; `read_objects` or `tables_of`, then `compare_objects`, for the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flashbench.validation.checks import TOLERANCES, Check, Tolerance
from flashbench.validation.comparison import ObjectComparison, Progress, compare_objects
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


def validate(
    sample: Sequence[str | Path],
    against: str | Path,
    out: Path,
    *,
    label: str,
    events: int | None = None,
    progress: Progress | None = None,
) -> ObjectComparison:
    """Compare files with a real one, and write `validation.json` to `out`.

    Args:
        sample: NanoAOD files, globs or addresses.
        against: the reference file.
        label: of the sample.
        events: of the sample, at most.
        progress: called with measurements done and in all.

    Raises:
        InputError: a file that cannot be read or holds no events.
        SchemaError: a file without generator or reconstructed columns.
    """
    from flashbench.storage import write_json
    from flashbench.validation.document import to_document

    reference = read_objects([against], Path(against).name)
    comparison = compare_objects(reference, read_objects(sample, label, events), progress=progress)
    write_json(out / "validation.json", to_document(comparison))
    return comparison
