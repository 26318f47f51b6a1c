"""One network in ONNX: what its inputs are, whether it can be used, and its output for a matrix of events.

A model file says what it wants in its metadata, or a TOML file of the same name beside it does, in its place:

    inputs = ["dimuon_mass", "jet1_pt", …]   # names of `flashbench.analysis.dnn.INPUTS`, in the order of its columns
    mean = [125.0, …]                        # optional, with scale: the network sees (x − mean) / scale
    scale = [3.0, …]
    low = [110.0, …]                         # optional, with high: what it was trained on
    high = [150.0, …]
    output = "logit"                         # or "sigmoid"

In metadata each value is JSON. A model of several inputs names the columns of each: `inputs = {a = […], b = […]}`; the
other lists then run over all of them in that order. Nothing in a model file is executed but the operators of ONNX:
a pickle, an archive or a model with code or data outside the file is refused.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from flashbench.errors import InputError, UnknownNameError

FloatArray = NDArray[np.float64]

PROVIDER: Final = "CPUExecutionProvider"
_BLOCK: Final = 4096  # rows at once, to stay in the cache
_TYPES: Final[Mapping[str, type[np.floating[Any]]]] = {"tensor(float)": np.float32, "tensor(double)": np.float64}


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    inputs: list[str] | dict[str, list[str]]
    mean: list[float] | None = None
    scale: list[float] | None = None
    low: list[float] | None = None
    high: list[float] | None = None
    output: Literal["logit", "sigmoid"]


@dataclass(frozen=True, slots=True)
class Network:
    """A loaded model; make it with `open_network`.

    Attributes:
        path: the file.
        sha256: of model and description.
        inputs: names in the order of its columns.
        columns: index of each in the matrix that `raw` takes, shape (inputs,).
        mean, scale: standardisation, shape (inputs,).
        low, high: training range, shape (inputs,); infinite where it is not known.
        logit: whether the output is one, rather than a probability.
        provider: what onnxruntime runs it on.
    """

    path: str
    sha256: str
    inputs: tuple[str, ...]
    columns: NDArray[np.int64]
    mean: FloatArray
    scale: FloatArray
    low: FloatArray
    high: FloatArray
    logit: bool
    provider: str
    session: Any
    parts: tuple[tuple[str, slice, Any], ...]  # graph input, its columns, its type

    def raw(self, matrix: FloatArray) -> FloatArray:
        """Output for each row of `matrix`, shape (rows,), in the order of `names` given to `open_network`.

        Rows do not influence one another, and must be finite.

        Raises:
            InputError: the output is not finite.
        """
        values = np.empty(len(matrix))
        own_order = np.array_equal(self.columns, np.arange(matrix.shape[1]))
        for start in range(0, len(matrix), _BLOCK):
            block = matrix[start : start + _BLOCK]
            block = ((block if own_order else block[:, self.columns]) - self.mean) / self.scale
            feeds = {name: np.ascontiguousarray(block[:, part], dtype) for name, part, dtype in self.parts}
            values[start : start + len(block)] = self.session.run(None, feeds)[0].reshape(len(block))
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            distance = np.abs((matrix[row, self.columns] - self.mean) / self.scale)
            name = self.inputs[int(np.argmax(distance))]
            hint = f"farthest from its mean is {name}: {distance.max():.3g} widths"
            raise InputError(self.path, f"output {values[row]} for finite inputs", hint)
        return values


def open_network(path: Path, names: Sequence[str], threads: int = 1) -> Network:
    """Load a model and hold it against its description.

    Args:
        path: an ONNX file.
        names: of the columns that `Network.raw` will be given.
        threads: of one call.

    Raises:
        InputError: missing, not ONNX, without a description, or one that does not fit the graph; names the input.
        UnknownNameError: an input that is not among `names`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}", "give an ONNX file") from error
    session = _session(path, content, threads)
    described, origin = _described(path, session)
    order = _order(described)
    unknown = [name for name in order if name not in names]
    if unknown:
        raise UnknownNameError(f"input of {origin}", unknown[0], names)
    twice = sorted({name for name in order if order.count(name) > 1})
    if twice:
        raise InputError(origin, f"names input '{twice[0]}' twice")
    parts = _parts(path, session, described)
    mean, scale = _pair(described, ("mean", "scale"), order, origin, (0.0, 1.0))
    low, high = _pair(described, ("low", "high"), order, origin, (-np.inf, np.inf))
    if (scale <= 0).any():
        raise InputError(origin, f"scale of '{order[int(np.argmax(scale <= 0))]}' is not positive")
    digest = hashlib.sha256(content + described.model_dump_json().encode()).hexdigest()
    columns = np.array([list(names).index(name) for name in order])
    provider = session.get_providers()[0]
    network = Network(
        *(str(path), digest, tuple(order), columns, mean, scale, low, high, described.output == "logit"),
        *(provider, session, parts),
    )
    _try(network, len(names))
    return network


