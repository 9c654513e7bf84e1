"""A KAN whose inner edges are fixed: linear in all of its coefficients."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from kanpde.networks import checks
from kanpde.networks.jets import JetLayout
from kanpde.networks.network import Network, Prepared, Pullback
from kanpde.networks.nodes import Nodes, nodes_from_dict

CHUNK = 4096
"""Points evaluated at once, so that memory stays bounded for millions of points."""


class LinearKAN(Network):
    r"""Output edges on fixed nodes: :math:`u_o(x)=\sum_c a_{oc}\,\psi_c(x)`.

    The field of a ladder: the nodes come from the geometry, the coefficients from one
    least-squares solve.

    Args:
        nodes: blocks of functions, e.g. ``[RidgeNodes(...)]``.
        outputs: number of unknowns.
    """

    def __init__(self, nodes: Sequence[Nodes], outputs: int = 1) -> None:
        super().__init__()
        self.nodes = nn.ModuleList(nodes)
        self.dimension = nodes[0].dimension
        self.outputs = outputs
        size = sum(block.size for block in nodes)
        self.coefficients = nn.Parameter(torch.zeros(outputs, size, dtype=torch.float64))

    @property
    def collapses(self) -> bool:
        """Whether all blocks take layouts with a Laplacian in one piece."""
        return all(block.collapses for block in self.blocks())

    def blocks(self) -> list[Nodes]:
        """Return the blocks of nodes."""
        return list(self.nodes)  # type: ignore[arg-type]

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the jets of all functions at the points x (N, D), (S, N, C)."""
        checks.points(x, self.dimension, self.coefficients.dtype, owner="LinearKAN")
        blocks = [block.columns(x, layout) for block in self.blocks()]
        columns = blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=-1)
        return Prepared(layout, columns)

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of all functions, shape (S, N, C)."""
        return points.tables

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        return self.evaluate_with(points, self.coefficients)

    def evaluate_with(self, points: Prepared, coefficients: Tensor) -> Tensor:
        """Return value and derivatives for other coefficients (outputs, C)."""
        s, n, c = points.tables.shape
        product = points.tables.reshape(s * n, c) @ coefficients.T
        return product.T.reshape(self.outputs, s, n)

    def jets(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return value and requested derivatives at points x (N, D): shape (outputs, S, N)."""
        pieces = [self.evaluate(self.prepare(chunk, layout)) for chunk in x.split(CHUNK)]
        return torch.cat(pieces, dim=-1)

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        with torch.no_grad():
            return self.evaluate(points), _ColumnsPullback(points.tables)

    @property
    def output_coefficients(self) -> Tensor:
        """All coefficients, shape (outputs, C)."""
        return self.coefficients.detach()

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other coefficients."""
        checks.coefficients(coefficients, self.output_coefficients.shape, owner="LinearKAN")
        clone = copy.deepcopy(self)
        with torch.no_grad():
            clone.coefficients.copy_(coefficients)
        return clone

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without coefficients."""
        nodes = [block.to_dict() for block in self.blocks()]
        return {"kind": "linear", "nodes": nodes, "outputs": self.outputs}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> LinearKAN:
        """Return a network of the described shape with zero coefficients."""
        return LinearKAN([nodes_from_dict(n) for n in data["nodes"]], data["outputs"])


class _ColumnsPullback(Pullback):
    """The pullback of a field that is linear in its coefficients."""

    def __init__(self, columns: Tensor) -> None:
        self._columns = columns

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        """Return each point's derivative by the coefficients, (outputs * C, N)."""
        rows = torch.einsum("osn,snc->ocn", adjoint, self._columns)
        return rows.flatten(0, 1)

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        """Return the derivative of the sum over the points, (outputs * C,)."""
        return torch.einsum("osn,snc->oc", adjoint, self._columns).reshape(-1)
