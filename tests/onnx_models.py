"""Small ONNX networks, their NumPy twins, and tables that they score."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from flashbench.analysis.dnn import CONSTANTS, INPUTS

CENTRES = {
    "dimuon_mass": (125.0, 5.0),
    "dimuon_mass_resolution": (1.9, 0.3),
    "dimuon_relative_resolution": (0.015, 0.002),
    "dijet_mass": (900.0, 400.0),
    "year": (2018.0, 0.0),
    "soft_ht2": (1.0, 0.0),
}
MEAN = np.array([CENTRES.get(name, (0.5, 1.0))[0] for name in INPUTS])
SCALE = np.array([CENTRES.get(name, (0.5, 1.0))[1] or 1.0 for name in INPUTS])


def layers(inputs=25, hidden=16, seed=1):
    """Weights and biases of a perceptron with one hidden layer."""
    rng = np.random.default_rng(seed)
    shapes = [(inputs, hidden), (hidden,), (hidden, 1), (1,)]
    return [rng.normal(0, 0.2, shape).astype(np.float32) for shape in shapes]


def forward(weights, standardised):
    """The logit by hand, shape (rows,)."""
    first, bias, last, offset = (w.astype(np.float64) for w in weights)
    return (np.maximum(standardised @ first + bias, 0) @ last + offset)[:, 0]


def write_model(path: Path, weights=None, names=INPUTS, *, output="logit", metadata=None, batch="events", order=None):
    """An ONNX file; `order` permutes the rows of the first layer to the order of `names`, so that it is the same
    function of the named inputs."""
    weights = layers(len(names)) if weights is None else weights
    order = np.arange(len(names)) if order is None else order
    first = weights[0][order]
    arrays = dict(zip(("w1", "b1", "w2", "b2"), (first, *weights[1:]), strict=True))
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["z"]),
    ]
    if output == "sigmoid":
        nodes.append(helper.make_node("Sigmoid", ["z"], ["y"]))
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, len(names)])],
        [helper.make_tensor_value_info("y" if output == "sigmoid" else "z", TensorProto.FLOAT, [batch, 1])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if metadata is None:
        metadata = {"inputs": list(names), "output": output}
        if len(names) == len(INPUTS):
            metadata |= {"mean": MEAN[order].tolist(), "scale": SCALE[order].tolist()}
    helper.set_model_props(model, {name: json.dumps(value) for name, value in metadata.items()})
    onnx.save(model, path)
    return path


def table(rows=500, seed=3, qgl=True):
    """Rows with every column that a discriminator reads; region 0, 1 and 2 in turn."""
    rng = np.random.default_rng(seed)
    content = {
        name: CENTRES.get(name, (0.5, 1.0))[0] + CENTRES.get(name, (0.5, 1.0))[1] * rng.normal(size=rows)
        for name in INPUTS
        if name not in CONSTANTS
    }
    for name in ("jet1_qgl", "jet2_qgl"):
        content[name] = rng.uniform(0, 1, rows) if qgl else np.full(rows, -1.0)
    content["region"] = (np.arange(rows) % 3).astype(np.int8)
    content["event"] = rng.permutation(rows).astype(np.uint64)
    return content
