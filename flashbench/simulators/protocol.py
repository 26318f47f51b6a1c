"""The contract that a detector simulator fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import awkward as ak
import numpy as np

from flashbench.events import Tier


@dataclass(frozen=True, slots=True)
class SimulatorInfo:
    """What the core must know of a simulator before it runs it.

    Attributes:
        name: the name it is registered under.
        version: changes whenever the output would; part of every cache key, so include a hash of your weights.
        label: for legends.
        reads: tier whose columns `simulate` receives.
        stochastic: False where the output is a function of the events alone; folds would be copies, and are refused.
        provides: NanoAOD branches it fills; the rest of the schema takes its neutral value.
        needs: branches of that tier's files that it reads beside those of `flashbench.events.columns`.
    """

    name: str
    version: str
    label: str
    reads: Tier
    stochastic: bool
    provides: frozenset[str]
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Take what authors write: a tier by its name, branches in any collection."""
        if self.reads in tuple(Tier):
            object.__setattr__(self, "reads", Tier(self.reads))
        for name in ("provides", "needs"):
            object.__setattr__(self, name, frozenset(getattr(self, name)))


@runtime_checkable
class Simulator(Protocol):
    """Turns generator events (or another tier's) into NanoAOD muons and jets.

    Example:
        >>> class Perfect:
        ...     info = SimulatorInfo("perfect", "1", "Perfect", Tier.FULL, False, frozenset({"Jet_pt"}))
        ...     def simulate(self, events, rng):
        ...         return events
        >>> isinstance(Perfect(), Simulator)
        True
    """

    @property
    def info(self) -> SimulatorInfo:
        """Name, version and needs; cheap to read."""
        ...

    def simulate(self, events: ak.Array, rng: np.random.Generator) -> ak.Array:
        """Simulate a block of events.

        Args:
            events: shape (events,), the collections of the tier in `info.reads`; must not be modified.
            rng: the only source of randomness; the same stream gives the same output.

        Returns:
            Shape (events,), same order, with `Muon` and `Jet` in NanoAOD names and units (GeV, rad, cm). Identity and
            weights are attached by the core, so that no simulator can change them.
        """
        ...
