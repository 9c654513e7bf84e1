"""Points that a stage has drawn and weighted, for the stages after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from kanpde.collocation import interior_points
from kanpde.problem import Problem


@dataclass(frozen=True)
class Drawn:
    """Interior points with a factor for the residual of every equation at each.

    Args:
        points: (N, D).
        factors: by the name of who made them, each (N,); the residual is scaled by their product.
        draws: how many times points were drawn so far.
    """

    points: np.ndarray
    factors: tuple[tuple[str, np.ndarray], ...] = ()
    draws: int = 0

    def with_factor(self, name: str, factor: np.ndarray | None) -> Drawn:
        """Return the points with a factor (N,) in the place of that of the same name, or none."""
        others = tuple((n, f) for n, f in self.factors if n != name)
        own = () if factor is None else ((name, factor),)
        return Drawn(self.points, others + own, self.draws)

    def at_least(self, count: int, problem: Problem, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return at least so many points (N, D) and the products of their factors (N,).

        What is missing is spread evenly; such a point has the factor of the nearest drawn one.
        """
        factor = np.ones(len(self.points))
        for _, own in self.factors:
            factor = factor * own
        missing = count - len(self.points)
        if missing <= 0:
            return self.points, factor
        more = interior_points(problem, missing, seed)
        width = problem.domain.upper - problem.domain.lower
        _, nearest = cKDTree(self.points / width).query(more / width)
        return np.concatenate([self.points, more]), np.concatenate([factor, factor[nearest]])
