"""How values at points become rows of the residual."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


class Rows(ABC):
    """How the values of an expression at the points of a block become its rows: a linear map."""

    @abstractmethod
    def count(self, points: int) -> int:
        """Return the number of rows that so many points give."""

    @abstractmethod
    def of(self, values: Tensor) -> Tensor:
        """Map values (..., points) to rows (..., rows)."""

    @abstractmethod
    def back(self, adjoint: Tensor) -> Tensor:
        """Map derivatives by the rows (rows,) to those by the values (points,): the transpose."""


@dataclass(frozen=True)
class EachPoint(Rows):
    """One row for each point: the value itself."""

    def count(self, points: int) -> int:
        """Return the number of points."""
        return points

    def of(self, values: Tensor) -> Tensor:
        """Return the values."""
        return values

    def back(self, adjoint: Tensor) -> Tensor:
        """Return the derivatives themselves."""
        return adjoint


@dataclass(frozen=True)
class Difference(Rows):
    """One row for each pair: the value at a point of the first half minus that at its match."""

    def count(self, points: int) -> int:
        """Return the number of pairs."""
        return points // 2

    def of(self, values: Tensor) -> Tensor:
        """Return the differences."""
        here, there = values.chunk(2, dim=-1)
        return here - there

    def back(self, adjoint: Tensor) -> Tensor:
        """Return the derivatives by the first half, then the second."""
        return torch.cat([adjoint, -adjoint])


@dataclass(frozen=True)
class Scaled(Rows):
    """Each row times a factor of its own.

    Args:
        factors: (rows,).
        inner: how the values become rows before.
    """

    factors: Tensor
    inner: Rows = EachPoint()

    def count(self, points: int) -> int:
        """Return the number of rows."""
        return self.inner.count(points)

    def of(self, values: Tensor) -> Tensor:
        """Return the scaled rows."""
        return self.inner.of(values) * self.factors

    def back(self, adjoint: Tensor) -> Tensor:
        """Return the scaled derivatives."""
        return self.inner.back(adjoint * self.factors)


@dataclass(frozen=True)
class WeightedSum(Rows):
    """One row in all: the sum of the values, weighted, such as an integral."""

    weights: Tensor

    def count(self, points: int) -> int:
        """Return one."""
        return 1

    def of(self, values: Tensor) -> Tensor:
        """Return the sum, (..., 1)."""
        return (values @ self.weights)[..., None]

    def back(self, adjoint: Tensor) -> Tensor:
        """Return the weights times the derivative by the sum."""
        return adjoint * self.weights
