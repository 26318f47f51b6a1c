"""`validation.json`: every number of a comparison, with where it comes from."""

from __future__ import annotations

from typing import Any, Final

from flashbench.provenance import describe, describe_input
from flashbench.storage import plain
from flashbench.validation.checks import Check
from flashbench.validation.comparison import Curves, ObjectComparison, Spectra
from flashbench.validation.measures import REPLICAS, SPLITS, Compared, Measured
from flashbench.validation.objects import Objects

SCHEMA_VERSION: Final = 1
_MISTAG_AT: Final = (0.5, 0.6, 0.7, 0.8, 0.9)


def to_document(comparison: ObjectComparison) -> dict[str, Any]:
    """The comparison as JSON values; what is undefined is null."""
    numbers = [each for each in comparison.quantities if not each.quantity.edges]
    profiles = [each for each in comparison.quantities if each.quantity.edges]
    return {
        "schema": "flashbench.validation",
        "version": SCHEMA_VERSION,
        "replicas": REPLICAS,
        "splits": SPLITS,
        "provenance": describe() | {"reference": _sample(comparison.reference), "sample": _sample(comparison.sample)},
        "passed": all(check.passed for check in comparison.checks),
        "checks": [_check(check) for check in comparison.checks],
        "numbers": [_number(each) for each in numbers],
        "profiles": [_profile(each) for each in profiles],
        "distributions": [_distribution(each) for each in comparison.spectra],
        "rocs": [_roc(each) for each in comparison.curves],
        "left_out": {name: list(branches) for name, branches in comparison.left_out},
    }


def _measured(measured: Measured) -> dict[str, Any]:
    return {"value": plain(measured.value), "error": plain(measured.error)}


def _sample(objects: Objects) -> dict[str, Any]:
    return {
        "label": objects.label,
        "events": objects.n_events,
        "objects": {name: len(table) for name, table in objects.tables.items()},
        "matched_jets": int(objects.tables["jets"]["matched"].sum()),
        "matched_muons": int(objects.tables["muons"]["matched"].sum()),
        "repairs": dict(objects.repairs),
        "absent": sorted(objects.absent),
        "files": [describe_input(source) for source in objects.sources],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "quantity": check.quantity,
        "label": check.label,
        "reference": plain(check.reference),
        "reference_error": plain(check.reference_error),
        "measured": plain(check.measured),
        "error": plain(check.error),
        "difference": plain(check.difference),
        "floor": plain(check.floor),
        "tolerance": check.tolerance.allowed,
        "relative": check.tolerance.relative,
        "allowed": plain(check.allowed),
        "verdict": check.verdict,
        "passed": check.passed,
    }


def _number(compared: Compared) -> dict[str, Any]:
    return {
        "name": compared.quantity.name,
        "label": compared.quantity.label,
        "group": compared.quantity.group,
        "reference": _measured(compared.reference),
        "measured": _measured(compared.measured),
        "floor": plain(compared.floor),
    }


def _profile(compared: Compared) -> dict[str, Any]:
    return _number(compared) | {"edges": list(compared.quantity.edges)}


def _distribution(spectra: Spectra) -> dict[str, Any]:
    return {
        "name": spectra.distribution.name,
        "label": spectra.distribution.label,
        "unit": spectra.distribution.unit,
        "group": spectra.distribution.group,
        "wasserstein": plain(spectra.distance),
        "floor": plain(spectra.floor),
        "in_floors": plain(spectra.in_floors),
        "standardised": plain(spectra.in_spreads),
        "spread": plain(spectra.spread),
        "entries": {"reference": len(spectra.reference), "measured": len(spectra.measured)},
    }


def _roc(curves: Curves) -> dict[str, Any]:
    sides = {"reference": curves.reference, "measured": curves.measured}
    return {
        "name": curves.roc.name,
        "label": curves.roc.label,
        **{
            side: curve
            and {
                "area": curve.area,
                "background_at": {str(at): curve.background_at(at) for at in _MISTAG_AT},
            }
            for side, curve in sides.items()
        },
    }
