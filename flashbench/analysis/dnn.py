"""The discriminator: a network, or several that share out the events, from the table of observables to a score.

What to use when: `open_discriminator` for an ONNX file or a TOML list of several, `shipped` for the one that comes with
flashbench, `Discriminator.score` for the columns of a table, `input_matrix` to train on.

Soft activity is not simulated: its two inputs are the same constants for every simulator, and so is the year, which
biases no comparison. In the mass sideband the network is given a mass of 125 GeV, so that its score there is that of
the kinematics alone, as the published fit needs.

References:
    CMS, JHEP 01 (2021) 148 (inputs, sideband); F. Vaselli et al., FlashSim prototype, CMS NOTE-2023/003 (constants).
"""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flashbench.analysis.network import Network, open_network
from flashbench.analysis.regions import NO_REGION, SIDEBAND
from flashbench.errors import InputError, SchemaError

FloatArray = NDArray[np.float64]
Table = Mapping[str, NDArray[Any]]

INPUTS: Final = (
    *("dimuon_mass", "dimuon_mass_resolution", "dimuon_relative_resolution", "dimuon_pt", "ln_dimuon_pt", "dimuon_eta"),
    *("phi_cs", "cos_theta_cs", "pt_balance", "ln_zstar", "jet1_pt", "jet1_eta", "jet1_phi"),
    *("jet2_pt", "jet2_eta", "jet2_phi", "jet1_qgl", "jet2_qgl", "dijet_mass", "ln_dijet_mass", "dijet_eta_gap"),
    *("min_eta_distance", "year", "n_soft_jets", "soft_ht2"),
)
CONSTANTS: Final[Mapping[str, float]] = MappingProxyType({"year": 2018.0, "n_soft_jets": 0.0, "soft_ht2": 1.0})
QGL: Final = ("jet1_qgl", "jet2_qgl")
NEUTRAL_QGL: Final = 0.98  # of a jet without one, as in the published analysis code; NanoAOD has −1 there
SIDEBAND_MASS: Final = 125.0  # GeV
COLUMNS: Final = ("dnn", "dnn_atanh", "dnn_noqgl_atanh")

_SHIPPED: Final = "dnn.toml"
_LARGEST: Final = float(np.nextafter(np.float32(1), np.float32(0)))  # a float32 sigmoid that rounds to 1


