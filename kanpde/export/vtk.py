"""VTK files: ``.vtu`` meshes with fields, and ``.pvd`` collections of them in time.

Source: *VTK XML file formats*, docs.vtk.org; the ``.pvd`` collection is ParaView's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path, PurePath
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from kanpde.export.arrays import checked_axis, checked_cells, checked_numbers, checked_positions
from kanpde.export.atomic import replacing
from kanpde.export.names import checked_name

_CORNERS = {
    "line": ((0,), (1,)),
    "quad": ((0, 0), (1, 0), (1, 1), (0, 1)),
    "hexahedron": (
        *((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)),
        *((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)),
    ),
}
"""Corners of the unit cell in VTK's order, which gives positive lengths, areas and volumes."""


def grid_mesh(axes: Sequence[np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the points and cells of the tensor grid of one, two or three axes.

    Point k is entry k of ``np.meshgrid(*axes, indexing="ij")`` ravelled, so a field over the grid
    is exported as ``values.ravel()``. Cells are lines, quads or hexahedra: unlike triangles, quads
    show no diagonals and favour no direction when ParaView draws edges and contours.

    Args:
        axes: strictly increasing coordinates (n_i,), n_i >= 2.

    Returns:
        points (N, 3), with zeros for the missing coordinates, and one block of cells by kind.

    Raises:
        ValueError: for another number of axes, or an axis that is not finite and increasing.

    >>> points, cells = grid_mesh([np.array([0.0, 1.0]), np.array([5.0, 6.0, 7.0])])
    >>> points.shape, cells["quad"].tolist()
    ((6, 3), [[0, 3, 4, 1], [1, 4, 5, 2]])
    """
    if not 1 <= len(axes) <= 3:
        raise ValueError(
            f"grid_mesh takes 1 to 3 axes, given {len(axes)}; fix the other coordinates, or write "
            "HDF5 with write_grid_field."
        )
    checked = [checked_axis(f"axis {i}", axis) for i, axis in enumerate(axes)]
    shape = tuple(len(axis) for axis in checked)
    if min(shape) < 2:
        raise ValueError(f"the axes have {shape} points, expected at least 2 in each for a cell.")
    columns = [grid.ravel() for grid in np.meshgrid(*checked, indexing="ij")]
    kind, corners = list(_CORNERS.items())[len(shape) - 1]
    numbers = np.arange(np.prod(shape)).reshape(shape)
    shifted = [
        numbers[tuple(slice(c, n - 1 + c) for c, n in zip(corner, shape, strict=True))].ravel()
        for corner in corners
    ]
    points = np.stack(columns, axis=1).astype(np.float64)
    return three_columns(points), {kind: np.stack(shifted, axis=1)}


def write_vtu(
    path: str | Path,
    points: np.ndarray,
    cells: Mapping[str, np.ndarray],
    point_data: Mapping[str, np.ndarray],
    *,
    cell_data: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write a mesh with fields as one ``.vtu`` file (binary, zlib) for ParaView.

    Points get three columns and vectors of two components a third, zero: ParaView draws glyphs and
    streamlines of three components only. NaN is allowed in fields.

    Args:
        path: of the file; replaced as a whole, or left as it was if the write fails.
        points: (N, 1), (N, 2) or (N, 3), finite.
        cells: point numbers (M, nodes) by kind, e.g. ``"triangle"``; see ``arrays.NODES``.
        point_data: fields (N,) or (N, c) by name.
        cell_data: fields (M,) or (M, c) by name; M counts the cells of all kinds, in their order.

    Raises:
        ValueError: for a wrong suffix, shape, type, name or point number.
        OSError: if the file cannot be written.
    """
    _check_suffix(path, ".vtu")
    positions = checked_positions(points)
    if positions.shape[1] > 3:
        raise ValueError(
            f"points has shape {positions.shape}, a .vtu takes (N, 1), (N, 2), (N, 3)."
        )
    blocks = checked_cells(cells, len(positions))
    total = sum(len(block) for block in blocks.values())
    at_points = checked_fields("point_data", point_data, len(positions))
    at_cells = checked_fields("cell_data", cell_data or {}, total)
    with replacing(path) as temporary:
        _write_mesh(temporary, three_columns(positions), blocks, at_points, at_cells)


def write_pvd(path: str | Path, steps: Sequence[tuple[float, str | Path]]) -> None:
    """Write a ``.pvd`` collection: which ``.vtu`` file shows which time.

    Args:
        path: of the file.
        steps: strictly increasing finite times, each with a file relative to the folder of `path`,
            so that the folder can be moved.

    Raises:
        ValueError: for no steps, wrong times, or an absolute path.
        OSError: if the file cannot be written.
    """
    _check_suffix(path, ".pvd")
    if not steps:
        raise ValueError("a .pvd needs at least one (time, file).")
    lines = []
    previous: float | None = None
    for time, file in steps:
        previous = checked_time(time, previous)
        if PurePath(file).is_absolute():
            raise ValueError(
                f'"{file}" is absolute; write it relative to the folder of the .pvd, so that both '
                "can be moved together."
            )
        name = quoteattr(PurePath(file).as_posix())
        lines.append(f'    <DataSet timestep="{previous!r}" group="" part="0" file={name}/>')
    text = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">',
        "  <Collection>",
        *lines,
        "  </Collection>",
        "</VTKFile>",
        "",
    ]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(text), encoding="utf-8")


