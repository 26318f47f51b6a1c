"""Were these files trained on?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from flashbench.errors import RunError
from flashbench.nanoaod import Source

_FACTS: Final[tuple[str, ...]] = ("seed", "events", "inputs", "recipe", "created")


def training_of(simulator: object) -> dict[str, Any]:
    """Seed, events and inputs that a simulator's weights were trained with; empty if it has none.

    Raises:
        PluginError: the weights have no readable manifest.
    """
    weights = getattr(simulator, "weights", None)
    if not isinstance(weights, Path):
        return {}
    from flashbench.simulators.flash.networks import identity, read_manifest

    manifest = read_manifest(weights)
    known = {name: manifest[name] for name in _FACTS if name in manifest}
    return {"weights": str(weights), "identity": identity(manifest)} | known


def seen(training: Mapping[str, Any], sources: Sequence[Source]) -> list[str]:
    """Paths of those files that were trained on.

    They have the same UUID, or are the same shard of a production of the same process and seed: made again, it has
    another UUID, and with another version of the detector other objects, of the same generator events.
    """
    inputs = training.get("inputs", ())
    uuids = {each["uuid"] for each in inputs}
    shards = {_shard(each["path"], training.get("seed")) for each in inputs} - {None}
    return [s.path for s in sources if s.uuid in uuids or _shard(s.path, _production_seed(s.path)) in shards]


def refuse_seen(training: Mapping[str, Any], sources: Sequence[Source]) -> None:
    """Refuse events that the weights know.

    Raises:
        RunError: a file was trained on; names the first one.
    """
    if known := seen(training, sources):
        problem = f"{len(known)} of {len(sources)} files were trained on (training seed {training.get('seed')})"
        raise RunError(known[0], problem, "take another --seed or other files, or allow it: --allow-seen")


def _shard(path: str, seed: int | None) -> tuple[str, int, str] | None:
    """Process, seed and shard of a produced file, `samples/PROCESS/SETTINGS/TIER/shard-N.root`; None of others."""
    parts = Path(path).parts[-5:]
    produced = len(parts) == 5 and parts[0] == "samples" and parts[-1].startswith("shard-")
    return (parts[1], seed, parts[-1]) if produced and seed is not None else None


def _production_seed(path: str) -> int | None:
    """Seed in the manifest that production left beside its tiers; None where there are none."""
    manifest = Path(path).parent.parent / "manifest.json"
    if "://" in path or not manifest.is_file():
        return None
    seed = json.loads(manifest.read_text(encoding="utf-8")).get("seed")
    return seed if isinstance(seed, int) else None
