"""Curves and surfaces inside a domain, to put conditions on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

import numpy as np

from kanpde.geometry.checks import checked_label
from kanpde.geometry.curves import Curve
from kanpde.geometry.domain import Boundary, Corner, Domain, Hole
from kanpde.geometry.level_set import LevelSet
from kanpde.geometry.pieces import Piece, PlanePiece
from kanpde.geometry.polyline import Polyline
from kanpde.geometry.sampling import DEFAULT_SAMPLER, Sampler
from kanpde.geometry.strata import Sheet

_LOOKS = 2048
"""Places at which an inner piece is looked at: does it leave the domain?"""


@final
@dataclass(frozen=True, repr=False)
class Inlaid(Domain):
    """A domain with named curves or surfaces inside; write ``domain.including(ring=disk)``.

    They can be selected by name, ``boundary["ring"]``, but are no part of the boundary as a whole.

    Args:
        host: the domain.
        inner: names, and what each is: a domain whose boundary is meant, vertices of a line (M, 2),
            or an expression that vanishes there.

    Raises:
        ValueError: for a piece that leaves the domain, a name that is taken, or what is no curve.
    """

    host: Domain
    inner: tuple[tuple[str, Any], ...]

    def __post_init__(self) -> None:
        if self.dimension < 2:
            raise ValueError(
                f"{self.host!r} has one coordinate; for a value at a point inside write PointValue."
            )
        taken = self.host.boundary
        for name, what in self.inner:
            if checked_label(name) in taken or [n for n, _ in self.inner].count(name) > 1:
                raise ValueError(f'including({name}=...): "{name}" is a piece already.')
            for piece in _pieces(name, what, self.host):
                points, _ = piece.sample(_LOOKS, seed=0)
                outside = points[~self.host.contains(points)]
                if len(outside):
                    place = ", ".join(
                        f"{n} = {v:.6g}" for n, v in zip(self.names, outside[0], strict=True)
                    )
                    raise ValueError(
                        f"including({name}=...): {what!r} leaves {self.host!r}, for example at "
                        f"{place}; cut it, or give a part of it."
                    )

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the coordinates."""
        return self.host.names

    def __repr__(self) -> str:
        return f"{self.host!r} including {', '.join(name for name, _ in self.inner)}"

    @cached_property
    def inner_pieces(self) -> tuple[Piece, ...]:
        """The curves or surfaces inside; several of one name are numbered."""
        return tuple(p for name, what in self.inner for p in _pieces(name, what, self.host))

    @cached_property
    def boundary(self) -> Boundary:
        """The boundary of the domain; the pieces inside can be selected besides."""
        whole = self.host.boundary
        return replace(whole, domain_text=repr(self), further=(*whole.further, *self.inner_pieces))

    # What the host gives ---------------------------------------------------------------------

    @property
    def lower(self) -> np.ndarray:
        """Return the lower corner of the bounding box, (D,)."""
        return self.host.lower

    @property
    def upper(self) -> np.ndarray:
        """Return the upper corner of the bounding box, (D,)."""
        return self.host.upper

    @property
    def measure(self) -> float:
        """Return the volume (2-D: area)."""
        return self.host.measure

    @property
    def loops(self) -> tuple[tuple[Piece, ...], ...]:
        """Return the loops of the boundary of a plane domain."""
        return self.host.loops

    @property
    def corners(self) -> tuple[Corner, ...]:
        """Return the corners of a plane domain."""
        return self.host.corners

    @property
    def holes(self) -> tuple[Hole, ...]:
        """Return the holes of a plane domain."""
        return self.host.holes

    @property
    def mesh(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the nodes and simplices the domain was made of, else None."""
        return self.host.mesh

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, D) lie in the closed domain, (N,) bool."""
        return self.host.contains(points)

    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return points (n, D) strictly inside the domain."""
        return self.host.interior(n, seed=seed, sampler=sampler)

    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points (N, D) to the boundary, (N,), negative inside."""
        return self.host.signed_distance(points)

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return -1 inside, 0 on the boundary (within slack), 1 outside, for points (N, D)."""
        return self.host.side(points, slack)

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the boundary points nearest to points (N, 2), and outward normals."""
        return self.host.nearest(points)

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return points (N, D) inside and weights (N,) that sum to the measure."""
        return self.host.quadrature(n)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; ``domain_from_dict`` reads it."""
        return {
            "kind": "inlaid",
            "host": self.host.to_dict(),
            "inner": [[name, _described(what)] for name, what in self.inner],
        }


@final
@dataclass(frozen=True, repr=False)
class InnerPiece(Piece):
    """A piece of the boundary of a shape that lies inside a domain; normals leave the shape.

    Args:
        whole: the piece.
        label: its name.
        group: the name of all pieces of the shape.
    """

    whole: Piece
    label: str
    group: str

    def __repr__(self) -> str:
        return f'InnerPiece("{self.label}": {self.whole!r})'

    @property
    def name(self) -> str:
        """Return the name."""
        return self.label

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return the name of the shape, if it has several pieces."""
        return () if self.label == self.group else (self.group,)

    @property
    def stream(self) -> int:
        """Return the number of the piece in its own boundary."""
        return self.whole.stream

    @property
    def dimension(self) -> int:
        """Return the dimension of the space."""
        return self.whole.dimension

    @property
    def measure(self) -> float:
        """Return the area (2-D: length)."""
        return self.whole.measure

    @property
    def curve(self) -> Curve | None:
        """The curve in the plane, the shape on its left; None in other dimensions."""
        return self.whole.curve

    def sheet(self, origin: np.ndarray) -> Sheet | None:
        """Return the plane or sphere that it is part of."""
        return self.whole.sheet(origin)

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) and unit normals (n, D) that leave the shape."""
        return self.whole.sample(n, seed=seed, sampler=sampler)

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return points, normals and weights of the rule of the piece."""
        return self.whole.quadrature(n)

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, D) lie on the piece, (N,) bool."""
        return self.whole.contains(points, tolerance)


def including(host: Domain, parts: Mapping[str, Any]) -> Inlaid:
    """Return a domain with pieces inside; see :meth:`Domain.including`."""
    if not parts:
        raise ValueError(
            "including() names nothing; write including(ring=Disk(x=0, y=0, radius=0.5))."
        )
    if isinstance(host, Inlaid):
        return Inlaid(host.host, (*host.inner, *_given(parts)))
    return Inlaid(host, _given(parts))


def _given(parts: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, _frozen(what)) for name, what in parts.items())


