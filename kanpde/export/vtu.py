"""One ``.vtu`` file from arrays that come piece by piece, compressed block by block.

Source: *VTK XML file formats*, docs.vtk.org. An array is a header (number of blocks, size of a
block and of the last one, compressed size of each) and the blocks, both in base64: meshio mistakes
some files with raw data. The sizes are known only when all pieces have come, so every array is
collected in a temporary file of its own first: on the disk that takes as much again as the file, in
memory a block.
"""

from __future__ import annotations

import sys
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from xml.sax.saxutils import quoteattr

import numpy as np

from kanpde.export.arrays import VTK_TYPES
from kanpde.export.pieces import Fields, Mesh, checked_pieces

BLOCK = 2**20
"""Bytes that are compressed at once."""
LEVEL = 4
"""Of the compression: 6 takes twice the time for some percent."""


class Collected:
    """An array that grows on the disk.

    Args:
        name: in the file.
        file: that holds the compressed blocks.
    """

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self.name = name
        self.components, self.type = 1, ""
        self._file = file
        self._sizes: list[int] = []
        self._rest = bytearray()

    def append(self, values: np.ndarray) -> None:
        """Append rows (n,) or (n, components); all of one type."""
        self.components = values.shape[1] if values.ndim == 2 else 1
        self.type = values.dtype.name.replace("ui", "UI").replace("i", "I").replace("f", "F")
        self._rest += np.ascontiguousarray(values).tobytes()
        full = len(self._rest) // BLOCK * BLOCK
        for start in range(0, full, BLOCK):
            self._write(self._rest[start : start + BLOCK])
        del self._rest[:full]

    def _write(self, block: bytes | bytearray) -> None:
        packed = zlib.compress(block, LEVEL)
        self._sizes.append(len(packed))
        self._file.write(packed)

    def copy(self, target: IO[bytes]) -> None:
        """Write the element of the array to a file."""
        last = len(self._rest)
        if last:
            self._write(self._rest)
        header = np.array([len(self._sizes), BLOCK, last, *self._sizes], dtype=np.uint64)
        target.write(self._tag() + b64encode(header.tobytes()))
        self._file.seek(0)
        while part := self._file.read(3 * BLOCK):  # whole triples of bytes, so that parts join
            target.write(b64encode(part))
        target.write(b"</DataArray>\n")

    def _tag(self) -> bytes:
        name = quoteattr(self.name).encode("ascii", "xmlcharrefreplace")
        many = b' NumberOfComponents="%d"' % self.components if self.components > 1 else b""
        return b'<DataArray type="%s" Name=%s%s format="binary">' % (
            *(self.type.encode(), name, many),
        )


def write_pieces(
    path: Path, mesh: Mesh, pieces: Iterable[Fields], cell_data: Mapping[str, np.ndarray]
) -> None:
    """Write a mesh and its fields.

    Args:
        path: of the file.
        mesh: points and cells.
        pieces: fields at consecutive points, by name.
        cell_data: fields of the cells, checked.

    Raises:
        ValueError: for pieces that are wrong, differ, or are not as long as the mesh.
    """
    with ExitStack() as files:

        def collected(name: str) -> Collected:
            return Collected(name, files.enter_context(TemporaryFile(dir=path.parent)))

        at_points: dict[str, Collected] = {}
        for piece in checked_pieces(pieces, mesh.count):
            for name, values in piece.items():
                if name not in at_points:
                    at_points[name] = collected(name)
                at_points[name].append(values)
        at_cells = {name: collected(name) for name in cell_data}
        for name, values in cell_data.items():
            at_cells[name].append(values)
        sections = {
            "Points": [_points(mesh, collected("Points"))],
            "Cells": _cells(mesh, [collected(n) for n in ("connectivity", "offsets", "types")]),
            "PointData": list(at_points.values()),
            "CellData": list(at_cells.values()),
        }
        _put_together(path, mesh, sections)


def _points(mesh: Mesh, target: Collected) -> Collected:
    for points in mesh.point_pieces():
        target.append(points)
    return target


def _cells(mesh: Mesh, targets: list[Collected]) -> list[Collected]:
    connectivity, offsets, types = targets
    seen = 0
    for kind, block in mesh.cell_pieces():
        connectivity.append(block.ravel().astype(np.int64))
        offsets.append(seen + block.shape[1] * np.arange(1, len(block) + 1, dtype=np.int64))
        types.append(np.full(len(block), VTK_TYPES[kind], dtype=np.uint8))
        seen += block.size
    return targets


def _put_together(path: Path, mesh: Mesh, sections: Mapping[str, list[Collected]]) -> None:
    """Write the description, then all arrays one after the other."""
    order = {"little": b"LittleEndian", "big": b"BigEndian"}[sys.byteorder]
    with open(path, "wb") as file:
        file.write(
            b'<?xml version="1.0"?>\n<VTKFile type="UnstructuredGrid" version="1.0" '
            b'byte_order="%s" header_type="UInt64" compressor="vtkZLibDataCompressor">\n'
            b'<UnstructuredGrid>\n<Piece NumberOfPoints="%d" NumberOfCells="%d">\n'
            % (order, mesh.count, mesh.cell_count)
        )
        for section, arrays in sections.items():
            file.write(b"<%s>\n" % section.encode())
            for array in arrays:
                array.copy(file)
            file.write(b"</%s>\n" % section.encode())
        file.write(b"</Piece>\n</UnstructuredGrid>\n</VTKFile>\n")
