"""HDF5 files that xarray and netCDF open: named coordinates, fields, units, attributes.

Sources: CF conventions 1.11, sections 2.5 (missing data), 3 (units, long names, flags) and 5
(coordinates); *HDF5 dimension scales*; the netCDF-4 format specification (dimensions without a
variable); UGRID 1.0 for the cells of scattered points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.export.arrays import (
    NODES,
    checked_axis,
    checked_cells,
    checked_numbers,
    checked_positions,
)
from kanpde.export.atomic import replacing
from kanpde.export.names import check_distinct, checked_name

SCHEMA = 1
"""The version of the layout, in the attribute ``kanpde_schema``."""

Attribute = str | int | float

_CHUNK_BYTES = 2**20  # HDF5's default chunk cache

_UGRID = {
    "line": (1, "edge_node_connectivity"),
    "triangle": (2, "face_node_connectivity"),
    "quad": (2, "face_node_connectivity"),
    "tetra": (3, "volume_node_connectivity"),
    "pyramid": (3, "volume_node_connectivity"),
    "wedge": (3, "volume_node_connectivity"),
    "hexahedron": (3, "volume_node_connectivity"),
}
_UGRID_FIELD = {"mesh": "mesh", "location": "node"}
_VOLUMES = {"tetra": 0, "pyramid": 1, "wedge": 2, "hexahedron": 3}

# xarray decodes a number with a spelled unit of time to a time span; the symbols stay numbers.
_TIME_SYMBOLS = {
    "days": "d",
    "hours": "h",
    "minutes": "min",
    "seconds": "s",
    "milliseconds": "ms",
    "microseconds": "us",
    "nanoseconds": "ns",
}


def write_grid_field(
    path: str | Path,
    axes: Mapping[str, np.ndarray],
    fields: Mapping[str, np.ndarray],
    *,
    attributes: Mapping[str, Attribute] | None = None,
    units: Mapping[str, str] | None = None,
    long_names: Mapping[str, str] | None = None,
    mask: np.ndarray | None = None,
) -> None:
    """Write fields over a tensor grid as CF HDF5: ``xarray.open_dataset(path, engine="h5netcdf")``.

    Each axis is a dimension scale and each field a variable over all of them, compressed (gzip 4
    after shuffle, in every HDF5), with NaN for what is missing. Nothing is dated, so equal arrays
    give equal files.

    Args:
        path: of the file; replaced as a whole, or left as it was if the write fails.
        axes: strictly increasing coordinates (n_i,) by name.
        fields: arrays (n_1, ..., n_D) by name, in the order of the axes; a vector is one field for
            each component, as in CF: ``velocity_x``, ``velocity_y``.
        attributes: of the file; text of any length and numbers.
        units: by axis or field, as UDUNITS symbols (``"m"``, ``"1"``); a spelled unit of time is
            written as its symbol, ``"seconds"`` as ``"s"``, because xarray makes time spans of it.
        long_names: by axis or field.
        mask: (n_1, ..., n_D) of bool, True in the domain; fields are NaN elsewhere, and the mask is
            stored as ``mask``.

    Raises:
        ValueError: for a wrong shape, type, name or attribute.
        OSError: if the file cannot be written.
    """
    if not axes:
        raise ValueError("axes is empty, expected at least one coordinate with its values.")
    scales = {
        checked_name("coordinate", k): checked_axis(f'axes["{k}"]', v) for k, v in axes.items()
    }
    check_distinct([*axes, *fields], reserved=("mask",))
    shape = tuple(len(axis) for axis in scales.values())
    inside = _checked_mask(mask, shape)
    data = _checked_fields(fields, shape, f"the lengths of the axes {', '.join(axes)}", inside)
    described = _descriptions([*axes, *fields], units, long_names)
    header = _header(attributes, "CF-1.11")
    with replacing(path) as temporary, _create(temporary) as file:
        file.attrs.update(header)
        for name, axis in scales.items():
            file.create_dataset(name, data=axis).make_scale(name)
            file[name].attrs.update(described[name])
        for name, values in data.items():
            _write_variable(file, name, values, tuple(scales))
            file[name].attrs.update(described[name])
        if inside is not None:
            _write_mask(file, inside, tuple(scales))


def write_point_field(
    path: str | Path,
    points: np.ndarray,
    names: Sequence[str],
    fields: Mapping[str, np.ndarray],
    *,
    attributes: Mapping[str, Attribute] | None = None,
    units: Mapping[str, str] | None = None,
    long_names: Mapping[str, str] | None = None,
    cells: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write fields at scattered points as CF HDF5: the dimension is ``point``.

    The coordinates are variables over ``point``, which xarray shows as coordinates of each field.
    With cells the file also holds a UGRID mesh: ``mesh`` (its description) and ``mesh_cells``.

    Args:
        path: of the file; replaced as a whole, or left as it was if the write fails.
        points: (N, D), finite.
        names: of the D coordinates.
        fields: arrays (N,) by name; a vector is one field for each component.
        attributes: of the file; text of any length and numbers.
        units: by coordinate or field, as for ``write_grid_field``.
        long_names: by coordinate or field.
        cells: one block of point numbers (M, nodes) by kind: line, triangle, quad, tetra, pyramid,
            wedge or hexahedron.

    Raises:
        ValueError: for a wrong shape, type, name or attribute, or cells of several kinds.
        OSError: if the file cannot be written.
    """
    positions = checked_positions(points)
    if isinstance(names, str) or len(names) != positions.shape[1]:
        raise ValueError(
            f"names is {names!r}, expected a sequence of {positions.shape[1]} names, one for each "
            f"column of points {positions.shape}."
        )
    coordinates = {
        checked_name("coordinate", n): column for n, column in zip(names, positions.T, strict=True)
    }
    check_distinct(
        [*names, *fields],
        reserved=("point", "mesh", "mesh_cells", "mesh_cell", "mesh_corner", "mesh_shape"),
    )
    data = _checked_fields(fields, (len(positions),), "the number of points", None)
    mesh = _checked_mesh(cells, len(positions))
    described = _descriptions([*names, *fields], units, long_names)
    header = _header(attributes, "CF-1.11" if mesh is None else "CF-1.11 UGRID-1.0")
    at = {"coordinates": " ".join(names)} | ({} if mesh is None else _UGRID_FIELD)
    with replacing(path) as temporary, _create(temporary) as file:
        file.attrs.update(header)
        _write_dimension(file, "point", len(positions))
        for name, values in coordinates.items():
            _write_variable(file, name, values, ("point",), missing=False)
            file[name].attrs.update(described[name])
        for name, values in data.items():
            _write_variable(file, name, values, ("point",))
            file[name].attrs.update(described[name] | at)
        if mesh is not None:
            _write_mesh(file, *mesh, " ".join(names))


