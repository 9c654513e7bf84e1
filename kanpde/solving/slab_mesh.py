"""Where the knots go: bisection where the indicator asks, removal where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kanpde.solving.slab_space import SplineSpace
from kanpde.solving.slab_step import State

GAIN = 2.0
"""A bisection that does not cut the indicator by this much has met round-off, if it is small."""

ROUND_OFF = 1e-8
"""Above this an indicator that does not fall is no round-off but a kink or a jump."""

NARROWEST = 1e-8
"""The width of a cell, relative to the interval, below which none is bisected."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """A space with what is known of the indicator in its cells.

    Args:
        space: the splines.
        parents: the indicator of the cell that was bisected to make this one, else infinity.
        floors: the level at which bisection stopped helping, else zero.
    """

    space: SplineSpace
    parents: np.ndarray
    floors: np.ndarray

    @staticmethod
    def of(space: SplineSpace) -> Mesh:
        """Return a mesh of which nothing is known yet."""
        return Mesh(space, np.full(space.cells, np.inf), np.zeros(space.cells))

    def frozen(self, indicator: np.ndarray, tol: float) -> Mesh:
        """Return the mesh with floors where the last bisection did not help."""
        stuck = (indicator > tol) & (indicator * GAIN > self.parents) & (indicator < ROUND_OFF)
        floors = np.where(stuck, np.maximum(self.floors, indicator), self.floors)
        return Mesh(self.space, np.where(stuck, np.inf, self.parents), floors)

    def wanting(self, indicator: np.ndarray, tol: float) -> np.ndarray:
        """Return which cells should be bisected, (cells,) bool."""
        wide = self.space.widths > NARROWEST * self.space.length
        return (indicator > np.maximum(tol, GAIN * self.floors)) & wide

    def bisected(self, which: np.ndarray, indicator: np.ndarray) -> Mesh:
        """Return the mesh with the marked cells halved; they remember their indicator."""
        count = np.where(which, 2, 1)
        parents = np.where(which, indicator, self.parents)
        space = self.space.bisected(which)
        return Mesh(space, np.repeat(parents, count), np.repeat(self.floors, count))

    def at_rest(self) -> Mesh:
        """Return the mesh for the next slab: indicators of other times are forgotten."""
        return Mesh(self.space, np.full(self.space.cells, np.inf), self.floors)

    def coarsened(self, indicator: np.ndarray, tol: float, least: int) -> Mesh | None:
        """Return the mesh without every other knot where the indicator leaves room for it.

        Two cells become one only if their indicators, grown by :math:`2^{p+1}`, stay far below
        the tolerance, and if they are the halves of one cell or nearly as wide as each other.

        Args:
            indicator: of the cells.
            tol: for the indicator.
            least: cells that are kept at least.
        """
        space = self.space
        room = indicator < 0.03 * tol / 2.0 ** (space.degree + 1)
        widest = space.length / least
        remove: list[int] = []
        e = 0
        while e + 1 < space.cells and space.cells - len(remove) > least:
            a, b = space.widths[e], space.widths[e + 1]
            fits = a + b <= 1.001 * widest and max(a, b) < 2.5 * min(a, b)
            if room[e] and room[e + 1] and fits and self._neighbours_allow(e):
                remove.append(e + 1)
                e += 2
            else:
                e += 1
        if not remove:
            return None
        breaks = np.delete(space.breaks, remove)
        floors = np.maximum.reduceat(self.floors, np.delete(np.arange(space.cells), remove))
        return Mesh(
            SplineSpace(breaks, space.degree, space.periodic),
            np.full(len(breaks) - 1, np.inf),
            floors,
        )

    def _neighbours_allow(self, e: int) -> bool:
        """Whether cells e and e + 1 together are not much wider than those beside them."""
        widths, n = self.space.widths, self.space.cells
        merged = widths[e] + widths[e + 1]
        beside = [i for i in (e - 1, e + 2) if 0 <= i < n]
        return all(merged <= 4.5 * widths[i] for i in beside)


def moved(state: State, target: SplineSpace) -> tuple[State, np.ndarray]:
    """Project a state to a coarser space; return it and the error made, rms by unknown.

    The projection is one of least squares; its error is measured on other points than it uses.
    """
    source, unknowns = state.space, state.values.shape[1]
    both = np.concatenate([state.values, state.rates], axis=1)
    exact = function_of(source, both)
    coefficients = target.projected(exact)
    points, weights = source.gauss(6)
    difference = function_of(target, coefficients)(points) - exact(points)
    error = np.sqrt((weights[:, :, None] * difference**2).sum(axis=(0, 1)) / source.length)
    values, rates = coefficients[:, :unknowns].copy(), coefficients[:, unknowns:].copy()
    return State(target, values, rates), error[:unknowns]


def function_of(space: SplineSpace, coefficients: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return fields (size, fields) as a function of points of any shape (...) -> (..., fields)."""

    def function(points: np.ndarray) -> np.ndarray:
        flat = points.ravel()
        cells = np.clip(np.searchsorted(space.breaks, flat, side="right") - 1, 0, space.cells - 1)
        table = space.table_at(cells, flat, 0)[:, 0]
        values = np.einsum("pk,pkf->pf", table, coefficients[space.windows[cells]])
        return values.reshape(*points.shape, -1)

    return function
