"""Full, fast and refined objects of the same generator objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.errors import InputError, RunError
from flashbench.events import IDENTITY, RECO_BRANCHES, Tier, columns
from flashbench.nanoaod import Block, Source, expand, load_block, open_source, plan_blocks
from flashbench.progress import Progress
from flashbench.simulators.refined import RefinedSimulator
from flashbench.simulators.refined.variables import KINDS, Kind
from flashbench.training.pairing import Found, columns_of, concatenate, find
from flashbench.validation.simulated import replaced

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SIDES: Final = ("full", "fast", "refined")
BLOCK_EVENTS: Final = 2000


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of one kind that all three simulations have, matched to isolated generator objects.

    Attributes:
        kind: what they are.
        parameters: of the generator objects, shape (objects, 3).
        event: number that objects of the same event share, shape (objects,).
        sides: physical variables of each of `SIDES`, shape (objects, variables).
    """

    kind: Kind
    parameters: FloatArray
    event: IntArray
    sides: dict[str, FloatArray]

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: NDArray[np.bool_] | IntArray) -> Objects:
        """The objects of a mask or of row numbers."""
        sides = {name: values[rows] for name, values in self.sides.items()}
        return Objects(self.kind, self.parameters[rows], self.event[rows], sides)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Simulations of the same events of one process.

    Attributes:
        process, label: key, and for legends.
        events: number of them.
        objects: by key of `KINDS`.
        counts: what became of all objects of the fast tier, by kind; see `refiner.REASONS`.
        sources: files of both tiers.
    """

    process: str
    label: str
    events: int
    objects: dict[str, Objects]
    counts: dict[str, dict[str, int]]
    sources: tuple[Source, ...]


def gather(
    process: tuple[str, str],
    simulator: RefinedSimulator,
    fast: Sequence[str],
    full: Sequence[str],
    *,
    events: int | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Read both tiers, refine the fast one, and join the three by event and generator object.

    Args:
        process: key and label.
        simulator: refines.
        fast, full: files of the tiers.
        events: at most so many.
        progress: called with blocks done and in all.

    Raises:
        InputError: no events, or nothing that all sides have.
        SchemaError, PluginError: see `RefinedSimulator.simulate`.
    """
    sources = [[open_source(path) for path in expand(files)] for files in (fast, full)]
    plans = [plan_blocks(each, BLOCK_EVENTS, events) for each in sources]
    total, done, read = sum(map(len, plans)), 0, 0
    parts: dict[str, dict[str, list[Found]]] = {side: {name: [] for name in simulator.kinds} for side in SIDES}
    before = {name: dict(counts) for name, counts in simulator.counts.items()}
    for tier, plan in zip(("fast", "full"), plans, strict=True):
        for block in plan:
            sides = _fast_sides(block, simulator) if tier == "fast" else {"full": _full_side(block, simulator)}
            for side, held in sides.items():
                for name in simulator.kinds:
                    parts[side][name].append(find(held, KINDS[name]))
            read += len(block) if tier == "fast" else 0
            done += 1
            if progress:
                progress(done, total)
    if not all(plans):
        raise InputError(", ".join((*fast, *full)) or process[0], "no events to validate with")
    joined = {}
    for name in simulator.kinds:
        joined[name] = _join(KINDS[name], {side: concatenate(parts[side][name]) for side in SIDES})
        if not len(joined[name]):
            raise InputError(", ".join(full), f"no {name} of the fast tier's events", "give both tiers of one sample")
    counts = {
        name: {reason: number - before[name].get(reason, 0) for reason, number in each.items()}
        for name, each in simulator.counts.items()
    }
    return Gathered(*process, read, joined, counts, tuple(source for each in sources for source in each))


def _fast_sides(block: Block, simulator: RefinedSimulator) -> dict[str, ak.Array]:
    wanted = dict.fromkeys((*columns(Tier.FAST), *simulator.info.needs, *columns_of(simulator.kinds)))
    events = load_block(block, tuple(wanted)).events
    where = f"simulator 'refined' on {block.where}"
    return {"fast": events, "refined": replaced(simulator, events, np.random.default_rng(0), where, _held(events))}


def _held(events: ak.Array) -> tuple[str, ...]:
    return tuple(name for name in RECO_BRANCHES if name.partition("_")[2] in events[name.partition("_")[0]].fields)


def _full_side(block: Block, simulator: RefinedSimulator) -> ak.Array:
    return load_block(block, columns_of(simulator.kinds)).events


def _join(kind: Kind, found: dict[str, Found]) -> Objects:
    keys = reduce(np.intersect1d, [found[side].keys for side in SIDES])
    rows = {}
    for side in SIDES:
        own = found[side].keys
        order = np.argsort(own, order=own.dtype.names)
        rows[side] = order[np.searchsorted(own[order], keys)]
    parameters = {side: found[side].parameters[rows[side]] for side in SIDES}
    if not np.allclose(parameters["fast"][:, 0], parameters["full"][:, 0], rtol=1e-3):
        raise RunError(kind.collection, "the tiers have other generator objects in events of the same number")
    sides = {side: found[side].values[rows[side]] for side in SIDES}
    good = np.logical_and.reduce([kind.valid(values) for values in sides.values()])
    event = np.unique(keys[list(IDENTITY)], return_inverse=True)[1].astype(np.int64)
    return Objects(kind, parameters["fast"], event, sides).take(good)
