"""What the slabs know of a problem: equations and conditions as functions of plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Expr, Symbol, lambdify

Part = tuple[int, int, int]
"""A derivative: index of the unknown, order in t, order in x."""


@dataclass(frozen=True)
class Residual:
    r"""A function :math:`G(x, t, \partial_t^a\partial_x^b u)` that must vanish.

    Args:
        name: of the equation or condition.
        parts: the derivatives it reads.
        value: maps x, t and one array for each part, all of shapes that broadcast, to G.
        partials: maps them to the derivatives of G by each part.
    """

    name: str
    parts: tuple[Part, ...]
    value: Callable[..., np.ndarray]
    partials: Callable[..., Sequence[np.ndarray]]

    @staticmethod
    def compiled(
        name: str,
        parts: Sequence[Part],
        symbols: Sequence[Symbol],
        expression: Expr,
        partials: Sequence[Expr],
    ) -> Residual:
        """Compile sympy expressions of x, t and the parts' symbols, in this order."""
        settings: dict[str, Any] = {"modules": ["scipy", "numpy"], "cse": True, "dummify": True}
        value = lambdify(symbols, [expression], **settings)
        slopes = lambdify(symbols, list(partials), **settings)
        return Residual(name, tuple(parts), lambda *a: value(*a)[0], slopes)

    def leading(self, unknown: int) -> int:
        """Return the highest order in t of an unknown, -1 if it does not occur."""
        return max((a for u, a, _ in self.parts if u == unknown), default=-1)


@dataclass(frozen=True)
class System:
    r"""An evolution problem in one space dimension.

    Equation i determines the unknown i: it holds its highest derivative in time, or, without one,
    constrains it.

    Args:
        lower, upper: ends of the interval in x.
        start, end: of time.
        equations: one for each unknown, in the order of the unknowns.
        left, right: conditions at the ends, each with the unknown that it determines.
        periodic: whether the ends are one point; then there are no conditions.
        initial: for each unknown as many functions of x as it has orders in time: u, u_t.
    """

    lower: float
    upper: float
    start: float
    end: float
    equations: tuple[Residual, ...]
    left: tuple[tuple[int, Residual], ...] = ()
    right: tuple[tuple[int, Residual], ...] = ()
    periodic: bool = False
    initial: tuple[tuple[Callable[[np.ndarray], np.ndarray], ...], ...] = ()

    @property
    def unknowns(self) -> int:
        """The number of unknowns."""
        return len(self.equations)

    @cached_property
    def time_orders(self) -> tuple[int, ...]:
        """The highest order in time of each unknown: 0, 1 or 2."""
        everything = [*self.equations, *(r for _, r in (*self.left, *self.right))]
        return tuple(
            max(0, *(e.leading(u) for e in self.equations), *(r.leading(u) for r in everything))
            for u in range(self.unknowns)
        )

    @cached_property
    def space_order(self) -> int:
        """The highest order in x."""
        residuals = [*self.equations, *(r for _, r in (*self.left, *self.right))]
        return max(b for r in residuals for _, _, b in r.parts)
