"""The first layer of a KAN at fixed points: its inputs are coordinates, so little is to be done."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.networks.jets import JetLayout


@dataclass(frozen=True)
class CoordinateTables:
    r"""The functions of a first layer at fixed points; no parameter changes them.

    The jet of coordinate i is zero but for its value and :math:`\partial_i x_i=1`. So the value and
    a Laplacian get something from every coordinate, one matrix product for all of them, and any
    other part only from the coordinate whose pure derivative it is. With few coordinates one
    product for all parts, zeros included, is cheaper still.

    Args:
        common: jets of the parts that all coordinates give to, (F, D, parts, N).
        common_parts: those parts of the layout.
        owners: for each of them the only coordinate that gives to it, or None.
        axes: for each coordinate the pure derivatives of all functions, (F, parts, N).
        axis_parts: for each coordinate the parts of the layout that these are.
        size: number S of parts.
    """

    common: Tensor
    common_parts: tuple[int, ...]
    owners: tuple[int | None, ...]
    axes: tuple[Tensor, ...]
    axis_parts: tuple[tuple[int, ...], ...]
    size: int

    @staticmethod
    def of(table: Tensor, layout: JetLayout) -> CoordinateTables:
        """Sort a table of functions and derivatives at the points, (orders, F, D, N), by parts."""
        shared, shared_parts = [table[0]], [0]
        if layout.laplacian is not None:
            weights = table.new_tensor(layout.laplacian)[:, None]
            shared.append(table[2] * weights)
            shared_parts.append(len(layout.parts))
        axes, axis_parts = [], []
        for axis in range(layout.dimension):
            pure = [
                (part, alpha[axis])
                for part, alpha in enumerate(layout.parts)
                if part and sum(alpha) == alpha[axis]
            ]
            rows = [table[order, :, axis] for _, order in pure]
            axes.append(torch.stack(rows, dim=1) if rows else table.new_empty(0))
            axis_parts.append(tuple(part for part, _ in pure))
        blocks = len(shared) * layout.dimension + sum(map(len, axis_parts))
        if layout.size * layout.dimension <= 2 * blocks:
            return _in_one_product(shared, shared_parts, axes, axis_parts, layout)
        return CoordinateTables(
            torch.stack(shared, dim=2),
            tuple(shared_parts),
            (None,) * len(shared),
            tuple(axes),
            tuple(axis_parts),
            layout.size,
        )

    def forward(self, coefficients: Tensor) -> Tensor:
        """Return the output jets (outputs, S, N) for coefficients (outputs, F, D)."""
        outputs, n = len(coefficients), self.common.shape[-1]
        count = len(self.common_parts)
        table = self.common.flatten(0, 1).flatten(1)
        product = (coefficients.flatten(1) @ table).view(outputs, count, n)
        if count == self.size:
            return product
        result = coefficients.new_empty(outputs, self.size, n)
        if count + sum(map(len, self.axis_parts)) < self.size:
            result.zero_()  # mixed derivatives
        for row, part in enumerate(self.common_parts):
            result[:, part] = product[:, row]
        for axis, parts in self._own():
            table = self.axes[axis].flatten(1)
            product = (coefficients[:, :, axis] @ table).view(outputs, len(parts), n)
            for row, part in enumerate(parts):
                result[:, part] = product[:, row]
        return result

    def rows(self, adjoint: Tensor, out: Tensor) -> None:
        """Write each point's derivative by the coefficients to ``out``, (outputs, F, D, N)."""
        torch.mul(adjoint[:, None, None, 0], self.common[:, :, 0], out=out)  # the value is first
        for row, (part, axis) in enumerate(zip(self.common_parts, self.owners, strict=True)):
            if row == 0:
                continue
            if axis is None:
                out.addcmul_(adjoint[:, None, None, part], self.common[:, :, row])
            else:
                out[:, :, axis].addcmul_(adjoint[:, None, part], self.common[:, axis, row])
        for axis, parts in self._own():
            for row, part in enumerate(parts):
                out[:, :, axis].addcmul_(adjoint[:, None, part], self.axes[axis][:, row])

    def gradient(self, adjoint: Tensor) -> Tensor:
        """Return the derivative of the sum over the points by the coefficients, (outputs, F, D)."""
        functions, dimension = self.common.shape[:2]
        table = self.common.flatten(0, 1).flatten(1)
        every = len(self.common_parts) == self.size
        common = adjoint if every else adjoint[:, list(self.common_parts)]
        gradient = common.flatten(1) @ table.T
        gradient = gradient.view(len(adjoint), functions, dimension)
        for axis, parts in self._own():
            gradient[:, :, axis] += (
                adjoint[:, list(parts)].flatten(1) @ self.axes[axis].flatten(1).T
            )
        return gradient

    def columns(self) -> Tensor:
        """Return the jets of all functions, (S, N, F * D), where this layer is the last too."""
        functions, dimension, _, n = self.common.shape
        columns = self.common.new_zeros(self.size, n, functions, dimension)
        columns[list(self.common_parts)] = self.common.permute(2, 3, 0, 1)
        for axis, parts in self._own():
            columns[list(parts), :, :, axis] = self.axes[axis].permute(1, 2, 0)
        return columns.flatten(2)

    def _own(self) -> list[tuple[int, tuple[int, ...]]]:
        """Return each coordinate that has parts of its own, with these."""
        return [(axis, parts) for axis, parts in enumerate(self.axis_parts) if parts]


def _in_one_product(
    shared: list[Tensor],
    shared_parts: list[int],
    axes: list[Tensor],
    axis_parts: list[tuple[int, ...]],
    layout: JetLayout,
) -> CoordinateTables:
    """Return tables in which every part counts as common to all coordinates."""
    functions, dimension, n = shared[0].shape
    common = shared[0].new_zeros(functions, dimension, layout.size, n)
    owners: list[int | None] = [None] * layout.size
    for table, part in zip(shared, shared_parts, strict=True):
        common[:, :, part] = table
    for axis, parts in enumerate(axis_parts):
        for row, part in enumerate(parts):
            common[:, axis, part] = axes[axis][:, row]
            owners[part] = axis
    parts = tuple(range(layout.size))
    nothing = (shared[0].new_empty(0),) * dimension
    return CoordinateTables(common, parts, tuple(owners), nothing, ((),) * dimension, layout.size)
