"""The discriminator's network: mass and kinematics apart, then together; its loss, its symmetries, its ONNX file.

References:
    CMS, JHEP 01 (2021) 148 (branches with and without the dimuon mass, joined by further layers).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from flashbench.analysis.dnn import INPUTS
from flashbench.storage import atomic
from flashbench.training.loop import TOTAL

FloatArray = NDArray[np.float64]
Layer = tuple[NDArray[np.float32], NDArray[np.float32]]

MASS: Final = INPUTS[:3]
_KINEMATIC: Final = len(INPUTS) - len(MASS)
_OPSET, _IR_VERSION = 17, 8  # read by every onnxruntime since 1.13
_ALONE: Final = 0.3  # weight of the loss of the kinematic branch by itself
ETAS: Final = tuple(INPUTS.index(name) for name in ("dimuon_eta", "jet1_eta", "jet2_eta"))
PHIS: Final = tuple(INPUTS.index(name) for name in ("jet1_phi", "jet2_phi"))
PHI_CS: Final = INPUTS.index("phi_cs")


class MassAndKinematics(nn.Module):
    """Two branches that meet; the kinematic one also has an output of its own, to learn from all masses.

    Args:
        kinematics, mass: two hidden widths each.
        joint: hidden width after they meet.
        dropout: of hidden units, in training.
    """

    def __init__(
        self,
        kinematics: tuple[int, int] = (64, 32),
        mass: tuple[int, int] = (16, 8),
        joint: int = 32,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.mass = nn.ModuleList([nn.Linear(len(MASS), mass[0]), nn.Linear(*mass)])
        self.kinematics = nn.ModuleList([nn.Linear(_KINEMATIC, kinematics[0]), nn.Linear(*kinematics)])
        self.joint = nn.Linear(mass[1] + kinematics[1], joint)
        self.last = nn.Linear(joint, 1)
        self.alone = nn.Linear(kinematics[1], 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the whole and of the kinematic branch, each (rows,), from standardised inputs (rows, 25)."""
        mass, kinematics = x[:, : len(MASS)], x[:, len(MASS) :]
        for layer in self.mass:
            mass = self.dropout(torch.relu(layer(mass)))
        for layer in self.kinematics:
            kinematics = self.dropout(torch.relu(layer(kinematics)))
        together = self.dropout(torch.relu(self.joint(torch.cat([mass, kinematics], dim=1))))
        return self.last(together)[:, 0], self.alone(kinematics)[:, 0]

    def layers(self) -> list[Layer]:
        """The same function as four dense layers with ReLU between: branches are blocks of the first two."""
        pairs = [_blocks(a, b) for a, b in zip(self.mass, self.kinematics, strict=True)]
        return [*pairs, _arrays(self.joint), _arrays(self.last)]


def _arrays(layer: nn.Module) -> Layer:
    weight, bias = (parameter.detach().numpy().astype(np.float32) for parameter in layer.parameters())
    return np.ascontiguousarray(weight.T), bias.copy()


def _blocks(first: nn.Module, second: nn.Module) -> Layer:
    (a, p), (b, q) = _arrays(first), _arrays(second)
    weight = np.zeros((len(a) + len(b), a.shape[1] + b.shape[1]), np.float32)
    weight[: len(a), : a.shape[1]], weight[len(a) :, a.shape[1] :] = a, b
    return weight, np.concatenate([p, q])


