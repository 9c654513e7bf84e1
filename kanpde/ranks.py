"""The processes of one run: started by ``torchrun``, each with its share of the points.

All of them run the same program. What they compute alike they compute each for itself; only sums
over points, and decisions that hang on a clock, go through :mod:`torch.distributed` (gloo on CPUs,
NCCL on GPUs). Its process group is the one thing here that belongs to the whole process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

PATIENCE = timedelta(days=2)
"""How long a process waits for the others; one that dies is noticed at once."""
FEW = 8
"""Processes up to which what they found is gathered and then summed."""


class LostRankError(RuntimeError):
    """Another process of the run is gone."""


@dataclass(frozen=True)
class Ranks:
    """A process and the others of its run.

    Args:
        rank: of this one, from 0; rank 0 writes files and talks.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes and talks."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Return which of so many things are this process's: even shares, in order.

        >>> [Ranks(rank, 3).share(8) for rank in range(3)]
        [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]
        """
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes: the same bits on each.

        Up to :data:`FEW` of them it is summed in pairs (:func:`in_pairs`), as one process would.
        """
        if self.size == 1:
            return values
        if self.size <= FEW:
            return in_pairs(self.gathered(values))
        import torch.distributed as dist

        whole = values.clone()
        _together(lambda: dist.all_reduce(whole))
        return whole

    def gathered(self, values: Tensor) -> list[Tensor]:
        """Return a tensor of every process, in their order; all must be of one shape."""
        if self.size == 1:
            return [values]
        import torch
        import torch.distributed as dist

        found = [torch.empty_like(values) for _ in range(self.size)]
        _together(lambda: dist.all_gather(found, values.contiguous()))
        return found

    def first(self, value: float) -> float:
        """Return the number that rank 0 has, such as the reading of its clock."""
        if self.size == 1:
            return value
        import torch
        import torch.distributed as dist

        held = torch.tensor([value], dtype=torch.float64, device=_device())
        _together(lambda: dist.broadcast(held, 0))
        return float(held)

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        if self.size == 1:
            return flag
        import torch

        return float(self.total(torch.tensor([float(flag)], device=_device()))) > 0


def in_pairs(values: Iterable[Tensor]) -> Tensor:
    """Return a sum in pairs, pairs of pairs and so on: (a + b) + (c + d).

    Halves that are summed apart, by two processes, give the same bits.
    """
    waiting: list[tuple[int, Tensor]] = []
    for value in values:
        level = 0
        while waiting and waiting[-1][0] == level:
            value, level = waiting.pop()[1] + value, level + 1
        waiting.append((level, value))
    total = waiting.pop()[1]
    while waiting:
        total = waiting.pop()[1] + total
    return total


def launched() -> Ranks:
    """Return what ``torchrun`` says of this process, whether or not it has joined the others."""
    return Ranks(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def current() -> Ranks:
    """Return the processes that this one has joined; itself alone if none."""
    if launched().size == 1:
        return Ranks()
    import torch.distributed as dist

    if not dist.is_initialized():
        return Ranks()
    return Ranks(dist.get_rank(), dist.get_world_size())


@contextmanager
def joined(device: str = "cpu") -> Iterator[Ranks]:
    """Join the other processes of the run inside, if there are any and it is not done yet.

    Args:
        device: of the tensors; for "cuda" each process takes the GPU of its local rank.

    Raises:
        LostRankError: if the others do not come.
    """
    if launched().size == 1 or current().size > 1:
        yield current()
        return
    import torch
    import torch.distributed as dist

    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
    _together(lambda: dist.init_process_group(backend, timeout=PATIENCE))
    try:
        yield current()
    finally:
        dist.destroy_process_group()


def _device() -> str:
    import torch.distributed as dist

    return "cpu" if "gloo" in dist.get_backend() or "cpu" in dist.get_backend() else "cuda"


def _together(call: Callable[[], T]) -> T:
    try:
        return call()
    except RuntimeError as error:
        raise LostRankError(
            "another process of this run is gone or does not answer, so this one cannot go on: "
            f"{str(error).splitlines()[0]}. What was saved last is in the checkpoint; go on with "
            "kanpde resume RUN (in one process or again under torchrun)."
        ) from error
