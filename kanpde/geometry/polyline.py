"""Chains of straight segments as one curve: what bounds a mesh in the plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import shapely

from kanpde.geometry.curves import Curve, Vector


@final
@dataclass(frozen=True)
class Polyline(Curve):
    """Segments from vertex to vertex; t is the fraction of the length.

    Its bends are no corners of the domain: it stands for a smooth curve, or for a side that a mesh
    has cut into many.

    Args:
        vertices: at least two, neighbours different; of a closed chain the last is the first.
    """

    vertices: tuple[Vector, ...]

    is_even = True

    @property
    def is_closed(self) -> bool:
        """Whether the last vertex is the first."""
        return self.vertices[0] == self.vertices[-1]

    @property
    def panels(self) -> int:
        """The number of segments."""
        return len(self.vertices) - 1

    @cached_property
    def _points(self) -> np.ndarray:
        return np.array(self.vertices)

    @cached_property
    def _run(self) -> np.ndarray:
        """The lengths from the start to each vertex."""
        steps = np.linalg.norm(np.diff(self._points, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @cached_property
    def _line(self) -> shapely.LineString:
        return shapely.LineString(self._points)

    @property
    def length(self) -> float:
        """The sum of the lengths of the segments."""
        return float(self._run[-1])

    def derivative(self, t: np.ndarray, order: int) -> np.ndarray:
        """Return the derivative of order 0, 1 or 2 at t (N,), at a vertex from the right."""
        t = np.asarray(t, dtype=np.float64)
        t = t % 1.0 if self.is_closed and ((t < 0) | (t > 1)).any() else t
        if order > 1:
            return np.zeros((len(t), 2))
        place = t * self._run[-1]
        i = np.clip(np.searchsorted(self._run, place, side="right") - 1, 0, self.panels - 1)
        a, b, size = self._points[i], self._points[i + 1], self._run[i + 1] - self._run[i]
        if order:
            return (b - a) * (self._run[-1] / size)[:, None]
        share = ((place - self._run[i]) / size)[:, None]  # each half from its own end
        return np.where(share < 0.5, a + share * (b - a), b - (1 - share) * (b - a))

    def rule(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a Gauss rule on every segment, of two points or more."""
        nodes, weights = np.polynomial.legendre.leggauss(max(2, -(-n // self.panels)))
        sizes = np.diff(self._run)[:, None]
        t = (self._run[:-1, None] + sizes * (nodes + 1) / 2) / self._run[-1]
        return t.ravel(), (sizes * weights / 2).ravel()

    def area(self) -> float:
        """Return the sum of half the cross products of neighbours."""
        middle = self._points.mean(axis=0)  # about itself first, so that no digits are lost
        x, y = (self._points - middle).T
        a, b = self._points[0], self._points[-1]
        own = 0.5 * float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
        return own + 0.5 * float(middle[0] * (b - a)[1] - middle[1] * (b - a)[0])

    def polyline(self) -> np.ndarray:
        """Return the vertices, (N, 2)."""
        return self._points

    def part(self, start: float, stop: float) -> Curve:
        """Return the chain from t = start to stop; a closed one may go past t = 1."""
        if self.is_closed and stop > 1.0:
            turns = np.concatenate([self._run, self._run[1:] + self._run[-1]])
            points = np.concatenate([self._points, self._points[1:]])
        else:
            turns, points = self._run, self._points
        a, b = start * self._run[-1], stop * self._run[-1]
        slack = 1e-12 * self._run[-1]
        between = points[(turns > a + slack) & (turns < b - slack)]
        ends = self.point(np.array([start, stop]))
        return Polyline(_vertices(np.concatenate([ends[:1], between, ends[1:]])))

    def reversed(self) -> Curve:
        """Return the chain the other way."""
        return Polyline(self.vertices[::-1])

    def moved(self, matrix: np.ndarray, shift: np.ndarray) -> Curve:
        """Return the moved chain."""
        points = self._points @ matrix.T + shift
        if self.is_closed:
            points[-1] = points[0]
        return Polyline(_vertices(points))

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return t (N,) of the nearest points of the chain, and the distances (N,)."""
        given = shapely.points(points)
        t = shapely.line_locate_point(self._line, given) / self._run[-1]
        return np.clip(t, 0.0, 1.0), shapely.distance(self._line, given)


def _vertices(points: np.ndarray) -> tuple[Vector, ...]:
    return tuple((float(x), float(y)) for x, y in points)
