"""Conditions: expressions that vanish on a piece of the boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sympy import Eq, Expr, Symbol, sympify
from sympy.core.function import AppliedUndef
from sympy.matrices import MatrixBase

from kanpde.problem.operators import normal_derivative

INITIAL = "initial"
"""The name of the piece of a boundary where time begins."""


@dataclass(frozen=True)
class Opposite:
    """Where the points that match those of a piece are: the same, but for one coordinate.

    Args:
        on: the opposite part of the boundary.
        axis: the column of the coordinate.
        value: of the coordinate on the opposite part.
    """

    on: Any
    axis: int
    value: float

    def matching(self, points: np.ndarray) -> np.ndarray:
        """Return the points of the opposite part that match the points (N, D)."""
        matching = points.copy()
        matching[:, self.axis] = self.value
        return matching


@dataclass(frozen=True)
class Condition:
    """An expression that vanishes on a set.

    Args:
        expression: sympy expression (or ``Eq``) in the unknowns, their derivatives, the
            coordinates and the outward normal (see :func:`normal_derivative`).
        on: a boundary, ``square.boundary["left"]``, or the name of a piece, or a tuple of names.
        name: how the condition is called in reports; made from the kind and the place if empty.
        opposite: if given, the expression need not vanish but be equal on both parts; see
            :class:`Periodic`.
    """

    expression: Expr
    on: Any
    name: str = ""
    opposite: Opposite | None = None

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

    @property
    def text(self) -> str:
        """What holds, in plain text."""
        if self.opposite is None:
            return f"{self.expression} = {getattr(self.on, 'right_hand_side', '0')}"
        ends = (", ".join(part.names) for part in (self.opposite.on, self.on))
        return f"{self.expression} equal on {' and '.join(ends)}"


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


def Initial(unknown: Expr, value: Any, *, name: str = "") -> Condition:
    r"""Return the condition :math:`u = g` (or :math:`\partial_t u = g`) at the initial time.

    The first argument is the unknown or a derivative of it in time: ``Initial(u, f)`` and
    ``Initial(u.diff(t), g)``.

    >>> from kanpde import coordinates, time, unknown
    >>> x, t = coordinates("x"), time("t")
    >>> Initial(unknown("u", x, t), x).expression
    -x + u(x, t)
    """
    return Condition(unknown - sympify(value), INITIAL, name or "initial")


@final
@dataclass(frozen=True)
class Periodic:
    r"""An unknown and its derivatives along a coordinate are equal on two opposite faces.

    A problem turns it into one condition for each order k: :math:`\partial_x^k u` at the upper end
    minus the same at the matching point of the lower end vanishes.

    Args:
        unknown: that is periodic.
        axis: the coordinate symbol.
        orders: how many orders are matched, the value being the first; by default as many as the
            order of the problem's derivatives of the unknown along the coordinate, at least one.
        name: how the conditions are called in reports.
    """

    unknown: Expr
    axis: Symbol
    orders: int | None = None
    name: str = "periodic"

    def __post_init__(self) -> None:
        if not isinstance(self.unknown, AppliedUndef) or not isinstance(self.axis, Symbol):
            raise ValueError(
                f"Periodic({self.unknown!r}, {self.axis!r}) needs an unknown and the coordinate "
                "it is periodic in, e.g. Periodic(u, x)."
            )
        if self.orders is not None and self.orders < 1:
            raise ValueError(f"Periodic: orders={self.orders} must be at least 1 (the value).")
