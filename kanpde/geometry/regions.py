"""Where the plane is inside: primitive shapes, and unions, intersections and differences of them.

A region answers one exact question, :meth:`Region.side`, and knows the closed loops of curves that
bound it. A combined region answers by its operands' answers, never by an approximation of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import pi
from typing import Any, final

import numpy as np
import shapely

from kanpde.geometry.curves import Arc, Curve, Segment, Vector, Wave, rotation

INSIDE, ON, OUTSIDE = -1, 0, 1


@final
@dataclass(frozen=True)
class Edge:
    """A curve with the name it came with; several edges may share it."""

    base: str
    curve: Curve
    aliases: tuple[str, ...] = ()

    def with_curve(self, curve: Curve) -> Edge:
        """Return the same name on another curve."""
        return replace(self, curve=curve)


Loop = tuple[Edge, ...]


class Region(ABC):
    """A closed set of the plane with an interior; members are frozen dataclasses.

    Attributes:
        note: what messages tell about the names of its pieces.
        mesh: nodes (N, 2) and triangles (M, 3) of a region that a mesh covers.
    """

    note: str = ""
    mesh: tuple[np.ndarray, np.ndarray] | None = None

    @property
    @abstractmethod
    def bases(self) -> tuple[str, ...]:
        """The names of the boundary pieces it came with."""

    @abstractmethod
    def text(self, names: tuple[str, ...]) -> str:
        """Return the call that makes it, for the two coordinates of that name."""

    @abstractmethod
    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return -1 inside, 0 on the boundary (within slack), 1 outside, for points (N, 2)."""

    @abstractmethod
    def moved(self, angle: float, factor: float, shift: np.ndarray) -> Region:
        """Return the region turned and scaled about the origin, then shifted."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""


class Primitive(Region):
    """A region with loops of its own."""

    @abstractmethod
    def loops(self) -> tuple[Loop, ...]:
        """Return the loops, the region on their left."""

    @property
    def bases(self) -> tuple[str, ...]:
        """The names of the boundary pieces it came with."""
        return tuple(edge.base for loop in self.loops() for edge in loop)


@final
@dataclass(frozen=True)
class EllipseRegion(Primitive):
    """An ellipse with centre, half axes and the angle of the first of them."""

    centre: Vector
    axes: Vector
    angle: float
    name: str

    def _arc(self) -> Arc:
        u, v = rotation(self.angle).T * np.array(self.axes)[:, None]
        return Arc(self.centre, (float(u[0]), float(u[1])), (float(v[0]), float(v[1])))

    def loops(self) -> tuple[Loop, ...]:
        """Return the one loop of one closed arc."""
        return ((Edge(self.name, self._arc()),),)

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return the sign of |p| - 1 where the ellipse is the unit circle."""
        if self.axes[0] == self.axes[1]:
            level = np.hypot(points[:, 0] - self.centre[0], points[:, 1] - self.centre[1])
            return _signs(level - self.axes[0], slack)
        unit = self._arc().unit(points)
        level = np.hypot(unit[:, 0], unit[:, 1]) - 1.0
        return _signs(level, slack / min(self.axes))

    def moved(self, angle: float, factor: float, shift: np.ndarray) -> EllipseRegion:
        """Return the moved ellipse."""
        centre = rotation(angle, factor) @ self.centre + shift
        axes = (factor * self.axes[0], factor * self.axes[1])
        turned = 0.0 if axes[0] == axes[1] else self.angle + angle
        return EllipseRegion((float(centre[0]), float(centre[1])), axes, turned, self.name)

    def text(self, names: tuple[str, ...]) -> str:
        """Return Disk(...) or Ellipse(...)."""
        place = ", ".join(f"{n}={number(c)}" for n, c in zip(names, self.centre, strict=True))
        if self.axes[0] == self.axes[1]:
            return f"Disk({place}, radius={number(self.axes[0])}{_name(self.name, 'circle')})"
        turned = f", angle={number(self.angle)}" if self.angle else ""
        axes = f"({number(self.axes[0])}, {number(self.axes[1])})"
        return f"Ellipse({place}, axes={axes}{turned}{_name(self.name, 'ellipse')})"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "ellipse",
            "centre": list(self.centre),
            "axes": list(self.axes),
            "angle": self.angle,
            "name": self.name,
        }


