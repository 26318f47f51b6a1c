"""What a figure is of: process, region, observable and bins, as plain values that travel between processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from flashbench.analysis import Observable, Region

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """The axes of a figure.

    Attributes:
        edges: of the bins, shape (bins + 1,).
        kind: of study, the last part of its files' names.
    """

    process: str
    process_label: str
    region: str
    region_label: str
    observable: str
    label: str
    unit: str
    edges: FloatArray
    kind: str

    @classmethod
    def of(
        cls, process: tuple[str, str], observable: Observable, region: Region, kind: str, bins: int | None = None
    ) -> Self:
        """The frame of a process, key and label, in the standard range of an observable.

        Args:
            bins: uniform ones; None for the standard ones.
        """
        edges = np.linspace(observable.low, observable.high, (bins or observable.bins) + 1)
        names = (observable.name, observable.label, observable.unit)
        return cls(*process, region.name, region.label, *names, edges, kind)

    @property
    def name(self) -> str:
        """Stem of its files."""
        parts = (self.process, self.region, self.observable, self.kind)
        return "-".join(file_safe(part) for part in parts)

    @property
    def axis_label(self) -> str:
        """Label with unit."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


def file_safe(name: str) -> str:
    """A name with everything replaced that a file system or an address might not like.

    Example:
        >>> file_safe("flash@25 / <b>")
        'flash@25____b_'
    """
    return "".join(letter if letter.isalnum() or letter in "_.@+" else "_" for letter in name)[:60]
