"""Rational functions, and roots of quadratic equations, of several coordinates.

A field u with P + u Q + u^2 R = 0 for polynomials P, Q, R of the coordinates is found as a null
vector of the columns m, u m, u^2 m over monomials m, as sparse as the noise allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from sympy import Expr, Integer, Mul, Symbol, sqrt

from kanpde.formula.field import Field
from kanpde.formula.sampled import null_vector
from kanpde.formula.template import Constants, Template

POINTS = 500
KINDS = (("rational", (1, 1)), ("root", (2, 0, 2)), ("rational", (2, 2)), ("rational", (3, 2)))
"""Degrees of P, Q and R; zero stands for no polynomial."""

MOST_MONOMIALS = 50


def implicit_templates(field: Field, variables: Sequence[Symbol]) -> Iterator[Template]:
    """Return the rational functions and roots that a field of several coordinates is.

    Args:
        field: what is to be written as a formula.
        variables: the coordinates.
    """
    points = field.scattered(POINTS)
    values = field.derivative((0,) * field.dimension, points)
    for kind, degrees in KINDS:
        powers = [
            monomials(d, field.dimension) if d or not k else [] for k, d in enumerate(degrees)
        ]
        if sum(map(len, powers)) > MOST_MONOMIALS:
            continue
        columns = [
            values**k * np.prod(points ** np.array(p)[:, None], axis=0)
            for k, chosen in enumerate(powers)
            for p in chosen
        ]
        w = null_vector(np.stack(columns))
        if w is None:
            continue
        weights = iter(w)
        parts = [{p: float(next(weights)) for p in chosen} for chosen in powers]
        template = _template(kind, parts, variables)
        if template is not None:
            yield template
            return


def monomials(degree: int, dimension: int) -> list[tuple[int, ...]]:
    """Return the exponents of all monomials up to a total degree."""
    return [p for p in product(range(degree + 1), repeat=dimension) if sum(p) <= degree]


def _template(
    kind: str, parts: Sequence[dict[tuple[int, ...], float]], variables: Sequence[Symbol]
) -> Template | None:
    """Return -P/Q or the square root of -P/R, the denominator's first coefficient one."""
    below = {p: c for p, c in parts[-1].items() if c != 0}
    above = {p: -c for p, c in parts[0].items() if c != 0}
    if not below or not above:
        return None
    unit = below[min(below, key=sum)]
    constants = Constants()
    denominator = _polynomial({p: c / unit for p, c in below.items()}, variables, constants)
    numerator = _polynomial({p: c / unit for p, c in above.items()}, variables, constants)
    expression = numerator / denominator
    if kind == "root":
        expression = sqrt(expression)
    return Template(expression, constants.of(expression), f"algebraic: {kind}")


def _polynomial(
    coefficients: dict[tuple[int, ...], float], variables: Sequence[Symbol], constants: Constants
) -> Expr:
    terms: Expr = Integer(0)
    for powers, c in coefficients.items():
        own = Integer(1) if c == 1 else constants.new(c)
        terms += own * Mul(*(v**k for v, k in zip(variables, powers, strict=True)))
    return terms
