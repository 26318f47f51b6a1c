"""What the signal strength and the significance become when full simulation is replaced: one fit a simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from flashbench.compare.fit.plan import FitReport, Plan, SimulatorFit
from flashbench.compare.fit.templates import Binning, Content, Runs, automatic_binning, contents, replicas, score_of
from flashbench.errors import RunError
from flashbench.progress import Progress
from flashbench.stats import joint_moments, transfer
from flashbench.stats.fit import Shape, Template, check_with_pyhf, expected_limit, significance, toys, workspace
from flashbench.stats.likelihood import Likelihood

FloatArray = NDArray[np.float64]
Found = Mapping[tuple[str, str], Content]

VARIATION: Final = "signal_shower"  # name of the shape systematic


def fit_simulators(runs: Runs, plan: Plan, progress: Progress | None = None) -> FitReport:
    """Fit the templates of every simulator to the data of the reference.

    Args:
        runs: of every process of the plan, and of its variation, by process and simulator.
        plan: how.
        progress: called with simulators done and in all.

    Raises:
        RunError: a run is missing, or runs do not fit together.
        StatisticsError: too few events for a fit.
    """
    ordered, names = _ordered(runs, plan)
    score, note = score_of(ordered)
    fitted = {key: run for key, run in ordered.items() if key[0] != plan.variation}
    asked = (*plan.most_bins, plan.least_background, plan.largest_error)
    binning = plan.edges or automatic_binning(fitted, plan.signal, score, plan.luminosity, asked)
    found = contents(ordered, binning, score, plan.luminosity)
    resampled = {process: replicas(found, process, names, plan.replicas) for process in plan.processes}
    models = {name: _model(found, name, binning, plan) for name in names}
    setting = _Setting(plan, binning, found, models, resampled)
    done: list[SimulatorFit] = []
    for number, name in enumerate(names):
        done.append(_measure(name, setting))
        if progress is not None:
            progress(number + 1, len(names))
    labels = {process: run.process_label for (process, _), run in ordered.items()}
    notes = [note] if note else []
    notes += [
        f"{each.simulator}: {plan.variation} says nothing of bins {each.invalid}, which have no shape uncertainty"
        for each in done
        if each.invalid
    ]
    return FitReport(plan, binning, tuple(done), labels, tuple(notes))


def _ordered(runs: Runs, plan: Plan) -> tuple[Runs, list[str]]:
    """The runs that the plan needs, the reference's first, and the simulators in that order."""
    names = list(dict.fromkeys(simulator for _, simulator in runs))
    if plan.reference not in names:
        raise RunError("fit", f"no run of the reference '{plan.reference}'", f"there are {', '.join(names)}")
    names = [plan.reference, *(name for name in names if name != plan.reference)]
    wanted = plan.processes if plan.variation is None else (*plan.processes, plan.variation)
    missing = [(process, name) for process in wanted for name in names if (process, name) not in runs]
    if missing:
        process, name = missing[0]
        raise RunError("fit", f"no run of {name} on {process}", "run every simulator on every process")
    return {(process, name): runs[process, name] for process in wanted for name in names}, names


@dataclass(frozen=True, slots=True)
class _Model:
    templates: Mapping[str, Template]
    content: Mapping[str, Any]
    likelihood: Likelihood
    without: Likelihood  # template errors
    invalid: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Setting:
    plan: Plan
    binning: Binning
    found: Found
    models: Mapping[str, _Model]
    resampled: Mapping[str, Mapping[str, FloatArray]]


def _model(found: Found, name: str, binning: Binning, plan: Plan) -> _Model:
    templates = {process: found[process, name].template for process in plan.processes}
    shapes, invalid = _shapes(found, name, plan)
    models = [
        workspace(
            templates,
            binning.channels,
            plan.signal,
            normalisation=plan.normalisation,
            luminosity=plan.luminosity_error,
            shapes=shapes,
            template_errors=errors,
        )
        for errors in (True, False)
    ]
    return _Model(templates, models[0], Likelihood.of(models[0]), Likelihood.of(models[1]), invalid)


