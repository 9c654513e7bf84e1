"""Domains from meshes of triangles and tetrahedra and from closed surfaces, given or in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.geometry.checks import checked_coordinate, checked_label
from kanpde.geometry.outline import plane_mesh
from kanpde.geometry.planar import Planar
from kanpde.geometry.polyhedron import Polyhedron

_CORNERS = {
    **dict.fromkeys(("line", "line3"), 2),
    **dict.fromkeys(("triangle", "triangle6", "triangle7"), 3),
    **dict.fromkeys(("tetra", "tetra10"), 4),
}
"""Nodes of a cell that are its corners; curved cells are taken as straight ones."""


def Mesh(
    nodes: Any,
    cells: Any,
    *,
    groups: Mapping[str, Any] | None = None,
    names: Sequence[str] = (),
) -> Planar | Polyhedron:
    """Return the domain that a mesh of triangles or tetrahedra covers.

    It is the exact polygon or polyhedron. Its boundary has the pieces that the groups name; without
    groups it is cut where it turns by more than 30 degrees (in space 45) into "side 1", "side 2",
    ..., or is one piece "boundary".

    Args:
        nodes: (N, 2) or (N, 3).
        cells: node numbers (M, 3) or (M, 4). If all run the wrong way round they are turned.
        groups: by name the facets of a piece, node numbers (K, 2) or (K, 3). Facets of the
            boundary in no group are the piece "other".
        names: of the coordinates; ("x", "y") or ("x", "y", "z") if none are given.

    Raises:
        ValueError: for inverted or flat cells, a boundary that is not manifold, or a group that is
            no part of the boundary.

    >>> square = Mesh([(0, 0), (1, 0), (1, 1), (0, 1)], [(0, 1, 2), (0, 2, 3)])
    >>> square, square.boundary.names, square.measure
    (Mesh(x, y; 4 nodes, 2 triangles), ('side 1', 'side 2', 'side 3', 'side 4'), 1.0)
    """
    dimension = 3 if np.ndim(cells) == 2 and np.shape(cells)[1] == 4 else 2
    coordinates = _names(names, dimension)
    checked = _groups(groups, dimension)
    if dimension == 2:
        return plane_mesh(nodes, cells, checked, coordinates)
    return Polyhedron.of_cells(nodes, cells, checked, coordinates)


def Surface(
    nodes: Any,
    triangles: Any,
    *,
    groups: Mapping[str, Any] | None = None,
    names: Sequence[str] = (),
) -> Polyhedron:
    """Return the domain inside a closed surface of triangles.

    Args:
        nodes: (N, 3).
        triangles: node numbers (K, 3), all the same way round.
        groups: by name the triangles of a piece, (k, 3); see :func:`Mesh`.
        names: of the coordinates; ("x", "y", "z") if none are given.

    Raises:
        ValueError: for a surface that is open or not manifold, or groups that are no part of it.

    >>> corner = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    >>> Surface(corner, [(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)]).measure.__round__(12)
    0.166666666667
    """
    return Polyhedron.of_surface(nodes, triangles, _groups(groups, 3), _names(names, 3))


def read_mesh(
    path: str | Path, *, scale: float = 1.0, names: Sequence[str] = ()
) -> Planar | Polyhedron:
    """Return the domain of a mesh file: Gmsh (.msh), VTK (.vtu), Abaqus, and all that meshio reads.

    Tetrahedra make a domain in space, triangles in a plane one in the plane, triangles in space a
    closed surface. Boundary pieces are the named (Gmsh: physical) groups of lines or triangles, or
    those of one integer label; curved cells are taken as straight ones.

    Args:
        path: of the file.
        scale: factor of all lengths, such as 1e-3 for a file in millimetres.
        names: of the coordinates.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a file that meshio cannot read, cells of other kinds, or a bad mesh; see
            :func:`Mesh`.
    """
    mesh = _read(path)
    blocks = {kind: _cells_of(mesh, corners) for kind, corners in (("triangle", 3), ("tetra", 4))}
    nodes = np.asarray(mesh.points, dtype=np.float64) * scale
    try:
        if len(blocks["tetra"]):
            nodes, cells, renumber = _used(nodes, blocks["tetra"])
            groups = _file_groups(mesh, 3, renumber)
            made: Planar | Polyhedron = Mesh(nodes, cells, groups=groups, names=names)
        elif not len(blocks["triangle"]):
            kinds = ", ".join(sorted({block.type for block in mesh.cells})) or "none"
            raise ValueError(f"it has no triangles and no tetrahedra; its cells are: {kinds}.")
        elif nodes.shape[1] == 2 or np.ptp(nodes[:, 2]) <= 1e-12 * np.abs(nodes).max():
            nodes, cells, renumber = _used(nodes[:, :2], blocks["triangle"])
            groups = _file_groups(mesh, 2, renumber)
            made = Mesh(nodes, cells, groups=groups, names=names)
        else:
            made = _surface_of(mesh, scale, names)
    except ValueError as error:
        raise ValueError(f"{Path(path).name}: {error}") from None
    return made


def read_surface(path: str | Path, *, scale: float = 1.0, names: Sequence[str] = ()) -> Polyhedron:
    """Return the domain inside a closed surface in a file: STL, PLY, OBJ, and all of meshio.

    Corners at the same place (within 1e-9 of the size) are one node. A file without groups of
    triangles is cut where its surface turns by more than 45 degrees.

    Args:
        path: of the file.
        scale: factor of all lengths, such as 1e-3 for a file in millimetres.
        names: of the coordinates.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a file that meshio cannot read, or a surface that is open or not manifold.
    """
    mesh = _read(path)
    try:
        return _surface_of(mesh, scale, names)
    except ValueError as error:
        raise ValueError(f"{Path(path).name}: {error}") from None


def _surface_of(mesh: Any, scale: float, names: Sequence[str]) -> Polyhedron:
    """Return the domain inside the triangles of a file's mesh."""
    triangles = _cells_of(mesh, 3)
    if not len(triangles):
        raise ValueError("it has no triangles.")
    nodes = np.asarray(mesh.points, dtype=np.float64) * scale
    if nodes.shape[1] != 3:
        raise ValueError("its points do not lie in space; use read_mesh.")
    grid = np.round(nodes / (1e-9 * np.ptp(nodes, axis=0).max()))
    _, first, merged = np.unique(grid, axis=0, return_index=True, return_inverse=True)
    merged = merged.reshape(-1)
    triangles = merged[triangles]
    repeated = (triangles == np.roll(triangles, 1, axis=1)).any(axis=1)
    nodes, triangles, renumber = _used(nodes[first], triangles[~repeated])
    groups = _file_groups(mesh, 3, renumber[merged])
    return Surface(nodes, triangles, groups=groups, names=names)


