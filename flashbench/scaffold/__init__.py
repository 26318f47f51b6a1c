"""A new simulator plugin from the template; `plugins/flashbench-smear` is what it makes of the name `smear`.

The template's files stand in `template/`, with `$name`, `$module`, `$Class` where the name goes.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from flashbench import __version__
from flashbench.errors import PluginError
from flashbench.storage import write_text

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_FILES: Final = (
    "README.md",
    "pyproject.toml",
    "src/$package/__init__.py",
    "src/$package/resolution.toml",
    "src/$package/simulator.py",
    "tests/test_$module.py",
)


def contents(name: str) -> dict[str, str]:
    """Files of a new plugin: path in its folder to text.

    Raises:
        PluginError: the name is no lower-case word, or words with hyphens.
    """
    if not _NAME.fullmatch(name):
        raise PluginError(f"plugin '{name}'", "is not a name", "use lower-case letters, digits and hyphens")
    module = name.replace("-", "_")
    major, minor = __version__.split(".")[:2]
    following = f"0.{int(minor) + 1}" if major == "0" else f"{int(major) + 1}"
    given = {
        "name": name,
        "module": module,
        "package": f"flashbench_{module}",
        "Class": "".join(word.capitalize() for word in name.split("-")) + "Simulator",
        "title": name.replace("-", " ").capitalize(),
        "flashbench": f"flashbench>={major}.{minor},<{following}",
    }
    folder = files("flashbench.scaffold") / "template"
    return {
        Template(path).substitute(given): Template(
            (folder / (Path(path).name.replace("$module", "module") + ".txt")).read_text(encoding="utf-8")
        ).substitute(given)
        for path in _FILES
    }


def create(name: str, parent: Path) -> Path:
    """Write a new plugin to `parent/flashbench-NAME`.

    Raises:
        PluginError: the name does not do, or the folder is there already.
    """
    texts = contents(name)
    folder = parent / f"flashbench-{name}"
    if folder.exists():
        raise PluginError(str(folder), "is there already", "remove it, or choose another name")
    for path, text in texts.items():
        write_text(folder / path, text)
    return folder
