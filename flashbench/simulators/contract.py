"""The checks that every simulator's output passes before the analysis sees it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import awkward as ak
import numpy as np

from flashbench.errors import SchemaError, SimulationError
from flashbench.events import ANALYSIS_BRANCHES, BRANCHES, Branch, check_finite, first_bad_event
from flashbench.simulators.protocol import SimulatorInfo

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
    if not isinstance(output, ak.Array):
        raise SimulationError(where, f"simulate returned {type(output).__name__}, not an awkward Array of events")
    if len(output) != events:
        raise SimulationError(
            where, f"simulate got {events} events and returned {len(output)}", "return one row an event"
        )
    return ak.zip({name: _collection(info, output, name, where, needed) for name in ("Muon", "Jet")}, depth_limit=1)


def _collection(info: SimulatorInfo, output: ak.Array, name: str, where: str, needed: Collection[str]) -> ak.Array:
    if name not in output.fields:
        raise SchemaError(where, name, "collection missing from the output", "return events with fields Muon and Jet")
    objects = output[name]
    if objects.ndim != 2 or not objects.fields:
        raise SchemaError(where, name, "is not a list of records for each event", "ak.zip the columns of jagged arrays")
    if ak.any(ak.is_none(objects, axis=0)):
        raise SchemaError(where, name, "has missing values (None) in place of a list", "use an empty list")
    fields = {}
    for declared in (b for b in BRANCHES.values() if b.collection == name):
        if declared.field in objects.fields:
            fields[declared.field] = _column(objects[declared.field], declared, where)
        elif declared.name not in needed:
            continue
        elif declared.name in info.provides:
            raise SchemaError(where, declared.name, "announced in info.provides and not in the output")
        elif declared.neutral is None:
            raise SchemaError(where, declared.name, "missing from the output", "it has no neutral value: fill it")
        else:
            fields[declared.field] = ak.full_like(objects["pt"], declared.neutral, dtype=declared.memory_dtype)
    return ak.zip(fields)


def _column(values: ak.Array, declared: Branch, where: str) -> ak.Array:
    try:
        flat = np.asarray(ak.flatten(values, axis=None))
    except ValueError as error:
        raise SchemaError(where, declared.name, "is not numeric", f"expected {declared.dtype}") from error
    if flat.dtype.kind not in "fiub" or values.ndim != 2 or ak.any(ak.is_none(values, axis=1)):
        raise SchemaError(where, declared.name, f"is {values.type.content}", f"expected a list of {declared.dtype}")
    memory = declared.memory_dtype
    if memory.kind in "iu" and flat.dtype.kind == "f" and not np.array_equal(flat, np.rint(flat)):
        raise SchemaError(where, declared.name, "holds fractions", f"expected {declared.dtype}: round it")
    check_finite(values, declared.name, where)
    _check_range(values, declared, where)
    return ak.values_astype(values, memory)


def _check_range(values: ak.Array, declared: Branch, where: str) -> None:
    rules = {
        "pt": (values < 0, "is negative", "GeV, ≥ 0"),
        "phi": (abs(values) > _PHI_LIMIT, "is outside (−π, π]", "wrap it"),
        "charge": (abs(values) != 1, "is not ±1", "give the sign of the charge"),
    }
    if declared.field not in rules:
        return
    bad, problem, hint = rules[declared.field]
    event = first_bad_event(bad)
    if event is not None:
        raise SchemaError(where, declared.name, f"{problem} in event {event} of the block", hint)
