"""`flashbench monitor`: trainings in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def monitor(
    folder: Annotated[Path, typer.Argument(help="Folder of trainings or grids; all below it are shown.")] = Path(),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 8050,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
) -> None:
    """Show trainings as they run, on a page of this machine: losses, constraints, ranking; Ctrl-C ends it.

    It only reads: a training neither needs it nor notices it.

    Examples:

        flashbench monitor grids

        flashbench monitor refined-weights --port 0 --no-browser
    """
    import webbrowser

    from flashbench.cli.extras import need

    need("train", "optuna")
    from flashbench.training.monitor import serve

    def ready(address: str) -> None:
        typer.echo(f"trainings below {folder.resolve()}: {address}")
        if browser:
            webbrowser.open(address)

    serve(folder, port, ready)
