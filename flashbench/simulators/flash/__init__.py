"""FlashSim: normalizing flows in place of the detector.

Nothing here imports torch before weights are loaded. What to use when: `simulator.FlashSimulator` to simulate,
`networks.read_manifest` to look at weights, `features` for the tables of what is learned.
"""

from __future__ import annotations

from flashbench.simulators.flash.simulator import FlashSimulator

__all__ = ["FlashSimulator"]
