r"""A residual and its Jacobian about a network, as damped steps need them, held in two ways.

:class:`InMemory` keeps the whole Jacobian. :class:`Streamed` goes through the points in chunks,
each process through its own, and keeps what their sums are: :math:`J^TJ`, :math:`J^Tr` and
:math:`|r|^2`, or a triangular factor of :math:`(J, r)` where their squared condition is too bad.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import Network, Prepared
from kanpde.ranks import Ranks, in_pairs
from kanpde.solving.least_squares import Triangle
from kanpde.training.chunk import Chunk
from kanpde.training.damped import (
    Damped,
    Factored,
    Kernel,
    Normal,
    Orthogonal,
    Summed,
    gram_of,
    times,
)
from kanpde.training.replay import Recorded, replayed
from kanpde.training.stage import Task

PROBE = 0.1
"""Part of a step at which the residual is evaluated for its second derivative along it."""


class System(ABC):
    """The linearisation of a residual about one network.

    ``gradient`` is :math:`J^Tr` (P,), ``square`` is :math:`|r|^2`, and ``right`` the residual in
    the form that the steps of :meth:`damped` take.
    """

    gradient: Tensor
    square: float
    right: Tensor

    bends: ClassVar[bool] = True
    """Whether it solves for other right-hand sides too, such as :meth:`curvature`."""

    @abstractmethod
    def damped(self, *, orthogonal: bool) -> Damped:
        """Return what solves for steps, by orthogonal factors where asked."""

    @abstractmethod
    def curvature(self, ahead: Tensor, step: Tensor) -> Tensor:
        """Return the second derivative of r along a step, in the form of ``right``.

        Args:
            ahead: the residual after :data:`PROBE` times the step, (rows,).
            step: (P,).
        """


class Residuals(ABC):
    """The residual as a function of the network, at points that stay."""

    @abstractmethod
    def at(self, network: Network) -> Tensor:
        """Return the residual at the points of this process (rows,)."""

    @abstractmethod
    def square(self, rows: Tensor) -> Tensor:
        """Return the square of a residual, of all processes, a scalar."""

    @abstractmethod
    def about(self, network: Network) -> System:
        """Return the residual linearised about a network."""


@dataclass(frozen=True)
class WholeSystem(System):
    """A residual (rows,) and its transposed Jacobian (P, rows)."""

    residual: Tensor
    jacobian: Tensor

    @property
    def gradient(self) -> Tensor:  # type: ignore[override]
        """The Jacobian times the residual (P,)."""
        return times(self.jacobian, self.residual)

    @property
    def square(self) -> float:  # type: ignore[override]
        """The residual's square."""
        return float(_square(self.residual))

    @property
    def right(self) -> Tensor:  # type: ignore[override]
        """The residual itself."""
        return self.residual

    def damped(self, *, orthogonal: bool) -> Damped:
        """Return Cholesky factors of the smaller of the two products, or orthogonal ones."""
        parameters, rows = self.jacobian.shape
        if rows < parameters:
            return Kernel(self.jacobian)
        return (Orthogonal if orthogonal else Normal)(self.jacobian)

    def curvature(self, ahead: Tensor, step: Tensor) -> Tensor:
        """Return the second derivative of the residual along a step, (rows,)."""
        slope = (ahead - self.residual) / PROBE
        return (2 / PROBE) * (slope - self.jacobian.T @ step.to(slope))


@dataclass(frozen=True)
class InMemory(Residuals):
    """Points whose tables and Jacobian are held at once."""

    collocation: Collocation
    prepared: tuple[Prepared, ...]

    @classmethod
    def of(cls, task: Task, network: Network) -> InMemory:
        """Place the points of a task."""
        collocation = task.collocate(network)
        return cls(collocation, tuple(collocation.prepare(network)))

    def at(self, network: Network) -> Tensor:
        """Return the residual (rows,)."""
        return self.collocation.residual(network, self.prepared)

    def square(self, rows: Tensor) -> Tensor:
        """Return the square of a residual, a scalar."""
        return _square(rows)

    def about(self, network: Network) -> WholeSystem:
        """Return residual and Jacobian."""
        return WholeSystem(*self.collocation.jacobian(network, self.prepared))


@dataclass(frozen=True)
class Replayed(InMemory):
    """The same, with residual and Jacobian recorded and replayed; see :mod:`~.replay`.

    On the CPU the Jacobian is not: it is mostly dense algebra, and fused loops make it slower.

    Args:
        residual: of a network, (rows,).
        jacobian: residual and transposed Jacobian (P, rows).
    """

    residual: Recorded
    jacobian: Recorded

    @classmethod
    def of(cls, task: Task, network: Network) -> Replayed:
        """Place the points of a task and record what is evaluated there."""
        plain = InMemory.of(task, network)
        jacobian: Recorded = partial(plain.collocation.jacobian, prepared=plain.prepared)
        if network.vector().device.type != "cpu":
            jacobian = replayed(jacobian, network)
        return cls(plain.collocation, plain.prepared, replayed(plain.at, network), jacobian)

    def at(self, network: Network) -> Tensor:
        """Return the residual (rows,)."""
        return self.residual(network)

    def about(self, network: Network) -> WholeSystem:
        """Return residual and Jacobian."""
        return WholeSystem(*self.jacobian(network))


