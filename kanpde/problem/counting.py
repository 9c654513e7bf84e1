"""Count conditions: enough of them at the initial time and at the ends of every coordinate.

Counting is certain for one unknown with constant coefficients of the highest derivatives: too few
conditions leave a free function. For systems and for coefficients that vanish somewhere it is a
rule of thumb, and a shortfall is only a doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kanpde.problem.conditions import INITIAL
from kanpde.problem.evolution import time_orders

if TYPE_CHECKING:
    from kanpde.problem.problem import Problem


@dataclass(frozen=True)
class Shortfall:
    """What is missing, and whether the solution is certainly not unique without it."""

    text: str
    certain: bool


def missing_conditions(problem: Problem) -> Iterator[Shortfall]:
    """Yield what is missing in a problem all of whose conditions lie on the boundary."""
    usual = set(problem.domain.boundary.pieces)
    placed = [set(getattr(c.on, "pieces", ())) for c in problem.conditions]
    if not placed or not all(pieces and pieces <= usual for pieces in placed):
        return  # no condition at all is another message; data and the like are not counted
    has_time = getattr(problem.domain, "time", None) is not None
    if has_time:
        yield from _at_initial_time(problem)
    axes = range(problem.dimension - 1 if has_time else problem.dimension)
    if len(problem.unknowns) == 1:
        for axis in axes:
            yield from _along(problem, axis)


def _at_initial_time(problem: Problem) -> Iterator[Shortfall]:
    time = problem.coordinates[-1]
    for i, (u, order) in enumerate(zip(problem.unknowns, time_orders(problem), strict=True)):
        given = sum(
            any(part.unknown == i for part in residual.parts)
            for condition, residual in zip(
                problem.conditions, problem.condition_residuals, strict=True
            )
            if INITIAL in condition.on.names
        )
        if given >= order:
            continue
        function = u.func.__name__
        needed = [f"Initial({function}, ...)"]
        needed += [f"Initial({function}.diff({time}, {k}), ...)" for k in range(1, order)]
        needed = [n.replace(f"{time}, 1)", f"{time})") for n in needed]
        yield Shortfall(
            f"the equations are of order {order} in time for {function}, so they need "
            f"{' and '.join(needed)}; {given or 'none'} "
            f"{'is' if given < 2 else 'are'} given, and the solution is not unique.",
            certain=len(problem.unknowns) == 1
            and _is_regular(problem, len(problem.coordinates) - 1),
        )


def _along(problem: Problem, axis: int) -> Iterator[Shortfall]:
    """Yield what is missing at the two ends of a coordinate of space, for one unknown."""
    order = max(p.order[axis] for r in problem.equation_residuals for p in r.parts)
    space = problem.dimension - (getattr(problem.domain, "time", None) is not None)
    lateral = [c for c in problem.conditions if set(c.on.names) != {INITIAL}]
    name = problem.domain.names[axis]
    if space == 1:
        ends = (name, problem.domain.lower[axis]), (name, problem.domain.upper[axis])
        given = sum(piece.name != INITIAL for c in lateral for piece in c.on.pieces)
        if given < order:
            places = " and ".join(f"{n} = {v:g}" for n, v in ends)
            yield Shortfall(
                f"the equation is of order {order} in {name}, so it needs {order} conditions at "
                f"{places} together; {given or 'none'} {'is' if given < 2 else 'are'} given, and "
                "the solution is not unique.",
                certain=_is_regular(problem, axis),
            )
    elif order > 1 and not lateral:
        yield Shortfall(
            f"the equation is of order {order} in {name}, but no condition is given on the "
            "boundary of space, so the solution is probably not unique.",
            certain=False,
        )


def _is_regular(problem: Problem, axis: int) -> bool:
    """Whether the highest derivative along a coordinate occurs once, with a constant factor."""
    (residual,) = problem.equation_residuals if len(problem.equations) == 1 else (None,)
    if residual is None:
        return False
    order = max(p.order[axis] for p in residual.parts)
    highest = [
        partial
        for part, partial in zip(residual.parts, residual.partials, strict=True)
        if part.order[axis] == order
    ]
    return len(highest) == 1 and highest[0].is_number and highest[0] != 0
