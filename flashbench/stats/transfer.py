"""The ratio method: a variation of full simulation, from full simulation of the reference and a fast simulator of both.

    VAR_full ≈ REF_full · VAR_sim / REF_sim, bin by bin

What to use when: `transfer` for the prediction, `close` for how it stands against the true VAR_full, `closures` for
that beside the two alternatives that cost less: no correction at all (REF_full), and the ratio of generator level.

REF_full and REF_sim share generator events, and in the closure VAR_full and VAR_sim do, so that much of their
fluctuations cancels; errors come from the contributions of each event (`joint`), its folds summed.

Warning:
    Errors are of first order, and a ratio is biased by up to the squared relative error of what is below the
    line: bins of REF_sim want some hundred effective events. REF and VAR must not share generator events.

References:
    F. Vaselli et al., FlashSim prototype, CMS NOTE-2023/003 (the method; its errors are an addition).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from flashbench.errors import StatisticsError
from flashbench.stats.distances import ChiSquare, chi_square
from flashbench.stats.joint import JointMoments

FloatArray = NDArray[np.float64]

_CANCELLED = 1e-18  # (content/error)² below which weights of both signs cancelled, and the rest is rounding
_ROUNDING = 1e-9  # relative


class BinState(StrEnum):
    """Why a bin has a prediction, or has none."""

    VALID = "valid"
    EMPTY_REFERENCE_FULL = "no events in REF_full"
    EMPTY_REFERENCE_SIM = "no events in REF_sim"
    EMPTY_VARIATION_SIM = "no events in VAR_sim"
    NEGATIVE_REFERENCE_FULL = "negative content in REF_full"
    NEGATIVE_REFERENCE_SIM = "negative content in REF_sim"
    NEGATIVE_VARIATION_SIM = "negative content in VAR_sim"
    EMPTY_VARIATION_FULL = "no events in VAR_full"  # in a closure only
    NEGATIVE_VARIATION_FULL = "negative content in VAR_full"


@dataclass(frozen=True, slots=True)
class Transfer:
    """A prediction of the pdf of VAR_full.

    Attributes:
        values, errors: shape (bins,); NaN in bins that are not valid.
        covariance: shape (bins, bins); NaN in rows and columns of bins that are not valid.
        states: why each bin is valid or not, shape (bins,).
    """

    values: FloatArray
    errors: FloatArray
    covariance: FloatArray
    states: tuple[BinState, ...]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Bins that have a prediction, shape (bins,)."""
        return np.array([state is BinState.VALID for state in self.states])


def transfer(reference: JointMoments, variation: JointMoments, sim: str = "sim", full: str = "full") -> Transfer:
    """Ratio method with its covariance.

    Args:
        reference: moments of REF, holding the histograms `full` and `sim` of the same events.
        variation: moments of VAR, holding `sim`, of events independent of the reference's.
        sim, full: names of the histograms.

    Raises:
        StatisticsError: a histogram is missing, different bins, or not one valid bin.
    """
    _same_bins(reference, variation)
    states = _states(
        (reference, full, BinState.EMPTY_REFERENCE_FULL, BinState.NEGATIVE_REFERENCE_FULL),
        (reference, sim, BinState.EMPTY_REFERENCE_SIM, BinState.NEGATIVE_REFERENCE_SIM),
        (variation, sim, BinState.EMPTY_VARIATION_SIM, BinState.NEGATIVE_VARIATION_SIM),
    )
    first, second = _slopes(reference, variation, sim, full)
    values = variation.pdf(sim) * second[sim]
    return _masked(values, reference.propagate(first) + variation.propagate(second), states)


@dataclass(frozen=True, slots=True)
class Closure:
    """A prediction against the truth.

    Attributes:
        truth: pdf of VAR_full, shape (bins,).
        ratio, ratio_errors: prediction over truth and its error, truth's included; NaN in bins that are not valid.
        chi_square: of the valid bins, with covariance.
        largest: largest |ratio - 1| of the valid bins.
        largest_bin: where it is.
        beyond_error: largest of |ratio - 1| less `simultaneous` errors; negative where the bins agree as a whole: the
            largest of 15 deviations is beyond one error by chance alone, nearly always.
    """

    prediction: Transfer
    truth: FloatArray
    ratio: FloatArray
    ratio_errors: FloatArray
    chi_square: ChiSquare
    largest: float
    largest_bin: int
    beyond_error: float


