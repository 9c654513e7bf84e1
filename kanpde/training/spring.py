r"""Kernel steps on few points at a time, with the memory of the steps before (SPRING).

On n points, far fewer than parameters, the step

.. math:: \phi=\mu\phi_-+J^T(JJ^T+\lambda I)^{-1}(r-\mu J\phi_-)

is the least change of :math:`\mu` times the last step that explains the residual; what the points
of this step do not see is kept from those before. Goldshlager, Abrahamsen and Lin, J. Comput. Phys.
516 (2024); for differential equations Guzman-Cordero et al., arXiv:2505.12149.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from kanpde.networks import Network
from kanpde.training.damped import gram_of
from kanpde.training.descent import NOTHING, require
from kanpde.training.stage import Stage, StageState, Task

HALVINGS = 20
"""Of a step that does not lower the loss on its points."""
APART = 104_729
"""Between the seeds of the points of two steps."""


@dataclass(frozen=True)
class SpringState(StageState):
    """State of :class:`Spring`.

    Args:
        step: the last one (P,), before its length was searched for.
    """

    step: Tensor = NOTHING


@dataclass(frozen=True)
class Spring(Stage[SpringState]):
    r"""Train networks of many parameters on new points at every step.

    Args:
        iterations: steps.
        points: interior points of a step; memory and time grow with points x parameters.
        damping: as a part of the mean of the diagonal of :math:`JJ^T`.
        momentum: :math:`\mu`.
        stride: steps between two reports.

    Raises:
        ValueError: for a value out of range.

    >>> Spring(points=100).momentum
    0.9
    """

    iterations: int = 1000
    points: int = 300
    damping: float = 1e-6
    momentum: float = 0.9
    stride: int = 10

    name: ClassVar[str] = "spring"

    def __post_init__(self) -> None:
        require(
            "Spring",
            {
                "iterations": (self.iterations, self.iterations >= 1, "at least 1"),
                "points": (self.points, self.points >= 1, "at least 1"),
                "damping": (self.damping, self.damping > 0, "positive"),
                "momentum": (self.momentum, 0 <= self.momentum < 1, "at least 0 and below 1"),
                "stride": (self.stride, self.stride >= 1, "at least 1"),
            },
        )

    def init(self, task: Task, network: Network) -> SpringState:
        """Return the state before the first step."""
        return SpringState(network, step=torch.zeros_like(network.vector()))

    def step(self, task: Task, state: SpringState) -> SpringState:
        """Take the next steps, each on points of its own."""
        end = min(state.iteration + self.stride, self.iterations)
        network, step, loss = state.network, state.step, state.loss
        for number in range(state.iteration, end):
            network, step, loss = self._once(task, network, step, number)
        return replace(
            state,
            network=network,
            step=step,
            loss=loss,
            iteration=end,
            done=end == self.iterations,
        )

    def _once(
        self, task: Task, network: Network, before: Tensor, number: int
    ) -> tuple[Network, Tensor, float]:
        """Return the field after a step, the step, and the loss on its points."""
        few = replace(
            task,
            seed=task.seed + APART * (number + 1),
            least_points=self.points,
            points_per_parameter=0.0,
            drawn=None,
        )
        collocation = few.collocate(network)
        prepared = collocation.prepare(network)
        residual, jacobian = collocation.jacobian(network, prepared)
        kernel = gram_of(jacobian.T)
        kernel.diagonal().add_(self.damping * kernel.diagonal().mean())
        left = residual - self.momentum * (jacobian.T @ before)
        found = torch.linalg.solve(kernel, left)
        step = self.momentum * before + jacobian @ found
        start, loss = network.vector(), 0.5 * float(residual @ residual)
        for halving in range(HALVINGS):
            trial = network.with_vector(start - 0.5**halving * step)
            rows = collocation.residual(trial, prepared)
            new = 0.5 * float(rows @ rows)
            if math.isfinite(new) and new < loss:
                return trial, step, new
        return network, torch.zeros_like(step), loss