@final
@dataclass(frozen=True)
class PolygonRegion(Primitive):
    """Straight sides; rings[0] is outside and counter-clockwise, the others are clockwise holes.

    Args:
        rings: of vertices, the last not the first again.
        sides: names of the sides, in order of the rings; side i leaves vertex i.
        aliases: other names of each side.
        default: whether the names are those that nobody gave.
    """

    rings: tuple[tuple[Vector, ...], ...]
    sides: tuple[str, ...]
    aliases: tuple[tuple[str, ...], ...]
    default: bool = True

    def loops(self) -> tuple[Loop, ...]:
        """Return one loop of segments for each ring."""
        named = iter(zip(self.sides, self.aliases, strict=True))
        return tuple(
            tuple(
                Edge(name, Segment(a, b), aliases)
                for a, b, (name, aliases) in zip(ring, ring[1:] + ring[:1], named, strict=False)
            )
            for ring in self.rings
        )

    @cached_property
    def _shape(self) -> shapely.Polygon:
        shape = shapely.Polygon(self.rings[0], self.rings[1:])
        shapely.prepare(shape)
        return shape

    @cached_property
    def _across(self) -> np.ndarray:
        sides = [np.roll(r, -1, axis=0) - np.array(r) for r in self.rings]
        return step_across(np.concatenate(sides))

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return shapely's answer, exact on the sides."""
        return polygon_side(self._shape, self._across, points, slack)

    def moved(self, angle: float, factor: float, shift: np.ndarray) -> PolygonRegion:
        """Return the moved polygon; names of sides that are equations of places are dropped."""
        matrix = rotation(angle, factor)
        rings = tuple(
            tuple((float(x), float(y)) for x, y in np.array(ring) @ matrix.T + shift)
            for ring in self.rings
        )
        return replace(self, rings=rings, aliases=((),) * len(self.sides))

    def text(self, names: tuple[str, ...]) -> str:
        """Return Rectangle(...) or Polygon(...), cut where there are many vertices."""
        outer = self.rings[0]
        if self.sides == RECTANGLE_SIDES and len(self.rings) == 1:
            (x0, y0), (x1, _), (_, y1), _ = outer
            if outer == ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
                x, y = names
                return (
                    f"Rectangle({x}=({number(x0)}, {number(x1)}), {y}=({number(y0)}, {number(y1)}))"
                )
        shown = [f"({number(x)}, {number(y)})" for x, y in outer[:8]]
        if len(outer) > 8:
            shown.append(f"... {len(outer)} vertices")
        holes = f", {len(self.rings) - 1} holes" if len(self.rings) > 1 else ""
        called = "" if names == ("x", "y") else f", names={names!r}"
        return f"Polygon([{', '.join(shown)}]{holes}{called})"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "polygon",
            "rings": [[list(v) for v in ring] for ring in self.rings],
            "sides": list(self.sides),
            "aliases": [list(a) for a in self.aliases],
        }


RECTANGLE_SIDES = ("bottom", "right", "top", "left")


