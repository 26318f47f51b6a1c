"""Gaussian smearing of generator jets and muons."""

from flashbench_smear.simulator import SmearSimulator

__all__ = ["SmearSimulator"]
