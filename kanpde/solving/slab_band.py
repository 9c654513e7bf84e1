"""Block-banded matrices of splines, plain or cyclic, and their LU factorisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.linalg.lapack import dgbtrf, dgbtrs


class SingularMatrix(ArithmeticError):
    """A matrix that cannot be factorised."""


class BlockBand:
    r"""A matrix of blocks (b, b) that couples each index i with :math:`|i - j| \le p`.

    Cyclic, indices are taken modulo n. Blocks are stored by column: ``blocks[j, l, i - j + p, r]``
    is the entry of row (i, r) and column (j, l).

    Args:
        size: number n of block rows; at least 2 p + 2 if cyclic.
        degree: p.
        block: b.
        cyclic: whether the first and the last index are neighbours.
    """

    def __init__(self, size: int, degree: int, block: int, cyclic: bool) -> None:
        if cyclic and size < 2 * degree + 2:
            raise ValueError(
                f"a cyclic band of half width {degree} needs {2 * degree + 2} rows, got {size}."
            )
        self.size, self.degree, self.block, self.cyclic = size, degree, block, cyclic
        self.blocks = np.zeros((size, block, 2 * degree + 1, block))

    def add(self, local: np.ndarray, operator: np.ndarray, rows: slice, columns: slice) -> None:
        """Add the matrices of all cells times an operator within the blocks.

        Row (e + i, rows[r]) and column (e + j, columns[l]) get local[e, r, i, j] operator[r, l].

        Args:
            local: shape (cells, R, p + 1, p + 1).
            operator: shape (R, L).
            rows: which R rows of a block.
            columns: which L columns of a block.
        """
        p, count = self.degree, len(local)
        moved = np.ascontiguousarray(local.transpose(2, 3, 0, 1))
        for i in range(p + 1):
            for j in range(p + 1):
                term = operator.T * moved[i, j][:, None]  # (cells, L, R)
                inside = min(count, self.size - j)
                self.blocks[j : j + inside, columns, i - j + p, rows] += term[:inside]
                if inside < count:
                    self.blocks[: count - inside, columns, i - j + p, rows] += term[inside:]

    def clear_row(self, index: int, row: int) -> None:
        """Set one row to zero; only of a plain band."""
        p = self.degree
        columns = np.arange(max(0, index - p), min(self.size, index + p + 1))
        self.blocks[columns, :, index - columns + p, row] = 0

    def add_to_row(
        self, index: int, row: int, columns: Sequence[int] | np.ndarray, entries: np.ndarray
    ) -> None:
        """Add entries (columns, b) to the row (index, row); only of a plain band."""
        columns = np.asarray(columns)
        self.blocks[columns, :, index - columns + self.degree, row] += entries

    def factorised(self) -> Factor:
        """Return the LU factorisation.

        Raises:
            SingularMatrix: if there is none.
        """
        if not np.isfinite(self.blocks).all():
            raise SingularMatrix("an entry is not finite")
        if not self.cyclic:
            return Factor(_Banded(self.blocks, self.degree))
        return Factor(_Banded(self.blocks[: self.size - self.degree], self.degree), self)

    def corner(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the blocks A12, A21, A22 that couple the last p indices, dense."""
        n, p, b = self.size, self.degree, self.block
        inner = n - p
        upper, lower = np.zeros((inner, b, p, b)), np.zeros((p, b, inner, b))
        last = np.zeros((p, b, p, b))
        for j in [*range(p), *range(inner - p, n)]:
            for offset in range(2 * p + 1):
                i, block = (j + offset - p) % n, self.blocks[j, :, offset].T
                if j >= inner and i >= inner:
                    last[i - inner, :, j - inner] = block
                elif j >= inner:
                    upper[i, :, j - inner] = block
                elif i >= inner:
                    lower[i - inner, :, j] = block
        return (
            upper.reshape(inner * b, p * b),
            lower.reshape(p * b, inner * b),
            last.reshape(p * b, p * b),
        )


class _Banded:
    """LU of a plain band by LAPACK's gbtrf."""

    def __init__(self, blocks: np.ndarray, degree: int) -> None:
        n, b = blocks.shape[:2]
        self._half = half = degree * b + b - 1
        width = (2 * degree + 1) * b
        flat = blocks.reshape(n, b, width)
        band = np.zeros((n, b, 3 * half + 1))
        for column in range(b):  # of a block: its entries move up by one
            start = 2 * half - degree * b - column
            band[:, column, start : start + width] = flat[:, column]
        self._lu, self._pivots, info = dgbtrf(
            band.reshape(n * b, -1).T, half, half, overwrite_ab=True
        )
        if info != 0:
            raise SingularMatrix("a pivot is zero")

    def solve(self, right: np.ndarray) -> np.ndarray:
        found, _ = dgbtrs(self._lu, self._half, self._half, right, self._pivots)
        return found


class Factor:
    """An LU factorisation; a cyclic band is bordered by its last p indices."""

    def __init__(self, inner: _Banded, cyclic: BlockBand | None = None) -> None:
        self._inner, self._cyclic = inner, cyclic is not None
        if cyclic is not None:
            upper, self._lower, last = cyclic.corner()
            self._spread = inner.solve(upper)
            schur = last - self._lower @ self._spread
            if not np.isfinite(schur).all():
                raise SingularMatrix("the corner is not finite")
            self._schur = lu_factor(schur, check_finite=False)

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Return the solution for right-hand sides (rows,) or (rows, count)."""
        if not self._cyclic:
            return self._inner.solve(right)
        n = len(self._spread)
        top = self._inner.solve(right[:n])
        low = lu_solve(self._schur, right[n:] - self._lower @ top, check_finite=False)
        return np.concatenate([top - self._spread @ low, low])