@final
@dataclass(frozen=True)
class WaveRegion(Primitive):
    """The inside of a closed Fourier curve that runs counter-clockwise.

    Args:
        curve: the closed curve.
        name: of its one piece.
    """

    curve: Wave
    name: str

    def loops(self) -> tuple[Loop, ...]:
        """Return the one loop of one closed curve."""
        return ((Edge(self.name, self.curve),),)

    @cached_property
    def _shape(self) -> tuple[shapely.Polygon, float]:
        """A polygon of points of the curve, and how near its points may be where it errs."""
        t = np.arange(self.curve.steps) / self.curve.steps
        shape = shapely.Polygon(self.curve.tree.data)
        shapely.prepare(shape)
        step = np.linalg.norm(self.curve.derivative(t, 1), axis=1).max() / len(t)
        bend = np.linalg.norm(self.curve.derivative(t, 2), axis=1).max() / len(t) ** 2
        return shape, float(step + bend)

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return the polygon's answer, and near it the side of the nearest point of the curve."""
        shape, reach = self._shape
        x, y = points[:, 0], points[:, 1]
        sides = np.where(shapely.contains_xy(shape, x, y), INSIDE, OUTSIDE).astype(np.int8)
        finite = np.flatnonzero(np.isfinite(x + y))
        near, _ = self.curve.tree.query(points[finite], distance_upper_bound=reach + slack)
        index = finite[np.isfinite(near)]
        if len(index):
            t, away = self.curve.nearest(points[index])
            gap = points[index] - self.curve.point(t)
            outward = np.einsum("ij,ij->i", gap, self.curve.normal(t))
            sides[index] = np.where(away <= slack, ON, np.where(outward < 0, INSIDE, OUTSIDE))
        return sides

    def moved(self, angle: float, factor: float, shift: np.ndarray) -> WaveRegion:
        """Return the moved region."""
        return replace(self, curve=self.curve.moved(rotation(angle, factor), shift))

    def text(self, names: tuple[str, ...]) -> str:
        """Return ClosedCurve(...) with the number of its Fourier modes."""
        return f"ClosedCurve(names={names!r}, {self.curve.modes} modes{_name(self.name, 'curve')})"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        c = np.array(self.curve.coefficients)
        return {"kind": "curve", "re": c.real.tolist(), "im": c.imag.tolist(), "name": self.name}


