"""Detector simulators behind one protocol.

What to use when: implement `Simulator` to bring your own, register it in the entry-point group
`flashbench.simulators`, look it up with `get` or `make`, list all with `available`, check an output with
`check_output`.
"""

from flashbench.simulators.contract import check_output
from flashbench.simulators.protocol import Simulator, SimulatorInfo
from flashbench.simulators.registry import RunName, available, get, make, origin, parse_run_name

__all__ = [
    "RunName",
    "Simulator",
    "SimulatorInfo",
    "available",
    "check_output",
    "get",
    "make",
    "origin",
    "parse_run_name",
]
