"""Points that a stage has drawn and weighted, for the stages after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from kanpde.collocation import boundary_share, fixed_points, interior_points
from kanpde.problem import Problem
from kanpde.ranks import Ranks
from kanpde.training.rules import Rule


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


@dataclass(frozen=True)
class Conditions:
    """Where conditions are trained on.

    Args:
        places: by name points and outward normals, (N, D) both.
        factors: by name those of the residuals at the points, (N,); one where none is given.
    """

    places: Mapping[str, tuple[np.ndarray, np.ndarray]]
    factors: Mapping[str, np.ndarray] = field(default_factory=dict)

    def without(self, names: Collection[str]) -> Conditions:
        """Return the same but for the conditions of these names."""
        return Conditions(
            {name: place for name, place in self.places.items() if name not in names},
            {name: factor for name, factor in self.factors.items() if name not in names},
        )

    def part(self, share: Ranks, joint: Collection[str]) -> Conditions:
        """Return one share of the points of every condition.

        Args:
            share: which.
            joint: conditions whose points make sense only together (data, the points of an
                integral); the first share has them all.
        """
        places, factors = {}, {}
        for name, (points, normals) in self.places.items():
            own = share.share(len(points))
            if name in joint:
                own = slice(None) if share.is_first else slice(0)
            if len(points[own]):
                places[name] = points[own], normals[own]
                if name in self.factors:
                    factors[name] = self.factors[name][own]
        return Conditions(places, factors)


def conditions_by(rule: Rule, problem: Problem, total: int) -> Conditions:
    """Return the points of a rule for every condition, about ``total`` on the whole boundary."""
    places, factors = {}, {}
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        own = fixed_points(condition)
        if own is not None:
            places[name] = own
            continue
        count, whole = boundary_share(problem, condition, total), condition.on.measure
        parts = [
            rule.on(piece, max(1, int(np.ceil(count * piece.measure / whole))))
            for piece in condition.on.pieces
        ]
        points, normals, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        places[name] = points, normals
        factors[name] = np.sqrt(weights / weights.mean())
    return Conditions(places, factors)
