"""Train a classifier of a few outcomes: reconstructed or not, number of fakes.

The network starts at the frequencies of the outcomes, minimises the cross-entropy, and keeps the best epoch on
held-out rows, so that its outputs are probabilities; `calibration` measures how well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashbench.simulators.flash.efficiency import Classifier
from flashbench.simulators.flash.feature import Feature, FloatArray
from flashbench.simulators.flash.standardise import Standardise
from flashbench.simulators.flash.transforms import Float32Array
from flashbench.training.loop import TOTAL, History, LoopConfig, Progress, fit

IntArray = NDArray[np.int64]

HIDDEN: Final = (64, 64)
_HELD_OUT: Final = 0.1
_BINS: Final = 10


class ClassifierTask:
    """Cross-entropy of a multilayer perceptron, in nats a row."""

    def __init__(self, module: torch.nn.Module, inputs: Float32Array, outcomes: IntArray, held_out: int) -> None:
        """Train on all rows but the first `held_out`, which validate.

        Args:
            module: (rows, inputs) → logits (rows, classes).
            inputs: standardised conditions, shape (rows, inputs).
            outcomes: shape (rows,).
            held_out: rows kept for validation.
        """
        self.module = module
        self.rows = len(inputs) - held_out
        x, y = torch.from_numpy(np.ascontiguousarray(inputs)), torch.from_numpy(outcomes)
        self._x, self._y = x[held_out:], y[held_out:]
        self._held_out = x[:held_out], y[:held_out]

    def groups(self) -> list[dict[str, Any]]:
        """All parameters alike."""
        return [{"params": list(self.module.parameters())}]

    def loss(self, batch: Tensor) -> Mapping[str, Tensor]:
        """Mean over the rows of `batch`."""
        return {TOTAL: torch.nn.functional.cross_entropy(self.module(self._x[batch]), self._y[batch])}

    def validate(self) -> Mapping[str, float]:
        """Mean over the rows that were held out."""
        x, y = self._held_out
        return {TOTAL: float(torch.nn.functional.cross_entropy(self.module(x), y))}


def train_classifier(
    conditions: FloatArray,
    outcomes: IntArray,
    features: Sequence[Feature],
    loop: LoopConfig,
    out: Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Classifier, History, dict[str, float]]:
    """Train a classifier; a killed training goes on when it is called again.

    Args:
        conditions: raw columns, shape (rows, conditions).
        outcomes: 0, 1, …, shape (rows,).
        features: one a column.
        loop: how long and how fast.
        out: directory for checkpoint and history.
        seed: of everything random.
        progress: called after every epoch.

    Returns:
        The classifier of the best epoch, its history, and `calibration` on the held-out rows.

    Raises:
        SchemaError: no rows, or shapes or values do not fit.
        RunError: `out` holds another training, or the loss is not finite.
    """
    order = np.random.default_rng(seed).permutation(len(conditions))
    conditions, outcomes = conditions[order], outcomes[order].astype(np.int64)
    inputs = Standardise.fit(conditions, features)
    classes = max(2, int(outcomes.max()) + 1)
    module = _perceptron(inputs.inputs, np.bincount(outcomes, minlength=classes), seed)
    held_out = max(1, int(_HELD_OUT * len(conditions)))
    history = fit(ClassifierTask(module, inputs.forward(conditions), outcomes, held_out), loop, out, progress, seed)
    layers = [layer for layer in module if isinstance(layer, torch.nn.Linear)]
    trained = Classifier(
        inputs, tuple((layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()) for layer in layers)
    )
    return trained, history, calibration(trained, conditions[:held_out], outcomes[:held_out])


def calibration(classifier: Classifier, conditions: FloatArray, outcomes: IntArray) -> dict[str, float]:
    """How well probabilities are frequencies, on rows that were not trained on.

    Returns:
        `predicted` and `observed` mean outcome, and `error`, the mean of |predicted − observed| over ten bins of equal
        rows by the predicted mean.
    """
    predicted = classifier.probabilities(conditions) @ np.arange(classifier.classes)
    bins = np.array_split(np.argsort(predicted, kind="stable"), _BINS)
    gaps = [abs(predicted[rows].mean() - outcomes[rows].mean()) for rows in bins if len(rows)]
    return {
        "predicted": float(predicted.mean()),
        "observed": float(outcomes.mean()),
        "error": float(np.mean(gaps)),
    }


def _perceptron(inputs: int, frequency: IntArray, seed: int) -> torch.nn.Sequential:
    """Linear and ReLU layers; the last starts at the logarithms of the frequencies, whatever the input."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[torch.nn.Module] = []
        for before, after in zip((inputs, *HIDDEN[:-1]), HIDDEN, strict=True):
            layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
        last = torch.nn.Linear(HIDDEN[-1], len(frequency))
    torch.nn.init.zeros_(last.weight)
    share = (frequency + 0.5) / (frequency.sum() + 0.5 * len(frequency))
    with torch.no_grad():
        last.bias.copy_(torch.from_numpy(np.log(share).astype(np.float32)))
    return torch.nn.Sequential(*layers, last)
