"""From a problem to the system that slabs solve."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from sympy import Expr, Float, Integer, Symbol, lambdify

from kanpde.geometry import Box
from kanpde.problem import (
    ConditionKind,
    Evolution,
    Given,
    JetPart,
    NormalComponent,
    Problem,
    SymbolicResidual,
)
from kanpde.solving.slab_system import Part, Residual, System

HIGHEST_ORDER = 6
"""In x, of what splines of the degrees used can represent well."""

_NEVER = -1000.0


def system_of(problem: Problem) -> System:
    """Return the system of arrays for an evolution problem in one space dimension.

    Raises:
        ValueError: if the problem is none, with the reason.
    """
    description = problem.evolution
    if description is None:
        raise ValueError(
            f"{problem.name} is no evolution in time, so slabs cannot solve it; its domain must be "
            "an interval times a TimeInterval, with conditions at the ends and Initial values."
        )
    reason = _why_not(problem, description)
    if reason:
        raise ValueError(f"slabs cannot solve {problem.name}: {reason}.")
    equations = tuple(
        _compiled(description.equations[e], description, {}) for e in matched(description) or ()
    )
    periodic = any(c.kind is ConditionKind.PERIODIC for c in description.lateral)
    left: list[tuple[int, Residual]] = []
    right: list[tuple[int, Residual]] = []
    for name, sign, found in (("left", -1, left), ("right", 1, right)):
        if periodic:
            break
        for condition in description.lateral:
            if name in condition.pieces:
                normal = _normal(description, sign)
                compiled = _compiled(condition.residual, description, normal)
                taken = [u for u, _ in found]
                found.append((_determined(compiled, equations, taken), compiled))
    box = problem.domain.space
    return System(
        float(box.lower[0]),
        float(box.upper[0]),
        description.start,
        description.end,
        equations,
        tuple(left),
        tuple(right),
        periodic,
        tuple(
            tuple(_function(value, description) for value in values if value is not None)
            for values in description.initial
        ),
    )


def suits(problem: Problem) -> bool:
    """Whether slabs can solve a problem."""
    description = problem.evolution
    return description is not None and not _why_not(problem, description)


def _why_not(problem: Problem, description: Evolution) -> str:
    """Return why slabs cannot solve an evolution, or nothing."""
    if not description.space:
        return "it has no space, and slabs need one interval"
    if len(description.space) != 1 or not isinstance(problem.domain.space, Box):
        return f"its space is {problem.domain.space!r}, and slabs need one interval"
    everything = [*problem.equations.values(), *(c.expression for c in problem.conditions)]
    if problem.parameters:
        sought = ", ".join(map(str, problem.parameters))
        return f"it seeks the number {sought}, which needs a network to train"
    if any(e.has(Given) for e in everything):
        return "it holds a given function, and slabs need formulas"
    if len(description.equations) != len(problem.unknowns):
        return f"it has {len(description.equations)} equations for {len(problem.unknowns)} unknowns"
    if not description.is_complete:
        return 'an initial value is missing or not of the form "unknown = expression"'
    highest = max(p.order[0] for r in description.equations for p in r.parts)
    if highest > HIGHEST_ORDER:
        return f"a derivative of order {highest} in space is more than {HIGHEST_ORDER}"
    kinds = {c.kind is ConditionKind.PERIODIC for c in description.lateral}
    if len(kinds) > 1:
        return "periodic conditions are mixed with others"
    parts = [p for c in description.lateral for p in _parts(c.residual, _normal(description, 1))]
    if any(p.order[1] > description.orders[p.unknown] for p in parts):
        return "a condition holds a higher derivative in time than the equations"
    if matched(description) is None:
        return "no equation determines each of its unknowns"
    return ""


def matched(description: Evolution) -> tuple[int, ...] | None:
    """Return for each unknown the equation that determines it, or None.

    An unknown of order k in time needs an equation with its k-th derivative; one without needs an
    equation that holds it, preferably differentiated in space.
    """
    count = len(description.orders)
    score = np.full((count, count), _NEVER)
    for e, residual in enumerate(description.equations):
        for part in residual.parts:
            u, b, a = part.unknown, sum(part.order[:-1]), part.order[-1]
            if description.orders[u] and a == description.orders[u]:
                score[u, e] = max(score[u, e], 100.0 + b)
            elif not description.orders[u]:
                score[u, e] = max(score[u, e], 1.0 + b)
    unknowns, equations = linear_sum_assignment(score, maximize=True)
    if (score[unknowns, equations] < 0).any():
        return None
    return tuple(int(e) for e in equations)


def _determined(condition: Residual, equations: Sequence[Residual], taken: list[int]) -> int:
    """Return the unknown whose equation a condition takes the place of.

    It is the one the condition differentiates most in x, and among equals the one with fewest
    conditions at this end so far.
    """
    unknowns = {u for u, _, _ in condition.parts}

    def key(u: int) -> tuple[int, int, int]:
        depth = max(b for v, _, b in condition.parts if v == u)
        wanted = max((b for v, _, b in equations[u].parts if v == u), default=0)
        return (depth, -taken.count(u), wanted)

    return max(sorted(unknowns), key=key)


def _normal(description: Evolution, sign: int) -> dict[Symbol, Expr]:
    """Return the outward normal at an end: along x, never in time."""
    return {
        NormalComponent(description.space[0].name): Integer(sign),
        NormalComponent(description.time.name): Integer(0),
    }


def _parts(residual: SymbolicResidual, normal: dict[Symbol, Expr]) -> list[JetPart]:
    """Return the parts that a residual depends on, given the normal."""
    pairs = zip(residual.parts, residual.partials, strict=True)
    return [part for part, partial in pairs if partial.xreplace(normal) != 0]


def _compiled(
    residual: SymbolicResidual, description: Evolution, normal: dict[Symbol, Expr]
) -> Residual:
    present = _parts(residual, normal)
    rest = {p.symbol: Integer(0) for p in residual.parts if p not in present}
    expression = residual.expression.xreplace(normal).xreplace(rest)
    parts: list[Part] = [(p.unknown, p.order[1], p.order[0]) for p in present]
    symbols = [*description.space, description.time, *(p.symbol for p in present)]
    partials = [expression.diff(p.symbol) for p in present]
    return Residual.compiled(residual.name, parts, symbols, expression, partials)


def _function(value: Expr, description: Evolution) -> Callable[[np.ndarray], np.ndarray]:
    """Return an initial value as a function of points of any shape."""
    at_start = value.xreplace({description.time: Float(description.start)})
    compiled = lambdify(description.space, at_start, modules=["scipy", "numpy"], cse=True)
    return lambda x: np.broadcast_to(np.asarray(compiled(x), dtype=float), x.shape)
