"""Triangle meshes as domains in the plane: exact polygons with named chains of sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import pi
from typing import Any, final

import numpy as np
import shapely

from kanpde.geometry.csg import ordered
from kanpde.geometry.curves import Curve, rotation
from kanpde.geometry.planar import Planar
from kanpde.geometry.polyline import Polyline
from kanpde.geometry.regions import Edge, Loop, Primitive, polygon_side, step_across
from kanpde.geometry.topology import (
    NO_GROUPS,
    boundary_facets,
    checked_cells,
    checked_nodes,
    labels_of,
)

SHARP = pi / 6
"""A boundary without named groups is cut where it turns by more, radians."""


@final
@dataclass(frozen=True, eq=False)
class MeshRegion(Primitive):
    """What a mesh of triangles covers.

    Args:
        nodes: (N, 2).
        cells: triangles (M, 3), all counter-clockwise.
        sides: boundary edges (K, 2), the mesh on their left.
        labels: number of the name of each side, (K,).
        called: the names.
        note: what messages tell about the names.
    """

    nodes: np.ndarray
    cells: np.ndarray
    sides: np.ndarray
    labels: np.ndarray
    called: tuple[str, ...]
    note: str = ""

    @staticmethod
    def of(nodes: np.ndarray, cells: np.ndarray, groups: Mapping[str, Any] | None) -> MeshRegion:
        """Return the region of a mesh, with sides named by groups or cut by angle.

        Raises:
            ValueError: for what is no mesh of triangles, a boundary that touches itself, or groups
                that are none.
        """
        nodes = checked_nodes(nodes, 2)
        cells = checked_cells(cells, nodes)
        sides = boundary_facets(cells)
        start, count = np.unique(sides[:, 0], return_counts=True)
        if count.max() > 1:
            x, y = nodes[start[np.argmax(count)]]
            raise ValueError(
                f"the mesh is not manifold: its boundary touches itself at ({x:.6g}, {y:.6g})."
            )
        if groups:
            return MeshRegion(nodes, cells, sides, *labels_of(sides, groups, rest="other"))
        labels = _cut_by_angle(sides, nodes)
        stretches = tuple(str(k) for k in range(labels.max() + 1))
        region = MeshRegion(nodes, cells, sides, labels, stretches, NO_GROUPS)
        come = [edge.base for loop in ordered(region.loops()) for edge in loop]
        called = tuple(f"side {come.index(k) + 1}" for k in stretches)
        return replace(region, called=called if len(called) > 1 else ("boundary",))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, MeshRegion)
            and self.called == other.called
            and all(np.array_equal(a, b) for a, b in zip(self._arrays, other._arrays, strict=True))
        )

    def __hash__(self) -> int:
        return hash((self.called, *(a.tobytes() for a in self._arrays)))

    @property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self.nodes, self.cells, self.sides, self.labels

    @property
    def mesh(self) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[override]
        """The nodes and triangles."""
        return self.nodes, self.cells

    @property
    def bases(self) -> tuple[str, ...]:
        """The names of the groups."""
        return self.called

    @cached_property
    def _loops(self) -> tuple[Loop, ...]:
        following = {int(a): i for i, (a, _) in enumerate(self.sides)}
        left, loops = dict.fromkeys(range(len(self.sides))), []
        while left:
            i = next(iter(left))
            ring = []
            while i in left:
                del left[i]
                ring.append(i)
                i = following[int(self.sides[i, 1])]
            loops.append(self._edges(np.array(ring)))
        return tuple(loops)

    def loops(self) -> tuple[Loop, ...]:
        """Return the closed loops, one edge for each stretch of one name."""
        return self._loops

    def _edges(self, ring: np.ndarray) -> Loop:
        """Return the edges of a closed ring of sides."""
        label = self.labels[ring]
        starts = np.flatnonzero(label != np.roll(label, 1))
        if len(starts):
            ring = np.roll(ring, -starts[0])
            starts = starts - starts[0]
        else:
            starts = np.array([0])
        edges = []
        for part in np.split(ring, starts[1:]):
            chain = self.nodes[[*self.sides[part, 0], self.sides[part[-1], 1]]]
            vertices = tuple((float(x), float(y)) for x, y in chain)
            edges.append(Edge(self.called[self.labels[part[0]]], Polyline(vertices)))
        return tuple(edges)

    @cached_property
    def _shape(self) -> shapely.Geometry:
        rings = [np.concatenate([_chain(e.curve)[:-1] for e in loop]) for loop in self._loops]
        closed = [np.concatenate([ring, ring[:1]]) for ring in rings]
        shape = shapely.build_area(
            shapely.multilinestrings([shapely.LineString(r) for r in closed])
        )
        shapely.prepare(shape)
        return shape

    @cached_property
    def _across(self) -> np.ndarray:
        return step_across(self.nodes[self.sides[:, 1]] - self.nodes[self.sides[:, 0]])

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return shapely's answer for the outline, exact on it."""
        return polygon_side(self._shape, self._across, points, slack)

    def moved(self, angle: float, factor: float, shift: np.ndarray) -> MeshRegion:
        """Return the moved mesh."""
        nodes = self.nodes @ rotation(angle, factor).T + shift
        return replace(self, nodes=nodes)

    def text(self, names: tuple[str, ...]) -> str:
        """Return Mesh(...) with its size."""
        return f"Mesh({', '.join(names)}; {len(self.nodes)} nodes, {len(self.cells)} triangles)"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "mesh",
            "nodes": self.nodes.tolist(),
            "cells": self.cells.tolist(),
            "groups": {
                name: self.sides[self.labels == k].tolist() for k, name in enumerate(self.called)
            },
            "note": self.note,
        }


def plane_mesh(
    nodes: Any, cells: Any, groups: Mapping[str, Any] | None, names: Sequence[str]
) -> Planar:
    """Return the plane domain of a triangle mesh; see ``Mesh``."""
    return Planar.of(tuple(names), MeshRegion.of(nodes, cells, groups))


def _chain(curve: Curve) -> np.ndarray:
    assert isinstance(curve, Polyline)
    return curve.polyline()


def _cut_by_angle(sides: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return labels (K,) of stretches of the boundary between sharp turns."""
    following = np.empty(len(sides), dtype=np.int64)
    order = np.argsort(sides[:, 0])
    following = order[np.searchsorted(sides[order, 0], sides[:, 1])]
    along = nodes[sides[:, 1]] - nodes[sides[:, 0]]
    angle = np.arctan2(along[:, 1], along[:, 0])
    turn = np.abs((angle[following] - angle + pi) % (2 * pi) - pi)
    label = np.full(len(sides), -1)
    count = 0
    sharp = np.flatnonzero(turn > SHARP)
    for start in (*following[sharp], *range(len(sides))):  # then the loops without a corner
        if label[start] >= 0:
            continue
        i = start
        while label[i] < 0:
            label[i] = count
            if turn[i] > SHARP:
                break
            i = following[i]
        count += 1
    return label
