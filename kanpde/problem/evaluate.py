"""Evaluate sympy expressions of coordinates and normals on numpy points."""

from __future__ import annotations

from collections.abc import Callable

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
    return compiled(expression, coordinates)(points, normals)


def compiled(
    expression: Expr, coordinates: tuple[Symbol, ...]
) -> Callable[[np.ndarray, np.ndarray | None], np.ndarray]:
    """Return the function of points and normals that :func:`evaluate` calls, to be used often.

    Raises:
        ValueError: by the function, if the expression holds normal components and none are given.

    >>> from sympy import Symbol
    >>> x = Symbol("x", real=True)
    >>> compiled(x**2 + 1, (x,))(np.array([[2.0], [3.0]]), None).tolist()
    [5.0, 10.0]
    """
    components = [NormalComponent(c.name) for c in coordinates]
    needed = [n for n in components if n in expression.free_symbols]
    function = lambdify(
        [*coordinates, *needed], expression, modules=["scipy", "numpy"], cse=True, dummify=True
    )

    def at(points: np.ndarray, normals: np.ndarray | None = None) -> np.ndarray:
        columns = [points[:, i] for i in range(points.shape[1])]
        if needed:
            if normals is None:
                raise ValueError(f"{expression} holds the outward normal; give normals (N, D).")
            columns += [normals[:, components.index(n)] for n in needed]
        with np.errstate(all="ignore"):
            values = np.broadcast_to(np.asarray(function(*columns)), (len(points),))
        if np.iscomplexobj(values):
            imaginary = np.abs(values.imag) > 1e-14 * np.abs(values.real)
            values = np.where(imaginary, np.nan, values.real)
        return np.array(values, dtype=np.float64)

    return at
