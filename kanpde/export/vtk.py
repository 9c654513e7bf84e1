"""VTK files: ``.vtu`` meshes with fields, and ``.pvd`` collections of them in time.

Source: *VTK XML file formats*, docs.vtk.org; the ``.pvd`` collection is ParaView's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path, PurePath
from xml.sax.saxutils import quoteattr

import numpy as np

from kanpde.export.atomic import replacing
from kanpde.export.names import checked_name
from kanpde.export.pieces import Fields, GridMesh, Mesh, MeshArrays, checked_fields, sliced
from kanpde.export.vtu import write_pieces


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
    mesh = GridMesh.of(axes)
    kinds = mesh.kinds
    cells = {kind: mesh.cells(kind, 0, number) for kind, number in kinds.items()}
    return mesh.points(0, mesh.count), cells


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
    mesh = MeshArrays.of(points, cells)
    fields = checked_fields("point_data", point_data, mesh.count)
    stream_vtu(path, mesh, sliced(fields, mesh.count), cell_data=cell_data)


def stream_vtu(
    path: str | Path,
    mesh: Mesh,
    pieces: Iterable[Fields],
    *,
    cell_data: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write a mesh with fields that come piece by piece, the same file as ``write_vtu``.

    Args:
        path: of the file; replaced as a whole, or left as it was if the write fails.
        mesh: points and cells.
        pieces: fields (n,) or (n, c) by name at consecutive points of the mesh.
        cell_data: fields of the cells.

    Raises:
        ValueError: for a wrong suffix, shape, type or name, or pieces that differ in their fields
            or are not as long as the mesh.
        OSError: if the file cannot be written.
    """
    _check_suffix(path, ".vtu")
    at_cells = checked_fields("cell_data", cell_data or {}, mesh.cell_count)
    with replacing(path) as temporary:
        write_pieces(temporary, mesh, pieces, at_cells)


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
    mesh = MeshArrays.of(points, cells)
    names: list[str] | None = None

    def pieces() -> Iterator[tuple[float, Iterable[Fields]]]:
        nonlocal names
        for time, fields in steps:
            names = sorted(fields) if names is None else names
            if sorted(fields) != names:
                raise ValueError(
                    f"the step at time {time:g} has the fields {sorted(fields)}, the first one has "
                    f"{names}; give every step the same."
                )
            checked = checked_fields("point_data", fields, mesh.count)
            yield time, sliced(checked, mesh.count)

    return stream_time_series(directory, name, pieces(), mesh=mesh, cell_data=cell_data)


def stream_time_series(
    directory: str | Path,
    name: str,
    steps: Iterable[tuple[float, Iterable[Fields]]],
    *,
    mesh: Mesh,
    cell_data: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write a series whose fields come piece by piece, the same files as ``write_time_series``.

    Args:
        directory: where the files go; created if it is missing.
        name: how they start.
        steps: times, strictly increasing, each with the pieces of its fields.
        mesh: points and cells.
        cell_data: fields of the cells that do not change.

    Returns:
        the path of the ``.pvd``.

    Raises:
        ValueError: as ``stream_vtu`` and ``write_pvd``.
        OSError: if a file cannot be written.
    """
    folder = Path(directory)
    checked_name("time series", name)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[tuple[float, str]] = []
    for k, (time, pieces) in enumerate(steps):
        moment = checked_time(time, written[-1][0] if written else None)
        file = f"{name}_{k:04d}.vtu"
        stream_vtu(folder / file, mesh, pieces, cell_data=cell_data)
        written.append((moment, file))
    collection = folder / f"{name}.pvd"
    write_pvd(collection, written)
    return collection


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
