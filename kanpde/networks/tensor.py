"""A KAN of product nodes over a full tensor of degrees, evaluated axis by axis."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from math import prod
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.bases import Chebyshev
from kanpde.networks import checks
from kanpde.networks.jets import JetLayout
from kanpde.networks.network import Network, Prepared, Pullback

ENTRIES = 2**23
"""Numbers held at once while a chunk of points is evaluated."""


class TensorKAN(Network):
    r"""Product nodes of Chebyshev edges with one coefficient for every combination of degrees.

    .. math:: u_o(x) = \sum_{k_1\ldots k_D} a_{o k_1\ldots k_D} \prod_i T_{k_i}(x_i)

    The sum is contracted one axis after the other, so that N points cost
    :math:`N n^D` operations and never a matrix of N times :math:`n^D` entries.

    Args:
        shape: numbers of functions along each axis, degree + 1.
        lower, upper: box that is mapped to :math:`[-1, 1]^D`.
        outputs: number of unknowns.
    """

    centre: Tensor
    half_width: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        lower: Sequence[float],
        upper: Sequence[float],
        outputs: int = 1,
    ) -> None:
        super().__init__()
        lo, hi = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
        self.shape = tuple(int(n) for n in shape)
        self.dimension, self.outputs = len(self.shape), outputs
        self.lower, self.upper = tuple(lo.tolist()), tuple(hi.tolist())
        self.register_buffer("centre", torch.as_tensor((lo + hi) / 2))
        self.register_buffer("half_width", torch.as_tensor((hi - lo) / 2))
        self.coefficients = nn.Parameter(torch.zeros(outputs, *self.shape, dtype=torch.float64))

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the derivatives of the edges of each axis at the points x (N, D)."""
        tables = []
        for axis, size in enumerate(self.shape):
            highest = max(alpha[axis] for alpha in layout.parts)
            s = (x[:, axis] - self.centre[axis]) / self.half_width[axis]
            scale = torch.stack([self.half_width[axis] ** -k for k in range(highest + 1)])
            table = Chebyshev(size - 1).evaluate(s, highest)
            tables.append(table * scale[:, None, None])
        return Prepared(layout, tuple(tables))

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        tables: tuple[Tensor, ...] = points.tables
        count = tables[0].shape[-1]
        step = max(1, ENTRIES // prod((self.outputs, *self.shape[:-1])))
        chunks = [
            self._contract([t[..., i : i + step] for t in tables], points.layout)
            for i in range(0, count, step)
        ]
        return torch.cat(chunks, dim=-1)

    def _contract(self, tables: list[Tensor], layout: JetLayout) -> Tensor:
        # partial[suffix of a multi-index]: the sum over those axes done, (outputs, rest..., N)
        partial: dict[tuple[int, ...], Tensor] = {}
        for alpha in layout.parts:
            for axis in range(self.dimension - 1, -1, -1):
                suffix = alpha[axis:]
                if suffix in partial:
                    continue
                table = tables[axis][alpha[axis]]
                if axis == self.dimension - 1:
                    partial[suffix] = self.coefficients @ table
                else:
                    partial[suffix] = (partial[suffix[1:]] * table).sum(-2)
        return torch.stack([partial[alpha] for alpha in layout.parts], dim=1)

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        with torch.no_grad():
            return self.evaluate(points), _TensorPullback(self, points)

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of all products, (S, N, C); large, for small tensors only."""
        parts = []
        for alpha in points.layout.parts:
            columns = points.tables[0][alpha[0]].T
            for axis in range(1, self.dimension):
                other = points.tables[axis][alpha[axis]].T
                columns = (columns[:, :, None] * other[:, None, :]).flatten(1)
            parts.append(columns)
        return torch.stack(parts)

    @property
    def output_coefficients(self) -> Tensor:
        """All coefficients, shape (outputs, C)."""
        return self.coefficients.detach().reshape(self.outputs, -1)

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other coefficients, shape (outputs, C)."""
        if coefficients.shape != self.coefficients.shape:  # the tensor itself is taken too
            checks.coefficients(coefficients, self.output_coefficients.shape, owner="TensorKAN")
        clone = copy.deepcopy(self)
        with torch.no_grad():
            clone.coefficients.copy_(coefficients.reshape(clone.coefficients.shape))
        return clone

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without coefficients."""
        return {
            "kind": "tensor",
            "shape": list(self.shape),
            "lower": list(self.lower),
            "upper": list(self.upper),
            "outputs": self.outputs,
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> TensorKAN:
        """Return a network of the described shape with zero coefficients."""
        return TensorKAN(data["shape"], data["lower"], data["upper"], data["outputs"])


class _TensorPullback(Pullback):
    def __init__(self, network: TensorKAN, points: Prepared) -> None:
        self._network, self._points = network, points

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        rows = torch.einsum("osn,snc->ocn", adjoint, self._network.columns(self._points))
        return rows.reshape(-1, adjoint.shape[-1])

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        return self.rows(adjoint).sum(1)
