"""Checks of what users write: coordinates by keyword, lengths, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from keyword import iskeyword
from math import isfinite
from typing import Any

import numpy as np

from kanpde.geometry.curves import Vector


def checked_place(shape: str, place: Mapping[str, Any]) -> tuple[tuple[str, ...], Vector]:
    """Return the names of two coordinates and their values, from ``x=0, y=0``.

    Raises:
        ValueError: for another number of coordinates, a name that is none, or a value that is no
            finite number.
    """
    if len(place) != 2:
        raise ValueError(
            f"{shape} needs a place in the plane, two coordinates such as x=0, y=0; got "
            f"{', '.join(place) or 'none'}."
        )
    names = tuple(checked_coordinate(name) for name in place)
    x, y = (checked_number(shape, name, value) for name, value in place.items())
    return names, (x, y)


def checked_vector(method: str, given: Mapping[str, Any], names: Sequence[str]) -> np.ndarray:
    """Return the values of the coordinates (D,), zero where none is given.

    Raises:
        ValueError: for a coordinate that is none, or a value that is no finite number.
    """
    strange = [name for name in given if name not in names]
    if strange:
        raise ValueError(
            f"{method}: {', '.join(strange)} is no coordinate; the coordinates are "
            f"{', '.join(names)}."
        )
    return np.array([checked_number(method, n, given.get(n, 0.0)) for n in names])


def checked_number(where: str, name: str, value: Any, *, positive: bool = False) -> float:
    """Return a finite (positive) number as a float.

    Raises:
        ValueError: if it is none.
    """
    try:
        number = float(value) + 0.0
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if isinstance(value, str) or not isfinite(number) or (positive and number <= 0):
        kind = "a positive number" if positive else "a finite number"
        raise ValueError(f"{where}: {name}={value!r} must be {kind}.")
    return number


def checked_coordinate(name: Any) -> str:
    """Return the name of a coordinate.

    Raises:
        ValueError: if it is no identifier.
    """
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        raise ValueError(
            f'"{name}" cannot name a coordinate; take a Python identifier such as "x" or "x1".'
        )
    return name


def checked_label(name: Any) -> str:
    """Return the name of a boundary piece.

    Raises:
        ValueError: if it is no text, or empty.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(
            f'{name!r} cannot name a piece of a boundary; write a text such as "wall".'
        )
    return name


def checked_points(points: Any, names: tuple[str, ...]) -> np.ndarray:
    """Return points as a float64 array of shape (N, D).

    Raises:
        ValueError: for another shape.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != len(names):
        raise ValueError(
            f"points must have shape (N, {len(names)}), one column for each of "
            f"{', '.join(names)}; got {array.shape}."
        )
    return array
