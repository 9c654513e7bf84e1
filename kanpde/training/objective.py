"""The loss as a function of the parameters: what first-order and quasi-Newton stages lower."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Self

from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import Network, Prepared
from kanpde.ranks import Ranks
from kanpde.training.stage import Task


@dataclass(frozen=True)
class Objective:
    """Half the sum of squared weighted residuals at the task's points, those of all processes.

    Args:
        parts: points in chunks, and what the network precomputed for them; None where that would
            not fit into memory and is computed anew each time.
        network: a copy whose parameters are overwritten by every evaluation.
        ranks: the processes that share the points.
    """

    parts: tuple[tuple[Collocation, tuple[Prepared, ...] | None], ...]
    network: Network
    ranks: Ranks = field(default_factory=Ranks)

    @classmethod
    def of(cls, task: Task, network: Network) -> Self:
        """Return the objective of a task for networks of this shape."""
        chunks = task.chunks(network)
        keeps = not task.is_large(network)
        parts = tuple((c, tuple(c.prepare(network)) if keeps else None) for c in chunks)
        return cls(parts, copy.deepcopy(network), task.ranks)

    def __call__(self, vector: Tensor) -> tuple[float, Tensor]:
        """Return loss and gradient (P,) at a vector of parameters (P,)."""
        network = self.network
        network.set_vector(vector)
        both = vector.new_zeros(len(vector) + 1)
        for collocation, prepared in self.parts:
            points = collocation.prepare(network) if prepared is None else prepared
            loss, gradient = collocation.gradient(network, points)
            both[-1] += loss
            both[:-1] += gradient
        both = self.ranks.total(both)
        return float(both[-1]), both[:-1]
