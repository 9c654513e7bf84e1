"""Evaluate sympy expressions of coordinates and normals on numpy points."""

from __future__ import annotations

import numpy as np
from sympy import Expr, Symbol, lambdify

from kanpde.problem.symbols import NormalComponent


def evaluate(
    expression: Expr,
    coordinates: tuple[Symbol, ...],
    points: np.ndarray,
    normals: np.ndarray | None = None,
) -> np.ndarray:
    """Evaluate an expression at points.

    Args:
        expression: in the coordinates and, on the boundary, components of the outward normal.
        coordinates: the symbols, one for each column of ``points``.
        points: shape (N, D).
        normals: shape (N, D), needed if the expression holds normal components.

    Returns:
        values, shape (N,), float64; a point where the expression is undefined gives nan or inf,
        a complex value gives nan.
    """
    if expression.is_Rational or expression.is_Float:  # by far the most frequent
        return np.full(len(points), float(expression))
    arguments = list(coordinates)
    columns = [points[:, i] for i in range(points.shape[1])]
    if normals is not None:
        arguments += [NormalComponent(c.name) for c in coordinates]
        columns += [normals[:, i] for i in range(normals.shape[1])]
    function = lambdify(arguments, expression, modules=["scipy", "numpy"], cse=True, dummify=True)
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.asarray(function(*columns)), (len(points),))
    if np.iscomplexobj(values):
        values = np.where(np.abs(values.imag) > 1e-14 * np.abs(values.real), np.nan, values.real)
    return np.array(values, dtype=np.float64)
