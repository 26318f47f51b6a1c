"""Weights on disk: safetensors beside a JSON file with their checksum, feature-table version, recipe; no pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flashbench.errors import InputError, PluginError
from flashbench.simulators.flash.features import FEATURE_VERSION
from flashbench.storage import atomic, write_json

_TENSORS: Final = "weights.safetensors"
METADATA: Final = "weights.json"

Tensors = dict[str, NDArray[Any]]


def save(directory: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> str:
    """Write arrays and what is to be known of them.

    Args:
        directory: made if missing; an older set in it is replaced.
        tensors: arrays by name.
        metadata: JSON content: recipe, seed, training manifest.

    Returns:
        The SHA-256 of the tensor file.
    """
    from safetensors.numpy import save_file

    with atomic(directory / _TENSORS) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, temporary)
        digest = _digest(temporary)
    write_json(directory / METADATA, {"sha256": digest, "feature_version": FEATURE_VERSION, "metadata": dict(metadata)})
    return digest


def load(directory: Path) -> tuple[Tensors, dict[str, Any]]:
    """Arrays and metadata that `save` wrote.

    Raises:
        InputError: a file is missing or unreadable.
        PluginError: the checksum or the feature-table version differs.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    described = _description(directory / METADATA)
    path = directory / _TENSORS
    if not path.is_file():
        raise InputError(str(path), "no such file", "train with 'flashbench train flash'")
    if described["feature_version"] != FEATURE_VERSION:
        problem = f"trained with feature table {described['feature_version']}, this is {FEATURE_VERSION}"
        raise PluginError(str(directory), problem, "train again, or use the flashbench version that made them")
    if _digest(path) != described["sha256"]:
        raise PluginError(str(path), "checksum differs from the one recorded", "the weights are damaged or replaced")
    try:
        return load_file(path), described["metadata"]
    except SafetensorError as error:
        raise InputError(str(path), f"not a safetensors file: {error}") from error


def digest(directory: Path) -> str:
    """Recorded SHA-256 of a set of weights, for cache keys.

    Raises:
        InputError: there is no readable description in `directory`.
    """
    return str(_description(directory / METADATA)["sha256"])


def _description(path: Path) -> dict[str, Any]:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(path), "no such file", "train with 'flashbench train flash'") from error
    except ValueError as error:
        raise InputError(str(path), f"not JSON: {error}") from error
    if not isinstance(described, dict) or not {"sha256", "feature_version", "metadata"} <= described.keys():
        raise InputError(str(path), "not a description of flashbench weights")
    return described


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
