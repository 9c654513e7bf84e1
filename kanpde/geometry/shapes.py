"""Shapes in the plane: disks, ellipses, annuli, polygons, stars and closed curves.

The coordinates of a place are keywords, ``Disk(x=0, y=0, radius=1)``; their names are those of the
domain. ``name`` names the boundary piece (for several pieces: begins their names).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi
from typing import Any

import numpy as np
import shapely

from kanpde.geometry.checks import (
    checked_coordinate,
    checked_label,
    checked_number,
    checked_place,
)
from kanpde.geometry.curves import Vector, Wave
from kanpde.geometry.planar import Planar
from kanpde.geometry.regions import EllipseRegion, PolygonRegion, WaveRegion

_MOST_MODES = 4096


def Disk(*, radius: float, name: str = "circle", **centre: float) -> Planar:
    """Return the disk about a centre.

    >>> disk = Disk(x=0, y=0, radius=2)
    >>> disk, disk.boundary.names, round(disk.measure, 12)
    (Disk(x=0, y=0, radius=2), ('circle',), 12.566370614359)

    Raises:
        ValueError: for a radius that is not positive, or other than two coordinates.
    """
    names, place = checked_place("Disk", centre)
    r = checked_number("Disk", "radius", radius, positive=True)
    return Planar.of(names, EllipseRegion(place, (r, r), 0.0, checked_label(name)))


def Ellipse(
    *, axes: Sequence[float], angle: float = 0.0, name: str = "ellipse", **centre: float
) -> Planar:
    """Return the ellipse with two half axes, the first turned from the first coordinate by angle.

    >>> Ellipse(x=0, y=0, axes=(2, 1)).boundary.names
    ('ellipse',)

    Raises:
        ValueError: for axes that are not two positive numbers, or other than two coordinates.
    """
    names, place = checked_place("Ellipse", centre)
    if len(axes) != 2:
        raise ValueError(f"Ellipse: axes={axes!r} must be two positive numbers.")
    a, b = (checked_number("Ellipse", "axes", axis, positive=True) for axis in axes)
    turned = checked_number("Ellipse", "angle", angle) if a != b else 0.0
    return Planar.of(names, EllipseRegion(place, (a, b), turned, checked_label(name)))


def Annulus(*, inner: float, outer: float, name: str = "", **centre: float) -> Planar:
    """Return the ring between two circles; its pieces are "outer" and "inner".

    >>> Annulus(x=0, y=0, inner=1, outer=2).boundary.names
    ('outer', 'inner')

    Raises:
        ValueError: unless 0 < inner < outer.
    """
    large = checked_number("Annulus", "outer", outer, positive=True)
    small = checked_number("Annulus", "inner", inner, positive=True)
    if small >= large:
        raise ValueError(f"Annulus: inner={inner!r} must be less than outer={outer!r}.")
    before = f"{checked_label(name)} " if name else ""
    return Disk(radius=large, name=f"{before}outer", **centre) - Disk(
        radius=small, name=f"{before}inner", **centre
    )


def Polygon(
    vertices: Sequence[Sequence[float]],
    *,
    holes: Sequence[Sequence[Sequence[float]]] = (),
    names: Sequence[str] = ("x", "y"),
    sides: Sequence[str] | None = None,
    name: str = "side",
) -> Planar:
    """Return the polygon with the vertices in either order; it closes itself.

    The sides are "side 1", "side 2", ... from the first vertex on counter-clockwise, then those of
    the holes: "hole 1 side 1", ...

    Args:
        vertices: at least three places.
        holes: polygons inside, each a list of vertices.
        names: of the two coordinates.
        sides: names of the outer sides instead, the first from the first vertex to the second as
            they are given; equal names make one part of several sides.
        name: in place of "side".

    Raises:
        ValueError: for a polygon that is open, crosses itself or has no area, a hole that is not
            inside, or a wrong number of sides.

    >>> corner = Polygon([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)])
    >>> corner.measure, max(c.angle for c in corner.corners).__round__(6)
    (3.0, 4.712389)
    """
    coordinates = tuple(checked_coordinate(n) for n in names)
    if len(set(coordinates)) != 2 or len(coordinates) != 2:
        raise ValueError(f"Polygon: names={tuple(names)!r} must be two different coordinates.")
    label = checked_label(name)
    outer, flipped = _ring(vertices, "Polygon", counter_clockwise=True)
    rings = [outer]
    called = [f"{label} {i + 1}" for i in range(len(outer))]
    if sides is not None:
        if len(sides) != len(outer):
            raise ValueError(f"Polygon has {len(outer)} sides but {len(sides)} names for them.")
        called = [checked_label(side) for side in sides]
        called = called[::-1] if flipped else called
    for k, hole in enumerate(holes):
        ring, _ = _ring(hole, f"hole {k + 1} of the Polygon", counter_clockwise=False)
        rings.append(ring)
        called += [f"hole {k + 1} {label} {i + 1}" for i in range(len(ring))]
    shape = shapely.Polygon(rings[0], rings[1:])
    if not shape.is_valid:
        raise ValueError(
            f"the holes of the Polygon must lie inside and apart: {shapely.is_valid_reason(shape)}."
        )
    region = PolygonRegion(tuple(rings), tuple(called), ((),) * len(called))
    return Planar.of(coordinates, region)


def Star(*, radius: Callable[[np.ndarray], Any], name: str = "curve", **centre: float) -> Planar:
    """Return the domain inside the curve at distance radius(angle) from a centre.

    The radius is a smooth function with period 2 pi of an array of angles in radians. It is
    replaced by its Fourier series, to rounding, so the domain can be saved.

    Raises:
        ValueError: for a radius that is not smooth, not finite or not positive.

    >>> star = Star(x=0, y=0, radius=lambda a: 1 + 0.3 * np.cos(5 * a))
    >>> round(star.measure / np.pi, 12)
    1.045
    """
    names, place = checked_place("Star", centre)

    def curve(angle: np.ndarray) -> np.ndarray:
        r = np.broadcast_to(np.asarray(radius(angle), dtype=np.float64), angle.shape)
        if not (np.isfinite(r).all() and (r > 0).all()):
            bad = angle[~(r > 0)][0]
            raise ValueError(
                f"Star: the radius must be positive; at the angle {bad:.6g} it is not."
            )
        return complex(*place) + r * np.exp(1j * angle)

    return Planar.of(names, WaveRegion(_wave(curve, "Star"), checked_label(name)))


def ClosedCurve(
    curve: Callable[[np.ndarray], Any], *, names: Sequence[str] = ("x", "y"), name: str = "curve"
) -> Planar:
    """Return the domain inside a smooth closed curve, in either direction.

    Args:
        curve: maps an array of parameters (N,), with period 2 pi, to the pair of coordinates. It is
            replaced by its Fourier series, to rounding, so the domain can be saved.
        names: of the two coordinates.
        name: of the boundary piece.

    Raises:
        ValueError: for a curve that is not smooth, crosses itself or stands still.

    >>> bean = ClosedCurve(lambda t: (np.cos(t) + 0.3 * np.cos(2 * t), np.sin(t)))
    >>> bean.boundary.names
    ('curve',)
    """
    coordinates = tuple(checked_coordinate(n) for n in names)
    if len(set(coordinates)) != 2 or len(coordinates) != 2:
        raise ValueError(f"ClosedCurve: names={tuple(names)!r} must be two different coordinates.")

    def plane(t: np.ndarray) -> np.ndarray:
        x, y = (np.broadcast_to(np.asarray(c, dtype=np.float64), t.shape) for c in curve(t))
        return x + 1j * y

    wave = _wave(plane, "ClosedCurve")
    if wave.area() < 0:
        wave = Wave(wave.coefficients[::-1])
    t = np.linspace(0, 1, 64 * wave.panels, endpoint=False)
    if not shapely.LinearRing(wave.point(t)).is_simple:
        raise ValueError("ClosedCurve: the curve crosses itself; give a simple closed curve.")
    speed = np.linalg.norm(wave.derivative(t, 1), axis=1)
    if speed.min() < 1e-6 * speed.mean():
        place = 2 * pi * t[speed.argmin()]
        raise ValueError(
            f"ClosedCurve: the curve stands still near the parameter {place:.6g}; a cusp is not "
            "smooth."
        )
    return Planar.of(coordinates, WaveRegion(wave, checked_label(name)))


def _wave(curve: Callable[[np.ndarray], np.ndarray], shape: str) -> Wave:
    """Return the Fourier curve through a smooth curve x + i y of period 2 pi, to rounding."""
    count = 64
    while count <= 4 * _MOST_MODES:
        t = 2 * pi * np.arange(count) / count
        z = curve(t)
        if not np.isfinite(z).all():
            raise ValueError(f"{shape}: the curve is not finite at {t[~np.isfinite(z)][0]:.6g}.")
        c = np.fft.fftshift(np.fft.fft(z)) / count
        k = np.abs(np.arange(count) - count // 2)
        size = np.abs(c).max()
        modes = int(k[np.abs(c) > 2e-16 * size].max(initial=1))
        if modes <= count // 3:
            wave = Wave(tuple(c[count // 2 - modes : count // 2 + modes + 1].tolist()))
            middle = (np.arange(count) + 0.382) / count
            off = np.abs(wave.point(middle) @ [1, 1j] - curve(2 * pi * middle)).max()
            if off <= 4e-15 * np.abs(z).max():
                return wave
        count *= 2
    raise ValueError(
        f"{shape}: the curve is not smooth with period 2 pi: its Fourier series has not converged "
        f"with {_MOST_MODES} modes. For corners build it from shapes with |, & and -."
    )


def _ring(
    vertices: Sequence[Sequence[float]], what: str, *, counter_clockwise: bool
) -> tuple[tuple[Vector, ...], bool]:
    """Return the vertices in the wanted order, and whether they were turned round."""
    try:
        array = np.asarray(vertices, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise ValueError(f"{what}: the vertices must be pairs of finite numbers, [(0, 0), ...].")
    if len(array) > 1 and (array[0] == array[-1]).all():
        array = array[:-1]
    if len(array) < 3:
        raise ValueError(
            f"{what} is open: {len(array)} different vertices bound no area; give at least three."
        )
    repeated = np.flatnonzero((array == np.roll(array, -1, axis=0)).all(axis=1))
    if len(repeated):
        raise ValueError(f"{what}: the vertex {tuple(array[repeated[0]].tolist())} is repeated.")
    shape = shapely.Polygon(array)
    if not shape.is_valid or shape.area == 0:
        reason = shapely.is_valid_reason(shape) if not shape.is_valid else "no area"
        raise ValueError(f"{what} crosses itself or is flat: {reason}.")
    turn = shape.exterior.is_ccw != counter_clockwise
    if turn:
        array = np.concatenate([array[:1], array[:0:-1]])
    return tuple((float(x), float(y)) for x, y in array), turn
