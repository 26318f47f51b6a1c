"""Synthetic NanoAOD-like events, those that flashbench gives to simulator authors."""

from flashbench.testing.events import LAST_COPY
from flashbench.testing.events import synthetic_events as nanoaod_events

__all__ = ["LAST_COPY", "nanoaod_events"]
