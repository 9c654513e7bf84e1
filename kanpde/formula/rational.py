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

    The coefficient that contributes most to the denominator is one.

    Args:
        data: values at points.
        variables: the coordinates.
    """
    dimension = data.points.shape[1]
    for above, below in DEGREES:
        p = monomials(above, dimension)
        q = monomials(below, dimension)
        if len(p) + len(q) > min(MOST, len(data.values) / 5):
            continue
        found = _fitted(data, p, q)
        if found is None:
            continue
        constants = Constants()
        numerator = _polynomial(p, found[0], variables, constants)
        expression = numerator / _polynomial(q, found[1], variables, constants)
        yield Template(expression, constants.of(expression), "quotient of polynomials")


def _fitted(
    data: Dataset, p: Sequence[tuple[int, ...]], q: Sequence[tuple[int, ...]]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the coefficients of numerator and denominator, or None where that vanishes."""
    above, below = _columns(data.points, p), _columns(data.points, q)
    a = np.hstack([above, -data.values[:, None] * below])
    denominator = np.ones(len(data.values))
    for _ in range(ROUNDS):
        scaled = a * (data.weights / denominator)[:, None]
        size = np.sqrt((scaled**2).sum(axis=0)) + 1e-300
        if not np.isfinite(scaled / size).all():
            return None
        w = np.linalg.svd(scaled / size, full_matrices=False)[2][-1] / size
        part = w[len(p) :]
        largest = part[np.argmax(np.abs(part) * np.sqrt((below**2).mean(axis=0)))]
        if largest == 0:
            return None
        w = w / largest
        denominator = below @ w[len(p) :]
        if denominator.min() * denominator.max() <= 0:
            return None
    return w[: len(p)], w[len(p) :]


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
        own = Integer(1) if c == 1.0 else constants.new(float(c))
        terms += own * Mul(*(v**k for v, k in zip(variables, m, strict=True)))
    return terms
