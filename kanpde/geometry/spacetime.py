"""Time: an interval with a beginning, and the product of a space domain and such an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from kanpde.geometry.box import Box, Face
from kanpde.geometry.curves import Curve
from kanpde.geometry.domain import Boundary, Domain, Piece, checked_points
from kanpde.geometry.sampling import (
    DEFAULT_SAMPLER,
    Sampler,
    checked_integer,
    checked_sampler,
    derived_seed,
)

_STEP = 2**0.5 - 1
"""Its multiples modulo one are an even sequence, and so are the pairs with Sobol points: measured,
four times nearer to even than random pairs, where the golden ratio gives two."""


@final
@dataclass(frozen=True, init=False, repr=False)
class TimeInterval(Domain):
    """A range of time; by itself the domain of an ordinary differential equation.

    Its boundary is the piece ``"initial"``. The piece ``"final"`` is there by name,
    ``interval.boundary["final"]``, but is no part of the boundary as a whole: nothing is prescribed
    at the end of time unless one says so.

    Args:
        ranges: one coordinate, ``t=(start, end)``.

    Raises:
        ValueError: for another number of coordinates, or a range that is none.

    >>> interval = TimeInterval(t=(0, 2))
    >>> interval, interval.boundary.names
    (TimeInterval(t=(0, 2)), ('initial',))
    >>> interval.boundary["final"].sample(1)
    (array([[2.]]), array([[1.]]))
    """

    box: Box

    def __init__(self, /, **ranges: Any) -> None:
        if len(ranges) != 1:
            raise ValueError(
                f"TimeInterval needs exactly one coordinate, got {len(ranges)} "
                f"({', '.join(ranges)}); write TimeInterval(t=(0, 1))."
            )
        object.__setattr__(self, "box", Box(**ranges))

    def __repr__(self) -> str:
        return repr(self.box).replace("Interval", "TimeInterval", 1)

    def __rmul__(self, space: Any) -> SpaceTime:
        if not isinstance(space, Domain):
            return NotImplemented
        return SpaceTime(space, self)

    def __mul__(self, other: Any) -> SpaceTime:
        raise ValueError(
            f"{self!r} * {other!r}: space comes first; write Interval(x=(0, 1)) * {self!r}."
        )

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the name of the coordinate, as a tuple of one."""
        return self.box.names

    @property
    def time(self) -> TimeInterval:
        """Return the interval itself, as a space-time domain does."""
        return self

    @property
    def start(self) -> float:
        """Return the initial time."""
        return self.box.ranges[0][0]

    @property
    def end(self) -> float:
        """Return the final time."""
        return self.box.ranges[0][1]

    @property
    def lower(self) -> np.ndarray:
        """Return the initial time, (1,)."""
        return self.box.lower

    @property
    def upper(self) -> np.ndarray:
        """Return the final time, (1,)."""
        return self.box.upper

    @property
    def measure(self) -> float:
        """Return the duration."""
        return self.box.measure

    @property
    def boundary(self) -> Boundary:
        """Return the beginning; the end can be selected by the name "final"."""
        initial, end = Instant(None, self, -1), Instant(None, self, 1)
        return Boundary((initial,), repr(self), coordinates=self.names, further=(end,))

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, 1) lie in the closed interval, (N,) bool."""
        return self.box.contains(points)

    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return points (n, 1) strictly between start and end."""
        return self.box.interior(n, seed=seed, sampler=sampler)

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the Gauss rule of n moments: points (n, 1) and weights (n,)."""
        return self.box.quadrature(n)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; ``domain_from_dict`` reads it."""
        return {"kind": "time", "name": self.names[0], "start": self.start, "end": self.end}


