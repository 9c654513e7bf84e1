"""Templates by description length: edges of fitted graphs get names, all constants are refitted.

For what is known to a few digits only. The best names of each edge are combined, the constants of
each combination refitted together on the data, and constants made exact or left out where that
makes the whole description shorter: half the points times the logarithm of the misfit, half the
logarithm of the points for each number that is a float, and the bits of what is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import log as ln
from time import monotonic

import numpy as np
from sympy import Add, Dummy, Expr, Integer, Mul, Symbol, pi, preorder_traversal

from kanpde.formula.constants import bits, snapped
from kanpde.formula.dataset import Dataset
from kanpde.formula.graphs import Graph, graphs
from kanpde.formula.library import LIBRARY, Family
from kanpde.formula.naming import EdgeFit, edge_fits
from kanpde.formula.rational import rational_templates
from kanpde.formula.refit import Residual, compiled_residual, levenberg_marquardt
from kanpde.formula.sampled import ARGUMENT
from kanpde.formula.template import Constants, Template, rms

GRAPHS = 5
NAMES = 4
COMBINATIONS = 7
FEW_BASES = ((Integer(1), 0.0), (pi, 2.0))
NATS_PER_NODE = 0.7
HOPELESS = 50.0
"""Nats by which the names of edges may be longer than the best ones to be worth a refit."""

SNAP_DEVIATIONS = 3.0
SNAP_MARGIN = 1.0


@dataclass(frozen=True)
class Described:
    """A template with constants that fit the data.

    Args:
        template: with the fitted values; constants that became exact are in its expression.
        length: of the description, in nats.
        misfit: weighted, root mean square over that of the values.
        free: the same with floats for all constants but those that are zero.
    """

    template: Template
    length: float
    misfit: float
    free: Template


@dataclass(frozen=True)
class Target:
    """Data to describe.

    Args:
        data: values at points.
        noise: standard deviation of a weighted value, below which no misfit counts.
        variables: the coordinates.
    """

    data: Dataset
    noise: float
    variables: Sequence[Symbol]

    def length(self, squares: float, floats: int, extra: float) -> float:
        """Return the length of a description in nats.

        Args:
            squares: the sum of weighted squares.
            floats: constants that are no exact numbers.
            extra: nats of what is exact.
        """
        count = len(self.data.values)
        per_point = max(squares / count, self.floor**2)
        return 0.5 * count * ln(per_point) + 0.5 * ln(count) * floats + extra

    @property
    def floor(self) -> float:
        """The misfit below which nothing is gained."""
        return max(1e-3 * self.noise, 1e-15 * float(rms(self.data.values)), 1e-300)


@np.errstate(all="ignore")
def described(
    target: Target, deadline: float, *, families: Sequence[Family] = LIBRARY
) -> list[Described]:
    """Return the shortest descriptions of data, the best first.

    Args:
        target: what to describe.
        deadline: on the clock of ``time.monotonic``, after which no template is begun.
        families: of the edges.
    """
    found: list[Described] = []
    best = np.inf
    for template in _templates(target, families):
        one = _fitted(target, template, best)
        if one is not None:
            found.append(one)
            best = min(best, one.length)
        if monotonic() > deadline:
            break
    found.sort(key=lambda d: d.length)
    return found


def _templates(target: Target, families: Sequence[Family]) -> Iterator[Template]:
    for graph, _ in zip(graphs(target.data, noise=target.noise), range(GRAPHS), strict=False):
        yield from named(graph, target, families)
    yield from rational_templates(target.data, target.variables)


def named(graph: Graph, target: Target, families: Sequence[Family]) -> Iterator[Template]:
    """Return templates of a graph whose edges have names, likely ones first.

    Args:
        graph: with fitted edges.
        target: what it was fitted to.
        families: of the edges.
    """
    variables, extra, constants = list(target.variables), {}, Constants()
    if graph.kind == "ridge":
        slope = constants.new(graph.slope)
        ridge = Dummy("ridge", real=True)
        variables, extra = [ridge], {ridge: target.variables[0] + slope * target.variables[1]}
    variance = max(graph.residual, 1e-3 * target.noise) ** 2
    few = slice(None, None, max(1, len(target.data.values) // 250))
    thinned = len(target.data.values[few]) / len(target.data.values)
    fits: list[list[EdgeFit]] = []
    for x, y, w, variable in zip(graph.nodes, graph.edges, graph.weights, variables, strict=True):
        # The error of an edge is that of its coefficients, not of single values.
        own = variance * thinned * graph.degree / 2
        fits.append(
            edge_fits(x[few], y[few], w[few], own, variable, families=families, limit=NAMES)
        )
    choices = sorted(product(*fits), key=lambda c: sum(f.score for f in c))
    for choice in choices[:COMBINATIONS]:
        if sum(f.score for f in choice) > sum(f.score for f in choices[0]) + HOPELESS:
            return
        yield _assembled(graph, [f.template for f in choice], variables, extra, constants)


def _assembled(
    graph: Graph,
    edges: Sequence[Template],
    variables: Sequence[Symbol],
    extra: Mapping[Symbol, Expr],
    shared: Constants,
) -> Template:
    """Put edges into their graph, each constant once: sums share one offset, products one size."""
    constants = Constants()
    constants.values.update(shared.values)
    offset = constants.new(graph.constant)
    parts = []
    if graph.kind == "product":
        size = 1.0
        for edge, variable in zip(edges, variables, strict=True):
            part, own, factor = _unit(edge, variable)
            constants.values.update(own)
            parts.append(part)
            size *= factor
        node = offset + constants.new(size) * Mul(*parts)
    else:
        total = graph.constant
        for edge in edges:
            constants.values.update(edge.constants)
            kept = []
            for term in Add.make_args(edge.expression):
                if term in edge.constants:
                    total += edge.constants[term]
                else:
                    kept.append(term)
            parts.append(Add(*kept))
        constants.values[offset] = total
        node = offset + Add(*parts)
    expression = graph.outer.function.subs(ARGUMENT, node).xreplace(dict(extra))
    names = ", ".join(e.note for e in edges)
    return Template(expression, constants.of(expression), f"{graph.note}: {names}")


def _unit(edge: Template, variable: Symbol) -> tuple[Expr, dict[Symbol, float], float]:
    """Return an edge with its first coefficient one, its constants, and that coefficient."""
    values = dict(edge.constants)
    terms = [Mul.make_args(t) for t in Add.make_args(edge.expression)]
    counts = {s: sum(s in t.free_symbols for t in Add.make_args(edge.expression)) for s in values}
    heads = [next((f for f in t if f in values and counts[f] == 1), None) for t in terms]
    if any(h is None for h in heads):
        return edge.expression, values, 1.0
    depends = [Mul(*t).has(variable) for t in terms]
    first = depends.index(True) if True in depends else 0
    factor = values[heads[first]] or 1.0
    expression: Expr = Integer(0)
    for i, (term, head) in enumerate(zip(terms, heads, strict=True)):
        rest = Mul(*(f for f in term if f is not head))
        if i == first:
            expression += rest
            del values[head]
        else:
            values[head] /= factor
            expression += head * rest
    return expression, values, factor


def _fitted(target: Target, template: Template, best: float) -> Described | None:
    """Refit all constants, then make exact or leave out what shortens the description.

    Where that cannot make it as short as the best so far, it is left as it is.
    """
    symbols = list(template.constants)
    data = target.data
    residual = compiled_residual(
        template.expression,
        target.variables,
        list(data.points.T),
        data.values,
        data.weights,
        symbols,
    )
    fit = levenberg_marquardt(residual, np.array(list(template.constants.values())), iterations=60)
    size = float(rms(data.weights * data.values)) * np.sqrt(len(data.values)) or 1.0
    if not np.isfinite(fit.residual) or fit.residual > 0.3 * size:
        return None
    state = _State(target, residual, template, fit.values, {}, fit.residual**2)
    most = len(symbols) * (0.5 * ln(len(data.values)) + 3 * NATS_PER_NODE)
    if fit.residual / np.sqrt(len(data.values)) < 3 * target.noise and state.length - most < best:
        state = _simplified(state)
    expression = template.expression.xreplace(dict(state.exact))
    left = {s: float(v) for s, v in zip(symbols, state.values, strict=True) if s not in state.exact}
    left = {s: v for s, v in left.items() if expression.has(s)}
    short = Template(expression, left, template.note, template.penalty)
    nothing = {s: e for s, e in state.exact.items() if e == 0}
    whole = template.expression.xreplace(nothing)
    values = zip(symbols, state.values, strict=True)
    free = Template(whole, {s: float(v) for s, v in values if whole.has(s)}, template.note)
    return Described(short, state.length, float(np.sqrt(state.squares)) / size, free)


@dataclass(frozen=True)
class _State:
    """A fit with some constants exact."""

    target: Target
    residual: Residual
    template: Template
    values: np.ndarray
    exact: Mapping[Symbol, Expr]
    squares: float

    @property
    def length(self) -> float:
        """Of the description."""
        expression = self.template.expression.xreplace(dict(self.exact))
        left = [s for s in self.template.constants if s not in self.exact and expression.has(s)]
        nodes = sum(1 for _ in preorder_traversal(expression)) - len(self.exact)
        exact = sum(_bits(e) for e in self.exact.values())
        return self.target.length(
            self.squares, len(left), ln(2) * exact + NATS_PER_NODE * max(nodes, 0)
        )

    def with_exact(self, symbol: Symbol, number: Expr) -> _State | None:
        """Return the fit with one more exact constant, the others refitted."""
        symbols = list(self.template.constants)
        exact = {**self.exact, symbol: number}
        free = np.array([s not in exact for s in symbols])
        start = self.values.copy()
        start[symbols.index(symbol)] = float(number)

        def part(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            whole = start.copy()
            whole[free] = c
            r, jacobian = self.residual(whole)
            return r, jacobian[:, free]

        fit = levenberg_marquardt(part, start[free], iterations=25)
        if not np.isfinite(fit.residual):
            return None
        values = start.copy()
        values[free] = fit.values
        return replace(self, values=values, exact=exact, squares=fit.residual**2)

    def deviations(self) -> np.ndarray:
        """Return standard deviations of the constants that are free, others zero, (P,)."""
        symbols = list(self.template.constants)
        free = np.array([s not in self.exact for s in symbols])
        with np.errstate(all="ignore"):
            r, jacobian = self.residual(self.values)
        variance = max(float(r @ r) / max(1, len(r) - free.sum()), self.target.floor**2)
        j = jacobian[:, free]
        found = np.zeros(len(symbols))
        if j.shape[1] and np.isfinite(j).all():
            size = np.sqrt((j**2).sum(axis=0)) + 1e-300
            inverse = np.linalg.pinv((j / size).T @ (j / size), rcond=1e-12, hermitian=True)
            found[free] = np.sqrt(np.abs(np.diag(inverse)) * variance) / size
        return found


def _simplified(state: _State) -> _State:
    """Make constants exact as long as the description gets shorter."""
    symbols = list(state.template.constants)
    tried: set[tuple[Symbol, Expr]] = set()
    while True:
        deviations = state.deviations()
        order = np.argsort(-deviations / (np.abs(state.values) + 1e-300))
        for i in order:
            symbol = symbols[i]
            if symbol in state.exact:
                continue
            better = None
            for number in _simple_numbers(float(state.values[i]), float(deviations[i])):
                if (symbol, number) in tried:
                    continue
                tried.add((symbol, number))
                trial = state.with_exact(symbol, number)
                if trial is not None and trial.length < state.length:
                    better = trial
                    break
            if better is not None:
                state = better
                break
        else:
            return state


def _simple_numbers(value: float, deviation: float) -> Iterator[Expr]:
    """Return exact numbers that a constant may be, the simplest first."""
    tolerance = SNAP_DEVIATIONS * deviation + 1e-13 * abs(value)
    if abs(value) < tolerance:
        yield Integer(0)
    for number in (1, -1):
        if abs(value - number) < tolerance:
            yield Integer(number)
    found = snapped(value, min(tolerance, 0.3 * abs(value)), FEW_BASES, margin=SNAP_MARGIN)
    if found is not None and found != 0:
        yield found


def _bits(number: Expr) -> float:
    if number == 0:
        return 0.0
    for unit, cost in FEW_BASES:
        rational = number / unit
        if rational.is_Rational:
            return cost + bits(Fraction(int(rational.p), int(rational.q)))
    return 4.0 * sum(1 for _ in preorder_traversal(number))
