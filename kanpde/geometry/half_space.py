"""Half-spaces, to cut domains in three dimensions and more with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from kanpde.geometry.checks import (
    checked_coordinate,
    checked_label,
    checked_number,
    checked_points,
    checked_vector,
)
from kanpde.geometry.pieces import Piece
from kanpde.geometry.sampling import DEFAULT_SAMPLER, Sampler, checked_sampler, derived_seed
from kanpde.geometry.strata import Sheet
from kanpde.geometry.turn import Turn

_INSIDE, _ON, _OUTSIDE = -1, 0, 1


@final
@dataclass(frozen=True, repr=False)
class HalfSpace:
    """The half of space behind a plane, in three dimensions or more, to cut domains with.

    It is not bounded, so it is no domain itself: ``ball & HalfSpace(x=0, y=0, z=0, normal=(0, 0,
    1))`` is the lower half of a ball.

    Args:
        normal: points away from the half that is meant; any length but zero.
        name: of the plane as a boundary piece.
        place: ``x=0, y=0, z=0``, a point of the plane.

    Raises:
        ValueError: for fewer than three coordinates, or a normal that does not fit.
    """

    names: tuple[str, ...]
    place: tuple[float, ...]
    normal: tuple[float, ...]
    label: str

    def __init__(self, *, normal: Sequence[float], name: str = "cut", **place: float) -> None:
        if len(place) < 3:
            raise ValueError(
                f"HalfSpace needs a place in three coordinates or more, such as x=0, y=0, z=0; got "
                f"{', '.join(place) or 'none'}. In the plane write HalfPlane."
            )
        direction = np.asarray(normal, dtype=np.float64)
        if direction.shape != (len(place),) or not 0 < np.linalg.norm(direction) < np.inf:
            raise ValueError(
                f"HalfSpace(normal={normal!r}) needs {len(place)} numbers, not all zero."
            )
        unit = direction / np.linalg.norm(direction)
        object.__setattr__(self, "names", tuple(checked_coordinate(n) for n in place))
        values = tuple(checked_number("HalfSpace", n, v) for n, v in place.items())
        object.__setattr__(self, "place", values)
        object.__setattr__(self, "normal", tuple(unit.tolist()))
        object.__setattr__(self, "label", checked_label(name))

    def __repr__(self) -> str:
        place = ", ".join(f"{n}={v:g}" for n, v in zip(self.names, self.place, strict=True))
        normal = ", ".join(f"{v:g}" for v in self.normal)
        called = "" if self.label == "cut" else f', name="{self.label}"'
        return f"HalfSpace({place}, normal=({normal}){called})"

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return -1 inside, 0 on the plane (within slack), 1 outside, for points (N, D)."""
        level = (points - np.array(self.place)) @ np.array(self.normal)
        return np.where(np.abs(level) <= slack, _ON, np.where(level < 0, _INSIDE, _OUTSIDE))

    def translated(self, **by: float) -> HalfSpace:
        """Return a copy moved by the given lengths."""
        return self._at(checked_vector("translated", by, self.names) + self.place)

    def scaled(self, factor: float, **about: float) -> HalfSpace:
        """Return a copy with all lengths times the factor, about a point (the origin)."""
        middle = checked_vector("scaled", about, self.names)
        return self._at(middle + factor * (self.place - middle))

    def rotated(self, angle: float, *, axis: Any = None, **about: float) -> HalfSpace:
        """Return a copy turned about an axis; see :meth:`Box.rotated`."""
        turn = Turn.about(angle, axis, about, self.names, repr(self))
        place = dict(zip(self.names, turn(np.array([self.place]))[0].tolist(), strict=True))
        normal = turn.vectors(np.array([self.normal]))[0].tolist()
        return HalfSpace(normal=normal, name=self.label, **place)

    def _at(self, place: np.ndarray) -> HalfSpace:
        where = dict(zip(self.names, place.tolist(), strict=True))
        return HalfSpace(normal=self.normal, name=self.label, **where)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "half-space",
            "names": list(self.names),
            "place": list(self.place),
            "normal": list(self.normal),
            "label": self.label,
        }


@final
@dataclass(frozen=True, repr=False)
class Plane(Piece):
    """The square part of a plane that may bound a domain.

    Args:
        half: behind it is the half-space.
        about: a point near the middle of the domain.
        reach: half the side of the square.
    """

    half: HalfSpace
    about: tuple[float, ...]
    reach: float

    def __repr__(self) -> str:
        return f'Plane("{self.name}" of {self.half!r})'

    @property
    def name(self) -> str:
        """Return the name that was given with the half-space."""
        return self.half.label

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    @property
    def dimension(self) -> int:
        """Return the dimension of the space."""
        return len(self.about)

    @property
    def measure(self) -> float:
        """Return the area of the square."""
        return (2 * self.reach) ** (self.dimension - 1)

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) of the square and normals (n, D)."""
        d = self.dimension
        unit = checked_sampler(sampler).unit(n, d - 1, derived_seed(seed, d))
        normal = np.array(self.half.normal)
        # The reflection that turns the last axis to the normal makes the others span the plane.
        mirror = normal.copy()
        mirror[-1] += np.copysign(1.0, normal[-1])
        axes = np.eye(d) - 2 * np.outer(mirror, mirror) / (mirror @ mirror)
        foot = np.array(self.about) - (np.subtract(self.about, self.half.place) @ normal) * normal
        points = foot + self.reach * (2 * unit - 1) @ axes[:-1]
        points -= ((points - self.half.place) @ normal)[:, None] * normal
        return points, np.tile(normal, (len(points), 1))

    def sheet(self, origin: np.ndarray) -> Sheet:
        """Return the plane."""
        return Sheet.plane(np.subtract(self.half.place, origin), np.array(self.half.normal))

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, D) lie on the plane, (N,) bool."""
        points = checked_points(points, self.half.names)
        scale = max(np.abs(self.about).max() + self.reach, np.abs(self.half.place).max())
        return self.half.side(points, tolerance * float(scale)) == _ON


def half_space_from_dict(d: Mapping[str, Any]) -> HalfSpace:
    """Return the half-space of a description."""
    place = dict(zip(d["names"], d["place"], strict=True))
    return HalfSpace(normal=d["normal"], name=d["label"], **place)
