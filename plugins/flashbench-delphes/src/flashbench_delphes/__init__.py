"""Delphes ROOT files as a simulator of flashbench: a format that reads them, and a simulator that names them."""

from flashbench_delphes.format import DelphesFormat
from flashbench_delphes.simulator import DelphesSimulator

__all__ = ["DelphesFormat", "DelphesSimulator"]
