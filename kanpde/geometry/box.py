"""Boxes of any dimension with named coordinates, and their faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nextafter, prod
from typing import Any, final

import numpy as np

from kanpde.geometry.checks import checked_coordinate, checked_number, checked_vector
from kanpde.geometry.curves import Segment
from kanpde.geometry.domain import (
    Boundary,
    Corner,
    Domain,
    Piece,
    checked_points,
    corners_of,
)
from kanpde.geometry.planar import HalfPlane, Planar
from kanpde.geometry.regions import PolygonRegion
from kanpde.geometry.sampling import (
    DEFAULT_SAMPLER,
    Sampler,
    checked_integer,
    checked_sampler,
    derived_seed,
    quadrature,
)
from kanpde.geometry.solid import Solid, combined
from kanpde.geometry.strata import Sheet
from kanpde.geometry.turn import Turn
from kanpde.geometry.turned import Turned

_FACE_NAMES = {
    1: (("left", "right"),),
    2: (("left", "right"), ("bottom", "top")),
    3: (("left", "right"), ("front", "back"), ("bottom", "top")),
}


@final
@dataclass(frozen=True, init=False, repr=False)
class Box(Domain):
    """The product of named ranges, in the order given.

    Args:
        ranges: ``x=(lower, upper)``; anything ``float`` accepts, ``sympy.pi`` too.

    Attributes:
        names: the coordinates.
        ranges: their ends, as floats.

    Raises:
        ValueError: without a coordinate, for a name that is no identifier, or for a range that is
            not two finite numbers, the lower first.

    >>> box = Box(x=(0, 1), y=(0, 2), z=(-1, 1))
    >>> box, box.measure
    (Box(x=(0, 1), y=(0, 2), z=(-1, 1)), 4.0)
    >>> box.boundary.names
    ('left', 'right', 'front', 'back', 'bottom', 'top')
    >>> Box(x=(0, 1), y=(0, 2))
    Rectangle(x=(0, 1), y=(0, 2))
    """

    names: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]

    def __init__(self, /, **ranges: Any) -> None:
        if not ranges:
            raise ValueError("Box() has no coordinate; write, for example, Box(x=(0, 1)).")
        checked = tuple(_checked_range(name, given) for name, given in ranges.items())
        object.__setattr__(self, "names", tuple(ranges))
        object.__setattr__(self, "ranges", checked)

    def __repr__(self) -> str:
        kind = {1: "Interval", 2: "Rectangle"}.get(self.dimension, "Box")
        return f"{kind}({', '.join(map(_range_text, self.names, self.ranges))})"

    @property
    def lower(self) -> np.ndarray:
        """Return the lower ends of the ranges, (D,)."""
        return np.array([a for a, _ in self.ranges])

    @property
    def upper(self) -> np.ndarray:
        """Return the upper ends of the ranges, (D,)."""
        return np.array([b for _, b in self.ranges])

    @property
    def measure(self) -> float:
        """Return the product of the widths."""
        return prod(b - a for a, b in self.ranges)

    @property
    def boundary(self) -> Boundary:
        """Return the 2 D faces: low and high of each coordinate in turn."""
        faces = [Face(self, axis, side) for axis in range(self.dimension) for side in (-1, 1)]
        return Boundary(tuple(faces), repr(self), coordinates=self.names)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, D) lie in the closed box, (N,) bool; a NaN does not.

        >>> Interval(x=(0, 1)).contains(np.array([[0.0], [0.5], [2.0]])).tolist()
        [True, True, False]
        """
        return _between(checked_points(points, self.names), self.lower, self.upper)

    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return points (n, D) strictly inside the box (``Grid`` may return more).

        Raises:
            ValueError: for n below one, a negative seed, or a sampler that is none.

        >>> Rectangle(x=(0, 1), y=(2, 3)).interior(100).shape
        (100, 2)
        """
        unit = checked_sampler(sampler).unit(n, self.dimension, seed)
        return _placed(unit, self.lower, self.upper)

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the tensor Gauss-Legendre rule with n points along each coordinate.

        Returns:
            points (n**D, D), strictly inside, and weights (n**D,) that sum to the measure.

        Raises:
            ValueError: for n below one or a rule too large to store.

        >>> points, weights = Interval(x=(0, 3)).quadrature(2)
        >>> float(weights @ points[:, 0] ** 2).__round__(12)
        9.0
        """
        unit, weights = quadrature(n, self.dimension)
        return _placed(unit, self.lower, self.upper), self.measure * weights

    @property
    def loops(self) -> tuple[tuple[Piece, ...], ...]:
        """Return the sides of a rectangle from the bottom one on; empty in other dimensions."""
        if self.dimension != 2:
            return ()
        left, right, bottom, top = self.boundary.pieces
        return ((bottom, right, top, left),)

    @property
    def corners(self) -> tuple[Corner, ...]:
        """Return the four corners of a rectangle from the lower left on; else empty.

        >>> Rectangle(x=(0, 1), y=(0, 1)).corners[0].point
        (0.0, 0.0)
        """
        return corners_of(self.loops)

    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points (N, D) to the boundary, (N,), negative inside.

        >>> Interval(x=(0, 1)).signed_distance(np.array([[0.25], [3.0]])).tolist()
        [-0.25, 2.0]
        """
        points = checked_points(points, self.names)
        beyond = np.maximum(self.lower - points, points - self.upper)
        outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=1)
        return outside + np.minimum(beyond.max(axis=1), 0.0)

    def as_planar(self) -> Planar:
        """Return the rectangle as a domain bounded by curves, with the same names of its sides.

        Raises:
            ValueError: for a box of another dimension.
        """
        if self.dimension != 2:
            raise ValueError(f"{self!r} does not lie in the plane, so it has no set operations.")
        (x0, x1), (y0, y1) = self.ranges
        sides = self.loops[0]
        region = PolygonRegion(
            (((x0, y0), (x1, y0), (x1, y1), (x0, y1)),),
            tuple(side.name for side in sides),
            tuple(side.aliases for side in sides),
        )
        return Planar.of(self.names, region)

    def __or__(self, other: Any) -> Planar | Solid:
        if self.dimension < 3 and _is_plane(other):
            return self.as_planar() | other
        return combined("union", self, other)

    def __and__(self, other: Any) -> Planar | Solid:
        if self.dimension < 3 and _is_plane(other):
            return self.as_planar() & other
        return combined("intersection", self, other)

    def __sub__(self, other: Any) -> Planar | Solid:
        if self.dimension < 3 and _is_plane(other):
            return self.as_planar() - other
        return combined("difference", self, other)

    def translated(self, **by: float) -> Box:
        """Return a copy moved by the given lengths: ``square.translated(x=1)``.

        Raises:
            ValueError: for a coordinate that is none.

        >>> Rectangle(x=(0, 1), y=(0, 1)).translated(y=2)
        Rectangle(x=(0, 1), y=(2, 3))
        """
        shift = checked_vector("translated", by, self.names)
        ends = zip(self.names, self.ranges, shift, strict=True)
        return Box(**{name: (a + s, b + s) for name, (a, b), s in ends})

    def scaled(self, factor: float, **about: float) -> Box:
        """Return a copy with all lengths times the factor, about a point (the origin).

        Raises:
            ValueError: for a factor that is not positive, or a coordinate that is none.

        >>> Rectangle(x=(0, 1), y=(1, 2)).scaled(2)
        Rectangle(x=(0, 2), y=(2, 4))
        """
        factor = checked_number("scaled", "factor", factor, positive=True)
        place = checked_vector("scaled", about, self.names)
        ends = zip(self.names, self.ranges, place, strict=True)
        return Box(**{n: (p + factor * (a - p), p + factor * (b - p)) for n, (a, b), p in ends})

    def rotated(self, angle: float, *, axis: Any = None, **about: float) -> Planar | Turned:
        """Return a copy turned by radians, about a point or in space an axis (the origin).

        Args:
            angle: radians; counter-clockwise in the plane, in space as seen from the axis' tip.
            axis: in space a direction, ``(0, 0, 1)``, or a coordinate, ``"z"``.
            about: the point, or one of the axis: ``x=0, y=1``.

        Raises:
            ValueError: for a coordinate that is none, no axis in space, or an axis in the plane.

        >>> bar = Box(x=(-2, 2), y=(-1, 1), z=(0, 1)).rotated(1.5707963267948966, axis="z")
        >>> bar.contains(np.array([[0.5, 1.5, 0.5], [1.5, 0.5, 0.5]])).tolist()
        [True, False]
        """
        if self.dimension != 2:
            return Turned(self, Turn.about(angle, axis, about, self.names, repr(self)))
        if axis is not None:
            raise ValueError(f"{self!r} lies in the plane, so it takes no axis={axis!r}.")
        return self.as_planar().rotated(angle, **about)

    def grid(self, shape: int | Sequence[int]) -> list[np.ndarray]:
        """Return D axes of equally spaced values from end to end, for plots and files.

        Args:
            shape: the number of values, at least two, for all axes or for each.

        Raises:
            ValueError: for another number of axes, or for fewer than two values.

        >>> [axis.tolist() for axis in Rectangle(x=(0, 1), y=(0, 2)).grid((2, 3))]
        [[0.0, 1.0], [0.0, 1.0, 2.0]]
        """
        counts = list(shape) if isinstance(shape, Sequence) else [shape] * self.dimension
        if len(counts) != self.dimension:
            raise ValueError(
                f"shape={shape!r} has {len(counts)} entries; {self!r} needs {self.dimension}."
            )
        return [
            np.linspace(a, b, checked_integer("shape", count, least=2))
            for (a, b), count in zip(self.ranges, counts, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; ``domain_from_dict`` reads it."""
        return {
            "kind": "box",
            "names": list(self.names),
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
        }


