"""Sparse least squares over boxes: block normal equations as a preconditioner, then CGLS."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from kanpde.solving.interfaces import Rows

SHIFT = 3e-15
STEPS = 12
"""Most CGLS steps; two or three do unless the system is close to singular."""
CONVERGED = 1e-15


def solve_rows(rows: list[Rows], count: int, size: int) -> tuple[np.ndarray, float, int]:
    """Minimise the sum of squares of all rows.

    Args:
        rows: the groups of rows.
        count: number of boxes.
        size: free coefficients of a box.

    Returns:
        the coefficients (count, size), the root mean square of the residual and the row number.
    """
    matrix, target = _matrix(rows, count, size)
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel())
    scale = 1 / np.where(norms > 0, norms, 1.0)
    normal = _normal(rows, count, size)
    diagonal = sparse.diags_array(scale)
    normal = diagonal @ normal @ diagonal + SHIFT * sparse.identity(count * size)
    factor = splu(
        normal.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        options={"SymmetricMode": True},
        diag_pivot_thresh=0.0,
    )
    scaled = (matrix @ diagonal).tocsr()
    z, r = _cgls(scaled, target, factor.solve)
    rms = float(np.linalg.norm(r)) / np.sqrt(len(target))
    return (z * scale).reshape(count, size), rms, len(target)


def _cgls(matrix, target, precondition):
    transposed = matrix.T.tocsr()
    z = precondition(transposed @ target)
    r = target - matrix @ z
    s = transposed @ r
    y = precondition(s)
    p, gamma = y, float(s @ y)
    first = None
    for _ in range(STEPS):
        if not gamma > 0:
            break
        q = matrix @ p
        alpha = gamma / float(q @ q)
        step = alpha * p
        z = z + step
        r = r - alpha * q
        size = np.linalg.norm(step)
        first = first or size
        if size <= CONVERGED * np.linalg.norm(z):
            break
        s = transposed @ r
        y = precondition(s)
        new = float(s @ y)
        p, gamma = y + (new / gamma) * p, new
    return z, target - matrix @ z


def _matrix(rows: list[Rows], count: int, size: int) -> tuple[sparse.csr_array, np.ndarray]:
    data, indices, lengths, targets = [], [], [], []
    for group in rows:
        g, r, width = group.matrix.shape
        columns = (group.boxes[:, :, None] * size + np.arange(size)).reshape(g, 1, width)
        data.append(group.matrix.ravel())
        indices.append(np.broadcast_to(columns, (g, r, width)).ravel())
        lengths.append(np.full(g * r, width))
        targets.append(group.target.ravel())
    pointer = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    shape = (len(pointer) - 1, count * size)
    matrix = sparse.csr_array((np.concatenate(data), np.concatenate(indices), pointer), shape=shape)
    return matrix, np.concatenate(targets)


def _normal(rows: list[Rows], count: int, size: int) -> sparse.bsr_array:
    places, blocks = [], []
    for group in rows:
        g, _, width = group.matrix.shape
        gram = group.matrix.transpose(0, 2, 1) @ group.matrix
        b = width // size
        gram = gram.reshape(g, b, size, b, size).transpose(0, 1, 3, 2, 4)
        blocks.append(gram.reshape(-1, size, size))
        i = np.broadcast_to(group.boxes[:, :, None], (g, b, b)).ravel()
        j = np.broadcast_to(group.boxes[:, None, :], (g, b, b)).ravel()
        places.append(i * count + j)
    place = np.concatenate(places)
    order = np.argsort(place, kind="stable")
    place, first = np.unique(place[order], return_index=True)
    summed = np.add.reduceat(np.concatenate(blocks)[order], first, axis=0)
    pointer = np.searchsorted(place // count, np.arange(count + 1))
    shape = (count * size, count * size)
    return sparse.bsr_array((summed, place % count, pointer), shape=shape)
