"""Domains in the plane, bounded by loops of exact smooth curves, and what can be made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt
from typing import Any, final

import numpy as np
import shapely

from kanpde.geometry.checks import checked_label, checked_number, checked_place, checked_vector
from kanpde.geometry.csg import combined_loops, ordered
from kanpde.geometry.curves import Arc, Curve, Segment, rotation
from kanpde.geometry.domain import (
    Boundary,
    Corner,
    Domain,
    Hole,
    checked_points,
    corners_of,
)
from kanpde.geometry.pieces import PlanePiece
from kanpde.geometry.polyline import Polyline
from kanpde.geometry.regions import (
    INSIDE,
    OUTSIDE,
    Combined,
    Edge,
    HalfPlaneRegion,
    Loop,
    Primitive,
    Region,
)
from kanpde.geometry.sampling import (
    DEFAULT_SAMPLER,
    Chebyshev,
    Grid,
    Sampler,
    checked_integer,
    checked_sampler,
    derived_seed,
)

SLACK = 1e-14
"""Distances below this, relative to the largest coordinate, are rounding."""

_MEET = 1e-11
"""Ends of curves closer than this, relative to the largest coordinate, are one point."""

_MOST_DRAWS = 2**26


@final
@dataclass(frozen=True, repr=False)
class Planar(Domain):
    """A domain in the plane; made by ``Disk``, ``Polygon``, ... and by ``|``, ``&`` and ``-``.

    Pieces that came under one name are numbered ("circle 1", "circle 2"); the name itself selects
    them all. Two domains are equal if they were made in the same way.

    Args:
        names: the two coordinates.
        region: where it is.
        loops_of_edges: what bounds it, outer loops first.
    """

    names: tuple[str, ...]
    region: Region
    loops_of_edges: tuple[Loop, ...] = field(compare=False)

    @classmethod
    def of(cls, names: tuple[str, ...], region: Primitive) -> Planar:
        """Return the domain of one shape."""
        return cls(names, region, ordered(region.loops()))

    def __repr__(self) -> str:
        return self.region.text(self.names)

    # Set operations --------------------------------------------------------------------------

    def __or__(self, other: Any) -> Planar:
        return self._combined("union", other)

    def __and__(self, other: Any) -> Planar:
        return self._combined("intersection", other)

    def __sub__(self, other: Any) -> Planar:
        return self._combined("difference", other)

    def _combined(self, operation: str, other: Any) -> Planar:
        if not isinstance(other, (Planar, HalfPlane)) and not hasattr(other, "as_planar"):
            return NotImplemented
        if tuple(other.names) != self.names:
            raise ValueError(
                f"{self!r} has the coordinates {', '.join(self.names)}, {other!r} has "
                f"{', '.join(other.names)}; shapes combine over the same ones in the same order."
            )
        if isinstance(other, HalfPlane):
            if operation == "union":
                raise ValueError(f"{self!r} | {other!r} is not bounded; use & or -.")
            region: Region = other.region.over(self.lower, self.upper)
            assert isinstance(region, HalfPlaneRegion)
            loops: tuple[Loop, ...] = region.loops()
        else:
            planar = other.as_planar()
            region, loops = planar.region, planar.loops_of_edges
        points = [e.curve.polyline() for loop in (*self.loops_of_edges, *loops) for e in loop]
        slack = _MEET * float(np.abs(np.concatenate(points)).max())
        try:
            made = combined_loops(
                operation, (self.loops_of_edges, self.region), (loops, region), slack
            )
        except ValueError as error:
            raise ValueError(f"the {operation} of {self!r} and {other!r}: {error}") from None
        return Planar(self.names, Combined(operation, self.region, region), made)

    def as_planar(self) -> Planar:
        """Return the domain itself; boxes have the same method."""
        return self

    def translated(self, **by: float) -> Planar:
        """Return a copy moved by the given lengths: ``disk.translated(x=1)``.

        Raises:
            ValueError: for a coordinate that is none.
        """
        return self._moved(0.0, 1.0, checked_vector("translated", by, self.names))

    def scaled(self, factor: float, **about: float) -> Planar:
        """Return a copy with all lengths times the factor, about a point (the origin).

        Raises:
            ValueError: for a factor that is not positive, or a coordinate that is none.
        """
        place = checked_vector("scaled", about, self.names)
        factor = checked_number("scaled", "factor", factor, positive=True)
        return self._moved(0.0, factor, place - factor * place)

    def rotated(self, angle: float, **about: float) -> Planar:
        """Return a copy turned counter-clockwise by radians, about a point (the origin).

        Raises:
            ValueError: for a coordinate that is none.
        """
        place = checked_vector("rotated", about, self.names)
        return self._moved(float(angle), 1.0, place - rotation(float(angle)) @ place)

    def _moved(self, angle: float, factor: float, shift: np.ndarray) -> Planar:
        matrix = rotation(angle, factor)
        region = self.region.moved(angle, factor, shift)
        loops = tuple(
            tuple(Edge(e.base, e.curve.moved(matrix, shift)) for e in loop)
            for loop in self.loops_of_edges
        )
        return Planar(self.names, region, loops)

    # What it is ------------------------------------------------------------------------------

    @cached_property
    def loops(self) -> tuple[tuple[PlanePiece, ...], ...]:
        """The closed loops of named pieces, outer ones first, the domain on their left."""
        edges = [edge for loop in self.loops_of_edges for edge in loop]
        order = {base: i for i, base in reversed(list(enumerate(self.region.bases)))}
        count = Counter(edge.base for edge in edges)
        seen: Counter[str] = Counter()
        scale, loops = self._scale, []
        for index, loop in enumerate(self.loops_of_edges):
            pieces = []
            for edge in loop:
                seen[edge.base] += 1
                name, aliases = edge.base, edge.aliases
                if count[edge.base] > 1:
                    name, aliases = f"{edge.base} {seen[edge.base]}", (edge.base, *aliases)
                place = 1000 * order.get(edge.base, index) + seen[edge.base]
                pieces.append(PlanePiece(name, aliases, edge.curve, self.names, scale, place))
            loops.append(tuple(pieces))
        return tuple(loops)

    @property
    def boundary(self) -> Boundary:
        """The whole boundary, in the order of the loops."""
        pieces = tuple(piece for loop in self.loops for piece in loop)
        left = {edge.base for loop in self.loops_of_edges for edge in loop}
        gone = tuple(dict.fromkeys(b for b in self.region.bases if b not in left))
        return Boundary(pieces, repr(self), gone, self.names, note=self.region.note)

    @cached_property
    def corners(self) -> tuple[Corner, ...]:
        """Where pieces meet, loop by loop."""
        return corners_of(self.loops)

    @cached_property
    def holes(self) -> tuple[Hole, ...]:
        """The loops with the domain outside: a point deep in each, and the distance to it."""
        holes = []
        for loop in self.loops:
            if sum(piece.path.area() for piece in loop) > 0:
                continue
            centre = _depth_point(loop)
            radius = min(float(piece.path.nearest(centre[None])[1][0]) for piece in loop)
            place = (float(centre[0]), float(centre[1]))
            holes.append(Hole(place, radius, tuple(piece.name for piece in loop)))
        return tuple(holes)

    @property
    def mesh(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The nodes and triangles of a domain that is one mesh, uncut; else None."""
        return self.region.mesh

    @cached_property
    def _extent(self) -> tuple[np.ndarray, np.ndarray]:
        ends = np.concatenate([_extremes(e.curve) for loop in self.loops_of_edges for e in loop])
        return ends.min(axis=0), ends.max(axis=0)

    @property
    def lower(self) -> np.ndarray:
        """The lower corner of the bounding box, (2,)."""
        return self._extent[0].copy()

    @property
    def upper(self) -> np.ndarray:
        """The upper corner of the bounding box, (2,)."""
        return self._extent[1].copy()

    @property
    def _scale(self) -> float:
        return float(np.abs(np.concatenate(self._extent)).max())

    @cached_property
    def measure(self) -> float:
        """The area."""
        middle = (self.lower + self.upper) / 2
        unit = np.eye(2)
        return float(
            sum(e.curve.moved(unit, -middle).area() for loop in self.loops_of_edges for e in loop)
        )

    # Points ----------------------------------------------------------------------------------

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, 2) lie in the closed domain, (N,) bool, up to rounding."""
        points = checked_points(points, self.names)
        return self.region.side(points, SLACK * self._scale) != OUTSIDE

    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points (N, 2) to the boundary, (N,), negative inside."""
        points = checked_points(points, self.names)
        curves = [edge.curve for loop in self.loops_of_edges for edge in loop]
        distance = np.min([curve.nearest(points)[1] for curve in curves], axis=0)
        return np.where(self.contains(points), -distance, distance)

    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return n points (n, 2) strictly inside: those of the bounding box that are (rejection).

        ``Grid`` may return more. ``Chebyshev`` crowds to the boundary: the depth of a point is
        u^2 times a quarter of the domain's size, u uniform.

        Raises:
            ValueError: for n below one, a negative seed, or a sampler that is none.
        """
        n = checked_integer("n", n, least=1)
        sampler = checked_sampler(sampler)
        if isinstance(sampler, Chebyshev):
            return self._crowded(n, seed)
        lower, width = self.lower, self.upper - self.lower
        draws = int(1.05 * n * float(np.prod(width)) / self.measure) + 16
        while draws <= _MOST_DRAWS:
            points = lower + sampler.unit(draws, 2, seed) * width
            points = points[self._strictly_inside(points)]
            if len(points) >= n:
                return points if isinstance(sampler, Grid) else points[:n]
            draws = int(draws * 1.3) + 16
        raise ValueError(f"{self!r} is too thin for {n} points inside: {_MOST_DRAWS} draws missed.")

    def _crowded(self, n: int, seed: int) -> np.ndarray:
        reach = 0.25 * sqrt(float(np.prod(self.upper - self.lower)))
        found: list[np.ndarray] = []
        for round_ in range(64):
            points, normals = self.boundary.sample(2 * n, seed=derived_seed(seed, round_, 0))
            rng = np.random.default_rng(derived_seed(seed, round_, 1))
            depth = reach * (rng.random(len(points)) ** 2 + 1e-6)
            points = (points - depth[:, None] * normals)[rng.permutation(len(points))]
            found.append(points[self._strictly_inside(points)])
            if sum(map(len, found)) >= n:
                return np.concatenate(found)[:n]
        raise ValueError(f"{self!r} is too thin for points that crowd to its boundary.")

    def _strictly_inside(self, points: np.ndarray) -> np.ndarray:
        return self.region.side(points, SLACK * self._scale) == INSIDE

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; ``domain_from_dict`` reads it."""
        return {"kind": "planar", "names": list(self.names), "region": self.region.to_dict()}