def Interval(**ranges: Any) -> Box:
    """Return the box of one coordinate: ``Interval(x=(0, 1))``.

    Raises:
        ValueError: for another number of coordinates, or as :class:`Box`.

    >>> Interval(x=(0, 1)).boundary["left"].sample(5)
    (array([[0.]]), array([[-1.]]))
    """
    if len(ranges) != 1:
        raise ValueError(
            f"Interval needs exactly one coordinate, got {len(ranges)} ({', '.join(ranges)}); "
            "write Interval(x=(0, 1)), Rectangle(x=(0, 1), y=(0, 1)) for two, or Box for more."
        )
    return Box(**ranges)


def Rectangle(**ranges: Any) -> Box:
    """Return the box of two coordinates: ``Rectangle(x=(-1, 1), y=(0, 1))``.

    Raises:
        ValueError: for another number of coordinates, or as :class:`Box`.

    >>> Rectangle(x=(-1, 1), y=(0, 1)).boundary["top"].measure
    2.0
    """
    if len(ranges) != 2:
        raise ValueError(
            f"Rectangle needs exactly two coordinates, got {len(ranges)} ({', '.join(ranges)}); "
            "write Rectangle(x=(0, 1), y=(0, 1)), Interval(x=(0, 1)) for one, or Box for more."
        )
    return Box(**ranges)


