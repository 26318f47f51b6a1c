"""Were these files trained on?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from flashbench.errors import RunError
from flashbench.nanoaod import Source

_SHARD: Final = 4  # process, settings, tier, shard: a produced file made again has another UUID, and the same events
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
    """Paths of those files that were trained on: of the same UUID, or the same shard of the same production."""
    uuids = {each["uuid"] for each in training.get("inputs", ())}
    shards = {_shard(each["path"]) for each in training.get("inputs", ())} - {()}
    return [source.path for source in sources if source.uuid in uuids or _shard(source.path) in shards]


def refuse_seen(training: Mapping[str, Any], sources: Sequence[Source]) -> None:
    """Refuse events that the weights know.

    Raises:
        RunError: a file was trained on; names the first one.
    """
    if known := seen(training, sources):
        problem = f"{len(known)} of {len(sources)} files were trained on (training seed {training.get('seed')})"
        raise RunError(known[0], problem, "take another --seed or other files, or allow it: --allow-seen")


def _shard(path: str) -> tuple[str, ...]:
    parts = Path(path).parts
    produced = len(parts) > _SHARD and parts[-1 - _SHARD] == "samples" and parts[-1].startswith("shard-")
    return parts[-_SHARD:] if produced else ()
