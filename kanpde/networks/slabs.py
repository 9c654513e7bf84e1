"""A KAN of product nodes in time slabs: spline edges in x times polynomial edges in t."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.polynomial import legendre
from torch import Tensor, nn

from kanpde.bases import local_splines
from kanpde.networks import checks
from kanpde.networks.jets import JetLayout
from kanpde.networks.network import Network, Prepared, Pullback

CHUNK = 16384
"""Points evaluated at once, so that memory stays bounded for millions of points."""


class SlabKAN(Network):
    r"""A field on an interval times a time span, cut into slabs.

    In slab s, from :math:`t_s` to :math:`t_{s+1}`,

    .. math:: u_o(x,t)=\sum_l\sum_i c_{oli}\,B_i(x)\,\ell_l\bigl((t-t_s)/(t_{s+1}-t_s)\bigr)

    with B-splines :math:`B_i` of one degree on knots of the slab's own and the polynomials
    :math:`\ell_l` that are one at one of the given nodes in [0, 1] and zero at the others. As a
    network it is a KAN with one layer of edges into product nodes, gated by the slab; as a method
    it is that of implicit Runge-Kutta steps for splines in space. All coefficients are linear.

    At the common time of two slabs the earlier one is taken. Beyond the last slab the field is
    not a number; before the first and beyond the ends in x the end polynomials continue.

    Args:
        times: ends of the slabs, increasing, (slabs + 1,).
        knots: for each slab the knot vector, cells + 2 degree + 1 entries.
        nodes: of the polynomials in time, in [0, 1].
        degree: of the splines.
        outputs: number of unknowns.

    Raises:
        ValueError: if times do not increase, or there is not one knot vector for each slab.
    """

    times: Tensor
    knots: Tensor
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
        if len(ends) < 2 or not (np.diff(ends) > 0).all() or len(knots) != len(ends) - 1:
            raise ValueError(
                f"SlabKAN needs increasing times and one knot vector for each of the slabs between "
                f"them; got {len(ends)} times and {len(knots)} knot vectors."
            )
        self.dimension, self.outputs, self.degree = 2, outputs, degree
        self.cells = tuple(len(k) - 1 - 2 * degree for k in knots)
        if min(self.cells) < 1:
            raise ValueError(
                f"SlabKAN: a knot vector of degree {degree} has at least {2 * degree + 2} entries; "
                f"the shortest has {min(len(k) for k in knots)}."
            )
        self.register_buffer("times", torch.as_tensor(ends))
        self.register_buffer("knots", torch.as_tensor(np.concatenate(knots).astype(np.float64)))
        self.register_buffer("nodes", torch.as_tensor(np.asarray(nodes, dtype=np.float64)))
        size = sum(c + degree for c in self.cells) * len(self.nodes)
        self.coefficients = nn.Parameter(torch.zeros(outputs, size, dtype=torch.float64))

    @property
    def slabs(self) -> int:
        """The number of slabs."""
        return len(self.cells)

    @property
    def reached(self) -> float:
        """The time up to which the field is known."""
        return float(self.times[-1])

    def breakpoints(self, slab: int) -> np.ndarray:
        """Return the ends of the cells of a slab."""
        p, first = self.degree, self._knot_offsets()[slab]
        knots = self.knots.detach().cpu().numpy()
        return knots[first + p : first + p + self.cells[slab] + 1]

    @property
    def boxes(self) -> np.ndarray:
        """The cells between the knots of every slab: lower and upper corner, (cells, 2, 2)."""
        times, found = self.times.detach().cpu().numpy(), []
        for slab in range(self.slabs):
            ends = self.breakpoints(slab)
            box = np.empty((len(ends) - 1, 2, 2))
            box[:, 0, 0], box[:, 1, 0] = ends[:-1], ends[1:]
            box[:, 0, 1], box[:, 1, 1] = times[slab], times[slab + 1]
            found.append(box)
        return np.concatenate(found)

    def with_slab(self, slab: int, coefficients: np.ndarray) -> Self:
        """Return a copy with the coefficients of one slab, (outputs, nodes, cells + degree)."""
        clone = copy.deepcopy(self)
        first, last = self._offsets()[slab : slab + 2]
        with torch.no_grad():
            clone.coefficients[:, first:last] = torch.as_tensor(coefficients).flatten(1)
        return clone

    def slab_coefficients(self, slab: int) -> np.ndarray:
        """Return the coefficients of one slab, (outputs, nodes, cells + degree)."""
        first, last = self._offsets()[slab : slab + 2]
        block = self.coefficients.detach()[:, first:last]
        return block.reshape(self.outputs, len(self.nodes), -1).cpu().numpy()

    def _offsets(self) -> np.ndarray:
        """Return where the coefficients of each slab begin, and their number."""
        sizes = [(c + self.degree) * len(self.nodes) for c in self.cells]
        return np.concatenate([[0], np.cumsum(sizes)])

    def _knot_offsets(self) -> np.ndarray:
        sizes = [c + 2 * self.degree + 1 for c in self.cells]
        return np.concatenate([[0], np.cumsum(sizes)])

    # Evaluation ------------------------------------------------------------------------------

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the edges at the points x (N, 2) and the coefficients that act there."""
        place, time = x[:, 0], x[:, 1]
        slab = torch.bucketize(time.detach().contiguous(), self.times[1:-1].contiguous())
        cell, window = self._located(place.detach(), slab)
        highest = [max(alpha[axis] for alpha in layout.parts) for axis in (0, 1)]
        present = min(highest[0], self.degree)
        splines = local_splines(window, place, self.degree, present)
        if highest[0] > present:
            zeros = splines.new_zeros((highest[0] - present, *splines.shape[1:]))
            splines = torch.cat([splines, zeros])
        start, length = self.times[slab], self.times[slab + 1] - self.times[slab]
        known = torch.where(time.detach() <= self.times[-1] * (1 + 1e-14), 1.0, torch.nan)
        polynomials = known * time_polynomials(
            self.nodes, (time - start) / length, length, highest[1]
        )
        offsets = torch.as_tensor(self._offsets(), device=x.device)
        widths = torch.as_tensor(self.cells, device=x.device) + self.degree
        rows = torch.arange(len(self.nodes), device=x.device)[:, None, None] * widths[slab]
        columns = torch.arange(self.degree + 1, device=x.device)[:, None] + cell + offsets[slab]
        return Prepared(layout, (splines, polynomials, rows + columns))

    def _located(self, place: Tensor, slab: Tensor) -> tuple[Tensor, Tensor]:
        """Return each point's cell and the 2 degree knots around it, (2 degree, N)."""
        p = self.degree
        cells = torch.as_tensor(self.cells, device=place.device)
        first = torch.as_tensor(self._knot_offsets(), device=place.device)[slab] + p
        # Bisection in the knots of all slabs at once.
        low, high = torch.zeros_like(slab), cells[slab]
        for _ in range(max(self.cells).bit_length()):
            middle = (low + high) // 2
            right = (place >= self.knots[first + middle]) & (middle > low)
            low, high = torch.where(right, middle, low), torch.where(right, high, middle)
            high = torch.maximum(high, low + 1)
        steps = torch.arange(2 * p, device=place.device)[:, None]
        return low, self.knots[first + low - p + 1 + steps]

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        splines, polynomials, columns = points.tables
        result = []
        for alpha in points.layout.parts:
            edges = polynomials[alpha[1]][:, None] * splines[alpha[0]]  # (nodes, p + 1, N)
            result.append([(c[columns] * edges).sum((0, 1)) for c in self.coefficients])
        return torch.stack([torch.stack(part) for part in result], dim=1)

    def jets(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return value and requested derivatives at points x (N, 2): shape (outputs, S, N)."""
        checks.points(x, 2, self.coefficients.dtype, owner="SlabKAN")
        pieces = [self.evaluate(self.prepare(chunk, layout)) for chunk in x.split(CHUNK)]
        return torch.cat(pieces, dim=-1)

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        with torch.no_grad():
            return self.evaluate(points), _SlabPullback(self, points)

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of all products of edges, (S, N, C); large, for small fields only."""
        splines, polynomials, columns = points.tables
        count = columns.shape[-1]
        result = splines.new_zeros(points.layout.size, count, self.coefficients.shape[1])
        places = columns.flatten(0, 1).T  # (N, products)
        for part, alpha in enumerate(points.layout.parts):
            edges = polynomials[alpha[1]][:, None] * splines[alpha[0]]
            result[part].scatter_(1, places, edges.flatten(0, 1).T)
        return result

    @property
    def output_coefficients(self) -> Tensor:
        """All coefficients, shape (outputs, C)."""
        return self.coefficients.detach()

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other coefficients."""
        checks.coefficients(coefficients, self.output_coefficients.shape, owner="SlabKAN")
        clone = copy.deepcopy(self)
        with torch.no_grad():
            clone.coefficients.copy_(coefficients)
        return clone

    # Files -----------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without parameters, times and knots."""
        return {
            "kind": "slabs",
            "cells": list(self.cells),
            "nodes": len(self.nodes),
            "degree": self.degree,
            "outputs": self.outputs,
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> SlabKAN:
        """Return a network of the described shape; times and knots are part of its state."""
        degree = int(data["degree"])
        return SlabKAN(
            np.arange(len(data["cells"]) + 1),
            [np.arange(c + 2 * degree + 1) for c in data["cells"]],
            np.linspace(0, 1, data["nodes"]),
            degree=degree,
            outputs=data["outputs"],
        )


class _SlabPullback(Pullback):
    def __init__(self, network: SlabKAN, points: Prepared) -> None:
        self._network, self._points = network, points

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        rows = torch.einsum("osn,snc->ocn", adjoint, self._network.columns(self._points))
        return rows.reshape(-1, adjoint.shape[-1])

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        splines, polynomials, columns = self._points.tables
        result = torch.zeros_like(self._network.coefficients)
        for part, alpha in enumerate(self._points.layout.parts):
            edges = polynomials[alpha[1]][:, None] * splines[alpha[0]]
            for o in range(self._network.outputs):
                share = edges * adjoint[o, part]
                result[o].index_add_(0, columns.flatten(), share.flatten())
        return result.reshape(-1)


def time_polynomials(nodes: Tensor, s: Tensor, length: Tensor, order: int) -> Tensor:
    """Return derivatives of the Lagrange polynomials of a slab by time.

    Args:
        nodes: in [0, 1], where one polynomial is one and the others are zero.
        s: places in the slab, (t - start) / length, (N,).
        length: of each point's slab, (N,).
        order: highest derivative.

    Returns:
        shape (order + 1, nodes, N).
    """
    m, places = len(nodes), nodes.detach().cpu().numpy()
    to_series = np.linalg.inv(legendre.legvander(2 * places - 1, m - 1))
    z = 2 * s - 1
    legendres = [torch.ones_like(z), z]
    for n in range(1, m - 1):
        legendres.append(((2 * n + 1) * z * legendres[n] - n * legendres[n - 1]) / (n + 1))
    table = torch.stack(legendres[:m])
    found = []
    for k in range(order + 1):
        slopes = np.zeros((m, m))
        derived = legendre.legder(np.eye(m), k) if k else np.eye(m)
        slopes[: len(derived)] = derived * 2.0**k  # columns: series of P_n^(k)
        weights = torch.as_tensor((slopes @ to_series).T, dtype=s.dtype, device=s.device)
        found.append(weights @ table / length**k)
    return torch.stack(found)
