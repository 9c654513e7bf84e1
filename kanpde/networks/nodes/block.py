"""The interface of a block of functions that carry output coefficients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from kanpde.networks.jets import JetLayout


class Nodes(nn.Module, ABC):
    """A block of functions that carry output coefficients."""

    dimension: int
    size: int

    @property
    def collapses(self) -> bool:
        """Whether layouts with a Laplacian in one piece are taken, with or without gradient."""
        return False

    @abstractmethod
    def columns(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions at points x (N, D), shape (S, N, size)."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description from which :func:`nodes_from_dict` makes an equal one."""
