"""HDF5 files that xarray and netCDF open: named coordinates, fields, units, attributes.

Sources: CF conventions 1.11, sections 2.5 (missing data), 3 (units, long names, flags) and 5
(coordinates); *HDF5 dimension scales*; the netCDF-4 format specification (dimensions without a
variable); UGRID 1.0 for the cells of scattered points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.export.arrays import (
    checked_axis,
    checked_cells,
    checked_numbers,
    checked_positions,
)
from kanpde.export.atomic import replacing
from kanpde.export.layout import (
    CHUNK_BYTES,
    UGRID,
    UGRID_FIELD,
    Block,
    blocks,
    create,
    create_mask,
    create_variable,
    write_dimension,
    write_mesh,
    write_variable,
)
from kanpde.export.names import check_distinct, checked_name
from kanpde.export.pieces import recut, sliced

SCHEMA = 1
"""The version of the layout, in the attribute ``kanpde_schema``."""

Attribute = str | int | float


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
    scales = _scales(axes)
    shape = tuple(len(axis) for axis in scales.values())
    inside = _checked_mask(mask, shape)
    data = _checked_fields(fields, shape, f"the lengths of the axes {', '.join(axes)}", inside)
    stream_grid_field(
        path,
        axes,
        list(fields),
        lambda block: {name: values[block] for name, values in data.items()},
        attributes=attributes,
        units=units,
        long_names=long_names,
        mask=None if inside is None else inside.__getitem__,
    )


def stream_grid_field(
    path: str | Path,
    axes: Mapping[str, np.ndarray],
    names: Sequence[str],
    values: Callable[[Block], Mapping[str, np.ndarray]],
    *,
    attributes: Mapping[str, Attribute] | None = None,
    units: Mapping[str, str] | None = None,
    long_names: Mapping[str, str] | None = None,
    mask: Callable[[Block], np.ndarray] | None = None,
) -> None:
    """Write fields that are computed block by block, the same file as ``write_grid_field``.

    A block is what HDF5 compresses at once, a megabyte of each field: the last axes as a whole, the
    first ones cut. The next one is asked for when the one before is in the file.

    Args:
        path: of the file; replaced as a whole, or left as it was if the write fails.
        axes: strictly increasing coordinates (n_i,) by name.
        names: of the fields.
        values: gives the fields of a block, a slice of each axis, as arrays of its shape.
        attributes: as for ``write_grid_field``.
        units: by axis or field.
        long_names: by axis or field.
        mask: gives for a block which places lie in the domain; fields must be NaN elsewhere.

    Raises:
        ValueError: for a wrong shape, type, name or attribute.
        OSError: if the file cannot be written.
    """
    scales = _scales(axes)
    check_distinct([*axes, *names], reserved=("mask",))
    shape = tuple(len(axis) for axis in scales.values())
    described = _descriptions([*axes, *names], units, long_names)
    header = _header(attributes, "CF-1.11")
    with replacing(path) as temporary, create(temporary) as file:
        file.attrs.update(header)
        for name, axis in scales.items():
            file.create_dataset(name, data=axis).make_scale(name)
            file[name].attrs.update(described[name])
        for number, block in enumerate(blocks(shape)):
            lengths = tuple(cut.stop - cut.start for cut in block)
            found = _checked_fields(values(block), lengths, f"that of the block {block}", None)
            if not number:
                for name in names:
                    create_variable(file, name, shape, found[name].dtype, tuple(scales))
                    file[name].attrs.update(described[name])
                if mask is not None:
                    create_mask(file, shape, tuple(scales))
            for name in names:
                file[name][block] = found[name]
            if mask is not None:
                file["mask"][block] = mask(block).astype(np.int8)


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
    data = _checked_fields(fields, (len(positions),), "the number of points", None)
    stream_point_field(
        path,
        positions,
        names,
        list(fields),
        sliced(data, len(positions)),
        attributes=attributes,
        units=units,
        long_names=long_names,
        cells=cells,
    )


def stream_point_field(
    path: str | Path,
    points: np.ndarray,
    names: Sequence[str],
    fields: Sequence[str],
    pieces: Iterable[Mapping[str, np.ndarray]],
    *,
    attributes: Mapping[str, Attribute] | None = None,
    units: Mapping[str, str] | None = None,
    long_names: Mapping[str, str] | None = None,
    cells: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write fields that come piece by piece, the same file as ``write_point_field``.

    Args:
        path: of the file; replaced as a whole, or left as it was if the write fails.
        points: (N, D), finite.
        names: of the D coordinates.
        fields: names of the fields.
        pieces: fields (n,) by name at consecutive points.
        attributes: as for ``write_point_field``.
        units: by coordinate or field.
        long_names: by coordinate or field.
        cells: one block of point numbers by kind.

    Raises:
        ValueError: for a wrong shape, type, name or attribute, cells of several kinds, or pieces
            that are not as long as the points.
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
    mesh = _checked_mesh(cells, len(positions))
    described = _descriptions([*names, *fields], units, long_names)
    header = _header(attributes, "CF-1.11" if mesh is None else "CF-1.11 UGRID-1.0")
    at = {"coordinates": " ".join(names)} | ({} if mesh is None else UGRID_FIELD)
    with replacing(path) as temporary, create(temporary) as file:
        file.attrs.update(header)
        write_dimension(file, "point", len(positions))
        for name, values in coordinates.items():
            write_variable(file, name, values, ("point",), missing=False)
            file[name].attrs.update(described[name])
        seen = 0
        for number, piece in enumerate(recut(pieces, CHUNK_BYTES // 8)):
            length = len(next(iter(piece.values()), ()))
            found = _checked_fields(piece, (length,), "that of the piece", None)
            if not number:
                for name in found:
                    create_variable(file, name, (len(positions),), found[name].dtype, ("point",))
                    file[name].attrs.update(described[name] | at)
            for name, values in found.items():
                file[name][seen : seen + length] = values
            seen += length
        if seen != len(positions):
            raise ValueError(f"the pieces have {seen} points together, expected {len(positions)}.")
        if mesh is not None:
            write_mesh(file, *mesh, " ".join(names))


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


def _scales(axes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return copies of the axes."""
    if not axes:
        raise ValueError("axes is empty, expected at least one coordinate with its values.")
    return {checked_name("coordinate", k): checked_axis(f'axes["{k}"]', v) for k, v in axes.items()}


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
    if others or kind not in UGRID:
        raise ValueError(
            f"cells has the kinds {', '.join(blocks)}, expected one of: {', '.join(UGRID)}; "
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
