"""How a field of several coordinates is made of functions of one: products, sums, invariances.

Every step takes one coordinate off, or two into one, until functions of one variable are left; the
steps taken are the nodes of a KAN graph (sum nodes, product nodes) and the functions its edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from itertools import islice, product

import numpy as np
from sympy import Expr, Integer, Mul, Symbol, lambdify

from kanpde.formula.annihilators import PARTIAL, Basis, bases
from kanpde.formula.field import Field
from kanpde.formula.identify import COMPOSITIONS, combination, identify, misfit_allowed
from kanpde.formula.implicit import implicit_templates
from kanpde.formula.invariance import invariant_templates
from kanpde.formula.merging import mergings
from kanpde.formula.sampled import ARGUMENT, Sampled
from kanpde.formula.template import Constants, Template

MOST_TERMS = 60
RANK_FACTOR = 8.0
"""A singular value counts if it is above so many times that of the draws' difference."""


@dataclass
class Log:
    """What the search did, in words."""

    lines: list[str] = attribute(default_factory=list)

    def add(self, line: str) -> None:
        """Append a line."""
        self.lines.append(line)


def structures(
    field: Field, variables: Sequence[Symbol], log: Log, *, factor: bool = False, depth: int = 0
) -> Iterator[Template]:
    """Return templates for a field, found one structure after the other.

    Args:
        field: what is to be written as a formula.
        variables: the coordinates.
        log: is told what was found.
        factor: the field is a factor of a product whose size is a constant outside.
        depth: how many steps led here.
    """
    if field.dimension == 1:
        for template in identify(field.single(0), variables[0], factor=factor):
            log.add(f"{variables[0]}: {template.note}")
            yield template
        return
    partial = [list(islice(bases(field.single(i), v, PARTIAL), 3)) for i, v in enumerate(variables)]
    described = [", ".join(b.note for b in p) or "none" for p in partial]
    for variable, text in zip(variables, described, strict=True):
        log.add(f"equation along {variable}: {text}")
    yield from _tensor(field, variables, partial, log)
    yield from _products(field, variables, log, depth)
    yield from _sums(field, variables, log, depth)
    yield from invariant_templates(field, variables, log)
    for template in implicit_templates(field, variables):
        log.add(f"{template.note} function of {', '.join(map(str, variables))}")
        yield template
    if field.dimension > 2:
        yield from _merged(field, variables, log, depth)
    if depth < 2:
        yield from _projected(field, variables, partial, log, depth)
    if depth == 0:
        yield from _composed(field, variables, log)


def _tensor(
    field: Field, variables: Sequence[Symbol], partial: list[list[Basis]], log: Log
) -> Iterator[Template]:
    """Combine the solutions of the equations along each coordinate."""
    if not all(partial):
        return
    points = field.scattered(500)
    sampled = Sampled(points, field.pure(0, 0, points), field.error)
    choices = sorted(product(*partial), key=lambda c: sum(sum(b.cost) for b in c))
    for choice in choices[:4]:
        functions = [Mul(*f) for f in product(*(b.functions for b in choice))]
        if len(functions) > MOST_TERMS:
            continue
        constants = Constants()
        for basis in choice:
            constants.values.update(basis.constants.values)
        terms, misfit = combination(functions, constants, variables, sampled)
        log.add(f"{len(functions)} products of their solutions: misfit {misfit:.0e}")
        if misfit < misfit_allowed(field.error):
            expression: Expr = Integer(0)
            for function, c in terms:
                expression += constants.new(c) * function
            note = " x ".join(b.note for b in choice)
            yield Template(expression, constants.of(expression), note)


