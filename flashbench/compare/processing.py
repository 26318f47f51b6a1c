"""Everything that is measured of each process, in as many processes of the machine as may be."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from flashbench.analysis import Observable, find_observable
from flashbench.compare import histograms, metrics
from flashbench.compare.documents import HistogramDocument
from flashbench.compare.metrics import MetricRecord
from flashbench.compare.pairing import PairedProcess
from flashbench.compare.plots import Drawing, drawing_of
from flashbench.stats import REPLICAS


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one process.

    Attributes:
        histograms: as in `histograms.json`, by region, observable and simulator.
    """

    process: str
    records: tuple[MetricRecord, ...]
    drawings: tuple[Drawing, ...]
    histograms: dict[str, Any]


def measure_processes(
    processes: Sequence[PairedProcess], observables: Sequence[Sequence[Observable]], workers: int = 1
) -> Iterator[Measured]:
    """Metrics, figures to draw and histograms of each process, in their order.

    Args:
        observables: of each process.
        workers: processes of the machine; 1 stays in this one. More start new interpreters.
    """
    if workers <= 1 or len(processes) < 2:
        yield from (_measure(process, chosen) for process, chosen in zip(processes, observables, strict=True))
        return
    names = [tuple(observable.name for observable in chosen) for chosen in observables]  # functions do not travel
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(processes)), mp_context=context) as pool:
        yield from pool.map(_measure_named, processes, names)


def _measure_named(process: PairedProcess, names: Sequence[str]) -> Measured:
    return _measure(process, [find_observable(name) for name in names])


def _measure(process: PairedProcess, observables: Sequence[Observable]) -> Measured:
    overlays, yields = histograms.fill(process, observables, REPLICAS)
    document = HistogramDocument()
    document.add(overlays)
    return Measured(
        process.process,
        tuple(metrics.measure(overlays, yields)),
        tuple(drawing_of(overlay) for overlay in overlays),
        document.content["histograms"].get(process.process, {}),
    )
