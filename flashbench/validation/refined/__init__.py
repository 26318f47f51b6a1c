"""Refined fast simulation held against full simulation, object by object, with fast simulation beside it.

What to use when: `validate_refined` for everything; `gather` then `measure_kind` for the numbers of one process.
"""

from flashbench.validation.refined.checks import Outcome, judge
from flashbench.validation.refined.gather import Gathered, Objects, gather
from flashbench.validation.refined.measure import KindResult, ProcessResult, measure_kind
from flashbench.validation.refined.validate import Sample, Validation, validate_refined

__all__ = [
    "Gathered",
    "KindResult",
    "Objects",
    "Outcome",
    "ProcessResult",
    "Sample",
    "Validation",
    "gather",
    "judge",
    "measure_kind",
    "validate_refined",
]
