"""The stage that solves for the output edges, the inner ones as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import Network, Prepared
from kanpde.problem import Problem
from kanpde.solving.least_squares import least_squares, stacked
from kanpde.training.chunk import Chunk
from kanpde.training.descent import require
from kanpde.training.stage import SingleStep, StageState, Task
from kanpde.training.system import InMemory, Residuals, Streamed, residuals_of

HALVINGS = 10
"""Of a Newton step, before there is none that lowers the loss."""
SETTLED = 1e-6
"""Newton's method ends when the loss falls by less than this part."""


@dataclass(frozen=True)
class LeastSquares(SingleStep):
    """Solve for the output edges: a start that costs one solve, and a polish at the end.

    A linear problem takes one rank-revealing least squares. A nonlinear one takes Newton's method
    in the output coefficients, each step such a least squares and halved until the loss falls.

    Args:
        iterations: Newton steps at most.

    Raises:
        ValueError: (before the first step) for a problem with unknown numbers.

    >>> LeastSquares().iterations
    20
    """

    iterations: int = 20

    name: ClassVar[str] = "least squares"

    def __post_init__(self) -> None:
        limits = {"iterations": (self.iterations, self.iterations >= 1, "at least 1")}
        require("LeastSquares", limits)

    def check(self, problem: Problem, network: Network) -> Network:
        """Return the network, or raise ValueError if the problem has unknown numbers."""
        if problem.parameters:
            raise ValueError(
                f"LeastSquares: {problem.name} has unknown numbers, which are no coefficients of "
                "the network; train it instead, e.g. by LevenbergMarquardt()."
            )
        return network

    def apply(self, task: Task, network: Network) -> StageState:
        """Return the network with the best output edges for its inner ones."""
        self.check(task.problem, network)
        points = residuals_of(task, network)
        if task.problem.is_linear:
            network = network.with_output_coefficients(_solution(points, network, linear=True))
            return StageState(network, loss=_loss(points, network))
        return self._newton(network, points)

    def _newton(self, network: Network, points: Residuals) -> StageState:
        loss, steps = _loss(points, network), 0
        for _ in range(self.iterations):
            wanted = _solution(points, network, linear=False)
            found = self._halved(network, wanted, points, loss)
            if found is None:
                break
            steps += 1
            network, before, loss = found[0], loss, found[1]
            if loss > (1 - SETTLED) * before:
                break
        return StageState(network, loss=loss, note=f"{steps} Newton steps")

    @staticmethod
    def _halved(
        network: Network, wanted: Tensor, points: Residuals, loss: float
    ) -> tuple[Network, float] | None:
        """Return the field of the longest step that lowers the loss, and the loss, or None."""
        old = network.output_coefficients
        for k in range(HALVINGS + 1):
            trial = network.with_output_coefficients(old + 0.5**k * (wanted - old))
            new = _loss(points, trial)
            if new < loss:
                return trial, new
        return None


def _solution(points: Residuals, network: Network, *, linear: bool) -> Tensor:
    """Return the output coefficients (outputs, C) of least residual, linearised if need be.

    Points that come in chunks leave a triangular factor of all their rows, no more.
    """
    if isinstance(points, InMemory):
        rows, target = _rows(points.collocation, network, points.prepared, linear=linear)
        return least_squares(rows.double(), target.double()).view(network.outputs, -1)
    assert isinstance(points, Streamed)

    def both(chunk: Chunk) -> Tensor:
        points = chunk.ready(network)
        rows, target = _rows(chunk.collocation, network, points, linear=linear)
        return torch.cat([rows, target[:, None]], dim=1).double()

    factor = points.triangle(both)
    return least_squares(factor[:, :-1], factor[:, -1]).view(network.outputs, -1)


def _rows(
    collocation: Collocation, network: Network, prepared: Sequence[Prepared], *, linear: bool
) -> tuple[Tensor, Tensor]:
    """Return the scaled rows and right-hand sides for the output coefficients of all blocks."""
    if linear:
        systems = collocation.linear_system(network, prepared)
    else:
        with torch.no_grad():
            jets = [network.evaluate(points) for points in prepared]
        systems = collocation.linearised_system(network, prepared, jets)
    return stacked(systems, [block.weight**0.5 for block in collocation.blocks])


def _loss(points: Residuals, network: Network) -> float:
    return 0.5 * float(points.square(points.at(network)))
