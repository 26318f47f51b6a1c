"""What other distributions add to flashbench, found through entry points; nothing is imported before it is asked for.

| kind | entry-point group | object |
|---|---|---|
| simulator | `flashbench.simulators` | class that makes a `Simulator` |
| process | `flashbench.processes` | path of a catalogue TOML |
| observable | `flashbench.observables` | `Observable`, or several in a tuple or list |
| metric | `flashbench.metrics` | `Metric`, or several |
| command | `flashbench.commands` | `typer.Typer` app, a sub-command of that name |
| format | `flashbench.formats` | class that makes a `Format` (`flashbench.formats`) |

A name that is claimed twice, by two plugins or by a plugin and flashbench, is never guessed. What is asked for by name
(simulator, process) is then an error that names the claimants; a process can be settled in one's own catalogue. What is
taken without being asked for (observable, metric, command, format) is left out with a warning; flashbench's own stays.
A plugin that cannot be loaded is an error where it is asked for, and a warning where it is not.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from multiprocessing import parent_process
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from flashbench import __version__
from flashbench.errors import PluginError, UnknownNameError

GROUPS: Final = {
    "simulator": "flashbench.simulators",
    "process": "flashbench.processes",
    "observable": "flashbench.observables",
    "metric": "flashbench.metrics",
    "command": "flashbench.commands",
    "format": "flashbench.formats",
}
CORE: Final = "flashbench"


class PluginWarning(UserWarning):
    """A plugin that was not asked for is left out."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One registration, before it is loaded.

    Attributes:
        kind: of `GROUPS`.
        name: as registered.
        target: `module:object`.
        distribution, version: that registered it.
        requires: requirements of the distribution.
    """

    kind: str
    name: str
    target: str
    distribution: str
    version: str
    requires: tuple[str, ...] = field(default=(), repr=False)

    @property
    def origin(self) -> str:
        """Where it comes from: distribution, version and object."""
        return f"{self.distribution} {self.version} ({self.target})"

    @property
    def where(self) -> str:
        """Kind, name and origin, for messages."""
        return f"{self.kind} '{self.name}' of {self.origin}"

    @property
    def is_core(self) -> bool:
        """Whether it is flashbench's own."""
        return canonicalize_name(self.distribution) == CORE

    def load(self) -> Any:
        """Import the object.

        Raises:
            PluginError: it is for another flashbench, lacks a dependency, or raises when it is imported.
        """
        if not self.is_core:
            _check_version(self)
        try:
            return EntryPoint(self.name, self.target, GROUPS[self.kind]).load()
        except ImportError as error:
            raise PluginError(self.where, f"cannot be imported: {error}", _remedy(self)) from error
        except (Exception, SystemExit) as error:
            problem = f"raised {type(error).__name__} when it was imported: {error}"
            raise PluginError(self.where, problem, "a fault of the plugin") from error

    @property
    def file(self) -> str:
        """File of its module, empty before it is loaded."""
        module = sys.modules.get(self.target.partition(":")[0])
        return str(getattr(module, "__file__", None) or "")


def available(kind: str) -> list[Plugin]:
    """All registrations of a kind, by name; those with a name taken twice stand twice."""
    found = {_registered(kind, point) for point in entry_points(group=GROUPS[kind])}
    return sorted(found, key=lambda p: (p.name, p.origin))


def find(kind: str, name: str) -> Plugin:
    """The registration of that name.

    Raises:
        UnknownNameError: there is none; near ones are suggested.
        PluginError: two claim it.
    """
    known = available(kind)
    claims = [p for p in known if p.name == name]
    if not claims:
        raise UnknownNameError(kind, name, {p.name for p in known})
    if len(claims) > 1:
        claimants = " and ".join(p.origin for p in claims)
        raise PluginError(f"{kind} '{name}'", f"claimed by {claimants}", "uninstall one of them")
    return claims[0]


def usable(kind: str, taken: Collection[str] = ()) -> list[Plugin]:
    """Registrations of a kind whose name nobody else claims; the others are left out with a warning.

    Args:
        kind: of `GROUPS`.
        taken: names of flashbench's own.
    """
    known = available(kind)
    names = [p.name for p in known]
    chosen = []
    for plugin in known:
        problem = collision(plugin, names, taken)
        if problem:
            warn(PluginError(plugin.where, problem, "uninstall one of them"))
        else:
            chosen.append(plugin)
    return chosen


def collision(plugin: Plugin, names: Collection[str], taken: Collection[str] = ()) -> str:
    """Who else claims the plugin's name; empty if nobody does."""
    if plugin.name in taken:
        return "flashbench has that name itself, the plugin's is left out"
    return "another plugin has that name, both are left out" if list(names).count(plugin.name) > 1 else ""


def objects(kind: str, expected: type, taken: Collection[str]) -> list[tuple[Plugin, Any]]:
    """Every object of the plugins of a kind, in the order of their names, by the objects' own `name`.

    What cannot be loaded, is of another type, or has a name that is taken is left out with a warning.

    Args:
        kind: `observable` or `metric`.
        expected: type of the objects.
        taken: names of flashbench's own.
    """
    found: list[tuple[Plugin, Any]] = []
    for plugin in usable(kind):
        try:
            found += [(plugin, each) for each in contents(plugin, expected)]
        except PluginError as error:
            warn(error)
    names = [each.name for _, each in found]
    chosen = []
    for plugin, each in found:
        if each.name in taken or names.count(each.name) > 1:
            owner = "flashbench itself" if each.name in taken else "another plugin"
            problem = f"brings a {kind} '{each.name}', a name of {owner}; it is left out"
            warn(PluginError(plugin.where, problem, "rename it"))
        else:
            chosen.append((plugin, each))
    return chosen


def contents(plugin: Plugin, expected: type) -> list[Any]:
    """The object, or the objects, that a plugin brings.

    Raises:
        PluginError: it cannot be loaded, or something in it is of another type.
    """
    loaded = plugin.load()
    given = list(loaded) if isinstance(loaded, (tuple, list)) else [loaded]
    for each in given:
        if not isinstance(each, expected):
            problem = f"brings a {type(each).__name__}, not a {expected.__name__}"
            raise PluginError(plugin.where, problem, f"register a {expected.__module__}.{expected.__qualname__}")
    return given


def warn(error: PluginError) -> None:
    """Tell that something is left out; once, not in every worker process."""
    if parent_process() is None:
        warnings.warn(str(error), PluginWarning, stacklevel=3)


def _registered(kind: str, point: EntryPoint) -> Plugin:
    dist = point.dist
    if dist is None:
        return Plugin(kind, point.name, point.value, "unknown distribution", "")
    return Plugin(kind, point.name, point.value, dist.name, dist.version, tuple(dist.requires or ()))


def _requirements(plugin: Plugin) -> list[Requirement]:
    found = []
    for text in plugin.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise PluginError(
                plugin.where, f"has a requirement that cannot be read: {error}", "reinstall it"
            ) from error
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement)
    return found


def _check_version(plugin: Plugin) -> None:
    for requirement in _requirements(plugin):
        same = canonicalize_name(requirement.name) == CORE
        if same and not requirement.specifier.contains(__version__, prereleases=True):
            problem = f"is for flashbench {requirement.specifier}, this is {__version__}"
            raise PluginError(plugin.where, problem, f"install a {plugin.distribution} for this flashbench")


def _remedy(plugin: Plugin) -> str:
    missing = []
    for requirement in _requirements(plugin):
        try:
            version(requirement.name)
        except PackageNotFoundError:
            missing.append(str(requirement))
    return f"pip install '{' '.join(missing)}'" if missing else "install what it needs"
