"""What every shape gives: points inside, and a boundary made of named pieces with normals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, cast, final

import numpy as np

from kanpde.geometry.checks import checked_points as checked_points
from kanpde.geometry.curves import turn_between
from kanpde.geometry.pieces import Piece
from kanpde.geometry.sampling import DEFAULT_SAMPLER, Sampler, checked_integer
from kanpde.geometry.selection import named_part, selected_parts

_MOST_NAMES = 12
"""How many pieces an error message lists: all of a box in six dimensions."""


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
        further: pieces that can be selected by name but are no part of the whole, such as the
            final moment of a space-time domain.
        note: what a message about names tells besides.
        gone: names of pieces that an operation cut away, for messages.
        coordinates: names of the columns of points, for :meth:`where`.

    >>> from kanpde.geometry import Rectangle
    >>> boundary = Rectangle(x=(0, 1), y=(0, 2)).boundary
    >>> boundary["left", "y=2"].names, boundary.measure
    (('left', 'top'), 6.0)
    """

    pieces: tuple[Piece, ...]
    domain_text: str
    gone: tuple[str, ...] = ()
    coordinates: tuple[str, ...] = ()
    further: tuple[Piece, ...] = ()
    note: str = ""

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
        return replace(self, pieces=tuple(pieces))

    def where(self, predicate: Any) -> Boundary:
        """Return the part of the boundary on which a predicate holds, to rounding.

        Pieces are cut where the predicate changes. In the plane the cut pieces are curves again,
        named by the part they are of, such as ``"top[0.5:1]"``; a stretch shorter than 1/2048 of
        its piece may be missed. Elsewhere points are kept by the predicate and the measure of a cut
        piece is an average over 4096 points.

        Args:
            predicate: a function of arrays by the names of coordinates, ``lambda x: x > 0``, or an
                expression of symbols with those names, ``(x > 0) & (y < 1)``.

        Raises:
            ValueError: if nothing is selected, or the predicate is none or has strange coordinates.

        >>> from kanpde.geometry import Rectangle
        >>> square = Rectangle(x=(-1, 1), y=(0, 1))
        >>> square.boundary.where(lambda x: x > 0.5).names
        ('right', 'bottom[0.75:1]', 'top[0:0.25]')
        """
        parts = selected_parts(predicate, self.pieces, self.coordinates)
        if not parts:
            raise ValueError(
                f"where({predicate!r}) selects nothing of the boundary of {self.domain_text}."
            )
        return replace(self, pieces=tuple(parts))

    def __contains__(self, item: object) -> bool:
        if isinstance(item, str):
            return any(item == p.name or item in p.aliases for p in self._selectable)
        return item in self._selectable or getattr(item, "whole", None) in self._selectable

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

    @property
    def _selectable(self) -> tuple[Piece, ...]:
        return (*self.pieces, *self.further)

    def _selected(self, key: Any) -> list[Piece]:
        """Return the piece of that name or index, or all pieces of that alias."""
        if isinstance(key, int) and not isinstance(key, bool):
            if -len(self.pieces) <= key < len(self.pieces):
                return [self.pieces[key]]
        else:
            named = [piece for piece in self._selectable if key == piece.name]
            found = named or [piece for piece in self._selectable if key in piece.aliases]
            if found:
                return found
            part = named_part(key, self._selectable)
            if part is not None:
                return [part]
        shown = [
            _quoted(p.name) + (f" ({', '.join(map(_quoted, p.aliases))})" if p.aliases else "")
            for p in self._selectable[:_MOST_NAMES]
        ]
        more = len(self._selectable) - len(shown)
        raise ValueError(
            f"{_quoted(key)} names no piece of the boundary of {self.domain_text}; "
            + (f"{_quoted(key)} was cut away; " if key in self.gone else "")
            + f"its pieces are: {', '.join(shown)}{f' and {more} more' if more else ''}."
            + (f" Note: {self.note}." if self.note else "")
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

    @property
    def mesh(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the nodes (N, D) and simplices (M, D + 1) the domain was made of, else None."""
        return None

    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points (N, D) to the boundary, (N,), negative inside.

        Raises:
            ValueError: where a shape has none.
        """
        raise ValueError(f"{self!r} has no signed distance.")

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return -1 inside, 0 on the boundary (within slack), 1 outside, for points (N, D)."""
        level = self.signed_distance(points)
        sides = np.where(level < 0, -1, 1).astype(np.int8)
        sides[np.abs(level) <= slack] = 0
        return sides

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the boundary points nearest to points (N, 2) of the plane, and outward normals.

        Raises:
            ValueError: for a domain that does not lie in the plane.

        >>> from kanpde.geometry import Disk
        >>> Disk(x=0, y=0, radius=1).nearest(np.array([[3.0, 4.0]]))[0].round(12).tolist()
        [[0.6, 0.8]]
        """
        curves = [piece.curve for loop in self.loops for piece in loop]
        if not curves:
            raise ValueError(f"{self!r} does not lie in the plane, so it has no nearest points.")
        points = np.asarray(points, dtype=np.float64)
        best, place, normal = np.full(len(points), np.inf), points.copy(), np.zeros_like(points)
        for curve in curves:
            assert curve is not None
            t, away = curve.nearest(points)
            closer = away < best
            best = np.where(closer, away, best)
            place[closer], normal[closer] = curve.point(t[closer]), curve.normal(t[closer])
        return place, normal

    def including(self, **parts: Any) -> Domain:
        """Return the domain with named curves or surfaces inside, to put conditions on.

        ``boundary["ring"]`` selects them, and so does ``on="ring"`` of a condition; they are no
        part of the boundary as a whole. Normals leave the shape, point to the right of a line, and
        are along the gradient of an expression.

        Args:
            parts: by name a domain over the same coordinates, whose boundary is meant; vertices of
                a line in the plane; or an expression that vanishes on the curve or surface.

        Raises:
            ValueError: for a piece that leaves the domain, a name that is taken, or what is no
                curve or surface.

        >>> from kanpde.geometry import Disk, Rectangle
        >>> square = Rectangle(x=(-1, 1), y=(-1, 1))
        >>> plate = square.including(ring=Disk(x=0, y=0, radius=0.5), cut=[(0.6, 0), (0.9, 0)])
        >>> plate.boundary["ring", "cut"].measure.__round__(6), plate.boundary.measure
        (3.441593, 8.0)
        """
        return cast(Domain, import_module("kanpde.geometry.inlaid").including(self, parts))

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return points (N, D) inside and weights (N,) that sum to the measure.

        Raises:
            ValueError: where a shape has none.
        """
        raise ValueError(f"{self!r} has no quadrature; average over domain.interior(n) instead.")

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description from which ``domain_from_dict`` makes an equal one."""


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
