"""The four DeepJet scores and the probabilities behind them.

A jet's probabilities b, c, uds and g sum to one and NanoAOD stores B = b, CvB = c / (b + c), CvL = c / (c + uds + g),
QG = g / (uds + g). Four numbers of three degrees of freedom: c = B CvB / (1 − CvB), uds + g = c (1 / CvL − 1), so that

    S = B + c / CvL

is one but for rounding, and only B bends it: scaling B scales all four probabilities alike.

Functions take numpy arrays and torch tensors alike.

References:
    M. Wolf et al., SciPost Phys. Core 8 (2025) 021.
"""

from __future__ import annotations

from typing import Any, TypeVar

Array = TypeVar("Array", bound=Any)


def probability_sum(b: Array, cvb: Array, cvl: Array) -> Array:
    """S = b + c + uds + g of the scores, any shape; they must be inside (0, 1)."""
    total: Array = b * (1 + cvb / ((1 - cvb) * cvl))
    return total


def restored_b(b: Array, cvb: Array, cvl: Array, wanted: Array) -> Array:
    """The B that gives the sum `wanted` with these CvB and CvL."""
    restored: Array = b * (wanted / probability_sum(b, cvb, cvl))
    return restored
