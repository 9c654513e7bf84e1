"""Some of the outputs of a network, as a network."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from kanpde.networks.jets import JetLayout
from kanpde.networks.network import Network, Prepared, Pullback


class Outputs(Network):
    """The field of some unknowns where a network has more, such as their derivatives.

    Args:
        network: with all outputs.
        indices: of those that are kept, in their new order.

    Raises:
        ValueError: for an output that does not exist or occurs twice.
    """

    def __init__(self, network: Network, indices: Sequence[int]) -> None:
        super().__init__()
        self.network, self.indices = network, tuple(int(i) for i in indices)
        self.dimension, self.outputs = network.dimension, len(self.indices)
        possible = set(range(network.outputs))
        if len(set(self.indices)) < self.outputs or not set(self.indices) <= possible:
            raise ValueError(
                f"Outputs: {list(indices)} must be different outputs, from 0 to "
                f"{network.outputs - 1}."
            )

    @property
    def collapses(self) -> bool:
        """Whether layouts with a Laplacian in one piece are taken."""
        return self.network.collapses

    @property
    def numbers(self) -> Tensor:
        """The unknown numbers trained with the field."""
        return self.network.numbers

    @property
    def number_slopes(self) -> Tensor:
        """The derivatives of the numbers by the first entries of the vector."""
        return self.network.number_slopes

    @property
    def periods(self) -> dict[int, tuple[float, float]]:
        """The coordinates in which the field is periodic by construction."""
        return self.network.periods

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return what the network prepares at points x (N, D)."""
        return self.network.prepare(x, layout)

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        return self.network.evaluate(points)[list(self.indices)]

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        jets, pullback = self.network.linearize(points)
        return jets[list(self.indices)], _OutputsPullback(pullback, self.indices, len(jets))

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of the functions that the output coefficients multiply, (S, N, C)."""
        return self.network.columns(points)

    def columns_by_output(self, points: Prepared) -> list[Tensor]:
        """Return the columns of the outputs that are kept."""
        columns = self.network.columns_by_output(points)
        return [columns[i] for i in self.indices]

    def offset(self, points: Prepared) -> Tensor | None:
        """Return the part of the field that holds no coefficient, or None."""
        offset = self.network.offset(points)
        return None if offset is None else offset[list(self.indices)]

    @property
    def output_coefficients(self) -> Tensor:
        """The coefficients of the outputs that are kept, (outputs, C)."""
        return self.network.output_coefficients[list(self.indices)]

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other coefficients of the outputs that are kept."""
        full = self.network.output_coefficients.clone()
        full[list(self.indices)] = coefficients
        clone = copy.copy(self)
        clone._modules = dict(self._modules)
        clone.network = self.network.with_output_coefficients(full)
        return clone

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without parameters."""
        return {
            "kind": "outputs",
            "network": self.network.to_dict(),
            "indices": list(self.indices),
        }


class _OutputsPullback(Pullback):
    def __init__(self, inner: Pullback, indices: tuple[int, ...], outputs: int) -> None:
        self._inner, self._indices, self._outputs = inner, indices, outputs

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        return self._inner.rows(self._full(adjoint), active)

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        return self._inner.gradient(self._full(adjoint), active)

    def _full(self, adjoint: Tensor) -> Tensor:
        full = torch.zeros(self._outputs, *adjoint.shape[1:]).to(adjoint)
        full[list(self._indices)] = adjoint
        return full
