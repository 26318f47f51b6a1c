"""Signal strength from binned templates: workspaces in pyhf's JSON, expected significance and limit, toys, binning.

What to use when: `workspace` for the model of one set of templates, `Likelihood.of` it for fits, `significance` and
`expected_limit` for what it can see, `toys` for pseudo-data, `check_with_pyhf` to hold all that against pyhf, and
`automatic_edges` for bins that are filled well enough.

Template errors: the covariance of each template, that of its generator events with their folds summed, is added up over
samples and split into its principal axes, one nuisance parameter each. Without folds these are the bins, and the model
is that of `staterror`; with folds bins are correlated, and one parameter a bin would count too little.

References:
    R. Barlow, C. Beeston, Comput. Phys. Commun. 77 (1993) 219; J. S. Conway, PHYSTAT 2011 (template errors, here one
    parameter for all samples). G. Cowan et al., Eur. Phys. J. C 71 (2011) 1554 (asymptotic significance and limit).
    A. L. Read, J. Phys. G 28 (2002) 2693 (CLs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from flashbench.errors import StatisticsError
from flashbench.stats.likelihood import Likelihood

FloatArray = NDArray[np.float64]

POI: Final = "mu"
_BOUNDS: Final = (-10.0, 30.0)
_FLAT: Final = 1e-10  # variance of an axis relative to the smallest bin's, below which it is rounding
_CLS: Final = 0.05
_SAME: Final = 0.005  # difference to pyhf, of μ̂ in σ(μ) and of q0; its minimiser stops at that


@dataclass(frozen=True, slots=True)
class Template:
    """Expected events of one sample in all bins, and their covariance: shapes (bins,) and (bins, bins)."""

    values: FloatArray
    covariance: FloatArray


@dataclass(frozen=True, slots=True)
class Shape:
    """A variation of one sample: its content times `ratio` at +1, shape (bins,), and as far the other way at -1."""

    name: str
    sample: str
    ratio: FloatArray


def workspace(
    templates: Mapping[str, Template],
    channels: Mapping[str, int],
    signal: str,
    *,
    normalisation: Mapping[str, float] | None = None,
    luminosity: float = 0.0,
    shapes: Sequence[Shape] = (),
    template_errors: bool = True,
) -> dict[str, Any]:
    """Workspace of templates in pyhf's JSON, its observation their sum.

    Args:
        templates: by sample, all of the same bins.
        channels: number of bins of each channel; the bins of the templates are those of the channels one after another.
        signal: sample that the signal strength scales.
        normalisation: relative uncertainty of samples, log-normal.
        luminosity: relative uncertainty of all samples.
        shapes: variations.
        template_errors: whether the templates' covariance enters.

    Raises:
        StatisticsError: shapes that do not fit, unknown samples, or a bin without expected background.
    """
    bins = sum(channels.values())
    if signal not in templates or any(t.values.shape != (bins,) for t in templates.values()):
        raise StatisticsError("fit", f"templates {', '.join(templates)} do not fit signal '{signal}' and {bins} bins")
    unknown = sorted({*(normalisation or {}), *(shape.sample for shape in shapes)} - set(templates))
    if unknown:
        raise StatisticsError("fit", f"no template of '{unknown[0]}'", f"there are {', '.join(templates)}")
    background = np.sum([t.values for name, t in templates.items() if name != signal], axis=0)
    total = background + templates[signal].values
    if not (background > 0).all() or not (total > 0).all():
        where = _bin_name(channels, int(np.argmin(np.minimum(background, total))))
        raise StatisticsError("fit", f"no background is expected in {where}", "use wider bins, or more events")
    axes = _axes(np.sum([t.covariance for t in templates.values()], axis=0)) if template_errors else []
    modifiers = {
        name: _modifiers(name, template.values, total, axes, (normalisation or {}, luminosity, shapes))
        for name, template in templates.items()
    }
    modifiers[signal].insert(0, (POI, "normfactor", None))
    start, described = 0, []
    for channel, width in channels.items():
        part = slice(start, start + width)
        samples = [
            {
                "name": name,
                "data": template.values[part].tolist(),
                "modifiers": [_cut(modifier, part) for modifier in modifiers[name]],
            }
            for name, template in templates.items()
        ]
        described.append({"name": channel, "samples": samples})
        start += width
    ends = np.cumsum(list(channels.values()))[:-1]
    observations = [{"name": c, "data": x.tolist()} for c, x in zip(channels, np.split(total, ends), strict=True)]
    config = {"poi": POI, "parameters": [{"name": POI, "bounds": [list(_BOUNDS)], "inits": [1.0]}]}
    measurement = {"name": "flashbench", "config": config}
    return {"channels": described, "observations": observations, "measurements": [measurement], "version": "1.0.0"}


def _bin_name(channels: Mapping[str, int], number: int) -> str:
    for name, width in channels.items():
        if number < width:
            return f"bin {number} of {name}"
        number -= width
    return f"bin {number}"


def _axes(covariance: FloatArray) -> list[FloatArray]:
    """Principal axes of a covariance, each as long as its standard deviation; the bins where it is diagonal."""
    smallest = np.min(np.diagonal(covariance)[np.diagonal(covariance) > 0], initial=np.inf)
    if np.array_equal(covariance, np.diag(np.diagonal(covariance))):
        variances, vectors = np.diagonal(covariance), np.eye(len(covariance))
    else:
        variances, vectors = np.linalg.eigh(covariance)
    return [np.sqrt(v) * axis for v, axis in zip(variances, vectors.T, strict=True) if v > _FLAT * smallest]


Modifier = tuple[str, str, Any]


def _modifiers(
    sample: str,
    values: FloatArray,
    total: FloatArray,
    axes: Sequence[FloatArray],
    uncertainties: tuple[Mapping[str, float], float, Sequence[Shape]],
) -> list[Modifier]:
    normalisation, luminosity, shapes = uncertainties
    found: list[Modifier] = []
    if luminosity:
        found.append(("luminosity", "normsys", luminosity))
    if normalisation.get(sample):
        found.append((f"norm_{sample}", "normsys", normalisation[sample]))
    found += [(s.name, "histosys", (values * s.ratio, values * (2 - s.ratio))) for s in shapes if s.sample == sample]
    for number, axis in enumerate(axes):  # each sample takes the part that it has of a bin, as staterror does
        shift = axis * values / total
        found.append((f"template_{number}", "histosys", (values + shift, values - shift)))
    return found


def _cut(modifier: Modifier, part: slice) -> dict[str, Any]:
    name, kind, content = modifier
    data: Any = content
    if kind == "normsys":
        data = {"hi": 1 + content, "lo": 1 / (1 + content)}
    elif kind == "histosys":
        data = {"hi_data": content[0][part].tolist(), "lo_data": content[1][part].tolist()}
    return {"name": name, "type": kind, "data": data}


def significance(likelihood: Likelihood, nominal: FloatArray | None = None) -> FloatArray:
    """Median significance expected of a signal of μ = 1 in σ, √q0 of the Asimov data set; shape (sets,).

    Args:
        nominal: templates in place of the model's, shape (sets, samples, bins).
    """
    data = likelihood.expected(nominal=nominal)
    null = likelihood.fit(data, strength=0.0, nominal=nominal)
    best = likelihood.fit(data, nominal=nominal)
    return np.asarray(np.sqrt(np.maximum(null.twice_nll - best.twice_nll, 0.0)), dtype=np.float64)


def expected_limit(likelihood: Likelihood) -> float:
    """Median upper limit on μ at 95 % CLs, expected without signal: where the Asimov data set has √q_μ = Φ⁻¹(0.975).

    Raises:
        StatisticsError: above the largest μ looked at.
    """
    values = np.zeros((1, len(likelihood.names)))
    data = likelihood.expected(values)
    least = float(likelihood.fit(data, strength=0.0).twice_nll[0])
    wanted = float(norm.ppf(1 - _CLS / 2)) ** 2

    def excess(strength: float) -> float:
        return float(likelihood.fit(data, strength=strength).twice_nll[0]) - least - wanted

    high = 1.0
    while excess(high) < 0:
        high *= 2
        if high > 1e4:
            raise StatisticsError("expected_limit", f"above {high:g}", "these templates cannot see the signal")
    return float(brentq(excess, 0.0, high, xtol=1e-6))


def toys(likelihood: Likelihood, number: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Pseudo-data at μ = 1 with the measurements that constrain the nuisance parameters thrown anew.

    Returns:
        Contents (number, bins) and centres of the constraints (number, nuisances), for `Likelihood.fit`.
    """
    data = rng.poisson(np.repeat(likelihood.expected(), number, axis=0)).astype(np.float64)
    return data, rng.normal(size=(number, len(likelihood.names) - 1))


