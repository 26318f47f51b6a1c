"""What folds gain: the errors that a set with N folds would have with n, its plateau, and the effective sample size.

What to use when: `expected_variances` and `mean_error_at` for curves against the number of folds, `gain` for the one
number that is published, `plateau` for where more folds stop helping.

With π_i the probability that a fold of an event falls into bin i, the variance of the contents with n folds is

    Σ_ev w² [π_i² + π_i (1 - π_i) / n],

a part between the events, that no fold removes, and a part within. Both have unbiased estimates from N ≥ 2 folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flashbench.errors import StatisticsError
from flashbench.stats.folds import FoldedHistogram
from flashbench.stats.pdf import mean_error

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Components:
    """Covariance of the contents: between events, and within them for one fold; each shape (bins, bins)."""

    between: FloatArray
    within: FloatArray


def components(histogram: FoldedHistogram) -> Components:
    """Parts of the covariance of Σ w p_i, unbiased; `between` may come out negative where it is compatible with 0.

    Raises:
        StatisticsError: one fold an event, which cannot tell the two apart; events that lack folds.
    """
    folds = histogram.folds
    if folds < 2:
        raise StatisticsError("upsampling", "one fold an event says nothing of others", "fill two or more folds")
    products = histogram.products
    spread = np.diag(histogram.single_fold_variances) - products
    return Components(products - spread / (folds - 1), spread * (folds / (folds - 1)))


def expected_covariance(histogram: FoldedHistogram, folds: int) -> FloatArray:
    """Covariance of the contents that the same generator events would have with `folds` folds, shape (bins, bins).

    At the folds of the histogram it is the histogram's own, at fewer positive semi-definite; at more, an extrapolation.
    """
    if folds < 1:
        raise StatisticsError("upsampling", f"{folds} folds an event", "want one or more")
    if folds == 1:
        return np.diag(histogram.single_fold_variances)
    if folds == histogram.folds:
        return histogram.products
    parts = components(histogram)
    return parts.between + parts.within / folds


def expected_variances(histogram: FoldedHistogram, folds: int) -> FloatArray:
    """Variances of the contents expected with `folds` folds, in the shape of the bins."""
    return np.diagonal(expected_covariance(histogram, folds)).reshape(histogram.binning.shape)


def mean_error_at(histogram: FoldedHistogram, folds: int) -> float:
    """Mean over bins of √(Σ w² p²), the papers' "mean RSS", expected with `folds` folds."""
    return mean_error(np.maximum(expected_variances(histogram, folds), 0.0))


def plateau(histogram: FoldedHistogram) -> float:
    """Mean RSS with infinitely many folds; bins whose part between events is compatible with zero count as zero."""
    return mean_error(np.maximum(np.diagonal(components(histogram).between), 0.0))


@dataclass(frozen=True, slots=True)
class Gain:
    """What the folds of a histogram gained over one.

    Attributes:
        mean_error: mean RSS with one fold over that with all: 2.3 is published for a network score with 25.
        entries: factor on the effective number of events of each bin, in the shape of the bins; NaN where empty.
    """

    mean_error: float
    entries: FloatArray


def gain(histogram: FoldedHistogram) -> Gain:
    """Gain of all folds over one, of the same generator events.

    Raises:
        StatisticsError: an empty histogram, or events that lack folds.
    """
    many, one = histogram.variances, expected_variances(histogram, 1)
    if not many.any():
        raise StatisticsError("gain", "the histogram is empty")
    entries = np.divide(one, many, out=np.full(many.shape, np.nan), where=many > 0)
    return Gain(mean_error(one) / mean_error(many), entries)
