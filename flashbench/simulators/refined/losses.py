"""Losses of the refiner, in the space of `variables`.

What to use when: `mmd` compares ensembles and is the primary loss, since fast and full jets of the same generator jet
fluctuate independently; `mse` and `huber` compare jet by jet and pull towards the conditional mean; `unitarity` says
how far the four scores are from probabilities. `training.refined` combines them.

This module imports torch: nothing that a run needs imports it.

References:
    A. Gretton et al., JMLR 13 (2012) 723, lemma 6 (unbiased estimator).
    S. Bein et al., EPJ Web Conf. 295 (2024) 09032; M. Wolf et al., SciPost Phys. Core 8 (2025) 021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from flashbench.simulators.refined.unitarity import probability_sum
from flashbench.simulators.refined.variables import SCORE_RANGE

SINGLE: Final = (1.0,)
"""Kernel of one width."""
FEWEST: Final = 2
"""Rows that an MMD needs."""


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i − y_j|², shape (rows of x, rows of y), by the Gram matrix: one matrix product in place of a difference each.

    Args:
        x, y: shape (rows, columns).
    """
    gram = x @ y.T
    return (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * gram).clamp_min(0)


def gaussian(squared: Tensor, width: Tensor, scales: Sequence[float] = SINGLE) -> Tensor:
    """Mean of the Gaussian kernels exp(−d² / 2σ²) of the widths `width` × `scales`, of squared distances.

    Args:
        squared: any shape.
        width: scalar.
        scales: at least one.
    """
    exponent = squared / (-2 * width.square())
    kernel = torch.exp(exponent / scales[0] ** 2)
    for scale in scales[1:]:
        kernel = kernel + torch.exp(exponent / scale**2)
    return kernel / len(scales) if len(scales) > 1 else kernel


def mmd(x: Tensor, y: Tensor, width: Tensor, scales: Sequence[float] = SINGLE) -> Tensor:
    """Squared maximum mean discrepancy of two samples, unbiased also where row i of x and of y belong together.

    The mean over i ≠ j of k(x_i, x_j) + k(y_i, y_j) − k(x_i, y_j) − k(y_i, x_j). All three diagonals are left out: with
    pairs, k(x_i, y_i) is of dependent samples and would bias the usual estimator downwards by more than the effects
    that are looked for.

    Args:
        x, y: shape (rows, columns), as many rows each.
        width: of the kernel, scalar.
        scales: multiples of it that are averaged.

    Returns:
        A scalar, 0 on average where the distributions are the same; single values may be negative.

    Raises:
        ValueError: unequal shapes, or fewer than two rows.

    Warning:
        A loss, not a distance to quote: its value depends on width and batch.
    """
    if x.shape != y.shape or len(x) < FEWEST:
        raise ValueError(f"samples of shapes {tuple(x.shape)} and {tuple(y.shape)}: need as many rows, at least two")
    of_x, of_y, cross = (
        _off_diagonal(gaussian(squared_distances(left, right), width, scales))
        for left, right in ((x, x), (y, y), (x, y))
    )
    return (of_x + of_y - 2 * cross) / (len(x) * (len(x) - 1))


def _off_diagonal(kernel: Tensor) -> Tensor:
    return kernel.sum() - kernel.diagonal().sum()


def mmd_by_category(
    x: Tensor,
    y: Tensor,
    categories: Tensor,
    codes: Sequence[int],
    *,
    width: Tensor,
    scales: Sequence[float] = SINGLE,
    power: float = 1.0,
) -> Tensor:
    """MMD within each category, weighted: conditional on it, and cheaper than one kernel over all rows.

    Args:
        x, y: shape (rows, columns).
        categories: code of each row of both, shape (rows,).
        codes: those that count; a category with fewer than two rows is left out.
        width, scales: see `mmd`.
        power: a category weighs (its share of the rows) ** `power`: 1 for its share, 0 for equal weights.

    Raises:
        ValueError: no category has two rows.
    """
    total, weights = x.new_zeros(()), 0.0
    for code in codes:
        rows = torch.nonzero(categories == code)[:, 0]
        if len(rows) >= FEWEST:
            weight = (len(rows) / len(x)) ** power
            total = total + weight * mmd(x[rows], y[rows], width, scales)
            weights += weight
    if not weights:
        raise ValueError(f"none of the categories {tuple(codes)} has two rows")
    return total / weights


def adaptive_width(x: Tensor, y: Tensor) -> Tensor:
    """Width from the batch: √(mean squared distance of its rows / 2), without gradient; scalar.

    The mean over all pairs is twice the summed variance of the columns.
    """
    with torch.no_grad():
        return torch.cat([x, y]).var(0, unbiased=True).sum().sqrt()


def median_width(y: Tensor, rows: int = 2048) -> Tensor:
    """Width fixed before training: √(median squared distance / 2) of the first `rows` of a shuffled sample; scalar."""
    return (torch.pdist(y[:rows]).square().median() / 2).sqrt()


def conditional(values: Tensor, parameters: Tensor) -> Tensor:
    """Values with the parameters that they depend on appended: an MMD of these is one of the joint distributions."""
    return torch.cat([values, parameters], 1)


def mse(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared difference, row by row."""
    return torch.nn.functional.mse_loss(x, y)


def huber(x: Tensor, y: Tensor, delta: float = 0.5) -> Tensor:
    """Mean Huber loss, row by row: quadratic within `delta`, linear beyond."""
    return torch.nn.functional.huber_loss(x, y, delta=delta)


def unitarity(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of S − 1 and root mean square of it around its mean, S the sum of the probabilities.

    Args:
        logits: of B, CvB, CvL, QG; shape (rows, 4).
    """
    scores = torch.sigmoid(logits).clamp(*SCORE_RANGE)
    excess = probability_sum(scores[:, 0], scores[:, 1], scores[:, 2]) - 1
    return excess.mean(), excess.std(unbiased=False)
