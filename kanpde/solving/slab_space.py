"""The space of a slab: splines in x on free knots, clamped at the ends or periodic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from kanpde.bases import insertion_blossoms, local_splines
from kanpde.solving.slab_band import BlockBand

PROJECTION_POINTS = 9
"""Gauss points in each cell when a function is projected or a projection is checked."""


@dataclass(frozen=True, eq=False)
class SplineSpace:
    """Splines of one degree and highest smoothness on the cells between break points.

    Coefficients have shape (size, ...): the first axis counts the free coefficients, which are
    cells + degree, or, periodic, one for each cell.

    Args:
        breaks: increasing, shape (cells + 1,).
        degree: p >= 1.
        periodic: whether the two ends are one point.
    """

    breaks: np.ndarray
    degree: int
    periodic: bool = False

    @property
    def cells(self) -> int:
        """The number of cells."""
        return len(self.breaks) - 1

    @property
    def size(self) -> int:
        """The number of free coefficients."""
        return self.cells if self.periodic else self.cells + self.degree

    @cached_property
    def widths(self) -> np.ndarray:
        """The widths of the cells."""
        return np.diff(self.breaks)

    @property
    def length(self) -> float:
        """The distance of the ends."""
        return float(self.breaks[-1] - self.breaks[0])

    @cached_property
    def knots(self) -> np.ndarray:
        """The knot vector, shape (cells + 2 degree + 1,)."""
        p, x = self.degree, self.breaks
        if not self.periodic:
            return np.concatenate([np.full(p, x[0]), x, np.full(p, x[-1])])
        return np.concatenate([x[-p - 1 : -1] - self.length, x, x[1 : p + 1] + self.length])

    @cached_property
    def windows(self) -> np.ndarray:
        """The free coefficients that act on each cell, shape (cells, degree + 1)."""
        plain = np.arange(self.cells)[:, None] + np.arange(self.degree + 1)
        return plain % self.size

    @cached_property
    def integrals(self) -> np.ndarray:
        """The integrals of the splines, shape (size,); they add up to the length."""
        p, t = self.degree, self.knots
        whole = (t[p + 1 :] - t[: -p - 1]) / (p + 1)
        return whole[: self.size]

    def expanded(self, coefficients: np.ndarray) -> np.ndarray:
        """Return one coefficient for each spline of the knot vector, (cells + degree, ...)."""
        if not self.periodic:
            return coefficients
        return coefficients[np.arange(self.cells + self.degree) % self.size]

    def table(self, points: np.ndarray, order: int) -> np.ndarray:
        """Return derivatives of the splines at points given cell by cell.

        Args:
            points: shape (cells, q), those of each cell inside it.
            order: highest derivative.

        Returns:
            shape (cells, order + 1, q, degree + 1).
        """
        cells = np.arange(self.cells)
        return self.table_at(np.repeat(cells, points.shape[1]), points.ravel(), order).reshape(
            self.cells, points.shape[1], order + 1, self.degree + 1
        ).transpose(0, 2, 1, 3)  # fmt: skip

    def table_at(self, cells: np.ndarray, points: np.ndarray, order: int) -> np.ndarray:
        """Return derivatives of the splines of a cell at points, (points, order + 1, degree + 1).

        Args:
            cells: of the points, (points,).
            points: shape (points,).
            order: highest derivative.
        """
        p = self.degree
        window = self.knots[cells + 1 + np.arange(2 * p)[:, None]]
        found = local_splines(torch.as_tensor(window), torch.as_tensor(points), p, min(order, p))
        table = np.zeros((len(points), order + 1, p + 1))
        table[:, : found.shape[0]] = found.numpy().transpose(2, 0, 1)
        return table

    def nodes(self, places: np.ndarray) -> np.ndarray:
        """Return points at relative places in (0, 1) of every cell, shape (cells, places)."""
        return self.breaks[:-1, None] + self.widths[:, None] * places

    def gauss(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return Gauss points and weights in every cell, both (cells, count)."""
        s, w = np.polynomial.legendre.leggauss(count)
        return self.nodes((s + 1) / 2), self.widths[:, None] * w / 2

    def values(self, coefficients: np.ndarray, table: np.ndarray) -> np.ndarray:
        r"""Return fields at the points of a table.

        Args:
            coefficients: shape (size, \*fields).
            table: shape (cells, q, degree + 1), one derivative of :meth:`table`.

        Returns:
            shape (cells, q, \*fields).
        """
        local = coefficients[self.windows]
        flat = table @ local.reshape(*local.shape[:2], -1)
        return flat.reshape(*table.shape[:2], *coefficients.shape[1:])

    def rms(self, coefficients: np.ndarray) -> np.ndarray:
        """Return about the root mean square of fields (size, ...) over the interval, (...)."""
        weights = self.integrals / self.integrals.sum()
        return np.sqrt(np.tensordot(weights, coefficients**2, axes=1))

    # Other knots -----------------------------------------------------------------------------

    def bisected(self, which: np.ndarray) -> SplineSpace:
        """Return the space on halved cells, those marked by ``which`` (cells,)."""
        middles = self.breaks[:-1][which] + self.widths[which] / 2
        return SplineSpace(
            np.sort(np.concatenate([self.breaks, middles])), self.degree, self.periodic
        )

    def transfer(self, coefficients: np.ndarray, finer: SplineSpace) -> np.ndarray:
        """Return the same fields on a space whose break points hold all of this one's; exact."""
        first, weights = insertion_blossoms(self.knots, finer.knots, self.degree)
        first, weights = first[: finer.size], weights[: finer.size]
        columns = (first[:, None] + np.arange(self.degree + 1)) % self.size
        return np.einsum("ij,ij...->i...", weights, coefficients[columns])

    def projected(self, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Project functions by least squares, with their values kept at the ends.

        Args:
            function: maps points (cells, q) to values (cells, q, fields).

        Returns:
            coefficients, shape (size, fields).
        """
        points, weights = self.gauss(PROJECTION_POINTS)
        table = self.table(points, 0)[:, 0]
        tested = (weights[:, :, None] * table).transpose(0, 2, 1)  # (cells, p + 1, q)
        values = function(points)
        right = np.zeros((self.size, values.shape[-1]))
        np.add.at(right, self.windows, tested @ values)
        matrix = BlockBand(self.size, self.degree, 1, self.periodic)
        matrix.add((tested @ table)[:, None], np.ones((1, 1)), slice(0, 1), slice(0, 1))
        if not self.periodic:
            ends = function(np.array([[self.breaks[0], self.breaks[-1]]]))[0]
            for row, value in ((0, ends[0]), (self.size - 1, ends[1])):
                matrix.clear_row(row, 0)
                matrix.add_to_row(row, 0, [row], np.ones((1, 1)))
                right[row] = value
        return matrix.factorised().solve(right)
