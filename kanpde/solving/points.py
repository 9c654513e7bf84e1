"""Where the equations and conditions of a level are put."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.collocation import boundary_points, fixed_points, interior_points
from kanpde.geometry import Chebyshev, Face, Piece, Sobol
from kanpde.geometry.sampling import derived_seed
from kanpde.geometry.selection import Stretch
from kanpde.problem import Problem, holds
from kanpde.solving.families import Counts
from kanpde.solving.traits import Traits

LEAST = 12
"""Points on every piece of a plane boundary."""
NEAREST = 1e-3
"""How near to a corner points inside come, relative to the size of the domain."""
LEAST_SHARE = 0.005
"""Of the domain that a region is taken to have, when points in it are drawn."""
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

    Half of the interior points are Sobol points, half crowd towards the boundary; where equations
    hold in parts of the domain there are as many in each. On a plane boundary points are spaced
    along every piece, elsewhere sampled. Near corners with singular functions equations count in
    proportion to the distance: their rows would be the largest.
    """
    interior = _inside(problem, counts.interior, seed)
    if counts.corners:
        near = [_near(problem.domain, c.vertex, counts.corners, seed) for c in traits.corners]
        interior = np.concatenate([interior, *near])
    damped = counts.corners > 0
    emphasis = corner_emphasis(traits, interior) if damped else np.ones(len(interior))
    if problem.domain.loops:
        boundary = _spaced(problem, counts, seed)
    elif problem.dimension > 3:
        boundary = _on_faces(problem, counts.boundary, seed)
    else:
        boundary = boundary_points(problem, counts.boundary, seed, sampler=Chebyshev())
    return Points(interior, emphasis, boundary)


def _inside(problem: Problem, count: int, seed: int) -> np.ndarray:
    """Return interior points (N, D), of which so many lie where each equation holds."""
    if not problem.regions:
        return interior_points(problem, count, seed)

    def where(points: np.ndarray) -> list[np.ndarray]:
        found = (holds(problem, name, points) for name in problem.regions)
        return [inside for inside in found if inside is not None]

    sample = problem.domain.interior(2000, seed=seed, sampler=Sobol())
    share = max(min(float(inside.mean()) for inside in where(sample)), LEAST_SHARE)
    half = count // 2
    parts = []
    for sampler, wanted, own in ((Sobol(), count - half, seed), (Chebyshev(), half, seed + 1)):
        points = problem.domain.interior(int(wanted / share), seed=own, sampler=sampler)
        kept = np.arange(len(points)) < wanted
        for inside in where(points):
            kept[np.flatnonzero(inside)[:wanted]] = True
        parts.append(points[kept])
    return np.concatenate(parts)


def held_out_points(problem: Problem, traits: Traits, seed: int) -> Points:
    """Return points that no level is solved on: 500 inside and 400 on the boundary."""
    interior = problem.domain.interior(500, seed=seed, sampler=Sobol())
    if problem.dimension > 3:
        boundary = _on_faces(problem, 400, seed)
        return Points(interior, np.ones(len(interior)), boundary)
    if problem.dimension != 2 or not traits.holes:
        boundary = boundary_points(problem, 400, seed, sampler=Sobol(), least=100)
        return Points(interior, np.ones(len(interior)), boundary)
    boundary = {}
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        own = fixed_points(condition)
        if own is not None:
            boundary[name] = own
            continue
        counts = [_count(problem, piece, 400, 97) for piece in condition.on.pieces]
        parts = [
            piece.sample(count, seed=seed, sampler=Sobol())
            for piece, count in zip(condition.on.pieces, counts, strict=True)
        ]
        boundary[name] = _joined(parts)
    return Points(interior, np.ones(len(interior)), boundary)


def corner_emphasis(traits: Traits, points: np.ndarray) -> np.ndarray:
    """Return factors (N,) that fall to zero at the corners and are one away from them."""
    factors = np.ones(len(points))
    for corner in traits.corners:
        distance = np.hypot(*(points - corner.vertex).T)
        factors = np.minimum(factors, distance / (DAMPED * traits.size))
    return factors


def _spread(
    problem: Problem, piece: Piece, counts: Counts, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return points spaced along a piece; one that is no curve is sampled."""
    count = _count(problem, piece, counts.boundary, counts.loop)
    if piece.curve is None:
        return piece.sample(count, seed=seed, sampler=Sobol())
    return piece.spaced(count, crowd=counts.crowd)


def _spaced(
    problem: Problem, counts: Counts, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    boundary = {}
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        own = fixed_points(condition)
        if own is not None:
            boundary[name] = own
            continue
        parts = [_spread(problem, piece, counts, seed) for piece in condition.on.pieces]
        boundary[name] = _joined(parts)
    return boundary


def _count(problem: Problem, piece: Piece, total: int, least_on_loop: int) -> int:
    """Return the number of points of a piece of a plane boundary, or of a part of one."""
    whole = piece.whole if isinstance(piece, Stretch) else piece
    loop = next((loop for loop in problem.domain.loops if whole in loop), (whole,))
    share = piece.measure / problem.domain.boundary.measure
    around = piece.measure / sum(p.measure for p in loop)
    return max(LEAST, int(np.ceil(max(total * share, least_on_loop * around))))


def _on_faces(problem: Problem, total: int, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return points on the faces of a box, dealt out in turn: there are too many to sample each."""
    pieces = [p for c in problem.conditions for p in c.on.pieces or (None,)]
    if not all(isinstance(p, Face) for p in pieces):
        return boundary_points(problem, total, seed, sampler=Chebyshev())
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
