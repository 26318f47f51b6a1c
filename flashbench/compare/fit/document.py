"""A fit as JSON, as workspaces for pyhf, and as a table for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from flashbench.compare.fit.plan import PUBLISHED, FitReport, SimulatorFit
from flashbench.compare.numbers import with_error
from flashbench.compare.plots.frame import file_safe
from flashbench.storage import write_json

SCHEMA_VERSION: Final = 1


def to_document(report: FitReport, *, version: str) -> dict[str, Any]:
    """`fit.json`: the plan, the bins and every simulator's numbers; null where one is not defined."""
    plan = asdict(report.plan)
    plan["edges"] = "given" if report.plan.edges else "automatic"
    return {
        "schema": "flashbench.fit",
        "version": SCHEMA_VERSION,
        "flashbench": version,
        "plan": {**plan, "normalisation": dict(report.plan.normalisation)},
        "published": {"expected_significance": PUBLISHED, "luminosity_fb": 137.0},
        "edges": {"SR": report.binning.signal.tolist(), "SB": report.binning.sideband.tolist()},
        "notes": list(report.notes),
        "simulators": [_simulator(each) for each in report.simulators],
    }


def _simulator(fit: SimulatorFit) -> dict[str, Any]:
    numbers = (
        *(
            "bias",
            "bias_error",
            "toy_bias",
            "toy_bias_error",
            "pull_mean",
            "pull_width",
            "failed_toys",
            "failed_replicas",
        ),
        *("strength_error", "strength_error_without_templates", "significance", "significance_shift", "shift_error"),
        *("limit", "background_error"),
    )
    post_fit = fit.post_fit
    return {
        "simulator": fit.simulator,
        "label": fit.label,
        "folds": fit.folds,
        **{name: _finite(getattr(fit, name)) for name in numbers},
        "signal_over_root_background": [_finite(value) for value in fit.signal_over_root_background],
        "templates": {
            process: {
                "events": template.values.tolist(),
                "errors": np.sqrt(np.diagonal(template.covariance)).tolist(),
            }
            for process, template in fit.templates.items()
        },
        "post_fit": {
            name: [_finite(post_fit.values[0, number]), _finite(post_fit.errors[0, number])]
            for number, name in enumerate(post_fit.names)
        },
        "pyhf": dict(fit.pyhf),
    }


def _finite(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def write_workspaces(report: FitReport, folder: Path) -> tuple[Path, ...]:
    """One workspace a simulator, `<folder>/<simulator>.json`, that `pyhf` reads."""
    paths = []
    for each in report.simulators:
        path = folder / f"{file_safe(each.simulator)}.json"
        write_json(path, each.content)
        paths.append(path)
    return tuple(paths)


def fit_table(report: FitReport) -> Table:
    """What each simulator would measure, one line a simulator."""
    plan = report.plan
    title = f"Fit to {plan.reference}, {plan.luminosity:g}/fb"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("Simulator", overflow="fold")
    for column in ("μ̂ − 1", "in toys", "σ(μ)", "templ.", "Z", "ΔZ", "limit"):
        table.add_column(column, justify="right", overflow="fold")
    for fit in report.simulators:
        is_reference = fit.simulator == plan.reference
        templates = np.sqrt(max(fit.strength_error**2 - fit.strength_error_without_templates**2, 0.0))
        table.add_row(
            Text(fit.simulator),
            "0" if is_reference else with_error(fit.bias, fit.bias_error),
            "0" if is_reference else with_error(fit.toy_bias, fit.toy_bias_error),
            f"{fit.strength_error:.3f}",
            f"{templates:.3f}",
            f"{fit.significance:.2f}",
            "0" if is_reference else with_error(fit.significance_shift, fit.shift_error),
            f"{fit.limit:.2f}",
        )
    scaled = PUBLISHED * np.sqrt(plan.luminosity / 137.0)
    table.caption = Text(
        "μ̂: fitted to the reference's expected data, ± paired bootstrap. templ.: part of\n"
        "σ(μ) that the templates' errors make. Z: expected significance.\n"
        f"CMS, JHEP 01 (2021) 148: Z = {PUBLISHED} with 137/fb, {scaled:.2f} by the root of the luminosity."
    )
    table.caption_justify = "left"
    return table


def upsampling_gains(report: FitReport) -> list[str]:
    """What folds gain: for each simulator that was fitted with and without them, a sentence."""
    fits = {each.simulator: each for each in report.simulators}
    lines = []
    for name, fit in fits.items():
        plain = fits.get(name.partition("@")[0])
        if fit.folds == 1 or plain is None or plain is fit:
            continue
        lines.append(
            f"{name} against {plain.simulator}: background templates known to {fit.background_error:.1%} "
            f"(without folds {plain.background_error:.1%}), σ(μ) {fit.strength_error:.3f} "
            f"({plain.strength_error:.3f}), Z {fit.significance:.2f} ({plain.significance:.2f})"
        )
    return lines
