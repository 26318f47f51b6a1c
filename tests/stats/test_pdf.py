"""The 1-to-1 pdf and its errors."""

from __future__ import annotations

import hist
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from flashbench.errors import StatisticsError
from flashbench.stats import density, density_of, mean_error


def filled(storage: object) -> hist.Hist:
    histogram = hist.Hist(hist.axis.Regular(2, 0, 2), storage=storage)
    return histogram.fill([0.5, 0.5, 1.5, -1, 7], weight=[1.0, 3.0, -2.0, 5.0, 1.0])


def test_pdf_is_the_sum_of_weights_over_that_of_generated_events():
    """Bin 0 holds weights 1 and 3, bin 1 holds -2; 16 were generated."""
    pdf = density_of(filled(hist.storage.Weight()), 16.0)
    assert_allclose(pdf.values, [4 / 16, -2 / 16])
    assert_allclose(pdf.errors, [np.sqrt(10) / 16, 2 / 16])


def test_under_and_overflow_are_given_on_demand():
    assert_allclose(density_of(filled(hist.storage.Weight()), 8.0, flow=True).values, [5 / 8, 4 / 8, -2 / 8, 1 / 8])


@given(scale=st.floats(-50, 50).filter(lambda c: abs(c) > 1e-3))
def test_a_factor_on_every_weight_leaves_the_pdf(scale):
    values, variances = np.array([4.0, -2.0]), np.array([10.0, 4.0])
    scaled = density(scale * values, scale**2 * variances, scale * 16)
    assert_allclose(scaled.values, density(values, variances, 16).values)
    assert_allclose(scaled.errors, density(values, variances, 16).errors)


def test_mean_error_is_the_mean_root_sum_of_squares():
    assert mean_error([4.0, 9.0, 1.0]) == 2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: density_of(filled(hist.storage.Double()), 1.0), "no variances"),
        (lambda: density([], [], 1.0), "do not fit"),
        (lambda: density([1.0], [1.0], 0.0), "add up to 0"),
        (lambda: density([1.0], [1.0], np.nan), "add up to nan"),
        (lambda: density([np.nan], [1.0], 1.0), "NaN"),
        (lambda: density([1.0], [-1.0], 1.0), "negative"),
        (lambda: mean_error([]), "empty"),
        (lambda: mean_error([-1.0]), "negative"),
    ],
)
def test_undefined_input_is_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()
