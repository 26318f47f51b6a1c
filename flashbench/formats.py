"""Files that are not NanoAOD: parquet and Arrow dumps, and the formats of plugins.

What to use when: `reader_of` for the reader of a path, None where it is left to `flashbench.nanoaod`; implement
`Format` and register it in the entry-point group `flashbench.formats` to bring another. Columns come out under NanoAOD
names and in its units; whatever a file lacks takes its neutral value, or is refused, as for NanoAOD.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, runtime_checkable

import awkward as ak

from flashbench import plugins
from flashbench.dumps import ArrowDump
from flashbench.errors import PluginError


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds.

    Attributes:
        uuid: changes whenever the events do; part of every cache key.
        entries: number of events.
        branches: NanoAOD names that can be read.
    """

    uuid: str
    entries: int
    branches: frozenset[str]


@runtime_checkable
class Format(Protocol):
    """Reads one kind of file."""

    def recognises(self, path: str) -> bool:
        """Whether a path or address is of this kind; cheap, and False rather than an error where it cannot tell."""
        ...

    def open(self, path: str) -> tuple[str, int, frozenset[str]]:
        """Identity, number of events and NanoAOD names of the branches, as in `Contents`.

        Raises:
            InputError, SchemaError, CatalogueError: it cannot be read.
        """
        ...

    def read(self, path: str, start: int, stop: int, names: Sequence[str]) -> Mapping[str, ak.Array]:
        """Columns of the entries start … stop − 1 by NanoAOD name: one value an event, or a list for collections.

        Raises:
            InputError, SchemaError, CatalogueError: it cannot be read.
        """
        ...


def reader_of(path: str) -> Format | None:
    """The format of a path; None for what is to be read as NanoAOD.

    Raises:
        PluginError: two formats of plugins claim it.
    """
    own = ArrowDump()
    if own.recognises(path):
        return own
    claims = [(plugin, reader) for plugin, reader in _of_plugins() if reader.recognises(path)]
    if len(claims) > 1:
        claimants = " and ".join(plugin.origin for plugin, _ in claims)
        raise PluginError(path, f"claimed by the formats {claimants}", "uninstall one of them")
    return claims[0][1] if claims else None


def contents(reader: Format, path: str) -> Contents:
    """What `reader` finds in a file."""
    return Contents(*reader.open(path))


@cache  # entry points do not change while it runs
def _of_plugins() -> tuple[tuple[plugins.Plugin, Format], ...]:
    found = []
    for plugin in plugins.usable("format"):
        try:
            found.append((plugin, _made(plugin)))
        except PluginError as error:
            plugins.warn(error)
    return tuple(found)


def _made(plugin: plugins.Plugin) -> Format:
    factory = plugin.load()
    try:
        made = factory()
    except Exception as error:
        problem = f"raised {type(error).__name__} when it was made: {error}"
        raise PluginError(plugin.where, problem, "a fault of the plugin") from error
    if not isinstance(made, Format):
        raise PluginError(plugin.where, "lacks `recognises`, `open` or `read`", "see flashbench.formats.Format")
    return made
