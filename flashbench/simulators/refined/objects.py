"""The objects of a block as the refiner sees them, and the block with what became of them.

What to use when: `look_up` for variables and parameters of a collection, `put_back` for the collection with refined
values, originals beside them, in descending pt, `follow` for an index that pointed into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.errors import SchemaError
from flashbench.simulators.refined.refiner import Refined
from flashbench.simulators.refined.variables import JETS, UNREFINED, BoolArray, FloatArray, Kind

IntArray = NDArray[np.int64]

FLAG: Final = "refined"
_PROMPT: Final = 1 | 1 << 5  # GenPart_statusFlags: isPrompt, isDirectPromptTauDecayProduct


@dataclass(frozen=True, slots=True)
class Looked:
    """Objects of a collection, all events one after another.

    Attributes:
        values: physical variables, shape (objects, variables).
        parameters: generator pt (GeV), η, category code; NaN without a generator object; shape (objects, 3).
        matched: those with a generator object in the range of the training, shape (objects,).
    """

    values: FloatArray
    parameters: FloatArray
    matched: BoolArray


def look_up(events: ak.Array, kind: Kind) -> Looked:
    """Variables of a collection and the generator objects behind them.

    Raises:
        SchemaError: a column is missing.
    """
    objects = _collection(events, kind.collection, (*kind.names, kind.link))
    values = np.column_stack([_flat(objects[name]) for name in kind.names])
    generated = generator_parameters(events, kind)
    row = generator_rows(events, kind)
    there = row >= 0
    parameters = np.full((len(values), 3), np.nan)
    parameters[there] = generated[row[there]]
    matched = there & np.isin(parameters[:, 2], kind.codes)
    matched &= np.abs(np.where(there, parameters[:, 1], np.inf)) < kind.eta
    return Looked(values, parameters, matched)


def generator_rows(events: ak.Array, kind: Kind) -> IntArray:
    """Row, in all events one after another, of the generator object of each object; −1 where a link leads nowhere."""
    link = events[kind.collection][kind.link]
    counts = ak.to_numpy(ak.num(events[kind.generated].pt)).astype(np.int64)
    event = np.repeat(np.arange(len(counts)), ak.to_numpy(ak.num(link)))
    index = ak.to_numpy(ak.flatten(link)).astype(np.int64)
    good = (index >= 0) & (index < counts[event])
    return np.where(good, (np.cumsum(counts) - counts)[event] + index, -1)


def generator_parameters(events: ak.Array, kind: Kind) -> FloatArray:
    """Columns `PARAMETERS` of all generator objects of a kind, shape (generator objects, 3).

    Raises:
        SchemaError: a column is missing.
    """
    category = "hadronFlavour" if kind is JETS else "statusFlags"
    generated = _collection(events, kind.generated, ("pt", "eta", category))
    codes = _flat(generated[category])
    if kind is not JETS:
        codes = ((codes.astype(np.int64) & _PROMPT) != 0).astype(np.float64)
    return np.column_stack([_flat(generated.pt), _flat(generated.eta), codes])


def put_back(events: ak.Array, kind: Kind, refined: Refined) -> tuple[ak.Array, ak.Array]:
    """The collection with refined values, sorted by descending pt.

    Returns:
        The collection, with the original of each variable as `NAME_unrefined` and the flag `refined`; and the order:
        for each event, the old places of its objects, shape (events, var).
    """
    objects = events[kind.collection]
    counts = ak.num(objects.pt)
    fields = {name: objects[name] for name in objects.fields}
    for k, name in enumerate(kind.names):
        fields[name + UNREFINED] = objects[name]
        fields[name] = ak.unflatten(refined.values[:, k], counts)
    fields[FLAG] = ak.unflatten(refined.refined, counts)
    order = ak.argsort(fields["pt"], axis=1, ascending=False, stable=True)
    return ak.zip(fields)[order], order


def follow(index: ak.Array, order: ak.Array) -> ak.Array:
    """An index into a collection that was sorted anew, pointing to the same objects as before.

    Args:
        index: old places, −1 for none, shape (events, var).
        order: from `put_back`, shape (events, var).

    Returns:
        New places; −1 stays, and so does a place that there is no object at, as −1.
    """
    place = ak.argsort(order, axis=1)  # the inverse of a permutation
    good = (index >= 0) & (index < ak.num(order))
    padded = ak.fill_none(ak.pad_none(place, 1), -1)
    return ak.values_astype(ak.where(good, padded[ak.where(good, index, 0)], -1), index_type(index))


def index_type(index: ak.Array) -> np.dtype[np.generic]:
    """Type of the numbers in a jagged array."""
    return np.asarray(ak.flatten(index)).dtype


def _flat(values: ak.Array) -> FloatArray:
    flat: FloatArray = ak.to_numpy(ak.flatten(values)).astype(np.float64)
    return flat


def _collection(events: ak.Array, name: str, fields: tuple[str, ...]) -> ak.Array:
    missing = [f"{name}_{field}" for field in fields if name not in events.fields or field not in events[name].fields]
    if missing:
        hint = "refined needs DeepJet scores (NanoAOD v9 on), generator links and generator columns"
        raise SchemaError("simulator 'refined'", ", ".join(missing), "missing", hint)
    return events[name]
