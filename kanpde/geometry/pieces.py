"""Pieces of boundaries: what every piece gives, and curves in the plane."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np

from kanpde.geometry.checks import checked_points
from kanpde.geometry.curves import Curve
from kanpde.geometry.sampling import (
    DEFAULT_SAMPLER,
    Sampler,
    checked_integer,
    checked_sampler,
    derived_seed,
)
from kanpde.geometry.strata import Sheet


class Piece(ABC):
    """A named smooth piece of the boundary; members are frozen dataclasses."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name by which messages and reports call the piece, e.g. ``"left"``."""

    @property
    @abstractmethod
    def aliases(self) -> tuple[str, ...]:
        """Return the other names that select the piece, e.g. ``("x=0",)``."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Return the dimension D of the space the piece lies in."""

    @property
    @abstractmethod
    def measure(self) -> float:
        """Return the area (2-D: length) of the piece; a point counts one."""

    @abstractmethod
    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) of the piece and the unit outward normals (n, D) there.

        A piece that is a single point returns that one point whatever n is.
        """

    @abstractmethod
    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, D) lie on the piece, (N,) bool.

        The tolerance is relative to the largest coordinate of the domain along each axis.
        """

    @property
    def curve(self) -> Curve | None:
        """The curve of a piece in the plane, the domain on its left; None in other dimensions."""
        return None

    def sheet(self, origin: np.ndarray) -> Sheet | None:
        """Return the plane or sphere that the piece is part of, its gradient outward; else None.

        Args:
            origin: the place that coordinates are measured from, (D,).
        """
        return None

    def unit(self, n: int, seed: int, sampler: Sampler) -> np.ndarray:
        """Return n fractions (n,) of a curve's length; pieces given one seed differ."""
        return checked_sampler(sampler).unit(n, 1, derived_seed(seed, self.stream))[:, 0]

    @property
    def stream(self) -> int:
        """Return a number that is the piece's own in its boundary."""
        return 0

    def spaced(self, n: int, *, crowd: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return n points in order along a piece in the plane and the outward normals, (n, 2) both.

        They are Chebyshev points of the parameter, off the ends; on a closed curve equal steps.

        Args:
            n: how many, at least 1.
            crowd: if not zero, half of the points come closer to the ends in equal ratios, the
                nearest at this fraction of the piece, for fields that are singular at corners.

        Raises:
            ValueError: for a piece that is no curve, or a fraction not in [0, 0.1].

        >>> from kanpde.geometry import Rectangle
        >>> points, normals = Rectangle(x=(0, 1), y=(0, 1)).boundary["right"].pieces[0].spaced(3)
        >>> points[:, 1].round(6).tolist(), (normals[0] + 0.0).tolist()
        ([0.066987, 0.5, 0.933013], [1.0, 0.0])
        """
        curve = self._needed_curve("spaced")
        t = spaced_parameters(n, crowd, closed=curve.is_closed)
        return curve.point(t), curve.normal(t)

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return points (N, 2), outward normals (N, 2) and weights (N,) of about n points.

        The weights integrate by arc length and sum to the measure; N >= n.

        Raises:
            ValueError: for n below one, or a piece that is no curve.
        """
        curve = self._needed_curve("quadrature")
        t, weights = curve.rule(checked_integer("n", n, least=1))
        return curve.point(t), curve.normal(t), weights

    def _needed_curve(self, method: str) -> Curve:
        if self.curve is None:
            raise ValueError(
                f'"{self.name}" lies in {self.dimension} dimensions and is no plane curve, so it '
                f"has no {method}; use sample."
            )
        return self.curve


@final
@dataclass(frozen=True)
class PlanePiece(Piece):
    """A named curve on the boundary of a domain in the plane.

    Args:
        label: the name of the piece.
        others: other names that select it; several pieces may share one.
        path: the curve, the domain on its left.
        names: of the coordinates.
        scale: the largest coordinate of the domain in magnitude, to which tolerances relate.
        index: of the piece in its boundary, so that pieces given one seed are independent.
    """

    label: str
    others: tuple[str, ...]
    path: Curve
    names: tuple[str, ...]
    scale: float
    index: int

    def __repr__(self) -> str:
        return f'PlanePiece("{self.label}", {self.path!r})'

    @property
    def name(self) -> str:
        """The name."""
        return self.label

    @property
    def aliases(self) -> tuple[str, ...]:
        """The other names."""
        return self.others

    @property
    def stream(self) -> int:
        """Return the index."""
        return self.index

    @property
    def curve(self) -> Curve:
        """The curve."""
        return self.path

    @property
    def dimension(self) -> int:
        """The dimension of the plane."""
        return 2

    @property
    def measure(self) -> float:
        """The length."""
        return self.path.length

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, 2) off the ends, spread by arc length, and unit outward normals."""
        t = self.path.even(self.unit(checked_integer("n", n, least=1), seed, sampler))
        return self.path.point(t), self.path.normal(t)

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, 2) are on the curve, (N,) bool; the scale is the domain's."""
        points = checked_points(points, self.names)
        found = np.zeros(len(points), dtype=bool)
        finite = np.flatnonzero(np.isfinite(points).all(axis=1))
        if len(finite):
            found[finite] = self.path.nearest(points[finite])[1] <= tolerance * self.scale
        return found


def spaced_parameters(n: int, crowd: float, *, closed: bool) -> np.ndarray:
    """Return n increasing numbers in (0, 1): see :meth:`Piece.spaced`."""
    n = checked_integer("n", n, least=1)
    if not 0.0 <= crowd <= 0.1:
        raise ValueError(
            f"crowd={crowd!r} must be the least distance from the ends relative to the piece, at "
            "most 0.1, such as 1e-6; zero for none."
        )
    if closed:
        return (np.arange(n) + 0.5) / n
    each = n // 4 if crowd else 0
    q = (np.arange(n - 2 * each) + 0.5) / (n - 2 * each)
    towards = np.geomspace(crowd, 0.2, each) if each else np.empty(0)
    return np.sort(np.concatenate([towards, np.sin(0.5 * np.pi * q) ** 2, 1.0 - towards]))
