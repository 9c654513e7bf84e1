r"""Solvers of the damped problem :math:`\min_p|r+Jp|^2+\lambda|p|^2` for one J and many dampings.

Three forms of the same step. All take the transposed Jacobian (P, rows).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import scipy.linalg
import torch
from torch import Tensor


class Damped(ABC):
    """The steps of one linearisation."""

    floor: float
    """The least damping at which a step is more than round-off."""

    @abstractmethod
    def step(self, damping: float) -> Tensor | None:
        """Return the step p (P,), or None if the matrix is singular to working precision."""


class Normal(Damped):
    r"""By Cholesky factors of :math:`J^TJ+\lambda I`: the fastest; its condition is squared."""

    def __init__(self, jacobian: Tensor, residual: Tensor) -> None:
        self._gram = jacobian @ jacobian.T
        self._gradient = jacobian @ residual
        self.floor = torch.finfo(jacobian.dtype).eps * float(self._gram.diagonal().max())

    def step(self, damping: float) -> Tensor | None:
        """Return the step (P,), or None if the factors do not exist."""
        solution = _cholesky_solve(self._gram, damping, self._gradient)
        return None if solution is None else -solution


class Kernel(Damped):
    r"""By :math:`p=-J^T(JJ^T+\lambda I)^{-1}r`: for fewer rows than parameters."""

    def __init__(self, jacobian: Tensor, residual: Tensor) -> None:
        self._jacobian, self._residual = jacobian, residual
        self._gram = jacobian.T @ jacobian
        self.floor = torch.finfo(jacobian.dtype).eps * float(self._gram.diagonal().max())

    def step(self, damping: float) -> Tensor | None:
        """Return the step (P,), or None if the factors do not exist."""
        solution = _cholesky_solve(self._gram, damping, self._residual)
        return None if solution is None else -(self._jacobian @ solution)


class Orthogonal(Damped):
    r"""By orthogonal factors of :math:`(J;\sqrt\lambda I)`, which keep the condition of J.

    J is brought to triangular form once; each damping then takes factors of a matrix (2 P, P).
    """

    def __init__(self, jacobian: Tensor, residual: Tensor) -> None:
        both = torch.cat([jacobian, residual[None]]).T.cpu().numpy()  # (rows, P + 1)
        triangle = scipy.linalg.qr(both, mode="r", check_finite=False)[0]
        self._size = len(jacobian)
        self._triangle = triangle[: self._size + 1]
        self._like = residual
        largest = float(jacobian.square().sum(1).max())
        self.floor = torch.finfo(jacobian.dtype).eps ** 2 * largest

    def step(self, damping: float) -> Tensor | None:
        """Return the step (P,)."""
        n = self._size
        below = np.zeros((n, n + 1), self._triangle.dtype)
        np.fill_diagonal(below, np.sqrt(damping))
        stacked = np.concatenate([self._triangle, below])
        r = scipy.linalg.qr(stacked, mode="r", overwrite_a=True, check_finite=False)[0]
        if not np.abs(r.diagonal()[:n]).min() > 0:
            return None
        step = -scipy.linalg.solve_triangular(r[:n, :n], r[:n, n], check_finite=False)
        return torch.as_tensor(step).to(self._like)


def _cholesky_solve(gram: Tensor, damping: float, right: Tensor) -> Tensor | None:
    damped = gram.clone()
    damped.diagonal().add_(damping)
    factor, failed = torch.linalg.cholesky_ex(damped)
    return None if failed else torch.cholesky_solve(right[:, None], factor)[:, 0]
