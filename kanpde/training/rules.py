r"""Quadrature rules as points to train on: with their weights the loss is an integral.

.. math:: \tfrac12\sum_i\frac{w_i}{|\Omega|}\,r(x_i)^2\to\frac1{2|\Omega|}\int_\Omega r^2

Evenly spread points have equal weights; those of a rule have their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.geometry import Instant, Lateral, as_box, as_face
from kanpde.geometry.sampling import tensor_points

Places = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Points (N, D), outward normals (N, D) and positive weights (N,)."""


class Rule(ABC):
    """Points and weights of integrals over domains and pieces of their boundaries."""

    @abstractmethod
    def inside(self, domain: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return at least so many points (N, D) in a domain and their weights (N,).

        Raises:
            ValueError: if there is no such rule for the domain.
        """

    @abstractmethod
    def on(self, piece: Any, count: int) -> Places:
        """Return at least so many points of a piece of a boundary, normals and weights.

        Raises:
            ValueError: if there is no such rule for the piece.
        """


@dataclass(frozen=True)
class Gauss(Rule):
    """Gauss rules: of boxes, balls, polyhedra, curves and their products with time.

    On boxes it is the tensor product of Gauss and Legendre's rule.

    >>> from kanpde.geometry import Interval
    >>> points, weights = Gauss().inside(Interval(x=(0, 3)), 2)
    >>> round(float(weights @ points[:, 0] ** 2), 12)
    9.0
    """

    def inside(self, domain: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return points and weights in a domain; see :class:`Rule`."""
        each = _each(count, domain.dimension)
        while True:  # each shape counts its points in its own way
            try:
                points, weights = domain.quadrature(each)
            except ValueError as error:
                raise ValueError(f"sampler=Gauss(): {error} Take sampler=Sobol().") from None
            if len(points) >= count:
                return points, weights
            each += 1

    def on(self, piece: Any, count: int) -> Places:
        """Return points, normals and weights on a piece; see :class:`Rule`."""
        return _on_piece(piece, count, lambda n: np.polynomial.legendre.leggauss(n), self)


@dataclass(frozen=True)
class Fejer(Rule):
    """Fejér's first rule on boxes: Chebyshev points, which crowd at the faces, with weights.

    Fejér, Math. Z. 37 (1933); the weights are positive, and n points integrate polynomials of
    degree n - 1 exactly.

    >>> from kanpde.geometry import Interval
    >>> points, weights = Fejer().inside(Interval(x=(0, 3)), 3)
    >>> round(float(weights @ points[:, 0] ** 2), 12)
    9.0
    """

    def inside(self, domain: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return points and weights in a box; see :class:`Rule`."""
        box = as_box(domain)
        if box is None:
            raise ValueError(
                f"sampler=Fejer() is for boxes; {domain!r} is none. Take Gauss() or Sobol()."
            )
        unit, weights = _tensor(_fejer, _each(count, box.dimension), box.dimension)
        return box.lower + (box.upper - box.lower) * unit, box.measure * weights

    def on(self, piece: Any, count: int) -> Places:
        """Return points, normals and weights on a face; see :class:`Rule`."""
        return _on_piece(piece, count, _fejer, self)


Line = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""A rule of n points on [-1, 1]: points and weights."""


def _on_piece(piece: Any, count: int, line: Line, rule: Rule) -> Places:
    """Return a rule for a piece, by the rule of a line where the piece is a product of lines."""
    face = as_face(piece)
    if face is not None:
        return _on_face(face, count, line)
    if isinstance(piece, Instant):
        assert piece.space is not None
        places, weights = rule.inside(piece.space, count)
        points = np.pad(places, ((0, 0), (0, 1)), constant_values=piece.value)
        normals = np.zeros_like(points)
        normals[:, -1] = piece.side
        return points, normals, weights
    if isinstance(piece, Lateral):
        return _through_time(piece, count, line, rule)
    if isinstance(rule, Fejer):
        raise ValueError(f'sampler=Fejer() is for boxes; "{piece.name}" is no face of one.')
    each = count if piece.curve is not None else _each(count, piece.dimension - 1)
    try:
        return piece.quadrature(each)
    except ValueError as error:
        raise ValueError(f"sampler=Gauss(): {error} Take sampler=Sobol().") from None


def _on_face(face: Any, count: int, line: Line) -> Places:
    free = np.arange(face.dimension) != face.axis
    points = np.full((1, face.dimension), float(face.value))
    weights = np.ones(1)
    if free.any():
        unit, weights = _tensor(line, _each(count, int(free.sum())), int(free.sum()))
        low, high = face.box.lower[free], face.box.upper[free]
        points = np.full((len(unit), face.dimension), float(face.value))
        points[:, free] = low + (high - low) * unit
    normals = np.zeros_like(points)
    normals[:, face.axis] = face.side
    return points, normals, face.measure * weights


def _through_time(piece: Lateral, count: int, line: Line, rule: Rule) -> Places:
    """Return the product of a rule for a piece of space and one for time."""
    moments = _each(count, piece.dimension - 1)
    time = piece.domain.time
    places, normals, in_space = _on_piece(piece.piece, max(1, -(-count // moments)), line, rule)
    unit, in_time = _tensor(line, moments, 1)
    times = time.start + (time.end - time.start) * unit[:, 0]
    n, m = len(places), len(times)
    points = np.column_stack([np.repeat(places, m, axis=0), np.tile(times, n)])
    outward = np.pad(np.repeat(normals, m, axis=0), ((0, 0), (0, 1)))
    return points, outward, np.outer(in_space, time.measure * in_time).ravel()


def _tensor(line: Line, n: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the product rule of the unit cube: points (n^D, D) and weights that sum to one."""
    nodes, weights = line(n)
    product = tensor_points([weights / 2] * dimension).prod(axis=1)
    return tensor_points([(nodes + 1) / 2] * dimension), product


def _fejer(n: int) -> tuple[np.ndarray, np.ndarray]:
    angles = (np.arange(n) + 0.5) * np.pi / n
    j = np.arange(1, n // 2 + 1)
    waves = np.cos(2 * np.outer(angles, j)) / (4 * j**2 - 1)
    return np.cos(angles), (2 / n) * (1 - 2 * waves.sum(axis=1))


def _each(count: int, dimension: int) -> int:
    """Return how many points along each of D coordinates make at least so many."""
    each = max(1, round(count ** (1 / max(dimension, 1))))
    return each if each**dimension >= count else each + 1
