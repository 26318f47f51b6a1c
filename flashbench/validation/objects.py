"""Object tables: reconstructed and generated jets and muons with their partners, one row an object.

What to use when: `read_objects` for files, `tables_of` for event blocks in memory, such as a simulator's output.

- `jets`: every `Jet`, its NanoAOD columns and `gen_pt`, `gen_eta`, `gen_phi`, `gen_mass`, `flavour`, `parton` of its
  GenJet (NaN without one), `matched`, `distance` ΔR, `lepton`: a prompt electron or muon within 0.4;
- `gen_jets`: every `GenJet`, `found`: some Jet is matched to it, `reco_pt` of the hardest such, `lepton`, `isolated`:
  no other GenJet within 0.6;
- `muons`: every `Muon`, `matched` and `prompt` by its generator muon, with that one's `gen_pt`, `gen_eta`;
- `gen_muons`: stable generator muons, `prompt`, `found`, and `reco_pt`, `reco_mediumId`, `reco_pfRelIso04_all`.

Every table also has `n_pu`, the pile-up interactions of the event. All columns are float64, flags 0 or 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Final, Literal, TypeAlias

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.errors import InputError
from flashbench.events import GENERATOR_BRANCHES, RECO_BRANCHES, Tier, columns
from flashbench.nanoaod import Source, expand, load_block, open_source, plan_blocks
from flashbench.stats import event_keys

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

JET_RADIUS: Final = 0.4
MUON_RADIUS: Final = 0.1
ISOLATION: Final = 0.6
_PROMPT: Final = 1 << 0  # statusFlags: not from a hadron, muon or tau decay
_PROMPT_TAU: Final = 1 << 5  # directly from a prompt tau
_LEPTON_PT: Final = 5.0  # GeV
_BLOCK: Final = 2000  # events
Collection: TypeAlias = Literal["jets", "gen_jets", "muons", "gen_muons"]
TABLES: Final[tuple[Collection, ...]] = ("jets", "gen_jets", "muons", "gen_muons")
READ: Final = (*columns(Tier.FULL, ()), *GENERATOR_BRANCHES, *RECO_BRANCHES)


@dataclass(frozen=True, slots=True)
class ObjectTable:
    """Objects of a sample.

    Attributes:
        columns: name to values, each shape (rows,).
        event: number of each row's event in the sample, shape (rows,).
        n_events: in the sample, with objects or without.
    """

    columns: Mapping[str, FloatArray]
    event: IntArray
    n_events: int

    def __len__(self) -> int:
        return len(self.event)

    def __getitem__(self, name: str) -> FloatArray:
        return self.columns[name]

    def where(self, chosen: BoolArray) -> ObjectTable:
        """The rows of a mask, shape (rows,)."""
        return ObjectTable({n: c[chosen] for n, c in self.columns.items()}, self.event[chosen], self.n_events)

    def only(self, names: Iterable[str]) -> ObjectTable:
        """The columns of those names."""
        return ObjectTable({name: self.columns[name] for name in names}, self.event, self.n_events)

    def resampled(self, counts: NDArray[np.integer]) -> ObjectTable:
        """Each event's rows as often as `counts` says, shape (n_events,): a bootstrap replica, or a part of the sample.

        `event` keeps the number of the original event.
        """
        rows = np.repeat(np.arange(len(self)), counts[self.event])
        return ObjectTable({n: c[rows] for n, c in self.columns.items()}, self.event[rows], int(counts.sum()))


@dataclass(frozen=True, slots=True)
class Objects:
    """The object tables of a sample.

    Attributes:
        keys: of the events, for a bootstrap that samples of the same events share; shape (n_events,).
        tables: by the names in `TABLES`.
        absent: NanoAOD branches that the files lack; their columns hold neutral values.
        repairs: what was mended on reading, with the number of values.
    """

    label: str
    keys: NDArray[np.uint64]
    tables: Mapping[Collection, ObjectTable]
    absent: frozenset[str] = frozenset()
    repairs: tuple[tuple[str, int], ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def n_events(self) -> int:
        """Events read, with objects or without."""
        return len(self.keys)


def read_objects(paths: Sequence[str | Path], label: str, limit: int | None = None) -> Objects:
    """Tables of NanoAOD files, at most `limit` events.

    Raises:
        InputError: a file that cannot be read, or no events in them.
        SchemaError: a file without generator or reconstructed columns.
    """
    sources = tuple(open_source(path) for path in expand(paths))
    parts, absent, repairs = [], set[str](), dict[str, int]()
    for block in plan_blocks(sources, _BLOCK, limit):
        loaded = load_block(block, READ)
        linked = "Jet_genJetIdx" not in loaded.neutral
        parts.append(tables_of(loaded.events, label, linked=linked))
        absent |= set(loaded.neutral)
        for what, number in loaded.repairs.items():
            repairs[what] = repairs.get(what, 0) + number
    if not parts:
        raise InputError(str(paths[0]), "holds no events")
    joined = {name: reduce(join, (part.tables[name] for part in parts)) for name in TABLES}
    keys = np.concatenate([part.keys for part in parts])
    return Objects(label, keys, joined, frozenset(absent), tuple(repairs.items()), sources)


def join(first: ObjectTable, second: ObjectTable) -> ObjectTable:
    """Objects of two samples, events of the second numbered after those of the first."""
    return ObjectTable(
        {name: np.concatenate([first[name], second[name]]) for name in first.columns},
        np.concatenate([first.event, second.event + first.n_events]),
        first.n_events + second.n_events,
    )


def tables_of(events: ak.Array, label: str, *, linked: bool = True) -> Objects:
    """Tables of one block of events.

    A Jet's GenJet is the one it links to (`genJetIdx`), if that exists and lies within 0.4; a link that does not hold
    gives way to the nearest GenJet within 0.4. A Jet that says it has none has none.
    A muon's partner is the generator muon within 0.1 that is nearest to it and to which it is nearest.

    Args:
        events: shape (events,), with generator and reconstructed collections.
        linked: whether `Jet.genJetIdx` means anything; if not, every match is by distance.
    """
    leptons = _prompt_leptons(events.GenPart)
    jet_partner = _jet_partner(events.Jet, events.GenJet, linked)
    gen_muons = events.GenPart[(abs(events.GenPart.pdgId) == 13) & (events.GenPart.status == 1)]
    muon_partner, gen_partner = _mutual(events.Muon, gen_muons, MUON_RADIUS)
    pileup = ak.to_numpy(events.Pileup.nPU).astype(np.float64)
    tables: dict[Collection, dict[str, ak.Array]] = {
        "jets": _jets(events.Jet, events.GenJet, jet_partner, leptons),
        "gen_jets": _gen_jets(events.GenJet, events.Jet, jet_partner, leptons),
        "muons": _muons(events.Muon, gen_muons, muon_partner),
        "gen_muons": _gen_muons(gen_muons, events.Muon, gen_partner),
    }
    keys = event_keys(*(ak.to_numpy(events[name]) for name in ("run", "luminosityBlock", "event")))
    return Objects(label, keys, {name: _flat(fields, pileup) for name, fields in tables.items()})


def _jets(jets: ak.Array, gen_jets: ak.Array, partner: ak.Array, leptons: ak.Array) -> dict[str, ak.Array]:
    gen = _taken(gen_jets, partner)
    of_gen = {f"gen_{name}": gen[name] for name in ("pt", "eta", "phi", "mass")}
    return {
        **{name: jets[name] for name in jets.fields},
        **of_gen,
        "flavour": gen.hadronFlavour,
        "parton": gen.partonFlavour,
        "matched": partner >= 0,
        "distance": _delta(jets, gen),
        "lepton": nearest(jets, leptons, JET_RADIUS) >= 0,
    }


def _gen_jets(gen_jets: ak.Array, jets: ak.Array, partner: ak.Array, leptons: ak.Array) -> dict[str, ak.Array]:
    hardest = _hardest(gen_jets, jets, partner)
    fields = ("pt", "eta", "phi", "mass")
    return {
        **{name: gen_jets[name] for name in fields},
        "flavour": gen_jets.hadronFlavour,
        "parton": gen_jets.partonFlavour,
        "found": ~np.isnan(hardest),
        "reco_pt": hardest,
        "lepton": nearest(gen_jets, leptons, JET_RADIUS) >= 0,
        "isolated": ak.sum(distances(gen_jets, gen_jets) < ISOLATION, axis=2) <= 1,
    }


def _muons(muons: ak.Array, gen_muons: ak.Array, partner: ak.Array) -> dict[str, ak.Array]:
    gen = _taken(gen_muons, partner)
    return {
        **{name: muons[name] for name in muons.fields},
        "gen_pt": gen.pt,
        "gen_eta": gen.eta,
        "matched": partner >= 0,
        "prompt": ak.fill_none(_flag(gen, _PROMPT), False),
    }


def _gen_muons(gen_muons: ak.Array, muons: ak.Array, partner: ak.Array) -> dict[str, ak.Array]:
    reco = _taken(muons, partner)
    return {
        **{name: gen_muons[name] for name in ("pt", "eta", "phi")},
        "prompt": _flag(gen_muons, _PROMPT),
        "found": partner >= 0,
        **{f"reco_{name}": reco[name] for name in ("pt", "mediumId", "pfRelIso04_all")},
    }


def _flat(fields: Mapping[str, ak.Array], pileup: FloatArray) -> ObjectTable:
    numbers: IntArray = ak.to_numpy(ak.num(next(iter(fields.values())))).astype(np.int64)
    event = np.repeat(np.arange(len(numbers)), numbers)
    filled = {
        name: ak.to_numpy(ak.fill_none(ak.flatten(values), np.nan)).astype(np.float64)
        for name, values in fields.items()
    }
    return ObjectTable({**filled, "n_pu": pileup[event]}, event, len(numbers))


def _flag(parts: ak.Array, bits: int) -> ak.Array:
    return (parts.statusFlags & bits) != 0


def _prompt_leptons(parts: ak.Array) -> ak.Array:
    """Stable electrons and muons, prompt or from prompt taus."""
    code = abs(parts.pdgId)
    chosen = ((code == 11) | (code == 13)) & (parts.status == 1) & (parts.pt > _LEPTON_PT)
    return parts[chosen & _flag(parts, _PROMPT | _PROMPT_TAU)]


def _taken(others: ak.Array, partner: ak.Array) -> ak.Array:
    """The partners' records; None where there is none."""
    return others[ak.mask(partner, partner >= 0)]


