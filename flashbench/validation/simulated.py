"""What a simulator makes of a block, in the place of what its file holds."""

from __future__ import annotations

from collections.abc import Collection

import awkward as ak
import numpy as np

from flashbench.events import RECO_BRANCHES, Tier
from flashbench.simulators import Simulator, check_output

_REPLACED = ("Jet", "Muon")


def replaced(
    made: Simulator,
    events: ak.Array,
    rng: np.random.Generator,
    where: str,
    branches: Collection[str] = RECO_BRANCHES,
) -> ak.Array:
    """The events with the simulator's jets and muons; a simulator of the generator tier is not shown others.

    Args:
        made: the simulator.
        events: block of its tier, shape (events,).
        rng: of the simulator.
        where: simulator and block, for messages.
        branches: that are looked at, see `check_output`.

    Raises:
        SimulationError: the simulator broke the contract.
    """
    kept = [field for field in events.fields if field not in _REPLACED]
    given = events[kept] if made.info.reads is Tier.GEN else events
    output = check_output(made.info, made.simulate(given, rng), len(events), where, branches)
    return ak.zip({**{field: events[field] for field in kept}, **{k: output[k] for k in _REPLACED}}, depth_limit=1)
