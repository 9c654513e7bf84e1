"""Evaluate sympy expressions of coordinates and normals on numpy points."""

from __future__ import annotations

from collections.abc import Callable

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
    return compiled(expression, coordinates)(points, normals)


def compiled(
    expression: Expr, coordinates: tuple[Symbol, ...]
) -> Callable[[np.ndarray, np.ndarray | None], np.ndarray]:
    """Return the function of points and normals that :func:`evaluate` calls, to be used often.

    >>> from sympy import Symbol
    >>> x = Symbol("x", real=True)
    >>> compiled(x**2 + 1, (x,))(np.array([[2.0], [3.0]]), None).tolist()
    [5.0, 10.0]
    """
    components = [NormalComponent(c.name) for c in coordinates]
    functions = sorted(expression.atoms(Given), key=str)
    stand_ins = {function: Dummy(real=True) for function in functions}
    numeric = expression.xreplace(stand_ins)
    everything = [*coordinates, *components, *stand_ins.values()]
    # Names that cannot hide a function; lambdify's own dummies take seconds for 100 coordinates.
    used = [symbol for symbol in everything if symbol in numeric.free_symbols]
    safe = {symbol: Symbol(f"argument_{i}_") for i, symbol in enumerate(used)}
    function = lambdify(
        list(safe.values()), numeric.xreplace(safe), modules=["scipy", "numpy"], cse=True
    )

    def at(points: np.ndarray, normals: np.ndarray | None = None) -> np.ndarray:
        columns = {c: points[:, i] for i, c in enumerate(coordinates)}
        if normals is not None:
            columns |= {n: normals[:, i] for i, n in enumerate(components)}
        known = given_values(expression, coordinates, points) if functions else {}
        columns |= {stand_ins[f]: values for f, values in known.items()}
        with np.errstate(all="ignore"):
            values = function(*(columns[symbol] for symbol in used))
            values = np.broadcast_to(np.asarray(values), (len(points),))
        if np.iscomplexobj(values):
            imaginary = np.abs(values.imag) > 1e-14 * np.abs(values.real)
            values = np.where(imaginary, np.nan, values.real)
        return np.array(values, dtype=np.float64)

    return at


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
