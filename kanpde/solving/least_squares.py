"""One rank-revealing least-squares solve for the coefficients a field is linear in."""

from __future__ import annotations

import torch
from scipy.linalg import lstsq
from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import Network, Prepared

RANK_CUT = 1e-14
"""Relative size below which a direction of the scaled columns counts as dependent."""


def least_squares(matrix: Tensor, target: Tensor, *, cut: float = RANK_CUT) -> Tensor:
    """Minimise |matrix @ c - target| with unit columns and a rank-revealing QR.

    Columns are scaled to unit length first, so that high derivatives of high degrees do not decide
    which directions are dropped; dependent directions below ``cut`` get no weight. On the CPU this
    is LAPACK's complete orthogonal factorisation (gelsy), elsewhere a singular value decomposition.

    Args:
        matrix: (rows, columns).
        target: (rows,) or (rows, right-hand sides).
        cut: relative singular value below which a direction is dropped.

    Raises:
        ValueError: if an entry is not finite.
    """
    if not bool(torch.isfinite(matrix).all() and torch.isfinite(target).all()):
        raise ValueError("the least-squares system holds entries that are not finite.")
    length = torch.linalg.vector_norm(matrix, dim=0)
    length = torch.where(length > 0, length, torch.ones_like(length))
    right = target[:, None] if target.ndim == 1 else target
    scaled = matrix / length
    if matrix.device.type == "cpu":
        # scipy's, for torch's gelsy starts from uninitialised pivots: not the same twice.
        found = lstsq(
            scaled.numpy(), right.numpy(), cond=cut, lapack_driver="gelsy", check_finite=False
        )[0]
        solution = torch.as_tensor(found)
    else:
        u, s, vh = thin_svd(scaled)
        within = torch.where(s > cut * s[0], 1 / s, 0.0)
        solution = vh.T @ (within[:, None] * (u.T @ right))
    solution = solution / length[:, None]
    return solution[:, 0] if target.ndim == 1 else solution


def thin_svd(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return u (rows, K), s (K,) and vh (K, columns) of a tall matrix, from its triangular factor.

    K is the smaller of rows and columns.
    """
    basis, triangle = torch.linalg.qr(matrix)
    u, s, vh = torch.linalg.svd(triangle, full_matrices=False)
    return basis @ u, s, vh


def balanced_weights(systems: list[tuple[Tensor, Tensor]], collocation: Collocation) -> list[float]:
    r"""Return row factors that balance conditions against equations.

    Rows of block b get :math:`w_b/\sqrt{N_b}`, with w = 1 for equations and the square root of
    (largest column size of the equations / the same of the condition) for a condition: on the
    scale where the error is flat over two orders of magnitude of the weight.
    """
    largest_columns = [torch.linalg.vector_norm(rows, dim=0).max() for rows, _ in systems]
    counts = [len(rows) for rows, _ in systems]
    pairs = zip(torch.stack(largest_columns).tolist(), counts, strict=True)
    sizes = [size / count**0.5 for size, count in pairs]
    equations = [s for s, b in zip(sizes, collocation.blocks, strict=True) if b.is_equation]
    largest = max(equations, default=1.0)
    return [
        1.0 if block.is_equation or size == 0 else max(largest / size, 1e-3) ** 0.5
        for size, block in zip(sizes, collocation.blocks, strict=True)
    ]


def solve_output_coefficients(
    network: Network,
    collocation: Collocation,
    prepared: list[Prepared],
    weights: list[float] | None = None,
) -> tuple[Network, list[float]]:
    """Return the network with its output edges solved for, and the row factors used.

    Args:
        network: linear in its output coefficients.
        collocation: of a linear problem.
        prepared: the collocation's points, prepared for this network.
        weights: row factors of the blocks; balanced automatically if None.

    Raises:
        ValueError: if the problem is not linear in the unknowns.
    """
    systems = collocation.linear_system(network, prepared)
    factors = weights if weights is not None else balanced_weights(systems, collocation)
    solution = stacked_least_squares(systems, factors)
    return network.with_output_coefficients(solution.view(network.outputs, -1)), factors


def stacked_least_squares(systems: list[tuple[Tensor, Tensor]], factors: list[float]) -> Tensor:
    """Solve the systems of all blocks together, each scaled by its factor and number of rows."""
    return least_squares(*stacked(systems, factors))


def stacked(systems: list[tuple[Tensor, Tensor]], factors: list[float]) -> tuple[Tensor, Tensor]:
    """Return rows (R, columns) and right-hand sides (R,) of all blocks, scaled in this way."""
    scaled = [f / len(rows) ** 0.5 for f, (rows, _) in zip(factors, systems, strict=True)]
    matrix = torch.cat([s * rows for s, (rows, _) in zip(scaled, systems, strict=True)])
    target = torch.cat([s * t for s, (_, t) in zip(scaled, systems, strict=True)])
    return matrix, target


class Triangle:
    """The triangular factor of a tall matrix that comes in parts: a QR of many, one at a time.

    Its columns are as well determined as those of the matrix, for nothing is squared (tall-skinny
    QR; Demmel, Grigori, Hoemmen and Langou, SIAM J. Sci. Comput. 34 (2012)).

    Args:
        columns: of the matrix.
        like: a tensor of its kind.
    """

    def __init__(self, columns: int, like: Tensor) -> None:
        self._factor = like.new_zeros(columns, columns)
        self._rows = 0

    def add(self, rows: Tensor) -> None:
        """Take in further rows (rows, columns)."""
        top = self._factor[: min(self._rows, len(self._factor))]
        factor = torch.linalg.qr(torch.cat([top, rows]), mode="r")[1]
        self._rows += len(rows)
        self._factor.zero_()
        self._factor[: len(factor)] = factor

    @property
    def factor(self) -> Tensor:
        """The factor (columns, columns) of all rows so far; zero below the last one."""
        return self._factor