@final
@dataclass(frozen=True, repr=False)
class SpaceTime(Domain):
    """The product of a space domain and a time interval; write ``space * TimeInterval(t=(0, 1))``.

    Coordinates are those of space, then time. The pieces of the boundary are those of space, by
    their names (all through time; normals have no time component), and ``"initial"``. The piece
    ``"final"`` can be selected by name but is no part of the boundary as a whole.

    Args:
        space: any domain without time.
        time: the interval.

    Raises:
        ValueError: if space is no domain, has time already, or has a coordinate of the same name.

    >>> from kanpde.geometry import Interval
    >>> domain = Interval(x=(-1, 1)) * TimeInterval(t=(0, 1))
    >>> domain.names, domain.boundary.names
    (('x', 't'), ('left', 'right', 'initial'))
    >>> domain.boundary["t=1"].names
    ('final',)
    """

    space: Domain
    time: TimeInterval

    def __post_init__(self) -> None:
        if not isinstance(self.space, Domain) or not isinstance(self.time, TimeInterval):
            raise ValueError(
                f"SpaceTime({self.space!r}, {self.time!r}) needs a domain and a TimeInterval; "
                "write Interval(x=(0, 1)) * TimeInterval(t=(0, 1))."
            )
        if hasattr(self.space, "time"):
            raise ValueError(f"{self.space!r} has a time already; multiply a space domain.")
        if self.time.names[0] in self.space.names:
            raise ValueError(
                f"{self.space!r} has a coordinate {self.time.names[0]!r}; time needs another name."
            )

    def __repr__(self) -> str:
        return f"{self.space!r} * {self.time!r}"

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the coordinates: those of space, then time."""
        return (*self.space.names, *self.time.names)

    @property
    def lower(self) -> np.ndarray:
        """Return the lower corner of the bounding box, (D,)."""
        return np.append(self.space.lower, self.time.start)

    @property
    def upper(self) -> np.ndarray:
        """Return the upper corner of the bounding box, (D,)."""
        return np.append(self.space.upper, self.time.end)

    @property
    def measure(self) -> float:
        """Return the measure of space times the duration."""
        return self.space.measure * self.time.measure

    @property
    def boundary(self) -> Boundary:
        """Return the pieces of space through time, and the beginning."""
        whole = self.space.boundary
        lateral = tuple(Lateral(piece, self) for piece in whole.pieces)
        further = tuple(Lateral(piece, self) for piece in whole.further)
        initial, end = (Instant(self.space, self.time, side) for side in (-1, 1))
        return Boundary(
            (*lateral, initial),
            repr(self),
            whole.gone,
            coordinates=self.names,
            further=(*further, end),
            note=whole.note,
        )

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, D) lie in the closed domain, (N,) bool."""
        points = checked_points(points, self.names)
        return self.space.contains(points[:, :-1]) & self.time.contains(points[:, -1:])

    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return points (n, D) strictly inside: of the box if space is one, else paired evenly."""
        box = as_box(self)
        if box is not None:
            return box.interior(n, seed=seed, sampler=sampler)
        inside = self.space.interior(n, seed=seed, sampler=sampler)
        return _with_times(inside, self.time, seed, sampler)

    @property
    def loops(self) -> tuple[tuple[Piece, ...], ...]:
        """Return the sides of a rectangle of space and time, from the initial one on; else none."""
        box = as_box(self)
        if box is None or box.dimension != 2:
            return ()
        left, right, initial = self.boundary.pieces
        return ((initial, right, self.boundary.further[-1], left),)

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rule of space times a Gauss rule of n moments: points (N, D), weights (N,)."""
        places, in_space = self.space.quadrature(n)
        moments, in_time = self.time.box.quadrature(n)
        points = np.column_stack(
            [np.repeat(places, len(moments), axis=0), np.tile(moments, (len(places), 1))]
        )
        return points, np.outer(in_space, in_time).ravel()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; ``domain_from_dict`` reads it."""
        return {
            "kind": "space-time",
            "space": self.space.to_dict(),
            "time": self.time.to_dict(),
        }


@final
@dataclass(frozen=True, repr=False)
class Lateral(Piece):
    """A piece of the boundary of space, all through time.

    Args:
        piece: of space.
        domain: the space-time domain.
    """

    piece: Piece
    domain: SpaceTime

    def __repr__(self) -> str:
        return f"{self.piece!r} * {self.domain.time!r}"

    @property
    def name(self) -> str:
        """Return the name of the piece of space."""
        return self.piece.name

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return the aliases of the piece of space."""
        return self.piece.aliases

    @property
    def dimension(self) -> int:
        """Return the number of coordinates of space and time."""
        return self.piece.dimension + 1

    @property
    def measure(self) -> float:
        """Return the measure of the piece times the duration."""
        return self.piece.measure * self.domain.time.measure

    @property
    def curve(self) -> Curve | None:
        """The side of a rectangle of space and time as a segment; else None."""
        face = as_face(self)
        return face.curve if face else None

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) and unit outward normals (n, D), whose time component is zero."""
        face = as_face(self)
        if face is not None:
            return face.sample(n, seed=seed, sampler=sampler)
        places, normals = self.piece.sample(n, seed=seed, sampler=sampler)
        if len(places) == 1:  # a single point of space is a line in space-time
            places, normals = (np.repeat(a, n, axis=0) for a in (places, normals))
        points = _with_times(places, self.domain.time, derived_seed(seed, 1), sampler)
        return points, np.pad(normals, ((0, 0), (0, 1)))

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, D) lie on the piece at some time, (N,) bool."""
        points = checked_points(points, self.domain.names)
        on_piece = self.piece.contains(points[:, :-1], tolerance)
        return on_piece & _within(self.domain.time, points[:, -1], tolerance)


