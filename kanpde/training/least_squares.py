"""The stage that solves for the output edges, the inner ones as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import Network, Prepared
from kanpde.problem import Problem
from kanpde.solving.least_squares import solve_output_coefficients, stacked_least_squares
from kanpde.training.descent import require
from kanpde.training.stage import SingleStep, StageState, Task

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
        collocation = task.collocate(network)
        prepared = collocation.prepare(network)
        factors = [block.weight**0.5 for block in collocation.blocks]
        if task.problem.is_linear:
            solved, _ = solve_output_coefficients(network, collocation, prepared, factors)
            return StageState(solved, loss=_loss(collocation, solved, prepared))
        return self._newton(network, collocation, prepared, factors)

    def _newton(
        self,
        network: Network,
        collocation: Collocation,
        prepared: list[Prepared],
        factors: list[float],
    ) -> StageState:
        loss, steps = _loss(collocation, network, prepared), 0
        for _ in range(self.iterations):
            with torch.no_grad():
                jets = [network.evaluate(points) for points in prepared]
            systems = collocation.linearised_system(network, prepared, jets)
            wanted = stacked_least_squares(systems, factors).view(network.outputs, -1)
            found = self._halved(network, wanted, collocation, prepared, loss)
            if found is None:
                break
            steps += 1
            network, before, loss = found[0], loss, found[1]
            if loss > (1 - SETTLED) * before:
                break
        return StageState(network, loss=loss, note=f"{steps} Newton steps")

    @staticmethod
    def _halved(
        network: Network,
        wanted: Tensor,
        collocation: Collocation,
        prepared: list[Prepared],
        loss: float,
    ) -> tuple[Network, float] | None:
        """Return the field of the longest step that lowers the loss, and the loss, or None."""
        old = network.output_coefficients
        for k in range(HALVINGS + 1):
            trial = network.with_output_coefficients(old + 0.5**k * (wanted - old))
            new = _loss(collocation, trial, prepared)
            if new < loss:
                return trial, new
        return None


def _loss(collocation: Collocation, network: Network, prepared: list[Prepared]) -> float:
    residual = collocation.residual(network, prepared)
    return 0.5 * float(residual @ residual)
