"""Where points go in the unit cube: samplers are values, a seed decides, nothing is global."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from operator import index
from typing import Any, final

import numpy as np
from scipy.stats import qmc

_SMALLEST, _LARGEST = 2.0**-53, 1.0 - 2.0**-53
"""Ends of the open unit interval, symmetric; the second is the largest double below one."""

_MOST_VALUES = 10**8
"""Largest number of values a tensor rule may have (0.8 GB), so that a typing error stays cheap."""


class Sampler(ABC):
    """A rule that spreads points in the unit cube; a frozen value without state.

    A member writes :meth:`raw`; :meth:`unit` checks the arguments and keeps the cube open.
    """

    @abstractmethod
    def raw(self, n: int, dimension: int, seed: int) -> np.ndarray:
        """Return points in the closed unit cube, (n, dimension), the same for the same seed."""

    @final
    def unit(self, n: int, dimension: int, seed: int = 0) -> np.ndarray:
        """Return points in the open unit cube, shape (n, dimension), float64.

        Args:
            n: how many, at least 1 (:class:`Grid` may return more).
            dimension: of the cube, at least 1.
            seed: a non-negative integer; the same seed gives the same points.

        Raises:
            ValueError: for a count, dimension or seed that is no such integer.

        >>> Sobol().unit(5, 2, seed=0).shape
        (5, 2)
        """
        n = checked_integer("n", n, least=1)
        dimension = checked_integer("dimension", dimension, least=1)
        seed = checked_integer("seed", seed, least=0)
        points = np.asarray(self.raw(n, dimension, seed), dtype=np.float64)
        return np.clip(points, _SMALLEST, _LARGEST)


@final
@dataclass(frozen=True)
class Sobol(Sampler):
    """Scrambled Sobol points: the first n of the next power of two (Owen 1998; Joe, Kuo 2008).

    Even in every projection, and best when n is a power of two.
    """

    def raw(self, n: int, dimension: int, seed: int) -> np.ndarray:
        """Return the points; half a step of 2^-30 moves them off the lower faces."""
        engine = qmc.Sobol(dimension, scramble=True, bits=30, rng=np.random.default_rng(seed))
        return engine.random_base2((n - 1).bit_length())[:n] + 2.0**-31


@final
@dataclass(frozen=True)
class Halton(Sampler):
    """Scrambled Halton points: even for every n, in few dimensions (about ten)."""

    def raw(self, n: int, dimension: int, seed: int) -> np.ndarray:
        """Return the points."""
        return qmc.Halton(dimension, scramble=True, rng=np.random.default_rng(seed)).random(n)


@final
@dataclass(frozen=True)
class LatinHypercube(Sampler):
    """Random points with exactly one in each of n slices of every coordinate."""

    def raw(self, n: int, dimension: int, seed: int) -> np.ndarray:
        """Return the points."""
        return qmc.LatinHypercube(dimension, rng=np.random.default_rng(seed)).random(n)


@final
@dataclass(frozen=True)
class Uniform(Sampler):
    """Independent uniform random points."""

    def raw(self, n: int, dimension: int, seed: int) -> np.ndarray:
        """Return the points."""
        return np.random.default_rng(seed).random((n, dimension))


@final
@dataclass(frozen=True)
class Grid(Sampler):
    """The centres of a tensor grid of equal cells; the seed plays no part.

    Returns the smallest nearly equal-sided grid with at least n points, so n itself only when the
    grid fits (a square number in 2-D, ...), and never more than 2 n.

    >>> Grid().unit(4, 2).tolist()
    [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]]
    >>> len(Grid().unit(5, 2))
    6
    """

    def raw(self, n: int, dimension: int, seed: int) -> np.ndarray:
        """Return the points, the last coordinate running fastest."""
        return tensor_points([(np.arange(m) + 0.5) / m for m in _shape(n, dimension)])


@final
@dataclass(frozen=True)
class Chebyshev(Sampler):
    r"""Points that crowd towards the boundary like :math:`(1-\cos\pi q)/2`.

    In 1-D the Chebyshev nodes :math:`q=(k+1/2)/n` (the seed plays no part); in more dimensions
    q is a scrambled Sobol point.

    >>> Chebyshev().unit(2, 1).ravel().round(6).tolist()
    [0.146447, 0.853553]
    """

    def raw(self, n: int, dimension: int, seed: int) -> np.ndarray:
        """Return the points; sin^2 is the same map without cancellation near zero."""
        q = (np.arange(n)[:, None] + 0.5) / n if dimension == 1 else Sobol().raw(n, dimension, seed)
        return np.sin(0.5 * np.pi * q) ** 2


DEFAULT_SAMPLER = Sobol()
"""The sampler of every method that is not told another."""


def quadrature(n: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tensor Gauss-Legendre rule of the unit cube.

    Exact for polynomials of degree 2 n - 1 in each coordinate.

    Args:
        n: points along each coordinate.
        dimension: of the cube, D.

    Returns:
        points (n**D, D), inside the cube, and positive weights (n**D,) that sum to one.

    Raises:
        ValueError: for n or dimension below one, or for a rule too large to store.

    >>> points, weights = quadrature(3, 2)
    >>> float(weights @ (points[:, 0] ** 5 * points[:, 1])).__round__(12)
    0.083333333333
    """
    n = checked_integer("n", n, least=1)
    dimension = checked_integer("dimension", dimension, least=1)
    if dimension * n**dimension > _MOST_VALUES:
        raise ValueError(
            f"quadrature({n}, {dimension}) would have {n}**{dimension} points; "
            "take fewer along each coordinate, or average over Sobol() points."
        )
    nodes, weights = np.polynomial.legendre.leggauss(n)
    product = tensor_points([weights / 2] * dimension).prod(axis=1)
    return tensor_points([(nodes + 1) / 2] * dimension), product