def _session(path: Path, content: bytes, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(str(path), "onnxruntime is not installed", "pip install onnxruntime, or --dnn off") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 4
    try:  # from bytes: a model then cannot read other files
        return onnxruntime.InferenceSession(content, options, providers=[PROVIDER])
    except Exception as error:  # onnxruntime raises a kind for every way to be broken
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise InputError(str(path), f"not a usable ONNX model: {reason}", "export the network to ONNX") from error


def _described(path: Path, session: Any) -> tuple[_Described, str]:
    sidecar = path.with_suffix(".toml")
    origin = str(sidecar) if sidecar.is_file() else f"{path} (metadata)"
    try:
        if sidecar.is_file():
            content = tomllib.loads(sidecar.read_text(encoding="utf-8"))
        else:
            given = session.get_modelmeta().custom_metadata_map
            content = {key: json.loads(text) for key, text in given.items() if key in _Described.model_fields}
        if "inputs" not in content:
            hint = f"write them into its metadata or into {sidecar.name}"
            raise InputError(str(path), "does not say what its inputs are", hint)
        return _Described.model_validate(content), origin
    except (OSError, UnicodeDecodeError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else f"cannot be read: {error}"
        raise InputError(origin, problem, "see flashbench.analysis.network") from error


def _order(described: _Described) -> list[str]:
    if isinstance(described.inputs, list):
        return described.inputs
    return [name for names in described.inputs.values() for name in names]


def _parts(path: Path, session: Any, described: _Described) -> tuple[tuple[str, slice, Any], ...]:
    """Graph inputs with the columns they take."""
    graph = {node.name: node for node in session.get_inputs()}
    named = described.inputs
    if isinstance(named, list):
        if len(graph) != 1:
            problem = f"has {len(graph)} graph inputs ({', '.join(graph)}) and one list of names"
            raise InputError(str(path), problem, "name the columns of each")
        named = {next(iter(graph)): named}
    if set(named) != set(graph):
        raise InputError(str(path), f"names graph inputs {', '.join(named)}, it has {', '.join(graph)}")
    parts, start = [], 0
    for name, columns in named.items():
        node = graph[name]
        if node.type not in _TYPES:
            raise InputError(str(path), f"graph input '{name}' is {node.type}", "export it with float inputs")
        if len(node.shape) != 2 or node.shape[1] != len(columns):
            problem = f"graph input '{name}' has shape {node.shape}, its description names {len(columns)} columns"
            raise InputError(str(path), problem, "a row of the batch must hold the named inputs")
        if isinstance(node.shape[0], int):
            problem = f"graph input '{name}' has a batch of {node.shape[0]}"
            raise InputError(str(path), problem, "export it with a dynamic batch dimension")
        parts.append((name, slice(start, start + len(columns)), _TYPES[node.type]))
        start += len(columns)
    return tuple(parts)


def _pair(
    described: _Described, names: tuple[str, str], order: list[str], origin: str, default: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Two lists that go together, or their defaults."""
    lists = [getattr(described, name) for name in names]
    if lists == [None, None]:
        return np.full(len(order), default[0]), np.full(len(order), default[1])
    lengths = [0 if values is None else len(values) for values in lists]
    if lengths != [len(order)] * 2:
        problem = f"{' and '.join(names)} hold {lengths[0]} and {lengths[1]} numbers for {len(order)} inputs"
        raise InputError(origin, problem, "give one an input, in the same order")
    return np.array(lists[0], dtype=np.float64), np.array(lists[1], dtype=np.float64)


def _try(network: Network, columns: int) -> None:
    """Run two rows of means through a network: its output must be one number a row."""
    rows = np.zeros((2, columns))
    rows[:, network.columns] = network.mean
    outputs = network.session.get_outputs()
    feeds = {name: np.zeros((2, part.stop - part.start), dtype) for name, part, dtype in network.parts}
    shape = np.shape(network.session.run(None, feeds)[0])
    if len(outputs) != 1 or int(np.prod(shape)) != 2:
        problem = f"has {len(outputs)} output(s), the first of shape {shape} for 2 events"
        raise InputError(network.path, problem, "one number an event is wanted")
    network.raw(rows)
