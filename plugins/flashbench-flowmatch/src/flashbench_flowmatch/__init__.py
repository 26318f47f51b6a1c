"""FlashSim by flow matching; nothing here imports torch before the simulator is made."""

from flashbench_flowmatch.simulator import FlowMatchSimulator

__all__ = ["FlowMatchSimulator"]