def tensor_points(axes: list[np.ndarray]) -> np.ndarray:
    """Return all combinations of the values of D axes, (N, D), the last running fastest.

    >>> tensor_points([np.array([0.0, 1.0]), np.array([5.0])]).tolist()
    [[0.0, 5.0], [1.0, 5.0]]
    """
    counts = [len(axis) for axis in axes]
    points = np.empty((int(np.prod(counts)), len(axes)))
    repeats = len(points)
    for column, axis in enumerate(axes):
        repeats //= len(axis)
        cycle = np.repeat(axis, repeats)
        points[:, column] = np.tile(cycle, len(points) // len(cycle))
    return points


def derived_seed(seed: int, *key: int) -> int:
    """Return a seed that belongs to a part, so that parts given one seed are independent.

    Raises:
        ValueError: for a seed that is no non-negative integer.

    >>> derived_seed(0, 1) == derived_seed(0, 1), derived_seed(0, 1) == derived_seed(0, 2)
    (True, False)
    """
    sequence = np.random.SeedSequence(checked_integer("seed", seed, least=0), spawn_key=key)
    return int(sequence.generate_state(1, np.uint64)[0])


def checked_sampler(sampler: Any) -> Sampler:
    """Return a sampler that is one.

    Raises:
        ValueError: for a name or a class in its place.
    """
    if not isinstance(sampler, Sampler):
        raise ValueError(f"sampler={sampler!r} is no sampler; write a value such as Sobol().")
    return sampler


def checked_integer(name: str, value: Any, *, least: int) -> int:
    """Return an argument as a Python integer.

    Raises:
        ValueError: if it is none, or below the least.
    """
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {least}.")
    return number


def _shape(n: int, dimension: int) -> list[int]:
    """Return the sides of the grid: as equal as possible, product at least n."""
    side = round(n ** (1 / dimension))
    side = max(1, side - (side**dimension > n))
    shape = [side] * dimension
    size = side**dimension
    for axis in range(dimension):
        if size >= n:
            break
        shape[axis] += 1
        size = size // side * (side + 1)
    return shape