@final
@dataclass(frozen=True, repr=False)
class Face(Piece):
    """One side of a box, where the coordinate ``axis`` has its lowest or highest value.

    Args:
        box: the box.
        axis: the column of the coordinate that is constant.
        side: -1 for the low end, +1 for the high end.

    Raises:
        ValueError: for an axis the box does not have, or another side.

    >>> face = Box(x=(0, 1), y=(0, 1)).boundary.pieces[3]
    >>> face.name, face.aliases, face.axis, face.side, face.value
    ('top', ('y=1',), 1, 1, 1.0)
    """

    box: Box
    axis: int
    side: int

    def __post_init__(self) -> None:
        if self.axis not in range(self.box.dimension) or self.side not in (-1, 1):
            raise ValueError(
                f"Face(axis={self.axis!r}, side={self.side!r}) is no face of {self.box!r}; axis "
                f"must be 0 to {self.box.dimension - 1} and side -1 or +1."
            )

    def __repr__(self) -> str:
        return f'Face("{self.name}" of {self.box!r})'

    @property
    def name(self) -> str:
        """Return "left", "right", ... up to three dimensions, the equation in more."""
        if self.dimension > 3:
            return self._equation
        return _FACE_NAMES[self.dimension][self.axis][self.side > 0]

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return the equation of the face, e.g. ``("x=0",)``, unless that is its name."""
        return () if self.dimension > 3 else (self._equation,)

    @property
    def dimension(self) -> int:
        """Return the dimension D of the box."""
        return self.box.dimension

    @property
    def value(self) -> float:
        """Return the constant value of the coordinate on the face."""
        return self.box.ranges[self.axis][self.side > 0]

    @property
    def measure(self) -> float:
        """Return the product of the other widths; one for an end of an interval."""
        others = self.box.ranges[: self.axis] + self.box.ranges[self.axis + 1 :]
        return float(prod(b - a for a, b in others))

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) of the face, off its edges, and unit outward normals (n, D).

        The end of an interval is one point: it is returned once whatever n is (and ``Grid`` may
        return more than n). Faces given the same seed get independent points.

        Raises:
            ValueError: for n below one, a negative seed, or a sampler that is none.
        """
        n = checked_integer("n", n, least=1)
        own_seed = derived_seed(seed, self.axis, self.side > 0)
        checked_sampler(sampler)
        if self.dimension == 1:
            return np.array([[self.value]]), np.array([[float(self.side)]])
        unit = sampler.unit(n, self.dimension - 1, own_seed)
        free = np.arange(self.dimension) != self.axis
        points = np.full((len(unit), self.dimension), self.value)
        points[:, free] = _placed(unit, self.box.lower[free], self.box.upper[free])
        normals = np.zeros_like(points)
        normals[:, self.axis] = self.side
        return points, normals

    @property
    def stream(self) -> int:
        """Return the place of the face among the faces."""
        return 2 * self.axis + (self.side > 0)

    def sheet(self, origin: np.ndarray) -> Sheet:
        """Return the plane."""
        normal = self.side * np.eye(self.dimension)[self.axis]
        return Sheet.plane(self.value * np.abs(normal) - np.abs(normal) * origin, normal)

    @property
    def curve(self) -> Segment | None:
        """The side of a rectangle as a segment, the inside on its left; else None."""
        if self.dimension != 2:
            return None
        (x0, x1), (y0, y1) = self.box.ranges
        if self.axis == 0:
            ends = ((x1, y0), (x1, y1)) if self.side > 0 else ((x0, y1), (x0, y0))
        else:
            ends = ((x1, y1), (x0, y1)) if self.side > 0 else ((x0, y0), (x1, y0))
        return Segment(*ends)

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a Gauss-Legendre rule with n points (2-D: or a few more) along each coordinate.

        Returns:
            points (N, D), outward normals (N, D) and weights (N,) that sum to the measure.

        Raises:
            ValueError: for n below one or a rule too large to store.
        """
        if self.dimension == 2:  # as on any other curve
            return super().quadrature(n)
        free = np.arange(self.dimension) != self.axis
        unit, weights = quadrature(n, self.dimension - 1) if free.any() else (None, np.ones(1))
        points = np.full((len(weights), self.dimension), self.value)
        if unit is not None:
            points[:, free] = _placed(unit, self.box.lower[free], self.box.upper[free])
        normals = np.zeros_like(points)
        normals[:, self.axis] = self.side
        return points, normals, self.measure * weights

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, D) lie on the closed face, (N,) bool.

        The tolerance is relative to the largest coordinate of the box along each axis.
        """
        lower, upper = self.box.lower, self.box.upper
        slack = tolerance * np.maximum(np.abs(lower), np.abs(upper))
        lower[self.axis] = upper[self.axis] = self.value
        return _between(checked_points(points, self.box.names), lower - slack, upper + slack)

    @property
    def _equation(self) -> str:
        """Return e.g. "x=0", with all digits if six do not tell the two ends apart."""
        ends = self.box.ranges[self.axis]
        short = [f"{end:g}" for end in ends]
        texts = short if short[0] != short[1] else [repr(end) for end in ends]
        return f"{self.box.names[self.axis]}={texts[self.side > 0]}"


