"""What stages that follow the gradient share: their state, how long they run, when they end."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from kanpde.networks import Network
from kanpde.training.objective import Objective
from kanpde.training.stage import Stage, StageState, Task

NOTHING = torch.empty(0)
"""What a state holds before the first step."""

D = TypeVar("D", bound="DescentState")


@dataclass(frozen=True)
class DescentState(StageState):
    """State of a stage that follows the gradient.

    Args:
        vector: the parameters (P,); those of the network.
        gradient: of the loss there (P,).
        losses: one for each step of the stage.
        objective: the loss as a function of the parameters.
    """

    vector: Tensor = NOTHING
    gradient: Tensor = NOTHING
    losses: tuple[float, ...] = ()
    objective: Objective | None = None

    derived = frozenset({"objective"})


class Descent(Stage[D], Generic[D]):
    """A stage whose step is a few iterations with loss and gradient.

    One step of the stage takes ``stride`` iterations, so that a report costs little beside them.
    """

    iterations: int
    stride: int

    def init(self, task: Task, network: Network) -> D:
        """Place the points and evaluate loss and gradient."""
        objective, vector = Objective.of(task, network), network.vector()
        loss, gradient = objective(vector)
        basic = DescentState(
            network, 0, loss, False, "", None, vector, gradient, (loss,), objective
        )
        return self._start(basic)

    def step(self, task: Task, state: D) -> D:
        """Take the next iterations."""
        objective = state.objective or Objective.of(task, state.network)
        end = min(state.iteration + self.stride, self.iterations)
        while state.iteration < end and not state.done:
            state = replace(self._iterate(objective, state), iteration=state.iteration + 1)
            if not math.isfinite(state.loss or 0.0):
                break
        losses = (*state.losses, state.loss or 0.0)
        return replace(
            state,
            network=state.network.with_vector(state.vector),
            losses=losses,
            objective=objective,
            done=state.done or end == self.iterations,
        )

    @abstractmethod
    def _start(self, basic: DescentState) -> D:
        """Return the state before the first step from its common part."""

    @abstractmethod
    def _iterate(self, objective: Objective, state: D) -> D:
        """Return the state after one iteration: vector, loss, gradient and what the stage keeps."""


def common(state: DescentState) -> dict[str, Any]:
    """Return the fields that every state of a descent has, by name."""
    return {f.name: getattr(state, f.name) for f in fields(DescentState)}


def require(stage: str, limits: dict[str, tuple[Any, bool, str]]) -> None:
    """Raise ValueError for the first setting that is out of range.

    Args:
        stage: whose settings they are.
        limits: by setting its value, whether it is in range, and the range in words.
    """
    for name, (value, within, what) in limits.items():
        if not within:
            raise ValueError(f"{stage}: {name}={value!r} must be {what}.")
