"""normflows' coupling spline layers as straight-line arithmetic on features × batch arrays.

normflows keeps the batch first: softmax runs over a short last axis, values inside the tails are picked with boolean
masks. With the batch last the same numbers come several times faster. The parameters stay normflows' own: `pack`
reads them out of a layer, differentiably, and `density` and `generate` use what it returns.

References:
    C. Durkan et al., "Neural Spline Flows", NeurIPS 2019, arXiv:1906.04032, eqs. 4-8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

_LEAST = 1e-3  # normflows' minimal bin width, bin height and derivative
_UNIT_SLOPE = math.log(math.exp(1 - _LEAST) - 1)  # softplus⁻¹ of a derivative of one: the tails


class Layer(NamedTuple):
    """Parameters of one coupling layer.

    A bias is the last column of its weight, fed by a last row that is always 1; hidden states carry such a row along.

    Attributes:
        fixed, moved: columns that pass and that are transformed, in the order of the flow's data side.
        first: weight of the initial layer, and below it of every residual block's gate, on fixed columns, condition
            and 1; ((hidden + 1) · (1 + blocks), fixed + inputs + 1). Gates take nothing of the fixed columns.
        blocks: the two weights of each residual block, (hidden + 1, hidden + 1).
        last: final layer, rows ordered (bin parameter, moved column); (moved · (3 bins − 1), hidden + 1).
        running: sums over the bins up to each one, (bins, bins).
        bins: number of spline bins.
        bound: the spline covers −bound … bound.
    """

    fixed: Tensor
    moved: Tensor
    first: Tensor
    blocks: tuple[tuple[Tensor, Tensor], ...]
    last: Tensor
    running: Tensor
    bins: int
    bound: float


def pack(coupling: Any, columns: Tensor) -> Layer:
    """Straight-line parameters of a normflows `PiecewiseRationalQuadraticCoupling`.

    Args:
        coupling: the layer; without an unconditional transform.
        columns: data-side column of each of its inputs, shape (targets,): the permutations between layers are
            folded into it.
    """
    net, bins = coupling.transform_net, int(coupling.num_bins)
    fixed, moved = columns[coupling.identity_features], columns[coupling.transform_features]
    scale = net.final_layer.weight.new_ones(3 * bins - 1, 1, 1)
    scale[: 2 * bins] = 1 / math.sqrt(net.hidden_features)
    last = _with_bias(net.final_layer).view(len(moved), 3 * bins - 1, -1).transpose(0, 1) * scale
    initial = _with_row(_with_bias(net.initial_layer), one=1.0)
    gates = [_with_row(_with_bias(block.context_layer), one=0.0) for block in net.blocks]
    return Layer(
        fixed=fixed,
        moved=moved,
        first=torch.cat([initial, *(functional.pad(gate, (len(fixed), 0)) for gate in gates)]),
        blocks=tuple(
            (_with_row(_with_bias(inner), one=1.0), _with_row(_with_bias(outer), one=0.0))
            for inner, outer in (block.linear_layers for block in net.blocks)
        ),
        last=last.reshape(len(moved) * (3 * bins - 1), -1),
        running=torch.ones(bins, bins, dtype=scale.dtype).tril(),
        bins=bins,
        bound=float(coupling.tail_bound),
    )


def _with_bias(linear: Any) -> Tensor:
    return torch.cat([linear.weight, linear.bias[:, None]], dim=1)


def _with_row(weight: Tensor, one: float) -> Tensor:
    """One more row, which passes `one` times the constant 1 on."""
    return torch.cat([weight, functional.pad(weight.new_tensor([[one]]), (weight.shape[1] - 1, 0))])


def density(layer: Layer, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
    """One layer towards the latent.

    Args:
        x: shape (targets, batch).
        condition: shape (inputs + 1, batch), its last row 1.

    Returns:
        The layer's other side, (targets, batch), and the logarithm of its Jacobian determinant, (batch,).
    """
    raw = _raw(layer, x.index_select(0, layer.fixed), condition)
    moved, slope = _rational_quadratic(layer, x.index_select(0, layer.moved), raw)
    return x.index_copy(0, layer.moved, moved), slope.log().sum(0)


def generate(layer: Layer, z: Tensor, condition: Tensor) -> Tensor:
    """One layer towards the data, the exact inverse of `density`; shapes as there."""
    raw = _raw(layer, z.index_select(0, layer.fixed), condition)
    return z.index_copy(0, layer.moved, _rational_root(layer, z.index_select(0, layer.moved), raw))


def _raw(layer: Layer, fixed: Tensor, condition: Tensor) -> Tensor:
    """Spline parameters before softmax and softplus, (3 bins − 1, moved, batch): widths, heights, inner derivatives."""
    state, *gates = (layer.first @ torch.cat([fixed, condition])).chunk(1 + len(layer.blocks))
    for (inner, outer), gate in zip(layer.blocks, gates, strict=True):
        state = torch.addcmul(state, outer @ (inner @ state.relu()).relu(), gate.sigmoid())
    return (layer.last @ state).view(3 * layer.bins - 1, len(layer.moved), -1)


class _Bin(NamedTuple):
    """The bin that each entry falls in, each of shape (moved, batch)."""

    x: Tensor
    y: Tensor
    width: Tensor
    height: Tensor
    start: Tensor  # derivative at its left
    stop: Tensor  # and at its right


def _bin(layer: Layer, raw: Tensor, value: Tensor, by_height: bool) -> _Bin:
    """The bin of each value, which lies on the data's or, `by_height`, the noise's axis."""
    if torch.compiler.is_compiling():
        return _bin_one_by_one(layer, raw, value, by_height)
    bins = layer.bins
    share, least = (1 - _LEAST * bins) * 2 * layer.bound, _LEAST * 2 * layer.bound
    width = raw[:bins].softmax(0) * share + least
    height = raw[bins : 2 * bins].softmax(0) * share + least
    along = (height if by_height else width).detach()
    ends = (layer.running @ along.flatten(1)).view_as(along) - layer.bound  # torch.cumsum is slower
    passed = (value >= ends[:-1]).to(value.dtype)
    index = passed.sum(0, keepdim=True).long()
    derivative = functional.pad(raw[2 * bins :], (0, 0, 0, 0, 1, 1), value=_UNIT_SLOPE)
    return _Bin(
        (width[:-1] * passed).sum(0) - layer.bound,
        (height[:-1] * passed).sum(0) - layer.bound,
        width.gather(0, index)[0],
        height.gather(0, index)[0],
        functional.softplus(derivative.gather(0, index)[0]) + _LEAST,
        functional.softplus(derivative.gather(0, index + 1)[0]) + _LEAST,
    )


def _bin_one_by_one(layer: Layer, raw: Tensor, value: Tensor, by_height: bool) -> _Bin:
    """The same, one bin after the other: no reduction and no gather, so that a compiler makes one loop of it."""
    bins, bound = layer.bins, layer.bound
    width, height = (_shares(layer, rows) for rows in (raw[:bins].unbind(), raw[bins : 2 * bins].unbind()))
    inner = raw[2 * bins :].unbind()
    edge = torch.full_like(value, _UNIT_SLOPE)
    starts, stops = (edge, *inner), (*inner, edge)
    x = y = torch.full_like(value, -bound)
    chosen = _Bin(x, y, width[0], height[0], starts[0], stops[0])
    for k in range(1, bins):
        x, y = x + width[k - 1], y + height[k - 1]
        further = value >= (y if by_height else x)
        following = _Bin(x, y, width[k], height[k], starts[k], stops[k])
        chosen = _Bin(*(torch.where(further, b, a) for a, b in zip(chosen, following, strict=True)))
    start, stop = (functional.softplus(slope) + _LEAST for slope in (chosen.start, chosen.stop))
    return chosen._replace(start=start, stop=stop)


def _shares(layer: Layer, rows: Sequence[Tensor]) -> list[Tensor]:
    """Softmax over the rows as widths of bins that fill the spline's range."""
    top = reduce(torch.maximum, rows)
    parts = [(row - top).exp() for row in rows]
    factor = (1 - _LEAST * layer.bins) * 2 * layer.bound / reduce(torch.add, parts)
    return [part * factor + _LEAST * 2 * layer.bound for part in parts]


