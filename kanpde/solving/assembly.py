r"""Sparse least squares over boxes: normal equations as a preconditioner, then CGLS.

The normal matrix :math:`A^TA` is made of dense blocks, one for each box and each pair that touches.
Its factorisation alone would square the condition number; a few steps of conjugate gradients on the
least squares (CGLS, Bjorck 1996, section 7.4) with it as a preconditioner bring the lost digits
back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from kanpde.solving.interfaces import Rows

SHIFT = 3e-15
"""Added to the diagonal of the scaled normal matrix, so that round-off leaves it definite."""
SINGULAR = 2e-12
"""A pivot of the scaled normal matrix below this is round-off: well-posed problems have pivots
above 1e-7, those with a condition too few (or at an eigenvalue) below 1e-12."""
STEPS = 12
"""Most CGLS steps; two or three do unless the system is close to singular."""
CONVERGED = 1e-15
"""Relative size of a step that is the last."""


@dataclass(frozen=True)
class Solved:
    """The least-squares solution of a system.

    Args:
        solution: (count, size).
        rms: root mean square of the residual.
        row_count: number of rows.
        is_determined: whether the rows determine every coefficient.
    """

    solution: np.ndarray
    rms: float
    row_count: int
    is_determined: bool


def solve_rows(rows: list[Rows], count: int, size: int) -> Solved:
    """Minimise the sum of squares of all rows.

    Args:
        rows: the groups of rows.
        count: number of boxes.
        size: free coefficients of a box.
    """
    matrix, target = _matrix(rows, count, size)
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel())
    scale = 1 / np.where(norms > 0, norms, 1.0)
    diagonal = sparse.diags_array(scale)
    normal = diagonal @ _normal(rows, count, size) @ diagonal
    factor = splu(
        (normal + SHIFT * sparse.eye_array(count * size)).tocsc(),
        permc_spec="MMD_AT_PLUS_A",  # the default ordering is for matrices that are not symmetric
        options={"SymmetricMode": True},
        diag_pivot_thresh=0.0,
    )
    z = _cgls((matrix @ diagonal).tocsr(), target, factor.solve) * scale
    rms = float(np.linalg.norm(matrix @ z - target)) / np.sqrt(len(target))
    smallest = float(factor.U.diagonal().min())
    return Solved(z.reshape(count, size), rms, len(target), smallest > SINGULAR)


def _cgls(
    matrix: sparse.csr_array, target: np.ndarray, precondition: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Minimise |matrix @ z - target| with a preconditioner for its normal equations."""
    transposed = matrix.T.tocsr()
    z = precondition(transposed @ target)
    residual = target - matrix @ z
    gradient = transposed @ residual
    direction = precondition(gradient)
    decrease = float(gradient @ direction)
    for _ in range(STEPS):
        if not decrease > 0:
            break
        image = matrix @ direction
        step = decrease / float(image @ image)
        z = z + step * direction
        if step * np.linalg.norm(direction) <= CONVERGED * np.linalg.norm(z):
            break
        residual = residual - step * image
        gradient = transposed @ residual
        better = precondition(gradient)
        following = float(gradient @ better)
        direction = better + (following / decrease) * direction
        decrease = following
    return z


def _matrix(rows: list[Rows], count: int, size: int) -> tuple[sparse.csr_array, np.ndarray]:
    """Return all rows as one sparse matrix, and their targets."""
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
    """Return the normal matrix from the dense products of each group."""
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
