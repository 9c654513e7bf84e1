"""From a problem over a rectangle and a time to the arrays that slabs solve with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Expr, Float, Integer, Symbol, lambdify

from kanpde.geometry import Box
from kanpde.problem import (
    ConditionKind,
    Evolution,
    Given,
    LateralCondition,
    NormalComponent,
    Problem,
    SymbolicResidual,
)
from kanpde.solving.slab_problem import matched

HIGHEST_ORDER = 2
"""In each space coordinate: one condition on every side determines a field."""

SIDES = {"left": (0, -1), "right": (0, 1), "bottom": (1, -1), "top": (1, 1)}
"""The axis that a side is an end of, and the sign of its outward normal."""

PlanePart = tuple[int, int, int, int]
"""A derivative: index of the unknown, orders in t, x and y."""


@dataclass(frozen=True)
class PlaneResidual:
    r"""A function :math:`G(x, y, t, \partial_t^a\partial_x^b\partial_y^c u)` that must vanish.

    Args:
        name: of the equation or condition.
        parts: the derivatives it reads.
        value: maps x, y, t and one array for each part, of shapes that broadcast, to G.
        partials: maps them to the derivatives of G by each part.
    """

    name: str
    parts: tuple[PlanePart, ...]
    value: Callable[..., np.ndarray]
    partials: Callable[..., Sequence[np.ndarray]]


@dataclass(frozen=True)
class SideCondition:
    """A condition at one side, in place of the equation of one unknown.

    Args:
        axis: that the side is an end of: 0 for x, 1 for y.
        sign: of the outward normal.
        unknown: whose equation it takes the place of.
        residual: what must vanish.
    """

    axis: int
    sign: int
    unknown: int
    residual: PlaneResidual


@dataclass(frozen=True)
class PlaneSystem:
    """An evolution problem over a rectangle.

    Equation i determines the unknown i.

    Args:
        lower, upper: corners of the rectangle.
        start, end: of time.
        orders: in time, of each unknown: 0, 1 or 2.
        equations: one for each unknown.
        sides: the conditions, those of the ends in x first.
        periodic: for x and y, whether the two ends are one.
        initial: for each unknown as many functions of x and y as it has orders in time.
    """

    lower: tuple[float, float]
    upper: tuple[float, float]
    start: float
    end: float
    orders: tuple[int, ...]
    equations: tuple[PlaneResidual, ...]
    sides: tuple[SideCondition, ...]
    periodic: tuple[bool, bool]
    initial: tuple[tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], ...], ...]

    @property
    def unknowns(self) -> int:
        """The number of unknowns."""
        return len(self.equations)


def plane_suits(problem: Problem) -> bool:
    """Whether slabs over a rectangle can solve a problem."""
    description = problem.evolution
    return description is not None and not _why_not(problem, description)


def plane_system(problem: Problem) -> PlaneSystem:
    """Return the system of arrays for an evolution problem over a rectangle.

    Raises:
        ValueError: if the problem is none, with the reason.
    """
    description = problem.evolution
    if description is None:
        raise ValueError(
            f"{problem.name} is no evolution in time, so slabs cannot solve it; its domain must be "
            "a Rectangle times a TimeInterval, with conditions on the sides and Initial values."
        )
    reason = _why_not(problem, description)
    if reason:
        raise ValueError(f"slabs over a rectangle cannot solve {problem.name}: {reason}.")
    equations = tuple(
        _compiled(description.equations[e], description, {}) for e in matched(description) or ()
    )
    sides = []
    for name, (axis, sign) in SIDES.items():
        for condition in _on(description, name):
            if condition.kind is not ConditionKind.PERIODIC:
                found = _compiled(condition.residual, description, _normal(description, axis, sign))
                unknown = max(found.parts, key=lambda part: part[2 + axis])[0]
                sides.append(SideCondition(axis, sign, unknown, found))
    box = problem.domain.space
    return PlaneSystem(
        tuple(float(v) for v in box.lower),  # type: ignore[arg-type]
        tuple(float(v) for v in box.upper),  # type: ignore[arg-type]
        description.start,
        description.end,
        description.orders,
        equations,
        tuple(sides),
        _periodic(description),
        tuple(
            tuple(_function(value, description) for value in values if value is not None)
            for values in description.initial
        ),
    )


def _on(description: Evolution, side: str) -> list[LateralCondition]:
    return [c for c in description.lateral if side in c.pieces]


def _periodic(description: Evolution) -> tuple[bool, bool]:
    """Return for x and y whether a periodic condition holds (its piece is the upper end)."""
    kinds = [
        {c.kind for side in sides for c in _on(description, side)}
        for sides in (("left", "right"), ("bottom", "top"))
    ]
    return tuple(ConditionKind.PERIODIC in found for found in kinds)  # type: ignore[return-value]


def _why_not(problem: Problem, description: Evolution) -> str:
    """Return why slabs over a rectangle cannot solve an evolution, or nothing."""
    if not description.space:
        return "it has no space, and they need one rectangle"
    if len(description.space) != 2 or not isinstance(problem.domain.space, Box):
        return f"its space is {problem.domain.space!r}, and they need one rectangle"
    everything = [*problem.equations.values(), *(c.expression for c in problem.conditions)]
    if problem.parameters or any(e.has(Given) for e in everything):
        return "it holds a parameter or a given function, and slabs need formulas"
    if len(description.equations) != len(problem.unknowns):
        return f"it has {len(description.equations)} equations for {len(problem.unknowns)} unknowns"
    if not description.is_complete:
        return 'an initial value is missing or not of the form "unknown = expression"'
    if max(max(p.order[:2]) for r in description.equations for p in r.parts) > HIGHEST_ORDER:
        return f"it holds a derivative of higher order than {HIGHEST_ORDER} in a space coordinate"
    if matched(description) is None:
        return "no equation determines each of its unknowns"
    for axis, sides in enumerate((("left", "right"), ("bottom", "top"))):
        kinds = {c.kind is ConditionKind.PERIODIC for s in sides for c in _on(description, s)}
        if len(kinds) > 1:
            return "periodic conditions are mixed with others on the same coordinate"
        if kinds == {True}:
            continue
        for side in sides:
            sign = SIDES[side][1]
            compiled = [
                _compiled(c.residual, description, _normal(description, axis, sign))
                for c in _on(description, side)
            ]
            taken = [max(r.parts, key=lambda part: part[2 + axis])[0] for r in compiled]
            if len(taken) > len(set(taken)):
                return f'two conditions on "{side}" are for the same unknown'
            if any(a > description.orders[u] for r in compiled for u, a, _, _ in r.parts):
                return "a condition holds a higher derivative in time than the equations"
    return ""


def _normal(description: Evolution, axis: int, sign: int) -> dict[Symbol, Expr]:
    """Return the outward normal of a side."""
    names = [c.name for c in (*description.space, description.time)]
    return {NormalComponent(n): Integer(sign if i == axis else 0) for i, n in enumerate(names)}


def _compiled(
    residual: SymbolicResidual, description: Evolution, normal: dict[Symbol, Expr]
) -> PlaneResidual:
    pairs = zip(residual.parts, residual.partials, strict=True)
    present = [part for part, partial in pairs if partial.xreplace(normal) != 0]
    rest = {p.symbol: Integer(0) for p in residual.parts if p not in present}
    expression = residual.expression.xreplace(normal).xreplace(rest)
    symbols = [*description.space, description.time, *(p.symbol for p in present)]
    settings: dict[str, Any] = {"modules": ["scipy", "numpy"], "cse": True, "dummify": True}
    value = lambdify(symbols, [expression], **settings)
    slopes = lambdify(symbols, [expression.diff(p.symbol) for p in present], **settings)
    parts = tuple((p.unknown, p.order[2], p.order[0], p.order[1]) for p in present)
    return PlaneResidual(residual.name, parts, lambda *a: value(*a)[0], slopes)


def _function(
    value: Expr, description: Evolution
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return an initial value as a function of x and y of shapes that broadcast."""
    at_start = value.xreplace({description.time: Float(description.start)})
    compiled = lambdify(description.space, at_start, modules=["scipy", "numpy"], cse=True)

    def function(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        shape = np.broadcast_shapes(x.shape, y.shape)
        return np.broadcast_to(np.asarray(compiled(x, y), dtype=float), shape)

    return function
