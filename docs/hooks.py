"""When the documentation is built: the reference of the command line, from the commands, and the list of decisions."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from flashbench.cli import app

PAGE = "reference/cli.md"
START = "# Command line\n\nWritten from the commands; `flashbench COMMAND --help` says the same.\n"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the decisions, however many there are."""
    folder = Path(config.docs_dir)
    pages = sorted(path.relative_to(folder).as_posix() for path in (folder / "decisions").glob("*.md"))
    config.nav = [*(config.nav or []), {"Decisions": pages}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, PAGE, content=command_line()))
    return files


def command_line() -> str:
    """The page, Markdown."""
    root = typer.main.get_command(app)
    return "\n".join([START, *(_section(path, command) for path, command in _commands("flashbench", root))])


def _commands(path: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if getattr(command, "commands", None):
            yield from _commands(f"{path} {name}", command)
        else:
            yield f"{path} {name}", command


def _section(path: str, command: Any) -> str:
    lines = [f"## {path}", "", _text(command.help or ""), "", "| option | value | |", "|---|---|---|"]
    lines += [_row(parameter) for parameter in command.params if parameter.name != "help"]
    return "\n".join(lines) + "\n"


def _text(help_: str) -> str:
    """The docstring; examples as a block of code."""
    before, _, examples = inspect.cleandoc(help_).partition("Example")
    if not examples:
        return before
    calls = [line.strip() for line in examples.splitlines()[1:] if line.strip()]
    return "\n".join([before, "```bash", *calls, "```"])


def _row(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts) if name.startswith("-"))
    names = names or f"`{parameter.name.upper()}`"
    remark = (getattr(parameter, "help", None) or "").replace("|", "\\|")
    default = parameter.default
    if parameter.required:
        remark += " Required."
    elif default not in (None, False, [], ()) and not callable(default):
        remark += f" [default: `{default}`]"
    kind = "" if getattr(parameter, "is_flag", False) else _kind(parameter.type_descriptor.annotation)
    return f"| {names} | {kind} | {remark} |"


def _kind(annotation: Any) -> str:
    inner = [each for each in typing.get_args(annotation) if each is not type(None)]
    if typing.get_origin(annotation) is list:
        return f"{_kind(inner[0])}, repeatable"
    return _kind(inner[0]) if inner else {Path: "path", str: "text", int: "number", float: "number"}[annotation]
