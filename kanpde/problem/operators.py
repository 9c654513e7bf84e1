"""Differential operators: gradient, divergence, Laplacian, normal derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Expr, Matrix, Symbol, sympify
from sympy.core.function import AppliedUndef
from sympy.matrices import MatrixBase

from kanpde.problem.symbols import NormalComponent


def _coordinates_of(expression: Any, given: Sequence[Symbol], operator: str) -> tuple[Symbol, ...]:
    """Return the given coordinates, or those of the unknowns that occur in the expression."""
    if given:
        return tuple(given)
    argument_lists = {f.args for f in expression.atoms(AppliedUndef)}
    if len(argument_lists) == 1:
        return tuple(argument_lists.pop())
    if not argument_lists:
        raise ValueError(
            f"{operator}({expression}) holds no unknown, so its coordinates are not known; write "
            f"{operator}(expression, x, y)."
        )
    raise ValueError(
        f"{operator}({expression}) holds unknowns of different coordinates; write "
        f"{operator}(expression, x, y) with the coordinates meant."
    )


def grad(expression: Any, *coordinates: Symbol) -> Matrix:
    r"""Return the gradient :math:`\nabla f` as a column of derivatives.

    The coordinates are those of the unknown in the expression unless they are given.

    Raises:
        ValueError: if the coordinates cannot be told from the expression.

    >>> from kanpde import coordinates, unknown
    >>> x, y = coordinates("x y")
    >>> grad(x**2 * y, x, y).T
    Matrix([[2*x*y, x**2]])
    """
    expression = sympify(expression)
    return Matrix([expression.diff(c) for c in _coordinates_of(expression, coordinates, "grad")])


def div(field: Any, *coordinates: Symbol) -> Expr:
    r"""Return the divergence :math:`\nabla\cdot F` of a vector of expressions.

    Raises:
        ValueError: if the number of components differs from the number of coordinates.

    >>> from kanpde import coordinates, unknown
    >>> x, y = coordinates("x y")
    >>> div([x**2, x * y], x, y)
    3*x
    """
    vector = field if isinstance(field, MatrixBase) else Matrix(list(field))
    axes = _coordinates_of(vector, coordinates, "div")
    if len(vector) != len(axes):
        raise ValueError(
            f"div: the field has {len(vector)} components but there are {len(axes)} coordinates "
            f"{axes}; one component for each is needed."
        )
    return sum((vector[i].diff(c) for i, c in enumerate(axes)), start=sympify(0))


def laplacian(expression: Any, *coordinates: Symbol) -> Expr:
    r"""Return the Laplacian :math:`\Delta f=\sum_i \partial_i^2 f`.

    >>> from kanpde import coordinates, unknown
    >>> x, y = coordinates("x y")
    >>> laplacian(x**2 + y**3, x, y)
    6*y + 2
    """
    expression = sympify(expression)
    axes = _coordinates_of(expression, coordinates, "laplacian")
    return sum((expression.diff(c, 2) for c in axes), start=sympify(0))


def normal_derivative(expression: Any, *coordinates: Symbol) -> Expr:
    r"""Return :math:`\partial f/\partial n = n\cdot\nabla f` with the outward unit normal.

    It has a value only on the boundary, so it may occur in conditions and not in equations.

    >>> from kanpde import coordinates, unknown
    >>> x, y = coordinates("x y")
    >>> normal_derivative(unknown("u", x, y))
    n_x*Derivative(u(x, y), x) + n_y*Derivative(u(x, y), y)
    """
    expression = sympify(expression)
    axes = _coordinates_of(expression, coordinates, "normal_derivative")
    return sum((NormalComponent(c.name) * expression.diff(c) for c in axes), start=sympify(0))
