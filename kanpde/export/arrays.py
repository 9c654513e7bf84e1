"""Checks of arrays, shared by the formats: each returns a fresh array and leaves the given one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

NODES = {
    "vertex": 1,
    "line": 2,
    "triangle": 3,
    "quad": 4,
    "tetra": 4,
    "pyramid": 5,
    "wedge": 6,
    "hexahedron": 8,
}
"""Kinds of cell and the number of points of each; names as in meshio, order of points as in VTK."""

VTK_TYPES = {
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


def checked_numbers(label: str, values: Any) -> np.ndarray:
    """Return a copy: C-contiguous, native, of a type that VTK and netCDF know; NaN is kept.

    float32, float64 and integers keep their type, bool becomes uint8, other floats float64.

    Raises:
        ValueError: for complex numbers, text and objects.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        split = "write its .real and .imag as two fields"
        hint = split if array.dtype.kind == "c" else "give a numpy array of floats"
        raise ValueError(f"{label} has type {array.dtype}, expected real numbers; {hint}.")
    dtype = array.dtype.newbyteorder("=")
    if array.dtype.kind == "b":
        dtype = np.dtype(np.uint8)
    elif array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        dtype = np.dtype(np.float64)
    return np.array(array, dtype=dtype, order="C")


def checked_axis(label: str, values: Any) -> np.ndarray:
    """Return a copy of the axis (n,), or raise ValueError unless finite and increasing."""
    axis = checked_numbers(label, values)
    if axis.ndim != 1 or axis.size == 0:
        raise ValueError(f"{label} has shape {axis.shape}, expected (n,) with n >= 1.")
    if not np.isfinite(axis).all():
        raise ValueError(f"{label} holds NaN or infinity, expected finite coordinates.")
    if not (axis[1:] > axis[:-1]).all():
        raise ValueError(
            f"{label} does not increase strictly; sort it (and the fields with it), each "
            "coordinate once."
        )
    return axis


def checked_positions(points: Any) -> np.ndarray:
    """Return a copy of the points (N, D) as floats, or raise ValueError unless finite."""
    array = checked_numbers("points", points)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"points has shape {array.shape}, expected (N, D) with N, D >= 1; a single coordinate "
            "is points[:, None]."
        )
    if not np.isfinite(array).all():
        raise ValueError("points holds NaN or infinity, expected finite coordinates.")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def checked_cells(cells: Mapping[str, Any], count: int) -> dict[str, np.ndarray]:
    """Return a copy of the cells as int64, each (M, points of the kind), for `count` points.

    Raises:
        ValueError: for no cells, an unknown kind, a wrong shape, or an index outside the points.
    """
    if not cells:
        raise ValueError(
            "cells is empty, and ParaView shows nothing without them; for a cloud of points write "
            '{"vertex": np.arange(len(points))[:, None]}.'
        )
    checked = {}
    for kind, given in cells.items():
        if kind not in NODES:
            raise ValueError(f"{kind!r} is no kind of cell; the kinds are: {', '.join(NODES)}.")
        block = np.asarray(given)
        if block.ndim != 2 or block.shape[1] != NODES[kind] or len(block) == 0:
            raise ValueError(
                f'cells["{kind}"] has shape {block.shape}, expected (M, {NODES[kind]}), M >= 1.'
            )
        if block.dtype.kind not in "iu":
            raise ValueError(
                f'cells["{kind}"] has type {block.dtype}, expected integers: rows of points.'
            )
        if block.min() < 0 or block.max() >= count:
            raise ValueError(
                f'cells["{kind}"] refers to points {block.min()} to {block.max()}, expected 0 to '
                f"{count - 1}; the first point is number 0."
            )
        checked[kind] = block.astype(np.int64, order="C")
    return checked
