"""What every shape gives: points inside, and a boundary made of named pieces with normals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from kanpde.geometry.curves import Curve, turn_between
from kanpde.geometry.sampling import (
    DEFAULT_SAMPLER,
    Sampler,
    checked_integer,
    checked_sampler,
    derived_seed,
)

_MOST_NAMES = 12
"""How many pieces an error message lists: all of a box in six dimensions."""


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
        >>> points[:, 1].round(6).tolist(), normals[0].tolist()
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
        n = checked_integer("n", n, least=1)
        unit = checked_sampler(sampler).unit(n, 1, derived_seed(seed, self.index))
        t = self.path.even(unit[:, 0])
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


@final
@dataclass(frozen=True)
class Corner:
    """Where two pieces of a plane boundary follow each other.

    Args:
        point: the place.
        angle: between the pieces through the inside, radians: pi/2 in a square, above pi where the
            corner is re-entrant, pi where the boundary goes on smoothly under another name.
        before: the name of the piece that arrives, the inside on its left.
        after: the name of the piece that leaves.
        direction: the angle from the first coordinate at which ``after`` leaves, radians; the
            inside lies between direction and direction + angle.
    """

    point: tuple[float, float]
    angle: float
    before: str
    after: str
    direction: float


@final
@dataclass(frozen=True)
class Hole:
    """A hole in a plane domain.

    Args:
        centre: a point of the hole far from the domain; of a disk its centre.
        radius: of the largest disk about the centre that meets the domain in no inner point.
        names: of the pieces around the hole.
    """

    centre: tuple[float, float]
    radius: float
    names: tuple[str, ...]


@final
@dataclass(frozen=True, repr=False)
class Boundary:
    """The boundary of a domain, or the part of it that some pieces make up.

    ``boundary["left"]`` and ``boundary["left", "top"]`` select a part by names or aliases (all
    pieces of that alias), ``boundary[0]`` by index.

    Args:
        pieces: at least one.
        domain_text: how messages call the domain.
        gone: names of pieces that an operation cut away, for messages.

    >>> from kanpde.geometry import Rectangle
    >>> boundary = Rectangle(x=(0, 1), y=(0, 2)).boundary
    >>> boundary["left", "y=2"].names, boundary.measure
    (('left', 'top'), 6.0)
    """

    pieces: tuple[Piece, ...]
    domain_text: str
    gone: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "pieces", tuple(self.pieces))
        if not self.pieces:
            raise ValueError(f"no piece of the boundary of {self.domain_text} was selected.")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the pieces."""
        return tuple(piece.name for piece in self.pieces)

    @property
    def measure(self) -> float:
        """Return the sum of the measures of the pieces."""
        return float(sum(piece.measure for piece in self.pieces))

    def __getitem__(self, keys: Any) -> Boundary:
        """Return the part that names, aliases or indices select, each piece once.

        Raises:
            ValueError: for a name or index of no piece; the message lists the pieces.
        """
        wanted = keys if isinstance(keys, (tuple, list)) else (keys,)
        pieces = dict.fromkeys(piece for key in wanted for piece in self._selected(key))
        return Boundary(tuple(pieces), self.domain_text, self.gone)

    def __contains__(self, item: object) -> bool:
        if isinstance(item, str):
            return any(item == p.name or item in p.aliases for p in self.pieces)
        return item in self.pieces

    def __iter__(self) -> Iterator[Piece]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    def __repr__(self) -> str:
        return f"{self.domain_text}.boundary[{', '.join(map(_quoted, self.names))}]"

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) and unit outward normals (n, D), spread evenly over the pieces.

        Each piece gets a share of n in proportion to its measure, and at least one point: fewer
        points than pieces cannot be had. A piece that is a single point contributes that point
        once, so an interval has two whatever n is. Pieces follow each other in order.

        Raises:
            ValueError: for n below one, a negative seed, or a sampler that is none.
        """
        parts = [
            piece.sample(count, seed=seed, sampler=sampler)
            for piece, count in zip(self.pieces, self._shares(n), strict=True)
        ]
        points, normals = zip(*parts, strict=True)
        return np.concatenate(points), np.concatenate(normals)

    def _shares(self, n: int) -> list[int]:
        """Return the number of points of each piece."""
        n = max(checked_integer("n", n, least=1), len(self.pieces))
        measures = np.array([piece.measure for piece in self.pieces])
        if not 0 < measures.sum() < np.inf:  # over- or underflow in very many dimensions
            measures = np.ones(len(measures))
        ideal = n * (measures / measures.sum())
        shares = np.maximum(np.floor(ideal).astype(np.int64), 1)
        while shares.sum() < n:
            shares[np.argmax(ideal - shares)] += 1
        while shares.sum() > n:
            shares[np.argmax(np.where(shares > 1, shares - ideal, -np.inf))] -= 1
        return [int(share) for share in shares]

    def _selected(self, key: Any) -> list[Piece]:
        """Return the piece of that name or index, or all pieces of that alias."""
        if isinstance(key, int) and not isinstance(key, bool):
            if -len(self.pieces) <= key < len(self.pieces):
                return [self.pieces[key]]
        else:
            named = [piece for piece in self.pieces if key == piece.name]
            found = named or [piece for piece in self.pieces if key in piece.aliases]
            if found:
                return found
        shown = [
            _quoted(p.name) + (f" ({', '.join(map(_quoted, p.aliases))})" if p.aliases else "")
            for p in self.pieces[:_MOST_NAMES]
        ]
        more = len(self.pieces) - len(shown)
        raise ValueError(
            f"{_quoted(key)} names no piece of the boundary of {self.domain_text}; "
            + (f"{_quoted(key)} was cut away; " if key in self.gone else "")
            + f"its pieces are: {', '.join(shown)}{f' and {more} more' if more else ''}."
        )


class Domain(ABC):
    """Where equations hold: a bounded set of D named coordinates; members are frozen dataclasses.

    Attributes:
        names: the coordinates, in the order of the columns of points.
    """

    names: tuple[str, ...]

    @property
    def dimension(self) -> int:
        """Return the number D of coordinates."""
        return len(self.names)

    @property
    @abstractmethod
    def lower(self) -> np.ndarray:
        """Return the lower corner of the bounding box, (D,)."""

    @property
    @abstractmethod
    def upper(self) -> np.ndarray:
        """Return the upper corner of the bounding box, (D,)."""

    @property
    @abstractmethod
    def measure(self) -> float:
        """Return the volume (1-D: length, 2-D: area) in the units of the coordinates."""

    @property
    @abstractmethod
    def boundary(self) -> Boundary:
        """Return the whole boundary, in named pieces."""

    @abstractmethod
    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, D) lie in the closed domain, (N,) bool."""

    @abstractmethod
    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return points (n, D) strictly inside the domain."""

    @property
    def loops(self) -> tuple[tuple[Piece, ...], ...]:
        """Return the closed loops of a plane domain, outer ones first; empty in other dimensions.

        Each is a tuple of pieces in order, the domain on their left.
        """
        return ()

    @property
    def corners(self) -> tuple[Corner, ...]:
        """Return where pieces of a plane boundary meet, loop by loop; else empty."""
        return ()

    @property
    def holes(self) -> tuple[Hole, ...]:
        """Return the holes of a plane domain; else empty."""
        return ()

    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points (N, D) to the boundary, (N,), negative inside.

        Raises:
            ValueError: where a shape has none.
        """
        raise ValueError(f"{self!r} has no signed distance.")

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return points (N, D) inside and weights (N,) that sum to the measure.

        Raises:
            ValueError: where a shape has none.
        """
        raise ValueError(f"{self!r} has no quadrature; average over domain.interior(n) instead.")

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description from which ``domain_from_dict`` makes an equal one."""