@dataclass(frozen=True, slots=True)
class Scores:
    """What a discriminator says of a table.

    Attributes:
        columns: `dnn` (probability), `dnn_atanh` and `dnn_noqgl_atanh`, shape (rows,), NaN outside SR and SB and where
            an input is undefined. The last has the neutral QGL in every jet, for comparisons with simulators without.
        counts: rows scored, rows with an undefined input and rows beyond the training range, by input.
    """

    columns: dict[str, FloatArray]
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Discriminator:
    """Networks by `event % k`, so that each event is scored by the one that did not train on it."""

    path: str
    networks: tuple[Network, ...]

    @property
    def sha256(self) -> str:
        """Of all networks with their descriptions, for cache keys."""
        return hashlib.sha256("".join(network.sha256 for network in self.networks).encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        """For a manifest."""
        first = self.networks[0]
        return {
            "path": self.path,
            "sha256": self.sha256,
            "networks": [network.sha256 for network in self.networks],
            "chosen_by": f"event % {len(self.networks)}",
            "inputs": list(first.inputs),
            "output": "logit" if first.logit else "sigmoid",
            "provider": first.provider,
            "neutral_qgl": NEUTRAL_QGL,
        }

    def score(self, table: Table) -> Scores:
        """Scores of the rows of a table that are in a region.

        Args:
            table: `event`, `region` and the observables among `INPUTS`, each of shape (rows,).

        Raises:
            SchemaError: a column is missing.
            InputError: a network's output is not finite.
        """
        region = _column(table, "region")
        turn = np.where(region == NO_REGION, -1, (_column(table, "event") % np.uint64(len(self.networks))).astype(int))
        columns = {name: np.full(len(region), np.nan) for name in COLUMNS}
        counts: Counter[str] = Counter()
        for number, network in enumerate(self.networks):
            rows = np.flatnonzero(turn == number)
            matrix = input_matrix(table, rows)
            for column in _QGL_COLUMNS:
                missing = matrix[:, column] < 0
                matrix[missing, column] = NEUTRAL_QGL
                counts["jets without QGL"] += int(missing.sum())
            counts.update(_count(matrix, network))
            all_used = len(network.columns) == len(INPUTS)
            whole = np.isfinite(matrix if all_used else matrix[:, network.columns]).all(axis=1)
            rows, matrix = (rows, matrix) if whole.all() else (rows[whole], matrix[whole])
            counts["scored"] += len(rows)
            columns["dnn"][rows], columns["dnn_atanh"][rows] = _scores(network, matrix)
            matrix[:, _QGL_COLUMNS] = NEUTRAL_QGL
            columns["dnn_noqgl_atanh"][rows] = _scores(network, matrix)[1]
        return Scores(columns, {name: number for name, number in counts.items() if number})


_QGL_COLUMNS: Final = [INPUTS.index(name) for name in QGL]
_MASS, _RESOLUTION, _RELATIVE = (INPUTS.index(name) for name in INPUTS[:3])


def _scores(network: Network, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probability and its artanh of rows of finite inputs."""
    raw = network.raw(matrix)
    return from_logit(raw) if network.logit else _from_sigmoid(raw, network)


def _count(matrix: FloatArray, network: Network) -> dict[str, int]:
    """Rows with an undefined input and rows beyond the training range, by input."""
    counts = {}
    for place, column in enumerate(network.columns):
        values, name = matrix[:, column], network.inputs[place]
        counts[f"undefined {name}"] = int(np.count_nonzero(~np.isfinite(values)))
        outside = (values < network.low[place]) | (values > network.high[place])
        counts[f"{name} outside the training range"] = int(np.count_nonzero(outside))
    return counts


def from_logit(logit: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probability s and artanh s = ½ ln(1 + 2 eᶻ) of a logit z; finite for every finite z."""
    return np.exp(-np.logaddexp(0.0, -logit)), np.logaddexp(0.0, logit + np.log(2.0)) / 2


def _from_sigmoid(score: FloatArray, network: Network) -> tuple[FloatArray, FloatArray]:
    if score.size and not 0 <= score.min() <= score.max() <= 1:
        problem = f"says its output is a sigmoid, and gives {score.min():.3g} to {score.max():.3g}"
        raise InputError(network.path, problem, 'describe it with output = "logit"')
    return score, np.arctanh(np.minimum(score, _LARGEST))


def input_matrix(table: Table, rows: NDArray[np.intp] | None = None, *, own_mass: bool = False) -> FloatArray:
    """Columns of `INPUTS`, shape (rows, 25), constants filled in.

    QGL is as in the table, −1 where a jet has none.

    Args:
        table: `region` and the observables.
        rows: which; None for all.
        own_mass: whether sideband rows keep their dimuon mass, as in training, rather than have that of the signal.

    Raises:
        SchemaError: a column is missing.
    """
    chosen = np.arange(len(_column(table, "region"))) if rows is None else rows
    matrix = np.empty((len(INPUTS), len(chosen))).T  # columns lie together
    for number, name in enumerate(INPUTS):
        matrix[:, number] = CONSTANTS[name] if name in CONSTANTS else _column(table, name)[chosen]
    sideband = (_column(table, "region")[chosen] == SIDEBAND) & (not own_mass)
    matrix[sideband, _MASS] = SIDEBAND_MASS
    matrix[sideband, _RESOLUTION] = SIDEBAND_MASS * matrix[sideband, _RELATIVE]
    return matrix


def lacks_qgl(table: Table) -> bool:
    """Whether a run has jets, and none of them a quark–gluon likelihood."""
    values = np.concatenate([_column(table, name) for name in QGL])
    values = values[np.isfinite(values)]
    return bool(values.size and (values < 0).all())


def _column(table: Table, name: str) -> NDArray[Any]:
    if name not in table:
        raise SchemaError("discriminator", name, "no such column in the table", f"it has {', '.join(table)}")
    return np.asarray(table[name])


class _Listed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    models: list[str] = Field(min_length=1)


def open_discriminator(path: str | Path, threads: int = 1) -> Discriminator:
    """Load an ONNX file, or a TOML file whose `models` lists several, chosen by `event % k`, relative to it.

    Raises:
        InputError, UnknownNameError: see `open_network`; a list that is no such TOML.
    """
    file = Path(path)
    listed: Sequence[Path] = [file]
    if file.suffix == ".toml":
        try:
            content = _Listed.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise InputError(str(file), f"no list of models: {reason}", 'want models = ["a.onnx", …]') from error
        listed = [file.parent / name for name in content.models]
    return Discriminator(str(file), tuple(open_network(each, INPUTS, threads) for each in listed))


@cache  # a worker process loads each set of networks once
def open_expected(path: Path, sha256: str) -> Discriminator:
    """The discriminator at `path`, if it has that checksum.

    Raises:
        InputError: it has another; see also `open_discriminator`.
    """
    found = open_discriminator(path)
    if found.sha256 != sha256:
        raise InputError(str(path), "changed while it was being used", "start the run again")
    return found


def shipped() -> Path | None:
    """The networks that come with flashbench; None where this copy holds none."""
    path = Path(str(files("flashbench.analysis") / "weights" / _SHIPPED))
    return path if path.is_file() else None
