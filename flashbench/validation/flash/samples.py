"""The samples of a process: full simulation, a simulator on the same generator events, the fast tier beside them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final, Literal, TypeAlias

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.errors import InputError, RunError
from flashbench.events import RECO_BRANCHES, Tier
from flashbench.nanoaod import Source, expand, load_block, open_source, plan_blocks
from flashbench.progress import Progress
from flashbench.simulators import Simulator
from flashbench.simulators.flash import conditions as conditioning
from flashbench.simulators.flash.fakes import fake_targets_for
from flashbench.simulators.flash.feature import Feature
from flashbench.simulators.flash.features import targets_for
from flashbench.training.extraction import LINKS, extract_block
from flashbench.training.extraction import Objects as Extracted
from flashbench.validation.objects import READ, TABLES, Objects, join, tables_of
from flashbench.validation.simulated import replaced

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Kind: TypeAlias = Literal["Jet", "Muon"]

KINDS: Final[tuple[Kind, ...]] = ("Jet", "Muon")
BLOCK_EVENTS: Final = 2000
_LINKED: Final = frozenset(LINKS)


@dataclass(frozen=True, slots=True)
class Matched:
    """Reconstructed objects of one kind that a generator object stands behind, as the networks see them.

    Attributes:
        features: of the targets.
        targets: shape (objects, targets).
        conditions: raw, shape (objects, conditions).
        event: number of the event, shape (objects,).
    """

    features: tuple[Feature, ...]
    targets: FloatArray
    conditions: FloatArray
    event: IntArray

    def __len__(self) -> int:
        return len(self.event)

    def where(self, chosen: NDArray[np.bool_]) -> Matched:
        """The objects of a mask, shape (objects,)."""
        return Matched(self.features, self.targets[chosen], self.conditions[chosen], self.event[chosen])


@dataclass(frozen=True, slots=True)
class Side:
    """One simulation of the events.

    Attributes:
        name: `full`, `simulated` or `fast`; `label` is for legends.
        matched: by kind.
        fakes: jets without a generator jet in each event, shape (events,).
        n_pu: pile-up interactions of each event, shape (events,).
        objects: tables of everything reconstructed and generated.
    """

    name: str
    label: str
    matched: dict[Kind, Matched]
    fakes: IntArray
    n_pu: FloatArray
    objects: Objects


@dataclass(frozen=True, slots=True)
class Gathered:
    """Simulations of the same events of one process.

    Attributes:
        process, label: key, and for legends.
        simulator: run name.
        fast: None where it was not asked for.
        thrown: matched objects of the simulator in every throw of the events, by kind; the first is `simulated`.
        throws: how many.
        branches: NanoAOD branches that every side has.
    """

    process: str
    label: str
    simulator: str
    full: Side
    simulated: Side
    fast: Side | None
    thrown: dict[Kind, Matched]
    throws: int
    branches: frozenset[str]
    sources: tuple[Source, ...]
    repairs: dict[str, int]

    @property
    def sides(self) -> tuple[Side, ...]:
        """Those that there are, full first."""
        return (self.full, self.simulated, *((self.fast,) if self.fast else ()))


def gather(
    process: tuple[str, str],
    simulator: tuple[str, Simulator],
    files: Sequence[str],
    fast_files: Sequence[str] = (),
    *,
    events: int | None = None,
    throws: int = 1,
    seed: int = 1,
    progress: Progress | None = None,
) -> Gathered:
    """Read full simulation, simulate its generator events, and read the fast tier.

    Args:
        process: key and label.
        simulator: run name and simulator; it reads the generator or the full tier.
        files: of the full tier, with generator columns.
        fast_files: of the fast tier, of the same events; none to leave it out.
        events: at most so many.
        throws: of each event by the simulator, for `Gathered.thrown`.
        seed: of the simulator.
        progress: called with blocks done and in all.

    Raises:
        RunError: the simulator reads the fast tier, or several throws of it would be copies.
        InputError: no events, or the fast tier holds other events.
        SchemaError, SimulationError: a file lacks columns, or the simulator broke the contract.
    """
    name, made = simulator
    if made.info.reads is Tier.FAST:
        raise RunError(name, "reads the fast tier", "this validation is of simulators that read generator columns")
    if throws > 1 and not made.info.stochastic:
        raise RunError(name, f"'{name}' is not stochastic: its folds would be copies", "leave @N out")
    sources = tuple(open_source(path) for path in expand(files))
    fast_sources = tuple(open_source(path) for path in expand(fast_files))
    provided = made.info.provides if made.info.reads is Tier.GEN else frozenset(RECO_BRANCHES)
    held = frozenset.intersection(provided | _LINKED, *(source.branches for source in (*sources, *fast_sources)))
    blocks = [plan_blocks(each, BLOCK_EVENTS, events) for each in (sources, fast_sources)]
    steps = _steps(len(blocks[0]) + len(blocks[1]), progress)
    parts: dict[str, list[Side]] = {"full": [], "simulated": [], "fast": []}
    more: list[dict[Kind, Matched]] = []
    repairs: dict[str, int] = {}
    for block in blocks[0]:
        loaded = load_block(block, READ)
        stream = np.random.SeedSequence([seed, zlib.crc32(process[0].encode()), block.index])
        where = f"simulator '{name}' on {block.where}"
        output = replaced(made, loaded.events, np.random.default_rng(stream), where)
        parts["full"].append(_side("full", "Full simulation", loaded.events, held, LINKS[0] not in loaded.neutral))
        parts["simulated"].append(_side("simulated", made.info.label, output, held))
        first = sum(len(part.fakes) for part in parts["full"][:-1])
        for again in stream.spawn(throws - 1):
            output = replaced(made, loaded.events, np.random.default_rng(again), where)
            found = _side("simulated", made.info.label, output, held).matched
            more.append({kind: replace(each, event=each.event + first) for kind, each in found.items()})
        for what, number in loaded.repairs.items():
            repairs[what] = repairs.get(what, 0) + number
        next(steps)
    for block in blocks[1]:
        loaded = load_block(block, READ)
        parts["fast"].append(_side("fast", "Fast simulation", loaded.events, held, LINKS[0] not in loaded.neutral))
        next(steps)
    if not parts["full"]:
        raise InputError(", ".join(files) or process[0], "no events to validate with")
    full, simulated = (reduce(_join, parts[each]) for each in ("full", "simulated"))
    fast = reduce(_join, parts["fast"]) if parts["fast"] else None
    if fast and not np.array_equal(np.sort(fast.objects.keys), np.sort(full.objects.keys)):
        raise InputError(", ".join(fast_files), "the fast tier holds other events than the full tier")
    thrown = {kind: _all([simulated.matched[kind], *(each[kind] for each in more)]) for kind in KINDS}
    return Gathered(*process, name, full, simulated, fast, thrown, throws, held, sources, repairs)


def _steps(total: int, progress: Progress | None) -> Iterator[None]:
    for done in range(1, total + 1):
        if progress is not None:
            progress(done, total)
        yield


def _side(name: str, label: str, events: ak.Array, held: frozenset[str], linked: bool = True) -> Side:
    targets = {"Jet": targets_for("Jet", held), "Muon": targets_for("Muon", held), "fakes": fake_targets_for(held)}
    tables = extract_block(events, targets, held)
    gen_jets = conditioning.gen_jets(events)
    gen_muons = conditioning.reconstructible(conditioning.gen_muons(events))
    return Side(
        name,
        label,
        {
            "Jet": _matched(tables.jets, gen_jets.event, targets["Jet"]),
            "Muon": _matched(tables.muons, gen_muons.event, targets["Muon"]),
        },
        tables.fakes.counts,
        ak.to_numpy(events.Pileup.nPU).astype(np.float64),
        tables_of(events, label, linked=linked),
    )


def _matched(objects: Extracted, event: IntArray, features: tuple[Feature, ...]) -> Matched:
    found = objects.reconstructed
    return Matched(features, objects.targets, objects.conditions[found], event[found])


def _join(first: Side, second: Side) -> Side:
    shift = len(first.fakes)
    joined = {kind: _join_matched(first.matched[kind], second.matched[kind], shift) for kind in KINDS}
    tables = {name: join(first.objects.tables[name], second.objects.tables[name]) for name in TABLES}
    keys = np.concatenate([first.objects.keys, second.objects.keys])
    return Side(
        first.name,
        first.label,
        joined,
        np.concatenate([first.fakes, second.fakes]),
        np.concatenate([first.n_pu, second.n_pu]),
        Objects(first.label, keys, tables),
    )


def _join_matched(first: Matched, second: Matched, shift: int) -> Matched:
    return _all([first, replace(second, event=second.event + shift)])


def _all(parts: Sequence[Matched]) -> Matched:
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in ("targets", "conditions", "event"))
    return Matched(parts[0].features, *columns)