def checked_points(points: Any, names: tuple[str, ...]) -> np.ndarray:
    """Return points as a float64 array of shape (N, D).

    Raises:
        ValueError: for another shape.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != len(names):
        raise ValueError(
            f"points must have shape (N, {len(names)}), one column for each of "
            f"{', '.join(names)}; got {array.shape}."
        )
    return array


def _quoted(name: Any) -> str:
    return f'"{name}"' if isinstance(name, str) else repr(name)


def corners_of(loops: tuple[tuple[Piece, ...], ...]) -> tuple[Corner, ...]:
    """Return the corners of loops of plane pieces, in order; a single closed piece has none."""
    corners = []
    for loop in loops:
        for before, after in zip(loop[-1:] + loop[:-1], loop, strict=True):
            first, second = before.curve, after.curve
            if first is None or second is None or second.is_closed:
                continue
            arriving = first.derivative(np.array([1.0]), 1)[0]
            leaving = second.derivative(np.array([0.0]), 1)[0]
            point = second.ends[0]
            corners.append(
                Corner(
                    (float(point[0]), float(point[1])),
                    np.pi - turn_between(arriving, leaving),
                    before.name,
                    after.name,
                    float(np.arctan2(leaving[1], leaving[0])),
                )
            )
    return tuple(corners)
