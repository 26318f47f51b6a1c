"""Contours of a two-dimensional histogram that hold a given part of its content."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flashbench.errors import StatisticsError

FloatArray = NDArray[np.float64]

QUANTILES = (0.5, 0.9, 0.99)


def content_levels(contents: ArrayLike, quantiles: Sequence[float] = QUANTILES, areas: ArrayLike = 1.0) -> FloatArray:
    """Density above which the bins hold each part of the content: the smallest regions that do.

    Args:
        contents: of the bins, not negative, any shape.
        quantiles: parts of the content, in (0, 1].
        areas: of the bins, where they differ; broadcast to the contents.

    Returns:
        Levels of contents/areas in the order of the quantiles, shape (quantiles,). The bins at or above a level hold
        the quantile or, contents coming in bins, a little more.

    Raises:
        StatisticsError: an empty histogram, NaN, a negative bin, or a quantile out of range.

    References:
        R. J. Hyndman, Am. Stat. 50 (1996) 120 (highest density regions).
    """
    content = np.asarray(contents, dtype=np.float64)
    area = np.broadcast_to(np.asarray(areas, dtype=np.float64), content.shape)
    parts = np.asarray(quantiles, dtype=np.float64)
    if not (np.isfinite(content).all() and np.isfinite(area).all() and (area > 0).all()):
        raise StatisticsError("contours", "contents or areas hold NaN, infinite or empty values")
    if (content < 0).any():
        raise StatisticsError("contours", "a bin is negative", "use wider bins")
    if not content.sum() > 0:
        raise StatisticsError("contours", "the histogram is empty")
    if not ((parts > 0) & (parts <= 1)).all():
        raise StatisticsError("contours", f"quantiles {parts.tolist()} are not in (0, 1]")
    density = (content / area).ravel()
    order = np.argsort(-density, kind="stable")
    held = np.cumsum(content.ravel()[order]) / content.sum()
    last = np.searchsorted(held, parts * (1 - 1e-12))
    return np.asarray(density[order][np.minimum(last, held.size - 1)])
