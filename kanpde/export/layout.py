"""How variables, dimensions, masks and meshes lie in an HDF5 file that xarray and netCDF open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.export.arrays import NODES

Block = tuple[slice, ...]

CHUNK_BYTES = 2**20  # HDF5's default chunk cache

UGRID = {
    "line": (1, "edge_node_connectivity"),
    "triangle": (2, "face_node_connectivity"),
    "quad": (2, "face_node_connectivity"),
    "tetra": (3, "volume_node_connectivity"),
    "pyramid": (3, "volume_node_connectivity"),
    "wedge": (3, "volume_node_connectivity"),
    "hexahedron": (3, "volume_node_connectivity"),
}
UGRID_FIELD = {"mesh": "mesh", "location": "node"}
VOLUMES = {"tetra": 0, "pyramid": 1, "wedge": 2, "hexahedron": 3}


def blocks(shape: tuple[int, ...]) -> Iterator[Block]:
    """Yield the blocks of a grid in the order of its entries: the chunks of a field of float64."""
    sizes = chunk(shape, 8)
    for place in np.ndindex(*(-(-n // c) for n, c in zip(shape, sizes, strict=True))):
        yield tuple(
            slice(i * c, min((i + 1) * c, n)) for i, c, n in zip(place, sizes, shape, strict=True)
        )


def create(path: Path) -> Any:
    """Return a new HDF5 file, open."""
    import h5py

    return h5py.File(path, "w")


def write_variable(
    file: Any, name: str, values: np.ndarray, dimensions: tuple[str, ...], *, missing: bool = True
) -> None:
    """Write a compressed variable over dimension scales; floats get NaN for what is missing."""
    create_variable(file, name, values.shape, values.dtype, dimensions, missing=missing)
    file[name][...] = values


def create_variable(
    file: Any,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    dimensions: tuple[str, ...],
    *,
    missing: bool = True,
) -> None:
    """Create a compressed variable over dimension scales, to be filled."""
    fill = dtype.type(np.nan) if missing and dtype.kind == "f" else None
    variable = file.create_dataset(
        name,
        shape=shape,
        dtype=dtype,
        chunks=chunk(shape, dtype.itemsize),
        compression="gzip",
        compression_opts=4,
        shuffle=True,
        fillvalue=fill,
    )
    for i, dimension in enumerate(dimensions):
        variable.dims[i].attach_scale(file[dimension])
    if fill is not None:
        variable.attrs["_FillValue"] = fill


def write_dimension(file: Any, name: str, length: int) -> None:
    """Write a dimension without coordinates, as the netCDF-4 format specification names it."""
    scale = file.create_dataset(name, shape=(length,), dtype=">f4")
    scale.make_scale(f"This is a netCDF dimension but not a netCDF variable.{length:10d}")


def create_mask(file: Any, shape: tuple[int, ...], dimensions: tuple[str, ...]) -> None:
    """Create the mask as CF flags (section 3.5), to be filled: netCDF has no bool."""
    create_variable(file, "mask", shape, np.dtype(np.int8), dimensions)
    file["mask"].attrs.update(
        {
            "long_name": "inside the domain",
            "flag_values": np.array([0, 1], dtype=np.int8),
            "flag_meanings": "outside inside",
        }
    )


def write_mesh(file: Any, kind: str, block: np.ndarray, coordinates: str) -> None:
    """Write the cells after UGRID 1.0: a description, the point numbers, and kinds of volumes."""
    dimension, role = UGRID[kind]
    write_dimension(file, "mesh_cell", len(block))
    write_dimension(file, "mesh_corner", NODES[kind])
    write_variable(file, "mesh_cells", block, ("mesh_cell", "mesh_corner"))
    file["mesh_cells"].attrs.update({"cf_role": role, "start_index": np.int64(0)})
    description = {
        "cf_role": "mesh_topology",
        "long_name": "cells between the points",
        "topology_dimension": np.int64(dimension),
        "node_coordinates": coordinates,
        role: "mesh_cells",
    }
    if dimension == 3:
        description["volume_shape_type"] = "mesh_shape"
        shapes = np.full(len(block), VOLUMES[kind], dtype=np.int8)
        write_variable(file, "mesh_shape", shapes, ("mesh_cell",))
        file["mesh_shape"].attrs.update(
            {
                "cf_role": "volume_shape_type",
                "flag_values": np.array(list(VOLUMES.values()), dtype=np.int8),
                "flag_meanings": "tetrahedron pyramid wedge hexahedron",
            }
        )
    file.create_dataset("mesh", data=np.int32(0)).attrs.update(description)


def chunk(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return the chunk: the last axes whole, the first ones cut until it fits HDF5's cache.

    >>> chunk((100, 512, 256), 8), chunk((3, 4), 8)
    ((1, 512, 256), (3, 4))
    """
    chunk = list(shape)
    for i in range(len(chunk)):
        rest = itemsize * int(np.prod(chunk[i + 1 :], dtype=np.int64))
        chunk[i] = max(1, min(chunk[i], CHUNK_BYTES // rest))
        if chunk[i] > 1:
            break
    return tuple(chunk)
