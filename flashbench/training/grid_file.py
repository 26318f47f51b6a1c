"""A grid of recipes in TOML.

name = "kernel-widths"                  # the group
kind = "jets"                           # or "muons"
minimise = "w1"                         # validation term of the best epoch that points are ranked by

[recipe]                                # what all points have in common; the rest as in `RefinerRecipe`
epochs = 20

[grid]                                  # every combination is a point
hidden = [64, 128]
scales = [[1.0], [0.25, 0.5, 1.0]]
bandwidth = ["median", "adaptive"]
"""

from __future__ import annotations

import hashlib
import itertools
import json
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flashbench.errors import CatalogueError
from flashbench.training.recipe_refined import RefinerRecipe

_SET_ELSEWHERE: Final = ("kinds", "events")


@dataclass(frozen=True)
class Point:
    """One recipe of a grid.

    Attributes:
        key: name of its folder; changes with the recipe.
        parameters: what it has of its own.
        recipe: all of it.
    """

    key: str
    parameters: dict[str, Any]
    recipe: RefinerRecipe


class Grid(BaseModel):
    """A grid file.

    Attributes:
        name: of the group, also of its folder.
        kind: what is refined.
        minimise: validation term that points are ranked by.
        recipe: what all points share.
        grid: values of each parameter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*$")
    kind: Literal["jets", "muons"] = "jets"
    minimise: str = "w1"
    recipe: dict[str, Any] = Field(default_factory=dict)
    grid: dict[str, list[Any]] = Field(min_length=1)

    @property
    def space(self) -> dict[str, list[str | int | float | bool | None]]:
        """Values of each parameter as optuna can store them: lists as JSON."""
        return {name: [encoded(value) for value in values] for name, values in self.grid.items()}

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All combinations, in the order of the file."""
        return tuple(self._point(values) for values in itertools.product(*self.grid.values()))

    def point(self, chosen: dict[str, Any]) -> Point:
        """The point of encoded values."""
        wanted = {name: encoded(value) for name, value in chosen.items()}
        return next(point for point in self.points if {n: encoded(v) for n, v in point.parameters.items()} == wanted)

    def _point(self, values: tuple[Any, ...]) -> Point:
        parameters = dict(zip(self.grid, values, strict=True))
        recipe = RefinerRecipe.model_validate({**self.recipe, **parameters, "kinds": (self.kind,)})
        text = recipe.model_dump_json()
        return Point(hashlib.sha256(text.encode()).hexdigest()[:10], parameters, recipe)


def encoded(value: Any) -> str | int | float | bool | None:
    """A value of a grid as optuna can store it."""
    return json.dumps(value) if isinstance(value, list | dict) else value


def load_grid(path: Path) -> Grid:
    """Read a grid file.

    Raises:
        CatalogueError: unreadable, not TOML, an unknown key or a value that does not hold; names file and key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(str(path), f"cannot be read: {error}", "give a grid in TOML") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(str(path), f"is not TOML: {error}") from error
    try:
        grid = Grid.model_validate(content)
        keys = [point.key for point in grid.points]
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CatalogueError(f"{path}: {key}", str(first["msg"]), f"{error.error_count()} problem(s)") from error
    elsewhere = [name for name in _SET_ELSEWHERE if name in grid.recipe or name in grid.grid]
    if elsewhere:
        raise CatalogueError(f"{path}: {elsewhere[0]}", "is not a recipe's here", "set `kind`, or give --events")
    if not keys:
        raise CatalogueError(f"{path}: grid", "has a parameter without values")
    if len(set(keys)) != len(keys):
        raise CatalogueError(f"{path}: grid", "has the same point twice", "leave equal values out")
    return grid
