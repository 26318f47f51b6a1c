"""Where the progress of long work goes.

What to use when: `Progress` for one piece of work, `Monitor` for several stages, `silent` where nobody watches. Bars on
a terminal are in `cli.progress`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Progress = Callable[[int, int], None]
"""Called with what is done and how much it is in all."""

Monitor = Callable[[str], AbstractContextManager[Progress]]
"""Given the name of a stage, a context that yields where its progress goes."""


def silent(stage: str) -> AbstractContextManager[Progress]:
    """A monitor that shows nothing."""
    return nullcontext(lambda done, total: None)
