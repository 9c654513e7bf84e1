"""A problem as an evolution in time: what marching in time needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sympy import Expr, Symbol

from kanpde.problem.conditions import INITIAL, Condition
from kanpde.problem.kinds import ConditionKind, kind_of
from kanpde.problem.residual import SymbolicResidual

if TYPE_CHECKING:
    from kanpde.problem.problem import Problem

HIGHEST_ORDER = 2
"""In time, of what is taken as an evolution."""


@dataclass(frozen=True)
class LateralCondition:
    """One condition on the boundary of space, at all times.

    Args:
        name: of the condition.
        kind: dirichlet, neumann, robin, periodic or general.
        unknown: the index of the unknown it is for, or None if several occur.
        pieces: names of the pieces it holds on; of a periodic one those of the upper end.
        condition: as the problem has it; ``condition.opposite`` tells the lower end of a periodic
            one.
        residual: the same in terms of the unknowns' jets.
    """

    name: str
    kind: ConditionKind
    unknown: int | None
    pieces: tuple[str, ...]
    condition: Condition
    residual: SymbolicResidual


@dataclass(frozen=True)
class Evolution:
    r"""Equations :math:`F(x,t,\partial_t^k\partial_x^\alpha u)=0` from initial values onwards.

    Args:
        time: the coordinate of time; it is the last of the problem's coordinates.
        space: the other coordinates; none for an ordinary differential equation.
        start, end: of time.
        orders: for each unknown the highest order of its derivatives in time: 0, 1 or 2. An
            unknown of order 0 (a pressure, say) has no initial value.
        equations: in terms of the unknowns' jets.
        lateral: the conditions on the boundary of space.
        initial: for each unknown its initial values: entry k is the expression of the k-th
            derivative in time, k below the order, or None if the problem does not give it in the
            form "derivative = expression".
        other_initial: residuals of initial conditions of any other form.
    """

    time: Symbol
    space: tuple[Symbol, ...]
    start: float
    end: float
    orders: tuple[int, ...]
    equations: tuple[SymbolicResidual, ...]
    lateral: tuple[LateralCondition, ...]
    initial: tuple[tuple[Expr | None, ...], ...]
    other_initial: tuple[SymbolicResidual, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every initial value is given as an expression."""
        return not self.other_initial and all(v is not None for u in self.initial for v in u)


def evolution(problem: Problem) -> Evolution | None:
    """Return a problem as an evolution, or None if it is none.

    It is none if its domain has no time, if no unknown is differentiated in time or one more than
    twice, or if a condition holds anywhere but on the boundary of space and at the initial time.
    """
    time = getattr(problem.domain, "time", None)
    if time is None:
        return None
    orders = time_orders(problem)
    if not 1 <= max(orders) <= HIGHEST_ORDER:
        return None
    usual = set(problem.domain.boundary.pieces)
    lateral: list[LateralCondition] = []
    initial: list[list[Expr | None]] = [[None] * order for order in orders]
    other: list[SymbolicResidual] = []
    for condition, residual in zip(problem.conditions, problem.condition_residuals, strict=True):
        pieces = tuple(getattr(condition.on, "pieces", ()))
        names = tuple(p.name for p in pieces)
        if not pieces or not set(pieces) <= usual:
            return None
        beside = tuple(name for name in names if name != INITIAL)
        if beside:
            unknowns = {p.unknown for p in residual.parts}
            lateral.append(
                LateralCondition(
                    residual.name,
                    kind_of(condition, residual),
                    unknowns.pop() if len(unknowns) == 1 else None,
                    beside,
                    replace(condition, on=condition.on[beside]),
                    residual,
                )
            )
        if INITIAL in names:
            given = initial_value(residual)
            if given is None or given[1] >= orders[given[0]]:
                other.append(residual)
            else:
                initial[given[0]][given[1]] = given[2]
    return Evolution(
        problem.coordinates[-1],
        problem.coordinates[:-1],
        time.start,
        time.end,
        orders,
        problem.equation_residuals,
        tuple(lateral),
        tuple(tuple(values) for values in initial),
        tuple(other),
    )


def time_orders(problem: Problem) -> tuple[int, ...]:
    """Return for each unknown the highest order of its derivatives in the last coordinate."""
    return tuple(
        max(
            (p.order[-1] for r in problem.equation_residuals for p in r.parts if p.unknown == i),
            default=0,
        )
        for i in range(len(problem.unknowns))
    )


def initial_value(residual: SymbolicResidual) -> tuple[int, int, Expr] | None:
    """Return (unknown, order in time, value) of a condition "derivative = value", or None."""
    if len(residual.parts) != 1 or not residual.is_linear:
        return None
    (part,), (coefficient,) = residual.parts, residual.partials
    if any(part.order[:-1]) or coefficient == 0:
        return None
    return part.unknown, part.order[-1], -residual.source / coefficient
