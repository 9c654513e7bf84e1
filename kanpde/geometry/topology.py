"""What bounds a mesh of triangles or tetrahedra, with checks that it bounds anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_FACETS = {3: ((0, 1), (1, 2), (2, 0)), 4: ((0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2))}
"""Facets of a cell of positive volume, as seen from outside counter-clockwise (inside on the
left)."""

FLAT = 1e-14
"""A cell with less volume than this part of its longest edge to the power D is flat."""

NO_GROUPS = (
    "the mesh has no named boundary groups, so its boundary was cut where it turns sharply; name "
    "groups (in Gmsh: physical groups) in the program that made it, or give groups="
)


def checked_nodes(nodes: Any, dimension: int) -> np.ndarray:
    """Return the nodes (N, D), float64.

    Raises:
        ValueError: for another shape, or values that are not finite.
    """
    array = np.array(nodes, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != dimension or not np.isfinite(array).all():
        raise ValueError(
            f"nodes must be finite numbers of shape (N, {dimension}); got {array.shape}."
        )
    return array + 0.0


def checked_cells(cells: Any, nodes: np.ndarray) -> np.ndarray:
    """Return the simplices (M, D + 1), all of positive volume.

    A mesh whose cells all run the other way round is turned.

    Raises:
        ValueError: for another shape, a number of no node, a flat cell, or cells of both kinds.
    """
    array = np.array(cells)
    wanted = nodes.shape[1] + 1
    if array.ndim != 2 or array.shape[1] != wanted or not len(array):
        raise ValueError(f"cells must have shape (M, {wanted}), M > 0; got {array.shape}.")
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= len(nodes):
        raise ValueError(f"cells must be numbers of nodes, 0 to {len(nodes) - 1}.")
    array = array.astype(np.int64)
    corners = nodes[array]
    volume = np.linalg.det(corners[:, 1:] - corners[:, :1])
    size = np.ptp(corners, axis=1).max(axis=1)
    flat = np.flatnonzero(np.abs(volume) <= FLAT * size ** nodes.shape[1])
    if len(flat):
        raise ValueError(
            f"{_cells(flat)} {_have(flat)} no volume; cell {flat[0]} has the nodes "
            f"{_places(corners[flat[0]])}."
        )
    negative = np.flatnonzero(volume < 0)
    if len(negative) == len(array):
        array[:, [0, 1]] = array[:, [1, 0]]
    elif len(negative):
        raise ValueError(
            f"{_cells(negative)} of {len(array)} {_are(negative)} inverted (their nodes run the "
            f"other way round than those of the rest): cell {negative[0]} at "
            f"{_places(corners[negative[0]].mean(axis=0)[None])}. Repair the mesh in the program "
            "that made it."
        )
    return array


def boundary_facets(cells: np.ndarray) -> np.ndarray:
    """Return the facets (K, D) that belong to one cell only, the inside on their left.

    Raises:
        ValueError: if a facet belongs to more than two cells.
    """
    own = np.concatenate([cells[:, facet] for facet in _FACETS[cells.shape[1]]])
    _, first, count = np.unique(np.sort(own, axis=1), axis=0, return_index=True, return_counts=True)
    if count.max() > 2:
        nodes = own[first[np.argmax(count)]].tolist()
        raise ValueError(
            f"the mesh is not manifold: {count.max()} cells share the facet of nodes {nodes}."
        )
    return own[np.sort(first[count == 1])]


def check_closed(facets: np.ndarray, nodes: np.ndarray, what: str) -> None:
    """Raise a ValueError unless triangles (K, 3) form closed surfaces that run one way round."""
    edges = np.concatenate([facets[:, [0, 1]], facets[:, [1, 2]], facets[:, [2, 0]]])
    key, count = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    for wrong, text in (
        (count == 1, "is open: only one triangle has the edge"),
        (count > 2, "is not manifold: more than two triangles share the edge"),
    ):
        if wrong.any():
            raise ValueError(f"{what} {text} {_places(nodes[key[np.argmax(wrong)]])}.")
    _, repeated = np.unique(edges, axis=0, return_counts=True)
    if repeated.max() > 1:
        raise ValueError(
            f"the triangles of {what} run both ways round; orient them in the program that made it."
        )


def patches_by_angle(facets: np.ndarray, nodes: np.ndarray, angle: float) -> np.ndarray:
    """Return the number (K,) of the patch of each triangle of a closed surface.

    Neighbours whose normals are less than ``angle`` apart (radians) are in one patch.
    """
    a, b, c = nodes[facets].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    edges = np.sort(
        np.concatenate([facets[:, [0, 1]], facets[:, [1, 2]], facets[:, [2, 0]]]), axis=1
    )
    owner = np.tile(np.arange(len(facets)), 3)
    order = np.lexsort(edges.T)
    one, other = owner[order[0::2]], owner[order[1::2]]
    smooth = np.einsum("ij,ij->i", normal[one], normal[other]) > np.cos(angle)
    links = coo_array(
        (np.ones(int(smooth.sum())), (one[smooth], other[smooth])), shape=(len(facets),) * 2
    )
    return _in_order(connected_components(links, directed=False)[1])


def labels_of(
    facets: np.ndarray, groups: Mapping[str, Any], rest: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the number (K,) of each boundary facet's group, and the names of the groups used.

    Facets of a group that are not on the boundary are passed over; facets of no group are in one
    called ``rest``.

    Raises:
        ValueError: for a group of which no facet is on the boundary, or a facet in two groups.
    """
    place = {tuple(f): i for i, f in enumerate(np.sort(facets, axis=1).tolist())}
    label = np.full(len(facets), -1)
    names: list[str] = []
    for name, own in groups.items():
        given = np.sort(np.asarray(own, dtype=np.int64), axis=1).tolist()
        found = [place[tuple(f)] for f in given if tuple(f) in place]
        if not found:
            raise ValueError(f'no facet of the group "{name}" is on the boundary of the mesh.')
        taken = label[found] >= 0
        if taken.any():
            other = names[label[found][taken][0]]
            raise ValueError(f'the groups "{other}" and "{name}" share facets.')
        label[found] = len(names)
        names.append(name)
    if (label < 0).any():
        label[label < 0] = len(names)
        names.append(rest)
    return label, tuple(names)


def _in_order(label: np.ndarray) -> np.ndarray:
    """Return the labels numbered as they come."""
    _, first, own = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[own]


def _cells(numbers: Sequence[int] | np.ndarray) -> str:
    return "1 cell" if len(numbers) == 1 else f"{len(numbers)} cells"


def _have(numbers: np.ndarray) -> str:
    return "has" if len(numbers) == 1 else "have"


def _are(numbers: np.ndarray) -> str:
    return "is" if len(numbers) == 1 else "are"


def _places(points: np.ndarray) -> str:
    return ", ".join("(" + ", ".join(f"{v:.6g}" for v in p) + ")" for p in points)
