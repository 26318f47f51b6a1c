"""What an overlay shows, as plain arrays that travel between processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flashbench.compare.histograms import Overlay, Spectrum
from flashbench.compare.plots.frame import file_safe
from flashbench.errors import StatisticsError
from flashbench.stats import density, paired_ratio

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """One simulator.

    Attributes:
        values, errors: fraction of generated events per bin, shape (bins,).
        ratio, ratio_errors: to the reference, paired errors, NaN where undefined, shape (bins,).
        entries: events that have the observable.
        underflow, overflow: fraction of the entries' weight below and above the axis.
    """

    simulator: str
    label: str
    values: FloatArray
    errors: FloatArray
    ratio: FloatArray
    ratio_errors: FloatArray
    entries: float
    underflow: float
    overflow: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """One observable in one region of one process; the first curve is the reference.

    Attributes:
        edges: shape (bins + 1,).
    """

    process: str
    process_label: str
    region: str
    region_label: str
    observable: str
    label: str
    unit: str
    edges: FloatArray
    curves: tuple[Curve, ...]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return "-".join(file_safe(part) for part in (self.process, self.region, self.observable))

    @property
    def is_empty(self) -> bool:
        """No simulator has an entry."""
        return not any(curve.entries for curve in self.curves)


def drawing_of(overlay: Overlay) -> Drawing:
    """What the figure of an overlay shows."""
    edges = overlay.reference.histogram.axes[0].edges
    return Drawing(
        *(overlay.process, overlay.process_label, overlay.region.name, overlay.region.label),
        *(overlay.observable.name, overlay.observable.label, overlay.observable.unit),
        np.asarray(edges, dtype=np.float64),
        tuple(_curve(spectrum, overlay) for spectrum in overlay.all),
    )


def _curve(spectrum: Spectrum, overlay: Overlay) -> Curve:
    sums, reference = spectrum.sums, overlay.reference
    pdf = density(sums[1:-1], spectrum.histogram.variances(), overlay.sum_weights)
    try:
        ratio = paired_ratio(
            *(sums[1:-1], reference.sums[1:-1], spectrum.replicas[:, 1:-1], reference.replicas[:, 1:-1])
        )
        values, errors = ratio.value, ratio.error
    except StatisticsError:  # the reference is empty: there is no ratio to draw
        values = errors = np.full(len(sums) - 2, np.nan)
    total = float(sums.sum())
    below, above = (float(sums[end]) / total if total else 0.0 for end in (0, -1))
    return Curve(
        *(spectrum.simulator, spectrum.label, pdf.values, pdf.errors, values, errors),
        *(spectrum.n_entries, below, above),
    )
