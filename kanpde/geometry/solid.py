"""Unions, intersections and differences of domains in three dimensions and more.

What a point's side is follows from its sides of the operands. A piece of the boundary is what is
left of a piece of an operand: its points are those of the whole piece that lie on the boundary of
the combination. Where nothing is cut measures are exact, else averages over even points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import log2
from typing import Any, final

import numpy as np

from kanpde.geometry.checks import checked_points
from kanpde.geometry.cut_bodies import body_rule, distance, measured, part_rule
from kanpde.geometry.domain import Boundary, Domain
from kanpde.geometry.half_space import HalfSpace, Plane
from kanpde.geometry.pieces import Piece
from kanpde.geometry.sampling import (
    DEFAULT_SAMPLER,
    Grid,
    Sampler,
    Sobol,
    checked_integer,
    checked_sampler,
    derived_seed,
)
from kanpde.geometry.strata import Sheet

SYMBOLS = {"union": "|", "intersection": "&", "difference": "-"}

_SLACK = 1e-14
"""Distances below this, relative to the largest coordinate, are rounding."""

_LOOKS = 2**14
"""Points by which the share of a cut piece is known, to about 1e-3."""

_VOLUME_LOOKS = 2**18

_NEAR = 1e-10
"""Distance from a piece, relative to the largest coordinate, within which places are on it."""

_MOST_DRAWS = 2**24

_INSIDE, _ON, _OUTSIDE = -1, 0, 1


class Body(Domain):
    """A domain of which others may be cut off, or added to."""

    def __or__(self, other: Any) -> Solid:
        return combined("union", self, other)

    def __and__(self, other: Any) -> Solid:
        return combined("intersection", self, other)

    def __sub__(self, other: Any) -> Solid:
        return combined("difference", self, other)


@final
@dataclass(frozen=True, repr=False)
class Solid(Body):
    """A union, intersection or difference; write ``box - ball``, ``ball & half_space``.

    Pieces keep the names that they had. Those that came under one name are numbered ("sphere 1",
    "sphere 2"); the name itself selects them all. A piece of which less than 1e-4 is left may be
    missed.

    Args:
        operation: one of the keys of ``SYMBOLS``.
        first: a domain of three dimensions or more.
        second: another over the same coordinates, or a half-space.

    Raises:
        ValueError: if nothing is left.
    """

    operation: str
    first: Domain
    second: Domain | HalfSpace

    def __post_init__(self) -> None:
        if (self.lower >= self.upper).any() or not self._parts:
            raise ValueError(
                f"the {self.operation} of {self.first!r} and {self.second!r}: nothing is left: the "
                "shapes do not overlap as the operation needs."
            )

    def __repr__(self) -> str:
        first, second = repr(self.first), repr(self.second)
        if isinstance(self.first, Solid) and self.first.operation != self.operation:
            first = f"({first})"
        if isinstance(self.second, Solid):
            second = f"({second})"
        return f"{first} {SYMBOLS[self.operation]} {second}"

    def translated(self, **by: float) -> Solid:
        """Return a copy moved by the given lengths: ``solid.translated(x=1)``.

        Raises:
            ValueError: for a coordinate that is none.
        """
        first, second = (_moved(s, "translated", **by) for s in (self.first, self.second))
        return Solid(self.operation, first, second)

    def scaled(self, factor: float, **about: float) -> Solid:
        """Return a copy with all lengths times the factor, about a point (the origin).

        Raises:
            ValueError: for a factor that is not positive, or a coordinate that is none.
        """
        first, second = (_moved(s, "scaled", factor, **about) for s in (self.first, self.second))
        return Solid(self.operation, first, second)

    def rotated(self, angle: float, *, axis: Any = None, **about: float) -> Solid:
        """Return a copy turned about an axis; see :meth:`Box.rotated`."""
        first, second = (
            _moved(s, "rotated", angle, axis=axis, **about) for s in (self.first, self.second)
        )
        return Solid(self.operation, first, second)

    # What it is ------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the coordinates."""
        return self.first.names

    @cached_property
    def _corners(self) -> tuple[np.ndarray, np.ndarray]:
        """The corners of a box that holds the domain."""
        lower, upper = self.first.lower, self.first.upper
        if isinstance(self.second, HalfSpace):
            normal = np.array(self.second.normal)
            normal = -normal if self.operation == "difference" else normal
            axis = int(np.argmax(np.abs(normal)))
            if abs(normal[axis]) == 1.0:  # along an axis: the box is cut too
                end, cut = (upper, np.minimum) if normal[axis] > 0 else (lower, np.maximum)
                end[axis] = cut(end[axis], self.second.place[axis])
            return lower, upper
        if self.operation == "difference":
            return lower, upper
        others = self.second.lower, self.second.upper
        if self.operation == "union":
            return np.minimum(lower, others[0]), np.maximum(upper, others[1])
        return np.maximum(lower, others[0]), np.minimum(upper, others[1])

    @property
    def lower(self) -> np.ndarray:
        """Return the lower corner of a box that holds the domain, (D,)."""
        return self._corners[0].copy()

    @property
    def upper(self) -> np.ndarray:
        """Return the upper corner of a box that holds the domain, (D,)."""
        return self._corners[1].copy()

    @property
    def slack(self) -> float:
        """Return the distance that is rounding."""
        ends = [self.first.lower, self.first.upper]
        if not isinstance(self.second, HalfSpace):
            ends += [self.second.lower, self.second.upper]
        return _SLACK * float(np.abs(ends).max())

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return -1 inside, 0 on the boundary (within slack), 1 outside, for points (N, D).

        A point on the boundaries of both operands is settled by looking to all sides.
        """
        sides, doubtful = self._sides(points, slack)
        where = np.flatnonzero(doubtful)
        if len(where):
            d = self.dimension
            look = np.random.default_rng(0).normal(size=(16 * d, d))
            look *= 64 * slack / np.linalg.norm(look, axis=1, keepdims=True)
            around, _ = self._sides((points[where, None] + look).reshape(-1, d), slack / 16)
            answers = around.reshape(len(where), -1)
            for answer in (_INSIDE, _OUTSIDE):
                sides[where[((answers == answer) | (answers == _ON)).all(axis=1)]] = answer
        return sides

    def _sides(self, points: np.ndarray, slack: float) -> tuple[np.ndarray, np.ndarray]:
        first, second = self.first.side(points, slack), self.second.side(points, slack)
        doubtful = (first == _ON) & (second == _ON)
        if self.operation == "union":
            return np.minimum(first, second), doubtful
        return np.maximum(first, second if self.operation == "intersection" else -second), doubtful

    @cached_property
    def _parts(self) -> tuple[Part, ...]:
        """What is left of the pieces of the operands."""
        found = [(p, False) for p in self.first.boundary]
        if isinstance(self.second, HalfSpace):
            middle = (self.first.lower + self.first.upper) / 2
            reach = float(np.linalg.norm(self.first.upper - self.first.lower)) / 2
            found.append((Plane(self.second, tuple(middle.tolist()), reach), True))
        else:
            found += [(p, True) for p in self.second.boundary]
        kept = []
        for whole, is_second in found:
            points, normals = whole.sample(_LOOKS, seed=0, sampler=Sobol())
            share = float(self._keeps(points, normals, is_second).mean())
            if share > 0:
                kept.append((whole, is_second, share))
        bases = [_base(whole) for whole, _, _ in kept]
        count, seen, parts = Counter(bases), Counter[str](), []
        for (whole, is_second, share), base in zip(kept, bases, strict=True):
            seen[base] += 1
            label = base if count[base] == 1 else f"{base} {seen[base]}"
            parts.append(Part(whole, self, is_second, label, share))
        return tuple(parts)

    def _keeps(self, points: np.ndarray, normals: np.ndarray, is_second: bool) -> np.ndarray:
        """Return which points of a piece of an operand bound the combination, (N,) bool.

        Where pieces of both run along each other the first operand's is kept, if the combination
        is inside before it and outside behind it. Points on seams are dropped.
        """
        slack = 4 * self.slack
        if is_second:
            wanted = _OUTSIDE if self.operation == "union" else _INSIDE
            return self.first.side(points, slack) == wanted
        other = self.second.side(points, slack)
        keep = other == (_INSIDE if self.operation == "intersection" else _OUTSIDE)
        doubtful = np.flatnonzero(other == _ON)
        if len(doubtful):
            places, step = points[doubtful], 64 * slack * normals[doubtful]
            keep[doubtful] = self.side(places - step, slack) == _INSIDE
            keep[doubtful] &= self.side(places + step, slack) == _OUTSIDE
        return keep

    @property
    def boundary(self) -> Boundary:
        """Return what is left of the pieces of the operands, the first's first."""
        left = {part.base for part in self._parts}
        whole = [self.first.boundary]
        cut = [self.second.label] if isinstance(self.second, HalfSpace) else []
        if not isinstance(self.second, HalfSpace):
            whole.append(self.second.boundary)
        bases = [*(_base(p) for b in whole for p in b), *(g for b in whole for g in b.gone), *cut]
        gone = tuple(dict.fromkeys(b for b in bases if b not in left))
        note = " ".join(b.note for b in whole if b.note)
        return Boundary(self._parts, repr(self), gone, self.names, note=note)

    @cached_property
    def measure(self) -> float:
        """The volume: by quadrature where there is one, else known to about 1e-3."""
        exact = self._uncut_measure()
        if exact is not None:
            return exact
        try:
            return measured(lambda n: body_rule(self, n)[1])
        except ValueError:
            pass
        unit = Sobol().unit(_VOLUME_LOOKS, self.dimension, 0)
        width = self.upper - self.lower
        inside = self.side(self.lower + unit * width, self.slack) <= 0
        return float(np.prod(width) * inside.mean())

    def _uncut_measure(self) -> float | None:
        if isinstance(self.second, HalfSpace) or any(p.share < 1 for p in self._parts):
            return None
        counts = [sum(p.is_second is k for p in self._parts) for k in (False, True)]
        whole = [len(self.first.boundary), len(self.second.boundary)]
        both = [n == m for n, m in zip(counts, whole, strict=True)]
        first, second = self.first.measure, self.second.measure
        if self.operation == "difference":
            return first - second if all(both) else first if both[0] and not counts[1] else None
        if all(both):
            return first + second if self.operation == "union" else None
        if both[0] and not counts[1]:
            return first
        return second if both[1] and not counts[0] else None

    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points (N, D) to the boundary, (N,), negative inside.

        Raises:
            ValueError: if other than planes and spheres bound it.
        """
        points = checked_points(points, self.names)
        away = distance(self, points)
        return np.where(self.side(points, self.slack) < 0, -away, away)

    # Points ----------------------------------------------------------------------------------

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, D) lie in the closed domain, (N,) bool, up to rounding."""
        return self.side(checked_points(points, self.names), self.slack) <= 0

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return points (N, 3) inside and weights (N,) that sum to the measure.

        Iterated Gauss rules with n points between the places where faces begin, end or meet: exact
        for polynomials of degree 2 n - 3 between planes, converging geometrically where there are
        spheres.

        Raises:
            ValueError: for n below one, in other than three dimensions, or if other than planes
                and spheres bound the domain.

        >>> from kanpde.geometry import Ball
        >>> solid = Ball(x=0, y=0, z=0, radius=1) & Ball(x=1, y=0, z=0, radius=1)
        >>> float(solid.quadrature(12)[1].sum() / (5 * np.pi / 12)).__round__(9)
        1.0
        """
        return body_rule(self, checked_integer("n", n, least=1))

    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return n points (n, D) strictly inside: those of the bounding box that are (rejection).

        ``Grid`` may return more.

        Raises:
            ValueError: for n below one, a negative seed, a sampler that is none, or a domain too
                thin for it.
        """

        def inside(points: np.ndarray) -> np.ndarray:
            return self.side(points, self.slack) == _INSIDE

        return drawn_inside(self, inside, n, seed, sampler)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; ``domain_from_dict`` reads it."""
        return {
            "kind": "solid",
            "operation": self.operation,
            "first": self.first.to_dict(),
            "second": self.second.to_dict(),
        }


@final
@dataclass(frozen=True, repr=False)
class Part(Piece):
    """What is left of a piece in a combination.

    Args:
        whole: the piece of an operand.
        solid: the combination.
        is_second: whether it was the second operand's.
        label: its name now.
        share: how much of the measure is left.
    """

    whole: Piece
    solid: Solid
    is_second: bool
    label: str
    share: float

    def __repr__(self) -> str:
        return f'Part("{self.name}" of {self.solid!r})'

    @property
    def base(self) -> str:
        """Return the name it came with, without a number."""
        return _base(self.whole)

    @property
    def name(self) -> str:
        """Return the name, with a number if several pieces came under one."""
        return self.label

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return the name without a number, and what else selected the piece before."""
        own = () if self.label == self.base else (self.base,)
        before = tuple(a for a in self.whole.aliases if a not in (self.label, self.base))
        return (*own, *before)

    @property
    def dimension(self) -> int:
        """Return the dimension of the space."""
        return self.whole.dimension

    @cached_property
    def measure(self) -> float:
        """The area that is left: by quadrature where there is one, else known to about 1e-3."""
        if self.share < 1:
            try:
                return measured(lambda n: part_rule(self, n)[2])
            except ValueError:
                pass
        return self.share * self.whole.measure

    def sheet(self, origin: np.ndarray) -> Sheet | None:
        """Return the plane or sphere that it is part of."""
        return self.whole.sheet(origin)

    def kept(self, points: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which points (N, D) belong to the part, and the outward normals there.

        Args:
            points: on the plane, sphere or other surface that it is part of.
            normals: outward ones of the shape that first had the piece, (N, D).
        """
        if isinstance(self.whole, Part):
            kept, normals = self.whole.kept(points, normals)
        else:
            kept = self.whole.contains(points, _NEAR)
        kept = kept & self.solid._keeps(points, normals, self.is_second)
        return kept, self._flip * normals

    @property
    def _flip(self) -> float:
        """Minus one where the outside of the operand is the inside of the combination."""
        return -1.0 if self.is_second and self.solid.operation == "difference" else 1.0

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return points (N, 3), outward normals and weights (N,) that sum to the measure.

        Raises:
            ValueError: for n below one; of what is cut, in other than three dimensions or if other
                than planes and spheres are.
        """
        n = checked_integer("n", n, least=1)
        if self.share == 1:
            points, normals, weights = self.whole.quadrature(n)
            return points, self._flip * normals, weights
        return part_rule(self, n)

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) that are left, and unit outward normals (``Grid``: maybe more)."""
        n = checked_integer("n", n, least=1)
        own = derived_seed(seed, int(self.is_second), int(log2(_LOOKS)))
        draws = int(1.1 * n / self.share) + (16 if self.share < 1 else 0)
        while draws <= _MOST_DRAWS:
            points, normals = self.whole.sample(draws, seed=own, sampler=sampler)
            kept = self.solid._keeps(points, normals, self.is_second)
            points, normals = points[kept], normals[kept]
            if len(points) >= n:
                count = len(points) if isinstance(sampler, Grid) else n
                return points[:count], self._flip * normals[:count]
            draws *= 2
        raise ValueError(f'"{self.name}" is too small a part of its piece for {n} points.')

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, D) lie on what is left, (N,) bool."""
        points = checked_points(points, self.solid.names)
        on = self.whole.contains(points, tolerance)
        slack = tolerance * self.solid.slack / _SLACK
        on[on] = self.solid.side(points[on], slack) == _ON
        return on


