"""Numbers as text, with as many digits as their error supports."""

from __future__ import annotations

import math

MISSING = "–"


def with_error(value: float | None, error: float | None) -> str:
    """`1.024 ± 0.013`: the error with two digits, the value to the same place."""
    if value is None:
        return MISSING
    if not error:
        return f"{value:.4g}"
    places = 1 - math.floor(math.log10(error))
    if -6 <= places - 2 <= 6 and abs(value) < 1e7:
        places = max(places, 0)
        return f"{value:.{places}f} ± {error:.{places}f}"
    return f"{value:.3g} ± {error:.2g}"


def probability(value: float | None) -> str:
    """A p-value: two digits, and a power of ten where it is small."""
    if value is None:
        return MISSING
    return f"{value:.2f}" if value >= 0.01 else f"{value:.1e}"


def sigmas(significance: float | None, resolved: bool | None = True) -> str:
    """A significance: none below zero, and `≥` where it is only known to be larger."""
    if significance is None:
        return MISSING
    return f"{'' if resolved else '≥ '}{max(significance, 0.0):.1f}σ"


def count(value: float) -> str:
    """Events: whole unless folds split them."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
