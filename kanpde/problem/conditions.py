"""Conditions: expressions that vanish on a piece of the boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Eq, Expr, sympify
from sympy.matrices import MatrixBase

from kanpde.problem.operators import normal_derivative


@dataclass(frozen=True)
class Condition:
    """An expression that vanishes on a set.

    Args:
        expression: sympy expression (or ``Eq``) in the unknowns, their derivatives, the
            coordinates and the outward normal (see :func:`normal_derivative`).
        on: a boundary, ``square.boundary["left"]``, or the name of a piece, or a tuple of names.
        name: how the condition is called in reports; made from the kind and the place if empty.
    """

    expression: Expr
    on: Any
    name: str = ""

    def __post_init__(self) -> None:
        expression = sympify(self.expression)
        if isinstance(expression, Eq):
            expression = expression.lhs - expression.rhs
        if not isinstance(expression, Expr) or isinstance(expression, MatrixBase):
            raise ValueError(
                f"Condition({self.expression!r}) needs one scalar expression that vanishes, or a "
                "sympy Eq; give vectors one component at a time."
            )
        object.__setattr__(self, "expression", expression)


def Dirichlet(unknown: Expr, value: Any, *, on: Any, name: str = "") -> Condition:
    r"""Return the condition :math:`u = g` on a piece of the boundary.

    >>> from kanpde import Rectangle, coordinates, unknown
    >>> x, y = coordinates("x y")
    >>> Dirichlet(unknown("u", x, y), x, on="left").expression
    -x + u(x, y)
    """
    return Condition(unknown - sympify(value), on, name or "dirichlet")


def Neumann(unknown: Expr, value: Any, *, on: Any, name: str = "") -> Condition:
    r"""Return the condition :math:`\partial u/\partial n = g` (outward unit normal)."""
    return Condition(normal_derivative(unknown) - sympify(value), on, name or "neumann")


def Robin(unknown: Expr, coefficient: Any, value: Any, *, on: Any, name: str = "") -> Condition:
    r"""Return the condition :math:`\partial u/\partial n + a u = g` (outward unit normal)."""
    expression = normal_derivative(unknown) + sympify(coefficient) * unknown - sympify(value)
    return Condition(expression, on, name or "robin")