@final
@dataclass(frozen=True)
class HalfPlaneRegion(Primitive):
    """The points p with (p - place) . normal <= 0; its one edge is a very long segment.

    Args:
        place: a point of the straight line.
        normal: the unit outward normal.
        name: of the line.
        about: near the middle of the edge that stands for the line.
        reach: half the length of that edge.
    """

    place: Vector
    normal: Vector
    name: str
    about: Vector = field(default=(0.0, 0.0), compare=False)
    reach: float = field(default=1.0, compare=False)

    def loops(self) -> tuple[Loop, ...]:
        """Return the line as one open loop, the region on its left."""
        normal, along = np.array(self.normal), np.array([-self.normal[1], self.normal[0]])
        foot = np.array(self.about) - (np.subtract(self.about, self.place) @ normal) * normal
        a, b = foot - self.reach * along, foot + self.reach * along
        segment = Segment((float(a[0]), float(a[1])), (float(b[0]), float(b[1])))
        return ((Edge(self.name, segment),),)

    def over(self, lower: np.ndarray, upper: np.ndarray) -> HalfPlaneRegion:
        """Return the same half-plane with an edge that passes a bounding box."""
        middle, size = (lower + upper) / 2, float(np.linalg.norm(upper - lower))
        gap = abs(float(np.subtract(middle, self.place) @ self.normal))
        return replace(self, about=(float(middle[0]), float(middle[1])), reach=2 * (size + gap))

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return the sign of the distance."""
        level = (points[:, 0] - self.place[0]) * self.normal[0]
        return _signs(level + (points[:, 1] - self.place[1]) * self.normal[1], slack)

    def moved(self, angle: float, factor: float, shift: np.ndarray) -> HalfPlaneRegion:
        """Return the moved half-plane."""
        place = rotation(angle, factor) @ self.place + shift
        normal = rotation(angle) @ self.normal
        return HalfPlaneRegion(
            (float(place[0]), float(place[1])), (float(normal[0]), float(normal[1])), self.name
        )

    def text(self, names: tuple[str, ...]) -> str:
        """Return HalfPlane(...)."""
        place = ", ".join(f"{n}={number(c)}" for n, c in zip(names, self.place, strict=True))
        normal = f"({number(self.normal[0])}, {number(self.normal[1])})"
        return f"HalfPlane({place}, normal={normal}{_name(self.name, 'cut')})"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "half-plane",
            "place": list(self.place),
            "normal": list(self.normal),
            "name": self.name,
        }


SYMBOLS = {"union": "|", "intersection": "&", "difference": "-"}


@final
@dataclass(frozen=True)
class Combined(Region):
    """The union, intersection or difference of two regions.

    Args:
        operation: one of the keys of ``SYMBOLS``.
        first: the one region.
        second: the other.
    """

    operation: str
    first: Region
    second: Region

    @property
    def bases(self) -> tuple[str, ...]:
        """The names of the boundary pieces both came with."""
        return self.first.bases + self.second.bases

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return the least (union) or greatest answer; a difference asks for the outside.

        A point on both boundaries counts as on the boundary, which is wrong only for edges on which
        the operands meet face to face: there it is settled by looking to all sides.
        """
        sides, doubtful = self._sides(points, slack)
        where = np.flatnonzero(doubtful)
        if len(where):
            angle = 0.1 + 2 * pi * np.arange(16) / 16
            circle = 64 * slack * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            around, _ = self._sides((points[where, None] + circle).reshape(-1, 2), slack / 16)
            answers = around.reshape(len(where), -1)
            for answer in (INSIDE, OUTSIDE):
                sides[where[((answers == answer) | (answers == ON)).all(axis=1)]] = answer
        return sides

    def _sides(self, points: np.ndarray, slack: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the combined answers, and where both operands say "on the boundary"."""
        first, second = self.first.side(points, slack), self.second.side(points, slack)
        doubtful = (first == ON) & (second == ON)
        if self.operation == "union":
            return np.minimum(first, second), doubtful
        if self.operation == "intersection":
            return np.maximum(first, second), doubtful
        return np.maximum(first, -second), doubtful

    def moved(self, angle: float, factor: float, shift: np.ndarray) -> Combined:
        """Return the combination of the moved regions."""
        first = self.first.moved(angle, factor, shift)
        return Combined(self.operation, first, self.second.moved(angle, factor, shift))

    def text(self, names: tuple[str, ...]) -> str:
        """Return the operands with the operator between them."""
        second = self.second.text(names)
        if isinstance(self.second, Combined):
            second = f"({second})"
        first = self.first.text(names)
        if isinstance(self.first, Combined) and self.first.operation != self.operation:
            first = f"({first})"
        return f"{first} {SYMBOLS[self.operation]} {second}"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": self.operation,
            "first": self.first.to_dict(),
            "second": self.second.to_dict(),
        }


def number(value: float) -> str:
    """Return a number as one would type it: without a point if whole, else all digits."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(float(value))


def step_across(sides: np.ndarray) -> np.ndarray:
    """Return a step (2,) that crosses every straight line of the directions (K, 2) within one."""
    angles = np.arctan2(sides[:, 1], sides[:, 0])
    trial = np.linspace(0, pi, 512, endpoint=False)
    crossing = np.abs(np.sin(angles[:, None] - trial)).min(axis=0)
    best = int(np.argmax(crossing))
    direction = np.array([np.cos(trial[best]), np.sin(trial[best])])
    return direction * (2.0 / max(crossing[best], 1e-6))


def polygon_side(
    shape: shapely.Geometry, across: np.ndarray, points: np.ndarray, slack: float
) -> np.ndarray:
    """Return on which side of a polygon points (N, 2) are: see :meth:`Region.side`.

    It is shapely's answer, and the distance where a small step changes that answer.

    Args:
        shape: prepared.
        across: see :func:`step_across`.
        points: (N, 2).
        slack: distances that count as none.
    """
    x, y = points[:, 0], points[:, 1]
    dx, dy = slack * across
    inside = shapely.contains_xy(shape, x, y)
    changes = shapely.contains_xy(shape, x + dx, y + dy) != inside
    changes |= shapely.contains_xy(shape, x - dx, y - dy) != inside
    sides = np.where(inside, INSIDE, OUTSIDE).astype(np.int8)
    near = np.flatnonzero(changes)
    if len(near):
        away = shapely.distance(shape.boundary, shapely.points(points[near]))
        sides[near[away <= slack]] = ON
    sides[~np.isfinite(x + y)] = OUTSIDE
    return sides


def _signs(level: np.ndarray, slack: float) -> np.ndarray:
    sides = np.where(level > 0, OUTSIDE, INSIDE).astype(np.int8)
    sides[np.abs(level) <= slack] = ON
    sides[np.isnan(level)] = OUTSIDE
    return sides


def _name(name: str, default: str) -> str:
    return "" if name == default else f', name="{name}"'
