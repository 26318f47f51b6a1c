import math

import numpy as np
import pytest
import torch

from flashbench.simulators.refined import losses
from flashbench.simulators.refined.unitarity import probability_sum, restored_b


def normal(rows, columns, seed, shift=0.0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def usual_biased(x, y, width):
    """The estimator of the poster: all diagonals in."""
    means = [
        losses.gaussian(losses.squared_distances(a, b), torch.tensor(width)).mean() for a, b in ((x, x), (y, y), (x, y))
    ]
    return float(means[0] + means[1] - 2 * means[2])


def repeated(estimate, times=60):
    values = np.array([estimate(seed) for seed in range(times)])
    return values.mean(), values.std(ddof=1) / np.sqrt(times)


def test_mmd_of_identical_distributions_is_zero_within_its_error():
    def estimate(seed):
        return float(losses.mmd(normal(200, 3, seed), normal(200, 3, 1000 + seed), torch.tensor(1.5)))

    mean, error = repeated(estimate)
    assert abs(mean) < 4 * error
    assert error < 1e-3


def test_mmd_of_paired_samples_is_zero_where_keeping_the_cross_diagonal_is_biased():
    def samples(seed):
        truth = normal(200, 3, seed)
        return truth + 0.3 * normal(200, 3, 1000 + seed), truth + 0.3 * normal(200, 3, 2000 + seed)

    width = torch.tensor(1.5)
    mean, error = repeated(lambda seed: float(losses.mmd(*samples(seed), width)))
    assert abs(mean) < 4 * error

    def without_own_diagonals_only(seed):
        x, y = samples(seed)
        kernels = [losses.gaussian(losses.squared_distances(a, b), width) for a, b in ((x, x), (y, y), (x, y))]
        own = sum(float(k.sum() - k.diagonal().sum()) / (200 * 199) for k in kernels[:2])
        return own - 2 * float(kernels[2].mean())

    biased, its_error = repeated(without_own_diagonals_only)
    assert biased < -10 * its_error


def test_mmd_of_shifted_gaussians_is_the_analytic_value():
    shift, width, columns = 0.5, 1.2, 3

    def estimate(seed):
        return float(
            losses.mmd(normal(400, columns, seed), normal(400, columns, 1000 + seed, shift), torch.tensor(width))
        )

    mean, error = repeated(estimate)
    same = (width**2 / (width**2 + 2)) ** (columns / 2)
    expected = 2 * same * (1 - math.exp(-columns * shift**2 / (2 * (width**2 + 2))))
    assert abs(mean - expected) < 4 * error
    assert error < 0.05 * expected


def test_the_gradient_of_mmd_is_that_of_finite_differences():
    x, y = normal(12, 2, 1).requires_grad_(), normal(12, 2, 2)
    width = torch.tensor(0.9, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: losses.mmd(x, y, width, (0.5, 1.0)), (x,))
    codes = torch.tensor([0.0] * 6 + [5.0] * 6)
    assert torch.autograd.gradcheck(lambda x: losses.mmd_by_category(x, y, codes, (0, 5), width=width), (x,))


def test_gram_distances_are_those_of_differences():
    x, y = normal(40, 5, 1), normal(30, 5, 2)
    assert torch.allclose(losses.squared_distances(x, y), (x[:, None] - y[None]).square().sum(2), atol=1e-12)
    assert (losses.squared_distances(x.float(), x.float()) >= 0).all()


def test_a_kernel_of_several_scales_is_the_mean_of_its_parts():
    squared = losses.squared_distances(normal(10, 2, 1), normal(10, 2, 2))
    width = torch.tensor(2.0)
    parts = [losses.gaussian(squared, width * scale) for scale in (0.5, 1.0, 3.0)]
    assert torch.allclose(losses.gaussian(squared, width, (0.5, 1.0, 3.0)), torch.stack(parts).mean(0))


def test_widths_follow_the_sample():
    x = normal(1500, 2, 1)
    squared = torch.pdist(torch.cat([x, x + 1])).square()
    assert float(losses.adaptive_width(x, x + 1)) == pytest.approx(math.sqrt(float(squared.mean()) / 2), rel=1e-6)
    assert float(losses.median_width(x)) == pytest.approx(math.sqrt(float(torch.pdist(x).square().median()) / 2))
    assert float(losses.adaptive_width(3 * x, 3 * x)) == pytest.approx(3 * float(losses.adaptive_width(x, x)))


def test_conditional_mmd_sees_a_difference_that_the_marginal_one_cannot():
    parameters = normal(400, 1, 1)
    noise = 0.1 * normal(400, 1, 2)
    x, y = parameters + noise, -parameters + 0.1 * normal(400, 1, 3)
    width = torch.tensor(1.0)
    marginal = float(losses.mmd(x, y, width))
    joint = float(losses.mmd(losses.conditional(x, parameters), losses.conditional(y, parameters), width))
    assert abs(marginal) < 0.02
    assert joint > 0.1


def test_categories_are_compared_within_themselves_and_weighted_by_their_share():
    codes = torch.tensor([5.0] * 30 + [4.0] * 10 + [0.0] * 60)
    x, y = normal(100, 2, 1), normal(100, 2, 2, 0.5)
    width = torch.tensor(1.0)
    parts = {code: float(losses.mmd(x[codes == code], y[codes == code], width)) for code in (5, 4, 0)}
    share = float(losses.mmd_by_category(x, y, codes, (5, 4, 0), width=width))
    equal = float(losses.mmd_by_category(x, y, codes, (5, 4, 0), width=width, power=0.0))
    assert share == pytest.approx(0.3 * parts[5] + 0.1 * parts[4] + 0.6 * parts[0])
    assert equal == pytest.approx(sum(parts.values()) / 3)


def test_mmd_refuses_what_it_is_not_defined_for():
    with pytest.raises(ValueError, match="as many rows"):
        losses.mmd(normal(3, 2, 1), normal(4, 2, 2), torch.tensor(1.0))
    with pytest.raises(ValueError, match="at least two"):
        losses.mmd(normal(1, 2, 1), normal(1, 2, 2), torch.tensor(1.0))
    with pytest.raises(ValueError, match="none of the categories"):
        losses.mmd_by_category(normal(3, 2, 1), normal(3, 2, 2), torch.ones(3), (5,), width=torch.tensor(1.0))


def test_huber_is_quadratic_near_and_linear_far():
    zero = torch.zeros(1)
    assert float(losses.huber(torch.tensor([0.2]), zero, 0.5)) == pytest.approx(0.02)
    assert float(losses.huber(torch.tensor([2.0]), zero, 0.5)) == pytest.approx(0.5 * (2 - 0.25))
    assert float(losses.mse(torch.tensor([2.0]), zero)) == pytest.approx(4.0)


def test_scores_of_probabilities_have_unit_sum_and_restoring_b_gives_any():
    rng = np.random.default_rng(1)
    b, c, uds, g = rng.dirichlet([1, 1, 1, 1], 200).T
    scores = b, c / (b + c), c / (c + uds + g)
    assert np.allclose(probability_sum(*scores), 1)
    mean, spread = losses.unitarity(torch.logit(torch.tensor(np.column_stack([*scores, g / (uds + g)]))))
    assert abs(float(mean)) < 1e-3
    assert float(spread) < 1e-2
    bent = np.clip(b * 1.1, 0, 0.99)
    again = restored_b(bent, *scores[1:], np.full(200, 1.0))
    assert np.allclose(again, b)
