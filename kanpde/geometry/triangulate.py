"""Meshes of any domain in two or three dimensions for figures and files, not for solving on."""

from __future__ import annotations

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from kanpde.geometry.curves import Curve
from kanpde.geometry.domain import Domain
from kanpde.geometry.sampling import Grid, checked_integer, tensor_points

_FEWEST = 32
"""Nodes on a closed curve at least; a part of a curve has a share by its turn."""


def triangulate(domain: Domain, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (N, D) and simplices (M, D + 1) that fill a domain of two or three dimensions.

    A domain that is a mesh has its own, whatever n is.

    Boundary nodes lie on the boundary, corners of plane domains among them, so the mesh has its
    true outline. It is the Delaunay triangulation of these and a lattice inside, without the
    simplices that lie outside. All simplices have positive orientation.

    Args:
        domain: the domain.
        n: about how many nodes.

    Raises:
        ValueError: for another dimension, or n below 16.

    >>> from kanpde.geometry import Disk
    >>> points, triangles = triangulate(Disk(x=0, y=0, radius=1), 500)
    >>> bool(abs(np.hypot(*points.T).max() - 1) < 1e-15)
    True
    """
    n = checked_integer("n", n, least=16)
    if domain.dimension not in (2, 3):
        raise ValueError(f"{domain!r} has {domain.dimension} dimensions; meshes have two or three.")
    if domain.mesh is not None:
        return domain.mesh
    # The lattice is hexagonal in the plane: a node has the area h^2 sqrt(3)/2.
    h = (domain.measure / n / (0.866 if domain.dimension == 2 else 1.0)) ** (1 / domain.dimension)
    boundary = _boundary_nodes(domain, h)
    inside = _lattice(domain, h)
    inside = inside[_away(domain, inside, boundary, 0.6 * h)]
    nodes = np.concatenate([boundary, inside])
    cells = Delaunay((nodes - domain.lower) / (domain.upper - domain.lower)).simplices
    volumes = _volumes(nodes, cells)
    cells = cells[np.abs(volumes) > 1e-6 * h**domain.dimension]
    cells = cells[_mostly_inside(domain, nodes[cells])]
    flip = _volumes(nodes, cells) < 0
    cells[flip] = cells[flip][:, [1, 0, *range(2, domain.dimension + 1)]]
    used, cells = np.unique(cells, return_inverse=True)
    return nodes[used], cells.reshape(-1, domain.dimension + 1)


def _boundary_nodes(domain: Domain, h: float) -> np.ndarray:
    """Return nodes along the curves with their ends, or samples of the pieces."""
    if domain.loops:
        curves = [piece.curve for loop in domain.loops for piece in loop]
        nodes = [c.point(c.even(_steps(c, h))) for c in curves if c is not None]
        return np.concatenate(nodes)
    parts = []
    for piece in domain.boundary:
        count = max(int(piece.measure / h ** (domain.dimension - 1)), 8)
        parts.append(piece.sample(count, sampler=Grid())[0])
    corners = tensor_points([np.array(e) for e in zip(domain.lower, domain.upper, strict=True)])
    parts.append(corners[domain.contains(corners)])
    return np.concatenate(parts)


def _steps(curve: Curve, h: float) -> np.ndarray:
    """Return fractions of the length from the start on; the end belongs to the next curve."""
    directions = np.diff(curve.polyline(), axis=0)
    turns = np.abs(np.diff(np.unwrap(np.arctan2(directions[:, 1], directions[:, 0])))).sum()
    count = max(int(np.ceil(curve.length / h)), int(_FEWEST * turns / 6.2), 1)
    return np.arange(count) / count


def _lattice(domain: Domain, h: float) -> np.ndarray:
    """Return the points of a hexagonal (in three dimensions: cubic) lattice in the domain."""
    steps = np.full(domain.dimension, h)
    if domain.dimension == 2:
        steps[1] *= 0.75**0.5
    axes = [
        np.arange(a + s / 2, b, s)
        for a, b, s in zip(domain.lower, domain.upper, steps, strict=True)
    ]
    points = tensor_points(axes)
    if domain.dimension == 2:
        row = np.round((points[:, 1] - axes[1][0]) / steps[1]).astype(int)
        points[:, 0] += np.where(row % 2 == 1, h / 2, 0.0)
    return points[domain.contains(points)]


def _away(domain: Domain, points: np.ndarray, boundary: np.ndarray, distance: float) -> np.ndarray:
    """Return which points keep a distance from the boundary, by its nodes where it has no other."""
    if domain.loops:
        return domain.signed_distance(points) < -distance
    near, _ = cKDTree(boundary).query(points)
    return near > distance


def _mostly_inside(domain: Domain, corners: np.ndarray) -> np.ndarray:
    """Return which simplices (M, D + 1, D) have their centre and most of a shrunk copy inside."""
    centre = corners.mean(axis=1)
    inside = domain.contains(centre)
    votes = np.zeros(len(corners), dtype=int)
    for k in range(corners.shape[1]):
        votes += domain.contains(0.5 * centre + 0.5 * corners[:, k])
    return inside & (2 * votes > corners.shape[1])


def _volumes(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return D! times the signed volume of simplices, (M,)."""
    corners = nodes[cells]
    return np.linalg.det(corners[:, 1:] - corners[:, :1])
