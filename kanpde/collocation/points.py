"""Points inside a domain and for its conditions."""

from __future__ import annotations

from typing import Any

import numpy as np

from kanpde.geometry import Chebyshev, Sampler, Sobol
from kanpde.problem import (
    Condition,
    Measured,
    Problem,
    Total,
)

RULE = 40
"""Gauss points along each coordinate of an integral condition."""
EVEN = 4096
"""Points that an integral is averaged over where the shape has no quadrature rule."""


def fixed_points(condition: Condition) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the points of a condition that has its own (data, integrals), or None.

    They come with normals that are not a number: such conditions hold none.
    """
    if isinstance(condition.on, Measured):
        points = np.array(condition.on.points)
    elif isinstance(condition.on, Total):
        points = rule_of(condition.on.over)[0]
    else:
        return None
    return points, np.full_like(points, np.nan)


def interior_points(
    problem: Problem, count: int, seed: int, sampler: Sampler | None = None
) -> np.ndarray:
    """Return points (count, D) to solve on, by a sampler (``Grid`` may give more).

    Without one half are Sobol points and half cluster to the boundary.
    """
    if sampler is not None:
        return problem.domain.interior(count, seed=seed, sampler=sampler)
    half = count // 2
    spread = problem.domain.interior(count - half, seed=seed, sampler=Sobol())
    clustered = problem.domain.interior(half, seed=seed + 1, sampler=Chebyshev())
    return np.concatenate([spread, clustered])


def boundary_points(
    problem: Problem, total: int, seed: int, *, sampler: Sampler, least: int = 2
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return points and normals for every condition, by its name.

    Args:
        problem: the problem.
        total: points on the whole boundary; a condition gets its share by measure, but at least
            a quarter of an equal share: measures of space and of time have no common unit.
        seed: of the points.
        sampler: on each piece.
        least: points that every condition gets at least.
    """
    points = {}
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        own = fixed_points(condition)
        if own is None:
            count = boundary_share(problem, condition, total, least)
            own = condition.on.sample(count, seed=seed, sampler=sampler)
        points[name] = own
    return points


def boundary_share(problem: Problem, condition: Condition, total: int, least: int = 2) -> int:
    """Return how many of the points on the whole boundary are a condition's."""
    least = max(least, total // (4 * max(len(problem.conditions), 1)))
    whole = problem.domain.boundary.measure
    return max(int(np.ceil(total * condition.on.measure / whole)), least)


def rule_of(region: Any) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Return points, normals (None inside) and weights of a rule for a domain or a boundary.

    A quadrature rule where the shape has one, else the mean over evenly spread points.
    """
    if not hasattr(region, "pieces"):
        try:
            points, weights = region.quadrature(RULE)
        except ValueError:
            points = region.interior(EVEN)
            weights = np.full(len(points), region.measure / len(points))
        return points, None, weights
    parts = []
    for piece in region.pieces:
        try:
            parts.append(piece.quadrature(RULE))
        except ValueError:
            points, normals = piece.sample(EVEN)
            parts.append((points, normals, np.full(len(points), piece.measure / len(points))))
    points, normals, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return points, normals, weights
