r"""What knots follow: the values, the curvature or the residual. Values for ``Regrid(by=...)``.

All three equidistribute a density :math:`\rho` over the range: every cell gets the same share of
:math:`\int\rho\,ds`. An ``even`` part keeps cells from vanishing where the density does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kanpde.bases import BSpline
from kanpde.networks import Network
from kanpde.networks.moving import MovingGrid
from kanpde.training.resample import squared_residual
from kanpde.training.stage import Task


@dataclass(frozen=True)
class Placement(ABC):
    """Where the knots of a grid go.

    Args:
        even: share of an even grid in the new one, in (0, 1].
    """

    even: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.even <= 1:
            raise ValueError(f"{type(self).__name__}: even={self.even} must be in (0, 1].")

    @abstractmethod
    def knots(self, task: Task, network: Network, x: Tensor) -> Callable[[MovingGrid], BSpline]:
        """Return what tells each grid its new basis.

        Args:
            task: problem and points.
            network: before the move.
            x: points (N, D), those whose values the grids get.
        """


@dataclass(frozen=True)
class Quantiles(Placement):
    """Put the same number of values into every cell (pykan's grid update).

    >>> Quantiles()
    Quantiles(even=0.3)
    """

    def knots(self, task: Task, network: Network, x: Tensor) -> Callable[[MovingGrid], BSpline]:
        """Return the map from a grid to that of its values' quantiles."""

        def place(grid: MovingGrid) -> BSpline:
            degree, intervals = grid.basis.degree, grid.basis.intervals
            return BSpline.from_quantiles(grid.scaled(), degree, intervals, uniform_share=self.even)

        return place


@dataclass(frozen=True)
class Curvature(Placement):
    r"""Equidistribute :math:`|\varphi^{(p+1)}|^{1/(p+1)}`: all cells approximate equally well.

    The derivative of order p + 1 is estimated from the jumps of the p-th one, which is constant
    in each cell (de Boor, A Practical Guide to Splines, chapter XII, NEWNOT); of several edges on
    one grid the root of the sum of squares counts.

    >>> Curvature()
    Curvature(even=0.3)
    """

    def knots(self, task: Task, network: Network, x: Tensor) -> Callable[[MovingGrid], BSpline]:
        """Return the map from a grid to the one that equidistributes its edges' curvature."""

        def place(grid: MovingGrid) -> BSpline:
            density = _highest_derivative(grid) ** (1 / (grid.basis.degree + 1))
            return equidistributed(grid, density, even=self.even)

        return place


@dataclass(frozen=True)
class Residual(Placement):
    r"""Move knots to where the residual of the equations is large.

    In a cell of width h the residual of an equation of order m is about :math:`C h^k` with
    k = p + 1 - m, so it is even on cells with :math:`1/h\propto C^{1/k}=|r|^{1/k}/h_{old}`.

    >>> Residual()
    Residual(even=0.3)
    """

    def knots(self, task: Task, network: Network, x: Tensor) -> Callable[[MovingGrid], BSpline]:
        """Return the map from a grid to the one that equidistributes the residual at x."""
        square = squared_residual(task, network, x.detach().cpu().numpy())
        order = max(sum(alpha) for alpha in task.problem.derivatives)

        def place(grid: MovingGrid) -> BSpline:
            breaks, s = grid.breakpoints(), grid.scaled()
            cells = np.clip(np.searchsorted(breaks, s, side="right") - 1, 0, len(breaks) - 2)
            count = np.bincount(cells, minlength=len(breaks) - 1)
            sums = np.bincount(cells, weights=square, minlength=len(breaks) - 1)
            rms = np.sqrt(sums / np.maximum(count, 1))
            power = 1 / max(grid.basis.degree + 1 - order, 1)
            return equidistributed(grid, rms**power / np.diff(breaks), even=self.even)

        return place


def equidistributed(grid: MovingGrid, density: np.ndarray, *, even: float) -> BSpline:
    """Return the basis whose cells hold equal shares of a density, on the new range.

    Args:
        grid: the present one; the new basis has its degree and number of cells.
        density: at least 0, constant in each present cell, (intervals,).
        even: share of an even grid.
    """
    degree, intervals = grid.basis.degree, grid.basis.intervals
    # the new range cuts cells off, or goes on beyond the last ones
    breaks = grid.breakpoints()
    breaks[0], breaks[-1] = min(breaks[0], -1.0), max(breaks[-1], 1.0)
    inside = np.unique(np.clip(breaks, -1, 1))
    middles = 0.5 * (inside[1:] + inside[:-1])
    here = density[np.searchsorted(breaks, middles, side="right") - 1]
    total = np.concatenate([[0.0], np.cumsum(here * np.diff(inside))])
    line = np.linspace(-1, 1, intervals + 1)
    if not np.isfinite(total[-1]) or total[-1] <= 0:
        return BSpline(degree, intervals)
    rising = (1 - even) * total / total[-1] + even * (inside + 1) / 2
    knots = np.interp((line + 1) / 2, rising, inside)
    knots[0], knots[-1] = -1.0, 1.0
    return BSpline(degree, knots=tuple(knots.tolist()))


def _highest_derivative(grid: MovingGrid) -> np.ndarray:
    """Return the size of the edges' derivative of order p + 1 in each present cell."""
    basis, layer = grid.basis, grid.layer
    if basis.intervals == 1:
        return np.ones(1)
    breaks = basis.breakpoints()
    middles = torch.as_tensor(0.5 * (breaks[1:] + breaks[:-1]))
    table = basis.evaluate(middles, basis.degree)[-1].numpy()
    own = [layer.edge_coefficients(o, grid.input)[: basis.size] for o in grid.outputs]
    values = torch.stack(own).cpu().double().numpy() @ table  # (edges, intervals)
    slopes = np.diff(values, axis=1) / np.diff(middles.numpy())
    size = np.sqrt((slopes**2).sum(0))  # at the inner break points
    ends = np.concatenate([size[:1], size, size[-1:]])
    return 0.5 * (ends[1:] + ends[:-1])
