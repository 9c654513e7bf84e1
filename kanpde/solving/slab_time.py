"""The time edges of a slab: polynomials on 0 and the right-hand Radau points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre


@dataclass(frozen=True)
class RadauRule:
    r"""Polynomials of degree m on [0, 1] through 0 and m Radau points, the last of which is 1.

    Collocation at these points is Radau's implicit Runge-Kutta method IIA of order 2 m - 1: stiffly
    accurate and L-stable (Hairer and Wanner, Solving Ordinary Differential Equations II, IV.5).

    Args:
        stages: m >= 1.

    >>> RadauRule(2).points.round(12).tolist()
    [0.333333333333, 1.0]
    """

    stages: int

    @cached_property
    def points(self) -> np.ndarray:
        """The m Radau points in (0, 1], the zeros of P_m - P_{m-1}."""
        series = np.zeros(self.stages + 1)
        series[-2:] = -1, 1
        roots = np.sort(legendre.legroots(series).real)
        slopes = legendre.legder(series)
        for _ in range(3):  # legroots is good to about 1e-12 only
            roots = roots - legendre.legval(roots, series) / legendre.legval(roots, slopes)
        roots[-1] = 1
        return (roots + 1) / 2

    @cached_property
    def nodes(self) -> np.ndarray:
        """Zero and the Radau points, (m + 1,)."""
        return np.concatenate([[0.0], self.points])

    @cached_property
    def to_legendre(self) -> np.ndarray:
        """The matrix that maps values at the nodes to Legendre coefficients, (m + 1, m + 1)."""
        return np.linalg.inv(legendre.legvander(2 * self.nodes - 1, self.stages))

    def values(self, places: np.ndarray, order: int = 0) -> np.ndarray:
        """Return derivatives of the nodes' Lagrange polynomials at places, (places, m + 1)."""
        series = np.eye(self.stages + 1)
        slopes = legendre.legder(series, order) * 2.0**order if order else series
        return legendre.legval(2 * np.asarray(places) - 1, slopes).T @ self.to_legendre

    @cached_property
    def differentiation(self) -> np.ndarray:
        """The derivatives at the Radau points by the values at the nodes, (m, m + 1)."""
        return self.values(self.points, 1)

    @cached_property
    def at_zero(self) -> np.ndarray:
        """The values at 0 of the Lagrange polynomials on the Radau points alone, (m,)."""
        m = self.stages
        inverse = np.linalg.inv(legendre.legvander(2 * self.points - 1, m - 1))
        return legendre.legvander(np.array([-1.0]), m - 1)[0] @ inverse
