"""Train all of FlashSim: tables from NanoAOD, seven networks, a sealed folder of weights.

    out/
    ├── manifest.json          written last
    ├── jets/ …                one folder a network, see `flashbench.simulators.flash.networks`
    └── training/              recipe.json; for each network history.jsonl and, until it is done, a checkpoint

A training that was killed goes on from its last epoch when it is started again with the same recipe and input.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flashbench import provenance
from flashbench.errors import InputError, RunError
from flashbench.nanoaod import expand, open_source
from flashbench.progress import Monitor, silent
from flashbench.simulators.flash.efficiency import ChargeFlip
from flashbench.simulators.flash.fakes import FAKE_CONDITIONS, MOST_FAKES
from flashbench.simulators.flash.feature import FloatArray
from flashbench.simulators.flash.features import FEATURE_VERSION, JET_CONDITIONS, MUON_CONDITIONS
from flashbench.simulators.flash.networks import MANIFEST, read_manifest, write_manifest
from flashbench.simulators.flash.states import find_states, metadata
from flashbench.storage import write_json
from flashbench.training.extraction import Tables, extract
from flashbench.training.parts import Job, Table, train_parts
from flashbench.training.recipe import FlashRecipe

FEWEST_ROWS: Final = 100


def train_flash(
    files: Sequence[str], out: Path, recipe: FlashRecipe, *, workers: int = 1, monitor: Monitor = silent
) -> dict[str, Any]:
    """Train flows, efficiencies and fakes, or go on where a killed training stood.

    Args:
        files: NanoAOD with generator and reconstructed columns: paths, globs or addresses.
        out: folder of the weights.
        recipe: how.
        workers: networks trained at a time, each by a process with one thread; the weights do not depend on them.
        monitor: where progress goes: a stage for reading, one for training, which counts rows of all networks.

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
    facts: dict[str, Any] = {"reading": {"events": tables.events, "seconds": time.perf_counter() - started}}
    with monitor("training, rows") as progress:
        training = train_parts(_jobs(tables, recipe), out, work, workers, progress)
    facts |= {"training": training, "workers": workers, "wall_seconds": time.perf_counter() - started}
    _seal(files, out, tables, recipe, facts)
    return read_manifest(out)


def _jobs(tables: Tables, recipe: FlashRecipe) -> list[Job]:
    """What trains each network, the longest first."""

    def job(part: str, values: NDArray[Any], conditions: FloatArray, features: Table, targets: Table = ()) -> Job:
        """As the recipe has it."""
        loop = recipe.loop(part, len(values))
        return Job(part, values, conditions, targets, features, loop, recipe.seed, recipe.flows.get(part))

    jets, muons, fakes, targets = tables.jets, tables.muons, tables.fakes, tables.targets
    per_fake = np.repeat(fakes.conditions, fakes.counts, axis=0)
    number = np.minimum(fakes.counts, MOST_FAKES)
    found = jets.conditions[jets.reconstructed]
    states, state = find_states(jets.targets, targets["Jet"])
    left = states.filled(jets.targets, state, np.random.default_rng(recipe.seed))
    told = np.column_stack([found, states.flags[state]])
    return [
        job("jets", left, told, (*JET_CONDITIONS, *states.features), states.flow_targets),
        job("muons", muons.targets, muons.conditions[muons.reconstructed], MUON_CONDITIONS, targets["Muon"]),
        job("fake-features", fakes.targets, per_fake, FAKE_CONDITIONS, targets["fakes"]),
        replace(job("jet-states", state, found, JET_CONDITIONS), more=metadata(states)),
        job("jet-efficiency", jets.reconstructed.astype(np.int64), jets.conditions, JET_CONDITIONS),
        job("muon-efficiency", muons.reconstructed.astype(np.int64), muons.conditions, MUON_CONDITIONS),
        job("fake-number", number, fakes.conditions, FAKE_CONDITIONS),
    ]


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