def _read(path: str | Path) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no mesh file {path}.")
    import meshio  # only who reads a file needs it

    try:
        with np.errstate(over="ignore"):  # it tries an ASCII STL as a binary one first
            return meshio.read(path)
    except (SystemExit, Exception) as error:  # meshio exits for a suffix that it does not know
        reason = f": {error}" if str(error) not in ("", "1") else ""
        raise ValueError(
            f"{Path(path).name} is no mesh file that meshio can read{reason}."
        ) from None


def _cells_of(mesh: Any, corners: int) -> np.ndarray:
    """Return all cells with that many corners, (M, corners)."""
    found = [b.data[:, :corners] for b in mesh.cells if _CORNERS.get(b.type) == corners]
    if corners == 3:
        quads = [b.data for b in mesh.cells if b.type == "quad"]
        found += [q[:, half] for q in quads for half in ([0, 1, 2], [0, 2, 3])]
    parts = [np.asarray(f, dtype=np.int64) for f in found]
    return np.concatenate(parts) if parts else np.empty((0, corners), dtype=np.int64)


def _used(nodes: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nodes that cells use, the cells by their numbers, and the new number of each."""
    used = np.unique(cells)
    renumber = np.full(len(nodes), -1, dtype=np.int64)
    renumber[used] = np.arange(len(used))
    return nodes[used], renumber[cells], renumber


def _file_groups(mesh: Any, dimension: int, renumber: np.ndarray) -> dict[str, np.ndarray] | None:
    """Return the named groups of facets of a file, or None."""
    by_name: dict[str, list[np.ndarray]] = {}
    tags = _tags(mesh)
    called = {int(number): name for name, (number, d) in _fields(mesh) if d == dimension - 1}
    for k, block in enumerate(mesh.cells):
        if _CORNERS.get(block.type) != dimension:
            continue
        facets = renumber[np.asarray(block.data)[:, :dimension]]
        if tags is not None:
            own = np.asarray(tags[k]).ravel()
            for number in np.unique(own):
                name = called.get(int(number), str(int(number)))
                by_name.setdefault(name, []).append(facets[own == number])
        for name, sets in mesh.cell_sets.items():
            if tags is None and ":" not in name and sets[k] is not None and len(sets[k]):
                by_name.setdefault(name, []).append(facets[np.asarray(sets[k], dtype=np.int64)])
    groups = {name: np.concatenate(parts) for name, parts in by_name.items()}
    return {name: g[(g >= 0).all(axis=1)] for name, g in groups.items()} or None


def _fields(mesh: Any) -> list[tuple[str, tuple[int, int]]]:
    return [(name, (int(v[0]), int(v[1]))) for name, v in mesh.field_data.items() if len(v) == 2]


def _tags(mesh: Any) -> Any:
    """Return the integer label of every cell, block by block, or None."""
    found = mesh.cell_data.get("gmsh:physical")
    if found is not None:
        return found
    for name, blocks in mesh.cell_data.items():
        whole = all(np.asarray(b).dtype.kind in "iu" and np.ndim(b) == 1 for b in blocks)
        if whole and not name.startswith("gmsh:"):
            return blocks
    return None


def _names(names: Sequence[str], dimension: int) -> tuple[str, ...]:
    given = tuple(checked_coordinate(n) for n in names) or ("x", "y", "z")[:dimension]
    if len(given) != dimension or len(set(given)) != dimension:
        raise ValueError(f"names={tuple(names)!r} must be {dimension} different coordinates.")
    return given


def _groups(groups: Mapping[str, Any] | None, dimension: int) -> dict[str, np.ndarray] | None:
    if not groups:
        return None
    checked = {}
    for name, facets in groups.items():
        array = np.asarray(facets)
        if array.ndim != 2 or array.shape[1] != dimension or array.dtype.kind not in "iu":
            raise ValueError(
                f'the group "{name}" must be node numbers of shape (K, {dimension}); got '
                f"{array.dtype} of shape {array.shape}."
            )
        checked[checked_label(name)] = array
    return checked