def check_with_pyhf(content: Mapping[str, Any], data: ArrayLike) -> dict[str, float]:
    """Fit a data set with pyhf and with `Likelihood`.

    Returns:
        `strength` and `significance` (√q0) of both, the latter ending in `_pyhf`.

    Raises:
        StatisticsError: they differ by more than half a percent, or pyhf's fit fails.
    """
    import pyhf

    own = Likelihood.of(content)
    x = np.asarray(data, dtype=np.float64)
    best, null = own.fit(x), own.fit(x, strength=0.0)
    widths = [len(channel["samples"][0]["data"]) for channel in content["channels"]]
    by_name = dict(zip((c["name"] for c in content["channels"]), np.split(x, np.cumsum(widths)[:-1]), strict=True))
    model = pyhf.Workspace(dict(content)).model()
    everything = np.concatenate([*(by_name[name] for name in model.config.channels), model.config.auxdata])
    try:
        fitted, twice = pyhf.infer.mle.fit(everything, model, return_fitted_val=True)
        _, without = pyhf.infer.mle.fixed_poi_fit(0.0, everything, model, return_fitted_val=True)
    except pyhf.exceptions.FailedMinimization as error:
        raise StatisticsError("fit", f"pyhf's minimisation failed: {error}", "use wider bins") from error
    pairs = {
        "strength": (float(best.strength[0]), float(fitted[model.config.poi_index]), float(best.strength_error[0])),
        "q0": (float(null.twice_nll[0] - best.twice_nll[0]), float(without) - float(twice), 1.0),
    }
    for name, (mine, theirs, unit) in pairs.items():
        if abs(mine - theirs) > _SAME * max(unit, abs(mine)):
            hint = "one of the two fits has not converged: use wider bins"
            raise StatisticsError("fit", f"{name} {mine:.5g} is {theirs:.5g} in pyhf", hint)
    roots = [float(np.sqrt(max(q, 0.0))) for q in pairs["q0"][:2]]
    return {
        "strength": pairs["strength"][0],
        "strength_pyhf": pairs["strength"][1],
        "significance": roots[0],
        "significance_pyhf": roots[1],
    }


