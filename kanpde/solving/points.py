"""Where the equations and conditions of a level are put."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.collocation import boundary_points, interior_points
from kanpde.geometry import Chebyshev, Face, Sobol
from kanpde.geometry.sampling import derived_seed
from kanpde.problem import Problem
from kanpde.solving.families import Counts
from kanpde.solving.traits import Traits

LEAST = 12
"""Points on every piece of a plane boundary."""
NEAREST = 1e-3
"""How near to a corner points inside come, relative to the size of the domain."""
DAMPED = 0.1
"""Distance from a corner, relative to the size, within which equations count less."""


@dataclass(frozen=True)
class Points:
    """The points of one level.

    Args:
        interior: (N, D), for all equations.
        emphasis: (N,), factors of the equations' rows.
        boundary: points and normals by the name of the condition.
    """

    interior: np.ndarray
    emphasis: np.ndarray
    boundary: dict[str, tuple[np.ndarray, np.ndarray]]


def level_points(problem: Problem, traits: Traits, counts: Counts, seed: int) -> Points:
    """Return the points to solve a level on.

    Half of the interior points are Sobol points, half crowd towards the boundary. On a plane
    boundary points are spaced along every piece, elsewhere sampled. Near corners with singular
    functions equations count in proportion to the distance: their rows would be the largest.
    """
    interior = interior_points(problem, counts.interior, seed)
    if counts.corners:
        near = [_near(problem.domain, c.vertex, counts.corners, seed) for c in traits.corners]
        interior = np.concatenate([interior, *near])
    damped = counts.corners > 0
    emphasis = corner_emphasis(traits, interior) if damped else np.ones(len(interior))
    if problem.dimension == 2:
        boundary = _spaced(problem, counts)
    elif problem.dimension > 3:
        boundary = _on_faces(problem, counts.boundary, seed)
    else:
        boundary = boundary_points(problem, counts.boundary, seed, sampler=Chebyshev())
    return Points(interior, emphasis, boundary)


def held_out_points(problem: Problem, traits: Traits, seed: int) -> Points:
    """Return points that no level is solved on: 500 inside and 400 on the boundary."""
    interior = problem.domain.interior(500, seed=seed, sampler=Sobol())
    if problem.dimension > 3:
        return Points(interior, np.ones(len(interior)), _on_faces(problem, 400, seed))
    if problem.dimension != 2 or not traits.holes:
        boundary = boundary_points(problem, 400, seed, sampler=Sobol(), least=100)
        return Points(interior, np.ones(len(interior)), boundary)
    share = _shares(problem, 400, 97)
    boundary = {}
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        parts = [p.sample(share[p.name], seed=seed, sampler=Sobol()) for p in condition.on.pieces]
        boundary[name] = _joined(parts)
    return Points(interior, np.ones(len(interior)), boundary)


def corner_emphasis(traits: Traits, points: np.ndarray) -> np.ndarray:
    """Return factors (N,) that fall to zero at the corners and are one away from them."""
    factors = np.ones(len(points))
    for corner in traits.corners:
        distance = np.hypot(*(points - corner.vertex).T)
        factors = np.minimum(factors, distance / (DAMPED * traits.size))
    return factors


def _spaced(problem: Problem, counts: Counts) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    share = _shares(problem, counts.boundary, counts.loop)
    boundary = {}
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        parts = [p.spaced(share[p.name], crowd=counts.crowd) for p in condition.on.pieces]
        boundary[name] = _joined(parts)
    return boundary


def _on_faces(problem: Problem, total: int, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return points on the faces of a box, dealt out in turn: there are too many to sample each."""
    boundary = {}
    faces = len(problem.domain.boundary)
    for k, (name, condition) in enumerate(
        zip(problem.condition_names, problem.conditions, strict=True)
    ):
        pieces = condition.on.pieces
        count = max(int(np.ceil(total * len(pieces) / faces)), len(pieces))
        points = problem.domain.interior(count, seed=derived_seed(seed, k), sampler=Sobol())
        normals = np.zeros_like(points)
        for i, face in enumerate(pieces):
            assert isinstance(face, Face)
            points[i :: len(pieces), face.axis] = face.value
            normals[i :: len(pieces), face.axis] = face.side
        boundary[name] = points, normals
    return boundary


def _shares(problem: Problem, total: int, least_on_loop: int) -> dict[str, int]:
    """Return the number of points of every piece of a plane boundary."""
    length = problem.domain.boundary.measure
    shares = {}
    for loop in problem.domain.loops:
        around = sum(piece.measure for piece in loop)
        for piece in loop:
            ideal = max(total * piece.measure / length, least_on_loop * piece.measure / around)
            shares[piece.name] = max(LEAST, int(np.ceil(ideal)))
    return shares


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    points, normals = zip(*parts, strict=True)
    return np.concatenate(points), np.concatenate(normals)


def _near(domain: Any, vertex: tuple[float, float], count: int, seed: int) -> np.ndarray:
    """Return up to ``count`` points near a corner, in equal ratios of distance to it."""
    rng = np.random.default_rng(seed)
    size = float(np.prod(domain.upper - domain.lower)) ** 0.5 / 2
    radius = 0.5 * size * NEAREST ** rng.random(4 * count)
    angle = 2 * np.pi * rng.random(4 * count)
    points = np.array(vertex) + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points[domain.contains(points)][:count]