def drawn_inside(
    domain: Domain,
    inside: Callable[[np.ndarray], np.ndarray],
    n: int,
    seed: int,
    sampler: Sampler,
) -> np.ndarray:
    """Return n points (n, D) inside a domain: those of the bounding box that are (rejection).

    Args:
        domain: the domain.
        inside: maps points (N, D) to which lie strictly inside, (N,) bool.
        n: how many; ``Grid`` may return more.
        seed: of the points.
        sampler: in the bounding box.

    Raises:
        ValueError: for n below one, a negative seed, a sampler that is none, or a domain too thin
            for it.
    """
    n, sampler = checked_integer("n", n, least=1), checked_sampler(sampler)
    width = domain.upper - domain.lower
    draws = int(1.05 * n * float(np.prod(width)) / max(domain.measure, 1e-300)) + 16
    while draws <= _MOST_DRAWS:
        points = domain.lower + sampler.unit(draws, domain.dimension, seed) * width
        points = points[inside(points)]
        if len(points) >= n:
            return points if isinstance(sampler, Grid) else points[:n]
        draws = int(draws * 1.5) + 16
    raise ValueError(f"{domain!r} is too thin for {n} points inside.")


def combined(operation: str, first: Domain, other: Any) -> Solid:
    """Return the combination of two domains of three dimensions or more.

    Raises:
        ValueError: for other coordinates, a union with a half-space, or if nothing is left.
    """
    if not isinstance(other, (Domain, HalfSpace)) or hasattr(other, "time"):
        return NotImplemented
    if other.names != first.names:
        raise ValueError(
            f"{first!r} has the coordinates {', '.join(first.names)}, {other!r} has "
            f"{', '.join(other.names)}; shapes combine over the same ones in the same order."
        )
    if first.dimension < 3:
        raise ValueError(
            f"{first!r} {SYMBOLS[operation]} {other!r}: in the plane write Disk, Polygon, ..., "
            "which combine exactly."
        )
    if isinstance(other, HalfSpace) and operation == "union":
        raise ValueError(f"{first!r} | {other!r} is not bounded; use & or -.")
    return Solid(operation, first, other)


def _base(piece: Piece) -> str:
    return piece.base if isinstance(piece, Part) else piece.name


def _moved(shape: Any, how: str, *given: float, **about: Any) -> Any:
    if not hasattr(shape, how):
        raise ValueError(f"{shape!r} cannot be {how}.")
    return getattr(shape, how)(*given, **about)
