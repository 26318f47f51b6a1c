"""Published JSON schemas of what flashbench writes; `flashbench schema` prints them.

References:
    JSON Schema, draft 2020-12, https://json-schema.org/draft/2020-12.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from flashbench.errors import RunError, UnknownNameError

_SUFFIX = ".schema.json"


def names() -> list[str]:
    """Documents that have a schema."""
    return sorted(each.name.removesuffix(_SUFFIX) for each in files(__name__).iterdir() if each.name.endswith(_SUFFIX))


def schema(name: str) -> dict[str, Any]:
    """The schema of a document.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in names():
        raise UnknownNameError("schema", name, names())
    content: dict[str, Any] = json.loads((files(__name__) / f"{name}{_SUFFIX}").read_text(encoding="utf-8"))
    return content


def read(path: Path, name: str) -> dict[str, Any]:
    """A JSON file that keeps its schema.

    Raises:
        RunError: it cannot be read, is not JSON, or breaks the schema; says where.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(str(path), f"cannot be read: {error.strerror}", "give files that `compare` wrote") from error
    except ValueError as error:
        raise RunError(str(path), f"is not JSON: {error}", "give files that `compare` wrote") from error
    broken = best_match(Draft202012Validator(schema(name)).iter_errors(content))
    if broken is not None:
        problem = f"is not {name}.json: {broken.json_path}: {_short(broken.message)}"
        raise RunError(str(path), problem, f"the rules: flashbench schema {name}")
    return content


def _short(message: str) -> str:
    return message if len(message) <= 120 else f"{message[:117]}..."
