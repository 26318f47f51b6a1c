"""`flashbench simulators` and `flashbench processes`: what there is, and where it comes from."""

from __future__ import annotations

from flashbench.cli.options import Catalogue


def simulators() -> None:
    """List the registered simulators and where each comes from.

    Example:

        flashbench simulators
    """
    from rich.console import Console
    from rich.table import Table

    from flashbench.errors import PluginError
    from flashbench.simulators import available, get

    table = Table("name", "label", "reads", "folds", "version", "origin", title="Simulators")
    for registered in available():
        try:
            info = get(registered.name).info
        except PluginError as error:
            table.add_row(registered.name, f"[red]{error.problem}", "", "", "", registered.origin)
            continue
        folds = "yes" if info.stochastic else "no"
        table.add_row(info.name, info.label, str(info.reads), folds, info.version, registered.origin)
    Console().print(table)


def processes(catalogue: Catalogue = None) -> None:
    """List the processes of the catalogue and where each comes from.

    Example:

        flashbench processes --catalogue my.toml
    """
    from rich.console import Console
    from rich.table import Table

    from flashbench.catalogue import load

    table = Table("process", "label", "role", "σ (pb)", "files", "origin", title="Processes")
    for process in load(catalogue).values():
        cross_section = f"{process.cross_section:.4g}" if process.cross_section else "generator's"
        files = ", ".join(f"{tier}: {len(patterns)}" for tier, patterns in process.files.items())
        origin = process.origin
        table.add_row(process.key, process.label, process.role, cross_section, files or "produced", origin)
    Console().print(table)