def reflect(inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Events turned about the beam and mirrored at random: rows that the detector gives as often.

    Turning adds one angle to the azimuths of the jets; a mirror across the beam changes the signs of η and φ_CS, one
    that holds the beam those of φ and φ_CS.

    Args:
        inputs: raw, (rows, 25); not changed.
        generator: of the random numbers; None for torch's.
    """
    rows = len(inputs)
    turned = inputs.clone()
    signs = torch.randint(0, 2, (2, rows), generator=generator, dtype=inputs.dtype) * 2 - 1
    angle = torch.rand(rows, generator=generator, dtype=inputs.dtype) * (2 * torch.pi)
    for column in PHIS:
        turned[:, column] = torch.remainder(signs[1] * inputs[:, column] + angle + torch.pi, 2 * torch.pi) - torch.pi
    for column in ETAS:
        turned[:, column] = signs[0] * inputs[:, column]
    turned[:, PHI_CS] = signs[0] * signs[1] * inputs[:, PHI_CS]
    return turned


class DiscriminatorTask:
    """Weighted binary cross-entropy, in nats a unit of weight.

    Weights keep their sign: an event of negative weight takes back what its neighbours of positive weight put in, so
    that the score is that of the difference, as in data.
    """

    def __init__(
        self,
        module: MassAndKinematics,
        rows: tuple[FloatArray, NDArray[np.bool_], FloatArray],
        held_out: NDArray[np.bool_],
        standard: tuple[FloatArray, FloatArray],
    ) -> None:
        """Train on rows that are not held out.

        Args:
            module: the network.
            rows: raw inputs (rows, 25), whether signal (rows,), weight (rows,) of mean modulus about 1.
            held_out: rows that validate, shape (rows,).
            standard: mean and scale of the inputs, shape (25,).
        """
        self.module: nn.Module = module
        tensors = [torch.from_numpy(np.asarray(each, dtype=np.float32)) for each in rows]
        kept, held = torch.from_numpy(~held_out), torch.from_numpy(held_out)
        self._train = [each[kept] for each in tensors]
        self._held = [each[held] for each in tensors]
        self._mean, self._scale = (torch.from_numpy(each.astype(np.float32)) for each in standard)
        self.rows = len(self._train[0])

    def groups(self) -> list[dict[str, Any]]:
        """All parameters alike."""
        return [{"params": list(self.module.parameters())}]

    def loss(self, batch: Tensor) -> Mapping[str, Tensor]:
        """Of the whole, of the kinematic branch, and their total; events turned and mirrored anew."""
        inputs, signal, weight = (each[batch] for each in self._train)
        whole, alone = self._entropies(reflect(inputs), signal, weight)
        return {TOTAL: whole + _ALONE * alone, "whole": whole, "kinematics": alone}

    def validate(self) -> Mapping[str, float]:
        """Of the rows held out, as they are; the total is that of the whole."""
        whole, alone = self._entropies(*self._held)
        return {TOTAL: float(whole), "kinematics": float(alone)}

    def _entropies(self, inputs: Tensor, signal: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        outputs = self.module((inputs - self._mean) / self._scale)
        losses = [nn.functional.binary_cross_entropy_with_logits(z, signal, reduction="none") for z in outputs]
        whole, alone = ((weight * each).mean() for each in losses)
        return whole, alone


def write_onnx(path: Path, layers: Sequence[Layer], description: Mapping[str, Any]) -> None:
    """Dense layers with ReLU between as an ONNX file with a free batch dimension.

    Args:
        path: made whole or not at all.
        layers: weight (inputs, outputs) and bias of each, float32.
        description: metadata, see `flashbench.analysis.network`; each value is written as JSON.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, arrays, value = [], [], "inputs"
    for number, (weight, bias) in enumerate(layers):
        arrays += [numpy_helper.from_array(weight, f"w{number}"), numpy_helper.from_array(bias, f"b{number}")]
        last = number == len(layers) - 1
        result = "logit" if last else f"sum{number}"
        nodes.append(helper.make_node("Gemm", [value, f"w{number}", f"b{number}"], [result]))
        value = f"hidden{number}"
        if not last:
            nodes.append(helper.make_node("Relu", [result], [value]))
    ends = ("inputs", len(layers[0][0])), ("logit", 1)
    wires = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["events", width]) for name, width in ends]
    graph = helper.make_graph(nodes, "flashbench-dnn", wires[:1], wires[1:], arrays)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION, producer_name="flashbench"
    )
    helper.set_model_props(model, {name: json.dumps(content) for name, content in description.items()})
    onnx.checker.check_model(model)
    with atomic(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
