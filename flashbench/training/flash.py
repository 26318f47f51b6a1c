"""Train all of FlashSim: tables from NanoAOD, six networks one after another, a sealed folder of weights.

    out/
    ├── manifest.json          written last
    ├── jets/ …                one folder a network, see `flashbench.simulators.flash.networks`
    └── training/              recipe.json; for each network history.jsonl and, until it is done, a checkpoint

A training that was killed goes on from its last epoch when it is started again with the same recipe and input.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from flashbench import provenance
from flashbench.errors import InputError, RunError
from flashbench.nanoaod import expand, open_source
from flashbench.simulators.flash import weights
from flashbench.simulators.flash.efficiency import ChargeFlip
from flashbench.simulators.flash.fakes import FAKE_CONDITIONS, MOST_FAKES
from flashbench.simulators.flash.features import FEATURE_VERSION, JET_CONDITIONS, MUON_CONDITIONS, Feature, FloatArray
from flashbench.simulators.flash.networks import MANIFEST, read_manifest, write_manifest
from flashbench.storage import write_json
from flashbench.training.classifier import train_classifier
from flashbench.training.extraction import Objects, Tables, extract
from flashbench.training.flow import FlowSettings, train_flow
from flashbench.training.loop import Epoch, LoopConfig

DEFAULT_EVENTS: Final = 50_000
FEWEST_ROWS: Final = 100
_LARGEST_BATCH: Final = 2048
_MOST_EPOCHS: Final = 200
_STEPS: Final = {
    "jets": 6000,
    "muons": 5000,
    "fake-features": 3000,
    "jet-efficiency": 3000,
    "muon-efficiency": 2000,
    "fake-number": 2000,
}  # of the shipped recipe

Progress = Callable[[int, int], None]
Monitor = Callable[[str], AbstractContextManager[Progress]]


def silent(stage: str) -> AbstractContextManager[Progress]:
    """A monitor that shows nothing."""
    return nullcontext(lambda done, total: None)


@dataclass(frozen=True, slots=True)
class FlashRecipe:
    """How FlashSim is trained.

    Attributes:
        events: at most so many of the input; None for all.
        epochs: of every network; None for as many as its steps need.
        seed: of everything random.
        steps: optimiser steps of each network, where `epochs` is None.
        flow: shape of the three flows.
    """

    events: int | None = None
    epochs: int | None = None
    seed: int = 1
    steps: dict[str, int] = field(default_factory=lambda: dict(_STEPS))
    flow: FlowSettings = field(default_factory=FlowSettings)

    def loop(self, part: str, rows: int) -> LoopConfig:
        """Loop of a network with so many rows: smaller batches for a small sample."""
        batch = int(np.clip(rows // 20, 128, _LARGEST_BATCH))
        epochs = self.epochs or int(np.clip(-(-self.steps[part] * batch // rows), 1, _MOST_EPOCHS))
        return LoopConfig(epochs=epochs, batch=batch, patience=max(10, epochs // 4))


def train_flash(files: Sequence[str], out: Path, recipe: FlashRecipe, monitor: Monitor = silent) -> dict[str, Any]:
    """Train flows, efficiencies and fakes, or go on where a killed training stood.

    Args:
        files: NanoAOD with generator and reconstructed columns: paths, globs or addresses.
        out: folder of the weights.
        recipe: how.
        monitor: where progress goes, a stage a network.

    Returns:
        The manifest of the weights.

    Raises:
        InputError, SchemaError: a file cannot be read, lacks a column, or holds too few objects.
        RunError: `out` holds a training of another recipe or input, or a loss is not finite.
    """
    work = out / "training"
    _claim(files, out, work, recipe)
    if (out / MANIFEST).exists():
        return read_manifest(out)
    started = time.perf_counter()
    with monitor("reading") as progress:
        tables = extract(files, recipe.events, progress)
    _check_rows(files, tables)
    facts = {"reading": {"events": tables.events, "seconds": time.perf_counter() - started}}
    training = {}
    for part, train in _jobs(tables, recipe).items():
        with monitor(part) as progress:
            training[part] = _train_part(train, out / part, work / part, progress)
    _seal(files, out, tables, recipe, facts | {"training": training})
    return read_manifest(out)


Table = tuple[Feature, ...]
Job = Callable[[Path, Path, Callable[[Epoch], None]], dict[str, Any]]


def _jobs(tables: Tables, recipe: FlashRecipe) -> dict[str, Job]:
    """What trains each network: (folder of the weights, of the work, progress) → facts."""
    fakes = tables.fakes
    per_fake = np.repeat(fakes.conditions, fakes.counts, axis=0)
    number = np.minimum(fakes.counts, MOST_FAKES)
    targets = tables.targets
    return {
        "jet-efficiency": _efficiency("jet-efficiency", tables.jets, JET_CONDITIONS, recipe),
        "muon-efficiency": _efficiency("muon-efficiency", tables.muons, MUON_CONDITIONS, recipe),
        "fake-number": _classifier("fake-number", fakes.conditions, number, FAKE_CONDITIONS, recipe),
        "fake-features": _flow("fake-features", (fakes.targets, per_fake), (targets["fakes"], FAKE_CONDITIONS), recipe),
        "muons": _objects("muons", tables.muons, targets["Muon"], MUON_CONDITIONS, recipe),
        "jets": _objects("jets", tables.jets, targets["Jet"], JET_CONDITIONS, recipe),
    }


def _efficiency(part: str, objects: Objects, features: Table, recipe: FlashRecipe) -> Job:
    return _classifier(part, objects.conditions, objects.reconstructed.astype(np.int64), features, recipe)


def _objects(part: str, objects: Objects, targets: Table, features: Table, recipe: FlashRecipe) -> Job:
    columns = objects.targets, objects.conditions[objects.reconstructed]
    return _flow(part, columns, (targets, features), recipe)


def _classifier(part: str, conditions: FloatArray, outcomes: Any, features: Table, recipe: FlashRecipe) -> Job:
    def job(folder: Path, work: Path, progress: Callable[[Epoch], None]) -> dict[str, Any]:
        loop = recipe.loop(part, len(conditions))
        trained, _, calibrated = train_classifier(
            conditions, outcomes, features, loop, work, seed=recipe.seed, progress=progress
        )
        facts = {"rows": len(conditions), "loop": asdict(loop), "calibration": calibrated} | _history(work)
        trained.save(folder, {"training": facts})
        return facts

    return job


def _flow(part: str, columns: tuple[FloatArray, FloatArray], tables: tuple[Table, Table], recipe: FlashRecipe) -> Job:
    (values, conditions), (targets, features) = columns, tables

    def job(folder: Path, work: Path, progress: Callable[[Epoch], None]) -> dict[str, Any]:
        loop = recipe.loop(part, len(values))
        trained = train_flow(
            values,
            conditions,
            targets,
            features,
            settings=recipe.flow,
            loop=loop,
            out=work,
            seed=recipe.seed,
            progress=progress,
        )
        facts = {"rows": len(values), "loop": asdict(loop)} | _history(work)
        trained.save(folder, facts)
        return facts

    return job


def _history(work: Path) -> dict[str, Any]:
    """Best validation loss, epochs and seconds of the loop's history."""
    lines = [json.loads(line) for line in (work / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [line["validation"]["total"] for line in lines]
    return {
        "loss": min(losses),
        "best_epoch": int(np.argmin(losses)),
        "epochs": len(lines),
        "seconds": lines[-1]["seconds"],
    }


def _train_part(job: Job, folder: Path, work: Path, progress: Progress) -> dict[str, Any]:
    """Train one network, or take the facts of one that an earlier call finished."""
    if (folder / "weights.json").exists():
        facts: dict[str, Any] = weights.load(folder)[1]["training"]
        progress(facts["epochs"], facts["epochs"])
        return facts
    facts = job(folder, work, lambda epoch: progress(epoch.epoch + 1, epoch.epochs))
    (work / "checkpoint.pt").unlink()
    return facts


def _claim(files: Sequence[str], out: Path, work: Path, recipe: FlashRecipe) -> None:
    """Write down what this folder is for, or check that it is for that."""
    sources = [open_source(path) for path in expand(files)]
    claim = json.loads(
        json.dumps(
            {
                "recipe": asdict(recipe),
                "inputs": [[source.uuid, source.entries] for source in sources],
                "feature_version": FEATURE_VERSION,
            }
        )
    )
    path = work / "recipe.json"
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != claim:
            raise RunError(str(out), "holds a training of another recipe or input", "remove it, or give another --out")
        return
    if (out / MANIFEST).exists():
        raise RunError(str(out), "holds weights without their recipe", "remove it, or give another --out")
    write_json(path, claim)


def _check_rows(files: Sequence[str], tables: Tables) -> None:
    rows = {
        "reconstructed jets": len(tables.jets.targets),
        "reconstructed muons": len(tables.muons.targets),
        "fake jets": len(tables.fakes.targets),
    }
    for what, number in rows.items():
        if number < FEWEST_ROWS:
            problem = f"{number} {what} in {tables.events} events, at least {FEWEST_ROWS} are needed"
            raise InputError(", ".join(files), problem, "give more events")


def _seal(files: Sequence[str], out: Path, tables: Tables, recipe: FlashRecipe, facts: dict[str, Any]) -> None:
    muons = tables.muons
    pt = muons.conditions[muons.reconstructed, [f.name for f in MUON_CONDITIONS].index("gen_pt")]
    more = {
        "recipe": asdict(recipe),
        "seed": recipe.seed,
        "events": tables.events,
        "counts": tables.counts,
        "repairs": tables.repairs,
        "inputs": [provenance.describe_input(open_source(path)) for path in expand(files)],
        **facts,
        "seconds": facts["reading"]["seconds"] + sum(part["seconds"] for part in facts["training"].values()),
        **provenance.describe(),
    }
    provides = {f.branch for group in tables.targets.values() for f in group}
    write_manifest(out, ChargeFlip.measure(pt, muons.flipped), provides, more)
