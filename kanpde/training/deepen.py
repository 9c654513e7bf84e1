"""A deep KAN that begins as a shallow one: its two layers, then the identity."""

from __future__ import annotations

import copy

import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from kanpde.networks import KAN
from kanpde.networks.layer import KANLayer

MARGIN = 0.05
"""Relative widening of the ranges of hidden values."""


def can_deepen(network: KAN) -> bool:
    """Whether a KAN has room for the outputs in every row after the first hidden one."""
    layers: list[KANLayer] = list(network.layers)  # type: ignore[arg-type]
    rows = network.rows[2:-1]
    plain = not any(layer.squash for layer in layers)
    return bool(rows) and plain and all(row.sums >= network.outputs for row in rows)


def shallow_part(network: KAN) -> KAN:
    """Return the KAN of the first layer and one more, which gives the outputs at once."""
    layers: list[KANLayer] = list(network.layers)  # type: ignore[arg-type]
    first, second = layers[:2]
    widths = [network.rows[0].width, network.rows[1].width, network.outputs]
    shallow = KAN(
        widths,  # type: ignore[arg-type]
        basis=[first.basis, second.basis],
        activation=first.activation,
        lower=first.lower.tolist(),
        upper=first.upper.tolist(),
        seed=0,
    ).to(first.coefficients)
    shallow.layers[0] = copy.deepcopy(first)
    last: KANLayer = shallow.layers[1]  # type: ignore[assignment]
    last.lower, last.upper = second.lower.clone(), second.upper.clone()
    return shallow


def deepened(network: KAN, shallow: KAN, x: Tensor) -> KAN:
    """Return a deep KAN that is the shallow one at first.

    Args:
        network: the deep KAN, which :func:`can_deepen`; edges that are not needed stay.
        shallow: of its first two bases.
        x: points (N, D) that tell the ranges of the hidden values.
    """
    clone = copy.deepcopy(network)
    clone.layers[0] = copy.deepcopy(shallow.layers[0])
    layers: list[KANLayer] = list(clone.layers)  # type: ignore[arg-type]
    given: KANLayer = shallow.layers[1]  # type: ignore[assignment]
    full = layers[1].full().detach().clone()
    full[: network.outputs] = given.full().detach()
    layers[1].set_full(full)
    layers[1].lower, layers[1].upper = given.lower.clone(), given.upper.clone()
    for depth, layer in enumerate(layers[2:], start=2):
        values = clone.hidden_values(x)[depth]
        low, high = values.amin(1), values.amax(1)
        middle, half = (high + low) / 2, ((0.5 + MARGIN) * (high - low)).clamp_min(1e-3)
        layer.lower, layer.upper = middle - half, middle + half
        full = layer.full().detach().clone()
        for o in range(network.outputs):
            line = Polynomial([float(middle[o]), float(half[o])])
            full[o] = 0
            full[o, : layer.basis.size, o] = torch.as_tensor(layer.basis.fit(line)).to(full)
        layer.set_full(full)
    return clone
