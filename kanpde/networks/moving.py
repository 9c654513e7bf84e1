"""Grids that move: which edges share one, the values that enter them, their range to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kanpde.bases import BSpline
from kanpde.networks.layer import KANLayer

NARROWEST = 0.01
"""Of its width a range keeps at least this share when it is moved to the values."""


@dataclass(frozen=True)
class MovingGrid:
    """One grid of a KAN layer before it is moved.

    Args:
        layer: the layer.
        depth: its number in the network.
        input: the node whose edges have this grid.
        outputs: the nodes these edges go to.
        basis: the present one.
        values: that enter the edges, at the points of the move, (N,).
        lower, upper: the range that the layer's new [-1, 1] stands for.
    """

    layer: KANLayer
    depth: int
    input: int
    outputs: tuple[int, ...]
    basis: BSpline
    values: Tensor
    lower: float
    upper: float

    def scaled(self) -> np.ndarray:
        """Return the values on the new range's [-1, 1], (N,)."""
        return self._on_new(self.values.detach().cpu().double().numpy())

    def breakpoints(self) -> np.ndarray:
        """Return the present break points on the new range's [-1, 1]; some may lie outside."""
        old_low, old_high = (float(b[self.input]) for b in (self.layer.lower, self.layer.upper))
        breaks = old_low + (old_high - old_low) * (self.basis.breakpoints() + 1) / 2
        return self._on_new(breaks)

    def _on_new(self, z: np.ndarray) -> np.ndarray:
        return 2 * (z - self.lower) / (self.upper - self.lower) - 1


def moving_grids(
    layer: KANLayer, depth: int, values: Tensor, new_range: tuple[Tensor, Tensor]
) -> Iterator[MovingGrid]:
    """Yield the spline grids of a layer, those that several edges of an input share once.

    Args:
        layer: the layer.
        depth: its number.
        values: that enter it, (inputs, N).
        new_range: lower and upper ends of its inputs to be, (inputs,) each.
    """
    for i, column in enumerate(zip(*layer.all_grids().edges, strict=True)):
        for basis in dict.fromkeys(b for b in column if isinstance(b, BSpline)):
            outputs = tuple(o for o, own in enumerate(column) if own == basis)
            lower, upper = (float(end[i]) for end in new_range)
            yield MovingGrid(layer, depth, i, outputs, basis, values[i], lower, upper)


def range_around(layer: KANLayer, values: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """Return the range of the values (inputs, N) that enter a layer, widened on both sides.

    It stays at least NARROWEST times as wide as the present one: a node that happens to be
    constant must not get a grid on which everything is steep.
    """
    low, high = values.amin(1), values.amax(1)
    least = NARROWEST / 2 * (layer.upper - layer.lower)
    middle, half = (high + low) / 2, torch.maximum((0.5 + margin) * (high - low), least)
    return middle - half, middle + half