def close(
    reference: JointMoments, variation: JointMoments, sim: str | None = "sim", full: str = "full", truth: str = "full"
) -> Closure:
    """Closure of the ratio method, or with `sim=None` of using REF_full as it is.

    Args:
        reference: moments of REF, holding `full` and `sim`.
        variation: moments of VAR, holding `sim` and the truth, of the same events.
        sim: None for no correction.

    Raises:
        StatisticsError: see `transfer`.
    """
    _same_bins(reference, variation)
    measured = (variation, truth, BinState.EMPTY_VARIATION_FULL, BinState.NEGATIVE_VARIATION_FULL)
    base = reference.pdf(full)
    if sim is None:
        states = _states((reference, full, BinState.EMPTY_REFERENCE_FULL, BinState.NEGATIVE_REFERENCE_FULL), measured)
        one = np.ones(reference.bins)
        prediction = _masked(base, reference.propagate({full: one}), states)
        covariance = reference.propagate({full: one}) + variation.propagate({truth: -one})
    else:
        prediction = transfer(reference, variation, sim, full)
        further = _states(measured)
        states = tuple(b if a is BinState.VALID else a for a, b in zip(prediction.states, further, strict=True))
        prediction = _masked(prediction.values, prediction.covariance, states)
        first, second = _slopes(reference, variation, sim, full)
        slopes = {**second, truth: -np.ones(variation.bins) + (second[sim] if truth == sim else 0.0)}
        covariance = reference.propagate(first) + variation.propagate(slopes)
    own = np.diagonal(variation.propagate({truth: np.ones(variation.bins)}))
    return _compare(prediction, variation.pdf(truth), own, covariance)


def closures(
    reference: JointMoments, variation: JointMoments, sim: str = "sim", full: str = "full", gen: str | None = "gen"
) -> dict[str, Closure]:
    """Closure of the ratio method beside its baselines.

    Returns:
        Keys "ratio method", "no correction", and with `gen` "generator ratio", VAR_gen/REF_gen.
    """
    found = {
        "ratio method": close(reference, variation, sim, full, full),
        "no correction": close(reference, variation, None, full, full),
    }
    return found if gen is None else {**found, "generator ratio": close(reference, variation, gen, full, full)}


def _same_bins(reference: JointMoments, variation: JointMoments) -> None:
    if reference.bins != variation.bins:
        raise StatisticsError("transfer", f"REF has {reference.bins} bins, VAR {variation.bins}")


def _states(*histograms: tuple[JointMoments, str, BinState, BinState]) -> tuple[BinState, ...]:
    """First fault of each bin in the order given."""
    states = [BinState.VALID] * histograms[0][0].bins
    for moments, name, empty, negative in reversed(histograms):
        rows = moments.names.index(name) * moments.bins if name in moments.names else 0
        pdf = moments.pdf(name)
        variances = np.diagonal(moments.products)[rows : rows + moments.bins] / moments.sum_weights**2
        for number, (content, squares) in enumerate(zip(pdf, variances, strict=True)):
            if content**2 <= _CANCELLED * squares:
                states[number] = empty
            elif content < 0:
                states[number] = negative
    if BinState.VALID not in states:
        raise StatisticsError("transfer", f"no valid bin: {', '.join(sorted(set(states)))}", "use wider bins")
    return tuple(states)


def _slopes(
    reference: JointMoments, variation: JointMoments, sim: str, full: str
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Derivatives of REF_full · VAR_sim / REF_sim by the pdfs of REF and of VAR; 0 where REF_sim is empty."""
    above, below, varied = reference.pdf(full), reference.pdf(sim), variation.pdf(sim)
    safe = np.where(below == 0, np.inf, below)
    if full == sim:
        return {full: np.zeros(reference.bins)}, {sim: np.where(below == 0, 0.0, 1.0)}
    return {full: varied / safe, sim: -above * varied / safe**2}, {sim: above / safe}


def _masked(values: FloatArray, covariance: FloatArray, states: tuple[BinState, ...]) -> Transfer:
    bad = np.array([state is not BinState.VALID for state in states])
    matrix = np.where(bad[:, np.newaxis] | bad, np.nan, covariance)
    errors = np.sqrt(np.maximum(np.diagonal(matrix), 0.0))
    return Transfer(np.where(bad, np.nan, values), errors, matrix, states)


def _compare(prediction: Transfer, truth: FloatArray, own: FloatArray, covariance: FloatArray) -> Closure:
    """Closure from the truth, its own variances, and the covariance of prediction - truth."""
    valid = prediction.valid
    fixed = np.diagonal(covariance) <= _ROUNDING * (own + prediction.errors**2)  # copies of each other
    matrix = np.where(fixed[:, np.newaxis] | fixed, 0.0, covariance)
    equal = fixed & np.isclose(prediction.values, truth, rtol=_ROUNDING, atol=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(valid, np.where(equal, truth, prediction.values) / truth, np.nan)
        errors = np.where(valid, np.sqrt(np.diagonal(matrix)) / truth, np.nan)
    result = chi_square(np.where(equal, truth, prediction.values)[valid], truth[valid], matrix[np.ix_(valid, valid)])
    away = np.abs(ratio - 1)
    worst = int(np.nanargmax(away))
    beyond = float(np.nanmax(away - simultaneous(int(valid.sum())) * errors))
    return Closure(prediction, truth, ratio, errors, result, float(away[worst]), worst, beyond)


def simultaneous(bins: int, level: float = 0.6827) -> float:
    """Standard errors that none of `bins` independent deviations exceeds with probability `level`; 1 for one bin.

    Example:
        >>> round(simultaneous(15), 2)
        2.24
    """
    return float(norm.ppf((1 + level ** (1 / bins)) / 2))