def unfolding(field: Field, axis: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the values with one axis against the rest, (2, n, m), and the axes."""
    n = {2: 26, 3: 14}.get(field.dimension, 9)
    axes = [field.axis(i, n) for i in range(field.dimension)]
    values = np.moveaxis(field.on_grid((0,) * field.dimension, axes), axis + 1, 1)
    return values.reshape(2, n, -1), axes


def rank(field: Field, axis: int) -> tuple[int, np.ndarray, np.ndarray]:
    """Return how many products f_j(axis) g_j(rest) the field is, with the places and f_1 there."""
    values, axes = unfolding(field, axis)
    u, s, _ = np.linalg.svd(values[0], full_matrices=False)
    noise = np.linalg.svd(values[0] - values[1], compute_uv=False)[0]
    return int((s > max(RANK_FACTOR * noise, 1e-14 * s[0])).sum()), axes[axis], u[:, 0]


def _products(
    field: Field, variables: Sequence[Symbol], log: Log, depth: int
) -> Iterator[Template]:
    """Take off a coordinate whose function is a factor."""
    for axis, variable in enumerate(variables):
        found, places, vector = rank(field, axis)
        log.add(f"rank along {variable}: {found}")
        if found != 1:
            continue
        rest = field.contracted(axis, places, vector)
        own = field
        for other in reversed([i for i in range(field.dimension) if i != axis]):
            _, x, w = rank(field, other)
            own = own.contracted(other, x, w)
        others = [v for v in variables if v != variable]
        first = list(islice(structures(own, [variable], log, factor=True, depth=depth + 1), 2))
        if not first:
            continue
        for second in islice(structures(rest, others, log, factor=True, depth=depth + 1), 2):
            for one in first:
                yield _scaled(field, variables, one, second)
        return


def _scaled(
    field: Field, variables: Sequence[Symbol], first: Template, second: Template
) -> Template:
    """Return the product of two templates with a constant in front that fits the field."""
    expression = first.expression * second.expression
    constants = Constants()
    constants.values.update(first.constants)
    constants.values.update(second.constants)
    points = field.scattered(200)
    sampled = Sampled(points, field.pure(0, 0, points), field.error)
    terms, _ = combination([expression], constants, variables, sampled)
    size = constants.new(terms[0][1] if terms else 1.0)
    whole = size * expression
    note = f"product of [{first.note}] and [{second.note}]"
    return Template(whole, constants.of(whole), note, first.penalty + second.penalty)


def _sums(field: Field, variables: Sequence[Symbol], log: Log, depth: int) -> Iterator[Template]:
    """Take off a coordinate whose function is a summand."""
    points = field.scattered(300)
    size = np.sqrt(np.mean(field.derivative((0,) * field.dimension, points)[0] ** 2))
    for axis, variable in enumerate(variables):
        mixed = []
        for other in range(field.dimension):
            if other != axis:
                order = tuple(int(j in (axis, other)) for j in range(field.dimension))
                widths = (field.upper - field.lower)[[axis, other]]
                mixed.append(field.derivative(order, points) * np.prod(widths) / 4)
        left = max(np.sqrt(np.mean(m[0] ** 2)) for m in mixed)
        noise = max(np.sqrt(np.mean((m[0] - m[1]) ** 2)) for m in mixed)
        if left > max(8 * noise, 1e-12 * size) or left > 1e-3 * size:
            continue
        log.add(f"a function of {variable} is added")
        places = field.axis(axis, 20)
        mean = np.full(len(places), 1 / len(places))
        rest, own = field.contracted(axis, places, mean), field
        for other in reversed([i for i in range(field.dimension) if i != axis]):
            x = field.axis(other, 20)
            own = own.contracted(other, x, np.full(len(x), 1 / len(x)))
        others = [v for v in variables if v != variable]
        for first in islice(structures(own, [variable], log, depth=depth + 1), 1):
            for second in islice(structures(rest, others, log, depth=depth + 1), 2):
                yield _added(first, second)
        return


def _added(first: Template, second: Template) -> Template:
    """Return the sum of two templates; of two constants added only one stays."""
    constants = Constants()
    constants.values.update(first.constants)
    constants.values.update(second.constants)
    own = first.expression
    for term in own.as_ordered_terms():
        if term in first.constants:
            own -= term
    expression = own + second.expression
    if not any(term in second.constants for term in second.expression.as_ordered_terms()):
        expression += constants.new(0.0)
    note = f"sum of [{first.note}] and [{second.note}]"
    return Template(expression, constants.of(expression), note, first.penalty + second.penalty)


def _merged(field: Field, variables: Sequence[Symbol], log: Log, depth: int) -> Iterator[Template]:
    """Two coordinates that enter through one combination only become one coordinate."""
    for merging in mergings(field, variables):
        log.add(f"{merging.name}: {merging.kept} and {merging.dropped} enter together")
        rest = field.contracted(merging.axis, np.array([merging.place]), np.ones(1))
        others = [v for v in variables if v != merging.dropped]
        for found in islice(structures(rest, others, log, depth=depth + 1), 2):
            expression = found.expression.subs(merging.kept, merging.combination)
            constants = Constants()
            constants.values.update({**found.constants, **merging.constants.values})
            note = f"{merging.name}: {found.note}"
            yield Template(expression, constants.of(expression), note, found.penalty)


def _projected(
    field: Field,
    variables: Sequence[Symbol],
    partial: list[list[Basis]],
    log: Log,
    depth: int,
) -> Iterator[Template]:
    """Solve for the functions that multiply the solutions of the equation along one coordinate."""
    for axis, variable in enumerate(variables):
        for basis in partial[axis][:1]:
            if len(basis.functions) > 6:
                continue
            x = field.axis(axis, 40)
            function = lambdify([variable, *basis.constants.values], list(basis.functions))
            columns = function(x, *basis.constants.values.values())
            b = np.stack([np.broadcast_to(np.asarray(c, dtype=float), x.shape) for c in columns], 1)
            if not np.isfinite(b).all():
                continue
            inverse = np.linalg.pinv(b)
            others = [v for v in variables if v != variable]
            constants, expression, notes = Constants(), Integer(0), []
            constants.values.update(basis.constants.values)
            size = np.abs(field.coefficients[0]).max()
            for weights, own in zip(inverse, basis.functions, strict=True):
                rest = field.contracted(axis, x, weights)
                if np.abs(rest.coefficients[0]).max() * np.abs(b).max() < 1e-6 * size:
                    continue
                second = next(structures(rest, others, log, depth=depth + 1), None)
                if second is None:
                    break
                constants.values.update(second.constants)
                expression += own * second.expression
                notes.append(second.note)
            else:
                log.add(f"solutions along {variable} times functions of the rest")
                note = f"{basis.note} x [{'; '.join(notes)}]"
                yield Template(expression, constants.of(expression), note, 1.0)


def _composed(field: Field, variables: Sequence[Symbol], log: Log) -> Iterator[Template]:
    """Look for the structure of a function of the field."""
    values = field.derivative((0,) * field.dimension, field.scattered(400))[0]
    for composition in COMPOSITIONS:
        if not composition.suits(values):
            continue
        outer = composition.derivatives
        mapped = field.mapped(lambda values, outer=outer: outer(values)[0])  # type: ignore[misc]
        if mapped is None:
            continue
        quiet = Log()
        found = next(structures(mapped, variables, quiet, depth=1), None)
        if found is None:
            continue
        text = composition.outer.subs(ARGUMENT, Symbol("u"))
        log.add(f"the function {text} of the field is simple")
        whole = composition.inverse.subs(ARGUMENT, found.expression)
        yield Template(whole, dict(found.constants), f"{text}: {found.note}", found.penalty + 1)
