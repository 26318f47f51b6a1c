"""What is refined: variables with their transforms, and the generator quantities that they depend on, as data.

What to use when: `JETS` and `MUONS` for the two kinds of object, `Variable.forward` to go to the space that network
and losses work in, `shifted` to come back.

References:
    S. Bein et al., EPJ Web Conf. 295 (2024) 09032; M. Wolf et al., SciPost Phys. Core 8 (2025) 021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

VARIABLES_VERSION: Final = 1
"""Changes whenever weights trained before would mean something else."""
UNREFINED: Final = "_unrefined"

SCORE_RANGE: Final = (1e-6, 1 - 2.5e-4)
"""Clamp of scores; the upper edge is half the last step of NanoAOD's shortened mantissa below 1."""


class Scale(StrEnum):
    """How a variable is laid out for network and losses."""

    SCORE = "score"
    """In [0, 1]: logit, clamped."""
    MOMENTUM = "momentum"
    """Above 0: logit of tanh(value / size); logarithmic below `size`, linear above."""
    POSITIVE = "positive"
    """From 0 on, 0 included: log(value + size)."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One refined quantity.

    Attributes:
        name: NanoAOD field.
        label: mathtext, without unit; `unit` may be empty.
        scale: its transform; `size` is where that bends, in the variable's unit.
        highest: largest value that can be.
        anchored: seen relative to the generator's pt, so that response and resolution are of order one.
    """

    name: str
    label: str
    scale: Scale
    size: float = 1.0
    unit: str = ""
    highest: float = np.inf
    anchored: bool = False

    def forward(self, values: FloatArray) -> FloatArray:
        """Physical values, any shape, in the space of network and losses."""
        if self.scale is Scale.SCORE:
            clamped = np.clip(values, *SCORE_RANGE)
            out: FloatArray = np.log(clamped) - np.log1p(-clamped)
        elif self.scale is Scale.MOMENTUM:
            twice = 2 * np.maximum(values, 1e-3) / self.size
            out = twice + np.log(-np.expm1(-twice)) - np.log(2)  # logit(tanh(x)) = log((exp(2x) − 1) / 2)
        else:
            out = np.log(np.maximum(values, 0.0) + self.size)
        return out

    def inverse(self, latent: FloatArray) -> FloatArray:
        """Back to physical values; POSITIVE may come out below 0."""
        if self.scale is Scale.SCORE:
            out: FloatArray = 0.5 * (1 + np.tanh(latent / 2))
        elif self.scale is Scale.MOMENTUM:
            out = 0.5 * self.size * np.logaddexp(0, latent + np.log(2))
        else:
            out = np.exp(latent) - self.size
        return out

    def shifted(self, values: FloatArray, shift: FloatArray) -> FloatArray:
        """Physical values after a `shift` in the transformed space; a shift of 0 gives them back exactly.

        Values beyond the clamp keep their distance from it. Scores stay in [0, 1], positive variables at 0 or above.
        """
        latent = self.forward(values)
        moved = values + (self.inverse(latent + shift) - self.inverse(latent))
        if self.scale is Scale.SCORE:
            return np.clip(moved, 0.0, 1.0)
        return np.maximum(moved, 0.0) if self.scale is Scale.POSITIVE else moved

    def valid(self, values: FloatArray) -> BoolArray:
        """Which values can be refined, or be the outcome of it: finite and in range; a score of −1 is not computed."""
        inside = values > 0 if self.scale is Scale.MOMENTUM else values >= 0
        return inside & np.isfinite(values) & (values <= self.highest)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object that is refined.

    Attributes:
        collection: NanoAOD collection; `link` is its field with the index of the object in `generated`.
        variables: refined quantities; pt is the first.
        category: what `categories` are of.
        categories: code and name of each.
        eta: largest |η| of the generator object.
        matched: largest ΔR of a reconstructed object in training.
        isolated: smallest ΔR of another generator object in training.
    """

    collection: str
    link: str
    generated: str
    variables: tuple[Variable, ...]
    category: str
    categories: tuple[tuple[int, str], ...]
    eta: float
    matched: float
    isolated: float

    @property
    def names(self) -> tuple[str, ...]:
        """Fields of the variables."""
        return tuple(variable.name for variable in self.variables)

    @property
    def codes(self) -> tuple[int, ...]:
        """Codes of the categories."""
        return tuple(code for code, _ in self.categories)

    def forward(self, values: FloatArray, parameters: FloatArray) -> FloatArray:
        """Transformed columns, anchored ones less the transformed generator pt; shape (objects, variables).

        Args:
            values: physical variables, shape (objects, variables).
            parameters: columns `PARAMETERS`, shape (objects, 3).
        """
        columns = [
            variable.forward(values[:, k]) - (variable.forward(parameters[:, 0]) if variable.anchored else 0.0)
            for k, variable in enumerate(self.variables)
        ]
        return _columns(columns, len(values))

    def shifted(self, values: FloatArray, shift: FloatArray) -> FloatArray:
        """See `Variable.shifted`; both of shape (objects, variables)."""
        moved = [v.shifted(values[:, k], shift[:, k]) for k, v in enumerate(self.variables)]
        return _columns(moved, len(values))

    def valid(self, values: FloatArray) -> BoolArray:
        """Objects all of whose variables are valid, shape (objects,)."""
        good = np.ones(len(values), dtype=np.bool_)
        for k, variable in enumerate(self.variables):
            good &= variable.valid(values[:, k])
        return good


def _columns(columns: Sequence[FloatArray], rows: int) -> FloatArray:
    return np.column_stack(columns) if columns else np.empty((rows, 0))


_BEAM: Final = 7000.0  # GeV: no jet or muon has more
SCORES: Final = ("btagDeepFlavB", "btagDeepFlavCvB", "btagDeepFlavCvL", "btagDeepFlavQG")
PARAMETERS: Final = ("gen_pt", "gen_eta", "category")
"""Columns that every refiner is conditioned on: GeV, –, code of the category."""

JETS: Final = Kind(
    "Jet",
    "genJetIdx",
    "GenJet",
    (
        Variable("pt", "jet $p_T$", Scale.MOMENTUM, 200.0, "GeV", _BEAM, anchored=True),
        *(Variable(name, f"DeepJet {name.removeprefix('btagDeepFlav')}", Scale.SCORE, highest=1.0) for name in SCORES),
    ),
    "hadron flavour",
    ((5, "b"), (4, "c"), (0, "light")),
    eta=5.0,
    matched=0.2,
    isolated=0.6,
)
MUONS: Final = Kind(
    "Muon",
    "genPartIdx",
    "GenPart",
    (
        Variable("pt", r"muon $p_T$", Scale.MOMENTUM, 200.0, "GeV", _BEAM, anchored=True),
        Variable("pfRelIso04_all", "muon isolation", Scale.POSITIVE, 0.02),
    ),
    "origin",
    ((1, "prompt"), (0, "of a hadron")),
    eta=2.8,
    matched=0.2,
    isolated=0.0,
)
KINDS: Final = {"jets": JETS, "muons": MUONS}
