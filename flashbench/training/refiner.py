"""What the refiner's training minimises: terms of the loss, their references, constraints by MDMM.

Every term is measured four ways: of the refined objects in training and in validation, of the fast ones (the
*benchmark*, what no refinement gives), and of full simulation against full simulation (the *floor*, what a perfect one
gives). Objective and constraints are in units of the benchmark.

References:
    J. Platt, A. Barr, Constrained Differential Optimization, NeurIPS 1987 (MDMM).
    S. Bein et al., EPJ Web Conf. 295 (2024) 09032; M. Wolf et al., SciPost Phys. Core 8 (2025) 021.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import mdmm
import numpy as np
import torch
from torch import Tensor

from flashbench.simulators.refined import losses
from flashbench.simulators.refined.network import RefinerNetwork
from flashbench.simulators.refined.unitarity import probability_sum, restored_b
from flashbench.simulators.refined.variables import JETS, SCORE_RANGE, SCORES, Kind
from flashbench.training.loop import TOTAL
from flashbench.training.pairing import Pairs
from flashbench.training.recipe_refined import RefinerRecipe, Stage

LAMBDA: Final = "lambda."
EXCESS: Final = "excess."
ROW_BY_ROW: Final = ("mse", "huber")
VALIDATION_ROWS: Final = 2048  # of one MMD
_SMALLEST: Final = 1e-9


@dataclass(frozen=True)
class Sample:
    """Pairs as tensors.

    Attributes:
        fast, full: in the transformed space, shape (pairs, variables), float32.
        parameters: shape (pairs, 3), float32.
    """

    fast: Tensor
    full: Tensor
    parameters: Tensor

    @classmethod
    def of(cls, pairs: Pairs, kind: Kind) -> Sample:
        """Transform the pairs of a kind."""
        columns = *(kind.forward(side, pairs.parameters) for side in (pairs.fast, pairs.full)), pairs.parameters
        return cls(*(torch.from_numpy(np.ascontiguousarray(each, np.float32)) for each in columns))

    def __len__(self) -> int:
        return len(self.fast)

    def take(self, rows: Tensor) -> Sample:
        """The pairs of those row numbers."""
        return Sample(self.fast[rows], self.full[rows], self.parameters[rows])


def twins(sample: Sample, seed: int) -> tuple[Sample, Sample]:
    """Two disjoint halves of the pairs, row i of one like row i of the other in category, |η| and generator pt."""
    order = torch.randperm(len(sample), generator=torch.Generator().manual_seed(seed)).numpy()
    halves = []
    for rows in np.array_split(order, 2):
        momentum, eta, code = sample.parameters[torch.from_numpy(rows)].T.numpy()
        halves.append(rows[np.lexsort((momentum, np.floor(np.abs(eta) / 0.5), code))])
    length = min(len(half) for half in halves)
    first, second = (sample.take(torch.from_numpy(half[:length].copy())) for half in halves)
    return first, second


class Terms:
    """Terms of the loss of one kind of object."""

    def __init__(self, kind: Kind, recipe: RefinerRecipe, network: RefinerNetwork, sample: Sample) -> None:
        """Fix widths and units from a training sample."""
        self.kind, self.recipe, self.network = kind, recipe, network
        with torch.no_grad():
            self.width = self._width(sample)

    def __call__(self, x: Tensor, y: Tensor, of_x: Tensor, of_y: Tensor) -> dict[str, Tensor]:
        """All terms.

        Args:
            x, y: transformed variables of refined and full objects, shape (objects, variables).
            of_x, of_y: parameters of both, shape (objects, 3); alike in training.
        """
        scaled, wanted = self._scaled(x), self._scaled(y)
        terms = {
            "mmd": self._mmd(scaled, wanted, of_x, of_y),
            "mse": losses.mse(scaled, wanted),
            "huber": losses.huber(scaled, wanted),
        }
        if self.kind is JETS:
            terms["unitarity_mean"], terms["unitarity_spread"] = losses.unitarity(x[:, 1:])
        return terms

    def restore(self, refined: Tensor, fast: Tensor) -> Tensor:
        """Refined variables whose scores have the sum of the fast ones, where the recipe asks it."""
        if self.kind is not JETS or self.recipe.unitarity != "exact":
            return refined
        scores, before = (torch.sigmoid(each[:, 1 : len(SCORES)]).clamp(*SCORE_RANGE) for each in (refined, fast))
        b = restored_b(scores[:, 0], scores[:, 1], scores[:, 2], probability_sum(*before.T))
        return torch.cat([refined[:, :1], torch.logit(b.clamp(*SCORE_RANGE))[:, None], refined[:, 2:]], 1)

    def wasserstein(self, x: Tensor, y: Tensor) -> Tensor:
        """W1 of each variable in units of its spread, equally many objects; shape (variables,)."""
        distance: Tensor = (self._scaled(x).sort(0).values - self._scaled(y).sort(0).values).abs().mean(0)
        return distance

    def _scaled(self, columns: Tensor) -> Tensor:
        scaled: Tensor = (columns - self.network.centre) / self.network.spread
        return scaled

    def _appended(self, parameters: Tensor) -> Tensor:
        return self.network.describe(parameters)[:, :2] * self.recipe.parameter_weight

    def _mmd(self, x: Tensor, y: Tensor, of_x: Tensor, of_y: Tensor) -> Tensor:
        left = losses.conditional(x, self._appended(of_x))
        right = losses.conditional(y, self._appended(of_y))
        width = losses.adaptive_width(left, right) if self.recipe.bandwidth == "adaptive" else self.width
        scales, power = self.recipe.scales, self.recipe.category_power
        codes = of_x[:, 2], self.kind.codes
        return losses.mmd_by_category(left, right, *codes, width=width, scales=scales, power=power)

    def _width(self, sample: Sample) -> Tensor:
        columns = losses.conditional(self._scaled(sample.full), self._appended(sample.parameters))
        return losses.median_width(columns)


class RefinerTask:
    """Minimises one stage's primary term under its constraints; a `TrainingTask` of the loop."""

    def __init__(
        self, terms: Terms, stage: Stage, train: Sample, validation: Sample, benchmark: Mapping[str, float]
    ) -> None:
        """Prepare a stage.

        Args:
            terms: of the loss; its network is trained.
            stage: primary term and constraints.
            train, validation: pairs of different events.
            benchmark: value of every term for fast objects: the unit of objective and limits.
        """
        self.terms, self.stage, self._train, self._validation = terms, stage, train, validation
        self.rows = len(train)
        self.units = {name: max(abs(value), _SMALLEST) for name, value in benchmark.items()}
        if "unitarity_spread" in self.units:
            self.units["unitarity_mean"] = self.units["unitarity_spread"]
        self._now: dict[str, Tensor] = {}
        self.constraints = mdmm.MDMM(
            mdmm.MaxConstraintHard(partial(self._relative, name), limit, damping=terms.recipe.damping)
            for name, limit in stage.limits
        )
        self.module: torch.nn.Module = torch.nn.ModuleDict({"network": terms.network, "constraints": self.constraints})

    def _relative(self, name: str) -> Tensor:
        return self._now[name].abs() / self.units[name]

    def groups(self) -> list[dict[str, Any]]:
        """The network by descent, multipliers by ascent and without decay."""
        multipliers = [constraint.lmbda for constraint in self.constraints]
        groups: list[dict[str, Any]] = [{"params": list(self.terms.network.parameters())}]
        if multipliers:
            groups.append({"params": multipliers, "lr_scale": -1.0, "weight_decay": 0.0})
        return groups

    def loss(self, batch: Tensor) -> Mapping[str, Tensor]:
        """Terms of a batch; the total is the primary term with the constraints' multipliers and damping."""
        pairs = self._train.take(batch)
        self._now = self.terms(self._refined(pairs), pairs.full, pairs.parameters, pairs.parameters)
        primary = self.stage.primary
        combined = self.constraints(self._now[primary] / self.units[primary])
        logged = dict(self._now) | {TOTAL: combined.value}
        for (name, _), constraint, excess in zip(self.stage.limits, self.constraints, combined.infs, strict=True):
            logged |= {LAMBDA + name: -constraint.lmbda, EXCESS + name: -excess}
        return logged

    def validate(self) -> Mapping[str, float]:
        """Terms of the pairs held out; the total is the primary term in units of the benchmark, and W1 by variable."""
        measured = measure(self.terms, self._refined(self._validation), self._validation)
        return {TOTAL: measured[self.stage.primary] / self.units[self.stage.primary]} | measured

    def _refined(self, pairs: Sample) -> Tensor:
        refined = pairs.fast + self.terms.network(pairs.fast, pairs.parameters)
        return self.terms.restore(refined, pairs.fast)


