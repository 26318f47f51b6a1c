"""A learned simulator held against the full simulation that it learned from, object by object.

The same generator events go through both. What the networks predict (the targets, as they are learned) is compared one
by one, together, and in dependence on what they are told; taggers, response, efficiencies and fakes follow.

What to use when: `validate_flash` for everything; `gather` then `measure_process` for the numbers of one process.
"""

from flashbench.validation.flash.checks import REQUIREMENTS, Outcome, Requirement, judge
from flashbench.validation.flash.console import outcomes_table
from flashbench.validation.flash.measure import ProcessResult, measure_process
from flashbench.validation.flash.samples import Gathered, Side, gather
from flashbench.validation.flash.validate import Validation, validate_flash

__all__ = [
    "REQUIREMENTS",
    "Gathered",
    "Outcome",
    "ProcessResult",
    "Requirement",
    "Side",
    "Validation",
    "gather",
    "judge",
    "measure_process",
    "outcomes_table",
    "validate_flash",
]
