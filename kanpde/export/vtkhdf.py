"""``.vtkhdf`` files: one HDF5 file for a mesh with fields, and for all steps in time.

Source: *VTKHDF file format*, docs.vtk.org, UnstructuredGrid with ``Steps``. The mesh is written
once, and the fields of a step are appended as they come. For recent ParaView: 5.11 does not know
the suffix and, renamed to ``.hdf``, shows the first step alone; write ``.pvd`` for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from kanpde.export.arrays import NODES, VTK_TYPES
from kanpde.export.atomic import replacing
from kanpde.export.pieces import (
    Fields,
    Mesh,
    MeshArrays,
    checked_fields,
    checked_pieces,
    ranges,
    recut,
    sliced,
)
from kanpde.export.vtk import checked_time

VERSION = (2, 2)

VALUES = 2**16
"""Values of a field that are compressed together; a piece of a field rewrites no more of them."""


def write_vtkhdf(
    path: str | Path,
    steps: Iterable[tuple[float | None, Mapping[str, np.ndarray]]],
    *,
    points: np.ndarray,
    cells: Mapping[str, np.ndarray],
    cell_data: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write fields on one mesh, at one time or several, as one ``.vtkhdf`` file.

    Steps are consumed one at a time, so a generator keeps one step in memory.

    Args:
        path: of the file; replaced as a whole, or left as it was if the write fails.
        steps: times, strictly increasing, each with its fields (N,) or (N, c) by name; a single
            step at None is a file without time.
        points: of the mesh, (N, 1), (N, 2) or (N, 3).
        cells: of the mesh, by kind.
        cell_data: fields of the cells that do not change.

    Returns:
        the path.

    Raises:
        ValueError: for a wrong suffix, shape, type or name, no step, or steps that differ in their
            fields.
        OSError: if the file cannot be written.
    """
    mesh = MeshArrays.of(points, cells)

    def pieces() -> Iterator[tuple[float | None, Iterable[Fields]]]:
        for moment, fields in steps:
            yield moment, sliced(checked_fields("point_data", fields, mesh.count), mesh.count)

    return stream_vtkhdf(path, pieces(), mesh=mesh, cell_data=cell_data)


