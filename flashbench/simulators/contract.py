"""The checks that every simulator's output passes before the analysis sees it.

What to use when: `check_output` for all of them at once; `check_length`, `branches_of`, `check_type`, `check_range` for
one at a time, as `flashbench.testing` does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import awkward as ak
import numpy as np

from flashbench.errors import SchemaError, SimulationError
from flashbench.events import ANALYSIS_BRANCHES, BRANCHES, Branch, check_finite, first_bad_event
from flashbench.simulators.protocol import SimulatorInfo

COLLECTIONS = ("Muon", "Jet")
_PHI_LIMIT = np.pi + 4e-3  # NanoAOD stores phi with a reduced mantissa: the last step may exceed pi


def check_output(
    info: SimulatorInfo, output: Any, events: int, where: str, needed: Collection[str] = ANALYSIS_BRANCHES
) -> ak.Array:
    """Hold a simulator's output against the schema; fill optional branches it does not provide.

    Args:
        info: the simulator's own description.
        output: what `simulate` returned.
        events: number of events it was given.
        where: simulator, process and entries, for messages.
        needed: branches that must come out: provided by the simulator, or filled with their neutral value.

    Returns:
        Shape (events,) with `Muon` and `Jet`, declared branches in their memory types, undeclared ones dropped.

    Raises:
        SimulationError: not an array of as many events as went in.
        SchemaError: a collection or branch is missing, of the wrong kind, not finite or out of its physical range.
    """
    check_length(output, events, where)
    collections: dict[str, dict[str, ak.Array]] = {name: {} for name in COLLECTIONS}
    for declared, values in branches_of(info, output, where, needed):
        check_type(values, declared, where)
        check_finite(values, declared.name, where)
        check_range(values, declared, where)
        collections[declared.collection][declared.field] = ak.values_astype(values, declared.memory_dtype)
    return ak.zip({name: ak.zip(fields) for name, fields in collections.items()}, depth_limit=1)


def check_length(output: Any, events: int, where: str) -> None:
    """Refuse what is not an array of as many events as went in.

    Raises:
        SimulationError: names what came instead.
    """
    if not isinstance(output, ak.Array):
        raise SimulationError(where, f"simulate returned {type(output).__name__}, not an awkward Array of events")
    if len(output) != events:
        raise SimulationError(
            where, f"simulate got {events} events and returned {len(output)}", "return one row an event"
        )


def branches_of(
    info: SimulatorInfo, output: ak.Array, where: str, needed: Collection[str] = ANALYSIS_BRANCHES
) -> Iterator[tuple[Branch, ak.Array]]:
    """Declared branches of an output with their values, needed ones that it does not provide at their neutral value.

    Raises:
        SchemaError: a collection is missing or no list of records for each event, or a branch is missing.
    """
    for name in COLLECTIONS:
        if name not in output.fields:
            raise SchemaError(
                where, name, "collection missing from the output", "return events with fields Muon and Jet"
            )
        objects = output[name]
        if objects.ndim != 2 or not objects.fields:
            hint = "ak.zip the columns of jagged arrays"
            raise SchemaError(where, name, "is not a list of records for each event", hint)
        if ak.any(ak.is_none(objects, axis=0)):
            raise SchemaError(where, name, "has missing values (None) in place of a list", "use an empty list")
        for declared in (b for b in BRANCHES.values() if b.collection == name):
            if declared.field in objects.fields:
                yield declared, objects[declared.field]
            elif declared.name not in needed:
                continue
            elif declared.name in info.provides:
                raise SchemaError(where, declared.name, "announced in info.provides and not in the output")
            elif declared.neutral is None:
                raise SchemaError(where, declared.name, "missing from the output", "it has no neutral value: fill it")
            else:
                yield declared, ak.full_like(objects["pt"], declared.neutral, dtype=declared.memory_dtype)


def check_type(values: ak.Array, declared: Branch, where: str) -> None:
    """Refuse a branch that is not a list of numbers for each event, or holds fractions where integers belong.

    Raises:
        SchemaError: names the branch and the type that was expected.
    """
    try:
        flat = np.asarray(ak.flatten(values, axis=None))
    except ValueError as error:
        raise SchemaError(where, declared.name, "is not numeric", f"expected {declared.dtype}") from error
    if flat.dtype.kind not in "fiub" or values.ndim != 2 or ak.any(ak.is_none(values, axis=1)):
        raise SchemaError(where, declared.name, f"is {values.type.content}", f"expected a list of {declared.dtype}")
    whole = declared.memory_dtype.kind in "iu"
    if whole and flat.dtype.kind == "f" and not np.array_equal(flat, np.rint(flat), equal_nan=True):
        raise SchemaError(where, declared.name, "holds fractions", f"expected {declared.dtype}: round it")


def check_range(values: ak.Array, declared: Branch, where: str) -> None:
    """Refuse a negative pT, an azimuth that is not wrapped, a charge other than ±1.

    Raises:
        SchemaError: names the branch and the first offending event of the block.
    """
    match declared.field:
        case "pt":
            bad, problem, hint = values < 0, "is negative", "GeV, ≥ 0"
        case "phi":
            bad, problem, hint = abs(values) > _PHI_LIMIT, "is outside (−π, π]", "wrap it"
        case "charge":
            bad, problem, hint = abs(values) != 1, "is not ±1", "give the sign of the charge"
        case _:
            return
    event = first_bad_event(bad)
    if event is not None:
        raise SchemaError(where, declared.name, f"{problem} in event {event} of the block", hint)
