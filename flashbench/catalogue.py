"""Processes and their files: the built-in list and a user's TOML.

A catalogue file reads

    [processes.dy2j]
    label = "Z → μμ + 2 jets, 2018"
    cross_section = 6077.22            # pb, optional
    k_factor = 1.0                     # optional; multiplies the cross-section, given or the generator's
    uncertainty = 0.1                  # optional; of the cross-section, relative, for a fit
    [processes.dy2j.files]
    full = ["/data/dy/*.root"]         # relative to this file; globs and root:// allowed
    fast = ["fast/dy_*.root"]          # optional; the gen tier reads the generator columns of `full`

An entry of a user's file replaces any other of the same key. Lists, highest first: `--catalogue`, the environment
variable `FLASHBENCH_CATALOGUE`, then flashbench's own and those of plugins (entry points of the group
`flashbench.processes`), which may not share a key: one that does is refused when it is asked for.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files as package_files
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flashbench import plugins
from flashbench.errors import CatalogueError, PluginError, UnknownNameError
from flashbench.events import Tier

ENVIRONMENT: Final = "FLASHBENCH_CATALOGUE"
BUILT_IN: Final = "built-in"


@dataclass(frozen=True, slots=True)
class Process:
    """One process.

    Attributes:
        key: name on the command line, e.g. `dy2j`.
        label: for legends.
        role: what it is for, one line.
        cross_section: pb, or None where the generator's is taken.
        k_factor: what it is multiplied by.
        uncertainty: of the cross-section, relative; None where it is not known.
        files: patterns per tier; empty where the embedded production makes the sample.
        origin: `built-in`, the plugin or the catalogue file.
        claimants: who else has that key; a process with any cannot be used.
    """

    key: str
    label: str
    role: str = ""
    cross_section: float | None = None
    k_factor: float = 1.0
    uncertainty: float | None = None
    files: Mapping[Tier, tuple[str, ...]] = field(default_factory=dict)
    origin: str = BUILT_IN
    claimants: tuple[str, ...] = ()

    def patterns(self, tier: Tier) -> tuple[str, ...]:
        """Patterns of the files to read for a tier; the gen tier is in every file.

        Raises:
            CatalogueError: the catalogue names no files for that tier.
        """
        order = (Tier.FULL, Tier.FAST) if tier is Tier.GEN else (tier,)
        found = next((self.files[t] for t in order if t in self.files), None)
        if found is None:
            known = ", ".join(self.files)
            hint = f"it has {known}" if known else "it is made by the embedded production"
            raise CatalogueError(f"{self.origin}: processes.{self.key}.files", f"names no files of tier {tier}", hint)
        return found


class _Files(BaseModel):
    model_config = ConfigDict(extra="forbid")
    full: list[str] = Field(default_factory=list)
    fast: list[str] = Field(default_factory=list)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label: str = Field(min_length=1)
    role: str = ""
    cross_section: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    k_factor: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    uncertainty: float | None = Field(default=None, ge=0, lt=1)
    files: _Files = Field(default_factory=_Files)


class _Catalogue(BaseModel):
    model_config = ConfigDict(extra="forbid")
    processes: dict[str, _Entry]


def built_in() -> dict[str, Process]:
    """The processes that the embedded production can make."""
    text = (package_files("flashbench") / "catalogue.toml").read_text(encoding="utf-8")
    return _parse(text, BUILT_IN, Path())


def load(path: str | os.PathLike[str] | None = None) -> dict[str, Process]:
    """Built-in processes and those of plugins, overlaid with a user's.

    A plugin's file that cannot be read is left out with a warning.

    Args:
        path: a catalogue file; None takes `FLASHBENCH_CATALOGUE` if set.

    Raises:
        CatalogueError: unreadable, not TOML, an unknown key or a value that does not hold; names file and key.
    """
    chosen = os.fspath(path) if path is not None else os.environ.get(ENVIRONMENT, "")
    processes = _with_plugins(built_in())
    if chosen:
        file = Path(chosen)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CatalogueError(chosen, f"cannot be read: {error}", "give a catalogue TOML file") from error
        user = _parse(text, chosen, file.resolve().parent)
        for process in user.values():
            if not process.files and process.key not in processes:
                key = f"{chosen}: processes.{process.key}.files"
                raise CatalogueError(key, "missing, and the process is not built-in", "name the files of a tier")
        processes |= user
    return processes


def find(processes: Mapping[str, Process], key: str) -> Process:
    """The process of that key.

    Raises:
        UnknownNameError: none; near ones are suggested.
        CatalogueError: plugins and flashbench, or several plugins, have that key.
    """
    if key not in processes:
        raise UnknownNameError("process", key, processes)
    found = processes[key]
    if found.claimants:
        claims = " and ".join((found.origin, *found.claimants))
        raise CatalogueError(f"process '{key}'", f"claimed by {claims}", "say which in your own catalogue")
    return found


def _with_plugins(processes: dict[str, Process]) -> dict[str, Process]:
    for plugin in plugins.usable("process"):
        try:
            added = fragment(plugin)
        except PluginError as error:
            plugins.warn(error)
            continue
        for key, process in added.items():
            first = processes.setdefault(key, process)
            if first is not process:
                processes[key] = replace(first, claimants=(*first.claimants, process.origin))
    return processes


def fragment(plugin: plugins.Plugin) -> dict[str, Process]:
    """Processes of the catalogue file that a plugin registers.

    Raises:
        PluginError: it cannot be loaded, is no path, or the file does not hold.
    """
    path = plugin.load()
    if not isinstance(path, (str, os.PathLike)):
        problem = f"is a {type(path).__name__}, not the path of a catalogue TOML"
        raise PluginError(plugin.where, problem, "register a pathlib.Path")
    try:
        text = Path(path).read_text(encoding="utf-8")
        added = _parse(text, os.fspath(path), Path(path).resolve().parent)
    except (OSError, UnicodeDecodeError, CatalogueError) as error:
        raise PluginError(plugin.where, str(error), "a fault of the plugin") from error
    origin = f"{plugin.distribution} {plugin.version}"
    without = [key for key, process in added.items() if not process.files]
    if without:
        raise PluginError(plugin.where, f"process '{without[0]}' has no files", "name the files of a tier")
    return {key: replace(process, origin=origin) for key, process in added.items()}


def _parse(text: str, origin: str, folder: Path) -> dict[str, Process]:
    try:
        content = _Catalogue.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(origin, f"is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CatalogueError(f"{origin}: {key}", str(first["msg"]), f"{error.error_count()} problem(s)") from error
    return {key: _process(key, entry, origin, folder) for key, entry in content.processes.items()}


def _process(key: str, entry: _Entry, origin: str, folder: Path) -> Process:
    given = {Tier.FULL: entry.files.full, Tier.FAST: entry.files.fast}
    files = {tier: tuple(_absolute(p, folder) for p in patterns) for tier, patterns in given.items() if patterns}
    numbers = (entry.cross_section, entry.k_factor, entry.uncertainty)
    return Process(key, entry.label, entry.role, *numbers, files, origin)


def _absolute(pattern: str, folder: Path) -> str:
    return pattern if "://" in pattern else str(folder / Path(pattern).expanduser())
