"""Where samples live, and what makes two of them the same."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs

from flashbench.errors import ProductionError
from flashbench.production.detector.grades import FAST, FULL
from flashbench.production.minimum_bias import PoolSettings
from flashbench.production.recipes import COMMON, Recipe

SHARD_EVENTS = 1000


def cache_directory(cache: Path | None = None) -> Path:
    """`cache`, else `FLASHBENCH_CACHE`, else the user's cache directory; samples are in `samples` under it."""
    if cache is not None:
        return Path(cache)
    override = os.environ.get("FLASHBENCH_CACHE")
    return Path(override) if override else platformdirs.user_cache_path("flashbench")


def versions() -> dict[str, str]:
    """Versions of the libraries that decide what the arrays are.

    Raises:
        ProductionError: Pythia or FastJet is not installed.
    """
    found = {}
    for name in ("pythia8mc", "fastjet", "onnxruntime"):
        try:
            found[name] = version(name)
        except PackageNotFoundError as error:
            problem = f"{name} is not installed"
            raise ProductionError("production", problem, "pip install 'flashbench[production]'") from error
    return found


def settings_of(recipe: Recipe, seed: int, pool: PoolSettings, lhe_sha256: str = "") -> dict[str, object]:
    """Everything the arrays of a sample depend on, as JSON-ready data."""
    return {
        "recipe": asdict(recipe),
        "common": list(COMMON),
        "seed": seed,
        "minimum_bias": pool.key(),
        "grades": {"full": asdict(FULL), "fast": asdict(FAST)},
        "networks": weights_hash(),
        "shard_events": SHARD_EVENTS,
        "lhe_sha256": lhe_sha256,
        "code": code_hash(),
        "versions": versions(),
    }


def code_hash() -> str:
    """SHA-256 over the sources of this package: a changed step never continues, or serves, an older sample."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def weights_hash() -> str:
    """SHA-256 over the shipped tables and networks of the detector."""
    digest = hashlib.sha256()
    directory = Path(__file__).parent / "detector" / "weights"
    for path in sorted(directory.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def key_of(settings: dict[str, object]) -> str:
    """A short name for a set of settings."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
