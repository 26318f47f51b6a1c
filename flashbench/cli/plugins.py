"""`flashbench plugins` and `flashbench plugin new`: what other distributions bring, and how to write one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from flashbench.plugins import Plugin

app = typer.Typer(no_args_is_help=True, help="Write a plugin.")


@app.callback()
def _plugin() -> None:
    """Write a plugin."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the simulator, e.g. smear: lower-case, hyphens allowed.")],
    into: Annotated[Path, typer.Option(help="Folder to put flashbench-NAME in.")] = Path(),
) -> None:
    """Write a new simulator plugin that works: Gaussian smearing, to be replaced by yours, with its tests.

    Example:

        flashbench plugin new smear
    """
    from flashbench.scaffold import create

    folder = create(name, into)
    typer.echo(f"wrote {folder}; now: pip install -e {folder} && flashbench check {name}")


def plugins() -> None:
    """List everything that is registered: kind, name, distribution and version, file, and what is wrong with it.

    Example:

        flashbench plugins
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from flashbench.plugins import GROUPS, available

    table = Table("kind", "name", "distribution", "version", "state", title="Plugins and flashbench's own")
    table.add_column("file", overflow="fold")
    for kind in GROUPS:
        known = available(kind)
        for plugin in known:
            problem = _problem(plugin, [p.name for p in known])
            state = Text(problem, style="red") if problem else Text("ok", style="green")
            table.add_row(kind, plugin.name, plugin.distribution, plugin.version, state, plugin.file or plugin.target)
    Console().print(table)


def _problem(plugin: Plugin, names: list[str]) -> str:
    from flashbench.cli.main import OWN_VERBS
    from flashbench.errors import PluginError
    from flashbench.plugins import collision

    taken = OWN_VERBS if plugin.kind == "command" else ()
    try:
        clash = collision(plugin, names, taken) or _clash(plugin)
    except PluginError as error:
        return error.problem + (f" ({error.hint})" if error.hint else "")
    return clash


def _clash(plugin: Plugin) -> str:
    """Load a plugin; what of it has a name that flashbench has itself."""
    names, own = _names(plugin)
    taken = sorted(set(names) & own)
    return f"brings {', '.join(taken)}, which flashbench has itself" if taken else ""


def _names(plugin: Plugin) -> tuple[list[str], set[str]]:
    from flashbench.plugins import contents

    match plugin.kind:
        case "process":
            from flashbench.catalogue import built_in, fragment

            return list(fragment(plugin)), set(built_in())
        case "observable":
            from flashbench.analysis import OBSERVABLES, Observable

            return _named(contents(plugin, Observable)), set(_named(OBSERVABLES))
        case "metric":
            from flashbench.compare import METRICS, Metric

            return _named(contents(plugin, Metric)), set(_named(METRICS))
        case _:
            plugin.load()
            return [], set()


def _named(objects: Any) -> list[str]:
    return [each.name for each in objects]
