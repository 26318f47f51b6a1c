"""Every error flashbench raises on purpose.

    FlashbenchError
    ├── InputError            a file that cannot be read: missing, a directory, not ROOT, truncated, no `Events`
    ├── SchemaError           a file or a simulator does not hold what its schema promises
    ├── CatalogueError        a catalogue or a configuration file says something that does not hold
    ├── UnknownNameError      no simulator, process or observable of that name; suggests near ones
    ├── PluginError           a registered simulator cannot be loaded
    ├── SimulationError       a simulator raised, or broke the contract on a block
    ├── ProductionError       the embedded production could not make a sample
    ├── RunError              a run on disk is incomplete, or two runs cannot be compared
    └── StatisticsError       a statistic is not defined for these numbers

All derive from `FlashbenchError`, so that `except FlashbenchError` catches what flashbench foresaw and nothing else.
The message is one line: what, where, and what to do. Attributes hold the same facts for programs.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FlashbenchError(Exception):
    """Base of all errors that flashbench raises on purpose."""


def _sentence(where: str, problem: str, hint: str) -> str:
    return f"{where}: {problem}" + (f" ({hint})" if hint else "")


class _LocatedError(FlashbenchError):
    def __init__(self, where: str, problem: str, hint: str = "") -> None:
        self.where, self.problem, self.hint = where, problem, hint
        super().__init__(_sentence(where, problem, hint))

    def __reduce__(self) -> tuple[type[_LocatedError], tuple[str, str, str]]:
        return type(self), (self.where, self.problem, self.hint)


class InputError(_LocatedError):
    """A file cannot be read: missing, a directory, not ROOT, truncated, without `Events`."""


class CatalogueError(_LocatedError):
    """A catalogue or configuration file says something that does not hold; `where` is file and key."""


class PluginError(_LocatedError):
    """A registered simulator cannot be loaded; `where` is the entry point and its distribution."""


class SimulationError(_LocatedError):
    """A simulator raised, or broke the contract; `where` is simulator, process and entries."""


class ProductionError(_LocatedError):
    """The embedded production could not make a sample."""


class RunError(_LocatedError):
    """A run on disk is incomplete or does not fit the others; `where` is its directory."""


class StatisticsError(_LocatedError):
    """A statistic is not defined for these numbers; `where` is its name."""


class SchemaError(FlashbenchError):
    """A simulator or a file does not hold what its schema promises.

    Attributes:
        where: file or simulator, with entries where known.
        branch: NanoAOD name of the offending branch(es).
        problem: what is wrong with it.
    """

    def __init__(self, where: str, branch: str, problem: str, hint: str = "") -> None:
        self.where, self.branch, self.problem, self.hint = where, branch, problem, hint
        super().__init__(_sentence(f"{where}: {branch}", problem, hint))

    def __reduce__(self) -> tuple[type[SchemaError], tuple[str, str, str, str]]:
        return type(self), (self.where, self.branch, self.problem, self.hint)


class UnknownNameError(FlashbenchError):
    """No simulator, process or observable of that name."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        near = get_close_matches(name, self.known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self.known) or 'none'}"
        super().__init__(f"no {kind} named '{name}' ({hint})")

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, tuple[str, ...]]]:
        return type(self), (self.kind, self.name, self.known)
