r"""Solvers of the damped problem :math:`\min_p|r+Jp|^2+\lambda|p|^2` for one J and many dampings.

Forms of the same step: three from the transposed Jacobian (P, rows) in memory, two from sums or
factors that were gathered in a pass through the points. A Jacobian in single precision is summed up
and factored in double precision: its entries are rounded once, and no further.

A matrix that is singular gives the step zero. Whether it is, stays on the device: the one who takes
a step finds out by what it brings, and a GPU is not waited for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

import torch
from scipy.linalg.blas import dsyrk
from torch import Tensor

SLICE = 4096
"""Rows that are turned to double precision at once."""


class Damped(ABC):
    """The steps of one linearisation."""

    floor: float
    """The least damping at which a step is more than round-off."""

    @abstractmethod
    def factored(self, damping: float) -> Callable[[Tensor], Tensor]:
        """Return what maps r (rows,) to the step p (P,); to zero if the matrix is singular."""


class Summed(Damped):
    r"""By Cholesky factors of :math:`J^TJ+\lambda I`, given the product; takes :math:`J^Tr`."""

    def __init__(self, gram: Tensor) -> None:
        self._gram = gram.double()
        self.floor = torch.finfo(self._gram.dtype).eps * float(self._gram.diagonal().max())

    def factored(self, damping: float) -> Callable[[Tensor], Tensor]:
        """Return what maps the gradient (P,) to the step p (P,)."""
        solve = _cholesky(self._gram, damping)
        return lambda gradient: -solve(gradient)


class Normal(Damped):
    r"""By Cholesky factors of :math:`J^TJ+\lambda I`: the fastest; its condition is squared."""

    def __init__(self, jacobian: Tensor) -> None:
        self._jacobian = jacobian
        self._summed = Summed(gram_of(jacobian))
        self.floor = self._summed.floor

    def factored(self, damping: float) -> Callable[[Tensor], Tensor]:
        """Return what maps r (rows,) to the step p (P,)."""
        step = self._summed.factored(damping)
        return lambda residual: step(times(self._jacobian, residual))


class Kernel(Damped):
    r"""By :math:`p=-J^T(JJ^T+\lambda I)^{-1}r`: for fewer rows than parameters."""

    def __init__(self, jacobian: Tensor) -> None:
        self._jacobian = jacobian
        self._gram = gram_of(jacobian.T)
        self.floor = torch.finfo(self._gram.dtype).eps * float(self._gram.diagonal().max())

    def factored(self, damping: float) -> Callable[[Tensor], Tensor]:
        """Return what maps r (rows,) to the step p (P,)."""
        solve = _cholesky(self._gram, damping)
        return lambda residual: -times(self._jacobian, solve(residual))


class Orthogonal(Damped):
    r"""By orthogonal factors of :math:`(J;\sqrt\lambda I)`, which keep the condition of J.

    J is brought to triangular form once; each damping then takes factors of a matrix (2 P, P).
    """

    def __init__(self, jacobian: Tensor) -> None:
        jacobian = jacobian.double()
        self._basis, self._triangle = torch.linalg.qr(jacobian.T)
        largest = float(jacobian.square().sum(1).max())
        self.floor = torch.finfo(jacobian.dtype).eps ** 2 * largest

    def factored(self, damping: float) -> Callable[[Tensor], Tensor]:
        """Return what maps r (rows,) to the step p (P,)."""
        basis, r = damped_qr(self._triangle, damping)
        turned = self._basis @ basis[: len(self._triangle)]  # (rows of J, P)
        return lambda residual: -solved(r, turned.T @ residual.double())


class Factored(Damped):
    r"""By orthogonal factors of :math:`(R;\sqrt\lambda I)`, with R a triangular factor of J.

    Takes the gradient :math:`g=J^Tr`. For the residual itself :math:`g=R^Tz` with the z that was
    factored along, and the condition of J is kept; for other right-hand sides there are only the
    seminormal equations (Bjorck 1996, section 6.6.5), which do for a bend of the step.

    Args:
        triangle: of J and r side by side, (P + 1, P + 1).
        gradient: the one that belongs to z, (P,).
    """

    def __init__(self, triangle: Tensor, gradient: Tensor) -> None:
        self._triangle, self._z, self._gradient = triangle[:, :-1], triangle[:, -1], gradient
        largest = float(self._triangle.square().sum(0).max())
        self.floor = torch.finfo(triangle.dtype).eps ** 2 * largest

    def factored(self, damping: float) -> Callable[[Tensor], Tensor]:
        """Return what maps a gradient (P,) to the step p (P,)."""
        basis, r = damped_qr(self._triangle, damping)
        z = basis[: len(self._triangle)].T @ self._z

        def step(gradient: Tensor) -> Tensor:
            right = z
            if gradient is not self._gradient:
                right = torch.linalg.solve_triangular(r.T, gradient[:, None], upper=False)[:, 0]
            return -solved(r, right)

        return step


def damped_qr(matrix: Tensor, damping: float) -> tuple[Tensor, Tensor]:
    r"""Return orthogonal and triangular factor of :math:`(A;\sqrt\lambda I)`, A (rows, P)."""
    below = torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
    basis, triangle = torch.linalg.qr(torch.cat([matrix, damping**0.5 * below]))
    return basis, triangle


def solved(triangle: Tensor, right: Tensor) -> Tensor:
    """Return the solution of an upper triangular system (P, P), (P,); zero if it is singular."""
    solution = torch.linalg.solve_triangular(triangle, right[:, None], upper=True)[:, 0]
    return torch.where(triangle.diagonal().abs().min() > 0, solution, 0.0)


def gram_of(matrix: Tensor) -> Tensor:
    """Return the product A A^T (P, P) of A (P, rows) with itself, in double precision.

    On the CPU one triangle is computed and mirrored, by BLAS's syrk, which torch does not offer: a
    step of a thousand parameters consists mostly of this.
    """
    if matrix.dtype != torch.float64:
        return _summed(gram_of(part.double()) for part in matrix.split(SLICE, dim=1))
    if matrix.device.type != "cpu":
        return matrix @ matrix.T
    array = matrix.numpy()
    half = dsyrk(1.0, array) if array.flags.f_contiguous else dsyrk(1.0, array.T, trans=1)
    lower = torch.from_numpy(half.T).tril()
    return lower + lower.tril(-1).T


def times(jacobian: Tensor, residual: Tensor) -> Tensor:
    """Return a transposed Jacobian (P, rows) times rows (rows,), in double precision."""
    if jacobian.dtype == torch.float64:
        return jacobian @ residual
    pairs = zip(jacobian.split(SLICE, dim=1), residual.split(SLICE), strict=True)
    return _summed(rows.double() @ own.double() for rows, own in pairs)


def _summed(parts: Iterable[Tensor]) -> Tensor:
    total: Tensor | None = None
    for part in parts:
        total = part if total is None else total + part
    assert total is not None
    return total


def _cholesky(gram: Tensor, damping: float) -> Callable[[Tensor], Tensor]:
    damped = gram.clone()
    damped.diagonal().add_(damping)
    factor, failed = torch.linalg.cholesky_ex(damped)

    def solve(right: Tensor) -> Tensor:
        solution = torch.cholesky_solve(right.to(factor)[:, None], factor)[:, 0]
        return torch.where(failed == 0, solution, 0.0)

    return solve
