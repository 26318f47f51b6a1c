"""The refiner's network: residual blocks that start as the identity.

References:
    S. Bein et al., EPJ Web Conf. 295 (2024) 09032, fig. 2: skip blocks of two linear layers with LeakyReLU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from flashbench.simulators.refined.variables import FloatArray, Kind

LOWEST_PT: Final = 1.0  # GeV; lower ones count as this
ETA_UNIT: Final = 2.5


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Shape of a refiner: residual `blocks` of two linear layers, `hidden` wide, LeakyReLU of that `slope`."""

    blocks: int = 5
    hidden: int = 128
    slope: float = 0.01


class RefinerNetwork(torch.nn.Module):
    """Shift of the transformed variables, given them (see `Kind.forward`) and the parameters.

    Each block adds to the standardised variables what two layers make of them and the parameters; the second layer
    starts at zero, so that an untrained network shifts by exactly 0.
    """

    centre: Tensor
    spread: Tensor
    momentum: Tensor
    codes: Tensor

    def __init__(self, config: NetworkConfig, kind: Kind) -> None:
        super().__init__()
        variables = len(kind.variables)
        inputs = variables + 3 + len(kind.codes)
        self.register_buffer("centre", torch.zeros(variables))
        self.register_buffer("spread", torch.ones(variables))
        self.register_buffer("momentum", torch.tensor([0.0, 1.0]))
        self.register_buffer("codes", torch.tensor(kind.codes, dtype=torch.float32))
        self.first = torch.nn.ModuleList(torch.nn.Linear(inputs, config.hidden) for _ in range(config.blocks))
        self.second = torch.nn.ModuleList(_silent(config.hidden, variables) for _ in range(config.blocks))
        self.activation = torch.nn.LeakyReLU(config.slope)

    def standardise(self, latent: FloatArray, parameters: FloatArray) -> None:
        """Set centre and spread of the inputs from training columns, see `forward`."""
        momentum = torch.log(torch.as_tensor(parameters[:, 0]))
        columns = torch.as_tensor(latent)
        self.centre.copy_(columns.mean(0))
        self.spread.copy_(columns.std(0).clamp_min(1e-3))
        self.momentum.copy_(torch.stack([momentum.mean(), momentum.std().clamp_min(1e-3)]))

    def describe(self, parameters: Tensor) -> Tensor:
        """Parameters as inputs: standardised log pt, η and |η| in units of 2.5, one column a category.

        Args:
            parameters: GeV, –, code; shape (objects, 3).

        Returns:
            Shape (objects, 3 + categories).
        """
        momentum = (torch.log(parameters[:, 0:1].clamp_min(LOWEST_PT)) - self.momentum[0]) / self.momentum[1]
        eta = parameters[:, 1:2] / ETA_UNIT
        return torch.cat([momentum, eta, eta.abs(), (parameters[:, 2:3] == self.codes).to(parameters.dtype)], 1)

    def forward(self, latent: Tensor, parameters: Tensor) -> Tensor:
        """Shift in the transformed space, shape (objects, variables).

        Args:
            latent: transformed variables, shape (objects, variables), float32.
            parameters: generator pt (GeV), η and category code, shape (objects, 3), float32.
        """
        given = self.describe(parameters)
        start = (latent - self.centre) / self.spread
        state = start
        for first, second in zip(self.first, self.second, strict=True):
            state = state + second(self.activation(first(torch.cat([state, given], 1))))
        shift: Tensor = (state - start) * self.spread
        return shift


def _silent(inputs: int, outputs: int) -> torch.nn.Linear:
    """A linear layer that gives 0 until it is trained."""
    layer = torch.nn.Linear(inputs, outputs)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    return layer
