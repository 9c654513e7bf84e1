"""The space of a slab over a rectangle: tensor splines, and the points they are collocated at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from kanpde.solving.plane_system import HIGHEST_ORDER
from kanpde.solving.slab_space import SplineSpace


@dataclass(frozen=True, eq=False)
class Axis:
    """The splines along one coordinate, with as many points.

    Args:
        space: the splines.
    """

    space: SplineSpace

    @cached_property
    def points(self) -> np.ndarray:
        """Greville's points, the means of p neighbouring knots, (size,).

        The two ends are among them, unless the axis is periodic. Interpolation and collocation
        there are stable (de Boor, A Practical Guide to Splines, chapter XIII).
        """
        p, knots = self.space.degree, self.space.knots
        windows = np.lib.stride_tricks.sliding_window_view(knots[1:-1], p)
        points = windows.mean(axis=1)[: self.space.size]
        if not self.space.periodic:
            points[0], points[-1] = self.space.breaks[0], self.space.breaks[-1]
            return points
        first = self.space.breaks[0]
        return first + np.mod(points - first, self.space.length)

    @cached_property
    def cells(self) -> np.ndarray:
        """The cell of each point."""
        found = np.searchsorted(self.space.breaks, self.points, side="right") - 1
        return np.clip(found, 0, self.space.cells - 1)

    @cached_property
    def windows(self) -> np.ndarray:
        """The coefficients that act at each point, (size, degree + 1)."""
        return self.space.windows[self.cells]

    @cached_property
    def table(self) -> np.ndarray:
        """The derivatives of the splines at the points, (order + 1, size, degree + 1)."""
        return self.space.table_at(self.cells, self.points, HIGHEST_ORDER).transpose(1, 0, 2)

    @cached_property
    def matrices(self) -> np.ndarray:
        """The same for all splines, (order + 1, size, size)."""
        full = np.zeros((HIGHEST_ORDER + 1, self.space.size, self.space.size))
        rows = np.arange(self.space.size)[:, None]
        for order, values in enumerate(self.table):
            np.add.at(full[order], (rows, self.windows), values)
        return full

    @cached_property
    def _interpolation(self) -> tuple[np.ndarray, np.ndarray]:
        return lu_factor(self.matrices[0])

    def interpolated(self, values: np.ndarray) -> np.ndarray:
        """Return the coefficients of fields with given values at the points, both (size, ...)."""
        flat = lu_solve(self._interpolation, values.reshape(len(values), -1))
        return flat.reshape(values.shape)

    def highest_slopes(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the derivative of order p in each cell, (cells, ...), from (size, ...)."""
        space, p = self.space, self.space.degree
        middle = space.nodes(np.array([0.5]))
        table = space.table(middle, p)[:, p, 0]  # (cells, degree + 1)
        return np.einsum("ek,ek...->e...", table, coefficients[space.windows])

    def indicator(self, coefficients: np.ndarray) -> np.ndarray:
        r"""Return in each cell about the error of the best splines, (cells, fields).

        The next derivative is told by the jumps of the p-th one at the ends of the cell; for a
        smooth function the best approximation is off by :math:`2(h/2\pi)^{p+1}|u^{(p+1)}|`
        (the constants are those of Bernoulli's polynomials).

        Args:
            coefficients: (size, other coefficients..., fields).
        """
        space, p = self.space, self.space.degree
        slopes = self.highest_slopes(coefficients)
        if space.periodic:
            slopes = np.concatenate([slopes[-1:], slopes, slopes[:1]])
        jumps = np.abs(np.diff(slopes, axis=0))
        if not space.periodic:
            if len(jumps) == 0:  # one cell: nothing to compare it with
                jumps = np.abs(slopes)
            jumps = np.concatenate([jumps[:1], jumps, jumps[-1:]])
        largest = np.maximum(jumps[:-1], jumps[1:])
        while largest.ndim > 2:
            largest = largest.max(axis=1)
        return largest * (space.widths[:, None] / (2 * np.pi)) ** p / np.pi

    def bisected(self, which: np.ndarray) -> Axis:
        """Return the axis with the marked cells halved."""
        return Axis(self.space.bisected(which))


