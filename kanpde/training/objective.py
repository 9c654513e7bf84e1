"""The loss as a function of the parameters: what first-order and quasi-Newton stages lower."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Self

from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import Network, Prepared
from kanpde.ranks import Ranks, in_pairs
from kanpde.training.stage import Task


@dataclass(frozen=True)
class Objective:
    """Half the sum of squared weighted residuals at the task's points, those of all processes.

    Args:
        shards: points in chunks, and what the network precomputed for them; None where that might
            not fit into memory and is computed anew each time.
        network: a copy whose parameters are overwritten by every evaluation.
        ranks: the processes that share the points.
    """

    shards: tuple[tuple[tuple[Collocation, tuple[Prepared, ...] | None], ...], ...]
    network: Network
    ranks: Ranks = field(default_factory=Ranks)

    @classmethod
    def of(cls, task: Task, network: Network) -> Self:
        """Return the objective of a task for networks of this shape."""
        if not task.is_streamed(network):
            chunks = tuple((c, tuple(c.prepare(network))) for c in task.chunks(network))
            return cls((chunks,), copy.deepcopy(network))
        shards = tuple(tuple((c, None) for c in shard) for shard in task.shards(network))
        return cls(shards, copy.deepcopy(network), task.ranks)

    def __call__(self, vector: Tensor) -> tuple[float, Tensor]:
        """Return loss and gradient (P,) at a vector of parameters (P,)."""
        both = self.at(vector)
        return float(both[-1]), both[:-1]

    def at(self, vector: Tensor) -> Tensor:
        """Return gradient and loss, one behind the other (P + 1,), at a vector of parameters."""
        self.network.set_vector(vector)
        return self.ranks.total(in_pairs(self._summed(shard) for shard in self.shards))

    def _summed(
        self, chunks: tuple[tuple[Collocation, tuple[Prepared, ...] | None], ...]
    ) -> Tensor:
        """Return gradient and loss of one shard, one behind the other (P + 1,)."""
        both = self.network.vector().new_zeros(self.network.parameter_count + 1)
        for collocation, prepared in chunks:
            points = collocation.prepare(self.network) if prepared is None else prepared
            loss, gradient = collocation.gradient(self.network, points)
            both[:-1] += gradient
            both[-1] += loss
        return both
