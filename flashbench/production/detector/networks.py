"""The trained discriminants: small ONNX networks shipped with the package, run on one thread.

Trained by `benchmarks/production_train_taggers.py` on events that no sample holds (their seeds are reserved).
`weights/SHA256SUMS` says which files belong to this version; a file that differs is refused.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np

from flashbench.errors import ProductionError
from flashbench.production.ragged import Array, FloatArray, Ragged

_FOLDER = resources.files("flashbench.production.detector").joinpath("weights")


@lru_cache(maxsize=8)
def _session(name: str) -> Any:
    import onnxruntime

    data = _FOLDER.joinpath(f"{name}.onnx").read_bytes()
    sums = dict(line.split()[::-1] for line in _FOLDER.joinpath("SHA256SUMS").read_text(encoding="ascii").splitlines())
    if hashlib.sha256(data).hexdigest() != sums.get(f"{name}.onnx"):
        problem = "does not match its checksum in SHA256SUMS"
        raise ProductionError(f"{name}.onnx", problem, "reinstall flashbench, or train the networks again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def inputs(table: Ragged, names: tuple[str, ...]) -> Array:
    """Features by name as a matrix, shape (rows, features), float32."""
    return np.stack([np.asarray(table[name], dtype=np.float32) for name in names], axis=1)


def run(name: str, features: Array) -> FloatArray:
    """Output of network `name`, shape (rows, outputs)."""
    if not len(features):
        return np.zeros((0, 1))
    result: FloatArray = _session(name).run(None, {"features": features})[0].astype(np.float64)
    return result
