"""A variation of full simulation from a fast simulator: the ratio method, its closure and its baselines.

    VAR_full ≈ REF_full · VAR_sim / REF_sim, bin by bin

What to use when: `study_variation` for the numbers, `vary` for the numbers with figures and a document.

Simulators may differ in what they lack, as they appear in ratios only: `gen` is scored with the neutral quark–gluon
likelihood, full simulation with its own.

References:
    F. Vaselli et al., FlashSim prototype, CMS NOTE-2023/003 (the method, and the figure of five curves).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flashbench.analysis import Observable, Region, find_region
from flashbench.compare.plots.frame import Frame
from flashbench.errors import RunError
from flashbench.progress import Progress
from flashbench.stats import Closure, JointMoments, closures, contents_from_table, joint_moments
from flashbench.storage import plain, write_json

if TYPE_CHECKING:
    from flashbench.compare.plots.save import Picture
    from flashbench.results import RunResult

FloatArray = NDArray[np.float64]

SCHEMA_VERSION = 1
DOCUMENT = "systematics.json"
BINS = 15
"""Of the figure that is published."""

METHOD = "ratio method"
PARTS = ("full", "sim", "gen")


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Pdf of one simulator of one process, and its error; shape (bins,)."""

    label: str
    values: FloatArray
    errors: FloatArray


@dataclass(frozen=True, slots=True)
class VariationStudy:
    """One observable in one region of a process and its variation.

    Attributes:
        reference, variation: spectra by part: full, sim and gen.
        closures: of the ratio method ("ratio method") and of its baselines ("no correction", "generator ratio").
    """

    frame: Frame
    sim: str
    labels: tuple[str, str]
    reference: dict[str, Spectrum]
    variation: dict[str, Spectrum]
    closures: dict[str, Closure]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.frame.name

    @property
    def best(self) -> bool:
        """The ratio method is off by less than every baseline, in its largest deviation and in χ²/ndf."""
        method = self.closures[METHOD]
        return all(
            method.largest < other.largest and not method.chi_square.reduced >= other.chi_square.reduced
            for name, other in self.closures.items()
            if name != METHOD
        )


Runs = Mapping[str, "RunResult"]


def study_variation(
    reference: Runs, variation: Runs, plots: Sequence[tuple[Observable, str]], bins: int = BINS
) -> tuple[VariationStudy, ...]:
    """Predict full simulation of the variation, and hold the prediction against the truth.

    Args:
        reference, variation: runs of either process by part: `full`, `sim` and `gen`, of the same generator events.
        plots: observable and name of its region.
        bins: uniform ones in the range of the observable's standard plot.

    Raises:
        RunError: one process twice, which shares its events with itself.
        StatisticsError: runs of other events, or not one bin with a prediction; see `stats.transfer`.
        UnknownNameError: no such region.
    """
    keys = reference["full"].process, variation["full"].process
    if keys[0] == keys[1]:
        raise RunError(keys[0], "is both reference and variation", "name two samples of different events")
    return tuple(_study(reference, variation, observable, find_region(region), bins) for observable, region in plots)


def _study(reference: Runs, variation: Runs, observable: Observable, region: Region, bins: int) -> VariationStudy:
    runs = reference["full"], variation["full"]
    process = f"{runs[0].process}-{runs[1].process}", f"{runs[1].process_label} from {runs[0].process_label}"
    frame = Frame.of(process, observable, region, "variation", bins)
    one, two = (_moments(each, observable, region, frame.edges) for each in (reference, variation))
    labels = runs[0].process_label, runs[1].process_label
    spectra = _spectra(reference, one), _spectra(variation, two)
    return VariationStudy(frame, reference["sim"].simulator, labels, *spectra, closures(one, two))


def _moments(runs: Runs, observable: Observable, region: Region, edges: FloatArray) -> JointMoments:
    contents = {}
    for part in PARTS:
        table = runs[part].table
        chosen = region.select(table["region"])
        contents[part] = contents_from_table(table, observable.name, edges, chosen, folds=runs[part].folds)
    return joint_moments(contents)


def _spectra(runs: Runs, moments: JointMoments) -> dict[str, Spectrum]:
    ones = np.ones(moments.bins)
    found = {}
    for part in PARTS:
        errors = np.sqrt(np.maximum(np.diagonal(moments.propagate({part: ones})), 0.0))
        found[part] = Spectrum(runs[part].simulator_label, moments.pdf(part), errors)
    return found


@dataclass(frozen=True, slots=True)
class Systematics:
    """A finished study: `out` holds the document and `plots/`."""

    out: Path
    studies: tuple[VariationStudy, ...]
    pictures: tuple[Picture[VariationStudy], ...]

    @property
    def document(self) -> Path:
        """The JSON document."""
        return self.out / DOCUMENT


def vary(
    reference: Runs,
    variation: Runs,
    plots: Sequence[tuple[Observable, str]],
    out: Path,
    *,
    bins: int = BINS,
    workers: int = 1,
    progress: Progress | None = None,
) -> Systematics:
    """Study a variation, and write `systematics.json` and a figure for each plot.

    Args:
        reference, variation, plots, bins: see `study_variation`.
        out: folder to write to, made if need be.
        workers: processes that draw figures, see `compare.compare`.
        progress: called with figures done and in all.

    Raises:
        RunError, StatisticsError, UnknownNameError: see `study_variation`.
    """
    from flashbench.compare.plots import save_figures
    from flashbench.compare.plots.variation import draw_variation

    studies = study_variation(reference, variation, plots, bins)
    pictures = save_figures(studies, out / "plots", draw_variation, workers=workers, progress=progress)
    write_json(out / DOCUMENT, to_document(reference, variation, studies))
    return Systematics(out, studies, pictures)


def to_document(reference: Runs, variation: Runs, studies: Sequence[VariationStudy]) -> dict[str, Any]:
    """`systematics.json`: curves, predictions with covariance, closures, and how the runs were made."""
    sides = {"reference": reference, "variation": variation}
    content: dict[str, Any] = plain(
        {
            "schema": "flashbench.systematics",
            "version": SCHEMA_VERSION,
            **{side: runs["full"].process for side, runs in sides.items()},
            "simulator": reference["sim"].simulator,
            "n_events": {side: runs["full"].n_events for side, runs in sides.items()},
            "plots": [_describe(study) for study in studies],
            "runs": {side: {part: runs[part].manifest for part in PARTS} for side, runs in sides.items()},
        }
    )
    return content


def _describe(study: VariationStudy) -> dict[str, Any]:
    sides = {"reference": study.reference, "variation": study.variation}
    return {
        "observable": study.frame.observable,
        "region": study.frame.region,
        "edges": study.frame.edges,
        "curves": {
            side: {part: {"pdf": each.values, "errors": each.errors} for part, each in spectra.items()}
            for side, spectra in sides.items()
        },
        "better_than_baselines": study.best,
        "closures": {name: _describe_closure(closure) for name, closure in study.closures.items()},
    }


def _describe_closure(closure: Closure) -> dict[str, Any]:
    return {
        "prediction": closure.prediction.values,
        "errors": closure.prediction.errors,
        "covariance": closure.prediction.covariance,
        "states": [str(state) for state in closure.prediction.states],
        "ratio": closure.ratio,
        "ratio_errors": closure.ratio_errors,
        "chi2": closure.chi_square.statistic,
        "ndf": closure.chi_square.ndf,
        "chi2_ndf": closure.chi_square.reduced,
        "p_value": closure.chi_square.p_value,
        "largest_deviation": closure.largest,
        "largest_bin": closure.largest_bin,
        "beyond_error": closure.beyond_error,
    }