def write_time_series(
    directory: str | Path,
    name: str,
    steps: Iterable[tuple[float, Mapping[str, np.ndarray]]],
    *,
    points: np.ndarray,
    cells: Mapping[str, np.ndarray],
    cell_data: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write fields in time on one mesh: ``name_0000.vtu``, ... and ``name.pvd`` to open.

    The steps are consumed one at a time, so a generator keeps one step in memory. The collection is
    written last; files of an earlier, longer series are left but no longer named in it.

    Args:
        directory: where the files go; created if it is missing.
        name: how they start.
        steps: times, strictly increasing, each with its fields (N,) or (N, c) by name.
        points: of the mesh, (N, 1), (N, 2) or (N, 3).
        cells: of the mesh, by kind.
        cell_data: fields of the cells that do not change.

    Returns:
        the path of the ``.pvd``.

    Raises:
        ValueError: as ``write_vtu`` and ``write_pvd``, or if the steps differ in their fields.
        OSError: if a file cannot be written.
    """
    folder = Path(directory)
    checked_name("time series", name)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[tuple[float, str]] = []
    names: list[str] | None = None
    for k, (time, fields) in enumerate(steps):
        moment = checked_time(time, written[-1][0] if written else None)
        names = sorted(fields) if names is None else names
        if sorted(fields) != names:
            raise ValueError(
                f"the step at time {moment:g} has the fields {sorted(fields)}, the first one has "
                f"{names}; give every step the same."
            )
        file = f"{name}_{k:04d}.vtu"
        write_vtu(folder / file, points, cells, fields, cell_data=cell_data)
        written.append((moment, file))
    collection = folder / f"{name}.pvd"
    write_pvd(collection, written)
    return collection


def _write_mesh(
    path: Path,
    points: np.ndarray,
    cells: Mapping[str, np.ndarray],
    point_data: Mapping[str, np.ndarray],
    cell_data: Mapping[str, np.ndarray],
) -> None:
    """Write checked arrays; the one place that knows meshio.

    The Mesh is new for each write because meshio changes it while writing, and names go in as
    character references because meshio writes them unescaped in the encoding of the locale.
    """
    import meshio

    ends = np.cumsum([len(block) for block in cells.values()])[:-1]
    mesh = meshio.Mesh(
        points,
        list(cells.items()),
        point_data={_reference(name): values for name, values in point_data.items()},
        cell_data={_reference(name): np.split(v, ends) for name, v in cell_data.items()},
    )
    meshio.write(os.fspath(path), mesh, file_format="vtu", binary=True, compression="zlib")


def _reference(name: str) -> str:
    """Return the name in ASCII, other letters as XML character references."""
    return name.encode("ascii", "xmlcharrefreplace").decode("ascii")


def checked_fields(argument: str, fields: Mapping[str, Any], count: int) -> dict[str, np.ndarray]:
    """Return copies of the fields, (count,) or (count, c >= 3).

    Raises:
        ValueError: for a wrong shape, type or name.
    """
    checked = {}
    for name, values in fields.items():
        label = f'{argument}["{checked_name("field", name)}"]'
        array = checked_numbers(label, values)
        if array.ndim not in (1, 2) or len(array) != count or 0 in array.shape:
            raise ValueError(
                f"{label} has shape {array.shape}, expected ({count},) or ({count}, components)."
            )
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0].copy()
        checked[name] = three_columns(array) if array.ndim == 2 else array
    return checked


def three_columns(array: np.ndarray) -> np.ndarray:
    """Return the array (N, c) with zero columns added up to three."""
    missing = max(0, 3 - array.shape[1])
    return np.pad(array, ((0, 0), (0, missing)))


def checked_time(time: float, previous: float | None) -> float:
    """Return the time as a float, or raise ValueError unless finite and after the previous one."""
    moment = float(time)
    if not isfinite(moment):
        raise ValueError(f"the time {time!r} is not finite.")
    if previous is not None and moment <= previous:
        raise ValueError(f"the time {moment!r} follows {previous!r}; times must increase strictly.")
    return moment


def _check_suffix(path: str | Path, suffix: str) -> None:
    """Raise ValueError unless the path has the suffix by which ParaView chooses its reader."""
    if PurePath(path).suffix != suffix:
        raise ValueError(f'"{path}" must end in {suffix}: ParaView chooses its reader by it.')
