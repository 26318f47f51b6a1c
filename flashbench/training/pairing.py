"""Pairs of fast and full objects of the same generator object, from the two tiers of the same events.

Both tiers are matched to the generator object by ΔR, not by the links in the file, so that real and produced samples
are treated alike; only isolated generator objects count. Events are joined by (run, luminosityBlock, event), never by
position.

References:
    S. Bein et al., EPJ Web Conf. 295 (2024) 09032; M. Wolf et al., SciPost Phys. Core 8 (2025) 021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Final

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.errors import InputError
from flashbench.events import IDENTITY
from flashbench.nanoaod import Block, expand, load_block, open_source, plan_blocks
from flashbench.progress import Progress
from flashbench.simulators.flash.conditions import gen_muons, reconstructible
from flashbench.simulators.flash.pairs import Flat, flatten, one_to_one, pairs
from flashbench.simulators.refined.objects import generator_parameters
from flashbench.simulators.refined.variables import KINDS, MUONS, BoolArray, FloatArray, Kind

IntArray = NDArray[np.int64]
KeyArray = NDArray[np.void]

BLOCK_EVENTS: Final = 2000
_KEY: Final = np.dtype([(name, np.uint64) for name in (*IDENTITY, "index")])
_GENERATED: Final = {"GenJet": ("hadronFlavour",), "GenPart": ("pdgId", "status", "statusFlags")}
_SAME: Final = 1e-3  # relative difference of generator pt that rounding in the file may leave


@dataclass(frozen=True)
class Pairs:
    """Pairs of one kind of object, in the order of their events' identities.

    Attributes:
        fast, full: physical variables, shape (pairs, variables).
        parameters: of the generator object, columns `PARAMETERS`, shape (pairs, 3).
        event: number that pairs of the same event share, shape (pairs,).
    """

    fast: FloatArray
    full: FloatArray
    parameters: FloatArray
    event: IntArray

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: BoolArray | IntArray | slice) -> Pairs:
        """The pairs of a mask, of row numbers or of a slice."""
        return Pairs(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True)
class Paired:
    """What two tiers have in common.

    Attributes:
        events: number of events of each.
        pairs: by key of `KINDS`.
        counts: objects found on each side, paired, and dropped since a value of one side is not valid.
    """

    events: int
    pairs: dict[str, Pairs]
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Reconstructed objects of one tier that an isolated generator object stands behind.

    Attributes:
        keys: identity of the event and place of the generator object in it, shape (objects,).
        parameters: shape (objects, 3).
        values: physical variables, shape (objects, variables).
    """

    keys: KeyArray
    parameters: FloatArray
    values: FloatArray


def pair_files(
    fast: Sequence[str],
    full: Sequence[str],
    names: Sequence[str] = tuple(KINDS),
    *,
    events: int | None = None,
    some: bool = False,
    progress: Progress | None = None,
) -> Paired:
    """Pairs of two tiers of the same events, read a block at a time.

    Args:
        fast, full: files of the tiers: paths, globs or addresses.
        names: keys of `KINDS`.
        events: at most so many of each tier; None for all.
        some: let the fast files hold only some of the events.
        progress: called with events done and in all, of both tiers.

    Raises:
        InputError: a file cannot be read, there is no event, or the tiers hold other events.
        SchemaError: a column is missing.
    """
    plans = [plan_blocks([open_source(path) for path in expand(files)], BLOCK_EVENTS, events) for files in (fast, full)]
    total, done = sum(len(block) for plan in plans for block in plan), 0
    if not all(plans):
        raise InputError(", ".join((*fast, *full)) or "training", "no events to train on")
    tiers = []
    for plan in plans:
        parts = []
        for block in plan:
            parts.append(_read(block, names))
            done += len(block)
            if progress:
                progress(done, total)
        found = {name: concatenate([part[1][name] for part in parts]) for name in names}
        tiers.append((np.concatenate([part[0] for part in parts]), found))
    (left, fast_found), (right, full_found) = tiers
    if not (np.isin(left, right).all() if some else np.array_equal(np.sort(left), np.sort(right))):
        hint = "give both tiers of one sample, and with --events samples in the same order"
        raise InputError(", ".join(full), f"holds other events than {', '.join(fast)}", hint)
    joined: dict[str, Pairs] = {}
    counts: dict[str, int] = {}
    for name in names:
        joined[name], numbers = join(fast_found[name], full_found[name], KINDS[name], ", ".join(full))
        counts |= {f"{name} {what}": number for what, number in numbers.items()}
    return Paired(len(left), joined, counts)


