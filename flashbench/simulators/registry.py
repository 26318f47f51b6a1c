"""Simulators found by name through entry points; nothing is imported before it is asked for.

A run is named `simulator[@folds]`: `flash@25` throws every generator event 25 times.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from flashbench.errors import PluginError, UnknownNameError
from flashbench.simulators.protocol import Simulator

GROUP: Final = "flashbench.simulators"
_RUN_NAME: Final = re.compile(r"(?P<name>[A-Za-z][\w.-]*)(?:@(?P<folds>\d+))?")


@dataclass(frozen=True, slots=True)
class Registered:
    """A simulator's registration, before it is loaded."""

    name: str
    target: str
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """Where it comes from: distribution, version and object."""
        return f"{self.distribution} {self.version} ({self.target})"


@dataclass(frozen=True, slots=True)
class RunName:
    """`simulator[@folds]`, parsed."""

    simulator: str
    folds: int = 1

    def __str__(self) -> str:
        return self.simulator if self.folds == 1 else f"{self.simulator}@{self.folds}"


def parse_run_name(text: str) -> RunName:
    """Parse `simulator[@folds]`.

    Raises:
        UnknownNameError: not of that form, or no folds.

    Example:
        >>> parse_run_name("flash@25")
        RunName(simulator='flash', folds=25)
    """
    match = _RUN_NAME.fullmatch(text)
    if match is None or (match["folds"] is not None and int(match["folds"]) < 1):
        raise UnknownNameError("simulator", text, [r.name for r in available()])
    return RunName(match["name"], int(match["folds"] or 1))


def available() -> list[Registered]:
    """All registered simulators, by name; those with a name taken twice stand twice."""
    found = [_registered(point) for point in entry_points(group=GROUP)]
    return sorted(set(found), key=lambda r: (r.name, r.origin))


def get(name: str) -> Simulator:
    """Load and make the simulator registered as `name`.

    Raises:
        UnknownNameError: nothing of that name; near ones are suggested.
        PluginError: two distributions claim the name, the object cannot be imported, or is no `Simulator`.
    """
    by_name: dict[str, dict[str, EntryPoint]] = defaultdict(dict)
    for point in entry_points(group=GROUP):
        by_name[point.name][_registered(point).origin] = point
    if name not in by_name:
        raise UnknownNameError("simulator", name, by_name)
    points = by_name[name]
    if len(points) > 1:
        raise PluginError(f"simulator '{name}'", f"claimed by {' and '.join(sorted(points))}", "uninstall one of them")
    origin, point = next(iter(points.items()))
    try:
        made = point.load()()
    except ImportError as error:
        raise PluginError(
            f"simulator '{name}' of {origin}", f"cannot be imported: {error}", "install what it needs"
        ) from error
    if not isinstance(made, Simulator):
        raise PluginError(
            f"simulator '{name}' of {origin}",
            "has no `info` and `simulate`",
            "see flashbench.simulators.Simulator",
        )
    if made.info.name != name:
        raise PluginError(
            f"simulator '{name}' of {origin}",
            f"calls itself '{made.info.name}'",
            "use one name in both places",
        )
    return made


def _registered(point: EntryPoint) -> Registered:
    distribution = point.dist
    name, version = (distribution.name, distribution.version) if distribution else ("unknown distribution", "")
    return Registered(point.name, point.value, name, version)
