"""Simulators found by name through entry points; nothing is imported before it is asked for.

A run is named `simulator[:option=value,…][@folds]`: `flash@25` throws every generator event 25 times,
`flash:fakes=off` makes the simulator with that option.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flashbench import plugins
from flashbench.errors import FlashbenchError, PluginError, UnknownNameError
from flashbench.plugins import Plugin
from flashbench.simulators.protocol import Simulator

KIND: Final = "simulator"
_RUN_NAME: Final = re.compile(r"(?P<name>[A-Za-z][\w.-]*)(?::(?P<options>[^@]+))?(?:@(?P<folds>\d+))?")
_OPTION: Final = re.compile(r"([A-Za-z_]\w*)=([^=,]+)")
_SWITCHES: Final = {"on": True, "true": True, "off": False, "false": False}


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


def available() -> list[Plugin]:
    """All registered simulators, by name; those with a name taken twice stand twice."""
    return plugins.available(KIND)


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
        PluginError: two distributions claim the name, the object is for another flashbench, cannot be imported or made,
            or is no `Simulator`.
    """
    plugin = plugins.find(KIND, name)
    factory = plugin.load()
    _check_options(factory, options, plugin.where)
    try:
        made = factory(**options)
    except FlashbenchError:
        raise
    except Exception as error:
        problem = f"raised {type(error).__name__} when it was made: {error}"
        raise PluginError(plugin.where, problem, "a fault of the plugin, or an option's value") from error
    if not isinstance(made, Simulator):
        raise PluginError(plugin.where, "has no `info` and `simulate`", "see flashbench.simulators.Simulator")
    if made.info.name != name:
        raise PluginError(plugin.where, f"calls itself '{made.info.name}'", "use one name in both places")
    return made


def origin(simulator: Simulator) -> str:
    """Where a simulator comes from: its distribution with version, or its class where it is not registered."""
    kind = type(simulator)
    for plugin in available():
        module, _, name = plugin.target.partition(":")
        same_package = module.partition(".")[0] == kind.__module__.partition(".")[0]
        if plugin.name == simulator.info.name and name == kind.__qualname__ and same_package:
            return f"{plugin.distribution} {plugin.version}"
    return f"{kind.__module__}:{kind.__qualname__}"


def _check_options(factory: Any, options: Mapping[str, object], where: str) -> None:
    known = inspect.signature(factory).parameters
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return
    for option in options:
        if option not in known:
            raise PluginError(where, f"has no option '{option}'", f"it has {', '.join(known) or 'none'}")
