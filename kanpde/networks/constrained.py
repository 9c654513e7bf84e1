r"""Hard conditions: :math:`u(x)=g(x)+D(x)\,N(x)` satisfies :math:`u=g` wherever D vanishes."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from sympy import Expr, Symbol, srepr
from torch import Tensor

from kanpde.networks.expressions import ExpressionJets
from kanpde.networks.jets import JetLayout, multiply, multiply_adjoint
from kanpde.networks.network import Network, Prepared, Pullback
from kanpde.problem.serialise import expression_from_srepr


class Constrained(Network):
    r"""A network that meets Dirichlet conditions by construction.

    Args:
        network: the field N with as many outputs as there are unknowns.
        lift: for each unknown the expression g that has the wanted boundary values.
        factor: for each unknown the expression D that vanishes where the values are given.
        coordinates: the symbols of the expressions, one for each column of the points.
    """

    def __init__(
        self,
        network: Network,
        lift: tuple[Expr, ...],
        factor: tuple[Expr, ...],
        coordinates: tuple[Symbol, ...],
    ) -> None:
        super().__init__()
        if not len(lift) == len(factor) == network.outputs:
            raise ValueError(
                f"Constrained needs one lift and one factor for each of {network.outputs} outputs; "
                f"got {len(lift)} and {len(factor)}."
            )
        self.network = network
        self.lift, self.factor, self.coordinates = lift, factor, coordinates
        self.dimension, self.outputs = network.dimension, network.outputs

    @property
    def collapses(self) -> bool:
        """Whether layouts with a Laplacian in one piece are taken."""
        return self.network.collapses

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the jets of factor and lift at the points x (N, D) with the inner tables."""
        jets = ExpressionJets(self.coordinates, x, layout)
        factor = torch.stack([jets.of(e) for e in self.factor])
        lift = torch.stack([jets.of(e) for e in self.lift])
        return Prepared(layout, (self.network.prepare(x, layout), factor, lift))

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        inner, factor, lift = points.tables
        return lift + multiply(factor, self.network.evaluate(inner), points.layout)

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        inner, factor, lift = points.tables
        jets, pullback = self.network.linearize(inner)
        value = lift + multiply(factor, jets, points.layout)
        return value, _ConstrainedPullback(pullback, factor, points.layout)

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of the functions that the output coefficients multiply, (S, N, C).

        Raises:
            ValueError: if the outputs have different factors, and so no common columns.
        """
        if self._ratios is None:
            raise ValueError(
                "the outputs of this constrained network have different factors, so they have no "
                "common columns; each has its own (columns_by_output)."
            )
        return self.columns_by_output(points)[0]

    def columns_by_output(self, points: Prepared) -> list[Tensor]:
        """Return the columns of each output: those of the inner network times its factor.

        Factors that differ by a number only count as the first one.
        """
        inner, factor, _ = points.tables
        columns = self.network.columns(inner).permute(2, 0, 1)  # (C, S, N)
        different = factor if self._ratios is None else factor[:1]
        found = [multiply(f, columns, points.layout).permute(1, 2, 0) for f in different]
        return found if len(found) == self.outputs else found * self.outputs

    def offset(self, points: Prepared) -> Tensor | None:
        """Return the jets of the lift, (outputs, S, N)."""
        return points.tables[2]

    @property
    def output_coefficients(self) -> Tensor:
        """The output coefficients of the inner network, for the first output's factor."""
        return self.network.output_coefficients * self._ratio_of(self.network.output_coefficients)

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other output coefficients."""
        coefficients = coefficients / self._ratio_of(coefficients)
        return self._with(self.network.with_output_coefficients(coefficients))

    def refined(self, **how: Any) -> Self:
        """Return the same field with the inner network refined."""
        return self._with(self.network.refined(**how))  # type: ignore[operator]

    def inserted(self, knots: Mapping[tuple[int, int, int], Sequence[float]]) -> Self:
        """Return the same field with more knots on single edges of the inner network."""
        return self._with(self.network.inserted(knots))  # type: ignore[operator]

    def regridded(self, x: Tensor, **how: Any) -> Self:
        """Return the field with the inner network's grids moved; see :meth:`KAN.regridded`."""
        return self._with(self.network.regridded(x, **how))  # type: ignore[operator]

    @property
    def _ratios(self) -> list[float] | None:
        """Return the factors of the outputs relative to the first, or None if they vary."""
        ratios = [f / self.factor[0] for f in self.factor]
        return [float(r) for r in ratios] if all(r.is_number for r in ratios) else None

    def _ratio_of(self, like: Tensor) -> Tensor:
        """Return the ratios as a column that multiplies coefficients; ones if they vary."""
        return like.new_tensor(self._ratios or [1.0] * self.outputs)[:, None]

    def _with(self, network: Network) -> Self:
        clone = copy.copy(self)
        clone._modules = dict(self._modules)
        clone.network = network
        return clone

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without parameters."""
        return {
            "kind": "constrained",
            "network": self.network.to_dict(),
            "lift": [srepr(e) for e in self.lift],
            "factor": [srepr(e) for e in self.factor],
            "coordinates": [c.name for c in self.coordinates],
        }

    @staticmethod
    def from_dict(data: dict[str, Any], network: Network) -> Constrained:
        """Return the described constraint around a network."""
        coordinates = tuple(Symbol(name, real=True) for name in data["coordinates"])
        lift = tuple(expression_from_srepr(e) for e in data["lift"])
        factor = tuple(expression_from_srepr(e) for e in data["factor"])
        return Constrained(network, lift, factor, coordinates)


class _ConstrainedPullback(Pullback):
    def __init__(self, inner: Pullback, factor: Tensor, layout: JetLayout) -> None:
        self._inner, self._factor, self._layout = inner, factor, layout

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        return self._inner.rows(*self._of_inner(adjoint, active))

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        return self._inner.gradient(*self._of_inner(adjoint, active))

    def _of_inner(
        self, adjoint: Tensor, active: Sequence[int] | None
    ) -> tuple[Tensor, Sequence[int]]:
        """Return the adjoint of the inner network's jets and its parts that are not zero."""
        active = range(self._layout.size) if active is None else active
        inner = {j for part in active for _, _, j in self._layout.leibniz[part]}
        return multiply_adjoint(adjoint, self._factor, self._layout, active), sorted(inner)