def measure(terms: Terms, x: Tensor, against: Sample, of_x: Tensor | None = None) -> dict[str, float]:
    """Terms of objects against the full ones of some pairs: means over whole groups of `VALIDATION_ROWS`.

    Args:
        terms: of the loss.
        x: transformed variables, one row a pair.
        against: pairs.
        of_x: parameters of `x`, where they are not those of the pairs.

    Returns:
        Also `w1`, the mean over the variables of W1 in units of the variable's spread, and `w1.NAME` of each, in the
        transformed space: that of pt is of the response.
    """
    parameters = against.parameters if of_x is None else of_x
    size = min(VALIDATION_ROWS, len(x))
    sums: dict[str, float] = {}
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    groups = order[: len(x) // size * size].reshape(-1, size)
    with torch.no_grad():
        for rows in groups:
            values = terms(x[rows], against.full[rows], parameters[rows], against.parameters[rows])
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + float(value) / len(groups)
        distances = terms.wasserstein(x, against.full).tolist()
    sums["w1"] = float(np.mean(distances))
    return sums | {f"w1.{name}": value for name, value in zip(terms.kind.names, distances, strict=True)}


def floor_of(terms: Terms, pairs: Sample, again: Sample | None, seed: int) -> dict[str, float]:
    """Terms of full simulation against full simulation.

    Args:
        terms: of the loss.
        pairs: all that there are.
        again: pairs whose `fast` is full simulation of the same generator objects with other random numbers.
        seed: of the halves.

    Returns:
        From `again`, every term. Without it, halves of the sample take its place: then the terms that compare row by
        row have no floor and are left out, since no two rows are of the same generator object.
    """
    if again is not None:
        return measure(terms, again.fast, again)
    first, second = twins(pairs, seed)
    found = measure(terms, first.full, second, first.parameters)
    return {name: value for name, value in found.items() if name not in ROW_BY_ROW}
