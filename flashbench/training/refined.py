"""Train the refiner: pairs of two tiers, a network a kind of object, a sealed folder of ONNX weights.

    out/
    ├── manifest.json              written last
    ├── jets.onnx, muons.onnx
    └── training/                  claim.json; a folder a stage, e.g. jets-mmd:
        └── jets-mmd/              history.jsonl, reference.json, state.json and, until it is done, a checkpoint

A training that was killed goes on from its last epoch when it is started again with the same recipe and input.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from flashbench import provenance
from flashbench.errors import InputError, RunError
from flashbench.nanoaod import expand, open_source
from flashbench.progress import Monitor, Progress, silent
from flashbench.simulators.refined.network import RefinerNetwork
from flashbench.simulators.refined.refiner import MANIFEST, read_manifest, write_manifest
from flashbench.simulators.refined.variables import KINDS, VARIABLES_VERSION
from flashbench.storage import write_json
from flashbench.training import state
from flashbench.training.loop import Epoch, fit
from flashbench.training.onnx_network import export
from flashbench.training.pairing import Paired, Pairs, pair_files
from flashbench.training.recipe_refined import RefinerRecipe, Stage
from flashbench.training.refiner import RefinerTask, Sample, Terms, floor_of, measure

FEWEST_PAIRS: Final = 200
REFERENCE: Final = "reference.json"
FLOORED: Final = "mmd"
"""Term that says whether there is something to refine."""
_HELD_OUT: Final = 0.15  # of the events


@dataclass(frozen=True)
class Setup:
    """How a training is run; none of it changes the result.

    Attributes:
        threads: cores of a step.
        tensorboard: also write TensorBoard events.
        facts: name of the training, its group and hyper-parameters, for the live monitor.
        progress: called with epochs done and in all.
        watch: called after every epoch with its number in all stages.
    """

    threads: int = 1
    tensorboard: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress | None = None
    watch: Callable[[int, Epoch], None] | None = None


@dataclass(frozen=True)
class Trained:
    """A refiner of one kind.

    Attributes:
        network: with the best weights of the last stage.
        facts: pairs, seconds, references, for each stage epochs, best epoch and its validation terms, and those of the
            network that came out.
    """

    network: RefinerNetwork
    facts: dict[str, Any]


def train_refined(
    fast: Sequence[str],
    full: Sequence[str],
    out: Path,
    recipe: RefinerRecipe,
    *,
    again: Sequence[str] = (),
    threads: int = 2,
    tensorboard: bool = False,
    monitor: Monitor = silent,
) -> dict[str, Any]:
    """Train refiners, or go on where a killed training stood.

    Args:
        fast, full: NanoAOD of the two tiers of the same events: paths, globs or addresses.
        out: folder of the weights.
        recipe: how.
        again: full tier of some of the events, simulated a second time: the floor of the losses, see `floor_of`.
        threads: cores of a step.
        tensorboard: also write TensorBoard events.
        monitor: where progress goes, a stage a network.

    Returns:
        The manifest of the weights.

    Raises:
        InputError, SchemaError: a file cannot be read, lacks a column, holds other events or too few objects.
        RunError: `out` holds a training of another recipe or input, or a loss is not finite.
    """
    work = out / "training"
    claim(work, recipe, (fast, full), out)
    if (out / MANIFEST).exists():
        return read_manifest(out)
    started = time.perf_counter()
    with monitor("reading") as progress:
        paired = pair_files(fast, full, recipe.kinds, events=recipe.events, progress=progress)
        repeated = pair_files(again, full, recipe.kinds, some=True).pairs if again else {}
    check_pairs(paired, fast)
    facts: dict[str, Any] = {"reading": {"events": paired.events, "seconds": time.perf_counter() - started}}
    networks = {}
    for name in recipe.kinds:
        with monitor(name) as progress:
            samples = paired.pairs[name], repeated.get(name)
            setup = Setup(threads, tensorboard, progress=progress)
            trained = train_kind(name, samples, work, recipe, setup)
        export(trained.network, out / f"{name}.onnx")
        networks[name] = trained.facts
    write_manifest(
        out,
        recipe.kinds,
        {
            "recipe": recipe.model_dump(mode="json"),
            "seed": recipe.seed,
            "counts": paired.counts,
            "inputs": [provenance.describe_input(open_source(path)) for path in expand((*fast, *full, *again))],
            **facts,
            "training": networks,
            "seconds": time.perf_counter() - started,
            **provenance.describe(),
        },
    )
    for checkpoint in work.glob("*/checkpoint.pt"):
        checkpoint.unlink()
    return read_manifest(out)


def train_kind(
    name: str, samples: tuple[Pairs, Pairs | None], work: Path, recipe: RefinerRecipe, setup: Setup | None = None
) -> Trained:
    """Train the refiner of one kind, stage after stage.

    Args:
        name: key of `KINDS`.
        samples: pairs to train and validate on, split by event; and pairs of full objects and full ones simulated
            again, for the floor, None to estimate it.
        work: a folder for each stage is made in it.
        recipe: how.
        setup: what does not change the result; None for one core and silence.

    Returns:
        The network; the untrained one, which is the identity, where `RefinerRecipe.leave_at_floor` says so.

    Raises:
        RunError: a folder holds another training, or the loss is not finite.
    """
    kind, setup, began = KINDS[name], setup or Setup(), time.perf_counter()
    pairs, again = samples
    held_out = np.isin(pairs.event, _validation_events(pairs, recipe.seed))
    train, validation = (Sample.of(pairs.take(rows), kind) for rows in (~held_out, held_out))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = RefinerNetwork(recipe.network, kind)
    network.standardise(train.full.numpy(), pairs.parameters[~held_out])
    terms = Terms(kind, recipe, network, train)
    benchmark = measure(terms, validation.fast, validation)
    floor = floor_of(terms, Sample.of(pairs, kind), Sample.of(again, kind) if again else None, recipe.seed)
    about: dict[str, Any] = {"pairs": len(train), "validation_pairs": len(validation)}
    about |= {"benchmark": benchmark, "floor": floor}
    if recipe.leave_at_floor and benchmark[FLOORED] <= max(floor[FLOORED], 0.0):
        return Trained(network, about | {"stages": [], "validation": benchmark, "seconds": time.perf_counter() - began})
    stages = recipe.stages(name)
    total, past, told = sum(stage.epochs for stage in stages), 0, []
    for stage in stages:
        folder = work / f"{name}-{stage.primary}"
        task = RefinerTask(terms, stage, train, validation, benchmark)
        write_json(folder / REFERENCE, _reference(stage, task, benchmark, floor))
        loop = recipe.loop(stage.epochs, len(train), setup.threads, setup.tensorboard)
        named = {"name": folder.name, "group": "", "parameters": {}, **setup.facts, "epochs": stage.epochs}

        def report(epoch: Epoch, past: int = past) -> None:
            if setup.progress:
                setup.progress(past + epoch.epoch + 1, total)
            if setup.watch:
                setup.watch(past + epoch.epoch, epoch)

        with state.running(folder, named | {"kind": name, "primary": stage.primary}):
            history = fit(task, loop, folder, report, recipe.seed)
        best = history.epochs[history.best]
        told.append(
            {"primary": stage.primary, "limits": dict(stage.limits), "epochs": len(history.epochs)}
            | {"best_epoch": history.best, "validation": best.validation, "seconds": history.epochs[-1].seconds}
        )
        past += stage.epochs
    about |= {"stages": told, "validation": told[-1]["validation"]}
    return Trained(network, about | {"seconds": time.perf_counter() - began})


def check_pairs(paired: Paired, where: Sequence[str]) -> None:
    """Refuse a sample with too few pairs.

    Raises:
        InputError: says how many there are.
    """
    for name, pairs in paired.pairs.items():
        if len(pairs) < FEWEST_PAIRS:
            problem = f"{len(pairs)} pairs of {name} in {paired.events} events, at least {FEWEST_PAIRS} are needed"
            raise InputError(", ".join(where), problem, "give more events")


def claim(work: Path, recipe: RefinerRecipe, tiers: tuple[Sequence[str], Sequence[str]], out: Path) -> None:
    """Write down what a folder is for, or check that it is for that.

    Raises:
        RunError: it is for another recipe or input.
    """
    sources = [[open_source(path) for path in expand(files)] for files in tiers]
    content = {
        "recipe": recipe.model_dump(mode="json"),
        "inputs": [[[source.uuid, source.entries] for source in each] for each in sources],
        "variables_version": VARIABLES_VERSION,
    }
    path = work / "claim.json"
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != content:
            raise RunError(str(out), "holds a training of another recipe or input", "remove it, or give another --out")
        return
    if (out / MANIFEST).exists():
        raise RunError(str(out), "holds weights without their recipe", "remove it, or give another --out")
    write_json(path, content)


def _validation_events(pairs: Pairs, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    events = np.unique(pairs.event)
    chosen = np.random.default_rng(seed).permutation(events)[: max(1, round(_HELD_OUT * len(events)))]
    return np.asarray(chosen, np.int64)


def _reference(stage: Stage, task: RefinerTask, benchmark: dict[str, float], floor: dict[str, float]) -> dict[str, Any]:
    """For the monitor: each term's value without refinement and for full against full, and the limits."""
    limits = {name: limit * task.units[name] for name, limit in stage.limits}
    return {"primary": stage.primary, "benchmark": benchmark, "floor": floor, "limits": limits, "units": task.units}