def _rational_quadratic(layer: Layer, value: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
    """The spline and its derivative; the identity beyond the bound."""
    x = value.clamp(-layer.bound, layer.bound)
    b = _bin(layer, raw, x, by_height=False)
    mean = b.height / b.width
    along = (x - b.x) / b.width
    mixed = along * (1 - along)
    below = mean + (b.start + b.stop - 2 * mean) * mixed
    y = b.y + b.height * (mean * along.square() + b.start * mixed) / below
    slope = mean.square() * (b.stop * along.square() + 2 * mean * mixed + b.start * (1 - along).square())
    inside = value.abs() <= layer.bound
    return torch.where(inside, y, value), torch.where(inside, slope / below.square(), torch.ones_like(slope))


def _rational_root(layer: Layer, value: Tensor, raw: Tensor) -> Tensor:
    """The inverse of the spline; the identity beyond the bound."""
    y = value.clamp(-layer.bound, layer.bound)
    b = _bin(layer, raw, y, by_height=True)
    mean = b.height / b.width
    rise = y - b.y
    bend = rise * (b.start + b.stop - 2 * mean)
    square = bend + b.height * (mean - b.start)
    linear = b.height * b.start - bend
    constant = -mean * rise
    discriminant = (linear.square() - 4 * square * constant).clamp_min(0)  # rounding may leave −1e-9
    root = 2 * constant / (-linear - discriminant.sqrt())
    return torch.where(value.abs() <= layer.bound, root * b.width + b.x, value)
