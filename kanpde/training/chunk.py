"""Points in chunks, with what a network of one shape precomputes there, where that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import Network, Prepared


@dataclass(frozen=True)
class Chunk:
    """Points that are evaluated at once.

    Args:
        collocation: the residuals there.
        kept: what the network precomputed for them; None if that is done anew each time.
    """

    collocation: Collocation
    kept: tuple[Prepared, ...] | None = None

    def ready(self, network: Network) -> tuple[Prepared, ...]:
        """Return what a network precomputes there."""
        return tuple(self.collocation.prepare(network)) if self.kept is None else self.kept

    def keeping(self, network: Network) -> Chunk:
        """Return the same points with what a network precomputes there."""
        return replace(self, kept=self.ready(network))


def size_of(held: Any, seen: set[int] | None = None) -> int:
    """Return the bytes of all tensors that an object holds, each counted once."""
    seen = set() if seen is None else seen
    if id(held) in seen:
        return 0
    seen.add(id(held))
    if isinstance(held, Tensor):
        return held.numel() * held.element_size()
    inside: Iterable[Any] = ()
    if isinstance(held, Mapping):
        inside = held.values()
    elif isinstance(held, (tuple, list)):
        inside = held
    elif hasattr(held, "__dict__"):
        inside = vars(held).values()
    return sum(size_of(one, seen) for one in inside)