def _frozen(what: Any) -> Any:
    """Return vertices as tuples, so that domains can be compared."""
    if isinstance(what, (np.ndarray, list, tuple)):
        rows = np.asarray(what, dtype=np.float64)
        return tuple(tuple(row) for row in rows.tolist()) if rows.ndim == 2 else what
    return what


def _pieces(name: str, what: Any, host: Domain) -> list[Piece]:
    """Return the pieces of one entry."""
    if hasattr(what, "free_symbols"):
        return [LevelSet(what, name, host)]
    if isinstance(what, tuple):
        vertices = np.array(what)
        if vertices.shape[1:] != (2,) or len(vertices) < 2 or host.dimension != 2:
            raise ValueError(
                f"including({name}=...): a line needs two vertices or more of the plane, such as "
                "[(0, 0), (1, 1)]."
            )
        scale = float(np.abs([host.lower, host.upper]).max())
        return [PlanePiece(name, (), Polyline(what), host.names, scale, 0)]
    if not isinstance(what, (Domain, Boundary)):
        raise ValueError(
            f"including({name}={what!r}): give a domain whose boundary is meant, such as a Disk, "
            "vertices of a line, or an expression that vanishes on the curve."
        )
    boundary = what if isinstance(what, Boundary) else what.boundary
    if isinstance(what, Domain) and what.names != host.names:
        raise ValueError(
            f"including({name}=...): {what!r} has the coordinates {', '.join(what.names)}, "
            f"{host!r} has {', '.join(host.names)}; they must be the same in the same order."
        )
    whole = list(boundary)
    labels = [name] if len(whole) == 1 else [f"{name} {piece.name}" for piece in whole]
    return [InnerPiece(p, label, name) for p, label in zip(whole, labels, strict=True)]


def _described(what: Any) -> dict[str, Any]:
    if isinstance(what, Domain):
        return {"shape": what.to_dict()}
    if isinstance(what, tuple):
        return {"vertices": [list(row) for row in what]}
    raise ValueError(
        f"{what!r} cannot be kept in a file; give a shape or the vertices of a line instead."
    )


def inlaid_from_dict(d: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Domain]) -> Inlaid:
    """Return the domain of a description.

    Args:
        d: the description.
        read: makes a domain of a description.
    """
    inner = []
    for name, what in d["inner"]:
        shape = read(what["shape"]) if "shape" in what else _frozen(what["vertices"])
        inner.append((str(name), shape))
    return Inlaid(read(d["host"]), tuple(inner))
