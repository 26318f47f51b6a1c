"""Simulators found by name through entry points; nothing is imported before it is asked for.

A run is named `simulator[:option=value,…][@folds]`: `flash@25` throws every generator event 25 times,
`flash:fakes=off` makes the simulator with that option.
"""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from flashbench.errors import PluginError, UnknownNameError
from flashbench.simulators.protocol import Simulator

GROUP: Final = "flashbench.simulators"
_RUN_NAME: Final = re.compile(r"(?P<name>[A-Za-z][\w.-]*)(?::(?P<options>[^@]+))?(?:@(?P<folds>\d+))?")
_OPTION: Final = re.compile(r"([A-Za-z_]\w*)=([^=,]+)")
_SWITCHES: Final = {"on": True, "true": True, "off": False, "false": False}


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
    """`simulator[:option=value,…][@folds]`, parsed; options as written, in the order of their names."""

    simulator: str
    folds: int = 1
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        options = ",".join(f"{name}={value}" for name, value in self.options)
        return self.simulator + (f":{options}" if options else "") + (f"@{self.folds}" if self.folds > 1 else "")


def parse_run_name(text: str) -> RunName:
    """Parse `simulator[:option=value,…][@folds]`.

    Raises:
        UnknownNameError: not of that form, or no folds.

    Example:
        >>> parse_run_name("flash:fakes=off@25")
        RunName(simulator='flash', folds=25, options=(('fakes', 'off'),))
    """
    match = _RUN_NAME.fullmatch(text)
    options = [_OPTION.fullmatch(part) for part in match["options"].split(",")] if match and match["options"] else []
    if match is None or (match["folds"] is not None and int(match["folds"]) < 1) or None in options:
        raise UnknownNameError("simulator", text, [r.name for r in available()])
    pairs = sorted((option[1], option[2]) for option in options if option)
    return RunName(match["name"], int(match["folds"] or 1), tuple(pairs))


def available() -> list[Registered]:
    """All registered simulators, by name; those with a name taken twice stand twice."""
    found = [_registered(point) for point in entry_points(group=GROUP)]
    return sorted(set(found), key=lambda r: (r.name, r.origin))


def make(name: RunName) -> Simulator:
    """The simulator of a run, with its options.

    Raises:
        UnknownNameError, PluginError: see `get`.
    """
    return get(name.simulator, **{key: _value(text) for key, text in name.options})


def _value(text: str) -> bool | int | float | str:
    if text.lower() in _SWITCHES:
        return _SWITCHES[text.lower()]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def get(name: str, **options: bool | float | str) -> Simulator:
    """Load and make the simulator registered as `name`.

    Args:
        name: as registered.
        options: keyword arguments of its class.

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
        factory = point.load()
    except ImportError as error:
        raise PluginError(
            f"simulator '{name}' of {origin}", f"cannot be imported: {error}", "install what it needs"
        ) from error
    _check_options(factory, options, f"simulator '{name}' of {origin}")
    made = factory(**options)
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


def _check_options(factory: Any, options: Mapping[str, object], where: str) -> None:
    known = inspect.signature(factory).parameters
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return
    for option in options:
        if option not in known:
            raise PluginError(where, f"has no option '{option}'", f"it has {', '.join(known) or 'none'}")


def _registered(point: EntryPoint) -> Registered:
    distribution = point.dist
    name, version = (distribution.name, distribution.version) if distribution else ("unknown distribution", "")
    return Registered(point.name, point.value, name, version)
