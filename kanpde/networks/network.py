"""The interface of a trainable field: jets forward, adjoints back, coefficients in and out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.networks.jets import JetLayout


@dataclass(frozen=True)
class Prepared:
    """Points at which a network is evaluated again and again, with all that no parameter changes.

    Made by :meth:`Network.prepare`; valid as long as the network keeps its shape (bases, inner
    edges of fixed kind), whatever its parameters do.
    """

    layout: JetLayout
    tables: Any


M = TypeVar("M", bound=nn.Module)


class Pullback(ABC):
    """What one evaluation of a network remembers in order to send adjoints back.

    An adjoint at N points has the shape of the jet, (outputs, S, N): the derivative, at each point
    by itself, of some scalar with respect to every part of the network's jet. Parts that are known
    to be zero need not be sent back: ``active`` names the others, all of them if None.
    """

    @abstractmethod
    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        """Return the derivative of each point's scalar by all parameters, shape (P, N)."""

    @abstractmethod
    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        """Return the derivative of the sum over the points by all parameters, shape (P,)."""


class Network(nn.Module, ABC):
    """A field u: R^D -> R^outputs with exact derivatives in the coordinates and the parameters.

    Its state is parameters and buffers, nothing else; evaluation leaves no trace.
    """

    dimension: int
    outputs: int

    @property
    def boxes(self) -> np.ndarray | None:
        """Lower and upper corners (B, 2, D) of the boxes a field is made of, or None; for plots."""
        return None

    @property
    def collapses(self) -> bool:
        """Whether layouts with a Laplacian in one piece are taken."""
        return False

    @property
    def periods(self) -> dict[int, tuple[float, float]]:
        """The coordinates in which the field is periodic by construction.

        By column the period, and up to which order derivatives are periodic too.
        """
        return {}

    @property
    def numbers(self) -> Tensor:
        """The unknown numbers trained with the field, (M,); they come first in :meth:`vector`."""
        return torch.empty(0, dtype=torch.float64)

    @property
    def number_slopes(self) -> Tensor:
        """The derivatives of the numbers by the first M entries of the vector, (M,)."""
        return torch.empty(0, dtype=torch.float64)

    @abstractmethod
    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return what evaluation at the points x (N, D) needs and no parameter changes."""

    @abstractmethod
    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""

    @abstractmethod
    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets and the pullback of adjoints; no autograd tape is made."""

    @abstractmethod
    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of the functions that the output coefficients multiply.

        Shape (S, N, C): output o is ``columns @ c[o]`` with c = :attr:`output_coefficients`, plus
        the jet that :meth:`offset` gives.
        """

    @property
    @abstractmethod
    def output_coefficients(self) -> Tensor:
        """The coefficients the field is linear in, shape (outputs, C)."""

    @abstractmethod
    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other output coefficients, shape (outputs, C)."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without parameters; see :func:`network_from_dict`."""

    def columns_by_output(self, points: Prepared) -> list[Tensor]:
        """Return :meth:`columns` for each output: the same ones, unless conditions differ."""
        return [self.columns(points)] * self.outputs

    def offset(self, points: Prepared) -> Tensor | None:
        """Return the part of the field that holds no coefficient, (outputs, S, N), or None."""
        return None

    def jets(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return value and requested derivatives at points x (N, D): shape (outputs, S, N)."""
        return self.evaluate(self.prepare(x, layout))

    def forward(self, x: Tensor) -> Tensor:
        """Return the values at points x (N, D): shape (N, outputs)."""
        if x.ndim != 2 or x.shape[1] != self.dimension:
            raise ValueError(
                f"{type(self).__name__} takes points of shape (N, {self.dimension}); got "
                f"{tuple(x.shape)}."
            )
        return self.jets(x, JetLayout.of(self.dimension, ()))[:, 0].T

    @property
    def parameter_count(self) -> int:
        """The number of trainable numbers."""
        return sum(p.numel() for p in self.parameters())

    def copied(self) -> Self:
        """Return a copy with parameters and buffers of its own; what never changes is shared.

        A step of training takes one or two, and a deep copy would cost as much as a residual.
        """
        return _copied(self, {})

    def vector(self) -> Tensor:
        """Return all parameters as one vector (P,), in the order of :meth:`parameters`."""
        return torch.cat([p.detach().reshape(-1) for p in self.parameters()])

    def with_vector(self, vector: Tensor) -> Self:
        """Return a copy with the parameters taken from one vector (P,)."""
        if vector.shape != (self.parameter_count,):
            raise ValueError(
                f"a vector of {self.parameter_count} parameters is needed; got {vector.shape}."
            )
        clone = self.copied()
        clone.set_vector(vector)
        return clone

    def set_vector(self, vector: Tensor) -> None:
        """Overwrite the parameters by those of one vector (P,), in place."""
        start = 0
        with torch.no_grad():
            for parameter in self.parameters():
                n = parameter.numel()
                parameter.copy_(vector[start : start + n].view_as(parameter))
                start += n


def _copied(module: M, made: dict[int, nn.Parameter]) -> M:
    """Return a copy of a module and those inside it; a parameter that stands twice still does."""
    clone = object.__new__(type(module))
    clone.__dict__.update(module.__dict__)
    parameters: dict[str, nn.Parameter | None] = {}
    for name, parameter in module._parameters.items():
        if parameter is not None and id(parameter) not in made:
            own = parameter.detach().clone()
            made[id(parameter)] = nn.Parameter(own, requires_grad=parameter.requires_grad)
        parameters[name] = None if parameter is None else made[id(parameter)]
    clone._parameters = parameters
    clone._buffers = {n: None if b is None else b.clone() for n, b in module._buffers.items()}
    clone._modules = {name: _copied_inside(m, made) for name, m in module._modules.items()}
    return clone


def _copied_inside(module: nn.Module | None, made: dict[int, nn.Parameter]) -> nn.Module | None:
    if module is None:
        return None
    return module.copied() if isinstance(module, Network) else _copied(module, made)
