"""Curves and surfaces on which an expression vanishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np

from kanpde.geometry.checks import checked_points
from kanpde.geometry.pieces import Piece
from kanpde.geometry.sampling import (
    DEFAULT_SAMPLER,
    Sampler,
    Sobol,
    checked_integer,
    checked_sampler,
    derived_seed,
)

if TYPE_CHECKING:
    from kanpde.geometry.domain import Domain

_BAND = 0.02
"""Distance from the set, relative to the domain, within which points are projected to it."""
_LOOKS = 2**17
_MOST_DRAWS = 2**24
_STEPS = 30
_ON = 1e-12


@final
@dataclass(frozen=True, repr=False)
class LevelSet(Piece):
    """The part in a domain of the set on which an expression vanishes.

    Points are drawn in a thin band about it and moved to the nearest place of the set, which
    spreads them evenly where the set is bent less than the band is thin. Normals are along the
    gradient. The measure is the volume of the band over its thickness, known to about 1 %.

    Args:
        expression: of sympy, in the coordinates.
        label: the name of the piece.
        host: the domain.

    Raises:
        ValueError: for a strange symbol, or if the expression vanishes nowhere in the domain.
    """

    expression: Any
    label: str
    host: Domain = field(compare=False)

    def __post_init__(self) -> None:
        strange = {s.name for s in self.expression.free_symbols} - set(self.host.names)
        if strange or not self.expression.free_symbols:
            raise ValueError(
                f"including({self.label}={self.expression}): {', '.join(sorted(strange)) or 'it'} "
                f"is no coordinate of {self.host!r}; use {', '.join(self.host.names)}."
            )
        if not self._share:
            raise ValueError(
                f"including({self.label}={self.expression}): it vanishes nowhere in {self.host!r}."
            )

    def __repr__(self) -> str:
        return f'LevelSet("{self.label}": {self.expression} = 0)'

    @property
    def name(self) -> str:
        """Return the name."""
        return self.label

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    @property
    def dimension(self) -> int:
        """Return the dimension of the space."""
        return self.host.dimension

    @cached_property
    def _functions(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        from sympy import lambdify  # only who has an expression needs it, and has it loaded

        by_name = {s.name: s for s in self.expression.free_symbols}
        own = [by_name.get(name, name) for name in self.host.names]
        slopes = [self.expression.diff(s) if not isinstance(s, str) else 0 for s in own]
        return lambdify(own, self.expression, "numpy"), lambdify(own, slopes, "numpy")

    def _values(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the expression (N,) and its gradient (N, D)."""
        value, slopes = self._functions
        with np.errstate(all="ignore"):
            found = np.broadcast_to(value(*points.T), len(points))
            gradient = [np.broadcast_to(g, len(points)) for g in slopes(*points.T)]
        return found.astype(np.float64), np.stack(gradient, axis=1).astype(np.float64)

    @property
    def _width(self) -> float:
        return _BAND * float(np.linalg.norm(self.host.upper - self.host.lower))

    def _projected(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the nearest places of the set to the points (N, D) in the band, and normals."""
        width = self._width
        value, gradient = self._values(points)
        steep = np.linalg.norm(gradient, axis=1)
        start = points[np.abs(value) <= 2 * width * steep]
        place = start.copy()
        for _ in range(_STEPS):  # to the set, and along it to the foot of the perpendicular
            value, gradient = self._values(place)
            square = np.maximum((gradient**2).sum(axis=1), 1e-300)
            back = start - place
            along = back - ((back * gradient).sum(axis=1) / square)[:, None] * gradient
            place = place + along - (value / square)[:, None] * gradient
        for _ in range(3):
            value, gradient = self._values(place)
            square = np.maximum((gradient**2).sum(axis=1), 1e-300)
            place = place - (value / square)[:, None] * gradient
        value, gradient = self._values(place)
        steep = np.linalg.norm(gradient, axis=1)
        scale = float(np.abs([self.host.lower, self.host.upper]).max())
        with np.errstate(invalid="ignore"):
            good = np.abs(value) <= 1e-10 * scale * steep
            good &= np.linalg.norm(place - start, axis=1) <= width
        place, normals = place[good], gradient[good] / steep[good, None]
        inside = self.host.contains(place)
        return place[inside], normals[inside]

    def _drawn(self, n: int, seed: int, sampler: Sampler) -> tuple[np.ndarray, np.ndarray]:
        lower, upper = self.host.lower - self._width, self.host.upper + self._width
        unit = sampler.unit(n, self.dimension, seed)
        return self._projected(lower + unit * (upper - lower))

    @cached_property
    def _share(self) -> float:
        """The part of a box about the domain from which points come to lie on the set."""
        return len(self._drawn(_LOOKS, 0, Sobol())[0]) / _LOOKS

    @cached_property
    def measure(self) -> float:
        """The area (2-D: length), known to about 1 %."""
        width = self.host.upper - self.host.lower + 2 * self._width
        return self._share * float(np.prod(width)) / (2 * self._width)

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) of the set and unit normals (n, D) along the gradient."""
        n, sampler = checked_integer("n", n, least=1), checked_sampler(sampler)
        draws = int(1.2 * n / self._share) + 64
        while draws <= _MOST_DRAWS:
            points, normals = self._drawn(draws, derived_seed(seed, 0), sampler)
            if len(points) >= n:
                keep = np.linspace(0, len(points) - 1, n).astype(int)
                return points[keep], normals[keep]
            draws *= 2
        raise ValueError(f'"{self.name}" is too small a set for {n} points.')

    def contains(self, points: np.ndarray, tolerance: float = _ON) -> np.ndarray:
        """Return which points (N, D) lie on the set, (N,) bool."""
        points = checked_points(points, self.host.names)
        value, gradient = self._values(points)
        scale = float(np.abs([self.host.lower, self.host.upper]).max())
        near = np.abs(value) <= tolerance * scale * np.linalg.norm(gradient, axis=1)
        return near & self.host.contains(points)
