"""Periodic conditions exactly by construction: in which coordinates, and which conditions hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sympy import Derivative, Expr, Float

from kanpde.networks.network import Network
from kanpde.problem import Given, Problem, evaluate

SAME = 1e-9
PROBES = 64


@dataclass(frozen=True)
class Circle:
    """A coordinate in which all unknowns are periodic.

    Args:
        axis: its column.
        period: the width of the domain.
        orders: the names of the conditions that say so, by the order of the derivative.
    """

    axis: int
    period: float
    orders: tuple[tuple[int, str], ...]

    def met_by(self, network: Network) -> tuple[str, ...]:
        """Return the names of the conditions that hold by the construction of a network."""
        period, highest = network.periods.get(self.axis, (0.0, -1))
        if not np.isclose(period, self.period, rtol=1e-12):
            return ()
        return tuple(name for order, name in self.orders if order <= highest)


def circles(problem: Problem) -> tuple[Circle, ...]:
    """Return the coordinates in which a field that solves the problem is periodic and smooth.

    That is where every unknown has periodic conditions up to one order less than the equations, and
    moving the equations by a period changes nothing. (Otherwise higher derivatives of the solution
    jump, and a field that is smooth across the ends would only be near it.)
    """
    found: dict[int, dict[int, dict[int, str]]] = {}
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        if condition.opposite is None:
            continue
        axis = condition.opposite.axis
        place = _unknown_and_order(problem, condition.expression, axis)
        if place is not None:
            unknown, order = place
            found.setdefault(axis, {}).setdefault(unknown, {})[order] = name
    result = []
    for axis, by_unknown in found.items():
        wanted = [set(range(_order(problem, u, axis))) for u in range(len(problem.unknowns))]
        whole = all(orders | {0} <= set(by_unknown.get(u, {})) for u, orders in enumerate(wanted))
        if whole and _is_invariant(problem, axis):
            names = [pair for own in by_unknown.values() for pair in own.items()]
            width = float(problem.domain.upper[axis] - problem.domain.lower[axis])
            result.append(Circle(axis, width, tuple(names)))
    return tuple(result)


def are_periodic(problem: Problem, expressions: tuple[Expr, ...], axes: Mapping[int, int]) -> bool:
    """Whether expressions and their derivatives match at both ends of coordinates.

    Args:
        problem: says where the ends are.
        expressions: of the coordinates.
        axes: for each column how many orders are looked at, the value being the first.
    """
    for axis, orders in axes.items():
        low = problem.domain.interior(PROBES, seed=3)
        high = low.copy()
        low[:, axis], high[:, axis] = problem.domain.lower[axis], problem.domain.upper[axis]
        for expression in expressions:
            for order in range(orders):
                derivative = expression.diff(problem.coordinates[axis], order)
                a, b = (evaluate(derivative, problem.coordinates, p) for p in (low, high))
                if not np.allclose(a, b, rtol=SAME, atol=SAME * (1 + np.abs(a).max())):
                    return False
    return True


def _unknown_and_order(problem: Problem, expression: Expr, axis: int) -> tuple[int, int] | None:
    """Return the unknown, and the order of the derivative along an axis, that an expression is."""
    if expression in problem.unknowns:
        return problem.unknowns.index(expression), 0
    if isinstance(expression, Derivative) and expression.expr in problem.unknowns:
        counts = dict(expression.variable_count)
        if set(counts) == {problem.coordinates[axis]}:
            return problem.unknowns.index(expression.expr), int(counts.popitem()[1])
    return None


def _order(problem: Problem, unknown: int, axis: int) -> int:
    """Return the highest order of an unknown's derivatives along a coordinate."""
    parts = (p for r in problem.equation_residuals for p in r.parts if p.unknown == unknown)
    return max((p.order[axis] for p in parts), default=0)


def _is_invariant(problem: Problem, axis: int) -> bool:
    """Whether the equations are the same one period further, looked at for random fields."""
    points = problem.domain.interior(PROBES, seed=3)
    moved = points.copy()
    moved[:, axis] += problem.domain.upper[axis] - problem.domain.lower[axis]
    draws = iter(np.random.default_rng(0).uniform(0.5, 1.5, 1000))
    for residual in problem.equation_residuals:
        if problem.coordinates[axis] not in residual.expression.free_symbols:
            continue
        known: dict[Expr, Expr] = {p.symbol: Float(next(draws)) for p in residual.parts}
        known |= {p: Float(p.initial) for p in residual.parameters}
        expression = residual.expression.xreplace(known)
        if any(problem.coordinates[axis] in g.free_symbols for g in expression.atoms(Given)):
            return False
        a, b = (evaluate(expression, problem.coordinates, p) for p in (points, moved))
        if not np.allclose(a, b, rtol=SAME, atol=SAME * (1 + np.abs(a).max())):
            return False
    return True
