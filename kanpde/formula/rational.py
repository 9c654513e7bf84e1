"""Quotients of polynomials fitted to values that carry noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sympy import Expr, Integer, Mul, Symbol

from kanpde.formula.dataset import Dataset
from kanpde.formula.implicit import monomials
from kanpde.formula.template import Constants, Template

ROUNDS = 8
MOST = 36
DEGREES = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 2))
"""Degrees of numerator and denominator that are tried."""


def rational_templates(data: Dataset, variables: Sequence[Symbol]) -> Iterator[Template]:
    """Return quotients fitted by repeated linear least squares (Sanathanan and Koerner).

    Args:
        data: values at points.
        variables: the coordinates.
    """
    dimension = data.points.shape[1]
    for above, below in DEGREES:
        p = monomials(above, dimension)
        q = [m for m in monomials(below, dimension) if sum(m)]
        if len(p) + len(q) > min(MOST, len(data.values) / 5):
            continue
        coefficients = _fitted(data, p, q)
        if coefficients is None:
            continue
        constants = Constants()
        numerator = _polynomial(p, coefficients[: len(p)], variables, constants)
        denominator = 1 + _polynomial(q, coefficients[len(p) :], variables, constants)
        expression = numerator / denominator
        yield Template(expression, constants.of(expression), "quotient of polynomials")


def _fitted(
    data: Dataset, p: Sequence[tuple[int, ...]], q: Sequence[tuple[int, ...]]
) -> np.ndarray | None:
    above, below = _columns(data.points, p), _columns(data.points, q)
    values, weights = data.values, data.weights
    denominator, c = np.ones(len(values)), None
    for _ in range(ROUNDS):
        a = np.hstack([above, -values[:, None] * below])
        scaled = (weights / denominator)[:, None]
        size = np.sqrt(((a * scaled) ** 2).sum(axis=0)) + 1e-300
        c = np.linalg.lstsq(a * scaled / size, values * scaled[:, 0], rcond=1e-13)[0] / size
        denominator = 1 + below @ c[above.shape[1] :]
        if np.abs(denominator).min() < 1e-6:
            return None
    if denominator.min() * denominator.max() <= 0:
        return None
    return c


def _columns(points: np.ndarray, powers: Sequence[tuple[int, ...]]) -> np.ndarray:
    return np.stack([np.prod(points ** np.array(p), axis=1) for p in powers], axis=1)


def _polynomial(
    powers: Sequence[tuple[int, ...]],
    coefficients: np.ndarray,
    variables: Sequence[Symbol],
    constants: Constants,
) -> Expr:
    terms: Expr = Integer(0)
    for m, c in zip(powers, coefficients, strict=True):
        terms += constants.new(float(c)) * Mul(*(v**k for v, k in zip(variables, m, strict=True)))
    return terms
