"""A simulator under test: calls on synthetic events under conditions that are the same every time."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np

from flashbench.events import columns
from flashbench.simulators import Simulator, SimulatorInfo
from flashbench.testing.events import only, sorted_by_pt, synthetic_events, without_objects

Factory = Callable[[], Simulator]
_FRACTION = 3  # behaviour is tried on blocks of a third of the sample


class BrokenRuleError(AssertionError):
    """A simulator breaks a rule; the message says how."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large the test is, and what a simulator may cost.

    Attributes:
        events: in the sample of synthetic events.
        seconds_per_event: wall time, once weights are loaded.
        megabytes_per_event: peak of what Python and NumPy hold during a call.
        scale: largest factor between a typical reconstructed quantity and the generated one.
    """

    events: int = 300
    seconds_per_event: float = 0.05
    megabytes_per_event: float = 2.0
    scale: float = 5.0


class Bench:
    """One simulator and its sample.

    Attributes:
        make: makes the simulator anew.
        registered: whether `make` finds it by its name, as a worker process does.
    """

    def __init__(self, make: Factory, limits: Limits, *, registered: bool) -> None:
        self.make, self.limits, self.registered = make, limits, registered

    @cached_property
    def simulator(self) -> Simulator:
        """The first one made."""
        return self.make()

    @property
    def info(self) -> SimulatorInfo:
        """Its description."""
        return self.simulator.info

    @cached_property
    def whole(self) -> ak.Array:
        """Events with all branches, generated and reconstructed."""
        return sorted_by_pt(synthetic_events(self.limits.events, seed=20))

    @cached_property
    def sample(self) -> ak.Array:
        """Those branches of `whole` that the simulator is given."""
        return self._given(self.whole)

    @property
    def small(self) -> ak.Array:
        """The first third of the sample."""
        return self.sample[: self.limits.events // _FRACTION]

    @property
    def other(self) -> ak.Array:
        """As many other events."""
        return self.sample[-(self.limits.events // _FRACTION) :]

    @cached_property
    def bare(self) -> ak.Array:
        """Events without a single object."""
        return self._given(without_objects(self.whole[: self.limits.events // _FRACTION]))

    @cached_property
    def output(self) -> Any:
        """What came out for the sample."""
        return self.run(self.sample)

    def run(self, events: ak.Array, seed: int = 1, simulator: Simulator | None = None) -> Any:
        """Simulate a copy of the events; global generators stand the same every time and are put back after.

        Raises:
            BrokenRuleError: `simulate` raised.
        """
        with known_global_state():
            return self.bare_run(ak.copy(events), seed, simulator)

    def bare_run(self, events: ak.Array, seed: int = 1, simulator: Simulator | None = None) -> Any:
        """Simulate these very events and leave the global generators alone.

        Raises:
            BrokenRuleError: `simulate` raised.
        """
        chosen = simulator or self.simulator
        try:
            return chosen.simulate(events, np.random.default_rng(seed))
        except Exception as error:
            problem = f"simulate raised {type(error).__name__} on {len(events)} events: {error}"
            raise BrokenRuleError(problem) from error

    def _given(self, events: ak.Array) -> ak.Array:
        return only(events, dict.fromkeys((*columns(self.info.reads), *sorted(self.info.needs))))


@contextmanager
def known_global_state() -> Iterator[None]:
    """Python's, NumPy's and, where it is loaded, torch's global generators seeded; afterwards as they were."""
    before = global_state()
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global generator is the very thing
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)
    try:
        yield
    finally:
        random.setstate(before["random"])
        np.random.set_state(before["numpy.random"])  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(before["torch"])


def global_state() -> dict[str, Any]:
    """State of every global generator."""
    state = {"random": random.getstate(), "numpy.random": np.random.get_state()}  # noqa: NPY002
    torch = sys.modules.get("torch")
    return state | ({"torch": torch.get_rng_state()} if torch is not None else {})
