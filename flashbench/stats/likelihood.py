"""Binned likelihoods of HistFactory workspaces, fitted many data sets at a time.

What to use when: `Likelihood.of` for the model of a workspace that `fit.workspace` made, `Likelihood.fit` for one data
set, a thousand toys, or as many bootstrap replicas of the templates; `fit.check_with_pyhf` to hold one against pyhf.

With samples s, bins i, signal strength μ and nuisance parameters θ of unit Gaussian constraint around a,

    λ_i = Σ_s μ^[s is signal] exp(Σ_m θ_m k_ms) (n_si + Σ_m θ_m d_msi),
    -2 ln L = 2 Σ_i [λ_i - x_i ln λ_i + ln Γ(x_i + 1)] + Σ_m (θ_m - a_m)²,

which is pyhf's for `normfactor` (μ), `normsys` with lo = 1/hi and `histosys` with symmetric variations. Minimised by
Fisher's scoring with analytic derivatives, all data sets at once: some hundred times as fast as one after another.

References:
    K. Cranmer et al., HistFactory, CERN-OPEN-2012-016; L. Heinrich et al., J. Open Source Softw. 6 (2021) 2823 (pyhf).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from flashbench.errors import StatisticsError

FloatArray = NDArray[np.float64]

_STEPS = 200
_HALVINGS = 30
_CONVERGED = 1e-9  # Newton decrement: distance to the minimum of -ln L
_SYMMETRIC = 1e-6  # relative


@dataclass(frozen=True, slots=True)
class FitResult:
    """Fits of several data sets.

    Attributes:
        names: of the parameters, the signal strength first.
        values, errors: shape (sets, parameters); errors from the curvature at the minimum, 0 where fixed.
        covariance: of the parameters, shape (sets, parameters, parameters).
        twice_nll: -2 ln L at the minimum, shape (sets,).
        converged: shape (sets,).
    """

    names: tuple[str, ...]
    values: FloatArray
    errors: FloatArray
    covariance: FloatArray
    twice_nll: FloatArray
    converged: NDArray[np.bool_]

    @property
    def strength(self) -> FloatArray:
        """μ̂, shape (sets,)."""
        return self.values[:, 0]

    @property
    def strength_error(self) -> FloatArray:
        """σ(μ̂), shape (sets,)."""
        return self.errors[:, 0]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A model with one signal strength.

    Attributes:
        names: of the parameters, the signal strength first, then the nuisance parameters.
        nominal: n, shape (samples, bins).
        signal: which samples the strength scales, shape (samples,).
        logarithms: k, shape (nuisances, samples).
        shifts: d, shape (nuisances, samples, bins).
    """

    names: tuple[str, ...]
    nominal: FloatArray
    signal: NDArray[np.bool_]
    logarithms: FloatArray
    shifts: FloatArray

    @classmethod
    def of(cls, workspace: Mapping[str, Any]) -> Likelihood:
        """Model of a workspace in pyhf's JSON, its channels one after another.

        Raises:
            StatisticsError: modifiers other than those above.
        """
        poi = workspace["measurements"][0]["config"]["poi"]
        channels: Sequence[Any] = workspace["channels"]
        samples = list(dict.fromkeys(s["name"] for channel in channels for s in channel["samples"]))
        modifiers = dict.fromkeys(
            m["name"] for c in channels for s in c["samples"] for m in s["modifiers"] if m["name"] != poi
        )
        number = {name: index for index, name in enumerate(modifiers)}
        widths = [len(channel["samples"][0]["data"]) for channel in channels]
        nominal = np.zeros((len(samples), sum(widths)))
        signal = np.zeros(len(samples), dtype=np.bool_)
        logarithms = np.zeros((len(number), len(samples)))
        shifts = np.zeros((len(number), len(samples), sum(widths)))
        start = 0
        for channel, width in zip(channels, widths, strict=True):
            bins = slice(start, start + width)
            for sample in channel["samples"]:
                row = samples.index(sample["name"])
                nominal[row, bins] = sample["data"]
                for modifier in sample["modifiers"]:
                    if modifier["name"] == poi:
                        signal[row] = True
                    elif modifier["type"] == "normsys":
                        logarithms[number[modifier["name"]], row] = _logarithm(modifier)
                    else:
                        shifts[number[modifier["name"]], row, bins] = _shift(modifier, nominal[row, bins])
            start += width
        return cls((poi, *number), nominal, signal, logarithms, shifts)

    def expected(self, values: ArrayLike | None = None, nominal: FloatArray | None = None) -> FloatArray:
        """λ at parameter values (sets, parameters), shape (sets, bins); None for μ = 1 and θ = 0.

        Args:
            nominal: templates in place of the model's, shape (sets, samples, bins).
        """
        points = self._start(1) if values is None else np.atleast_2d(np.asarray(values, dtype=np.float64))
        return self._rates(points, self.nominal if nominal is None else nominal)[0]

    def samples(self, values: ArrayLike) -> FloatArray:
        """What each sample contributes to λ at parameter values (sets, parameters), shape (sets, samples, bins)."""
        points = np.atleast_2d(np.asarray(values, dtype=np.float64))
        _, factors, contents = self._rates(points, self.nominal)
        return np.asarray((factors * np.where(self.signal, points[:, :1], 1.0))[..., np.newaxis] * contents)

    def fit(
        self,
        data: ArrayLike,
        *,
        centres: ArrayLike | None = None,
        strength: float | None = None,
        nominal: FloatArray | None = None,
    ) -> FitResult:
        """Minimum of -2 ln L for each data set.

        Args:
            data: contents x, whole or not, shape (sets, bins) or (bins,).
            centres: a, shape (sets, nuisances); None for zero.
            strength: μ, where it is fixed.
            nominal: templates in place of the model's for each set, shape (sets, samples, bins).

        Raises:
            StatisticsError: shapes that do not fit, or templates that expect nothing in a bin that has data.
        """
        x = np.atleast_2d(np.asarray(data, dtype=np.float64))
        if nominal is not None and len(x) == 1:
            x = np.repeat(x, len(nominal), axis=0)
        templates = self.nominal if nominal is None else nominal
        a = np.zeros((len(x), len(self.names) - 1)) if centres is None else np.asarray(centres, dtype=np.float64)
        if x.shape[1] != self.nominal.shape[1] or a.shape != (len(x), len(self.names) - 1):
            raise StatisticsError("likelihood", f"data {x.shape} and centres {a.shape} do not fit the model")
        values = self._start(len(x))
        if strength is not None:
            values[:, 0] = strength
        problem = _Problem(self, x, a, templates, strength is not None)
        empty = ~np.isfinite(problem.objective(values, np.arange(len(x))))
        if empty.any():
            where = f"data set {np.flatnonzero(empty)[0]}"
            raise StatisticsError("likelihood", f"expects nothing in a bin of {where}", "use wider bins")
        values, converged = problem.minimise(values)
        covariance = problem.covariance(values)
        errors = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
        objective = problem.objective(values, np.arange(len(x)))
        constant = 2 * gammaln(x + 1).sum(axis=1)
        return FitResult(self.names, values, errors, covariance, 2 * objective + constant, converged)

    def _start(self, sets: int) -> FloatArray:
        values = np.zeros((sets, len(self.names)))
        values[:, 0] = 1.0
        return values

    def _rates(self, values: FloatArray, nominal: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """λ (sets, bins), factors without μ (sets, samples), contents before factors (sets, samples, bins)."""
        nuisances = values[:, 1:]
        factors = np.exp(nuisances @ self.logarithms)
        contents = nominal + np.tensordot(nuisances, self.shifts, axes=(1, 0))
        scaled = factors * np.where(self.signal, values[:, :1], 1.0)
        return np.einsum("ks,ksi->ki", scaled, contents), factors, contents


@dataclass(frozen=True, slots=True)
class _Problem:
    model: Likelihood
    data: FloatArray
    centres: FloatArray
    nominal: FloatArray
    fixed: bool

    def _templates(self, sets: NDArray[np.intp]) -> FloatArray:
        return self.nominal if self.nominal.ndim == 2 else self.nominal[sets]

    def objective(self, values: FloatArray, sets: NDArray[np.intp]) -> FloatArray:
        """-ln L without its constant, infinite where a rate is not positive; `values` are of `sets` only."""
        rates = self.model._rates(values, self._templates(sets))[0]
        x = self.data[sets]
        allowed = (rates > 0) | ((rates == 0) & (x == 0))
        terms = rates - x * np.log(np.where(rates > 0, rates, 1.0))
        total = np.where(allowed.all(axis=1), terms.sum(axis=1), np.inf)
        return np.asarray(total + ((values[:, 1:] - self.centres[sets]) ** 2).sum(axis=1) / 2, dtype=np.float64)

    def minimise(self, values: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Parameters at the minimum from those given, and which fits converged; shape (fits, parameters), (fits,)."""
        values, converged = values.copy(), np.zeros(len(values), dtype=np.bool_)
        todo = np.arange(len(values))
        current = self.objective(values, todo)
        for _ in range(_STEPS):
            gradient, information, _ = self._derivatives(values[todo], todo)
            step = np.asarray(-np.linalg.solve(information, gradient[..., np.newaxis])[..., 0], dtype=np.float64)
            decrement = -np.einsum("kp,kp->k", gradient, step) / 2
            converged[todo] = decrement < _CONVERGED
            left = ~converged[todo]
            todo, step, decrement = todo[left], step[left], decrement[left]
            if not todo.size:
                break
            values[todo], current[todo] = self._descend(values[todo], step, current[todo], todo)
        return values, converged

    def _descend(
        self, start: FloatArray, step: FloatArray, before: FloatArray, sets: NDArray[np.intp]
    ) -> tuple[FloatArray, FloatArray]:
        """The step, halved where -ln L would rise."""
        values, after = start + step, self.objective(start + step, sets)
        length = np.ones(len(sets))
        for _ in range(_HALVINGS):
            worse = np.flatnonzero(~(after <= before))
            if not worse.size:
                break
            length[worse] /= 2
            values[worse] = start[worse] + length[worse, np.newaxis] * step[worse]
            after[worse] = self.objective(values[worse], sets[worse])
        stuck = ~(after <= before)
        values[stuck], after[stuck] = start[stuck], before[stuck]
        return values, after

    def covariance(self, values: FloatArray) -> FloatArray:
        """Inverse of the observed information; rows of a fixed strength are 0."""
        sets = np.arange(len(values))
        _, _, observed = self._derivatives(values, sets)
        inverse = np.asarray(np.linalg.inv(observed), dtype=np.float64)
        if self.fixed:
            inverse[:, 0, :] = inverse[:, :, 0] = 0.0
        return inverse

    def _derivatives(self, values: FloatArray, sets: NDArray[np.intp]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Gradient of -ln L, expected and observed information."""
        model = self.model
        rates, factors, contents = model._rates(values, self._templates(sets))
        scaled = factors * np.where(model.signal, values[:, :1], 1.0)
        safe = np.where(rates > 0, rates, np.inf)
        slopes = np.empty((len(sets), values.shape[1], rates.shape[1]))
        slopes[:, 0] = np.einsum("ks,ksi->ki", factors * model.signal, contents)
        weighted = scaled[..., np.newaxis] * contents
        slopes[:, 1:] = np.einsum("ms,ksi->kmi", model.logarithms, weighted)
        slopes[:, 1:] += np.einsum("ks,msi->kmi", scaled, model.shifts)
        residual = 1 - self.data[sets] / safe
        gradient = np.einsum("kpi,ki->kp", slopes, residual)
        gradient[:, 1:] += values[:, 1:] - self.centres[sets]
        expected = np.einsum("kpi,kqi->kpq", slopes / safe[:, np.newaxis], slopes)
        curved = slopes * (self.data[sets] / safe**2)[:, np.newaxis]
        observed = np.einsum("kpi,kqi->kpq", curved, slopes) + self._second(residual, factors, scaled, contents)
        constraint = np.diag(np.r_[0.0, np.ones(values.shape[1] - 1)])
        expected, observed = expected + constraint, observed + constraint
        if self.fixed:
            gradient[:, 0] = 0.0
            for matrix in (expected, observed):
                matrix[:, 0, :] = matrix[:, :, 0] = 0.0
                matrix[:, 0, 0] = 1.0
        return gradient, expected, observed

    def _second(
        self, residual: FloatArray, factors: FloatArray, scaled: FloatArray, contents: FloatArray
    ) -> FloatArray:
        """Σ_i (1 - x_i/λ_i) ∂²λ_i."""
        model = self.model
        inside = np.einsum("ksi,ki->ks", contents, residual)
        moved = np.einsum("msi,ki->kms", model.shifts, residual)
        matrix = np.zeros((len(residual), len(model.names), len(model.names)))
        k = model.logarithms
        cross = np.einsum("ks,kms,ns->kmn", scaled, moved, k)
        matrix[:, 1:, 1:] = np.einsum("ks,ks,ms,ns->kmn", scaled, inside, k, k) + cross + cross.transpose(0, 2, 1)
        own = factors * model.signal
        mixed = np.einsum("ks,ks,ms->km", own, inside, k) + np.einsum("ks,kms->km", own, moved)
        matrix[:, 0, 1:] = matrix[:, 1:, 0] = mixed
        return matrix


def _logarithm(modifier: Mapping[str, Any]) -> float:
    high, low = float(modifier["data"]["hi"]), float(modifier["data"]["lo"])
    if not (high > 0 and low > 0 and abs(high * low - 1) < _SYMMETRIC):
        raise StatisticsError("likelihood", f"'{modifier['name']}' is not symmetric: {high:g} and {low:g}", "lo = 1/hi")
    return float(np.log(high))


def _shift(modifier: Mapping[str, Any], nominal: FloatArray) -> FloatArray:
    if modifier["type"] != "histosys":
        raise StatisticsError("likelihood", f"modifier '{modifier['name']}' is a {modifier['type']}", "use pyhf")
    high, low = (np.asarray(modifier["data"][key], dtype=np.float64) for key in ("hi_data", "lo_data"))
    if np.abs(high + low - 2 * nominal).max() > _SYMMETRIC * np.abs(nominal).max():
        raise StatisticsError("likelihood", f"'{modifier['name']}' is not symmetric", "lo = 2 nominal - hi")
    return np.asarray((high - low) / 2, dtype=np.float64)
