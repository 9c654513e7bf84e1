"""A KAN on its way to a formula, edge by edge: suggest, snap, unsnap, refit, formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sympy import Expr, Float, Function, Integer, Mul, Symbol
from sympy.core.function import AppliedUndef

from kanpde.bases.symbolic import Symbolic
from kanpde.control import Control
from kanpde.formula.certificate import Certificate
from kanpde.formula.claims import claims
from kanpde.formula.field import fields_of
from kanpde.formula.formula import Formula
from kanpde.formula.inside import box_inside
from kanpde.formula.library import LIBRARY, user_family
from kanpde.formula.naming import affine_fit, edge_fits
from kanpde.formula.search import exact_texts, finished
from kanpde.formula.structure import Log
from kanpde.formula.template import Constants, Template, rms, values
from kanpde.formula.zero import Level
from kanpde.networks import KAN, Constrained, Network, bare, editing, with_bare
from kanpde.networks.layer import KANLayer
from kanpde.networks.pruning import edge_outputs
from kanpde.solution import Solution
from kanpde.training import LevenbergMarquardt, Task, run_plan

POINTS = 600
LEAST_ERROR = 1e-9
SMALL = 1e-11
"""A number so much smaller than one is left out of a formula before its refit."""

X = Symbol("x", real=True)
Edge = tuple[int, int, int]
"""Layer, input and output of an edge, from 0."""


@dataclass(frozen=True)
class Suggestion:
    """What an edge may be.

    Args:
        expression: of the symbol x, with the numbers that fit best.
        misfit: relative to the spread of the edge's values, root mean square.
        length: of the description, in nats; the shortest is first.
        note: the name of the family.
    """

    expression: Expr
    misfit: float
    length: float
    note: str


@dataclass(frozen=True)
class Workbench:
    """A KAN whose edges are turned into formulas by hand, and the field it is.

    Every method returns a new workbench, so a step can be taken back by keeping the old one. An
    edge is named by its layer, its input i and its output j, as in the KAN paper.

    Args:
        solution: the field so far; its network is a KAN, maybe with hard conditions.
        start: the KAN without formulas; what :meth:`unsnap` takes an edge from.

    >>> from kanpde import Workbench  # doctest: +SKIP
    >>> bench = Workbench.of(solution)  # doctest: +SKIP
    >>> bench = bench.snap(0, 0, 0, "sin").snap(0, 1, 0, "x**2").snap(1, 0, 0, "exp").refit()
    ... # doctest: +SKIP
    >>> bench.formula().certificate.text  # doctest: +SKIP
    """

    solution: Solution
    start: KAN

    @staticmethod
    def of(solution: Solution) -> Workbench:
        """Return the workbench of a solved problem.

        Raises:
            ValueError: if its field is no KAN; ``solution.compress()`` makes one of it.
        """
        return Workbench(solution, _kan(solution.network))

    @property
    def network(self) -> KAN:
        """The KAN as it is."""
        return _kan(self.solution.network)

    @property
    def left(self) -> tuple[Edge, ...]:
        """The edges that are no formulas yet, as (layer, input, output)."""
        found = []
        for depth, layer in enumerate(_layers(self.network)):
            grids = layer.all_grids()
            for o, row in enumerate(grids.edges):
                found += [(depth, i, o) for i, basis in enumerate(row) if basis is not None]
        return tuple(found)

    def samples(self, layer: int, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what enters an edge at points of the domain, and what it makes of it, (N,) each.

        Raises:
            ValueError: for an edge that does not exist.
        """
        own = self._layer(layer, i, j)
        entering = self.network.hidden_values(self._points())[layer]
        y = edge_outputs(own, entering)[j, i]
        return entering[i].detach().numpy(), y.detach().numpy()

    def suggest(
        self, layer: int, i: int, j: int, *, limit: int = 5, functions: Sequence[Any] = ()
    ) -> list[Suggestion]:
        """Return what an edge may be, the shortest description first.

        Args:
            layer: from 0.
            i: the node it starts from.
            j: the node it goes to.
            limit: at most so many.
            functions: sympy functions of one variable, besides the library.

        Raises:
            ValueError: for an edge that does not exist, or a function without a derivative.
        """
        x, y = self.samples(layer, i, j)
        spread = float(np.std(y)) or 1.0
        variance = (max(self._error, LEAST_ERROR) * spread) ** 2
        families = (*map(user_family, functions), *LIBRARY)
        fits = edge_fits(x, y, np.ones(len(x)), variance, X, families=families, limit=limit)
        found = []
        for fit in fits:
            expression = fit.template.numeric()
            misfit = float(rms(values([expression], [X], [x])[0] - y)) / spread
            found.append(Suggestion(expression, misfit, fit.score, fit.template.note))
        return found

    def snap(self, layer: int, i: int, j: int, function: Any = None) -> Workbench:
        """Return the workbench with an edge replaced by c f(a x + b) + d, fitted to it.

        Args:
            layer: from 0.
            i: the node it starts from.
            j: the node it goes to.
            function: f as text or expression ("sin", "x**2", "exp(-x**2)"), a suggestion, or None
                for the first suggestion.

        Raises:
            ValueError: for an edge that does not exist, or a function that cannot be read or is
                nowhere finite on the edge.
        """
        self._layer(layer, i, j)
        if function is None:
            function = self.suggest(layer, i, j, limit=1)[0]
        if isinstance(function, Suggestion):
            formula, affine = Symbolic(function.expression), (1.0, 0.0, 1.0, 0.0)
        else:
            formula, affine = self._affine(layer, i, j, function)
        network = self.network.with_edge((layer, j, i), formula, affine=affine)
        return self._with(network)

    def unsnap(self, layer: int, i: int, j: int) -> Workbench:
        """Return the workbench with an edge a spline again, as it was; all others stay.

        Raises:
            ValueError: if it is no formula.
        """
        own = self._layer(layer, i, j)
        if editing.formula_of(own, (j, i)) is None:
            raise ValueError(f"the edge ({layer}, {i}, {j}) is no formula.")
        first = _layers(self.start)[layer]
        gone = {(e.output, e.input) for e in own.snapped_edges()} - {(j, i)}
        everything = range(own.outputs), range(own.inputs)
        made = editing.restricted(first, *everything, without=gone)
        assert made.space is not None
        for (o, k), place in made.space.blocks().items():
            if (o, k) != (j, i):
                with torch.no_grad():
                    made.coefficients[place] = own.edge_coefficients(o, k)
        for edge in own.snapped_edges():
            if (edge.output, edge.input) != (j, i):
                made.snapped.append(edge.moved(edge.output, edge.input))
        made.lower, made.upper = own.lower.clone(), own.upper.clone()
        return self._with(self.network.with_layer(layer, made))

    def refit(self, *, iterations: int = 60, budget: float | None = None) -> Workbench:
        """Return the workbench with all numbers and splines refitted on the problem itself.

        Args:
            iterations: of Levenberg-Marquardt.
            budget: seconds.
        """
        problem = self.solution.problem
        task = Task(problem, seed=self.solution.seed)
        plan = [LevenbergMarquardt(iterations=iterations)]
        result = run_plan(plan, task, self.solution.network, Control(budget))
        return replace(self, solution=replace(self.solution, network=result.network, estimate=None))

    def formula(self) -> Formula:
        """Return the formula that the graph is, its numbers refitted and made exact, certified.

        Raises:
            ValueError: if an edge is no formula yet.
        """
        if self.left:
            edges = ", ".join(map(str, self.left[:6]))
            raise ValueError(
                f"{len(self.left)} edges are no formulas yet: {edges}"
                f"{' ...' if len(self.left) > 6 else ''}; snap them, or prune the network first."
            )
        problem, log = self.solution.problem, Log()
        fields = dict(
            zip(
                problem.unknowns,
                fields_of(self.solution.at, *box_inside(problem.domain), self._error),
                strict=True,
            )
        )
        chosen = {
            u: _template(e) for u, e in zip(problem.unknowns, self.expressions(), strict=True)
        }
        found = finished(problem, claims(problem), exact_texts(problem), chosen, fields, log)
        if found is None:
            floats: dict[AppliedUndef, Expr] = dict(
                zip(problem.unknowns, self.expressions(), strict=True)
            )
            certificate = Certificate(Level.NONE, reason="the graph does not solve the problem")
            return Formula(problem, floats, certificate, report=tuple(log.lines))
        return Formula(problem, found.formulas, found.certificate, report=tuple(log.lines))

    def expressions(self) -> list[Expr]:
        """Return each unknown as the graph makes it, with floats; a spline is ``phi_layer_i_j``."""
        coordinates = self.solution.problem.coordinates
        nodes: list[Expr] = list(coordinates)
        network = self.network
        for depth, (layer, row) in enumerate(zip(_layers(network), network.rows[1:], strict=True)):
            sums = [_sum(layer, depth, o, nodes) for o in range(layer.outputs)]
            nodes, place = sums[: row.sums], row.sums
            for arity in row.arities:
                nodes.append(Mul(*sums[place : place + arity]))
                place += arity
        outer = self.solution.network
        if isinstance(outer, Constrained):
            own = dict(zip(outer.coordinates, coordinates, strict=True))
            pairs = zip(outer.lift, outer.factor, nodes, strict=True)
            nodes = [lift.xreplace(own) + factor.xreplace(own) * n for lift, factor, n in pairs]
        return nodes

    # Internals -------------------------------------------------------------------------------

    @property
    def _error(self) -> float:
        if self.solution.estimate is not None:
            return self.solution.estimate
        return min(max(self.solution.residual_rms().values(), default=1e-3), 0.1)

    def _points(self) -> torch.Tensor:
        inside = self.solution.problem.domain.interior(POINTS, seed=3)
        return torch.as_tensor(inside).to(next(self.network.parameters()).detach())

    def _layer(self, layer: int, i: int, j: int) -> KANLayer:
        layers = _layers(self.network)
        if not 0 <= layer < len(layers):
            raise ValueError(f"there is no layer {layer}; layers are 0 to {len(layers) - 1}.")
        own = layers[layer]
        if not (0 <= i < own.inputs and 0 <= j < own.outputs):
            raise ValueError(
                f"layer {layer} has no edge from {i} to {j}: it has {own.inputs} inputs and "
                f"{own.outputs} outputs."
            )
        return own

    def _affine(
        self, layer: int, i: int, j: int, function: Any
    ) -> tuple[Symbolic, tuple[float, float, float, float]]:
        if isinstance(function, str) and function.isidentifier() and function != "x":
            function = f"{function}(x)"
        formula = Symbolic(function)
        expression = formula.formula()
        x, y = self.samples(layer, i, j)
        if expression.diff(X).is_number:
            slope, d = np.polyfit(x, y, 1)
            return Symbolic("x"), (1.0, 0.0, float(slope), float(d))
        found = affine_fit(user_family(lambda z: expression.subs(X, z)), x, y, np.ones(len(x)))
        if found is None:
            raise ValueError(f"{expression} is nowhere finite on the edge ({layer}, {i}, {j}).")
        return formula, found[0]

    def _with(self, network: KAN) -> Workbench:
        whole = with_bare(self.solution.network, network)
        return replace(self, solution=replace(self.solution, network=whole))


