"""Kolmogorov-Arnold networks: layers of univariate edges, every derivative exact."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.bases import Basis, BSpline, basis_from_dict
from kanpde.bases.activations import Activation, SiLU, activation_from_dict
from kanpde.networks import checks
from kanpde.networks.jets import JetLayout, coordinate_jet
from kanpde.networks.layer import CoordinateTables, KANLayer, LayerCache
from kanpde.networks.network import Network, Prepared, Pullback
from kanpde.networks.product import NodeRow, Width

DEFAULT_BASIS = BSpline(degree=5, intervals=5)


class KAN(Network):
    r"""A network of univariate edges and sum nodes (Liu et al., arXiv:2404.19756).

    Args:
        widths: nodes in each row, inputs first: ``[2, 5, 1]``. A hidden row ``(3, 2)`` has three
            sum and two product nodes, ``(0, [3])`` one product of three (arXiv:2408.10205).
        basis: of the edges; one for all layers, or one for each.
        activation: residual base function of the edges, or None.
        lower, upper: range of the inputs, one number for each coordinate; ``solve`` sets them from
            the domain.
        seed: of the random start. None means that ``solve`` starts the network anew with its own
            seed; a number fixes the start, and the network is trained from where it is.

    Every edge starts as a random smooth function (a cubic with unit-size coefficients), whatever
    the basis, so that the first residual has the size of the problem and not of the grid.

    Raises:
        ValueError: for fewer than two widths, a width below 1 or a wrong number of bases.

    >>> network = KAN([2, 5, 1], basis=BSpline(degree=3, intervals=5), seed=0)
    >>> network.parameter_count
    135
    """

    def __init__(
        self,
        widths: Sequence[Width],
        *,
        basis: Basis | Sequence[Basis] = DEFAULT_BASIS,
        activation: Activation | None = SiLU(),  # noqa: B008 - a frozen value
        lower: Sequence[float] | None = None,
        upper: Sequence[float] | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.rows = tuple(NodeRow.of(w) for w in widths)
        if len(self.rows) < 2 or self.rows[0].arities or self.rows[-1].arities:
            raise ValueError(
                f"KAN({list(widths)}) needs at least two widths, inputs first, and product nodes "
                "only between them: KAN([2, 5, 1]), KAN([2, (3, 2), 1])."
            )
        self.widths = tuple(row.size for row in self.rows)
        count = len(self.widths) - 1
        bases = [basis] * count if isinstance(basis, Basis) else list(basis)
        if len(bases) != count:
            raise ValueError(
                f"KAN({list(widths)}) has {count} layers but {len(bases)} bases were given."
            )
        self.dimension, self.outputs = self.widths[0], self.widths[-1]
        self.seed, self.has_range = seed, False
        layers = [
            KANLayer(
                inputs,
                outputs,
                layer_basis,
                activation,
                squash=depth > 0 and not isinstance(layer_basis, BSpline),
            )
            for depth, (inputs, outputs, layer_basis) in enumerate(
                zip(self.widths[:-1], (r.sources for r in self.rows[1:]), bases, strict=True)
            )
        ]
        self.layers = nn.ModuleList(layers)
        self._set_range(lower, upper)
        self._initialise(0 if seed is None else seed)

    @property
    def collapses(self) -> bool:
        """Whether layouts with a Laplacian in one piece are taken."""
        return True

    # The field -------------------------------------------------------------------------------

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the first layer's features at the points x (N, D); no parameter changes them."""
        return Prepared(layout, CoordinateTables.of(self._layers()[0], x, layout))

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        first, *rest = self._layers()
        jet = points.tables.forward(first.coefficients)
        for row, layer in zip(self.rows[1:], rest, strict=False):
            jet = layer(row.combine(jet, points.layout), points.layout)
        return jet

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        first, *rest = self._layers()
        steps: list[_Step] = []
        with torch.no_grad():
            jet = points.tables.forward(first.coefficients)
            for row, layer in zip(self.rows[1:], rest, strict=False):
                sources = jet
                jet, cache = layer.linearize(row.combine(sources, points.layout), points.layout)
                steps.append(_Step(layer, cache, row, sources))
        return jet, _KANPullback(points, steps)

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of the last layer's functions, (S, N, functions * inputs)."""
        first, *rest = self._layers()
        if not rest:
            return points.tables.columns()
        jet = self.rows[1].combine(points.tables.forward(first.coefficients), points.layout)
        for row, layer in zip(self.rows[2:], rest[:-1], strict=False):
            jet = row.combine(layer(jet, points.layout), points.layout)
        features = rest[-1].features(jet, points.layout)
        return features.flatten(0, 1).permute(1, 2, 0)

    @property
    def bases(self) -> tuple[Basis, ...]:
        """The basis of each layer."""
        return tuple(layer.basis for layer in self._layers())

    @property
    def output_coefficients(self) -> Tensor:
        """The coefficients of the last layer's edges, shape (outputs, functions * inputs)."""
        return self._layers()[-1].coefficients.detach().reshape(self.outputs, -1)

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other coefficients on the last layer's edges."""
        checks.coefficients(coefficients, self.output_coefficients.shape, owner="KAN")
        clone = copy.deepcopy(self)
        last = clone._layers()[-1]
        with torch.no_grad():
            last.coefficients.copy_(coefficients.reshape(last.coefficients.shape))
        return clone

    def hidden_values(self, x: Tensor) -> list[Tensor]:
        """Return the values that enter each layer, shapes (inputs, N), for points x (N, D)."""
        layout = JetLayout.of(self.dimension, ())
        values = [x.T]
        with torch.no_grad():
            jet = coordinate_jet(x, layout)
            for row, layer in zip(self.rows[1:], self._layers()[:-1], strict=False):
                jet = row.combine(layer(jet, layout), layout)
                values.append(jet[:, 0])
        return values

    # Copies ----------------------------------------------------------------------------------

    def prepared(self, lower: Sequence[float], upper: Sequence[float], seed: int) -> KAN:
        """Return the network ready for a domain: input range set and, if unseeded, a new start."""
        clone = copy.deepcopy(self)
        if clone.seed is not None and clone.has_range:
            return clone
        clone.seed = seed if clone.seed is None else clone.seed
        if not clone.has_range:
            clone._set_range(lower, upper)
        clone._initialise(clone.seed)
        return clone

    def refined(self, **how: Any) -> KAN:
        """Return the same function on finer bases, e.g. ``refined(intervals=10)``.

        The coefficients are transferred exactly (knot insertion, degree raising), so values and
        all derivatives stay the same to round-off.

        Raises:
            ValueError: if a basis has no such refinement.
        """
        clone = copy.deepcopy(self)
        for layer in clone._layers():
            finer = layer.basis.refined(**how)
            matrix = torch.as_tensor(layer.basis.transfer(finer), dtype=torch.float64)
            old = layer.coefficients.detach()
            spline = torch.einsum("gf,ofi->ogi", matrix.to(old), old[:, : layer.basis.size])
            base = old[:, layer.basis.size :]
            layer.basis = finer
            layer.coefficients = nn.Parameter(torch.cat([spline, base], dim=1))
        return clone

    def regridded(self, x: Tensor, *, margin: float = 0.05) -> KAN:
        """Return the network with the grids of its hidden layers moved to where the values are.

        The range of each hidden input becomes that of its values at the points x (N, D), widened
        by ``margin`` on both sides; the edges are refitted there to values and two derivatives.
        That is not exact, for the knots move; :class:`kanpde.Regrid` measures the change. Layers
        that squash their input have no range and stay as they are.
        """
        clone = copy.deepcopy(self)
        for layer, values in zip(clone._layers()[1:], self.hidden_values(x)[1:], strict=True):
            if layer.squash:
                continue
            low, high = values.amin(1), values.amax(1)
            widen = margin * (high - low) + 1e-9
            layer.regrid(low - widen, high + widen)
        return clone

    # Saving ----------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without parameters."""
        activation = self._layers()[0].activation
        return {
            "kind": "kan",
            "widths": [row.width for row in self.rows],
            "bases": [layer.basis.to_dict() for layer in self._layers()],
            "activation": None if activation is None else activation.to_dict(),
            "lower": self._layers()[0].lower.tolist() if self.has_range else None,
            "upper": self._layers()[0].upper.tolist() if self.has_range else None,
            "seed": self.seed,
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> KAN:
        """Return a network of the described shape; its parameters are those of its seed."""
        activation = data["activation"]
        return KAN(
            data["widths"],
            basis=[basis_from_dict(b) for b in data["bases"]],
            activation=None if activation is None else activation_from_dict(activation),
            lower=data["lower"],
            upper=data["upper"],
            seed=data["seed"],
        )

    # Internals -------------------------------------------------------------------------------

    def _layers(self) -> list[KANLayer]:
        return list(self.layers)  # type: ignore[arg-type]

    def _set_range(self, lower: Sequence[float] | None, upper: Sequence[float] | None) -> None:
        checks.set_range(self._layers()[0], lower, upper, owner="KAN")
        self.has_range = self.has_range or lower is not None or upper is not None

    def _initialise(self, seed: int) -> None:
        """Give every edge a random cubic and every hidden node the range [-1, 1]."""
        generator = np.random.default_rng(seed)
        probe = torch.as_tensor(generator.uniform(-1, 1, (512, self.dimension)))
        first = self._layers()[0]
        half = (first.upper - first.lower) / 2
        x = (first.lower + half * (probe.to(half) + 1)).to(first.coefficients)
        layout = JetLayout.of(self.dimension, ())
        with torch.no_grad():
            jet = coordinate_jet(x, layout)
            for row, layer in zip(self.rows[1:], self._layers(), strict=True):
                cubics = [np.polynomial.Chebyshev.basis(k) for k in (1, 2, 3)]
                shapes = [layer.basis.fit(cubic) for cubic in cubics]
                amplitudes = generator.normal(size=(3, layer.outputs, layer.inputs))
                weights = np.array([1.0, 0.5, 0.25]) / np.sqrt(layer.inputs)
                smooth = np.einsum("k,koi,kf->ofi", weights, amplitudes, np.array(shapes))
                layer.coefficients.zero_()
                layer.coefficients[:, : layer.basis.size] = torch.as_tensor(smooth)
                jet = layer(jet, layout)
                if layer is not self._layers()[-1] and not layer.squash:
                    # scale each hidden node, and each factor of one, to [-1, 1]
                    size = jet[:, 0].abs().amax(1).clamp_min(1e-12)
                    layer.coefficients /= size[:, None, None]
                    jet = jet / size[:, None, None]
                jet = row.combine(jet, layout)


@dataclass(frozen=True)
class _Step:
    """A layer after the first, with the row of nodes that feeds it."""

    layer: KANLayer
    cache: LayerCache
    row: NodeRow
    sources: Tensor


class _KANPullback(Pullback):
    """Sends adjoints back through the layers after the first, then to its fixed tables."""

    def __init__(self, points: Prepared, steps: list[_Step]) -> None:
        self._points, self._steps = points, steps

    def rows(self, adjoint: Tensor) -> Tensor:
        return self._backward(adjoint, KANLayer.rows, CoordinateTables.rows)

    def gradient(self, adjoint: Tensor) -> Tensor:
        return self._backward(adjoint, KANLayer.gradient, CoordinateTables.gradient)

    def _backward(self, adjoint: Tensor, of_layer: Any, of_first: Any) -> Tensor:
        layout = self._points.layout
        blocks: list[Tensor] = []
        with torch.no_grad():
            for step in reversed(self._steps):
                blocks.append(of_layer(step.layer, adjoint, step.cache, layout))
                adjoint = step.layer.input_adjoint(adjoint, step.cache, layout)
                adjoint = step.row.combine_adjoint(adjoint, step.sources, layout)
            blocks.append(of_first(self._points.tables, adjoint))
        return torch.cat(blocks[::-1])