@final
@dataclass(frozen=True, repr=False)
class Instant(Piece):
    """All of space at the first or at the last moment.

    Args:
        space: the space domain, or None for an ordinary differential equation.
        time: the interval.
        side: -1 for the first moment, +1 for the last.
    """

    space: Domain | None
    time: TimeInterval
    side: int

    def __repr__(self) -> str:
        where = repr(self.time) if self.space is None else f"{self.space!r} * {self.time!r}"
        return f'Instant("{self.name}" of {where})'

    @property
    def name(self) -> str:
        """Return "initial" or "final"."""
        return "initial" if self.side < 0 else "final"

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return the equation of the moment, e.g. ``("t=0",)``."""
        return Face(self.time.box, 0, self.side).aliases

    @property
    def dimension(self) -> int:
        """Return the number of coordinates of space and time."""
        return 1 + (self.space.dimension if self.space else 0)

    @property
    def value(self) -> float:
        """Return the moment."""
        return self.time.start if self.side < 0 else self.time.end

    @property
    def measure(self) -> float:
        """Return the measure of space; one without space."""
        return self.space.measure if self.space else 1.0

    @property
    def curve(self) -> Curve | None:
        """The side of a rectangle of space and time as a segment; else None."""
        face = as_face(self)
        return face.curve if face else None

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) at the moment and normals (n, D) along time.

        Without space it is one point, returned once whatever n is.
        """
        n = checked_integer("n", n, least=1)
        if self.space is None:
            return np.array([[self.value]]), np.array([[float(self.side)]])
        own_seed = derived_seed(seed, 2, int(self.side > 0))
        places = self.space.interior(n, seed=own_seed, sampler=sampler)
        points = np.pad(places, ((0, 0), (0, 1)), constant_values=self.value)
        normals = np.zeros_like(points)
        normals[:, -1] = self.side
        return points, normals

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, D) lie in space at the moment, (N,) bool."""
        names = (*(self.space.names if self.space else ()), *self.time.names)
        points = checked_points(points, names)
        slack = tolerance * max(abs(self.time.start), abs(self.time.end))
        at_moment = np.abs(points[:, -1] - self.value) <= slack
        return at_moment & self.space.contains(points[:, :-1]) if self.space else at_moment


def as_box(domain: Any) -> Box | None:
    """Return the domain as a box of all its coordinates, or None if it is none.

    >>> from kanpde.geometry import Interval
    >>> as_box(Interval(x=(-1, 1)) * TimeInterval(t=(0, 2)))
    Rectangle(x=(-1, 1), t=(0, 2))
    """
    if isinstance(domain, Box):
        return domain
    if isinstance(domain, TimeInterval):
        return domain.box
    if isinstance(domain, SpaceTime) and isinstance(domain.space, Box):
        ranges = (*domain.space.ranges, *domain.time.box.ranges)
        return Box(**dict(zip(domain.names, ranges, strict=True)))
    return None


def as_face(piece: Any) -> Face | None:
    """Return the piece as a face of the box of all coordinates, or None if it is none."""
    if isinstance(piece, Face):
        return piece
    if isinstance(piece, Lateral) and isinstance(piece.piece, Face):
        box = as_box(piece.domain)
        return Face(box, piece.piece.axis, piece.piece.side) if box else None
    if isinstance(piece, Instant):
        box = as_box(piece.time if piece.space is None else piece.space * piece.time)
        return Face(box, box.dimension - 1, piece.side) if box else None
    return None


def _within(time: TimeInterval, moments: np.ndarray, tolerance: float) -> np.ndarray:
    slack = tolerance * max(abs(time.start), abs(time.end))
    return (moments >= time.start - slack) & (moments <= time.end + slack)


def _with_times(places: np.ndarray, time: TimeInterval, seed: int, sampler: Sampler) -> np.ndarray:
    """Give every place (n, D - 1) a moment of the sampler: (n, D).

    The moments are dealt out in the order of the multiples of an irrational number, so that
    neighbouring places get moments far apart and the pairs fill space-time evenly.
    """
    moments = time.interior(len(places), seed=seed, sampler=checked_sampler(sampler))[:, 0]
    shift = np.random.default_rng(seed).random()
    order = np.argsort(np.argsort((shift + _STEP * np.arange(len(places))) % 1.0))
    return np.column_stack([places, np.sort(moments)[order]])