def stream_vtkhdf(
    path: str | Path,
    steps: Iterable[tuple[float | None, Iterable[Fields]]],
    *,
    mesh: Mesh,
    cell_data: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write fields that come piece by piece, the same file as ``write_vtkhdf``.

    Args:
        path: of the file; replaced as a whole, or left as it was if the write fails.
        steps: as for ``write_vtkhdf``, each with the pieces of its fields.
        mesh: points and cells.
        cell_data: fields of the cells that do not change.

    Returns:
        the path.

    Raises:
        ValueError: as ``write_vtkhdf``, or for pieces that differ or are not as long as the mesh.
        OSError: if the file cannot be written.
    """
    import h5py  # not for those who only write other files

    path = Path(path)
    if PurePath(path).suffix != ".vtkhdf":
        raise ValueError(f'"{path}" must end in .vtkhdf: ParaView chooses its reader by it.')
    at_cells = checked_fields("cell_data", cell_data or {}, mesh.cell_count)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        root = file.create_group("VTKHDF")
        root.attrs["Version"] = np.array(VERSION, dtype=np.int64)
        root.attrs["Type"] = np.bytes_("UnstructuredGrid")
        _write_mesh(root, mesh, at_cells)
        times = _write_steps(root, steps, mesh.count)
        if times != [None]:
            _write_times(root, times, mesh.count, list(at_cells))
    return path


def _write_mesh(root: Any, mesh: Mesh, cell_data: Mapping[str, np.ndarray]) -> None:
    nodes = sum(number * NODES[kind] for kind, number in mesh.kinds.items())
    for name, number in (
        ("NumberOfPoints", mesh.count),
        ("NumberOfCells", mesh.cell_count),
        ("NumberOfConnectivityIds", nodes),
    ):
        root.create_dataset(name, data=np.array([number], dtype=np.int64))
    points = root.create_dataset("Points", (mesh.count, 3), dtype=np.float64)
    for (start, stop), piece in zip(ranges(mesh.count), mesh.point_pieces(), strict=True):
        points[start:stop] = piece
    connectivity = root.create_dataset("Connectivity", (nodes,), dtype=np.int64)
    offsets = root.create_dataset("Offsets", (mesh.cell_count + 1,), dtype=np.int64)
    kinds = root.create_dataset("Types", (mesh.cell_count,), dtype=np.uint8)
    offsets[0] = cell = node = 0
    for kind, block in mesh.cell_pieces():
        count, width = block.shape
        connectivity[node : node + block.size] = block.ravel()
        offsets[cell + 1 : cell + count + 1] = node + width * np.arange(1, count + 1)
        kinds[cell : cell + count] = VTK_TYPES[kind]
        cell, node = cell + count, node + block.size
    for name, values in cell_data.items():
        root.create_dataset(f"CellData/{name}", data=values)


def _write_steps(
    root: Any, steps: Iterable[tuple[float | None, Iterable[Fields]]], count: int
) -> list[float | None]:
    """Append the fields of every step and return the times."""
    times: list[float | None] = []
    group = root.create_group("PointData")
    for moment, pieces in steps:
        start = len(times) * count
        for number, fields in enumerate(recut(checked_pieces(pieces, count), VALUES)):
            if not number:
                _check_step(group, moment, times, fields)
                times.append(
                    None if moment is None else checked_time(moment, (times or [None])[-1])
                )
            for name, values in fields.items():
                variable = _variable(group, name, values, len(times) * count)
                variable[start : start + len(values)] = values
            start += len(next(iter(fields.values()), ()))
    if not times:
        raise ValueError("a .vtkhdf needs at least one step.")
    return times


def _check_step(group: Any, moment: float | None, times: list[Any], fields: Fields) -> None:
    """Raise ValueError unless a step is like those before."""
    if times and (sorted(fields) != sorted(group) or moment is None or times[-1] is None):
        raise ValueError(
            f"the step at time {moment} has the fields {sorted(fields)}, the first one has "
            f"{sorted(group)}; give every step a time and the same fields."
        )


def _variable(group: Any, name: str, values: np.ndarray, rows: int) -> Any:
    """Return the variable of a field, long enough for so many rows."""
    tail = values.shape[1:]
    if name not in group:
        group.create_dataset(
            name,
            shape=(rows, *tail),
            dtype=values.dtype,
            maxshape=(None, *tail),
            chunks=(min(rows, VALUES), *tail),
            compression="gzip",
            shuffle=True,
        )
    elif len(group[name]) < rows:
        group[name].resize(rows, axis=0)
    return group[name]


def _write_times(root: Any, times: list[float | None], count: int, of_cells: list[str]) -> None:
    """Write where each step's values begin; the mesh is the same for all."""
    steps = root.create_group("Steps")
    number = len(times)
    steps.attrs["NSteps"] = np.int64(number)
    steps.create_dataset("Values", data=np.array(times, dtype=np.float64))
    steps.create_dataset("NumberOfParts", data=np.ones(number, dtype=np.int64))
    for name in ("PartOffsets", "PointOffsets"):
        steps.create_dataset(name, data=np.zeros(number, dtype=np.int64))
    for name in ("CellOffsets", "ConnectivityIdOffsets"):
        steps.create_dataset(name, data=np.zeros((number, 1), dtype=np.int64))
    for name in root["PointData"]:
        offsets = count * np.arange(number, dtype=np.int64)
        steps.create_dataset(f"PointDataOffsets/{name}", data=offsets)
    for name in of_cells:
        steps.create_dataset(f"CellDataOffsets/{name}", data=np.zeros(number, dtype=np.int64))