def _is_plane(other: Any) -> bool:
    return isinstance(other, (Box, Planar, HalfPlane))


def _between(points: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return which points (N, D) lie between the corners; column by column, which is fastest."""
    inside = np.ones(len(points), dtype=bool)
    for column, a, b in zip(points.T, lower, upper, strict=True):
        inside &= (column >= a) & (column <= b)
    return inside


def _placed(unit: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Map the open unit cube into the open box; rounding must not put a point on a face."""
    points = lower + unit * (upper - lower)
    return np.clip(points, np.nextafter(lower, upper), np.nextafter(upper, lower), out=points)


def _checked_range(name: str, given: Any) -> tuple[float, float]:
    checked_coordinate(name)
    try:
        if isinstance(given, str):
            raise TypeError("a string is no pair of numbers")
        lower, upper = (float(end) + 0.0 for end in given)  # + 0.0 turns -0.0 into 0.0
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"{name}={given!r} is no range; write two numbers, such as {name}=(0, 1)."
        ) from None
    text = _range_text(name, (lower, upper))
    if not isfinite(upper - lower):
        raise ValueError(f"{text} is no finite range; write two numbers, such as {name}=(0, 1).")
    if lower > upper:
        swapped = _range_text(name, (upper, lower))
        raise ValueError(f"{text} has its lower end above its upper end; write {swapped}.")
    if nextafter(lower, upper) >= upper:
        raise ValueError(
            f"{text} has nothing between its ends; write a lower and a larger upper end, such as "
            f"{name}=(0, 1)."
        )
    return lower, upper


def _range_text(name: str, ends: tuple[float, float]) -> str:
    """Return the range as one would type it: whole numbers without a point, else all digits."""
    texts = [f"{end:g}" if float(f"{end:g}") == end else repr(end) for end in ends]
    return f"{name}=({', '.join(texts)})"
