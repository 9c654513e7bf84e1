"""The loss as a function of the parameters: what first-order and quasi-Newton stages lower."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import Network, Prepared
from kanpde.training.stage import Task


@dataclass(frozen=True)
class Objective:
    """Half the sum of squared weighted residuals at the task's points.

    Args:
        parts: points in chunks, and what the network precomputed for them.
        network: a copy whose parameters are overwritten by every evaluation.
    """

    parts: tuple[tuple[Collocation, tuple[Prepared, ...]], ...]
    network: Network

    @classmethod
    def of(cls, task: Task, network: Network) -> Self:
        """Return the objective of a task for networks of this shape."""
        parts = tuple((c, tuple(c.prepare(network))) for c in task.chunks(network))
        return cls(parts, copy.deepcopy(network))

    def __call__(self, vector: Tensor) -> tuple[float, Tensor]:
        """Return loss and gradient (P,) at a vector of parameters (P,)."""
        self.network.set_vector(vector)
        found = [c.gradient(self.network, prepared) for c, prepared in self.parts]
        return sum(loss for loss, _ in found), sum(g for _, g in found)  # type: ignore[return-value]
