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
    columns = {c: points[:, i] for i, c in enumerate(coordinates)}
    if normals is not None:
        columns |= {NormalComponent(c.name): normals[:, i] for i, c in enumerate(coordinates)}
    # Names that cannot hide a function; lambdify's own dummies take seconds for 100 coordinates.
    used = [symbol for symbol in columns if symbol in expression.free_symbols]
    safe = {symbol: Symbol(f"argument_{i}_") for i, symbol in enumerate(used)}
    function = lambdify(
        list(safe.values()), expression.xreplace(safe), modules=["scipy", "numpy"], cse=True
    )
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.asarray(function(*(columns[s] for s in used))), (len(points),))
    if np.iscomplexobj(values):
        values = np.where(np.abs(values.imag) > 1e-14 * np.abs(values.real), np.nan, values.real)
    return np.array(values, dtype=np.float64)
