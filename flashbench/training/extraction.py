"""From NanoAOD files to training tables: generator objects, what became of them, and fakes.

A generator jet is reconstructed if a jet links to it (`Jet_genJetIdx`, guarded) within ΔR 0.4; where several do, the
closest one. A file without links is matched by ΔR alone. A generator muon likewise, with `Muon_genPartIdx` and ΔR 0.3.
Every jet that is left over is a fake: its features are kept with the pile-up of its event. Muons that are left over
(decays in flight, punch-through) are counted and not modelled: hardly any is isolated.

What to use when: `extract` for the tables of many files, `extract_block` for one block in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Final, TypeVar

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.errors import InputError
from flashbench.events import RECO_BRANCHES, Tier, columns
from flashbench.nanoaod import Source, expand, load_block, open_source, plan_blocks, require
from flashbench.progress import Progress
from flashbench.simulators.flash import conditions as conditioning
from flashbench.simulators.flash.fakes import FAKE_CONDITIONS, fake_targets_for
from flashbench.simulators.flash.feature import Feature, FloatArray
from flashbench.simulators.flash.features import JET_CONDITIONS, MUON_CONDITIONS, targets_for
from flashbench.simulators.flash.pairs import Flat, Pairs, flatten, one_to_one, pairs

BLOCK_EVENTS: Final = 5000
JET_MATCH: Final = 0.4  # ΔR
MUON_MATCH: Final = 0.3
LINKS: Final = ("Jet_genJetIdx", "Muon_genPartIdx")

BoolArray = NDArray[np.bool_]
_Table = TypeVar("_Table", "Objects", "Fakes")


@dataclass(frozen=True)
class Objects:
    """Generator objects of one kind and what became of them.

    Attributes:
        conditions: shape (objects, conditions), raw, in the order of the feature table.
        reconstructed: shape (objects,).
        targets: of the reconstructed ones, shape (reconstructed, targets), in the order of `Tables.targets`.
        flipped: of the reconstructed ones, charge opposite to the generator's; all False for jets.
    """

    conditions: FloatArray
    reconstructed: BoolArray
    targets: FloatArray
    flipped: BoolArray


@dataclass(frozen=True)
class Fakes:
    """Reconstructed jets without a generator jet.

    Attributes:
        conditions: of the events, shape (events, conditions).
        counts: fakes in each event, shape (events,).
        targets: their features, shape (fakes, features), ordered by event.
    """

    conditions: FloatArray
    counts: NDArray[np.int64]
    targets: FloatArray


@dataclass(frozen=True)
class Tables:
    """Training tables of a sample.

    Attributes:
        events: number of events read.
        targets: features learned, for "Jet", "Muon" and "fakes".
        counts: reconstructed and generated objects, matched and unmatched, by name.
        repairs: values mended in the input, by what was wrong.
    """

    events: int
    jets: Objects
    muons: Objects
    fakes: Fakes
    targets: dict[str, tuple[Feature, ...]]
    counts: dict[str, int]
    repairs: dict[str, int] = field(default_factory=dict)


def extract(files: Sequence[str], events: int | None = None, progress: Progress | None = None) -> Tables:
    """Training tables of NanoAOD files with generator and reconstructed columns, read a block at a time.

    Args:
        files: paths, globs or addresses.
        events: at most so many; None for all.
        progress: called with events done and in all.

    Returns:
        Targets are those whose branch every file holds.

    Raises:
        InputError: a file cannot be read, or there is no event.
        SchemaError: a file has no generator columns, or lacks a required one.
    """
    sources = [open_source(path) for path in expand(files)]
    if not sum(source.entries for source in sources) or events == 0:
        raise InputError(", ".join(files) or "training", "no events to train on")
    held = frozenset.intersection(*(source.branches for source in sources))
    parts = list(_blocks(sources, _targets(held), held, events, progress))
    return _join(parts)


def _targets(held: frozenset[str]) -> dict[str, tuple[Feature, ...]]:
    return {"Jet": targets_for("Jet", held), "Muon": targets_for("Muon", held), "fakes": fake_targets_for(held)}


def _blocks(
    sources: Sequence[Source],
    targets: dict[str, tuple[Feature, ...]],
    held: frozenset[str],
    events: int | None,
    progress: Progress | None,
) -> Iterator[Tables]:
    wanted = dict.fromkeys([f.branch for group in targets.values() for f in group] + ["Muon_charge", *LINKS])
    names = (*columns(Tier.GEN), *(name for name in RECO_BRANCHES if name in wanted))
    for source in sources:
        require(source, names)
    blocks = plan_blocks(sources, BLOCK_EVENTS, events)
    total, done = sum(len(block) for block in blocks), 0
    for block in blocks:
        loaded = load_block(block, names)
        yield extract_block(loaded.events, targets, held, dict(loaded.repairs))
        done += len(block)
        if progress:
            progress(done, total)


def extract_block(
    events: ak.Array,
    targets: dict[str, tuple[Feature, ...]],
    held: frozenset[str],
    repairs: dict[str, int] | None = None,
) -> Tables:
    """Training tables of one block of events with generator and reconstructed columns.

    Args:
        events: shape (events,).
        targets: features to learn, for "Jet", "Muon" and "fakes".
        held: branches that the file really has; without its links, objects are matched by ΔR alone.
        repairs: handed on.
    """
    gen_jets, gen_muons = conditioning.gen_jets(events), conditioning.gen_muons(events)
    candidates = conditioning.reconstructible(gen_muons)
    jets = _reconstructed(events.Jet, targets["Jet"], ("genJetIdx",))
    muons = _reconstructed(events.Muon, targets["Muon"], ("genPartIdx", "charge"))
    jet_pairs = _match(gen_jets, jets, JET_MATCH, "genJetIdx" if LINKS[0] in held else None)
    muon_pairs = _match(candidates, muons, MUON_MATCH, "genPartIdx" if LINKS[1] in held else None)

    jet_columns = conditioning.stack(conditioning.jet_conditions(gen_jets, gen_muons, events), JET_CONDITIONS)
    muon_columns = conditioning.stack(conditioning.muon_conditions(candidates, gen_jets, events), MUON_CONDITIONS)
    charge = conditioning.charge(candidates)[muon_pairs.left] * muons["charge"][muon_pairs.right]
    unmatched = np.ones(len(jets), dtype=bool)
    unmatched[jet_pairs.right] = False
    fakes = jets.select(unmatched)
    event_columns = conditioning.stack(conditioning.event_conditions(events, gen_jets), FAKE_CONDITIONS)
    return Tables(
        len(events),
        _objects(
            jet_columns,
            jets,
            jet_pairs,
            table=JET_CONDITIONS,
            targets=targets["Jet"],
            flipped=np.zeros(len(jet_pairs.left), dtype=bool),
        ),
        _objects(muon_columns, muons, muon_pairs, table=MUON_CONDITIONS, targets=targets["Muon"], flipped=charge < 0),
        Fakes(event_columns, fakes.counts, _encode(fakes, targets["fakes"])),
        targets,
        {
            **{"GenJet": len(gen_jets), "Jet": len(jets), "Jet matched": len(jet_pairs.left)},
            **{"gen muon": len(candidates), "Muon": len(muons), "Muon matched": len(muon_pairs.left)},
        },
        repairs or {},
    )


def _reconstructed(collection: ak.Array, targets: tuple[Feature, ...], more: tuple[str, ...]) -> Flat:
    names = dict.fromkeys(["pt", "eta", "phi", *(f.branch.partition("_")[2] for f in targets), *more])
    return flatten(collection, tuple(names))


def _match(generated: Flat, reconstructed: Flat, within: float, link: str | None) -> Pairs:
    near = pairs(generated, reconstructed, within)
    if link is not None:  # a link that leads nowhere, or too far, is none
        near = near.take(reconstructed[link][near.right] == generated["index"][near.left])
    return one_to_one(near)


def _objects(
    conditions: FloatArray,
    reconstructed: Flat,
    matched: Pairs,
    *,
    table: tuple[Feature, ...],
    targets: tuple[Feature, ...],
    flipped: BoolArray,
) -> Objects:
    found = np.zeros(len(conditions), dtype=bool)
    found[matched.left] = True
    place = {feature.name: k for k, feature in enumerate(table)}
    values = np.empty((len(matched.left), len(targets)))
    for k, feature in enumerate(targets):
        anchor = conditions[matched.left, place[feature.anchor]] if feature.anchor else None
        values[:, k] = feature.encode(reconstructed[feature.branch.partition("_")[2]][matched.right], anchor)
    return Objects(conditions, found, values, flipped)


def _encode(fakes: Flat, targets: tuple[Feature, ...]) -> FloatArray:
    values = np.empty((len(fakes), len(targets)))
    for k, feature in enumerate(targets):
        values[:, k] = feature.encode(fakes[feature.branch.partition("_")[2]])
    return values


def _join(parts: list[Tables]) -> Tables:
    repairs: dict[str, int] = {}
    for part in parts:
        for what, number in part.repairs.items():
            repairs[what] = repairs.get(what, 0) + number
    counts = {name: sum(part.counts[name] for part in parts) for name in parts[0].counts}
    return Tables(
        sum(part.events for part in parts),
        _concatenate(Objects, [part.jets for part in parts]),
        _concatenate(Objects, [part.muons for part in parts]),
        _concatenate(Fakes, [part.fakes for part in parts]),
        parts[0].targets,
        counts,
        repairs,
    )


def _concatenate(kind: type[_Table], parts: list[_Table]) -> _Table:
    return kind(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(kind)))