@final
@dataclass(frozen=True, repr=False)
class HalfPlane:
    """The half of the plane behind a straight line, to cut domains with: ``disk & half_plane``.

    It is not bounded, so it is no domain itself.

    >>> half = HalfPlane(x=0, y=0, normal=(1, 0))
    >>> half
    HalfPlane(x=0, y=0, normal=(1, 0))

    Args:
        place: ``x=..., y=...``, a point of the line.
        normal: points away from the half that is meant; any length but zero.
        name: of the line as a boundary piece.
    """

    names: tuple[str, ...]
    region: HalfPlaneRegion

    def __init__(self, *, normal: Sequence[float], name: str = "cut", **place: float) -> None:
        names, point = checked_place("HalfPlane", place)
        direction = np.asarray(normal, dtype=np.float64)
        if direction.shape != (2,) or not 0 < np.linalg.norm(direction) < np.inf:
            raise ValueError(f"HalfPlane(normal={normal!r}) needs two numbers, not both zero.")
        size = np.linalg.norm(direction)
        unit = direction if abs(size - 1.0) <= 4e-16 else direction / size
        region = HalfPlaneRegion(point, (float(unit[0]), float(unit[1])), checked_label(name))
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "region", region)

    def __repr__(self) -> str:
        return self.region.text(self.names)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, 2) lie in the closed half-plane, (N,) bool."""
        return self.region.side(checked_points(points, self.names), 0.0) != OUTSIDE


def _depth_point(loop: Sequence[PlanePiece]) -> np.ndarray:
    """Return the centre of a circle, or of the largest disk in a polygon of points of the loop."""
    if len(loop) == 1 and isinstance(loop[0].path, Arc):
        return np.array(loop[0].path.centre)
    points = np.concatenate([piece.path.polyline()[:-1] for piece in loop])
    size = float(np.ptp(points, axis=0).max())
    line = shapely.maximum_inscribed_circle(shapely.Polygon(points), tolerance=1e-3 * size)
    return np.array(line.coords[0])


def _extremes(curve: Curve) -> np.ndarray:
    """Return points of a curve (N, 2), among them those furthest along each axis."""
    if isinstance(curve, (Segment, Polyline)):
        return curve.polyline()
    t = np.linspace(0.0, 1.0, 64 * curve.panels + 1)
    z = curve.point(t)
    best = []
    for axis in (0, 1):
        for k in (int(np.argmin(z[:, axis])), int(np.argmax(z[:, axis]))):
            s = t[k]
            for _ in range(6):
                slope, bend = (float(curve.derivative(np.array([s]), o)[0, axis]) for o in (1, 2))
                s = s - (slope / bend if bend else 0.0)
            within = curve.is_closed or 0.0 <= s <= 1.0
            best.append(s if within and abs(s - t[k]) < 2 / len(t) else t[k])
    return np.concatenate([curve.point(np.array(best)), curve.ends])
