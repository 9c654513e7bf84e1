"""A KAN of product nodes in time slabs over a rectangle: splines in x and y, polynomials in t."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.bases import local_splines
from kanpde.networks import checks
from kanpde.networks.jets import JetLayout
from kanpde.networks.network import Network, Prepared, Pullback
from kanpde.networks.slabs import time_polynomials

ENTRIES = 2**22
"""Numbers held at once while a chunk of points is evaluated."""


class TensorSlabKAN(Network):
    r"""A field on a rectangle times a time span, cut into slabs.

    In slab s, from :math:`t_s` to :math:`t_{s+1}`,

    .. math:: u_o(x,y,t)=\sum_l\sum_{ij} c_{oslij}\,B_i(x)\,B_j(y)\,
              \ell_l\bigl((t-t_s)/(t_{s+1}-t_s)\bigr)

    with B-splines of one degree, the same knots in all slabs, and the polynomials :math:`\ell_l`
    that are one at one of the given nodes in [0, 1] and zero at the others. At the common time of
    two slabs the earlier one is taken. Beyond the last slab the field is not a number.

    Args:
        times: ends of the slabs, increasing, (slabs + 1,).
        knots: the knot vectors in x and y, cells + 2 degree + 1 entries each.
        nodes: of the polynomials in time, in [0, 1].
        degree: of the splines.
        outputs: number of unknowns.

    Raises:
        ValueError: if times do not increase, or a knot vector is too short.
    """

    times: Tensor
    knots_x: Tensor
    knots_y: Tensor
    nodes: Tensor

    def __init__(
        self,
        times: Sequence[float] | np.ndarray,
        knots: Sequence[np.ndarray],
        nodes: Sequence[float] | np.ndarray,
        *,
        degree: int,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        ends = np.asarray(times, dtype=np.float64)
        if len(ends) < 2 or not (np.diff(ends) > 0).all():
            raise ValueError(f"TensorSlabKAN needs increasing times, two or more; got {ends}.")
        if len(knots) != 2 or min(len(k) for k in knots) < 2 * degree + 2:
            raise ValueError(
                f"TensorSlabKAN needs two knot vectors of {2 * degree + 2} entries or more for "
                f"degree {degree}; got {[len(k) for k in knots]}."
            )
        self.dimension, self.outputs, self.degree = 3, outputs, degree
        self.register_buffer("times", torch.as_tensor(ends))
        for name, k in zip(("knots_x", "knots_y"), knots, strict=True):
            self.register_buffer(name, torch.as_tensor(np.array(k, dtype=np.float64)))
        self.register_buffer("nodes", torch.as_tensor(np.array(nodes, dtype=np.float64)))
        shape = (len(ends) - 1, len(self.nodes), *(len(k) - degree - 1 for k in knots))
        self.coefficients = nn.Parameter(torch.zeros(outputs, *shape, dtype=torch.float64))

    @property
    def slabs(self) -> int:
        """The number of slabs."""
        return len(self.times) - 1

    @property
    def cells(self) -> tuple[int, int]:
        """The numbers of cells in x and y."""
        extra = 2 * self.degree + 1
        return len(self.knots_x) - extra, len(self.knots_y) - extra

    @property
    def reached(self) -> float:
        """The time up to which the field is known."""
        return float(self.times[-1])

    @property
    def boxes(self) -> np.ndarray:
        """The cells between the knots, slab after slab: both corners, (slabs cells, 2, 3)."""
        p = self.degree
        ends = [k.detach().cpu().numpy()[p:-p] for k in (self.knots_x, self.knots_y)]
        ends.append(self.times.detach().cpu().numpy())
        lower = np.meshgrid(*(e[:-1] for e in ends), indexing="ij")
        upper = np.meshgrid(*(e[1:] for e in ends), indexing="ij")
        corners = [np.stack([g.ravel() for g in side], axis=1) for side in (lower, upper)]
        return np.stack(corners, axis=1)

    # Evaluation ------------------------------------------------------------------------------

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the edges at the points x (N, 3) and where their coefficients begin."""
        time = x[:, 2]
        slab = torch.bucketize(time.detach().contiguous(), self.times[1:-1].contiguous())
        start, length = self.times[slab], self.times[slab + 1] - self.times[slab]
        known = torch.where(time.detach() <= self.times[-1] * (1 + 1e-14), 1.0, torch.nan)
        highest = [max(alpha[axis] for alpha in layout.parts) for axis in range(3)]
        polynomials = known * time_polynomials(
            self.nodes, (time - start) / length, length, highest[2]
        )
        cell_x, splines_x = self._edges(self.knots_x, x[:, 0], highest[0])
        cell_y, splines_y = self._edges(self.knots_y, x[:, 1], highest[1])
        places = self._places(slab, cell_x, cell_y)
        return Prepared(layout, (places, splines_x, splines_y, polynomials))

    def _places(self, slab: Tensor, cell_x: Tensor, cell_y: Tensor) -> Tensor:
        """Return which coefficients act at each point, (N, nodes, p + 1, p + 1)."""
        _, nodes, rows, columns = self.coefficients.shape[1:]
        steps = torch.arange(self.degree + 1, device=slab.device)
        level = slab[:, None] * nodes + torch.arange(nodes, device=slab.device)
        row = level[:, :, None] * rows + (cell_x[:, None] + steps)[:, None]
        return row[..., None] * columns + (cell_y[:, None] + steps)[:, None, None]

    def _edges(self, knots: Tensor, place: Tensor, order: int) -> tuple[Tensor, Tensor]:
        """Return each point's cell and the splines on it, (order + 1, degree + 1, N)."""
        p = self.degree
        inner = knots[p + 1 : -p - 1].contiguous()
        cell = torch.bucketize(place.detach().contiguous(), inner, right=True)
        window = knots[cell + 1 + torch.arange(2 * p, device=place.device)[:, None]]
        splines = local_splines(window, place, p, min(order, p))
        if order > p:
            zeros = splines.new_zeros((order - p, *splines.shape[1:]))
            splines = torch.cat([splines, zeros])
        return cell, splines

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        places, splines_x, splines_y, polynomials = points.tables
        local = self.coefficients.flatten(1)[:, places]  # (outputs, N, nodes, p + 1, p + 1)
        found: dict[tuple[int, ...], Tensor] = {}
        for a, _, k in points.layout.parts:
            if (a, k) not in found:
                in_time = torch.einsum("onlij,ln->onij", local, polynomials[k])
                found[a, k] = torch.einsum("onij,in->onj", in_time, splines_x[a])
        parts = [
            torch.einsum("onj,jn->on", found[a, k], splines_y[b]) for a, b, k in points.layout.parts
        ]
        return torch.stack(parts, dim=1)

    def jets(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return value and requested derivatives at points x (N, 3): shape (outputs, S, N)."""
        checks.points(x, 3, self.coefficients.dtype, owner="TensorSlabKAN")
        chunk = max(1, ENTRIES // (len(self.nodes) * (self.degree + 1) ** 2 * self.outputs))
        pieces = [self.evaluate(self.prepare(part, layout)) for part in x.split(chunk)]
        return torch.cat(pieces, dim=-1)

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        with torch.no_grad():
            return self.evaluate(points), _TensorSlabPullback(self, points)

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of all products of edges, (S, N, C); large, for small fields only."""
        places, splines_x, splines_y, polynomials = points.tables
        size = self.coefficients[0].numel()
        result = splines_x.new_zeros(points.layout.size, len(places), size)
        for part, (a, b, k) in enumerate(points.layout.parts):
            products = torch.einsum("ln,in,jn->nlij", polynomials[k], splines_x[a], splines_y[b])
            result[part].scatter_(1, places.flatten(1), products.flatten(1))
        return result

    @property
    def output_coefficients(self) -> Tensor:
        """All coefficients, shape (outputs, C)."""
        return self.coefficients.detach().reshape(self.outputs, -1)

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other coefficients, (outputs, C)."""
        checks.coefficients(coefficients, self.output_coefficients.shape, owner="TensorSlabKAN")
        clone = copy.deepcopy(self)
        with torch.no_grad():
            clone.coefficients.copy_(coefficients.reshape(clone.coefficients.shape))
        return clone

    # Files -----------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without parameters, times and knots."""
        return {
            "kind": "tensor slabs",
            "cells": list(self.cells),
            "slabs": self.slabs,
            "nodes": len(self.nodes),
            "degree": self.degree,
            "outputs": self.outputs,
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> TensorSlabKAN:
        """Return a network of the described shape; times and knots are part of its state."""
        degree = int(data["degree"])
        return TensorSlabKAN(
            np.arange(data["slabs"] + 1),
            [np.arange(c + 2 * degree + 1) for c in data["cells"]],
            np.linspace(0, 1, data["nodes"]),
            degree=degree,
            outputs=data["outputs"],
        )


class _TensorSlabPullback(Pullback):
    def __init__(self, network: TensorSlabKAN, points: Prepared) -> None:
        self._network, self._points = network, points

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        rows = torch.einsum("osn,snc->ocn", adjoint, self._network.columns(self._points))
        return rows.reshape(-1, adjoint.shape[-1])

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        return self.rows(adjoint).sum(1)
