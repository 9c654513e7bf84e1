"""The four problems as the peers need them: boxes, holes, residuals, values on the boundary.

Needs numpy alone: the peers run it in an environment of their own. The second coordinate of
Burgers' equation is time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

VISCOSITY = 0.01 / np.pi
RADIUS = 0.1
HOLES = [(a, b) for a in (-0.3, 0.3) for b in (-0.3, 0.3)]

Residual = Callable[..., Any]
"""Maps (lib, x, y, u, u_x, u_y, u_xx, u_yy) to the residual; lib has sin (torch, jax.numpy)."""


@dataclass(frozen=True)
class Case:
    """A problem on a box.

    Args:
        lower: ends of the two coordinates.
        upper: the others.
        residual: of the equation.
        values: what u is on the boundary, points (N, 2) to (N,).
        holes: centres of the disks of radius RADIUS that are left out.
        in_time: whether the second coordinate is time, so that nothing is given at its end.
        waves: the largest number of half waves across, for rules of thumb about points.
    """

    lower: tuple[float, float]
    upper: tuple[float, float]
    residual: Residual
    values: Callable[[np.ndarray], np.ndarray]
    holes: tuple[tuple[float, float], ...] = ()
    in_time: bool = False
    waves: int = 2

    def inside(self, points: np.ndarray) -> np.ndarray:
        """Return the points (N, 2) of the box that lie in no hole."""
        outside = np.ones(len(points), dtype=bool)
        for hole in self.holes:
            outside &= np.hypot(*(points - hole).T) >= RADIUS
        return points[outside]

    def mesh(self, n: int) -> np.ndarray:
        """Return the points of an n x n grid, ends included, without those in the holes."""
        axes = [np.linspace(a, b, n) for a, b in zip(self.lower, self.upper, strict=True)]
        return self.inside(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2))

    def boundary(self, n: int) -> np.ndarray:
        """Return n points on every side where something is given, and n on every circle."""
        (a, c), (b, d) = self.lower, self.upper
        x, y = np.linspace(a, b, n), np.linspace(c, d, n)
        sides = [_pairs(x, c), _pairs(a, y), _pairs(b, y)]
        sides += [] if self.in_time else [_pairs(x, d)]
        angle = 2 * np.pi * np.arange(n) / n
        circle = RADIUS * np.stack([np.cos(angle), np.sin(angle)], -1)
        return np.concatenate([*sides, *(circle + hole for hole in self.holes)])


def _pairs(x: Any, y: Any) -> np.ndarray:
    return np.stack(np.broadcast_arrays(x, y), -1)


def _poisson(lib, x, y, u, u_x, u_y, u_xx, u_yy):
    return u_xx + u_yy + 2 * np.pi**2 * lib.sin(np.pi * x) * lib.sin(np.pi * y)


def _laplace(lib, x, y, u, u_x, u_y, u_xx, u_yy):
    return u_xx + u_yy


def _helmholtz(lib, x, y, u, u_x, u_y, u_xx, u_yy):
    source = (1 - 17 * np.pi**2) * lib.sin(np.pi * x) * lib.sin(4 * np.pi * y)
    return u_xx + u_yy + u - source


def _burgers(lib, x, t, u, u_x, u_t, u_xx, u_tt):
    return u_t + u * u_x - VISCOSITY * u_xx


def _zero(points: np.ndarray) -> np.ndarray:
    return np.zeros(len(points))


def _one_outside(points: np.ndarray) -> np.ndarray:
    return (np.abs(points).max(1) > 0.5 - 1e-9).astype(float)


def _sine_at_start(points: np.ndarray) -> np.ndarray:
    return np.where(points[:, 1] == 0, -np.sin(np.pi * points[:, 0]), 0.0)


CASES = {
    "poisson_2d": Case((-1, -1), (1, 1), _poisson, _zero),
    "poisson_four_holes": Case((-0.5, -0.5), (0.5, 0.5), _laplace, _one_outside, tuple(HOLES)),
    "helmholtz_1_4": Case((-1, -1), (1, 1), _helmholtz, _zero, waves=8),
    "burgers_1d": Case((-1, 0), (1, 1), _burgers, _sine_at_start, in_time=True),
}
"""By the name of the file in problems/."""