@dataclass(frozen=True)
class Streamed(Residuals):
    """Points in chunks; only one chunk's tables and Jacobian exist at a time.

    Sums are formed over each shard and then in pairs, so that one process and two, four or eight
    find the same bits.

    Args:
        shards: of this process, each in chunks.
        ranks: the processes.
    """

    shards: tuple[tuple[Chunk, ...], ...]
    ranks: Ranks

    @classmethod
    def of(cls, task: Task, network: Network) -> Streamed:
        """Place this process's share of the points of a task."""
        return cls(tuple(map(tuple, task.shards(network))), task.ranks)

    def at(self, network: Network) -> Tensor:
        """Return the residual at the points of this process (rows,)."""
        parts = (
            chunk.collocation.residual(network, chunk.ready(network))
            for shard in self.shards
            for chunk in shard
        )
        return torch.cat(list(parts))

    def square(self, rows: Tensor) -> Tensor:
        """Return the square of a residual, of all processes, a scalar."""
        sizes = [sum(c.collocation.point_count for c in shard) for shard in self.shards]
        squares = (own.double().square().sum()[None] for own in rows.split(sizes))
        return self.ranks.total(in_pairs(squares))[0]

    def about(self, network: Network) -> StreamedSystem:
        """Return the sums over all points."""
        n = network.parameter_count
        rows: list[Tensor] = []

        def sums(residual: Tensor, jacobian: Tensor) -> Tensor:
            rows.append(residual)
            return torch.cat([gram_of(jacobian).reshape(-1), times(jacobian, residual)])

        total = self.summed(network, sums)
        matrix, gradient = total[: n * n].view(n, n), total[n * n :].clone()
        residual = torch.cat(rows)
        square = float(self.square(residual))
        return StreamedSystem(self, network, residual, matrix, gradient, square)

    def summed(self, network: Network, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return the sum over all points of what residual (rows,) and Jacobian (P, rows) give."""

        def over(shard: tuple[Chunk, ...]) -> Tensor:
            parts = (of(*c.collocation.jacobian(network, c.ready(network))) for c in shard)
            total = next(parts)
            for part in parts:
                total += part
            return total

        return self.ranks.total(in_pairs(over(shard) for shard in self.shards))

    def pulled(self, network: Network, rows: Tensor) -> Tensor:
        """Return the Jacobian, never formed, times rows (rows,) of this process: (P,), of all."""

        def of(shard: tuple[Chunk, ...]) -> Tensor:
            nonlocal rows
            total = torch.zeros_like(network.vector())
            for chunk in shard:
                count = chunk.collocation.point_count
                own, rows = rows[:count], rows[count:]
                total += chunk.collocation.pulled(network, chunk.ready(network), own)
            return total

        return self.ranks.total(in_pairs(of(shard) for shard in self.shards))

    def triangle(self, rows_of: Callable[[Chunk], Tensor]) -> Tensor:
        """Return the triangular factor of tall rows, of all points of all processes.

        Args:
            rows_of: gives those of a chunk, (rows, columns).
        """
        factors = []
        for shard in self.shards:
            triangle: Triangle | None = None
            for chunk in shard:
                rows = rows_of(chunk)
                triangle = triangle or Triangle(rows.shape[1], rows)
                triangle.add(rows)
            assert triangle is not None
            factors.append(triangle.factor)
        stacked = torch.cat(self.ranks.gathered(torch.cat(factors)))
        return torch.linalg.qr(stacked, mode="r")[1]


@dataclass(frozen=True)
class StreamedSystem(System):
    """What is left of residual and Jacobian after a pass through the points.

    Args:
        residuals: where it comes from.
        network: linearised about.
        rows: the residual at the points of this process.
        gram: :math:`J^TJ` (P, P).
        gradient: :math:`J^Tr` (P,).
        square: :math:`|r|^2`.
    """

    residuals: Streamed
    network: Network
    rows: Tensor
    gram: Tensor
    gradient: Tensor
    square: float

    @property
    def right(self) -> Tensor:  # type: ignore[override]
        """The gradient."""
        return self.gradient

    def damped(self, *, orthogonal: bool) -> Damped:
        """Return Cholesky factors of the sums, or orthogonal ones after another pass."""
        if not orthogonal:
            return Summed(self.gram)

        def rows(chunk: Chunk) -> Tensor:
            points = chunk.ready(self.network)
            residual, jacobian = chunk.collocation.jacobian(self.network, points)
            return torch.cat([jacobian.T, residual[:, None]], dim=1).double()

        return Factored(self.residuals.triangle(rows), self.gradient)

    def curvature(self, ahead: Tensor, step: Tensor) -> Tensor:
        """Return the Jacobian times the second derivative of the residual along a step, (P,)."""
        slope = self.residuals.pulled(self.network, (ahead - self.rows) / PROBE)
        return (2 / PROBE) * (slope.double() - self.gram @ step)


def _square(rows: Tensor) -> Tensor:
    """Return the square of rows, summed up in double precision."""
    exact = rows.double()
    return exact @ exact


def residuals_of(task: Task, network: Network) -> Residuals:
    """Return the residual of a task: in memory, or in chunks where it is shared or too large."""
    if task.is_streamed(network):
        return Streamed.of(task, network)
    return InMemory.of(task, network)


def trained_on(task: Task, network: Network) -> InMemory:
    """Return the residual of a task in memory, compiled if the task says so."""
    return (Replayed if task.compiled else InMemory).of(task, network)
