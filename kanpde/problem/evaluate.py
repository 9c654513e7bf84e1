"""Evaluate sympy expressions of coordinates and normals on numpy points."""

from __future__ import annotations

import numpy as np
from sympy import Dummy, Expr, Symbol, lambdify

from kanpde.problem.given import Given
from kanpde.problem.symbols import NormalComponent


def evaluate(
    expression: Expr,
    coordinates: tuple[Symbol, ...],
    points: np.ndarray,
    normals: np.ndarray | None = None,
) -> np.ndarray:
    """Evaluate an expression at points.

    Args:
        expression: in the coordinates, given functions of them and, on the boundary, components of
            the outward normal.
        coordinates: the symbols, one for each column of ``points``.
        points: shape (N, D).
        normals: shape (N, D), needed if the expression holds normal components.

    Returns:
        values, shape (N,), float64; a point where the expression is undefined gives nan or inf,
        a complex value gives nan.

    Raises:
        ValueError: if a given function does not return N finite numbers.
    """
    if expression.is_Rational or expression.is_Float:  # by far the most frequent
        return np.full(len(points), float(expression))
    columns = {c: points[:, i] for i, c in enumerate(coordinates)}
    if normals is not None:
        columns |= {NormalComponent(c.name): normals[:, i] for i, c in enumerate(coordinates)}
    known = given_values(expression, coordinates, points)
    if known:
        stand_ins = {function: Dummy(real=True) for function in known}
        columns |= {stand_ins[function]: values for function, values in known.items()}
        expression = expression.xreplace(stand_ins)
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


def given_values(
    expression: Expr, coordinates: tuple[Symbol, ...], points: np.ndarray
) -> dict[Given, np.ndarray]:
    """Return the values (N,) of every given function in an expression at points (N, D).

    Raises:
        ValueError: if one does not return N finite numbers.
    """
    return {
        function: function.at([evaluate(a, coordinates, points) for a in function.args])
        for function in sorted(expression.atoms(Given), key=str)
    }
