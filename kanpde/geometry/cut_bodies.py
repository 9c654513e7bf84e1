"""Distances and quadrature of combinations that planes and spheres bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kanpde.geometry.cut_rules import Rule, plane_rule, sphere_rule, volume_rule
from kanpde.geometry.half_space import HalfSpace, Plane
from kanpde.geometry.pieces import Piece
from kanpde.geometry.strata import Sheet, strata, uneven

if TYPE_CHECKING:
    from kanpde.geometry.solid import Part, Solid

_STEP = 1e-7
"""How far next to a place is, relative to the largest coordinate."""


def distance(solid: Solid, points: np.ndarray) -> np.ndarray:
    """Return the distance of points (N, D) to the boundary, (N,).

    The nearest place of the boundary is the nearest one of a face, of a line or circle in which
    faces meet, or of a corner; of all those that lie on the boundary the nearest counts.

    Raises:
        ValueError: if another piece than planes and spheres is cut.
    """
    origin = _middle(solid)
    sheets = _sheets(solid.boundary, origin)
    points, best = points - origin, np.full(len(points), np.inf)
    reach = _STEP * float(np.abs([solid.lower, solid.upper]).max())

    def inside(places: np.ndarray) -> np.ndarray:
        return solid.side(places + origin, solid.slack) < 0

    for stratum in strata(sheets, solid.dimension):
        active = [sheets[k] for k in stratum.sheets]

        def bound(places: np.ndarray, active: list[Sheet] = active) -> np.ndarray:
            normals = np.stack([sheet.normals(places) for sheet in active], axis=1)
            return uneven(inside, places, normals, reach)

        if stratum.is_point and not bound(stratum.centre[None])[0]:
            continue
        places = stratum.nearest(points)
        away = np.linalg.norm(places - points, axis=1)
        closer = np.flatnonzero(away < best)
        if not stratum.is_point:
            closer = closer[bound(places[closer])]
        best[closer] = away[closer]
    return best


def body_rule(solid: Solid, n: int) -> Rule:
    """Return points (N, 3) inside and weights (N,), n points to an interval.

    Raises:
        ValueError: in other than three dimensions, or if other than planes and spheres bound it.
    """
    origin = _middle(solid)
    if solid.dimension != 3:
        raise ValueError(f"{solid!r} has no quadrature; average over domain.interior(n) instead.")
    sheets = _sheets(_leaves(solid), origin)

    def inside(points: np.ndarray) -> np.ndarray:
        return solid.side(points + origin, solid.slack) < 0

    lower, upper = solid.lower - origin, solid.upper - origin
    points, weights = volume_rule(sheets, inside, lower, upper, n)
    return points + origin, weights


def part_rule(part: Part, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points (N, 3) of what is left of a piece, outward normals and weights.

    Raises:
        ValueError: in other than three dimensions, or if other than planes and spheres are cut.
    """
    solid = part.solid
    origin = _middle(solid)
    own = part.sheet(origin)
    if own is None or solid.dimension != 3:
        raise ValueError(f'"{part.name}" is no plane or sphere in space, so it has no quadrature.')
    cutting = _sheets(_leaves(solid), origin)

    def keeps(points: np.ndarray) -> np.ndarray:
        return part.kept(points + origin, own.normals(points))[0]

    if own.a:
        centre = -own.b / 2
        radius = float(np.sqrt(centre @ centre - own.c))
        points, weights = sphere_rule(centre, radius, cutting, keeps, n)
    else:
        place, axes = -own.c * own.b, np.linalg.svd(own.b[None])[2][1:].T
        ends = np.array([solid.lower - origin, solid.upper - origin]).T
        corners = np.stack(np.meshgrid(*ends), axis=-1).reshape(-1, 3)
        points, weights = plane_rule(place, axes, cutting, keeps, corners, n)
    normals = part.kept(points + origin, own.normals(points))[1]
    return points + origin, normals, weights


def _middle(solid: Solid) -> np.ndarray:
    return (solid.lower + solid.upper) / 2


def _sheets(pieces: Iterable[Piece], origin: np.ndarray) -> list[Sheet]:
    """Return the planes and spheres of pieces, each once."""
    found: list[Sheet] = []
    for piece in pieces:
        sheet = piece.sheet(origin)
        if sheet is None:
            raise ValueError(
                f'the boundary piece "{piece.name}" is neither plane nor sphere, so distances to '
                "what it is combined with, and quadrature there, are not known."
            )
        if not any(_same(sheet, other) for other in found):
            found.append(sheet)
    return found


def _leaves(shape: Any) -> Iterator[Piece]:
    """Yield all pieces of the shapes that a solid is made of, those cut away as well."""
    if hasattr(shape, "operation"):
        yield from (*_leaves(shape.first), *_leaves(shape.second))
    elif isinstance(shape, HalfSpace):
        yield Plane(shape, shape.place, 1.0)
    else:
        yield from shape.boundary


def _same(one: Sheet, other: Sheet) -> bool:
    """Whether two sheets are one, to rounding; planes may face either way."""
    if one.a != other.a:
        return False
    sign = 1.0 if one.a or one.b @ other.b > 0 else -1.0
    return bool(np.allclose(np.append(one.b, one.c), sign * np.append(other.b, other.c), 1e-12))


def measured(rule: Callable[[int], np.ndarray]) -> float:
    """Return the sum of the weights of a rule, with as many points as it takes to agree to 1e-11.

    Args:
        rule: maps the number of points of an interval to the weights.
    """
    last = float(rule(6).sum())
    for n in (9, 13, 19, 27, 38):
        found = float(rule(n).sum())
        if abs(found - last) <= 1e-11 * abs(found):
            break
        last = found
    return found
