"""A gated KAN: in every box of a k-d tree its own product nodes, one box for every point."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.bases import Chebyshev
from kanpde.networks import checks
from kanpde.networks.jets import JetLayout
from kanpde.networks.network import Network, Prepared, Pullback
from kanpde.networks.nodes.polynomial import total_degree

CHUNK = 65536
"""Points evaluated at once, so that memory stays bounded for millions of points."""


class PatchKAN(Network):
    r"""Local KANs of product nodes, gated by the boxes of a k-d tree.

    .. math:: u_o(x) = \sum_b g_b(x) \sum_{|k|\le K} a_{obk} \prod_i T_{k_i}(s_{bi}(x_i))

    with :math:`s_b` the map of box b to :math:`[-1, 1]^D` and :math:`g_b` one in box b and zero
    elsewhere. A box is half open: a point on an interface belongs to the box above it (the one
    whose *lower* side it lies on); a point outside of all boxes to the box that the tree leads to,
    whose polynomial is continued. Derivatives are those inside the box.

    By another name this is an hp spectral element field (as in the hierarchical
    Poincare-Steklov scheme, Gillman and Martinsson 2014, and ultraSEM, Fortunato, Hale and
    Townsend 2021); nothing forces it to be continuous, its solver does.

    Args:
        corners: lower and upper corner of every box, (B, 2, D); boxes that a sequence of
            straight cuts through whole boxes separates.
        degree: total degree K of every local KAN.
        outputs: number of unknowns.

    Raises:
        ValueError: for boxes that are no k-d tree.
    """

    corners: Tensor
    cut: Tensor
    tree: Tensor

    def __init__(self, corners: np.ndarray, degree: int, outputs: int = 1) -> None:
        corners = np.asarray(corners, dtype=np.float64)
        if corners.ndim != 3 or corners.shape[1] != 2 or not np.all(corners[:, 0] < corners[:, 1]):
            raise ValueError(
                "PatchKAN: corners must have shape (boxes, 2, dimension), lower below upper; got "
                f"an array of shape {corners.shape}."
            )
        cut, tree = _gates(corners)
        self._fill(corners, cut, tree, degree, outputs)

    def _fill(
        self, corners: np.ndarray, cut: np.ndarray, tree: np.ndarray, degree: int, outputs: int
    ) -> None:
        super().__init__()
        self.dimension, self.outputs, self.degree = corners.shape[2], outputs, degree
        self.powers = np.array(total_degree(degree, self.dimension), dtype=np.int64)
        self.register_buffer("corners", torch.as_tensor(corners))
        self.register_buffer("cut", torch.as_tensor(cut))
        self.register_buffer("tree", torch.as_tensor(tree))
        shape = (outputs, len(corners), len(self.powers))
        self.coefficients = nn.Parameter(torch.zeros(shape, dtype=torch.float64))

    @property
    def boxes(self) -> np.ndarray:
        """Lower and upper corner of every box, (B, 2, D)."""
        return self.corners.detach().cpu().numpy()

    def locate(self, x: Tensor) -> Tensor:
        """Return the box (N,) of every point x (N, D), by descending the tree."""
        place = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        if len(self.tree) == 0:
            return place
        active = torch.arange(len(x), device=x.device)
        node = place.clone()
        while len(active):
            axis, below, above = self.tree[node].T
            goes_up = x[active].gather(1, axis[:, None])[:, 0] >= self.cut[node]
            node = torch.where(goes_up, above, below)
            arrived = node < 0
            place[active[arrived]] = -1 - node[arrived]
            active, node = active[~arrived], node[~arrived]
        return place

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the points x (N, D) sorted by their boxes, with their edges' derivatives."""
        box, order = self.locate(x).sort(stable=True)
        x = x[order]
        low, high = self.corners[box, 0], self.corners[box, 1]
        rate = 2 / (high - low)
        s = (x - low) * rate - 1
        basis, tables = Chebyshev(self.degree), []
        for axis in range(self.dimension):
            highest = max(alpha[axis] for alpha in layout.parts)
            table = basis.evaluate(s[:, axis], highest)  # (order + 1, K + 1, N)
            scale = torch.stack([rate[:, axis] ** k for k in range(highest + 1)])
            tables.append(table * scale[:, None, :])
        return Prepared(layout, _Sorted(box, order.argsort(), tuple(tables)))

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        at: _Sorted = points.tables
        n = self.degree + 1
        full = self.coefficients.new_zeros(self.outputs, len(self.corners), *[n] * self.dimension)
        index = (slice(None), slice(None), *torch.as_tensor(self.powers.T))
        full[index] = self.coefficients
        boxes, counts = at.box.unique_consecutive(return_counts=True)
        pieces, start = [], 0
        for b, count in zip(boxes.tolist(), counts.tolist(), strict=True):
            pieces.append(
                self._contract(full[:, b], [t[..., start : start + count] for t in at.tables])
            )
            start += count
        if not pieces:
            return self.coefficients.new_zeros(self.outputs, points.layout.size, 0)
        parts = [self._position(alpha, at.tables) for alpha in points.layout.parts]
        return torch.cat(pieces, dim=-1)[:, parts][..., at.inverse]

    def _contract(self, local: Tensor, tables: list[Tensor]) -> Tensor:
        """Return all derivatives up to those of the tables, axis after axis: (outputs, all, N).

        Args:
            local: coefficients of one box, (outputs, n, ..., n).
            tables: of each axis, (order + 1, n, N).
        """
        *first, last = tables
        n = self.degree + 1
        partial = local.reshape(self.outputs, 1, -1, n) @ last
        partial = partial.reshape(*partial.shape[:2], *[n] * len(first), -1)
        for table in reversed(first):
            middle = [1] * (partial.ndim - 4)
            edges = table.reshape(1, len(table), 1, *middle, *table.shape[1:])
            partial = (partial.unsqueeze(1) * edges).sum(-2).flatten(1, 2)
        return partial

    def _position(self, alpha: tuple[int, ...], tables: tuple[Tensor, ...]) -> int:
        """Return where :meth:`_contract` put a multi-index: the first axis varies slowest."""
        place = 0
        for order, table in zip(alpha, tables, strict=True):
            place = place * len(table) + order
        return place

    def jets(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return value and requested derivatives at points x (N, D): shape (outputs, S, N)."""
        pieces = [self.evaluate(self.prepare(chunk, layout)) for chunk in x.split(CHUNK)]
        return torch.cat(pieces, dim=-1)

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        with torch.no_grad():
            return self.evaluate(points), _PatchPullback(self, points)

    def local_columns(self, points: Prepared) -> tuple[Tensor, Tensor]:
        """Return each point's box (N,) and the jets of the product nodes there, (S, N, M)."""
        at: _Sorted = points.tables
        parts = []
        for alpha in points.layout.parts:
            part: Tensor | None = None
            for axis, order in enumerate(alpha):
                factor = at.tables[axis][order].T[:, self.powers[:, axis]]
                part = factor if part is None else part * factor
            assert part is not None
            parts.append(part[at.inverse])
        return at.box[at.inverse], torch.stack(parts)

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of all functions, (S, N, B M): zero outside of their box; large."""
        box, local = self.local_columns(points)
        s, n, m = local.shape
        columns = local.new_zeros(s, n, len(self.corners), m)
        columns[:, torch.arange(n), box] = local
        return columns.flatten(2)

    @property
    def output_coefficients(self) -> Tensor:
        """All coefficients, shape (outputs, B M), box after box."""
        return self.coefficients.detach().flatten(1)

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other coefficients, shape (outputs, B M)."""
        checks.coefficients(coefficients, self.output_coefficients.shape, owner="PatchKAN")
        clone = copy.deepcopy(self)
        with torch.no_grad():
            clone.coefficients.copy_(coefficients.reshape(clone.coefficients.shape))
        return clone

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; boxes and coefficients are in the state."""
        return {
            "kind": "patches",
            "boxes": len(self.corners),
            "dimension": self.dimension,
            "degree": self.degree,
            "outputs": self.outputs,
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> PatchKAN:
        """Return a network of the described shape; its state brings boxes and coefficients."""
        count, dimension = data["boxes"], data["dimension"]
        network = PatchKAN.__new__(PatchKAN)
        network._fill(
            np.zeros((count, 2, dimension)),
            np.zeros(count - 1),
            np.zeros((count - 1, 3), dtype=np.int64),
            data["degree"],
            data["outputs"],
        )
        return network


@dataclass(frozen=True)
class _Sorted:
    """Points in the order of their boxes.

    Args:
        box: of every point, increasing, (N,).
        inverse: places of the points as they were given, (N,).
        tables: for each axis the derivatives of the edges, (order + 1, K + 1, N).
    """

    box: Tensor
    inverse: Tensor
    tables: tuple[Tensor, ...]


class _PatchPullback(Pullback):
    def __init__(self, network: PatchKAN, points: Prepared) -> None:
        self._network, self._points = network, points

    def _local(self, adjoint: Tensor) -> tuple[Tensor, Tensor]:
        box, columns = self._network.local_columns(self._points)
        return box, torch.einsum("osn,snm->onm", adjoint, columns)

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        box, local = self._local(adjoint)
        outputs, n, m = local.shape
        rows = local.new_zeros(outputs, len(self._network.corners), m, n)
        rows[:, box, :, torch.arange(n)] = local.transpose(0, 1)
        return rows.reshape(-1, n)

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        box, local = self._local(adjoint)
        total = local.new_zeros(len(local), len(self._network.corners), local.shape[2])
        return total.index_add(1, box, local).reshape(-1)


def _gates(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the k-d tree that separates the boxes: cuts (B - 1,) and nodes (B - 1, 3).

    A node is (axis, below, above); a child is a node or, as -1 - b, the box b.
    """
    cuts: list[float] = []
    nodes: list[list[int]] = []
    work: list[tuple[np.ndarray, int, int]] = [(np.arange(len(corners)), -1, 0)]
    while work:
        members, parent, side = work.pop()
        if len(members) == 1:
            child = -1 - int(members[0])
        else:
            axis, value = _cut_between(corners[members])
            child = len(nodes)
            cuts.append(value)
            nodes.append([axis, 0, 0])
            above = corners[members, 0, axis] >= value
            work += [(members[~above], child, 1), (members[above], child, 2)]
        if parent >= 0:
            nodes[parent][side] = child
    return np.array(cuts), np.array(nodes, dtype=np.int64).reshape(-1, 3)


def _cut_between(corners: np.ndarray) -> tuple[int, float]:
    """Return the most even cut that goes through no box, as axis and value."""
    best: tuple[float, int, float] | None = None
    for axis in range(corners.shape[2]):
        low, high = np.sort(corners[:, 0, axis]), np.sort(corners[:, 1, axis])
        values = np.unique(low)[1:]
        # boxes that end at or below a value plus those that start there or above: all of them
        below = np.searchsorted(high, values, side="right")
        above = len(low) - np.searchsorted(low, values, side="left")
        for i in np.flatnonzero(below + above == len(corners)):
            uneven = float(abs(int(below[i]) - int(above[i])))
            if best is None or uneven < best[0]:
                best = (uneven, axis, float(values[i]))
    if best is None:
        raise ValueError("PatchKAN: no straight cut separates the boxes; they are no k-d tree.")
    return best[1], best[2]
