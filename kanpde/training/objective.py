"""The loss as a function of the parameters: what first-order and quasi-Newton stages lower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from torch import Tensor

from kanpde.networks import Network
from kanpde.ranks import Ranks, in_pairs
from kanpde.training.chunk import Chunk
from kanpde.training.replay import Recorded, replayed
from kanpde.training.stage import Task


@dataclass(frozen=True)
class Objective:
    """Half the sum of squared weighted residuals at the task's points, those of all processes.

    Args:
        shards: points in chunks.
        network: a copy whose parameters are overwritten by every evaluation.
        ranks: the processes that share the points.
        compiled: gradient and loss (P + 1,) of a network, recorded, or None.
    """

    shards: tuple[tuple[Chunk, ...], ...]
    network: Network
    ranks: Ranks = field(default_factory=Ranks)
    compiled: Recorded | None = None

    @classmethod
    def of(cls, task: Task, network: Network) -> Self:
        """Return the objective of a task for networks of this shape."""
        if not task.is_streamed(network):
            chunks = tuple(task.chunks(network))
            compiled = replayed(partial(_summed, chunks), network) if task.compiled else None
            return cls((chunks,), network.copied(), compiled=compiled)
        shards = tuple(map(tuple, task.shards(network)))
        return cls(shards, network.copied(), task.ranks)

    def __call__(self, vector: Tensor) -> tuple[float, Tensor]:
        """Return loss and gradient (P,) at a vector of parameters (P,)."""
        both = self.at(vector)
        return float(both[-1]), both[:-1]

    def at(self, vector: Tensor) -> Tensor:
        """Return gradient and loss, one behind the other (P + 1,), at a vector of parameters."""
        self.network.set_vector(vector)
        if self.compiled is not None:
            return self.compiled(self.network)
        return self.ranks.total(in_pairs(_summed(shard, self.network) for shard in self.shards))


def _summed(chunks: Sequence[Chunk], network: Network) -> Tensor:
    """Return gradient and loss of one shard, one behind the other (P + 1,)."""
    both = network.vector().new_zeros(network.parameter_count + 1)
    for chunk in chunks:
        loss, gradient = chunk.collocation.gradient(network, chunk.ready(network))
        both[:-1] += gradient
        both[-1] += loss
    return both
