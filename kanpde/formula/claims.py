"""What a formula has to fulfil: every equation and condition as an expression that must vanish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Derivative, Expr, Symbol
from sympy.core.function import AppliedUndef

from kanpde.formula.exact import curve_expressions, exact_expression, exact_number
from kanpde.geometry import Lateral, as_face
from kanpde.geometry.curves import Arc, Segment
from kanpde.problem import Condition, Measured, Problem, Total
from kanpde.problem.symbols import NormalComponent

Formulas = Mapping[AppliedUndef, Expr]


@dataclass(frozen=True)
class Claim:
    """An expression of unknowns that must vanish at all points of a set.

    Args:
        name: of the equation or condition.
        expression: of the unknowns, their derivatives, coordinates and normal components.
        place: what coordinates and normal components are on the set, in free symbols.
        ranges: of the free symbols.
        opposite: the place of the matching points, if the expression must be equal on both.
    """

    name: str
    expression: Expr
    place: Mapping[Symbol, Expr]
    ranges: Mapping[Symbol, tuple[float, float]]
    opposite: Mapping[Symbol, Expr] | None = None

    def residual(self, formulas: Formulas) -> Expr:
        """Return what must vanish, an expression of the free symbols."""
        whole = substituted(self.expression, formulas)
        here = whole.subs(dict(self.place), simultaneous=True)
        if self.opposite is None:
            return here
        return here - whole.subs(dict(self.opposite), simultaneous=True)


@dataclass(frozen=True)
class PointClaim:
    """An expression that must have given values at points, in double precision.

    Args:
        name: of the condition.
        expression: as of a claim.
        points: (N, D).
        normals: (N, D), or None.
        values: (N,).
        noise: standard deviation of the values, (N,), or None.
        is_measured: the values are data, which may hold noise.
    """

    name: str
    expression: Expr
    points: np.ndarray
    normals: np.ndarray | None
    values: np.ndarray
    noise: np.ndarray | None = None
    is_measured: bool = False


@dataclass(frozen=True)
class IntegralClaim:
    """The integral of an expression has a value: by quadrature, and over a box exactly.

    Args:
        name: of the condition.
        expression: as of a claim.
        points: of a quadrature rule, (N, D).
        weights: of the rule, (N,).
        normals: (N, D) on a boundary, or None.
        value: of the integral.
        whole: whether it is over the whole domain.
    """

    name: str
    expression: Expr
    points: np.ndarray
    weights: np.ndarray
    normals: np.ndarray | None
    value: float
    whole: bool = False


AnyClaim = Claim | PointClaim | IntegralClaim


def substituted(expression: Expr, formulas: Formulas) -> Expr:
    """Return an expression with formulas in the place of the unknowns, derivatives carried out."""
    found = expression.xreplace(dict(formulas))
    return found.doit() if found.has(Derivative) else found


def claims(problem: Problem) -> tuple[AnyClaim, ...]:
    """Return everything that a solution of the problem has to fulfil, with exact numbers."""
    box = dict(zip(problem.coordinates, _ranges(problem), strict=True))
    found: list[AnyClaim] = [
        Claim(name, exact_expression(expression), {}, box)
        for name, expression in problem.equations.items()
    ]
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        found += _of_condition(problem, name, condition)
    return tuple(found)


def _ranges(problem: Problem) -> list[tuple[float, float]]:
    domain = problem.domain
    return [(float(a), float(b)) for a, b in zip(domain.lower, domain.upper, strict=True)]


def _of_condition(problem: Problem, name: str, condition: Condition) -> Iterator[AnyClaim]:
    expression, on = exact_expression(condition.expression), condition.on
    if isinstance(on, Measured):
        yield PointClaim(name, expression, on.points, None, on.values, on.noise, True)
        return
    if isinstance(on, Total):
        yield _integral(problem, name, expression, on)
        return
    for piece in on.pieces:
        label = name if len(on.pieces) == 1 else f"{name} ({piece.name})"
        yield _on_piece(problem, label, expression, piece, condition.opposite)


def _integral(problem: Problem, name: str, expression: Expr, on: Total) -> IntegralClaim:
    if hasattr(on.over, "pieces"):
        points, normals = on.over.sample(4000)
        measure = sum(piece.measure for piece in on.over.pieces)
        return IntegralClaim(
            name, expression, points, np.full(len(points), measure / len(points)), normals, on.value
        )
    domain = problem.domain if on.over is None else on.over
    points, weights = domain.quadrature(40 if problem.dimension < 3 else 16)
    whole = on.over is None or on.over == problem.domain
    return IntegralClaim(name, expression, points, weights, None, on.value, whole)


def _on_piece(problem: Problem, name: str, expression: Expr, piece: Any, opposite: Any) -> AnyClaim:
    coordinates, box = problem.coordinates, _ranges(problem)
    normals = [NormalComponent(c.name) for c in coordinates]
    face = as_face(piece)
    if face is not None:
        own = coordinates[face.axis]
        ends = face.box.ranges[face.axis]
        place: dict[Symbol, Expr] = {own: exact_number(ends[0] if face.side < 0 else ends[1])}
        place |= {n: exact_number(float(face.side * (n is normals[face.axis]))) for n in normals}
        free = {c: r for c, r in zip(coordinates, box, strict=True) if c != own}
        other = None
        if opposite is not None:
            other = {**place, own: exact_number(float(opposite.value))}
        return Claim(name, expression, place, free, other)
    curve = getattr(piece, "curve", None)
    if curve is None and isinstance(piece, Lateral):
        curve = piece.piece.curve
    if isinstance(curve, (Segment, Arc)) and opposite is None:
        parameter = Symbol("s", real=True)
        point, normal, span = curve_expressions(curve, parameter)
        place = dict(zip(coordinates, point, strict=False))
        place |= dict(
            zip(normals, [*normal, *(exact_number(0.0) for _ in normals[2:])], strict=True)
        )
        free = {parameter: span} | dict(zip(coordinates[2:], box[2:], strict=True))
        return Claim(name, expression, place, free)
    axis = _constant_axis(piece, problem)
    if axis is not None and opposite is None:
        place = {coordinates[axis]: exact_number(float(piece.sample(1)[0][0, axis]))}
        free = {c: r for c, r in zip(coordinates, box, strict=True) if c not in place}
        place |= dict.fromkeys(normals, exact_number(0.0))
        place[normals[axis]] = exact_number(float(piece.sample(1)[1][0, axis]))
        return Claim(name, expression, place, free)
    points, outward = piece.sample(200)
    return PointClaim(name, expression, points, outward, np.zeros(len(points)))


def _constant_axis(piece: Any, problem: Problem) -> int | None:
    """Return the coordinate that is constant on a piece with normals along it, such as a start."""
    points, normals = piece.sample(20)
    for axis in range(problem.dimension):
        if np.ptp(points[:, axis]) == 0 and (np.abs(normals[:, axis]) == 1).all():
            return axis
    return None
