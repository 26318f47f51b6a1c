"""The root command, with sub-commands that plugins bring: listed by name, imported when they are called."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from flashbench import plugins
from flashbench.errors import PluginError


class Root(TyperGroup):
    """flashbench's own verbs, then those of the entry-point group `flashbench.commands`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, own ones first."""
        own = super().list_commands(ctx)
        return [*own, *(p.name for p in plugins.usable("command", own))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """An own verb; of a plugin's, a stand-in that says where it comes from."""
        own = super().get_command(ctx, cmd_name)
        found = None if own else self._plugin(cmd_name)
        return TyperCommand(name=cmd_name, help=f"Of {found.distribution} {found.version}.") if found else own

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that is called; a plugin's is imported here.

        Raises:
            PluginError: it cannot be loaded, or is no `typer.Typer`.
        """
        found = self._plugin(args[0]) if args and args[0] not in self.commands else None
        if found:
            app = found.load()
            if not isinstance(app, typer.Typer):
                raise PluginError(found.where, f"is a {type(app).__name__}, not a typer.Typer", "register the app")
            self.add_command(typer.main.get_command(app), found.name)
        return super().resolve_command(ctx, args)

    def _plugin(self, name: str) -> plugins.Plugin | None:
        found = plugins.usable("command", self.commands)
        return next((p for p in found if p.name == name), None)
