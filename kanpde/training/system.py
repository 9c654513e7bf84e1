r"""A residual and its Jacobian about a network, as damped steps need them, held in two ways.

:class:`InMemory` keeps the whole Jacobian. :class:`Streamed` goes through the points in chunks,
each process through its own, and keeps what their sums are: :math:`J^TJ`, :math:`J^Tr` and
:math:`|r|^2`, or a triangular factor of :math:`(J, r)` where their squared condition is too bad.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import Network, Prepared
from kanpde.ranks import Ranks
from kanpde.solving.least_squares import Triangle
from kanpde.training.damped import Damped, Factored, Kernel, Normal, Orthogonal, Summed
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
    def square(self, rows: Tensor) -> float:
        """Return the square of a residual, of all processes."""

    @abstractmethod
    def about(self, network: Network) -> System:
        """Return the residual linearised about a network."""

    @abstractmethod
    def each(self, network: Network) -> Iterator[tuple[Collocation, tuple[Prepared, ...]]]:
        """Yield the points of this process, chunk by chunk, with what a network computes there."""


@dataclass(frozen=True)
class WholeSystem(System):
    """A residual (rows,) and its transposed Jacobian (P, rows)."""

    residual: Tensor
    jacobian: Tensor

    @property
    def gradient(self) -> Tensor:  # type: ignore[override]
        """The Jacobian times the residual (P,)."""
        return self.jacobian @ self.residual

    @property
    def square(self) -> float:  # type: ignore[override]
        """The residual's square."""
        return float(self.residual @ self.residual)

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
        return (2 / PROBE) * (slope - self.jacobian.T @ step)


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

    def square(self, rows: Tensor) -> float:
        """Return the square of a residual."""
        return float(rows @ rows)

    def about(self, network: Network) -> WholeSystem:
        """Return residual and Jacobian."""
        return WholeSystem(*self.collocation.jacobian(network, self.prepared))

    def each(self, network: Network) -> Iterator[tuple[Collocation, tuple[Prepared, ...]]]:
        """Yield all points at once."""
        yield self.collocation, self.prepared


@dataclass(frozen=True)
class Streamed(Residuals):
    """Points in chunks; only one chunk's tables and Jacobian exist at a time.

    Args:
        parts: the chunks of this process.
        ranks: the processes.
    """

    parts: tuple[Collocation, ...]
    ranks: Ranks

    @classmethod
    def of(cls, task: Task, network: Network) -> Streamed:
        """Place this process's share of the points of a task."""
        return cls(tuple(task.chunks(network, task.chunk(network))), task.ranks)

    def at(self, network: Network) -> Tensor:
        """Return the residual at the points of this process (rows,)."""
        return torch.cat([part.residual(network, points) for part, points in self.each(network)])

    def square(self, rows: Tensor) -> float:
        """Return the square of a residual, of all processes."""
        return float(self.ranks.total((rows @ rows)[None]))

    def about(self, network: Network) -> StreamedSystem:
        """Return the sums over all points."""
        n = network.parameter_count
        like = network.vector()
        gram, gradient, square = like.new_zeros(n, n), like.new_zeros(n), like.new_zeros(1)
        residuals = []
        for residual, jacobian in self.pieces(network):
            gram.addmm_(jacobian, jacobian.T)
            gradient += jacobian @ residual
            square += residual @ residual
            residuals.append(residual)
        packed = self.ranks.total(torch.cat([gram.reshape(-1), gradient, square]))
        return StreamedSystem(
            self,
            network,
            torch.cat(residuals),
            packed[: n * n].view(n, n),
            packed[n * n : -1],
            float(packed[-1]),
        )

    def each(self, network: Network) -> Iterator[tuple[Collocation, tuple[Prepared, ...]]]:
        """Yield the points of this process, chunk by chunk, with what a network computes there."""
        for part in self.parts:
            yield part, tuple(part.prepare(network))

    def pieces(self, network: Network) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield residual (rows,) and transposed Jacobian (P, rows) of each chunk."""
        for part, prepared in self.each(network):
            yield part.jacobian(network, prepared)

    def pulled(self, network: Network, rows: Tensor) -> Tensor:
        """Return the Jacobian, never formed, times rows (rows,) of this process: (P,), of all."""
        total = torch.zeros_like(network.vector())
        start = 0
        for part, prepared in self.each(network):
            own = rows[start : start + part.point_count]
            total += part.pulled(network, prepared, own)
            start += part.point_count
        return self.ranks.total(total)

    def triangle(self, network: Network) -> Tensor:
        """Return the triangular factor (P + 1, P + 1) of J and r side by side, of all points."""
        triangle = Triangle(network.parameter_count + 1, network.vector())
        for residual, jacobian in self.pieces(network):
            triangle.add(torch.cat([jacobian.T, residual[:, None]], dim=1))
        return triangle.of_all(self.ranks)


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
        return Factored(self.residuals.triangle(self.network), self.gradient)

    def curvature(self, ahead: Tensor, step: Tensor) -> Tensor:
        """Return the Jacobian times the second derivative of the residual along a step, (P,)."""
        slope = self.residuals.pulled(self.network, (ahead - self.rows) / PROBE)
        return (2 / PROBE) * (slope - self.gram @ step)


def residuals_of(task: Task, network: Network) -> Residuals:
    """Return the residual of a task: in memory, or in chunks where it is shared or too large."""
    if task.ranks.size > 1 or task.is_large(network):
        return Streamed.of(task, network)
    return InMemory.of(task, network)
