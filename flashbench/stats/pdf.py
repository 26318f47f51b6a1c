"""Probability density of a weighted histogram, one entry for each generator event.

    pdf_i = Σ_{ev∈i} w / Σ w,    σ_i = √(Σ_{ev∈i} w²) / Σ w

The denominators run over the *generated* events, selected or not, so that a pdf sums to the efficiency of
the selection and two simulators of the same events share their denominator. Weights may be negative.

References:
    F. Vaselli et al., FlashSim prototype, CMS NOTE-2023/003.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flashbench.errors import StatisticsError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pdf:
    """Fraction of generated events in each bin, and its statistical error; shape (bins,)."""

    values: FloatArray
    errors: FloatArray


def density(values: ArrayLike, variances: ArrayLike, sum_weights: float) -> Pdf:
    """Pdf of bin contents.

    Args:
        values: Σ w in each bin, shape (bins,).
        variances: Σ w² in each bin, shape (bins,).
        sum_weights: Σ w of the generated events.

    Raises:
        StatisticsError: no bins, NaN, a negative variance, or generated events whose weights add up to
            nothing.
    """
    contents, squares = np.asarray(values, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if contents.size == 0 or contents.shape != squares.shape:
        raise StatisticsError("pdf", f"contents {contents.shape} and variances {squares.shape} do not fit")
    if not (np.isfinite(contents).all() and np.isfinite(squares).all()) or (squares < 0).any():
        raise StatisticsError("pdf", "contents or variances hold NaN, infinite or negative-variance bins")
    if not np.isfinite(sum_weights) or sum_weights == 0:
        raise StatisticsError("pdf", f"the weights of the generated events add up to {sum_weights}")
    return Pdf(contents / sum_weights, np.sqrt(squares) / abs(sum_weights))


def density_of(histogram: Any, sum_weights: float, *, flow: bool = False) -> Pdf:
    """Pdf of a `hist.Hist` with `Weight()` storage; with under- and overflow if `flow`.

    Raises:
        StatisticsError: a storage that does not keep Σ w², or see `density`.
    """
    variances = histogram.variances(flow=flow)
    if variances is None:
        raise StatisticsError("pdf", "the histogram keeps no variances", "fill it with storage hist.storage.Weight()")
    return density(histogram.values(flow=flow), variances, sum_weights)


def mean_error(variances: ArrayLike) -> float:
    """Mean over bins of √(Σ w²), the papers' "mean RSS": one number for how well a sample populates a
    histogram.

    Args:
        variances: Σ w² in each bin, shape (bins,).
    """
    squares = np.asarray(variances, dtype=np.float64)
    if squares.size == 0 or not np.isfinite(squares).all() or (squares < 0).any():
        raise StatisticsError("mean_error", "variances are empty, NaN or negative")
    return float(np.sqrt(squares).mean())
