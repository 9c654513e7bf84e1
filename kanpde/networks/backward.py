"""The adjoint of a KAN: derivatives by its parameters, layer by layer from the last one on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.networks.layer import KANLayer, LayerCache
from kanpde.networks.network import Prepared, Pullback
from kanpde.networks.product import NodeRow


@dataclass(frozen=True)
class LayerStep:
    """A layer after the first, with the row of nodes that feeds it."""

    layer: KANLayer
    cache: LayerCache
    row: NodeRow
    sources: Tensor


class KANPullback(Pullback):
    """Sends adjoints back through the layers after the first, then to its fixed tables."""

    def __init__(self, points: Prepared, first: KANLayer, steps: list[LayerStep]) -> None:
        self._points, self._first, self._steps = points, first, steps

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        """Return the derivative of each point's scalar; see :class:`Pullback`."""
        return self._backward(adjoint, adjoint.shape[-1:], active)

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        """Return the derivative of the sum over the points; see :class:`Pullback`."""
        return self._backward(adjoint, torch.Size(), active)

    def _backward(
        self, adjoint: Tensor, points: torch.Size, active: Sequence[int] | None
    ) -> Tensor:
        layout = self._points.layout
        layers = [self._first, *(step.layer for step in self._steps)]
        sizes = [sum(p.numel() for p in layer.parameters()) for layer in layers]
        with torch.no_grad():
            result = adjoint.new_empty(sum(sizes), *points)
            first, *blocks = result.split(sizes)
            active = range(layout.size) if active is None else active
            for step, out in zip(reversed(self._steps), reversed(blocks), strict=True):
                back = step.layer.backward(adjoint, step.cache, layout, out=out, active=active)
                adjoint = step.row.combine_adjoint(back, step.sources, layout)
                active = range(layout.size)
            self._backward_first(adjoint, first)
        return result

    def _backward_first(self, adjoint: Tensor, out: Tensor) -> None:
        """Write the derivatives by the parameters of the layer whose inputs are coordinates."""
        (tables, coordinates), layer = self._points.tables, self._first
        size = layer.coefficients.numel()
        if out.ndim == 2 and layer.space is None:
            tables.rows(adjoint, out[:size].view(*layer.coefficients.shape, -1))
        elif out.ndim == 2:
            full = out.new_empty(len(adjoint), *tables.common.shape[:2], out.shape[1])
            tables.rows(adjoint, full)
            out[:size] = layer.own(full)
        else:
            out[:size] = layer.own(tables.gradient(adjoint))
        for edge in layer.snapped_edges():
            _, cache = edge.linearize(coordinates, self._points.layout)
            rows, _ = edge.rows(adjoint[edge.output], cache, self._points.layout)
            out[size : size + len(rows)] = rows if out.ndim == 2 else rows.sum(1)
            size += len(rows)
