"""Random streams that never depend on what was drawn before.

Every step of every shard has a generator of its own, named by integers and words: adding a draw in one step changes
no other step, and the number of workers changes nothing.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np

_PYTHIA_SEEDS = 900_000_000


def stream(*key: int | str) -> np.random.Generator:
    """The generator named by `key`."""
    words = [crc32(part.encode()) if isinstance(part, str) else part for part in key]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def pythia_seed(*key: int | str) -> int:
    """A seed in Pythia's range, 1 … 9e8."""
    return int(stream(*key, "pythia").integers(1, _PYTHIA_SEEDS))
