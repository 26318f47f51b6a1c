"""Is a generator object reconstructed, and with which charge.

What to use when: `Classifier` for the probability of each of a few outcomes given conditions (reconstructed or not;
how many fakes), `ChargeFlip` for the rate of wrong charges. Both are plain NumPy once trained: a throw is a pure
function of the conditions and of one uniform number a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flashbench.errors import PluginError
from flashbench.simulators.flash import weights
from flashbench.simulators.flash.feature import Feature, FloatArray
from flashbench.simulators.flash.standardise import Standardise
from flashbench.simulators.flash.transforms import Float32Array

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_BATCH: Final = 1024  # rows: hidden layers stay in the cache


@dataclass(frozen=True)
class Classifier:
    """A small multilayer perceptron with softmax outputs.

    Attributes:
        inputs: how raw conditions are shown to it.
        layers: weight of shape (out, in) and bias of shape (out,), float32; ReLU between them.
        metadata: as stored beside the weights.
    """

    inputs: Standardise
    layers: tuple[tuple[Float32Array, Float32Array], ...]
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> int:
        """Number of outcomes."""
        return len(self.layers[-1][1])

    def probabilities(self, conditions: FloatArray) -> FloatArray:
        """Probability of each outcome, (rows, conditions) raw → (rows, classes); rows add up to 1."""
        result = np.empty((len(conditions), self.classes))
        for part in _parts(len(conditions)):
            odds = self._odds(conditions[part])
            result[part] = (odds / odds.sum(axis=0, dtype=np.float64)).T
        return result

    def _odds(self, conditions: FloatArray) -> Float32Array:
        """Probability of each outcome over that of the likeliest, shape (classes, rows): rows last, which is faster."""
        hidden = self.inputs.forward(conditions).T
        for weight, bias in self.layers[:-1]:
            hidden = np.maximum(weight @ hidden + bias[:, None], 0)
        weight, bias = self.layers[-1]
        odds: Float32Array = weight @ hidden + bias[:, None]
        odds -= odds.max(axis=0)
        np.exp(odds, out=odds)
        return odds

    def throw(self, conditions: FloatArray, rng: np.random.Generator) -> IntArray:
        """One outcome a row, drawn with its probability; shape (rows,)."""
        return self.outcome(conditions, rng.random(len(conditions)))

    def outcome(self, conditions: FloatArray, uniform: FloatArray) -> IntArray:
        """The outcome of each row that `uniform` in [0, 1), shape (rows,), falls on."""
        outcome = np.empty(len(conditions), np.int64)
        for part in _parts(len(conditions)):
            upto = self._odds(conditions[part])
            for k in range(1, len(upto)):  # np.cumsum along the first axis takes ten times as long
                upto[k] += upto[k - 1]
            outcome[part] = (uniform[part].astype(np.float32) * upto[-1] >= upto[:-1]).sum(axis=0)
        return outcome

    def save(self, directory: Path, metadata: dict[str, Any]) -> None:
        """Write weights and `metadata` to a folder of their own."""
        tensors = dict(self.inputs.tensors())
        for number, (weight, bias) in enumerate(self.layers):
            tensors |= {f"layer{number}.weight": weight, f"layer{number}.bias": bias}
        weights.save(directory, tensors, metadata | {"layers": len(self.layers)})

    @classmethod
    def load(cls, directory: Path, conditions: tuple[Feature, ...]) -> Classifier:
        """Read what `save` wrote.

        Raises:
            PluginError, InputError: missing, damaged, of another feature version, or for other conditions.
        """
        tensors, metadata = weights.load(directory)
        inputs = Standardise.from_tensors(tensors, conditions)
        layers = tuple(
            (tensors[f"layer{number}.weight"], tensors[f"layer{number}.bias"]) for number in range(metadata["layers"])
        )
        if len(inputs.low) != len(conditions) or layers[0][0].shape[1] != inputs.inputs:
            raise PluginError(str(directory), "weights are for other conditions", "train again: flashbench train flash")
        return cls(inputs, layers, metadata)


def _parts(rows: int) -> Iterator[slice]:
    return (slice(start, start + _BATCH) for start in range(0, rows, _BATCH))


@dataclass(frozen=True)
class ChargeFlip:
    """Probability of a wrong charge in bins of the generator pt.

    Attributes:
        edges: inner edges, GeV, ascending, shape (bins − 1,).
        probability: shape (bins,).
    """

    edges: tuple[float, ...]
    probability: tuple[float, ...]

    @classmethod
    def measure(cls, pt: FloatArray, flipped: BoolArray, edges: tuple[float, ...] = (10.0, 30.0, 100.0)) -> ChargeFlip:
        """Rates of a training sample.

        A bin of few muons is drawn to the rate of all: it counts as if 1000 average muons stood in it too.

        Args:
            pt: of the generator muons, GeV, shape (muons,).
            flipped: shape (muons,).
            edges: inner edges of the bins.
        """
        prior = 1000
        mean = float(flipped.mean()) if len(flipped) else 0.0
        place = np.digitize(pt, edges)
        muons = np.bincount(place, minlength=len(edges) + 1)
        wrong = np.bincount(place, flipped.astype(np.float64), minlength=len(edges) + 1)
        return cls(edges, tuple(((wrong + prior * mean) / (muons + prior)).tolist()))

    def throw(self, pt: FloatArray, rng: np.random.Generator) -> BoolArray:
        """Whose charge is wrong, shape (muons,)."""
        rate = np.asarray(self.probability)[np.digitize(pt, self.edges)]
        flipped: BoolArray = rng.random(len(pt)) < rate
        return flipped

    def to_dict(self) -> dict[str, list[float]]:
        """For a manifest."""
        return {"edges": list(self.edges), "probability": list(self.probability)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> ChargeFlip:
        """The inverse of `to_dict`."""
        return cls(tuple(map(float, content["edges"])), tuple(map(float, content["probability"])))
