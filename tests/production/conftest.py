"""Small events of the production's own, made once for all its tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pythia8mc", reason="needs the production extra")
pytest.importorskip("fastjet", reason="needs the production extra")

from flashbench.production.generate import Generated, generate
from flashbench.production.genjets import gen_jets
from flashbench.production.minimum_bias import PARTS, PoolSettings, part_path
from flashbench.production.ragged import Ragged, events_of
from flashbench.production.recipes import recipe

EVENTS = 60


@pytest.fixture(scope="session")
def vbf(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    """Sixty VBF H → μμ events."""
    return generate(recipe("vbf_hmm"), EVENTS, 5, tmp_path_factory.mktemp("pythia"))[0]


@pytest.fixture(scope="session")
def ttbar(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    """Sixty inclusive tt̄ events."""
    return generate(recipe("ttbar"), EVENTS, 6, tmp_path_factory.mktemp("pythia"))[0]


@pytest.fixture(scope="session")
def ttbar_jets(ttbar: Generated) -> Ragged:
    """Their GenJets."""
    return gen_jets(ttbar.visible, ttbar.hadrons, ttbar.partons)


@pytest.fixture(scope="session")
def pool() -> Ragged:
    """A stand-in for the minimum-bias pool: soft, flat in pseudorapidity, forty collisions."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(90, 40)
    n = int(counts.sum())
    zero = np.zeros(n, dtype=np.float32)
    charged = rng.random(n) < 0.5
    columns = {
        "pt": (0.25 + rng.exponential(0.4, n)).astype(np.float32),
        "eta": rng.uniform(-5, 5, n).astype(np.float32),
        "phi": rng.uniform(-np.pi, np.pi, n).astype(np.float32),
        "mass": np.where(charged, 0.14, 0.0).astype(np.float32),
        "x": zero,
        "y": zero,
        "z": zero,
        "charge": np.where(charged, rng.choice([-1, 1], n), 0).astype(np.int8),
        "kind": np.where(charged, 0, 1).astype(np.int8),
    }
    return Ragged(counts.astype(np.int64), columns)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory, pool: Ragged) -> Path:
    """A cache directory that already holds the stand-in pool, so that tests need not make the real one."""
    root = tmp_path_factory.mktemp("cache")
    directory = root / "minimum-bias"
    directory.mkdir()
    for part in range(PARTS):
        some = events_of(pool, 10 * part, 10 * part + 10)
        arrays = {name: np.asarray(some[name]) for name in some.columns}
        np.savez(part_path(directory, PoolSettings(), part), counts=some.counts, **arrays)
    return root
