"""The `flashbench` command. Verbs live one module a family; heavy imports live inside the commands."""

from flashbench.cli.main import app, main

__all__ = ["app", "main"]
