"""How to fit, and what comes out: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flashbench.compare.fit.templates import Binning
from flashbench.stats.fit import Template
from flashbench.stats.likelihood import FitResult

FloatArray = NDArray[np.float64]

PUBLISHED: Final = 1.77
"""Expected significance of the VBF category with 137/fb: CMS, JHEP 01 (2021) 148."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to fit.

    Attributes:
        signal: process that the strength scales.
        backgrounds: the other processes.
        variation: process that stands for the signal with another shower, for its shape systematic; None for none.
        reference: simulator whose templates are the data.
        luminosity: in /fb.
        luminosity_error: relative, of all samples.
        normalisation: relative uncertainty of the cross-sections, by process.
        edges: of the score in SR and SB; None for automatic ones.
        most_bins: of SR and SB, automatic.
        least_background: events in a bin, automatic.
        largest_error: relative, of the background templates in a bin, automatic.
        toys, replicas: of pseudo-data and of the bootstrap.
        seed: of the toys.
    """

    signal: str = "vbf_hmm"
    backgrounds: tuple[str, ...] = ("dy2j", "ewk_lljj", "ttbar_mumu")
    variation: str | None = None
    reference: str = "full"
    luminosity: float = 59.7
    luminosity_error: float = 0.025
    normalisation: Mapping[str, float] = field(default_factory=dict)
    edges: Binning | None = None
    most_bins: tuple[int, int] = (12, 4)
    least_background: float = 5.0
    largest_error: float = 0.3
    toys: int = 500
    replicas: int = 500
    seed: int = 1

    @property
    def processes(self) -> tuple[str, ...]:
        """Signal and backgrounds."""
        return self.signal, *self.backgrounds


@dataclass(frozen=True, slots=True)
class SimulatorFit:
    """One simulator's templates, and what they measure.

    Attributes:
        templates: by process.
        content: workspace in pyhf's JSON.
        bias, bias_error: μ̂ − 1 of a fit to the reference's Asimov data, and its paired bootstrap error: half of the
            interval that holds the central 68 % of the replicas.
        toy_bias, toy_bias_error: median of μ̂ less that of the reference's own fit, over toys of the reference, and its
            error from their number.
        pull_mean, pull_width: of (μ̂ − 1)/σ in those toys.
        failed_toys, failed_replicas: fits that did not converge, left out.
        strength_error: σ(μ) expected; and without the errors of the templates.
        significance, significance_shift, shift_error: expected, less the reference's, with paired bootstrap error.
        limit: median expected, 95 % CLs.
        background_error: mean over bins of the relative error of the background.
        signal_over_root_background: of each bin of SR.
        post_fit: fit to the reference's Asimov data.
        pyhf: μ̂ and significance of its own Asimov data, here and by pyhf.
        invalid: bins in which the variation is not known and is taken as none.
    """

    simulator: str
    label: str
    folds: int
    templates: Mapping[str, Template]
    content: Mapping[str, Any]
    bias: float
    bias_error: float
    toy_bias: float
    toy_bias_error: float
    pull_mean: float
    pull_width: float
    failed_toys: int
    failed_replicas: int
    strength_error: float
    strength_error_without_templates: float
    significance: float
    significance_shift: float
    shift_error: float
    limit: float
    background_error: float
    signal_over_root_background: FloatArray
    post_fit: FitResult
    pyhf: Mapping[str, float]
    invalid: tuple[int, ...]

    @property
    def total(self) -> FloatArray:
        """Expected events of all samples, shape (bins,)."""
        return np.asarray(sum(t.values for t in self.templates.values()))


@dataclass(frozen=True, slots=True)
class FitReport:
    """All simulators, the reference first.

    Attributes:
        labels: of the processes.
        notes: what was done to the scores.
    """

    plan: Plan
    binning: Binning
    simulators: tuple[SimulatorFit, ...]
    labels: Mapping[str, str]
    notes: tuple[str, ...]
