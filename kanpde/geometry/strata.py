"""Planes and spheres in space, and the lines, circles and points in which they meet.

Both are zero sets of a |x|^2 + b x + c, and stay so on affine subspaces. What some of them share is
again a subspace or a sphere in one, so nearest points and extreme places have closed forms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import final

import numpy as np

_PARALLEL = 1e-12
"""A gradient shorter than this, relative to the sheet's, is zero."""

_MOST = 20000
"""Common sets of sheets that are listed at most."""


@final
@dataclass(frozen=True, eq=False)
class Sheet:
    """Where a |x|^2 + b x + c vanishes: a plane (a = 0, b of unit length) or a sphere (a = 1).

    Args:
        a: zero or one.
        b: (D,).
        c: a number.
    """

    a: float
    b: np.ndarray
    c: float

    @staticmethod
    def plane(place: np.ndarray, normal: np.ndarray) -> Sheet:
        """Return the plane through a place with a unit normal."""
        return Sheet(0.0, normal, float(-normal @ place))

    @staticmethod
    def sphere(centre: np.ndarray, radius: float) -> Sheet:
        """Return the sphere about a centre."""
        return Sheet(1.0, -2 * centre, float(centre @ centre - radius**2))

    def on(self, place: np.ndarray, axes: np.ndarray) -> Sheet:
        """Return the sheet in the coordinates w of a subspace x = place + axes w, axes (D, K)."""
        b = axes.T @ (self.b + 2 * self.a * place)
        return Sheet(self.a, b, float((self.a * place + self.b) @ place + self.c))

    def sliced(self, value: float) -> Sheet:
        """Return what is left where the first coordinate has a value."""
        return Sheet(self.a, self.b[1:], (self.a * value + float(self.b[0])) * value + self.c)

    def normals(self, points: np.ndarray) -> np.ndarray:
        """Return the unit gradients at points (N, D)."""
        gradient = 2 * self.a * points + self.b
        return gradient / np.linalg.norm(gradient, axis=1, keepdims=True)

    def roots(self, points: np.ndarray) -> np.ndarray:
        """Return the last coordinate on lines through points (N, D - 1), (N, 1) or (N, 2).

        It is not a number where a line misses the sheet.
        """
        slope = self.b[-1]
        level = points @ self.b[:-1] + self.a * (points**2).sum(axis=1) + self.c
        if self.a == 0:
            steep = abs(slope) > _PARALLEL
            return (-level / slope if steep else np.full(len(points), np.nan))[:, None]
        with np.errstate(invalid="ignore"):
            half = np.sqrt(slope**2 / 4 - level)
        return np.stack([-slope / 2 - half, -slope / 2 + half], axis=1)


@final
@dataclass(frozen=True, eq=False)
class Stratum:
    """A sphere in an affine subspace, or the subspace: what some sheets share.

    Args:
        centre: (D,), a place of the subspace.
        axes: orthonormal columns that span it, (D, K).
        radius: of the sphere about the centre; infinite for the subspace itself.
        sheets: the numbers of the sheets, increasing.
    """

    centre: np.ndarray
    axes: np.ndarray
    radius: float
    sheets: tuple[int, ...]

    def meet(self, sheet: Sheet, number: int) -> Stratum | None:
        """Return what is shared with another sheet, None if nothing or nothing smaller."""
        own, called = sheet.on(self.centre, self.axes), (*self.sheets, number)
        if own.a and np.isinf(self.radius):
            middle = -own.b / 2
            square = float(middle @ middle) - own.c
            if square < 0:
                return None
            return Stratum(self.centre + self.axes @ middle, self.axes, square**0.5, called)
        slope = float(np.linalg.norm(own.b))
        if slope <= _PARALLEL * (1 + np.linalg.norm(sheet.b)):
            return None
        level = own.c + (own.a * self.radius**2 if own.a else 0.0)
        away, direction = -level / slope, own.b / slope
        square = self.radius**2 - away**2
        if square < 0:
            return None
        left = np.linalg.svd(direction[None])[2][1:].T  # orthonormal, across the direction
        centre = self.centre + self.axes @ direction * away
        return Stratum(centre, self.axes @ left, float(np.sqrt(square)), called)

    @property
    def is_point(self) -> bool:
        """Whether it is a single place."""
        return self.axes.shape[1] == 0

    def ends(self) -> list[Stratum]:
        """Return its two points if it is a pair, else itself."""
        if self.axes.shape[1] != 1 or np.isinf(self.radius):
            return [self]
        step = self.radius * self.axes[:, 0]
        none = self.axes[:, :0]
        return [Stratum(self.centre + s * step, none, 0.0, self.sheets) for s in (-1, 1)]

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """Return the places nearest to points (N, D)."""
        within = (points - self.centre) @ self.axes
        if np.isfinite(self.radius) and not self.is_point:
            length = np.linalg.norm(within, axis=1, keepdims=True)
            first = np.eye(1, within.shape[1])  # any direction is nearest to the centre
            within = self.radius * np.where(length > 0, within / np.maximum(length, 1e-300), first)
        return self.centre + within @ self.axes.T

    def is_level(self, axis: int) -> bool:
        """Whether a coordinate has one value on it, though it is no single place."""
        return not self.is_point and float(np.linalg.norm(self.axes[axis])) <= _PARALLEL

    def extremes(self, axis: int) -> np.ndarray:
        """Return the places with the least and greatest value of a coordinate, (0 to 2, D).

        Where the coordinate has one value only it is that of the centre; see :meth:`is_level`.
        """
        row = self.axes[axis]
        tilt = float(np.linalg.norm(row))
        if self.is_point or tilt <= _PARALLEL:
            return self.centre[None]
        if np.isinf(self.radius):
            return np.empty((0, len(self.centre)))
        step = self.radius * self.axes @ (row / tilt)
        return np.stack([self.centre - step, self.centre + step])


def uneven(
    keeps: Callable[[np.ndarray], np.ndarray],
    places: np.ndarray,
    normals: np.ndarray,
    reach: float,
) -> np.ndarray:
    """Return at which places (N, D) on some sheets a predicate is not the same all around, (N,).

    It is asked next to the places on all combinations of sides of the sheets.

    Args:
        keeps: maps points (N, D) to (N,) bool; it may change at sheets only.
        places: (N, D).
        normals: of the K sheets that each lies on, (N, K, D).
        reach: how far next to a place is.
    """
    signs = np.array(list(product((-1.0, 1.0), repeat=normals.shape[1])))
    steps = np.linalg.pinv(normals) @ signs.T  # (N, D, 2^K)
    around = places[:, None] + reach * steps.transpose(0, 2, 1)
    kept = keeps(around.reshape(-1, places.shape[1])).reshape(len(places), len(signs))
    return np.asarray(kept.any(axis=1) & ~kept.all(axis=1))


def strata(sheets: Sequence[Sheet], dimension: int) -> Iterator[Stratum]:
    """Yield the sheets and what any of them share, large sets first.

    Raises:
        ValueError: if there are too many.
    """
    whole = Stratum(np.zeros(dimension), np.eye(dimension), np.inf, ())
    level, count = [whole], 0
    while level:
        found = []
        for stratum in level:
            first = stratum.sheets[-1] + 1 if stratum.sheets else 0
            for number in range(first, len(sheets)):
                shared = stratum.meet(sheets[number], number)
                if shared is None:
                    continue
                parts = shared.ends()
                count += len(parts)
                if count > _MOST:
                    raise ValueError(f"the faces meet in more than {_MOST} places.")
                yield from parts
                if not parts[0].is_point:
                    found.append(shared)
        level = found
