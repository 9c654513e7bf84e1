"""Domains in space turned about an axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, final

import numpy as np

from kanpde.geometry.checks import checked_number, checked_points, checked_vector
from kanpde.geometry.domain import Boundary, Domain
from kanpde.geometry.pieces import Piece
from kanpde.geometry.sampling import DEFAULT_SAMPLER, Sampler
from kanpde.geometry.solid import Body
from kanpde.geometry.strata import Sheet
from kanpde.geometry.turn import Turn


@final
@dataclass(frozen=True, repr=False)
class Turned(Body):
    """A domain in space that has been turned; write ``box.rotated(0.5, axis="z")``.

    Its boundary pieces keep their names.

    Args:
        inner: the domain as it was.
        turn: where its points lie now.
    """

    inner: Domain
    turn: Turn

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the coordinates."""
        return self.inner.names

    def __repr__(self) -> str:
        matrix = np.array(self.turn.matrix)
        spin = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0]])
        spin = np.append(spin, matrix[1, 0] - matrix[0, 1]) / 2
        angle = float(np.arctan2(np.linalg.norm(spin), (np.trace(matrix) - 1) / 2))
        return f"{self.inner!r} turned by {angle:.6g}"

    def rotated(self, angle: float, *, axis: Any = None, **about: float) -> Turned:
        """Return a copy turned further; see :meth:`Box.rotated`."""
        further = Turn.about(angle, axis, about, self.names, repr(self))
        return replace(self, turn=self.turn.then(further))

    def translated(self, **by: float) -> Turned:
        """Return a copy moved by the given lengths.

        Raises:
            ValueError: for a coordinate that is none.
        """
        shift = checked_vector("translated", by, self.names) + self.turn.shift
        return replace(self, turn=Turn(self.turn.matrix, tuple(shift.tolist())))

    def scaled(self, factor: float, **about: float) -> Turned:
        """Return a copy with all lengths times the factor, about a point (the origin).

        Raises:
            ValueError: for a factor that is not positive, or a coordinate that is none.
        """
        factor = checked_number("scaled", "factor", factor, positive=True)
        place = checked_vector("scaled", about, self.names)
        shift = place + factor * (np.array(self.turn.shift) - place)
        inner = self.inner.scaled(factor)  # type: ignore[attr-defined]
        return Turned(inner, Turn(self.turn.matrix, tuple(shift.tolist())))

    # What it is ------------------------------------------------------------------------------

    @property
    def _corners(self) -> np.ndarray:
        ends = zip(self.inner.lower, self.inner.upper, strict=True)
        return self.turn(np.array(list(product(*ends))))

    @property
    def lower(self) -> np.ndarray:
        """Return the lower corner of a box that holds the domain, (3,)."""
        return self._corners.min(axis=0)

    @property
    def upper(self) -> np.ndarray:
        """Return the upper corner of a box that holds the domain, (3,)."""
        return self._corners.max(axis=0)

    @property
    def measure(self) -> float:
        """Return the volume."""
        return self.inner.measure

    @property
    def boundary(self) -> Boundary:
        """Return the turned pieces."""
        pieces = tuple(TurnedPiece(piece, self.turn, self.names) for piece in self.inner.boundary)
        whole = self.inner.boundary
        return Boundary(pieces, repr(self), whole.gone, self.names, note=whole.note)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, 3) lie in the closed domain, (N,) bool, up to rounding."""
        points = checked_points(points, self.names)
        scale = float(np.abs([self.lower, self.upper]).max())
        return self.side(points, 1e-14 * scale) <= 0

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return -1 inside, 0 on the boundary (within slack), 1 outside, for points (N, 3)."""
        return self.inner.side(self.turn.back(points), slack)

    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points (N, 3) to the boundary, (N,), negative inside."""
        return self.inner.signed_distance(self.turn.back(checked_points(points, self.names)))

    # Points ----------------------------------------------------------------------------------

    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return points (n, 3) strictly inside: those of the domain as it was, turned."""
        return self.turn(self.inner.interior(n, seed=seed, sampler=sampler))

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rule of the domain as it was, turned."""
        points, weights = self.inner.quadrature(n)
        return self.turn(points), weights

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; ``domain_from_dict`` reads it."""
        return {
            "kind": "turned",
            "inner": self.inner.to_dict(),
            "matrix": [list(row) for row in self.turn.matrix],
            "shift": list(self.turn.shift),
        }


@final
@dataclass(frozen=True, repr=False)
class TurnedPiece(Piece):
    """A piece of the boundary of a turned domain.

    Args:
        whole: the piece as it was.
        turn: where its points lie now.
        coordinates: their names.
    """

    whole: Piece
    turn: Turn
    coordinates: tuple[str, ...]

    def __repr__(self) -> str:
        return f"{self.whole!r} turned"

    @property
    def name(self) -> str:
        """Return the name."""
        return self.whole.name

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return nothing: "x=0" is no name of a face that is turned."""
        return ()

    @property
    def stream(self) -> int:
        """Return the number of the piece."""
        return self.whole.stream

    @property
    def dimension(self) -> int:
        """Return three."""
        return self.whole.dimension

    @property
    def measure(self) -> float:
        """Return the area."""
        return self.whole.measure

    def sheet(self, origin: np.ndarray) -> Sheet | None:
        """Return the plane or sphere that it is part of; see :meth:`Piece.sheet`."""
        own = self.whole.sheet(np.zeros(3))
        if own is None:
            return None
        matrix = np.array(self.turn.matrix)  # old = matrix^T (new - shift)
        return own.on(matrix.T @ (origin - self.turn.shift), matrix.T)

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, 3) and unit outward normals (n, 3)."""
        points, normals = self.whole.sample(n, seed=seed, sampler=sampler)
        return self.turn(points), self.turn.vectors(normals)

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return points, outward normals and weights of the rule of the piece as it was."""
        points, normals, weights = self.whole.quadrature(n)
        return self.turn(points), self.turn.vectors(normals), weights

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, 3) lie on the piece, (N,) bool."""
        points = self.turn.back(checked_points(points, self.coordinates))
        return self.whole.contains(points, 4 * tolerance)


def turned_from_dict(inner: Domain, d: Mapping[str, Any]) -> Turned:
    """Return the domain of a description, given the domain as it was."""
    return Turned(inner, Turn.of(np.array(d["matrix"], float), np.array(d["shift"], float)))
