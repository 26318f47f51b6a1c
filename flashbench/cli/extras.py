"""A package that a verb needs and that is not installed: one line, not a traceback."""

from __future__ import annotations

from importlib.util import find_spec

from flashbench.errors import PluginError


def need(extra: str, *packages: str) -> None:
    """Check that packages of an extra are there, without importing them.

    Raises:
        PluginError: names the first that is not, and how to install it.
    """
    for package in packages:
        if find_spec(package) is None:
            raise PluginError(f"extra '{extra}'", f"'{package}' is not installed", f"pip install 'flashbench[{extra}]'")