def _delta(first: ak.Array, second: ak.Array) -> ak.Array:
    turn = (first.phi - second.phi + np.pi) % (2 * np.pi) - np.pi
    return np.hypot(first.eta - second.eta, turn)


def distances(objects: ak.Array, others: ak.Array) -> ak.Array:
    """ΔR of each object from each of the others of its event, shape (events, objects, others)."""
    pairs = ak.cartesian([objects[["eta", "phi"]], others[["eta", "phi"]]], axis=1, nested=True)
    return _delta(*ak.unzip(pairs))


def nearest(objects: ak.Array, others: ak.Array, radius: float) -> ak.Array:
    """Index in its event of the nearest of the others within `radius`, −1 without; shape (events, objects)."""
    separation = distances(objects, others)
    close = ak.min(separation, axis=2) < radius
    return ak.fill_none(ak.where(close, ak.argmin(separation, axis=2), -1), -1)


def _jet_partner(jets: ak.Array, gen_jets: ak.Array, linked: bool) -> ak.Array:
    by_distance = nearest(jets, gen_jets, JET_RADIUS)
    if not linked:
        return by_distance
    index = ak.where(jets.genJetIdx < ak.num(gen_jets), jets.genJetIdx, -1)
    holds = ak.fill_none(_delta(jets, _taken(gen_jets, index)) < JET_RADIUS, False)
    return ak.where(jets.genJetIdx < 0, -1, ak.where(holds, index, by_distance))


def _mutual(objects: ak.Array, others: ak.Array, radius: float) -> tuple[ak.Array, ak.Array]:
    """Partners in both directions, each the other's nearest; so that none has two."""
    there, back = nearest(objects, others, radius), nearest(others, objects, radius)
    return _returned(there, back), _returned(back, there)


def _returned(there: ak.Array, back: ak.Array) -> ak.Array:
    again = ak.fill_none(back[ak.mask(there, there >= 0)], -1)
    return ak.where(again == ak.local_index(there), there, -1)


def _hardest(gen_jets: ak.Array, jets: ak.Array, partner: ak.Array) -> ak.Array:
    """pT of the hardest jet matched to each GenJet, NaN without one."""
    number = ak.to_numpy(ak.num(gen_jets)).astype(np.int64)
    first = np.cumsum(number) - number
    chosen = partner >= 0
    row = ak.to_numpy(ak.flatten((partner + first)[chosen])).astype(np.int64)
    pt = np.zeros(int(number.sum()))
    np.maximum.at(pt, row, ak.to_numpy(ak.flatten(jets.pt[chosen])))
    return ak.unflatten(np.where(pt > 0, pt, np.nan), number)
