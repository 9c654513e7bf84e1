"""Fields of boxes on pieces of their faces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kanpde.problem import MultiIndex
from kanpde.solving.elimination import Eliminated, LocalBasis, place, rates, tensor_points


class Trace(NamedTuple):
    """A derivative of local fields on F pieces at r points each.

    Args:
        matrix: of the n free directions, (F, r, n).
        offset: of the particular field, (F, r).
    """

    matrix: np.ndarray
    offset: np.ndarray

    def times(self, factor: np.ndarray) -> Trace:
        """Return the trace times a function (F, r)."""
        return Trace(factor[..., None] * self.matrix, factor * self.offset)

    def plus(self, other: Trace) -> Trace:
        """Return the sum of two traces."""
        return Trace(self.matrix + other.matrix, self.offset + other.offset)

    def where(self, chosen: np.ndarray, other: Trace) -> Trace:
        """Return this trace on the chosen pieces (F,) and the other one elsewhere."""
        return Trace(
            np.where(chosen[:, None, None], self.matrix, other.matrix),
            np.where(chosen[:, None], self.offset, other.offset),
        )


class FacePieces:
    """One piece of a face for each of F boxes, with Gauss points on it.

    Args:
        basis: of the local fields.
        boxes: all boxes (B, 2, D).
        owners: the F boxes.
        side: -1 for their lower, +1 for their upper face along the axis.
        axis: of the face.
        corners: lower and upper corner of the pieces in the other axes, (F, 2, D - 1).
    """

    def __init__(
        self,
        basis: LocalBasis,
        boxes: np.ndarray,
        owners: np.ndarray,
        side: int,
        *,
        axis: int,
        corners: np.ndarray,
    ) -> None:
        self.owners, self.axis, self.side, self.corners = owners, axis, side, corners
        self._basis, self._boxes = basis, boxes[owners]
        self._others = [a for a in range(basis.dimension) if a != axis]
        self.rates = rates(self._boxes)
        nodes = np.polynomial.legendre.leggauss(basis.degree + 2)[0]
        self._nodes = tensor_points([nodes] * len(self._others))

    def points(self, inwards: float = 0.0) -> np.ndarray:
        """Return the Gauss points (F, r, D), moved into the box by this part of its width."""
        points = np.empty((len(self.owners), len(self._nodes), self._basis.dimension))
        points[..., self._others] = place(self.corners, self._nodes)
        value = self._boxes[:, int(self.side > 0), self.axis]
        points[..., self.axis] = (value - self.side * inwards * 2 / self.rates[:, self.axis])[
            :, None
        ]
        return points

    def derivative(self, alpha: MultiIndex, local: Eliminated, unknown: int = 0) -> Trace:
        """Return a derivative of an unknown in the boxes at the Gauss points."""
        own = slice(unknown * self._basis.size, (unknown + 1) * self._basis.size)
        low, rate = self._boxes[:, :1, self._others], self.rates[:, None, self._others]
        ends = np.round((self.corners - low) * rate - 1, 12)
        # pieces at the same place of their boxes, halves for example, share one table
        kinds, kind = np.unique(ends.reshape(len(ends), -1), axis=0, return_inverse=True)
        kind = kind.reshape(-1)
        count, dimension = len(self._nodes), self._basis.dimension
        points = np.full((len(kinds), count, dimension), float(self.side))
        points[..., self._others] = place(kinds.reshape(len(kinds), 2, -1), self._nodes)
        tables = self._basis.table(points.reshape(-1, dimension), alpha)
        tables = tables.reshape(len(kinds), count, -1)
        matrix = np.empty((len(ends), count, local.free_count))
        offset = np.empty((len(ends), count))
        for k, table in enumerate(tables):
            mine = np.flatnonzero(kind == k)
            factors, which = np.unique(local.which[self.owners[mine]], return_inverse=True)
            matrix[mine] = (table @ local.free[factors, own])[which]
            offset[mine] = local.particular[self.owners[mine], own] @ table.T
        scale = np.prod(self.rates ** np.array(alpha), axis=1)
        return Trace(matrix * scale[:, None, None], offset * scale[:, None])
