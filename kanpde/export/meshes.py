"""Meshes of the user's own: read with their cells and groups, in any format that meshio knows."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kanpde.export.arrays import NODES
from kanpde.export.names import field_name


@dataclass(frozen=True)
class MeshFile:
    """Points, cells and groups of a mesh.

    Args:
        points: (N, D), D as in the file.
        cells: point numbers (M, nodes) by kind; cells of one kind are in one block.
        groups: integers (M,) by name, M counting the cells of all kinds in their order: which group
            a cell is in, such as gmsh's ``gmsh_physical``.
    """

    points: np.ndarray
    cells: dict[str, np.ndarray]
    groups: dict[str, np.ndarray] = field(default_factory=dict)


def read_mesh_file(path: str | Path) -> MeshFile:
    """Return the mesh of a file; curved cells are read by their corners.

    Raises:
        ValueError: if there is no such file, it cannot be read, or it has no cell of a known kind.
    """
    import meshio

    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no mesh file {path}.")
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            mesh = meshio.read(path)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} holds no mesh that can be read: {error}") from None
    kinds: dict[str, list[int]] = {}
    for number, block in enumerate(mesh.cells):
        kind = block.type.rstrip("0123456789")
        if kind in NODES and len(block.data):
            kinds.setdefault(kind, []).append(number)
    if not kinds:
        raise ValueError(f"{path} has no cells of the kinds {', '.join(NODES)}.")
    cells = {
        kind: np.concatenate([mesh.cells[n].data[:, : NODES[kind]] for n in numbers])
        for kind, numbers in kinds.items()
    }
    order = [n for numbers in kinds.values() for n in numbers]
    groups = {}
    for name, blocks in mesh.cell_data.items():
        values = [np.asarray(blocks[n]) for n in order]
        if all(v.ndim == 1 and v.dtype.kind in "iu" for v in values):
            groups[field_name(name)] = np.concatenate(values)
    return MeshFile(np.asarray(mesh.points, dtype=np.float64), cells, groups)
