"""The refiner's network as an ONNX graph, operator by operator: the same bytes for the same weights.

torch's own exporter wants another package, or its deprecated half; this network has seven kinds of operator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from flashbench.simulators.refined.network import ETA_UNIT, LOWEST_PT, RefinerNetwork
from flashbench.simulators.refined.refiner import INPUTS, OUTPUT
from flashbench.simulators.refined.variables import PARAMETERS
from flashbench.storage import atomic

_OPSET: Final = 17
_IR: Final = 9


class _Graph:
    """Nodes and constants, in the order in which they are made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        """Store an array in the network; its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def number(self, value: float) -> str:
        """`constant` of one number."""
        return self.constant(np.asarray(value, np.float32))

    def node(self, operator: str, *inputs: str, outputs: tuple[str, ...] = (), **attributes: Any) -> str:
        """Append an operator; the name of its first output."""
        names = outputs or (f"value{len(self.nodes)}",)
        self.nodes.append(helper.make_node(operator, list(inputs), list(names), **attributes))
        return names[0]


def export(network: RefinerNetwork, path: Path) -> None:
    """Write a network with inputs `latent` and `parameters` and output `shift`, of any number of rows."""
    latent, parameters = INPUTS
    graph = _Graph()
    given = _given(graph, network, parameters)
    spread = graph.constant(_array(network.spread))
    start = graph.node("Div", graph.node("Sub", latent, graph.constant(_array(network.centre))), spread)
    state = start
    for first, second in zip(network.first, network.second, strict=True):
        hidden = _linear(graph, graph.node("Concat", state, given, axis=1), first)
        hidden = graph.node("LeakyRelu", hidden, alpha=float(network.activation.negative_slope))
        state = graph.node("Add", state, _linear(graph, hidden, second))
    graph.node("Mul", graph.node("Sub", state, start), spread, outputs=(OUTPUT,))
    variables = len(network.centre)
    shapes = {latent: variables, parameters: len(PARAMETERS), OUTPUT: variables}
    values = {n: helper.make_tensor_value_info(n, TensorProto.FLOAT, ["objects", k]) for n, k in shapes.items()}
    built = helper.make_graph(
        graph.nodes, "refiner", [values[name] for name in INPUTS], [values[OUTPUT]], graph.constants
    )
    model = helper.make_model(built, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="flashbench")
    model.ir_version = _IR
    onnx.checker.check_model(model)
    with atomic(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))


def _given(graph: _Graph, network: RefinerNetwork, parameters: str) -> str:
    """See `RefinerNetwork.describe`."""
    columns = ("pt", "eta", "code")
    graph.node("Split", parameters, graph.constant(np.ones(3, np.int64)), outputs=columns, axis=1)
    centre, spread = (float(value) for value in network.momentum)
    logarithm = graph.node("Log", graph.node("Max", "pt", graph.number(LOWEST_PT)))
    momentum = graph.node("Div", graph.node("Sub", logarithm, graph.number(centre)), graph.number(spread))
    eta = graph.node("Div", "eta", graph.number(ETA_UNIT))
    member = graph.node("Equal", "code", graph.constant(_array(network.codes)[None, :]))
    category = graph.node("Cast", member, to=TensorProto.FLOAT)
    return graph.node("Concat", momentum, eta, graph.node("Abs", eta), category, axis=1)


def _linear(graph: _Graph, value: str, layer: Any) -> str:
    weight, bias = graph.constant(_array(layer.weight)), graph.constant(_array(layer.bias))
    return graph.node("Gemm", value, weight, bias, transB=1)


def _array(tensor: Any) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)