@dataclass(frozen=True, eq=False)
class PlaneSpace:
    """Products of splines in x and in y.

    Coefficients have shape (size in x, size in y, ...).

    Args:
        x, y: the axes.
    """

    x: Axis
    y: Axis

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of splines."""
        return self.x.space.size, self.y.space.size

    @property
    def size(self) -> int:
        """The number of products."""
        return self.shape[0] * self.shape[1]

    @cached_property
    def places(self) -> np.ndarray:
        """The products that act at each point, (points, (degree + 1)^2)."""
        x, y = self.x.windows, self.y.windows
        places = x[:, None, :, None] * self.shape[1] + y[None, :, None, :]
        return places.reshape(self.size, -1)

    @cached_property
    def order(self) -> np.ndarray:
        """The points by nested dissection, for sparse elimination with little fill, (points,).

        A strip of as many lines as the degree separates what is on its two sides (George, SIAM J.
        Numer. Anal. 10, 1973).
        """
        rows, columns = self.shape
        width = self.x.space.degree
        found = _dissected(np.arange(rows), np.arange(columns), width)
        return np.concatenate([(i[:, None] * columns + j).ravel() for i, j in found])

    def products(self, b: int, c: int) -> np.ndarray:
        """Return derivatives of those products, (points, (degree + 1)^2)."""
        x, y = self.x.table[b], self.y.table[c]
        return (x[:, None, :, None] * y[None, :, None, :]).reshape(self.size, -1)

    def values(self, coefficients: np.ndarray, b: int, c: int) -> np.ndarray:
        """Return derivatives at all points of fields (stages, nx, ny), of the same shape."""
        return self.x.matrices[b] @ coefficients @ self.y.matrices[c].T

    def interpolated(self, values: np.ndarray) -> np.ndarray:
        """Return the coefficients (nx, ny, fields) of fields with given values at the points."""
        half = self.x.interpolated(values)
        return self.y.interpolated(half.transpose(1, 0, 2)).transpose(1, 0, 2)

    def rms(self, coefficients: np.ndarray) -> np.ndarray:
        """Return about the root mean square of fields (nx, ny, ...), (...)."""
        x, y = self.x.space.integrals, self.y.space.integrals
        weights = np.outer(x / x.sum(), y / y.sum())
        return np.sqrt(np.tensordot(weights, coefficients**2, axes=2))

    def transfer(self, coefficients: np.ndarray, finer: PlaneSpace) -> np.ndarray:
        """Return the same fields on a space whose break points hold all of this one's; exact."""
        if finer is self:
            return coefficients
        half = self.x.space.transfer(coefficients, finer.x.space)
        other = self.y.space.transfer(np.swapaxes(half, 0, 1), finer.y.space)
        return np.swapaxes(other, 0, 1)

    def indicators(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the errors along x and along y, (cells, fields), of fields (nx, ny, fields)."""
        return self.x.indicator(coefficients), self.y.indicator(np.swapaxes(coefficients, 0, 1))


def _dissected(
    rows: np.ndarray, columns: np.ndarray, width: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return blocks (rows, columns) of a grid in the order of nested dissection."""
    longest = max(len(rows), len(columns))
    if longest <= 2 * width + 1 or len(rows) * len(columns) <= 4 * width**2:
        return [(rows, columns)]
    first = (longest - width) // 2
    if len(rows) >= len(columns):
        low, middle, high = np.split(rows, [first, first + width])
        return [
            *_dissected(low, columns, width),
            *_dissected(high, columns, width),
            (middle, columns),
        ]
    low, middle, high = np.split(columns, [first, first + width])
    return [*_dissected(rows, low, width), *_dissected(rows, high, width), (rows, middle)]