def _shapes(found: Found, name: str, plan: Plan) -> tuple[Sequence[Shape], tuple[int, ...]]:
    """Shape systematic of the signal by the ratio method: VAR_full/REF_full ≈ VAR_sim/REF_sim."""
    if plan.variation is None:
        return (), ()
    full, sim = found[plan.signal, plan.reference].events, found[plan.signal, name].events
    reference = joint_moments({"full": full} if name == plan.reference else {"full": full, "sim": sim})
    label = "full" if name == plan.reference else "sim"
    varied = transfer(reference, joint_moments({label: found[plan.variation, name].events}), label)
    base = reference.pdf("full")
    ratio = np.where(varied.valid, varied.values / np.where(base > 0, base, 1.0), 1.0)
    return (Shape(VARIATION, plan.signal, ratio),), tuple(int(i) for i in np.flatnonzero(~varied.valid))


def _measure(name: str, setting: _Setting) -> SimulatorFit:
    plan, resampled = setting.plan, setting.resampled
    own, reference = setting.models[name], setting.models[plan.reference]
    data = reference.likelihood.expected()
    post_fit = own.likelihood.fit(data)
    itself = own.likelihood.fit(own.likelihood.expected())
    bare = own.without.fit(own.without.expected())
    seen = float(significance(own.likelihood)[0])
    nominal, base = (np.stack([resampled[p][s] for p in plan.processes], axis=1) for s in (name, plan.reference))
    replicated = own.likelihood.fit(base.sum(axis=1), nominal=nominal)
    shifts = significance(own.likelihood, nominal) - significance(reference.likelihood, base)
    run = setting.found[plan.signal, name].run
    background = [t for process, t in own.templates.items() if process != plan.signal]
    values = np.asarray(sum(t.values for t in background))
    errors = np.sqrt(np.asarray(sum(np.diagonal(t.covariance) for t in background)))
    in_region = slice(0, setting.binning.channels["SR"])
    return SimulatorFit(
        simulator=name,
        label=run.simulator_label,
        folds=run.folds,
        templates=own.templates,
        content=own.content,
        bias=float(post_fit.strength[0]) - 1,
        bias_error=_half_width(replicated.strength[replicated.converged]),
        failed_replicas=int((~replicated.converged).sum()),
        **_toys(own, reference, plan),
        strength_error=float(itself.strength_error[0]),
        strength_error_without_templates=float(bare.strength_error[0]),
        significance=seen,
        significance_shift=seen - float(significance(reference.likelihood)[0]),
        shift_error=_half_width(shifts),
        limit=expected_limit(own.likelihood),
        background_error=float(np.mean(errors / values)),
        signal_over_root_background=(own.templates[plan.signal].values / np.sqrt(values))[in_region],
        post_fit=post_fit,
        pyhf=check_with_pyhf(own.content, own.likelihood.expected()[0]),
        invalid=own.invalid,
    )


def _half_width(values: FloatArray) -> float:
    """Half of the interval that holds the central 68 %: σ of a normal distribution, finite for one with long tails.

    Where templates are poor, a few replicas have bins without background, and a signal strength of any size.
    """
    low, high = np.quantile(values, norm.cdf([-1.0, 1.0]))
    return float(high - low) / 2


def _toys(own: _Model, reference: _Model, plan: Plan) -> dict[str, Any]:
    """Fits of a simulator's and of the reference's templates to the same pseudo-data of the reference.

    Both see the same measurements of what they share; the parameters of template errors are each model's own.
    """
    rng = np.random.default_rng(plan.seed)
    data, centres = toys(reference.likelihood, plan.toys, rng)
    mine = rng.normal(size=(plan.toys, len(own.likelihood.names) - 1))
    theirs = {label: column for column, label in enumerate(reference.likelihood.names[1:])}
    for column, label in enumerate(own.likelihood.names[1:]):
        if label in theirs and (own is reference or not label.startswith("template_")):
            mine[:, column] = centres[:, theirs[label]]
    fitted, base = own.likelihood.fit(data, centres=mine), reference.likelihood.fit(data, centres=centres)
    used = fitted.converged & base.converged
    differences = (fitted.strength - base.strength)[used]
    pulls = ((fitted.strength - 1) / fitted.strength_error)[used]
    return {
        "toy_bias": float(np.median(differences)),
        "toy_bias_error": _half_width(differences) * float(np.sqrt(np.pi / 2 / len(differences))),
        "pull_mean": float(pulls.mean()),
        "pull_width": float(pulls.std(ddof=1)),
        "failed_toys": int((~used).sum()),
    }
