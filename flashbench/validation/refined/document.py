"""The validation of a refiner as JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flashbench.provenance import describe, describe_input
from flashbench.storage import plain
from flashbench.validation.refined.checks import Outcome
from flashbench.validation.refined.measure import REPLICAS, SPLITS, KindResult, ProcessResult

SCHEMA_VERSION: Final = 1


def to_document(
    results: Sequence[ProcessResult], outcomes: Sequence[Outcome], simulator: Mapping[str, Any]
) -> dict[str, Any]:
    """The validation as JSON values.

    Args:
        simulator: run name, version, training.
    """
    content: dict[str, Any] = plain(
        {
            "schema": "flashbench.validation.refined",
            "version": SCHEMA_VERSION,
            "replicas": REPLICAS,
            "splits": SPLITS,
            "provenance": describe() | {"simulator": dict(simulator)},
            "passed": all(outcome.passed for outcome in outcomes),
            "checks": [_outcome(each) for each in outcomes],
            "processes": {each.gathered.process: _process(each) for each in results},
        }
    )
    return content


def _outcome(each: Outcome) -> dict[str, Any]:
    fields = ("process", "kind", "label", "value", "error", "limit", "fast", "refined", "verdict", "passed")
    return {name: getattr(each, name) for name in fields}


def _process(result: ProcessResult) -> dict[str, Any]:
    gathered = result.gathered
    return {
        "label": gathered.label,
        "events": gathered.events,
        "files": [describe_input(source) for source in gathered.sources],
        "counts": gathered.counts,
        "kinds": {name: _kind(each) for name, each in result.kinds.items()},
    }


def _kind(found: KindResult) -> dict[str, Any]:
    names = ("variable", "axis", "bin", "objects", "fast", "refined", "null")
    ratios = [
        {"name": r.name, "label": r.label, "fast": r.fast, "refined": r.refined, "ratio": r.value, "error": r.error}
        for r in found.ratios
    ]
    return {
        "objects": len(found.objects),
        "variables": list(found.objects.kind.names),
        "ratios": ratios,
        "discrepancies": [{name: getattr(each, name) for name in names} for each in found.discrepancies],
        "correlations": found.matrices,
        "roc_areas": {
            name: {side: each.area for side, each in curves.items()} for name, curves in found.curves.items()
        },
        "sum_of_probabilities": {side: {"mean": m, "spread": s} for side, (m, s) in found.sums.items()},
        "response": {
            "edges": found.response_edges,
            "sides": {side: {"median": m, "half_width": w} for side, (m, w) in found.response.items()},
        },
    }
