"""What the compared processes are to one another: signal and backgrounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from flashbench.catalogue import Process


@dataclass(frozen=True, slots=True)
class Roles:
    """Signal and backgrounds among the processes that are compared, by key.

    Attributes:
        signal: empty where there is none.
        backgrounds: that add up; of an inclusive sample and one of its decays (`ttbar`, `ttbar_mumu`), the latter.
        uncertainties: relative, of their cross-sections, where they are known.
    """

    signal: str = ""
    backgrounds: tuple[str, ...] = ()
    uncertainties: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, processes: Sequence[Process]) -> Self:
        """As the catalogue has them: the first whose role begins with "signal", and those with "background" in it."""
        signals = [process.key for process in processes if process.role.startswith("signal")]
        found = [process.key for process in processes if "background" in process.role]
        alone = [key for key in found if not any(other.startswith(f"{key}_") for other in found)]
        known = {process.key: process.uncertainty for process in processes if process.uncertainty}
        return cls(signals[0] if signals else "", tuple(alone), known)