def automatic_edges(
    fine: ArrayLike,
    wanted: ArrayLike,
    backgrounds: Sequence[Template],
    *,
    bins: int,
    minimum: float,
    relative_error: float,
) -> FloatArray:
    """Edges of bins that hold equal parts of something, and background enough in every simulator.

    Fine bins are joined from the top until all conditions hold; what is left at the bottom joins the last.

    Args:
        fine: edges, shape (fine bins + 1,).
        wanted: what bins share out equally, e.g. the signal, shape (fine bins,).
        backgrounds: total background of each simulator in the fine bins.
        bins: at most so many.
        minimum: expected background of a bin, events.
        relative_error: of it, at most, from the templates.

    Raises:
        StatisticsError: not even one bin with all there is fulfils the conditions.
    """
    edges, share = np.asarray(fine, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    each, chosen, stop = share.sum() / bins, [len(share)], len(share)
    for start in range(len(share) - 1, -1, -1):
        part = slice(start, stop)
        if (
            len(chosen) <= bins
            and share[part].sum() >= each * (1 - 1e-9)
            and _filled(backgrounds, part, minimum, relative_error)
        ):
            chosen.append(start)
            stop = start
    if len(chosen) == 1:
        problem = f"all bins together do not expect {minimum:g} background events known to {relative_error:.0%}"
        raise StatisticsError("automatic_edges", problem, "give more events, or lower what is asked of a bin")
    chosen[-1] = 0
    return edges[chosen[::-1]]


def _filled(backgrounds: Sequence[Template], part: slice, minimum: float, relative_error: float) -> bool:
    for template in backgrounds:
        content = template.values[part].sum()
        error = np.sqrt(max(template.covariance[part, part].sum(), 0.0))
        if content < minimum or error > relative_error * content:
            return False
    return True
