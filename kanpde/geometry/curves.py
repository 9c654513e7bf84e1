"""Smooth oriented plane curves: segments, arcs of ellipses, and Fourier curves.

A curve is a map z(t), 0 <= t <= 1, that is exact to rounding: an arc stays an arc of its ellipse
however often it is cut. The domain lies on its left, so the outward normal is (z_y', -z_x')/|z'|.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from math import atan2, cos, hypot, pi, sin
from typing import final

import numpy as np
from scipy.spatial import cKDTree

Vector = tuple[float, float]

_PANELS = 32
"""Panels of the composite Gauss rule by which curves without a closed form are measured."""


class Curve(ABC):
    """A smooth curve with non-zero velocity; members are frozen dataclasses."""

    @property
    @abstractmethod
    def is_closed(self) -> bool:
        """Whether the end is the start, smoothly."""

    @property
    @abstractmethod
    def is_even(self) -> bool:
        """Whether equal steps of t are equal lengths."""

    @property
    @abstractmethod
    def panels(self) -> int:
        """How many panels a Gauss rule (and a polyline) needs to resolve the curve."""

    @abstractmethod
    def derivative(self, t: np.ndarray, order: int) -> np.ndarray:
        """Return the derivative of z by t of order 0, 1 or 2 at t (N,), shape (N, 2)."""

    @abstractmethod
    def part(self, start: float, stop: float) -> Curve:
        """Return the curve from t = start to stop; a closed one may go past t = 1."""

    @abstractmethod
    def reversed(self) -> Curve:
        """Return the same points in the other order."""

    @abstractmethod
    def moved(self, matrix: np.ndarray, shift: np.ndarray) -> Curve:
        """Return the curve of the points matrix @ z + shift, for a similarity without mirror."""

    def point(self, t: np.ndarray) -> np.ndarray:
        """Return z at t (N,), shape (N, 2)."""
        return self.derivative(t, 0)

    def normal(self, t: np.ndarray) -> np.ndarray:
        """Return the unit vectors to the right of the direction of travel, (N, 2)."""
        velocity = self.derivative(t, 1)
        velocity /= np.hypot(velocity[:, 0], velocity[:, 1])[:, None]
        return np.stack([velocity[:, 1], -velocity[:, 0]], axis=1)

    @property
    def ends(self) -> np.ndarray:
        """The first and the last point, (2, 2)."""
        return self.point(np.array([0.0, 1.0]))

    @property
    def length(self) -> float:
        """The arc length."""
        return float(self.rule(16 * self.panels)[1].sum())

    def rule(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return t (N,) and weights (N,) for integrals by arc length, n <= N < n + 16 panels.

        Closed curves have equal steps, which converge geometrically; others Gauss-Legendre panels.
        """
        if self.is_closed:
            t, w = (np.arange(n) + 0.5) / n, np.full(n, 1.0 / n)
        else:
            panels = min(max(self.panels, -(-n // 32)), n)
            nodes, weights = np.polynomial.legendre.leggauss(-(-n // panels))
            t = ((np.arange(panels)[:, None] + (nodes + 1) / 2) / panels).ravel()
            w = np.tile(weights / (2 * panels), panels)
        return t, w * np.linalg.norm(self.derivative(t, 1), axis=1)

    def area(self) -> float:
        r"""Return the part :math:`\tfrac12\int (x\,dy - y\,dx)` of the area of a loop."""
        z0 = self.ends[0]
        t, w = self.rule(16 * self.panels)
        flux = np.einsum("ij,ij->i", self.point(t) - z0, self.normal(t))
        # About the curve's own start first, so that a loop far from the origin loses no digits.
        a, b = self.ends
        return float(
            0.5 * (flux @ w) + 0.5 * (a[0] * b[1] - a[1] * b[0] if not self.is_closed else 0)
        )

    def even(self, s: np.ndarray) -> np.ndarray:
        """Return the t (N,) at the fractions s (N,) of the length, to about 1e-6."""
        if self.is_even:
            return s
        grid = np.linspace(0.0, 1.0, 64 * self.panels + 1)
        middle = np.linalg.norm(self.derivative((grid[1:] + grid[:-1]) / 2, 1), axis=1)
        run = np.concatenate([[0.0], np.cumsum(middle)])
        return np.interp(s, run / run[-1], grid)

    def polyline(self) -> np.ndarray:
        """Return points along the curve from end to end, (N, 2), a few for each panel."""
        return self.point(np.linspace(0.0, 1.0, 8 * self.panels + 1))

    @property
    def steps(self) -> int:
        """How many equal steps of t the points of the tree are apart."""
        return 32 * self.panels

    @cached_property
    def tree(self) -> cKDTree:
        """Points of the curve at equal steps of t, to be searched."""
        count = self.steps + (0 if self.is_closed else 1)
        return cKDTree(self.point(np.arange(count) / self.steps))

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return t (N,) of the nearest curve points to points (N, 2), and the distances (N,).

        Starts at the nearest of many curve points and takes Newton steps on |z - p|^2.
        """
        tree, steps = self.tree, self.steps
        t = tree.query(points)[1] / steps
        lower, upper = t - 1.0 / steps, t + 1.0 / steps
        if not self.is_closed:
            lower, upper = np.maximum(lower, 0.0), np.minimum(upper, 1.0)
        for _ in range(8):
            away, velocity = self.point(t) - points, self.derivative(t, 1)
            gradient = np.einsum("ij,ij->i", away, velocity)
            square = np.einsum("ij,ij->i", velocity, velocity)
            bend = square + np.einsum("ij,ij->i", away, self.derivative(t, 2))
            t = np.clip(t - gradient / np.where(bend > 0.1 * square, bend, square), lower, upper)
        if self.is_closed:
            t = t % 1.0
        return t, np.linalg.norm(self.point(t) - points, axis=1)


@final
@dataclass(frozen=True)
class Segment(Curve):
    """The straight line from start to stop."""

    start: Vector
    stop: Vector

    is_closed = False
    is_even = True
    panels = 1

    @property
    def length(self) -> float:
        """The distance of the ends."""
        return hypot(self.stop[0] - self.start[0], self.stop[1] - self.start[1])

    def derivative(self, t: np.ndarray, order: int) -> np.ndarray:
        """Return the derivative; each half is measured from its own end, so both ends are exact."""
        a, b = np.array(self.start), np.array(self.stop)
        if order:
            return np.tile((b - a) * (order == 1), (len(t), 1))
        t = np.asarray(t)[:, None]
        return np.where(t < 0.5, a + t * (b - a), b - (1 - t) * (b - a))

    def part(self, start: float, stop: float) -> Segment:
        """Return a shorter segment."""
        a, b = self.point(np.array([start, stop]))
        return Segment(_vector(a), _vector(b))

    def reversed(self) -> Segment:
        """Return the segment the other way."""
        return Segment(self.stop, self.start)

    def moved(self, matrix: np.ndarray, shift: np.ndarray) -> Segment:
        """Return the moved segment."""
        a, b = np.array([self.start, self.stop]) @ matrix.T + shift
        return Segment(_vector(a), _vector(b))

    def area(self) -> float:
        """Return half the cross product of the ends."""
        return 0.5 * (self.start[0] * self.stop[1] - self.start[1] * self.stop[0])

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the foot of the perpendicular, or an end."""
        a, along = np.array(self.start), np.subtract(self.stop, self.start)
        t = np.clip((points - a) @ along / (along @ along), 0.0, 1.0)
        return t, np.linalg.norm(self.point(t) - points, axis=1)


@final
@dataclass(frozen=True)
class Arc(Curve):
    r"""The part :math:`c + u\cos\alpha + v\sin\alpha` of an ellipse, alpha from begin to end.

    Args:
        centre: c.
        u: the first half axis.
        v: the second, at a right angle; as long as u for a circle.
        begin: the angle at t = 0.
        end: the angle at t = 1; a full turn from begin makes a closed curve.
    """

    centre: Vector
    u: Vector
    v: Vector
    begin: float = 0.0
    end: float = 2 * pi

    @property
    def is_closed(self) -> bool:
        """Whether it is the full turn."""
        return abs(self.end - self.begin) == 2 * pi

    @property
    def is_even(self) -> bool:
        """Whether the half axes are equal."""
        a, b = hypot(*self.u), hypot(*self.v)
        return abs(a - b) <= 1e-14 * a

    @property
    def panels(self) -> int:
        """Two panels for a circle; more for a thin ellipse, whose ends are sharp."""
        a, b = hypot(*self.u), hypot(*self.v)
        return 4 if self.is_even else int(min(8 * max(a / b, b / a), 512))

    @property
    def length(self) -> float:
        """The radius times the angle, or by quadrature."""
        if self.is_even:
            return hypot(*self.u) * abs(self.end - self.begin)
        return float(self.rule(16 * self.panels)[1].sum())

    def derivative(self, t: np.ndarray, order: int) -> np.ndarray:
        """Return the derivative of order 0, 1 or 2 at t (N,), shape (N, 2)."""
        turn = self.end - self.begin
        angle = self.begin + turn * np.asarray(t)
        c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
        u, v = np.array(self.u), np.array(self.v)
        if order == 1:
            return turn * (c * v - s * u)
        swing = c * u + s * v
        return -(turn**2) * swing if order else self.centre + swing

    def part(self, start: float, stop: float) -> Arc:
        """Return an arc of the same ellipse."""
        turn = self.end - self.begin
        return replace(self, begin=self.begin + turn * start, end=self.begin + turn * stop)

    def reversed(self) -> Arc:
        """Return the arc the other way."""
        return replace(self, begin=self.end, end=self.begin)

    def moved(self, matrix: np.ndarray, shift: np.ndarray) -> Arc:
        """Return the moved arc."""
        centre = matrix @ self.centre + shift
        u, v = (_vector(matrix @ axis) for axis in (self.u, self.v))
        return Arc(_vector(centre), u, v, self.begin, self.end)

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the point at the same angle for a circle, or by Newton steps."""
        if not self.is_even:
            return super().nearest(points)
        away, radius = points - self.centre, hypot(*self.u)
        angle = np.arctan2(away @ self.v, away @ self.u)
        t = ((angle - self.begin) / (self.end - self.begin)) % (2 * pi / abs(self.end - self.begin))
        if not self.is_closed:  # past the end: one of the ends
            first, last = (np.linalg.norm(end - points, axis=1) for end in self.ends)
            t = np.where(t <= 1.0, t, np.where(first <= last, 0.0, 1.0))
            return t, np.linalg.norm(self.point(t) - points, axis=1)
        return t, np.abs(np.hypot(away[:, 0], away[:, 1]) - radius)

    def unit(self, points: np.ndarray) -> np.ndarray:
        """Return the points in the frame in which the ellipse is the unit circle, (N, 2)."""
        frame = np.array([self.u, self.v]) / np.array(
            [[hypot(*self.u) ** 2], [hypot(*self.v) ** 2]]
        )
        return (points - self.centre) @ frame.T

    def place(self, unit: np.ndarray) -> np.ndarray:
        """Return t in [0, period) of points (N, 2) of the unit circle; above one: off the arc."""
        turn = self.end - self.begin
        return ((np.arctan2(unit[:, 1], unit[:, 0]) - self.begin) / turn) % (2 * pi / abs(turn))


@final
@dataclass(frozen=True)
class Wave(Curve):
    r"""A closed Fourier curve :math:`x+iy = \sum_{|k|\le K} c_k e^{ik\alpha}`, or a part of it.

    Args:
        coefficients: c_k for k = -K, ..., K.
        begin: the angle at t = 0.
        end: the angle at t = 1.
    """

    coefficients: tuple[complex, ...]
    begin: float = 0.0
    end: float = 2 * pi

    is_even = False

    @property
    def is_closed(self) -> bool:
        """Whether it is the full turn."""
        return abs(self.end - self.begin) == 2 * pi

    @property
    def modes(self) -> int:
        """The highest frequency K."""
        return len(self.coefficients) // 2

    @property
    def panels(self) -> int:
        """As many as the highest mode has half waves."""
        return max(_PANELS, 2 * self.modes)

    def derivative(self, t: np.ndarray, order: int) -> np.ndarray:
        """Return the derivative of order 0, 1 or 2 at t (N,), by Horner's rule, shape (N, 2)."""
        turn, k = self.end - self.begin, np.arange(-self.modes, self.modes + 1)
        c = np.array(self.coefficients) * (1j * turn * k) ** order
        w = np.exp(1j * (self.begin + turn * np.asarray(t)))
        # Both halves from their middle: one sum over all would lose digits with the modes.
        polyval = np.polynomial.polynomial.polyval
        z = polyval(w, c[self.modes :]) + w.conj() * polyval(w.conj(), c[: self.modes][::-1])
        return np.stack([z.real, z.imag], axis=1)

    def part(self, start: float, stop: float) -> Wave:
        """Return a part of the same curve."""
        turn = self.end - self.begin
        return replace(self, begin=self.begin + turn * start, end=self.begin + turn * stop)

    def reversed(self) -> Wave:
        """Return the curve the other way."""
        return replace(self, begin=self.end, end=self.begin)

    def moved(self, matrix: np.ndarray, shift: np.ndarray) -> Wave:
        """Return the moved curve."""
        factor = complex(matrix[0, 0], matrix[1, 0])
        moved = [factor * c for c in self.coefficients]
        moved[self.modes] += complex(*shift)
        return replace(self, coefficients=tuple(moved))


def turn_between(first: np.ndarray, second: np.ndarray) -> float:
    """Return the angle in (-pi, pi] by which a direction turns into another."""
    return atan2(first[0] * second[1] - first[1] * second[0], first @ second)


def rotation(angle: float, factor: float = 1.0) -> np.ndarray:
    """Return the matrix (2, 2) of a rotation and a scaling."""
    c, s = factor * cos(angle), factor * sin(angle)
    return np.array([[c, -s], [s, c]])


def _vector(array: np.ndarray) -> Vector:
    return float(array[0]), float(array[1])
