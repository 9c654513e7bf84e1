"""Kolmogorov-Arnold networks: layers of univariate edges, every derivative exact."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from sympy import Expr, Symbol, sympify
from torch import Tensor, nn

from kanpde.bases import Basis, BSpline, basis_from_dict
from kanpde.bases.activations import Activation, SiLU, activation_from_dict
from kanpde.bases.symbolic import Symbolic
from kanpde.networks import checks, editing, pruning, start
from kanpde.networks.attribution import Attribution
from kanpde.networks.backward import KANPullback, LayerStep
from kanpde.networks.compiled import Graph
from kanpde.networks.grids import EdgeGrids
from kanpde.networks.jets import JetLayout, coordinate_jet
from kanpde.networks.layer import KANLayer, squashes
from kanpde.networks.moving import MovingGrid, moving_grids, range_around
from kanpde.networks.network import Network, Prepared, Pullback
from kanpde.networks.product import NodeRow, Width
from kanpde.networks.snapped import SnappedEdge

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
        periodic: columns of coordinates in which the field is periodic by construction, the range
            being one period: edges of splines wrap around with all derivatives but the highest,
            those of any other basis become Fourier series. ``solve`` adds those that periodic
            conditions ask for.
        seed: of the random start. None means that ``solve`` starts the network anew with its own
            seed; a number fixes the start, and the network is trained from where it is.

    Every edge starts as a random smooth function, whatever the basis, and the field with value and
    Laplacian of order one, whatever the depth and width (:mod:`kanpde.networks.start`): the first
    residual has the size of the problem and not of the grid.

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
        periodic: Sequence[int] = (),
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
                squash=squashes(layer_basis, depth),
            )
            for depth, (inputs, outputs, layer_basis) in enumerate(
                zip(self.widths[:-1], (r.sources for r in self.rows[1:]), bases, strict=True)
            )
        ]
        if periodic:
            layers[0] = editing.closed(layers[0], periodic)
        self.layers = nn.ModuleList(layers)
        self._set_range(lower, upper)
        self._initialise(0 if seed is None else seed)

    @property
    def collapses(self) -> bool:
        """Whether layouts with a Laplacian in one piece are taken."""
        return True

    @property
    def periods(self) -> dict[int, tuple[float, float]]:
        """By column of a periodic coordinate the period, and the order of smoothness."""
        first = self._layers()[0]
        width = (first.upper - first.lower).tolist()
        grids = first.grids
        return {} if grids is None else {i: (width[i], grids.order(i)) for i in grids.closed}

    def closed(self, axes: Sequence[int]) -> KAN:
        """Return a network of the same kind that is periodic in more coordinates; it starts anew.

        Args:
            axes: columns of the coordinates; the range is one period.
        """
        clone = copy.deepcopy(self)
        clone.layers[0] = editing.closed(self._layers()[0], axes)
        clone._initialise(self.seed or 0)
        return clone

    @staticmethod
    def from_expression(
        expressions: Expr | Sequence[Expr],
        coordinates: Sequence[Symbol],
        *,
        basis: Basis = DEFAULT_BASIS,
    ) -> KAN:
        """Return the network that equals formulas, to round-off, with all derivatives.

        Sums and products of the formulas are nodes, their functions of one variable edges
        c f(a x + b) + d with trained constants. :meth:`expanded` adds splines where there is no
        edge, so that training can find what a formula lacks.

        Args:
            expressions: one for each output, in the coordinates.
            coordinates: the inputs, in their order.
            basis: of edges that :meth:`expanded` adds.

        Raises:
            ValueError: for a symbol that is no coordinate, or a function that no edge can be.

        Source: KAN 2.0, arXiv:2408.10205, section 3.3.

        >>> from sympy.abc import x, y
        >>> KAN.from_expression(x * (y + 1), [x, y]).widths
        (2, 1, 1)
        """
        given = [expressions] if isinstance(expressions, Expr) else list(expressions)
        graph = Graph.of([sympify(e) for e in given], coordinates)
        widths: list[Any] = [row.width for row in graph.rows]
        return KAN(widths, basis=basis, activation=None)._fixed(graph.made(basis))

    # The field -------------------------------------------------------------------------------

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the first layer's features at the points x (N, D); no parameter changes them."""
        first = self._layers()[0]
        checks.points(x, self.dimension, first.coefficients.dtype, owner="KAN")
        coordinates = coordinate_jet(x, layout) if first.snapped else None
        return Prepared(layout, (first.coordinate_tables(x, layout), coordinates))

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        jet = self._first(points)
        for row, layer in zip(self.rows[1:], self._layers()[1:], strict=False):
            jet = layer(row.combine(jet, points.layout), points.layout)
        return jet

    def _first(self, points: Prepared) -> Tensor:
        """Return the output jets of the first layer."""
        tables, coordinates = points.tables
        layer = self._layers()[0]
        jet = tables.forward(layer.full())
        formulas = None if coordinates is None else layer.formulas(coordinates, points.layout)
        return jet if formulas is None else jet + formulas

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        steps: list[LayerStep] = []
        with torch.no_grad():
            jet = self._first(points)
            for row, layer in zip(self.rows[1:], self._layers()[1:], strict=False):
                sources = jet
                jet, cache = layer.linearize(row.combine(sources, points.layout), points.layout)
                steps.append(LayerStep(layer, cache, row, sources))
        return jet, KANPullback(points, self._layers()[0], steps)

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of the last layer's functions, (S, N, C)."""
        last = self._layers()[-1]
        if len(self.layers) == 1:
            columns = points.tables[0].columns()  # (S, N, F * D)
            features = columns.permute(2, 0, 1).unflatten(0, (-1, self.dimension))
        else:
            jet = self._before_last(points)
            features = last.features(jet, points.layout)  # (F, inputs, S, N)
        if last.space is not None and self.outputs == 1:
            return last.space.reduce(features[None]).permute(1, 2, 0)
        return features.flatten(0, 1).permute(1, 2, 0)

    def offset(self, points: Prepared) -> Tensor | None:
        """Return the part of the last layer that holds no coefficient: its formulas."""
        last = self._layers()[-1]
        if not last.snapped:
            return None
        with torch.no_grad():
            jet = points.tables[1] if len(self.layers) == 1 else self._before_last(points)
            return last.formulas(jet, points.layout)

    def _before_last(self, points: Prepared) -> Tensor:
        """Return the jets that enter the last layer."""
        jet = self._first(points)
        for row, layer in zip(self.rows[1:], self._layers()[1:-1], strict=False):
            jet = layer(row.combine(jet, points.layout), points.layout)
        return self.rows[-2].combine(jet, points.layout)

    @property
    def bases(self) -> tuple[Basis, ...]:
        """The basis of each layer."""
        return tuple(layer.basis for layer in self._layers())

    @property
    def output_coefficients(self) -> Tensor:
        """The coefficients of the last layer's edges, shape (outputs, C)."""
        last = self._layers()[-1]
        if self.outputs == 1:
            return last.coefficients.detach().reshape(1, -1)
        return last.full().detach().reshape(self.outputs, -1)

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other coefficients on the last layer's edges.

        Raises:
            ValueError: for another shape, or if several outputs have different edges.
        """
        checks.coefficients(coefficients, self.output_coefficients.shape, owner="KAN")
        clone = copy.deepcopy(self)
        last = clone._layers()[-1]
        if self.outputs == 1:
            with torch.no_grad():
                last.coefficients.copy_(coefficients.reshape(last.coefficients.shape))
            return clone
        if last.grids is not None and last.grids != EdgeGrids.shared(last.bases, self.outputs):
            raise ValueError(
                "the outputs of this network have different edges in the last layer, so they share "
                "no coefficients to solve for; train it instead."
            )
        last.set_full(coefficients.reshape(last.full().shape))
        return clone

    def hidden_values(self, x: Tensor) -> list[Tensor]:
        """Return the values that enter each layer, shapes (inputs, N), for points x (N, D)."""
        checks.points(x, self.dimension, self._layers()[0].coefficients.dtype, owner="KAN")
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

    def restarted(self, seed: int) -> KAN:
        """Return a copy with another random start."""
        clone = copy.deepcopy(self)
        clone.seed = seed
        clone._initialise(seed)
        return clone

    def refined(self, **how: Any) -> KAN:
        """Return the same function on finer bases, e.g. ``refined(intervals=10)``.

        The coefficients are transferred exactly (knot insertion, degree raising), so values and
        all derivatives stay the same to round-off.

        Raises:
            ValueError: if a basis has no such refinement.
        """
        return self._with_layers([editing.refined(layer, **how) for layer in self._layers()])

    def inserted(self, knots: Mapping[tuple[int, int, int], Sequence[float]]) -> KAN:
        """Return the same function with more knots on single edges.

        Args:
            knots: for edges (layer, output, input) the new break points in (-1, 1), the reference
                interval of the input.

        The function stays the same to round-off. Only these edges get parameters.

        Raises:
            ValueError: if an edge is no spline, or a knot cannot be inserted.
        """
        layers = self._layers()
        for depth in sorted({depth for depth, _, _ in knots}):
            chosen = {(o, i): points for (k, o, i), points in knots.items() if k == depth}
            layers[depth] = editing.inserted(self._layer(depth), chosen)
        return self._fixed(layers)

    def regridded(
        self,
        x: Tensor,
        *,
        margin: float = 0.05,
        knots: Callable[[MovingGrid], BSpline] | None = None,
    ) -> KAN:
        """Return the network with the grids of its hidden layers moved to where the values are.

        The range of each hidden input becomes that of its values at the points x (N, D), widened
        by ``margin`` on both sides; the edges are refitted there to values and two derivatives.
        That is not exact, for the knots move; :class:`kanpde.Regrid` measures the change. Layers
        that squash their input have no range and stay as they are.

        Args:
            x: points (N, D).
            margin: relative widening of the ranges.
            knots: if given, called for each input of a spline layer, and where its edges have grids
                of their own for each of these; returns the grid that takes its place. The first
                layer's inputs are the coordinates; their range stays.
        """
        layers = []
        for depth, (layer, values) in enumerate(
            zip(self._layers(), self.hidden_values(x), strict=True)
        ):
            splines = knots is not None and isinstance(layer.basis, BSpline)
            if layer.squash or (depth == 0 and not splines):
                layers.append(layer)
                continue
            low, high = layer.lower, layer.upper
            if depth > 0:
                low, high = range_around(layer, values, margin)
            edges: dict[tuple[int, int], Basis] = {}
            if knots is not None and splines:
                for grid in moving_grids(layer, depth, values, (low, high)):
                    basis = knots(grid)
                    edges |= {(output, grid.input): basis for output in grid.outputs}
            layers.append(editing.moved(layer, low, high, edges))
        return self._fixed(layers)

    # Editing ---------------------------------------------------------------------------------

    def with_basis(self, basis: Basis | Sequence[Basis], x: Tensor) -> KAN:
        """Return the network refitted on other bases: values and two derivatives of every edge.

        Args:
            basis: for all layers, or one for each.
            x: points (N, D) that tell the ranges of the hidden values.

        Raises:
            ValueError: for a wrong number of bases.
        """
        bases = [basis] * len(self.layers) if isinstance(basis, Basis) else list(basis)
        if len(bases) != len(self.layers):
            raise ValueError(f"{len(self.layers)} bases are needed, one a layer; got {len(bases)}.")
        layers = []
        rows = zip(self._layers(), self.hidden_values(x), bases, strict=True)
        for depth, (layer, values, new) in enumerate(rows):
            low, high = layer.lower, layer.upper
            if depth > 0:
                low, high = range_around(layer, values, 0.05)
            squash = squashes(new, depth)
            layers.append(editing.converted(layer, new, low, high, squash=squash))
        return self._fixed(layers)

    def with_edge(
        self,
        edge: tuple[int, int, int],
        function: Any,
        *,
        affine: Sequence[float] = (1.0, 0.0, 1.0, 0.0),
    ) -> KAN:
        """Return the network with one edge replaced by a formula, c f(a x + b) + d.

        Args:
            edge: (layer, output, input), from 0.
            function: f, a sympy expression in one symbol or its text; it stays fixed.
            affine: the start of (a, b, c, d), which are trained like other parameters.

        Raises:
            ValueError: for an edge that does not exist, or a formula that cannot be read.

        >>> KAN([2, 1], seed=0).with_edge((0, 0, 1), "sin(x)").parameter_count
        15
        """
        depth, output, input = edge
        layer = self._layer(depth)
        if not (0 <= output < layer.outputs and 0 <= input < layer.inputs):
            raise ValueError(
                f"layer {depth} has no edge to {output} from {input}: it has {layer.outputs} "
                f"outputs and {layer.inputs} inputs."
            )
        formula = function if isinstance(function, Symbolic) else Symbolic(function)
        layers = self._layers()
        layers[depth] = editing.snapped(layer, SnappedEdge(output, input, formula, affine))
        return self._fixed(layers)

    def expanded(self, x: Tensor) -> KAN:
        """Return the same function with an edge, zero so far, wherever there is none.

        Training may then find what a formula or a pruned network lacks. The new edges have the
        basis of their layer; where they are the first, on the range of the values at the points.

        Args:
            x: points (N, D).
        """
        layers = [
            editing.expanded(layer, *range_around(layer, values, 0.05))
            for layer, values in zip(self._layers(), self.hidden_values(x), strict=True)
        ]
        return self._fixed(layers)

    def with_layer(self, depth: int, layer: KANLayer) -> KAN:
        """Return the network with another layer between the same nodes.

        Raises:
            ValueError: if there is no such layer, or it joins other numbers of nodes.
        """
        old = self._layer(depth)
        if (layer.inputs, layer.outputs) != (old.inputs, old.outputs):
            raise ValueError(
                f"layer {depth} joins {old.inputs} to {old.outputs} nodes, the new one "
                f"{layer.inputs} to {layer.outputs}."
            )
        layers = self._layers()
        layers[depth] = layer
        return self._fixed(layers)

    def pruned(self, x: Tensor, *, threshold: float = 1e-2) -> KAN:
        """Return the network without the edges and nodes that hardly matter.

        An edge goes if the standard deviation of its output over the points is below
        ``threshold`` times the largest among the edges of its node; its mean moves to an edge that
        stays. A hidden sum node goes if no edge leaves it any more. No node loses its last edge,
        so the network is never severed. Product nodes stay.

        Args:
            x: points (N, D).
            threshold: relative, in [0, 1).
        """
        values = self.hidden_values(x)
        return self._fixed(*pruning.pruned(self._layers(), self.rows, values, threshold))

    def attribution(self, x: Tensor) -> Attribution:
        r"""Return how much each node and edge does for each output.

        An output node has the score 1, and a node's score goes to the edges that enter it,
        :math:`B_{oi} = A_o E_{oi}/N_o`, with E the standard deviation of the edge's values over
        the points and N that of the node's sum; a node has the sum of the scores of the edges that
        leave it. Each factor of a product has the product's score.

        Edges that cancel each other have large scores although they do nothing together, and an
        input that enters several edges has the sum of their scores; what they are together is told
        by leaving them out, as :class:`kanpde.Prune` does.

        Args:
            x: points (N, D).

        Source: KAN 2.0, arXiv:2408.10205, section 4.1.

        >>> network = KAN([3, 2, 1], seed=0)
        >>> network.attribution(torch.rand(50, 3).double()).inputs.shape
        torch.Size([1, 3])
        """
        return Attribution.of(self._layers(), self.rows, self.hidden_values(x))

    # Saving ----------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without parameters."""
        layers = self._layers()
        activation = layers[0].activation
        return {
            "kind": "kan",
            "widths": [row.width for row in self.rows],
            "bases": [layer.basis.to_dict() for layer in layers],
            "activation": None if activation is None else activation.to_dict(),
            "lower": layers[0].lower.tolist() if self.has_range else None,
            "upper": layers[0].upper.tolist() if self.has_range else None,
            "seed": self.seed,
            "edges": [
                {
                    "grids": None if layer.grids is None else layer.grids.to_dict(),
                    "formulas": [edge.to_dict() for edge in layer.snapped_edges()],
                }
                for layer in layers
            ],
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> KAN:
        """Return a network of the described shape; its parameters are those of its seed."""
        activation = data["activation"]
        network = KAN(
            data["widths"],
            basis=[basis_from_dict(b) for b in data["bases"]],
            activation=None if activation is None else activation_from_dict(activation),
            lower=data["lower"],
            upper=data["upper"],
            seed=data["seed"],
        )
        for k, (layer, edges) in enumerate(zip(network._layers(), data["edges"], strict=True)):
            if edges["grids"] is None and not edges["formulas"]:
                continue
            grids = None if edges["grids"] is None else EdgeGrids.from_dict(edges["grids"])
            made = editing.blank(layer, grids)
            for e in edges["formulas"]:
                function = basis_from_dict(e["function"])
                assert isinstance(function, Symbolic)
                made.snapped.append(SnappedEdge(e["output"], e["input"], function, (1, 0, 1, 0)))
            network.layers[k] = made
        return network

    # Internals -------------------------------------------------------------------------------

    def _layers(self) -> list[KANLayer]:
        return list(self.layers)  # type: ignore[arg-type]

    def _layer(self, depth: int) -> KANLayer:
        if not 0 <= depth < len(self.layers):
            raise ValueError(f"there is no layer {depth}; layers are 0 to {len(self.layers) - 1}.")
        return self._layers()[depth]

    def _with_layers(
        self, layers: Sequence[KANLayer], rows: Sequence[NodeRow] | None = None
    ) -> KAN:
        """Return a copy with other layers (those that are this network's own are copied)."""
        clone = copy.deepcopy(self)
        clone.layers = nn.ModuleList([copy.deepcopy(layer) for layer in layers])
        if rows is not None:
            clone.rows = tuple(rows)
            clone.widths = tuple(row.size for row in clone.rows)
        return clone

    def _fixed(self, layers: Sequence[KANLayer], rows: Sequence[NodeRow] | None = None) -> KAN:
        """Return an edited copy, which ``solve`` trains from where it is."""
        clone = self._with_layers(layers, rows)
        clone.seed, clone.has_range = clone.seed or 0, True
        return clone

    def _set_range(self, lower: Sequence[float] | None, upper: Sequence[float] | None) -> None:
        checks.set_range(self._layers()[0], lower, upper, owner="KAN")
        self.has_range = self.has_range or lower is not None or upper is not None

    def _initialise(self, seed: int) -> None:
        start.draw(self._layers(), self.rows, seed)
