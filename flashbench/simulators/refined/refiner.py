"""The trained refiners: ONNX networks in a folder with their checksums, and what one makes of objects.

    weights/
    ├── manifest.json     checksums, recipe, seed, inputs, losses of the training
    └── jets.onnx, muons.onnx

What to use when: `read_manifest` to know what a folder holds without loading it, `Refiner.load` to use one network,
`Refiner.refine` for its outcome with fall-backs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from flashbench.errors import PluginError
from flashbench.simulators.refined.unitarity import probability_sum
from flashbench.simulators.refined.variables import (
    JETS,
    KINDS,
    SCORE_RANGE,
    SCORES,
    VARIABLES_VERSION,
    BoolArray,
    FloatArray,
    Kind,
)
from flashbench.storage import write_json

MANIFEST: Final = "manifest.json"
PROVIDER: Final = "CPUExecutionProvider"
INPUTS: Final = ("latent", "parameters")
OUTPUT: Final = "shift"
BLOCK: Final = 8192  # objects at once, to stay in the cache
FAILURES: Final = ("not finite", "out of range")
REASONS: Final = ("refined", "unmatched", "invalid input", *FAILURES)
_TRAIN: Final = "train: flashbench train refined --process t1tttt"
_COLUMNS: Final = tuple(JETS.names.index(name) for name in SCORES[:3])


@dataclass(frozen=True)
class Refined:
    """What became of objects.

    Attributes:
        values: refined variables, or those that came in; shape (objects, variables).
        refined: which objects were, shape (objects,).
        counts: objects by `REASONS`.
    """

    values: FloatArray
    refined: BoolArray
    counts: dict[str, int]


class Refiner:
    """One network, ready to run.

    Attributes:
        kind: what it refines.
        provider: what onnxruntime runs it on.
    """

    def __init__(self, kind: Kind, session: Any) -> None:
        self.kind, self._session = kind, session
        self.provider = str(session.get_providers()[0])

    @classmethod
    def load(cls, directory: Path, name: str, threads: int = 1) -> Refiner:
        """The network `name` ("jets" or "muons") of a folder.

        Args:
            directory: of the weights.
            name: key of `KINDS`.
            threads: of onnxruntime.

        Raises:
            PluginError: missing, damaged, of another checksum or variables, or onnxruntime is not installed.
        """
        entry = read_manifest(directory)["networks"].get(name)
        if entry is None:
            raise PluginError(str(directory), f"holds no network for {name}", _TRAIN)
        path = directory / entry["file"]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise PluginError(str(path), "no such file", f"restore it, or {_TRAIN}") from error
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            problem = "checksum differs from the one in manifest.json"
            raise PluginError(str(path), problem, f"damaged or replaced: restore it, or {_TRAIN}")
        return cls(KINDS[name], open_session(path, content, threads))

    def shift(self, values: FloatArray, parameters: FloatArray) -> FloatArray:
        """The network's shift in the transformed space.

        Args:
            values: physical variables, shape (objects, variables).
            parameters: generator pt (GeV), η and category code, shape (objects, 3).
        """
        out = np.empty_like(values)
        for start in range(0, len(values), BLOCK):
            rows = slice(start, start + BLOCK)
            given = self.kind.forward(values[rows], parameters[rows]), parameters[rows]
            feed = {name: np.ascontiguousarray(each, np.float32) for name, each in zip(INPUTS, given, strict=True)}
            out[rows] = self._session.run([OUTPUT], feed)[0]
        return out

    def refine(self, values: FloatArray, parameters: FloatArray, matched: BoolArray) -> Refined:
        """Refined variables, object by object; those that cannot be refined keep the values they came with.

        Args:
            values: physical variables, shape (objects, variables).
            parameters: shape (objects, 3); of unmatched objects they are not looked at.
            matched: objects with a generator object in the range of the training, shape (objects,).
        """
        usable = matched & self.kind.valid(values)
        usable[usable] &= np.isfinite(parameters[usable]).all(1)
        rows = np.flatnonzero(usable)
        moved = self.shift(values[rows], parameters[rows])
        finite = np.logical_and.reduce(np.isfinite(moved), axis=1)
        with np.errstate(over="ignore"):  # a huge shift overflows to infinity, which is out of range
            after = self._apply(values[rows], np.where(finite[:, None], moved, 0.0))
        valid = self.kind.valid(after)
        good = finite & valid
        out = values.copy()
        out[rows[good]] = after[good]
        refined = np.zeros(len(values), bool)
        refined[rows[good]] = True
        numbers = (good.sum(), (~matched).sum(), (matched & ~usable).sum(), (~finite).sum(), (finite & ~valid).sum())
        return Refined(out, refined, {name: int(n) for name, n in zip(REASONS, numbers, strict=True)})

    def _apply(self, values: FloatArray, shift: FloatArray) -> FloatArray:
        after = self.kind.shifted(values, shift)
        return with_sum_of(values, after) if self.kind is JETS else after


def with_sum_of(before: FloatArray, after: FloatArray) -> FloatArray:
    """Refined jets whose scores add up to the same sum of probabilities as those they were made of.

    S is proportional to B, so B follows from the other scores: what the network says of it is not looked at, and where
    training restores the sum it never learned to say it.

    Args:
        before, after: variables of `JETS`, shape (jets, variables).

    Returns:
        `after` with another B, in [0, 1].
    """
    factors: list[FloatArray] = []
    for values in (before, after):
        scores = np.clip(values[:, _COLUMNS], *SCORE_RANGE)
        factors.append(probability_sum(np.ones(len(values)), scores[:, 1], scores[:, 2]))
    out = after.copy()
    out[:, _COLUMNS[0]] = np.clip(before[:, _COLUMNS[0]] * (factors[0] / factors[1]), 0.0, 1.0)
    return out


def open_session(path: Path, content: bytes, threads: int) -> Any:
    """An onnxruntime session on the CPU.

    Raises:
        PluginError: onnxruntime is not installed, or cannot load the model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise PluginError(str(path), "onnxruntime is not installed", "pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    try:
        return onnxruntime.InferenceSession(content, options, providers=[PROVIDER])
    except Exception as error:  # onnxruntime raises a kind for every way to be broken
        raise PluginError(str(path), f"cannot be loaded: {str(error).splitlines()[0]}", _TRAIN) from error


def read_manifest(directory: Path) -> dict[str, Any]:
    """What a folder of weights holds.

    Raises:
        PluginError: there is no manifest, it is not one, or it belongs to other variables.
    """
    path = directory / MANIFEST
    try:
        content: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise PluginError(str(directory), "holds no refiner", _TRAIN) from error
    except (ValueError, TypeError) as error:
        raise PluginError(str(path), f"is not a JSON object: {error}", f"restore it, or {_TRAIN}") from error
    if "networks" not in content:
        raise PluginError(str(path), "is not the manifest of a refiner", f"restore it, or {_TRAIN}")
    if content.get("variables_version") != VARIABLES_VERSION:
        problem = f"weights of variables {content.get('variables_version')}, this flashbench has {VARIABLES_VERSION}"
        raise PluginError(str(directory), problem, f"use the flashbench they were made with, or {_TRAIN}")
    return content


def write_manifest(directory: Path, names: tuple[str, ...], more: Mapping[str, Any]) -> None:
    """Seal a folder of weights: written last, over the checksums of its networks.

    Args:
        directory: holds NAME.onnx for each name.
        names: keys of `KINDS`.
        more: recipe, seed, inputs, losses.
    """
    networks = {}
    for name in names:
        with (directory / f"{name}.onnx").open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        networks[name] = {"file": f"{name}.onnx", "sha256": digest, "variables": list(KINDS[name].names)}
    write_json(directory / MANIFEST, {"variables_version": VARIABLES_VERSION, "networks": networks, **more})


def identity(manifest: Mapping[str, Any]) -> str:
    """Twelve digits that change with any network."""
    text = json.dumps({name: entry["sha256"] for name, entry in manifest["networks"].items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
