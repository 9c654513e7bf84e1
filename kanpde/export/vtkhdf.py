"""``.vtkhdf`` files: one HDF5 file for a mesh with fields, and for all steps in time.

Source: *VTKHDF file format*, docs.vtk.org, UnstructuredGrid with ``Steps``. The mesh is written
once, and the fields of a step are appended as they come. For recent ParaView: 5.11 does not know
the suffix and, renamed to ``.hdf``, shows the first step alone; write ``.pvd`` for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from kanpde.export.arrays import checked_cells, checked_positions
from kanpde.export.atomic import replacing
from kanpde.export.vtk import checked_fields, checked_time, three_columns

VERSION = (2, 2)

TYPES = {
    "vertex": 1,
    "line": 3,
    "triangle": 5,
    "quad": 9,
    "tetra": 10,
    "hexahedron": 12,
    "wedge": 13,
    "pyramid": 14,
}
"""VTK's numbers of the kinds of cell."""


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
    import h5py  # not for those who only write other files

    path = Path(path)
    if PurePath(path).suffix != ".vtkhdf":
        raise ValueError(f'"{path}" must end in .vtkhdf: ParaView chooses its reader by it.')
    positions = checked_positions(points)
    blocks = checked_cells(cells, len(positions))
    total = sum(map(len, blocks.values()))
    at_cells = checked_fields("cell_data", cell_data or {}, total)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        root = file.create_group("VTKHDF")
        root.attrs["Version"] = np.array(VERSION, dtype=np.int64)
        root.attrs["Type"] = np.bytes_("UnstructuredGrid")
        _write_mesh(root, three_columns(positions), blocks, at_cells)
        times = _write_steps(root, steps, len(positions))
        if times != [None]:
            _write_times(root, times, len(positions), list(at_cells))
    return path


def _write_mesh(
    root: Any,
    points: np.ndarray,
    blocks: Mapping[str, np.ndarray],
    cell_data: Mapping[str, np.ndarray],
) -> None:
    nodes = np.concatenate([b.ravel() for b in blocks.values()]).astype(np.int64)
    sizes = np.concatenate([np.full(len(b), b.shape[1]) for b in blocks.values()])
    kinds = np.concatenate([np.full(len(b), TYPES[k]) for k, b in blocks.items()])
    for name, number in (
        ("NumberOfPoints", len(points)),
        ("NumberOfCells", len(sizes)),
        ("NumberOfConnectivityIds", len(nodes)),
    ):
        root.create_dataset(name, data=np.array([number], dtype=np.int64))
    root.create_dataset("Points", data=points)
    root.create_dataset("Connectivity", data=nodes)
    root.create_dataset("Offsets", data=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
    root.create_dataset("Types", data=kinds.astype(np.uint8))
    for name, values in cell_data.items():
        root.create_dataset(f"CellData/{name}", data=values)


def _write_steps(
    root: Any, steps: Iterable[tuple[float | None, Mapping[str, np.ndarray]]], count: int
) -> list[float | None]:
    """Append the fields of every step and return the times."""
    times: list[float | None] = []
    group = root.create_group("PointData")
    for moment, given in steps:
        fields = checked_fields("point_data", given, count)
        if times and (sorted(fields) != sorted(group) or moment is None or times[-1] is None):
            raise ValueError(
                f"the step at time {moment} has the fields {sorted(fields)}, the first one has "
                f"{sorted(group)}; give every step a time and the same fields."
            )
        times.append(None if moment is None else checked_time(moment, (times or [None])[-1]))
        for name, values in fields.items():
            tail = values.shape[1:]
            if name not in group:
                group.create_dataset(
                    name,
                    data=values,
                    maxshape=(None, *tail),
                    chunks=(max(1, count), *tail),
                    compression="gzip",
                    shuffle=True,
                )
            else:
                group[name].resize(len(times) * count, axis=0)
                group[name][-count:] = values
    if not times:
        raise ValueError("a .vtkhdf needs at least one step.")
    return times


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
