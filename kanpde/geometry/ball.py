"""Balls of any dimension with named coordinates, and their spheres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, lgamma, log, pi
from typing import Any, final

import numpy as np
from scipy.special import betaincinv, roots_jacobi

from kanpde.geometry.checks import (
    checked_coordinate,
    checked_label,
    checked_number,
    checked_points,
    checked_vector,
)
from kanpde.geometry.curves import Arc, rotation
from kanpde.geometry.domain import Boundary
from kanpde.geometry.pieces import Piece
from kanpde.geometry.sampling import (
    DEFAULT_SAMPLER,
    Sampler,
    checked_integer,
    checked_sampler,
    derived_seed,
    tensor_points,
)
from kanpde.geometry.solid import Body
from kanpde.geometry.strata import Sheet
from kanpde.geometry.turn import Turn

_SLACK = 1e-14
"""Distances below this, relative to the largest coordinate, are rounding."""

_MOST_VALUES = 10**8
"""Largest number of values that a rule may have."""


@final
@dataclass(frozen=True, init=False, repr=False)
class Ball(Body):
    r"""The points within a distance of a centre, in one coordinate or more.

    Points are mapped from the unit cube without distortion of volume: the radius is the D-th root
    of the first number, and the direction has one coordinate after the other from its own
    distribution (the last two share an angle).

    Args:
        radius: positive.
        name: of the one boundary piece.
        centre: ``x=0, y=0, z=0``.

    Raises:
        ValueError: without a coordinate, for a radius that is not positive or a centre that is not
            finite.

    >>> ball = Ball(x=0, y=0, z=1, radius=2)
    >>> ball, ball.boundary.names, round(ball.measure, 12)
    (Ball(x=0, y=0, z=1, radius=2), ('sphere',), 33.510321638291)
    """

    names: tuple[str, ...]
    centre: tuple[float, ...]
    radius: float
    label: str

    def __init__(self, /, *, radius: float, name: str = "sphere", **centre: float) -> None:
        if not centre:
            raise ValueError(
                "Ball needs a centre; write, for example, Ball(x=0, y=0, z=0, radius=1)."
            )
        names = tuple(checked_coordinate(n) for n in centre)
        object.__setattr__(self, "names", names)
        place = tuple(checked_number("Ball", n, value) for n, value in centre.items())
        object.__setattr__(self, "centre", place)
        r = checked_number("Ball", "radius", radius, positive=True)
        object.__setattr__(self, "radius", r)
        object.__setattr__(self, "label", checked_label(name))

    def __repr__(self) -> str:
        place = ", ".join(f"{n}={c:g}" for n, c in zip(self.names, self.centre, strict=True))
        called = "" if self.label == "sphere" else f', name="{self.label}"'
        return f"Ball({place}, radius={self.radius:g}{called})"

    @property
    def lower(self) -> np.ndarray:
        """Return the lower corner of the bounding box, (D,)."""
        return np.array(self.centre) - self.radius

    @property
    def upper(self) -> np.ndarray:
        """Return the upper corner of the bounding box, (D,)."""
        return np.array(self.centre) + self.radius

    @property
    def scale(self) -> float:
        """Return the largest coordinate in magnitude, to which tolerances relate."""
        return float(np.abs(self.centre).max()) + self.radius

    @property
    def measure(self) -> float:
        """Return the volume, pi^(D/2) R^D / Gamma(D/2 + 1)."""
        return self.radius * self.boundary.measure / self.dimension

    @property
    def boundary(self) -> Boundary:
        """Return the sphere."""
        return Boundary((Sphere(self),), repr(self), coordinates=self.names)

    @property
    def loops(self) -> tuple[tuple[Piece, ...], ...]:
        """Return the circle of a ball in the plane; else none."""
        return ((Sphere(self),),) if self.dimension == 2 else ()

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, D) lie in the closed ball, (N,) bool, up to rounding."""
        return self.signed_distance(points) <= _SLACK * self.scale

    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points (N, D) to the sphere, (N,), negative inside.

        >>> ball = Ball(x=0, y=0, z=0, radius=2)
        >>> ball.signed_distance(np.array([[1.0, 0, 0], [3, 0, 0]])).tolist()
        [-1.0, 1.0]
        """
        gap = checked_points(points, self.names) - self.centre
        return np.sqrt(np.einsum("ij,ij->i", gap, gap)) - self.radius

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the points of the sphere nearest to points (N, D), and outward normals."""
        gap = checked_points(points, self.names) - self.centre
        length = np.linalg.norm(gap, axis=1, keepdims=True)
        first = np.eye(1, self.dimension)  # any direction is nearest to the centre
        normals = np.where(length > 0, gap / np.where(length > 0, length, 1.0), first)
        return self.centre + self.radius * normals, normals

    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return points (n, D) strictly inside, evenly spread (``Grid`` may return more).

        Raises:
            ValueError: for n below one, a negative seed, or a sampler that is none.

        >>> Ball(x=0, y=0, z=0, radius=1).interior(100).shape
        (100, 3)
        """
        unit = checked_sampler(sampler).unit(n, self.dimension, seed)
        if self.dimension == 1:
            directions, share = np.ones((len(unit), 1)), 2.0 * unit - 1.0
        else:
            directions = _directions(unit[:, 1:], self.dimension)
            share = unit[:, :1] ** (1 / self.dimension)
        return self.centre + self.radius * np.clip(share, -1 + 1e-15, 1 - 1e-15) * directions

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a rule of Gauss type, exact for polynomials of total degree 2 n - 1.

        Returns:
            points (N, D) inside and weights (N,) that sum to the measure; N = 2 n^D (n in 1-D).

        Raises:
            ValueError: for n below one or a rule too large to store.

        >>> points, weights = Ball(x=0, y=0, z=0, radius=1).quadrature(3)
        >>> round(float(weights @ points[:, 0] ** 2) / (4 * np.pi / 15), 12)
        1.0
        """
        n, d = checked_integer("n", n, least=1), self.dimension
        if d == 1:
            nodes, weights = np.polynomial.legendre.leggauss(n)
            return self.centre + self.radius * nodes[:, None], self.radius * weights
        _check_size(d, 2 * n**d)
        directions, around = _sphere_rule(n, d)
        nodes, along = roots_jacobi(n, 0.0, d - 1.0)  # (1 + s)^(D - 1): that of the radius
        shares = (1.0 + nodes) / 2
        points = (shares[:, None, None] * directions).reshape(-1, d)
        weights = np.outer(along / along.sum(), around).ravel()
        return self.centre + self.radius * points, self.measure * weights

    def translated(self, **by: float) -> Ball:
        """Return a copy moved by the given lengths: ``ball.translated(x=1)``.

        Raises:
            ValueError: for a coordinate that is none.
        """
        return self._with(self.radius, checked_vector("translated", by, self.names) + self.centre)

    def scaled(self, factor: float, **about: float) -> Ball:
        """Return a copy with all lengths times the factor, about a point (the origin).

        Raises:
            ValueError: for a factor that is not positive, or a coordinate that is none.
        """
        factor = checked_number("scaled", "factor", factor, positive=True)
        place = checked_vector("scaled", about, self.names)
        return self._with(factor * self.radius, place + factor * (self.centre - place))

    def rotated(self, angle: float, *, axis: Any = None, **about: float) -> Ball:
        """Return a copy turned about an axis; see :meth:`Box.rotated`."""
        if self.dimension == 2:
            place = checked_vector("rotated", about, self.names)
            return self._with(self.radius, place + rotation(angle) @ (self.centre - place))
        turn = Turn.about(angle, axis, about, self.names, repr(self))
        return self._with(self.radius, turn(np.array([self.centre]))[0])

    def _with(self, radius: float, centre: np.ndarray) -> Ball:
        place = dict(zip(self.names, centre.tolist(), strict=True))
        return Ball(radius=radius, name=self.label, **place)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; ``domain_from_dict`` reads it."""
        return {
            "kind": "ball",
            "names": list(self.names),
            "centre": list(self.centre),
            "radius": self.radius,
            "label": self.label,
        }


@final
@dataclass(frozen=True, repr=False)
class Sphere(Piece):
    """The boundary of a ball; in one dimension its two ends.

    Args:
        ball: the ball.
    """

    ball: Ball

    def __repr__(self) -> str:
        return f'Sphere("{self.name}" of {self.ball!r})'

    @property
    def name(self) -> str:
        """Return the name that was given with the ball."""
        return self.ball.label

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    @property
    def dimension(self) -> int:
        """Return the dimension of the space."""
        return self.ball.dimension

    @property
    def measure(self) -> float:
        """Return the area, 2 pi^(D/2) R^(D-1) / Gamma(D/2)."""
        d = self.dimension
        return 2.0 * exp(d / 2 * log(pi) - lgamma(d / 2) + (d - 1) * log(self.ball.radius))

    def sheet(self, origin: np.ndarray) -> Sheet:
        """Return the sphere."""
        return Sheet.sphere(np.array(self.ball.centre) - origin, self.ball.radius)

    @cached_property
    def curve(self) -> Arc | None:
        """The circle in the plane; else None."""
        if self.dimension != 2:
            return None
        (x, y), r = self.ball.centre, self.ball.radius
        return Arc((x, y), (r, 0.0), (0.0, r))

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) evenly spread and unit outward normals; in 1-D the ends in turn."""
        n, d = checked_integer("n", n, least=1), self.dimension
        if d == 1:
            normals = np.where(np.arange(n)[:, None] % 2 == 0, -1.0, 1.0)
        else:
            unit = checked_sampler(sampler).unit(n, d - 1, derived_seed(seed, 0))
            normals = _directions(unit, d)
        return self.ball.centre + self.ball.radius * normals, normals

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a rule that is exact for polynomials of total degree 2 n - 1.

        Returns:
            points (N, D), outward normals (N, D) and weights (N,) that sum to the measure;
            N = 2 n^(D - 1), in the plane about n as on any other curve.

        Raises:
            ValueError: for n below one or a rule too large to store.
        """
        n, d = checked_integer("n", n, least=1), self.dimension
        if d == 2:
            return super().quadrature(n)
        _check_size(d, 2 * n ** (d - 1))
        normals, weights = _sphere_rule(n, d)
        return self.ball.centre + self.ball.radius * normals, normals, self.measure * weights

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, D) lie on the sphere, (N,) bool."""
        return np.abs(self.ball.signed_distance(points)) <= tolerance * self.ball.scale