def find(events: ak.Array, kind: Kind) -> Found:
    """Objects of a block with generator and reconstructed columns.

    Raises:
        SchemaError: a column is missing.
    """
    generated, parameters = _generated(events, kind)
    wanted = np.abs(generated["eta"]) < kind.eta
    if kind.isolated:
        near = pairs(generated, generated, kind.isolated)
        wanted[near.left[near.left != near.right]] = False
    reconstructed = flatten(events[kind.collection], tuple(dict.fromkeys((*kind.names, "eta", "phi"))))
    matched = one_to_one(pairs(generated, reconstructed, kind.matched))
    matched = matched.take(wanted[matched.left])
    keys = np.empty(len(matched.left), _KEY)
    for name in IDENTITY:
        keys[name] = ak.to_numpy(events[name])[generated.event[matched.left]]
    keys["index"] = generated["index"][matched.left]
    values = np.column_stack([reconstructed[name][matched.right].astype(np.float64) for name in kind.names])
    return Found(keys, parameters[matched.left], values)


def join(fast: Found, full: Found, kind: Kind, where: str = "full tier") -> tuple[Pairs, dict[str, int]]:
    """Pairs of the objects that both tiers have, and their numbers.

    Raises:
        InputError: objects of the same key have another generator pt: the tiers have other generator events.
    """
    _, left, right = np.intersect1d(fast.keys, full.keys, assume_unique=True, return_indices=True)
    momenta = fast.parameters[left, 0], full.parameters[right, 0]
    if not np.allclose(*momenta, rtol=_SAME, atol=0):
        raise InputError(where, "has other generator objects than the fast tier in events of the same number")
    before, after, parameters = fast.values[left], full.values[right], fast.parameters[left]
    good = kind.valid(before) & kind.valid(after) & np.isin(parameters[:, 2], kind.codes)
    identity = fast.keys[left][list(IDENTITY)]
    event = np.unique(identity, return_inverse=True)[1].astype(np.int64)
    found = Pairs(before, after, parameters, event).take(good)
    numbers = {
        "in fast": len(fast.keys),
        "in full": len(full.keys),
        "paired": len(found),
        "invalid": int((~good).sum()),
    }
    return found, numbers


def columns_of(names: Sequence[str]) -> tuple[str, ...]:
    """Branches that `find` wants for kinds, keys of `KINDS`."""
    columns = dict.fromkeys(IDENTITY)
    for kind in (KINDS[name] for name in names):
        columns |= dict.fromkeys(f"{kind.collection}_{each}" for each in (*kind.names, "eta", "phi"))
        generated = ("pt", "eta", "phi", *_GENERATED[kind.generated])
        columns |= dict.fromkeys(f"{kind.generated}_{each}" for each in generated)
    return tuple(columns)


def identity_of(events: ak.Array) -> KeyArray:
    """Run, luminosity block and event number, shape (events,)."""
    identity = np.empty(len(events), [(name, np.uint64) for name in IDENTITY])
    for name in IDENTITY:
        identity[name] = ak.to_numpy(events[name])
    return identity


def concatenate(parts: Sequence[Found]) -> Found:
    """Objects of several blocks as of one."""
    return Found(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Found)))


def _read(block: Block, names: Sequence[str]) -> tuple[KeyArray, dict[str, Found]]:
    events = load_block(block, columns_of(names)).events
    return identity_of(events), {name: find(events, KINDS[name]) for name in names}


def _generated(events: ak.Array, kind: Kind) -> tuple[Flat, FloatArray]:
    parameters = generator_parameters(events, kind)
    if kind is not MUONS:
        return flatten(events[kind.generated], ("pt", "eta", "phi")), parameters
    muons = reconstructible(gen_muons(events))
    counts = ak.to_numpy(ak.num(events.GenPart.pt)).astype(np.int64)
    return muons, parameters[(np.cumsum(counts) - counts)[muons.event] + muons["index"]]
