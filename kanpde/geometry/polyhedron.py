"""Domains in space that triangles bound: tetrahedral meshes, and closed surfaces from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, final

import numpy as np

from kanpde.geometry.checks import checked_number, checked_points, checked_vector
from kanpde.geometry.domain import Boundary
from kanpde.geometry.pieces import Piece
from kanpde.geometry.sampling import (
    DEFAULT_SAMPLER,
    Sampler,
    checked_integer,
    checked_sampler,
    derived_seed,
    quadrature,
)
from kanpde.geometry.solid import Body, drawn_inside
from kanpde.geometry.topology import (
    NO_GROUPS,
    boundary_facets,
    check_closed,
    checked_cells,
    checked_nodes,
    labels_of,
    patches_by_angle,
)
from kanpde.geometry.triangles import Triangles
from kanpde.geometry.turn import Turn

SHARP = np.pi / 4
"""A boundary without named groups is cut along edges at which it turns by more, radians."""

_SLACK = 1e-14
"""Distances below this, relative to the largest coordinate, are rounding."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class Polyhedron(Body):
    """The inside of a closed surface of triangles; made by ``Mesh``, ``Surface`` and their readers.

    Args:
        names: the three coordinates.
        nodes: (N, 3).
        faces: boundary triangles (K, 3), counter-clockwise as seen from outside.
        labels: number of the name of each triangle, (K,).
        called: the names.
        note: what messages tell about the names.
        cells: tetrahedra (M, 4) that fill it, of positive volume; none for a surface alone.
    """

    names: tuple[str, ...]
    nodes: np.ndarray
    faces: np.ndarray
    labels: np.ndarray
    called: tuple[str, ...]
    note: str = ""
    cells: np.ndarray | None = None
    triangles: Triangles = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "triangles", Triangles(self.nodes[self.faces]))

    @staticmethod
    def of_cells(
        nodes: Any, cells: Any, groups: Mapping[str, Any] | None, names: Sequence[str]
    ) -> Polyhedron:
        """Return the domain of a mesh of tetrahedra; see ``Mesh``."""
        nodes = checked_nodes(nodes, 3)
        cells = checked_cells(cells, nodes)
        faces = boundary_facets(cells)
        check_closed(faces, nodes, "the boundary of the mesh")
        return Polyhedron(tuple(names), nodes, faces, *_named(faces, nodes, groups), cells)

    @staticmethod
    def of_surface(
        nodes: Any, faces: Any, groups: Mapping[str, Any] | None, names: Sequence[str]
    ) -> Polyhedron:
        """Return the domain inside a closed surface; see ``Surface``."""
        nodes, faces = checked_nodes(nodes, 3), np.array(faces)
        if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
            raise ValueError(f"triangles must be node numbers of shape (K, 3); got {faces.shape}.")
        if not len(faces) or faces.min() < 0 or faces.max() >= len(nodes):
            raise ValueError(f"triangles must be numbers of nodes, 0 to {len(nodes) - 1}.")
        check_closed(faces, nodes, "the surface")
        if _volume(nodes[faces]) < 0:
            faces = faces[:, ::-1].copy()
        return Polyhedron(tuple(names), nodes, faces, *_named(faces, nodes, groups))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Polyhedron)
            and (self.names, self.called) == (other.names, other.called)
            and (self.cells is None) == (other.cells is None)
            and all(np.array_equal(a, b) for a, b in zip(self._arrays, other._arrays, strict=True))
        )

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.names, self.called, *(a.tobytes() for a in self._arrays)))

    @property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        own = (self.nodes, self.faces, self.labels)
        return own if self.cells is None else (*own, self.cells)

    def __repr__(self) -> str:
        kind = "Surface" if self.cells is None else "Mesh"
        filled = "" if self.cells is None else f"{len(self.cells)} tetrahedra, "
        return (
            f"{kind}({', '.join(self.names)}; {len(self.nodes)} nodes, {filled}"
            f"{len(self.faces)} triangles)"
        )

    def translated(self, **by: float) -> Polyhedron:
        """Return a copy moved by the given lengths: ``body.translated(x=1)``.

        Raises:
            ValueError: for a coordinate that is none.
        """
        return replace(self, nodes=self.nodes + checked_vector("translated", by, self.names))

    def scaled(self, factor: float, **about: float) -> Polyhedron:
        """Return a copy with all lengths times the factor, about a point (the origin).

        Raises:
            ValueError: for a factor that is not positive, or a coordinate that is none.
        """
        factor = checked_number("scaled", "factor", factor, positive=True)
        place = checked_vector("scaled", about, self.names)
        return replace(self, nodes=place + factor * (self.nodes - place))

    def rotated(self, angle: float, *, axis: Any = None, **about: float) -> Polyhedron:
        """Return a copy turned about an axis; see :meth:`Box.rotated`."""
        turn = Turn.about(angle, axis, about, self.names, repr(self))
        return replace(self, nodes=turn(self.nodes))

    @property
    def lower(self) -> np.ndarray:
        """Return the lower corner of the bounding box, (3,)."""
        return self.triangles.lower.copy()

    @property
    def upper(self) -> np.ndarray:
        """Return the upper corner of the bounding box, (3,)."""
        return self.triangles.upper.copy()

    @property
    def scale(self) -> float:
        """Return the largest coordinate in magnitude, to which tolerances relate."""
        return float(np.abs([self.lower, self.upper]).max())

    @cached_property
    def measure(self) -> float:
        """The volume."""
        return _volume(self.triangles.corners)

    @cached_property
    def _pieces(self) -> tuple[Facets, ...]:
        return tuple(Facets(self, k) for k in range(len(self.called)))

    @property
    def boundary(self) -> Boundary:
        """Return the groups of triangles."""
        return Boundary(self._pieces, repr(self), coordinates=self.names, note=self.note)

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return -1 inside, 0 on the boundary (within slack), 1 outside, for points (N, 3)."""
        return self.triangles.side(points, slack)

    @property
    def mesh(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the nodes and tetrahedra; of a surface None."""
        return None if self.cells is None else (self.nodes, self.cells)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, 3) lie in the closed domain, (N,) bool, up to rounding."""
        points = checked_points(points, self.names)
        return self.triangles.side(points, _SLACK * self.scale) <= 0

    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points (N, 3) to the boundary, (N,), negative inside."""
        points = checked_points(points, self.names)
        distance, _ = self.triangles.nearest(points)
        return np.where(self.contains(points), -distance, distance)

    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return n points (n, 3) strictly inside: those of the bounding box that are (rejection).

        ``Grid`` may return more.

        Raises:
            ValueError: for n below one, a negative seed, a sampler that is none, or a domain too
                thin for it.
        """

        def inside(points: np.ndarray) -> np.ndarray:
            return self.triangles.side(points, _SLACK * self.scale) < 0

        return drawn_inside(self, inside, n, seed, sampler)

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a rule on the tetrahedra, exact for polynomials of degree 2 n - 3 on each.

        Returns:
            points (M n^3, 3) inside and weights that sum to the measure.

        Raises:
            ValueError: for a surface that no tetrahedra fill, or n below one.
        """
        if self.cells is None:
            return super().quadrature(n)
        unit, weights = quadrature(n, 3)
        a, b, c = unit.T  # the cube collapsed to the unit tetrahedron
        place = np.stack([a, b * (1 - a), c * (1 - a) * (1 - b)], axis=1)
        weights = weights * (1 - a) ** 2 * (1 - b)
        corners = self.nodes[self.cells]
        edges = corners[:, 1:] - corners[:, :1]
        points = corners[:, :1] + np.einsum("qk,mkd->mqd", place, edges)
        return points.reshape(-1, 3), np.outer(np.linalg.det(edges), weights).ravel()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; ``domain_from_dict`` reads it."""
        return {
            "kind": "polyhedron",
            "names": list(self.names),
            "nodes": self.nodes.tolist(),
            "faces": self.faces.tolist(),
            "labels": self.labels.tolist(),
            "called": list(self.called),
            "cells": None if self.cells is None else self.cells.tolist(),
            "note": self.note,
        }

    @staticmethod
    def from_dict(d: Mapping[str, Any]) -> Polyhedron:
        """Return the domain of a description, checked anew."""
        labels = np.array(d["labels"])
        groups = {name: np.array(d["faces"])[labels == k] for k, name in enumerate(d["called"])}
        make = Polyhedron.of_surface if d["cells"] is None else Polyhedron.of_cells
        filled = d["faces"] if d["cells"] is None else d["cells"]
        made = make(d["nodes"], filled, groups, d["names"])
        return replace(made, note=str(d["note"]))


@final
@dataclass(frozen=True, repr=False)
class Facets(Piece):
    """A named group of triangles of a boundary.

    Args:
        domain: which they bound.
        index: of the group.
    """

    domain: Polyhedron
    index: int

    def __repr__(self) -> str:
        return f'Facets("{self.name}" of {self.domain!r})'

    @cached_property
    def triangles(self) -> Triangles:
        """The triangles."""
        own = self.domain.labels == self.index
        return Triangles(self.domain.triangles.corners[own])

    @property
    def name(self) -> str:
        """Return the name of the group."""
        return self.domain.called[self.index]

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    @property
    def stream(self) -> int:
        """Return the index."""
        return self.index

    @property
    def dimension(self) -> int:
        """Return three."""
        return 3

    @property
    def measure(self) -> float:
        """Return the area."""
        return float(self.triangles.areas.sum())

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, 3) spread by area, and unit outward normals (n, 3)."""
        n = checked_integer("n", n, least=1)
        unit = checked_sampler(sampler).unit(n, 3, derived_seed(seed, self.index))
        run = np.cumsum(self.triangles.areas)
        which = np.searchsorted(run, unit[:, 0] * run[-1], side="right")
        which = np.minimum(which, len(run) - 1)
        root = np.sqrt(unit[:, 1])
        shares = np.stack([1 - root, root * (1 - unit[:, 2]), root * unit[:, 2]], axis=1)
        points = np.einsum("nk,nkd->nd", shares, self.triangles.corners[which])
        return points, self.triangles.normals[which]

    def quadrature(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a rule on the triangles, exact for polynomials of degree 2 n - 2 on each.

        Returns:
            points (K n^2, 3), outward normals and weights that sum to the measure.
        """
        unit, weights = quadrature(n, 2)
        a, b = unit.T  # the square collapsed to the unit triangle
        place = np.stack([a, b * (1 - a)], axis=1)
        weights = 2 * weights * (1 - a)
        corners = self.triangles.corners
        edges = corners[:, 1:] - corners[:, :1]
        points = corners[:, :1] + np.einsum("qk,mkd->mqd", place, edges)
        normals = np.repeat(self.triangles.normals, len(weights), axis=0)
        return points.reshape(-1, 3), normals, np.outer(self.triangles.areas, weights).ravel()

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, 3) lie on the triangles, (N,) bool."""
        points = checked_points(points, self.domain.names)
        found = np.zeros(len(points), dtype=bool)
        finite = np.flatnonzero(np.isfinite(points).all(axis=1))
        if len(finite):
            distance, _ = self.triangles.nearest(points[finite])
            found[finite] = distance <= tolerance * self.domain.scale
        return found


def _named(
    faces: np.ndarray, nodes: np.ndarray, groups: Mapping[str, Any] | None
) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Return labels, names and a note: of groups, else of patches by angle."""
    if groups:
        return *labels_of(faces, groups, rest="other"), ""
    labels = patches_by_angle(faces, nodes, SHARP)
    called = tuple(f"side {i + 1}" for i in range(labels.max() + 1))
    return labels, called if len(called) > 1 else ("boundary",), NO_GROUPS


def _volume(corners: np.ndarray) -> float:
    """Return the volume inside closed triangles (K, 3, 3)."""
    return float(np.linalg.det(corners - corners.reshape(-1, 3).mean(axis=0)).sum() / 6)
