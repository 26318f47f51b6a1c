"""The command's root: verbs, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from flashbench.cli import (
    check,
    compare,
    demo,
    fit,
    grid,
    leaderboard,
    listing,
    monitor,
    plugins,
    run,
    samples,
    systematics,
    train,
    upsample,
    validate,
)
from flashbench.cli.root import Root
from flashbench.errors import FlashbenchError

INTERRUPTED: Final = 130

app = typer.Typer(
    name="flashbench",
    cls=Root,
    help="Does a fast detector simulation give the analysis result that full simulation would?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog="Start with: `flashbench demo`",
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("compare")(compare.compare)
app.command("fit")(fit.fit)
app.command("upsample")(upsample.upsample)
app.command("systematics")(systematics.systematics)
app.command("leaderboard")(leaderboard.leaderboard)
app.command("schema")(leaderboard.schema)
app.command("check")(check.check)
app.command("simulators")(listing.simulators)
app.command("processes")(listing.processes)
app.command("plugins")(plugins.plugins)
app.add_typer(plugins.app, name="plugin")
app.command("monitor")(monitor.monitor)
app.add_typer(grid.app, name="grid")
app.add_typer(samples.app, name="samples")
app.add_typer(train.app, name="train")
app.add_typer(validate.app, name="validate")

OWN_VERBS: Final = (
    *(str(verb.name) for verb in app.registered_commands),
    *(str(group.name) for group in app.registered_groups),
)  # a plugin's of the same name is left out


def _version(show: bool) -> None:
    if show:
        from flashbench import __version__

        typer.echo(f"flashbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: an error flashbench foresaw is one line on stderr and exit code 1, Ctrl-C is 130."""
    try:
        app()
    except FlashbenchError as error:
        typer.secho(f"flashbench: {error}", fg=typer.colors.RED, err=True)
        sys.exit(1)
    except SystemExit as stop:  # typer turns Ctrl-C into this exit code, without a word
        if stop.code == INTERRUPTED:
            typer.secho(
                "flashbench: interrupted; finished blocks are kept, the same command goes on from there", err=True
            )
        raise
