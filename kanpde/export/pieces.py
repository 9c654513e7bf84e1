"""Meshes and fields that come piece by piece, so that a large one is never held as a whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from kanpde.export.arrays import (
    checked_axis,
    checked_cells,
    checked_numbers,
    checked_positions,
)
from kanpde.export.names import checked_name

PIECE = 2**16
"""Points or cells of one piece."""
Fields = Mapping[str, np.ndarray]

_CORNERS = {
    "line": ((0,), (1,)),
    "quad": ((0, 0), (1, 0), (1, 1), (0, 1)),
    "hexahedron": (
        *((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)),
        *((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)),
    ),
}
"""Corners of the unit cell in VTK's order, which gives positive lengths, areas and volumes."""


class Mesh(ABC):
    """Points and cells by number, as many at once as one asks for."""

    count: int
    """Points."""

    @property
    @abstractmethod
    def kinds(self) -> dict[str, int]:
        """The number of cells of each kind, in order."""

    @abstractmethod
    def points(self, start: int, stop: int) -> np.ndarray:
        """Return the points of these numbers, (stop - start, 3)."""

    @abstractmethod
    def cells(self, kind: str, start: int, stop: int) -> np.ndarray:
        """Return the point numbers of these cells of a kind, (stop - start, nodes)."""

    @property
    def cell_count(self) -> int:
        """Cells of all kinds."""
        return sum(self.kinds.values())

    def point_pieces(self) -> Iterator[np.ndarray]:
        """Yield all points, piece by piece."""
        for start, stop in ranges(self.count):
            yield self.points(start, stop)

    def cell_pieces(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield all cells with their kind, piece by piece."""
        for kind, number in self.kinds.items():
            for start, stop in ranges(number):
                yield kind, self.cells(kind, start, stop)


@final
@dataclass(frozen=True)
class MeshArrays(Mesh):
    """A mesh in memory.

    Args:
        positions: (N, 3).
        blocks: point numbers (M, nodes) by kind.
    """

    positions: np.ndarray
    blocks: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, points: Any, cells: Mapping[str, Any]) -> Self:
        """Return a mesh of copies.

        Raises:
            ValueError: for points that are not (N, 1), (N, 2) or (N, 3), or wrong cells.
        """
        positions = checked_positions(points)
        if positions.shape[1] > 3:
            raise ValueError(
                f"points has shape {positions.shape}, a mesh takes (N, 1), (N, 2), (N, 3)."
            )
        return cls(three_columns(positions), checked_cells(cells, len(positions)))

    @property
    def count(self) -> int:  # type: ignore[override]
        """Points."""
        return len(self.positions)

    @property
    def kinds(self) -> dict[str, int]:
        """The number of cells of each kind, in order."""
        return {kind: len(block) for kind, block in self.blocks.items()}

    def points(self, start: int, stop: int) -> np.ndarray:
        """Return the points of these numbers, (stop - start, 3)."""
        return self.positions[start:stop]

    def cells(self, kind: str, start: int, stop: int) -> np.ndarray:
        """Return the point numbers of these cells of a kind, (stop - start, nodes)."""
        return self.blocks[kind][start:stop]


@final
@dataclass(frozen=True)
class GridMesh(Mesh):
    """The tensor grid of one, two or three axes; only the axes are in memory.

    Point k is entry k of ``np.meshgrid(*axes, indexing="ij")`` ravelled. Cells are lines, quads or
    hexahedra: unlike triangles, quads show no diagonals and favour no direction when ParaView draws
    edges and contours.

    Args:
        axes: strictly increasing coordinates (n_i,), n_i >= 2.
    """

    axes: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, axes: Sequence[Any]) -> Self:
        """Return the grid of copies of the axes.

        Raises:
            ValueError: for another number of axes, or an axis that is not finite and increasing.
        """
        if not 1 <= len(axes) <= 3:
            raise ValueError(
                f"grid_mesh takes 1 to 3 axes, given {len(axes)}; fix the other coordinates, or "
                "write HDF5 with write_grid_field."
            )
        checked = tuple(checked_axis(f"axis {i}", axis) for i, axis in enumerate(axes))
        shape = tuple(len(axis) for axis in checked)
        if min(shape) < 2:
            raise ValueError(
                f"the axes have {shape} points, expected at least 2 in each for a cell."
            )
        return cls(checked)

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each axis."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def count(self) -> int:  # type: ignore[override]
        """Points."""
        return int(np.prod(self.shape))

    @property
    def kinds(self) -> dict[str, int]:
        """The number of cells of each kind, in order."""
        return {self._kind: int(np.prod([n - 1 for n in self.shape]))}

    def points(self, start: int, stop: int) -> np.ndarray:
        """Return the points of these numbers, (stop - start, 3)."""
        places = np.unravel_index(np.arange(start, stop), self.shape)
        found = np.zeros((stop - start, 3))
        for column, (axis, place) in enumerate(zip(self.axes, places, strict=True)):
            found[:, column] = axis[place]
        return found

    def cells(self, kind: str, start: int, stop: int) -> np.ndarray:
        """Return the point numbers of these cells, (stop - start, nodes)."""
        lowest = np.unravel_index(np.arange(start, stop), tuple(n - 1 for n in self.shape))
        corners = [
            np.ravel_multi_index(
                tuple(p + c for p, c in zip(lowest, corner, strict=True)), self.shape
            )
            for corner in _CORNERS[kind]
        ]
        return np.stack(corners, axis=1)

    @property
    def _kind(self) -> str:
        return list(_CORNERS)[len(self.axes) - 1]


def ranges(count: int, size: int = PIECE) -> Iterator[tuple[int, int]]:
    """Yield start and stop of pieces of at most so many.

    >>> list(ranges(5, 2))
    [(0, 2), (2, 4), (4, 5)]
    """
    for start in range(0, count, size):
        yield start, min(start + size, count)


def sliced(fields: Fields, count: int) -> Iterator[Fields]:
    """Yield fields that are in memory, piece by piece."""
    for start, stop in ranges(count):
        yield {name: values[start:stop] for name, values in fields.items()}


def recut(pieces: Iterable[Fields], size: int) -> Iterator[Fields]:
    """Yield the same fields in pieces of one size, but for the last.

    What is compressed together is written at once then, and a file does not depend on the pieces
    it was made of.
    """
    kept: list[Fields] = []
    length, is_first = 0, True
    for piece in pieces:
        kept.append(piece)
        length += _length(piece)
        if length < size:
            continue
        whole = {name: np.concatenate([k[name] for k in kept]) for name in piece}
        full = length // size * size
        for start in range(0, full, size):
            yield {name: values[start : start + size] for name, values in whole.items()}
        is_first = False
        kept, length = [{name: values[full:] for name, values in whole.items()}], length - full
    if length or (is_first and kept):
        yield {name: np.concatenate([k[name] for k in kept]) for name in kept[-1]}


def _length(piece: Fields) -> int:
    return len(next(iter(piece.values()), ()))


def checked_pieces(pieces: Iterable[Fields], count: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield pieces whose fields have one name, type and number of components throughout.

    Raises:
        ValueError: for a wrong shape, type or name, for pieces that differ, or if all together they
            are not ``count`` points.
    """
    seen, first = 0, None
    for piece in pieces:
        length = _length(piece)
        found = checked_fields("point_data", piece, length)
        kind = {name: (v.dtype, v.shape[1:]) for name, v in found.items()}
        first = kind if first is None else first
        if kind != first:
            raise ValueError(f"a piece has the fields {kind}, the first one has {first}.")
        seen += length
        yield found
    if seen != count and first:
        raise ValueError(f"the pieces have {seen} points together, expected {count}.")


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
