"""Rotations of space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, sin
from typing import Any, final

import numpy as np

from kanpde.geometry.checks import checked_number, checked_vector

Matrix = tuple[tuple[float, ...], ...]


@final
@dataclass(frozen=True)
class Turn:
    """The rotation x -> matrix x + shift of space.

    Args:
        matrix: orthogonal, (3, 3), without mirror.
        shift: (3,).
    """

    matrix: Matrix
    shift: tuple[float, ...]

    @staticmethod
    def about(
        angle: float, axis: Any, about: Mapping[str, float], names: Sequence[str], what: str
    ) -> Turn:
        """Return the rotation by radians, counter-clockwise as seen from the tip of the axis.

        Args:
            angle: radians.
            axis: a direction, three numbers not all zero, or the name of a coordinate.
            about: a point of the axis by coordinates; the origin where not given.
            names: the coordinates.
            what: how messages call what is turned.

        Raises:
            ValueError: in other than three dimensions, without an axis, or for a strange name.
        """
        if len(names) != 3:
            raise ValueError(
                f"{what} has {len(names)} coordinates; only what lies in the plane or in space of "
                "three can be rotated."
            )
        angle = checked_number("rotated", "angle", angle)
        if isinstance(axis, str) and axis in names:
            axis = np.eye(3)[list(names).index(axis)]
        try:
            direction = np.asarray(axis, dtype=np.float64)
        except (TypeError, ValueError):
            direction = np.empty(0)
        size = float(np.linalg.norm(direction))
        if direction.shape != (3,) or not 0 < size < np.inf:
            raise ValueError(
                f"rotated(axis={axis!r}): the axis must be three numbers, not all zero, such as "
                f'(0, 0, 1), or one of the coordinates, such as "{names[-1]}".'
            )
        x, y, z = direction / size
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        matrix = np.eye(3) + sin(angle) * cross + (1 - cos(angle)) * cross @ cross
        matrix = np.where(np.abs(matrix) < 1e-16, 0.0, matrix)
        place = checked_vector("rotated", dict(about), tuple(names))
        return Turn.of(matrix, place - matrix @ place)

    @staticmethod
    def of(matrix: np.ndarray, shift: np.ndarray) -> Turn:
        """Return the rotation of arrays."""
        return Turn(tuple(tuple(row) for row in matrix.tolist()), tuple(shift.tolist()))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return where points (N, 3) come to lie."""
        return points @ np.array(self.matrix).T + self.shift

    def vectors(self, vectors: np.ndarray) -> np.ndarray:
        """Return how directions (N, 3) are turned."""
        return vectors @ np.array(self.matrix).T

    def back(self, points: np.ndarray) -> np.ndarray:
        """Return where points (N, 3) came from."""
        return (points - self.shift) @ np.array(self.matrix)

    def then(self, other: Turn) -> Turn:
        """Return this rotation followed by another."""
        matrix = np.array(other.matrix)
        return Turn.of(matrix @ np.array(self.matrix), matrix @ self.shift + other.shift)
