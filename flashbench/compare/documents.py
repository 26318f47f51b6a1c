"""`histograms.json`: histograms in the Unified Histogram Interface, nested by process, region, observable,
simulator.

Read one back with `hist.Hist(json.load(file, object_hook=uhi.io.json.object_hook)["histograms"][...])`.

References:
    https://uhi.readthedocs.io/en/latest/serialization.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from uhi.io.json import default

from flashbench.analysis import REGIONS, Observable
from flashbench.compare.histograms import Overlay, contents, histogram_of
from flashbench.compare.pairing import unpaired

if TYPE_CHECKING:
    from flashbench.results import RunResult

SCHEMA_VERSION = 1


class HistogramDocument:
    """Collects histograms for JSON."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = {
            "schema": "flashbench.histograms",
            "version": SCHEMA_VERSION,
            "histograms": {},
        }

    def put(self, process: str, region: str, observable: str, simulator: str, histogram: Any) -> None:
        """Add one `hist.Hist`."""
        place = self.content["histograms"]
        for key in (process, region, observable):
            place = place.setdefault(key, {})
        place[simulator] = json.loads(json.dumps(histogram, default=default))

    def add(self, overlays: Sequence[Overlay]) -> None:
        """Add all histograms of overlays."""
        for overlay in overlays:
            for spectrum in overlay.all:
                names = (overlay.process, overlay.region.name, overlay.observable.name, spectrum.simulator)
                self.put(*names, spectrum.histogram)


def histograms_of(runs: Sequence[RunResult], observables: Sequence[Observable]) -> HistogramDocument:
    """The standard histograms of runs that need not have events in common."""
    document = HistogramDocument()
    regions = {region.name: region for region in REGIONS}
    for run in runs:
        paired = unpaired(run)
        n_events = int(np.max(paired.events, initial=-1)) + 1
        for observable in observables:
            for name in observable.regions:
                content = contents(paired, regions[name], observable, n_events)
                histogram = histogram_of(observable, content)
                document.put(run.process, name, observable.name, run.simulator, histogram)
    return document
