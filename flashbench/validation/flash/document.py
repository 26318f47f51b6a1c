"""`validation.json` of a learned simulator: every number, with where it comes from. What is undefined is null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flashbench.provenance import describe, describe_input
from flashbench.storage import plain
from flashbench.validation.flash.checks import Outcome
from flashbench.validation.flash.measure import REPLICAS, Curve, ProcessResult, Profile
from flashbench.validation.flash.planes import QUANTILES, PlaneResult
from flashbench.validation.flash.samples import KINDS
from flashbench.validation.flash.targets import SPLITS, TargetDistance

SCHEMA_VERSION: Final = 1
MISTAG_AT: Final = (0.5, 0.6, 0.7, 0.8, 0.9)


def to_document(
    results: Sequence[ProcessResult], outcomes: Sequence[Outcome], simulator: Mapping[str, Any]
) -> dict[str, Any]:
    """The validation as JSON values.

    Args:
        simulator: run name, version, seed, training.
    """
    content = {
        "schema": "flashbench.validation.flash",
        "version": SCHEMA_VERSION,
        "replicas": REPLICAS,
        "splits": SPLITS,
        "provenance": describe() | {"simulator": dict(simulator)},
        "passed": all(outcome.passed for outcome in outcomes),
        "checks": [_outcome(each) for each in outcomes],
        "processes": {each.gathered.process: _process(each) for each in results},
    }
    document: dict[str, Any] = plain(content)
    return document


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.requirement.name,
        "label": outcome.requirement.label,
        "process": outcome.process,
        "value": outcome.number.value,
        "null": outcome.number.null,
        "error": outcome.number.error,
        "which": outcome.number.which,
        "limit": outcome.limit,
        "at_least": outcome.requirement.at_least,
        "verdict": outcome.verdict,
        "passed": outcome.passed,
    }


def _process(result: ProcessResult) -> dict[str, Any]:
    gathered = result.gathered
    return {
        "label": gathered.label,
        "events": gathered.full.objects.n_events,
        "files": [describe_input(source) for source in gathered.sources],
        "repairs": gathered.repairs,
        "objects": {
            side.name: {"label": side.label}
            | {f"matched {kind}": len(side.matched[kind]) for kind in KINDS}
            | {name: len(table) for name, table in side.objects.tables.items()}
            for side in gathered.sides
        },
        "mean": {kind: {"standardised": result.mean_distance(kind), "null": result.mean_null(kind)} for kind in KINDS},
        "targets": [_target(each) for each in result.targets],
        "correlations": {
            kind: {
                "names": each.names,
                "distance": each.distance,
                "null": each.null,
                "full": each.full,
                "simulated": each.simulated,
            }
            for kind, each in result.correlations.items()
        },
        "classifier": {
            kind: {
                "objects": each.objects,
                "perceptron": {"area": each.area, "error": each.error},
                "logistic": {"area": each.quadratic, "error": each.quadratic_error, "p_value": each.p_value},
            }
            for kind, each in result.separations.items()
        },
        "contours": [_plane(each) for each in result.planes],
        "profiles": [_profile(each) for each in result.profiles],
        "rocs": [_curve(each) for each in result.curves],
        "fakes_an_event": {side: {"mean": each.mean, "error": each.error} for side, each in result.fakes.items()},
    }


def _target(target: TargetDistance) -> dict[str, Any]:
    return {
        "collection": target.kind,
        "name": target.name,
        "wasserstein": target.distance,
        "null": target.null,
        "halves": target.halves,
        "in_nulls": target.in_nulls,
        "spread": target.spread,
        "standardised": target.standardised,
        "standardised_null": target.standardised_null,
        "constant": target.constant,
        "strays": target.strays,
        "published": target.published,
        "objects": {"full": target.full, "simulated": target.simulated},
    }


def _plane(found: PlaneResult) -> dict[str, Any]:
    return {
        "name": found.plane.name,
        "label": found.plane.label,
        "quantiles": QUANTILES,
        "held": found.held,
        "expected": found.expected,
    }


def _profile(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.quantity.name,
        "label": profile.quantity.label,
        "edges": profile.quantity.edges,
        "sides": {name: {"value": each.value, "error": each.error} for name, each in profile.sides.items()},
    }


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        "name": curve.roc.name,
        "label": curve.roc.label,
        "sides": {
            name: each
            and {
                "area": each.area,
                "error": curve.errors[name],
                "background_at": {at: each.background_at(at) for at in MISTAG_AT},
            }
            for name, each in curve.sides.items()
        },
    }
