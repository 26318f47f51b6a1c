"""The velocity field of a conditional continuous normalizing flow, and its integration.

References:
    Y. Lipman et al., arXiv:2210.02747 (flow matching, straight paths).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_FREQUENCIES = 4


@dataclass(frozen=True, slots=True)
class VelocityConfig:
    """Shape of the network.

    Attributes:
        targets, conditions: columns of a row, and network inputs it is conditioned on.
        hidden, blocks: width, and number of residual blocks.
        seed: of the initial weights.
    """

    targets: int
    conditions: int
    hidden: int = 192
    blocks: int = 4
    seed: int = 0


class Velocity(nn.Module):
    """Velocity at a point, a time and a condition; zero before training."""

    def __init__(self, config: VelocityConfig) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.first = nn.Linear(config.targets + config.conditions + 2 * _FREQUENCIES + 1, config.hidden)
            self.blocks = nn.ModuleList(_Block(config.hidden) for _ in range(config.blocks))
            self.last = nn.Linear(config.hidden, config.targets)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Velocity, shape (rows, targets).

        Args:
            x: shape (rows, targets).
            time: in [0, 1], shape (rows, 1).
            condition: shape (rows, conditions).
        """
        angle = time * (math.pi * 2.0 ** torch.arange(_FREQUENCIES))
        h = self.first(torch.cat([x, condition, time, angle.sin(), angle.cos()], dim=1))
        for block in self.blocks:
            h = block(h)
        velocity: Tensor = self.last(nn.functional.silu(h))
        return velocity


class _Block(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden))

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = h + self.inner(h)
        return out


def integrate(velocity: nn.Module, noise: Tensor, condition: Tensor, steps: int) -> Tensor:
    """From noise at time 0 to latents at time 1 by the midpoint rule.

    Args:
        velocity: see `Velocity`.
        noise: standard normal, shape (rows, targets).
        condition: shape (rows, conditions).
        steps: each evaluates the velocity twice.
    """
    x, width = noise, 1.0 / steps
    for step in range(steps):
        time = torch.full((len(x), 1), step * width)
        middle = x + 0.5 * width * velocity(x, time, condition)
        x = x + width * velocity(middle, time + 0.5 * width, condition)
    return x