def _directions(unit: np.ndarray, dimension: int) -> np.ndarray:
    """Map the unit cube (n, D - 1) to directions (n, D) without distortion of area, D >= 2.

    A coordinate s of a uniform direction in m dimensions has the density (1 - s^2)^((m - 3)/2), and
    what is left of the direction is uniform in m - 1 dimensions.
    """
    directions = np.empty((len(unit), dimension))
    rest = np.ones(len(unit))
    for k in range(dimension - 2):
        half = (dimension - k - 1) / 2
        q = unit[:, k] if half == 1.0 else betaincinv(half, half, unit[:, k])
        directions[:, k] = rest * (2.0 * q - 1.0)
        rest = rest * 2.0 * np.sqrt(q * (1.0 - q))
    angle = 2 * pi * unit[:, -1]
    directions[:, -2], directions[:, -1] = rest * np.cos(angle), rest * np.sin(angle)
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _sphere_rule(n: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return directions (N, D) and weights (N,) that sum to one, exact to degree 2 n - 1."""
    if dimension == 1:
        return np.array([[-1.0], [1.0]]), np.array([0.5, 0.5])
    axes, weights = [], []
    for k in range(dimension - 2):
        power = (dimension - k - 3) / 2
        nodes, own = roots_jacobi(n, power, power)
        axes.append(nodes)
        weights.append(own / own.sum())
    axes.append(2 * pi * (np.arange(2 * n) + 0.5) / (2 * n))
    weights.append(np.full(2 * n, 0.5 / n))
    heights, product = tensor_points(axes), tensor_points(weights).prod(axis=1)
    directions, rest = np.empty((len(heights), dimension)), np.ones(len(heights))
    for k in range(dimension - 2):
        directions[:, k] = rest * heights[:, k]
        rest = rest * np.sqrt(1.0 - heights[:, k] ** 2)
    directions[:, -2] = rest * np.cos(heights[:, -1])
    directions[:, -1] = rest * np.sin(heights[:, -1])
    return directions, product


def _check_size(dimension: int, count: int) -> None:
    if dimension * count > _MOST_VALUES:
        raise ValueError(
            f"the rule would have {count} points in {dimension} dimensions; take fewer, or average "
            "over sampled points."
        )
