"""How long the simulators took, from the manifests of their runs and of the samples that they read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashbench.errors import RunError
from flashbench.events import Tier

if TYPE_CHECKING:
    from flashbench.results import RunResult


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of one core for an event and fold, of one run.

    Attributes:
        stages: read, simulate, analyse, as the run's manifest has them.
        generation, reconstruction: of the sample that was read, by the embedded production; None where it did not make
            it. A simulator of the generator tier needs no reconstruction.
    """

    stages: Mapping[str, float]
    generation: float | None
    reconstruction: float | None

    @property
    def simulation(self) -> float | None:
        """Seconds from generated to reconstructed objects; None where the files' own simulation was not timed."""
        return None if self.reconstruction is None else self.reconstruction + self.stages.get("simulate", 0.0)

    @property
    def rate(self) -> float | None:
        """Events a second of one core, from generated to reconstructed objects."""
        return 1 / self.simulation if self.simulation else None


def speed_of(run: RunResult) -> Speed:
    """What a run and its sample took.

    Raises:
        RunError: a sidecar of a sample that is not what the production writes.
    """
    thrown = max(run.n_events * run.folds, 1)
    stages = {stage: seconds / thrown for stage, seconds in run.manifest.get("timings", {}).items()}
    produced = _produced(run.manifest)
    reads_gen = run.manifest.get("reads") == str(Tier.GEN)
    reconstruction = 0.0 if reads_gen and stages else None
    if produced and not reads_gen:
        reconstruction = produced["reconstruction"]
    return Speed(stages, produced["generation"] if produced else None, reconstruction)


def _produced(manifest: Mapping[str, Any]) -> dict[str, float] | None:
    """Seconds an event of the stages that made the input; None where a file has no record of them."""
    events, seconds = 0, {"generation": 0.0, "reconstruction": 0.0}
    for given in manifest.get("inputs", ()):
        path = given.get("path", "")
        if not path or "://" in path or not Path(path).with_suffix(".json").is_file():
            return None
        sidecar = Path(path).with_suffix(".json")
        try:
            record = json.loads(sidecar.read_text(encoding="utf-8"))
            taken = {stage: float(record["seconds"][stage]) for stage in seconds}
            events += int(record["events"])
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                str(sidecar), f"is not the record of a sample: {error!r}", "make the sample again"
            ) from error
        seconds = {stage: seconds[stage] + taken[stage] for stage in seconds}
    return {stage: total / events for stage, total in seconds.items()} if events else None


def speed_up(own: Speed, reference: Speed) -> float | None:
    """Simulation time of the reference over that of a simulator; None where either was not timed."""
    if not own.simulation or not reference.simulation:
        return None
    return reference.simulation / own.simulation
