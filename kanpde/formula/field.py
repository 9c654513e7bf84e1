"""A solved field as Chebyshev series on a box, with the size of its error: what is identified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.polynomial import chebyshev
from scipy.fft import dct

from kanpde.formula.sampled import Sampled
from kanpde.formula.template import rms

DEGREES = {1: (24, 48, 96, 192), 2: (16, 24, 36, 54, 80), 3: (10, 14, 20, 28), 4: (6, 9, 12)}
"""Degrees that are tried until the series has converged to the field's error, by dimension."""

LEAST_ERROR = 3e-15
"""No series of values in double precision is known better than that."""


class Readable(Protocol):
    """What templates are fitted to: values at scattered points of a box."""

    @property
    def dimension(self) -> int:
        """The number of coordinates."""

    @property
    def error(self) -> float:
        """Relative."""

    def scattered(self, n: int, *, seed: int = 5) -> np.ndarray:
        """Return random points (D, n)."""

    def derivative(self, order: tuple[int, ...], points: np.ndarray) -> np.ndarray:
        """Return two draws of a derivative at points (D, N), (2, N)."""


@dataclass(frozen=True)
class Field:
    r"""A function on a box, :math:`\sum_k c_k \prod_i T_{k_i}(s_i)`, known up to an error.

    Derivatives are exact derivatives of the series. The second of its two draws carries a random
    error of the size of the field's own in every coefficient that is resolved; what the two draws
    disagree by, in any combination of derivatives, is the noise there.

    Args:
        coefficients: of the two draws, (2, K_1 + 1, ..., K_D + 1).
        lower: ends of the box, (D,).
        upper: the other ends, (D,).
        error: relative to the root mean square of the field.
    """

    coefficients: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    error: float

    @property
    def dimension(self) -> int:
        """The number of coordinates."""
        return len(self.lower)

    @property
    def scale(self) -> float:
        """The root mean square of the field on the box."""
        return float(rms(self.derivative((0,) * self.dimension, self.scattered(200))[0]))

    def scattered(self, n: int, *, seed: int = 5) -> np.ndarray:
        """Return random points (D, n), a little away from the faces, where derivatives are worst.

        Args:
            n: how many.
            seed: of the random numbers.
        """
        unit = np.random.default_rng(seed).uniform(0.04, 0.96, (self.dimension, n))
        return self.lower[:, None] + unit * (self.upper - self.lower)[:, None]

    def axis(self, i: int, n: int) -> np.ndarray:
        """Return n Chebyshev points along an axis, (n,), ascending, within the same margin."""
        s = -np.cos(np.pi * (np.arange(n) + 0.5) / n)
        middle, half = (self.lower[i] + self.upper[i]) / 2, (self.upper[i] - self.lower[i]) / 2
        return middle + 0.94 * half * s

    def derivative(self, order: Sequence[int], points: np.ndarray) -> np.ndarray:
        """Return a derivative at points (D, N) for both draws, (2, N)."""
        c = self._differentiated(order)
        v = self._vandermonde(c, points)
        letters = "ijklab"[: self.dimension]
        terms = ",".join(f"n{letter}" for letter in letters)
        return np.stack([np.einsum(f"{terms},{letters}->n", *v, d, optimize=True) for d in c])

    def on_grid(self, order: Sequence[int], axes: Sequence[np.ndarray]) -> np.ndarray:
        """Return a derivative on the product of axes for both draws, (2, N_1, ..., N_D)."""
        c = self._differentiated(order)
        for i, axis in enumerate(axes):
            v = chebyshev.chebvander(self._unit(i, axis), c.shape[i + 1] - 1)
            c = np.moveaxis(np.tensordot(c, v, axes=(i + 1, 1)), -1, i + 1)
        return c

    def pure(self, i: int, highest: int, points: np.ndarray) -> np.ndarray:
        """Return the derivatives along one axis up to an order, (2, highest + 1, N)."""
        orders = [
            tuple(k if j == i else 0 for j in range(self.dimension)) for k in range(highest + 1)
        ]
        return np.stack([self.derivative(order, points) for order in orders], axis=1)

    def contracted(self, i: int, x: np.ndarray, weights: np.ndarray) -> Field:
        """Return the field of the other coordinates that sums this one over an axis with weights.

        Args:
            i: the axis.
            x: places on it, (n,).
            weights: (n,).
        """
        v = weights @ chebyshev.chebvander(self._unit(i, x), self.coefficients.shape[i + 1] - 1)
        c = np.tensordot(self.coefficients, v, axes=(i + 1, 0))
        rest = [j for j in range(self.dimension) if j != i]
        size = np.abs(c[0]).max() or 1.0
        grown = np.abs(self.coefficients[0]).max() * np.abs(weights).sum() / size
        error = min(self.error * max(1.0, grown), 1.0)
        return Field(c, self.lower[rest], self.upper[rest], error)

    def single(self, i: int) -> Sampled:
        """Return a field of one coordinate as a sampled function; of several, along axis i.

        Args:
            i: the axis along which derivatives are taken.
        """
        if self.dimension == 1:
            points = self.axis(0, 80)[None]
            return Sampled(points[0], self.pure(0, 6, points), self.error)
        points = self.scattered(500)
        return Sampled(points[i], self.pure(i, 5, points), self.error)

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Field | None:
        """Return the field of the values' images, or None where those are not finite."""

        def images(points: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                found = function(self.derivative((0,) * self.dimension, points.T)[0])
            return np.asarray(found)[:, None]

        middle = images(self.scattered(400).T)
        if np.iscomplexobj(middle) or not np.isfinite(middle).all():
            return None
        try:
            field = fields_of(images, self.lower, self.upper, self.error)[0]
        except (FloatingPointError, ValueError):
            return None
        return field if field.error < 1e-4 and np.isfinite(field.coefficients).all() else None

    def _unit(self, i: int, x: np.ndarray) -> np.ndarray:
        return (2 * x - self.lower[i] - self.upper[i]) / (self.upper[i] - self.lower[i])

    def _vandermonde(self, c: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
        return [
            chebyshev.chebvander(self._unit(i, points[i]), c.shape[i + 1] - 1)
            for i in range(self.dimension)
        ]

    def _differentiated(self, order: Sequence[int]) -> np.ndarray:
        c = self.coefficients
        for i, k in enumerate(order):
            if k:
                scale = 2 / (self.upper[i] - self.lower[i])
                c = chebyshev.chebder(c, int(k), scl=scale, axis=i + 1)
        return c


def fields_of(
    function: Callable[[np.ndarray], np.ndarray],
    lower: np.ndarray,
    upper: np.ndarray,
    error: float,
) -> list[Field]:
    """Return the Chebyshev series of each output of a function on a box.

    Args:
        function: of points (N, D), giving (N, outputs).
        lower: ends of the box, (D,).
        upper: the other ends.
        error: of the function, relative.

    Raises:
        ValueError: in more dimensions than a tensor grid pays in.
    """
    dimension = len(lower)
    if dimension not in DEGREES:
        raise ValueError(
            f"a formula is looked for in up to {max(DEGREES)} coordinates; the problem has "
            f"{dimension}."
        )
    error = max(error, LEAST_ERROR)
    for degree in DEGREES[dimension]:
        series = _series(function, lower, upper, degree)
        tails = [_tail(c) for c in series]
        if max(tails) < error:
            break
    return [
        _resolved(c, lower, upper, max(error, tail)) for c, tail in zip(series, tails, strict=True)
    ]


def _series(
    function: Callable[[np.ndarray], np.ndarray], lower: np.ndarray, upper: np.ndarray, degree: int
) -> list[np.ndarray]:
    n, dimension = degree + 1, len(lower)
    s = np.cos(np.pi * (np.arange(n) + 0.5) / n)
    axes = [a + (b - a) * (s + 1) / 2 for a, b in zip(lower, upper, strict=True)]
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    values = np.asarray(function(points), dtype=np.float64)
    series = []
    for column in values.T:
        c = column.reshape((n,) * dimension)
        for axis in range(dimension):
            c = dct(c, type=2, axis=axis) / n
            c[(slice(None),) * axis + (0,)] /= 2
        series.append(c)
    return series


def _tail(c: np.ndarray) -> float:
    """Return the size of the last coefficients along each axis, relative to the largest."""
    largest = np.abs(c).max() or 1.0
    n = c.shape[0]
    keep = max(2, n // 8)
    return float(max(np.abs(np.moveaxis(c, i, 0)[-keep:]).max() for i in range(c.ndim)) / largest)


def _resolved(c: np.ndarray, lower: np.ndarray, upper: np.ndarray, error: float) -> Field:
    """Cut the series where it sinks into its error, and draw that error."""
    size = np.abs(c)
    level = error * (size.max() or 1.0)
    cut = c
    for axis in range(c.ndim):
        along = np.moveaxis(size, axis, 0).reshape(c.shape[axis], -1).max(axis=1)
        above = np.flatnonzero(along > level)
        keep = int(above[-1]) + 2 if above.size else 1
        cut = cut[(slice(None),) * axis + (slice(0, max(2, keep)),)]
    noise = np.random.default_rng(1).normal(size=cut.shape) * level / np.sqrt(cut.size)
    return Field(np.stack([cut, cut + noise]), np.array(lower), np.array(upper), error)