def read_attributes(path: str | Path) -> dict[str, Any]:
    """Return the attributes of the file as text and numbers.

    Raises:
        OSError: if there is no such file, or it is not HDF5.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_grid_field(f"{folder}/u.h5", {"x": [0, 1]}, {"u": [2, 3]}, attributes={"seed": 7})
    ...     read_attributes(f"{folder}/u.h5")
    {'Conventions': 'CF-1.11', 'kanpde_schema': 1, 'seed': 7}
    """
    import h5py

    if not Path(path).is_file():
        raise FileNotFoundError(f'"{path}" cannot be read: there is no such file.')
    try:
        with h5py.File(path, "r") as file:
            given = dict(file.attrs)
    except OSError as error:
        raise OSError(f'"{path}" cannot be read as HDF5: {error}.') from error
    return {
        k: v.tolist() if isinstance(v, np.generic | np.ndarray) else v for k, v in given.items()
    }


# Checks ------------------------------------------------------------------------------------------


def _checked_fields(
    fields: Mapping[str, Any], shape: tuple[int, ...], meaning: str, inside: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Return copies of the fields, each of the shape, NaN outside the mask."""
    if not fields:
        raise ValueError("fields is empty, expected at least one array by name.")
    checked = {}
    for name, values in fields.items():
        label = f'fields["{checked_name("field", name)}"]'
        array = checked_numbers(label, values)
        if array.shape != shape:
            raise ValueError(
                f"{label} has shape {array.shape}, expected {shape}, {meaning}; give each "
                "component of a vector as a field of its own."
            )
        if inside is not None:
            array = array if array.dtype.kind == "f" else array.astype(np.float64)
            array[~inside] = np.nan
        checked[name] = array
    return checked


def _checked_mask(mask: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the mask as an array of bool of the shape."""
    if mask is None:
        return None
    array = np.asarray(mask)
    if array.dtype != np.bool_ or array.shape != shape:
        raise ValueError(
            f"mask has type {array.dtype} and shape {array.shape}, expected bool (True in the "
            f"domain) and {shape}."
        )
    return array


def _checked_mesh(cells: Mapping[str, Any] | None, count: int) -> tuple[str, np.ndarray] | None:
    """Return the kind of the cells and their point numbers."""
    if cells is None:
        return None
    blocks = checked_cells(cells, count)
    (kind, block), *others = blocks.items()
    if others or kind not in _UGRID:
        raise ValueError(
            f"cells has the kinds {', '.join(blocks)}, expected one of: {', '.join(_UGRID)}; "
            "write_vtu takes several."
        )
    return kind, block


def _descriptions(
    names: Sequence[str], units: Mapping[str, str] | None, long_names: Mapping[str, str] | None
) -> dict[str, dict[str, str]]:
    """Return the attributes ``units`` and ``long_name`` of each variable that has them."""
    described: dict[str, dict[str, str]] = {name: {} for name in names}
    for attribute, given in (("units", units), ("long_name", long_names)):
        for name, text in (given or {}).items():
            if name not in described:
                raise ValueError(
                    f'the {attribute} of "{name}" are given, but there is no such coordinate or '
                    f"field; there are: {', '.join(names)}."
                )
            if not isinstance(text, str):
                raise ValueError(f'the {attribute} of "{name}" is {text!r}, expected text.')
            symbol = _TIME_SYMBOLS.get(text, text) if attribute == "units" else text
            described[name][attribute] = symbol
    return described


def _header(attributes: Mapping[str, Any] | None, conventions: str) -> dict[str, Any]:
    """Return the attributes of the file, the layout's first."""
    header: dict[str, Any] = {"Conventions": conventions, "kanpde_schema": np.int64(SCHEMA)}
    check_distinct(attributes or {}, reserved=tuple(header))
    for name, value in (attributes or {}).items():
        header[checked_name("attribute", name)] = _checked_attribute(name, value)
    return header


def _checked_attribute(name: str, value: Any) -> Any:
    """Return text, or a number of a type that netCDF knows."""
    if isinstance(value, str) and "\0" not in value:
        return str(value)
    if isinstance(value, bool | np.bool_ | int | np.integer) and abs(int(value)) < 2**63:
        return np.int64(value)
    if isinstance(value, float | np.floating):
        return np.float64(value)
    raise ValueError(
        f"the attribute {name!r} is {value!r}, expected text, an integer of 64 bits or a float; "
        "write json.dumps(value) for anything else."
    )


# Writing -----------------------------------------------------------------------------------------


def _create(path: Path) -> Any:
    """Return a new HDF5 file, open."""
    import h5py

    return h5py.File(path, "w")


def _write_variable(
    file: Any, name: str, values: np.ndarray, dimensions: tuple[str, ...], *, missing: bool = True
) -> None:
    """Write a compressed variable over dimension scales; floats get NaN for what is missing."""
    fill = values.dtype.type(np.nan) if missing and values.dtype.kind == "f" else None
    variable = file.create_dataset(
        name,
        data=values,
        chunks=_chunk(values.shape, values.dtype.itemsize),
        compression="gzip",
        compression_opts=4,
        shuffle=True,
        fillvalue=fill,
    )
    for i, dimension in enumerate(dimensions):
        variable.dims[i].attach_scale(file[dimension])
    if fill is not None:
        variable.attrs["_FillValue"] = fill


def _write_dimension(file: Any, name: str, length: int) -> None:
    """Write a dimension without coordinates, as the netCDF-4 format specification names it."""
    scale = file.create_dataset(name, shape=(length,), dtype=">f4")
    scale.make_scale(f"This is a netCDF dimension but not a netCDF variable.{length:10d}")


def _write_mask(file: Any, inside: np.ndarray, dimensions: tuple[str, ...]) -> None:
    """Write the mask as CF flags (section 3.5): netCDF has no bool."""
    _write_variable(file, "mask", inside.astype(np.int8), dimensions)
    file["mask"].attrs.update(
        {
            "long_name": "inside the domain",
            "flag_values": np.array([0, 1], dtype=np.int8),
            "flag_meanings": "outside inside",
        }
    )


def _write_mesh(file: Any, kind: str, block: np.ndarray, coordinates: str) -> None:
    """Write the cells after UGRID 1.0: a description, the point numbers, and kinds of volumes."""
    dimension, role = _UGRID[kind]
    _write_dimension(file, "mesh_cell", len(block))
    _write_dimension(file, "mesh_corner", NODES[kind])
    _write_variable(file, "mesh_cells", block, ("mesh_cell", "mesh_corner"))
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
        shapes = np.full(len(block), _VOLUMES[kind], dtype=np.int8)
        _write_variable(file, "mesh_shape", shapes, ("mesh_cell",))
        file["mesh_shape"].attrs.update(
            {
                "cf_role": "volume_shape_type",
                "flag_values": np.array(list(_VOLUMES.values()), dtype=np.int8),
                "flag_meanings": "tetrahedron pyramid wedge hexahedron",
            }
        )
    file.create_dataset("mesh", data=np.int32(0)).attrs.update(description)


def _chunk(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return the chunk: the last axes whole, the first ones cut until it fits HDF5's cache.

    >>> _chunk((100, 512, 256), 8), _chunk((3, 4), 8)
    ((1, 512, 256), (3, 4))
    """
    chunk = list(shape)
    for i in range(len(chunk)):
        rest = itemsize * int(np.prod(chunk[i + 1 :], dtype=np.int64))
        chunk[i] = max(1, min(chunk[i], _CHUNK_BYTES // rest))
        if chunk[i] > 1:
            break
    return tuple(chunk)