def _kan(network: Network) -> KAN:
    inner = bare(network)
    if not isinstance(inner, KAN):
        raise ValueError(
            f"the field is a {type(network).__name__}, and only a KAN has edges to snap; "
            "solution.compress() returns a KAN of the field."
        )
    return inner


def _layers(network: KAN) -> list[KANLayer]:
    return list(network.layers)  # type: ignore[arg-type]


def _sum(layer: KANLayer, depth: int, output: int, nodes: Sequence[Expr]) -> Expr:
    total: Expr = Integer(0)
    grids = layer.all_grids()
    for i, node in enumerate(nodes):
        edge = editing.formula_of(layer, (output, i))
        if edge is not None:
            a, b, c, d = (_number(v) for v in edge.affine.detach().tolist())
            total += c * edge.function.formula().subs(X, a * node + b) + d
        elif grids.edges[output][i] is not None:
            total += Function(f"phi_{depth}_{i}_{output}")(node)
    return total


def _number(value: float) -> Expr:
    return Integer(round(value)) if abs(value - round(value)) < SMALL else Float(value)


def _template(expression: Expr) -> Template:
    """Return the expression with every float a constant."""
    constants = Constants()
    named = {f: constants.new(float(f)) for f in expression.atoms(Float) if abs(f) > SMALL}
    zeros = dict.fromkeys((f for f in expression.atoms(Float) if abs(f) <= SMALL), Integer(0))
    found = expression.xreplace({**named, **zeros})
    return Template(found, constants.of(found), "the graph of the network")
