r"""Dirichlet conditions off boxes, built in by smooth functions of the pieces of the boundary.

The factor is the product of functions that each vanish on one piece (:mod:`.implicit`): smooth
everywhere, of first order at each piece, and of second order in a corner, as a smooth field that
vanishes on both sides of a corner is. Where two sides meet at more than 90 degrees a field falls
like :math:`r^{\pi/\omega}` only, and the quotient of both is singular; such corners are
joined by Rvachev's equivalence, whose second derivatives grow like 1/r there (Sukumar and
Srivastava, Comput. Methods Appl. Mech. Engrg. 389 (2022) 114333), and only on demand.

The lift blends the values of separate parts of the boundary, weighted inversely to their functions,

.. math:: g=\sum_i w_i g_i,\quad w_i=\prod_{j\neq i}\phi_j\Big/\sum_k\prod_{j\neq k}\phi_j

(Rvachev et al., Appl. Math. Model. 25 (2001)), which are smooth as long as the parts do not meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import pi
from typing import Any

import numpy as np
from sympy import Expr, Integer, Piecewise, Symbol

from kanpde.geometry import Instant, Lateral
from kanpde.networks.faces import Side, blended
from kanpde.networks.implicit import carrier, equivalence, number, trimmed
from kanpde.networks.prescribed import Built, Prescribed, is_given_away, is_tame
from kanpde.problem import NormalComponent, Problem, evaluate

INSIDE, ON_PIECE = 2000, 200
"""Points at which a function is looked at, in the domain and on a piece."""
ZERO = 1e-9
"""Values of functions of order one that are zero."""
TOUCH = 0.03
"""A piece of space on which another one's function is smaller than this, relatively, meets it."""
RIGHT_ANGLE = pi / 2 * (1 + 1e-9)


@dataclass(frozen=True, eq=False)
class Part:
    """A piece of the boundary with its value and its function.

    Args:
        piece: of the boundary.
        value: given there, in the coordinates.
        function: vanishes there and is positive in the domain.
        inside: its values at points of the domain.
    """

    piece: Any
    value: Expr
    function: Expr
    inside: np.ndarray


def built_off_boxes(
    problem: Problem, given: Sequence[Prescribed], *, forced: bool = False, blind: bool = False
) -> Built | None:
    """Build the conditions of one unknown in, or return None if that cannot be or does not help.

    Args:
        problem: on any domain.
        given: conditions of the form u = g.
        forced: also where functions or lift are not smooth at a corner.
        blind: not where a value is the known exact solution.
    """
    initial = [p for p in given if all(isinstance(q, Instant) for q in p.pieces)]
    lateral = [p for p in given if not any(isinstance(q, Instant) for q in p.pieces)]
    parts = _parts(problem, lateral, forced) if lateral else []
    met = [p for p in given if p in initial or (p in lateral and parts is not None)]
    if not met or (blind and is_given_away(problem, met)):
        return None
    factor: Expr = Integer(1)
    lift: Expr | None = Integer(0)
    if parts:
        groups = _groups(problem, parts, forced)
        if groups is None:
            return None
        factor = Integer(1)
        for _, function in groups:
            factor *= function
        lift = _blend(problem, parts, groups)
    if initial:
        lift, factor = _from_start(problem, initial[0], lift, factor, bool(parts))
    if lift is None:
        return None
    largest = np.max(_inside(problem, factor))
    if not np.isfinite(largest) or largest <= 0:
        return None
    return Built(lift, factor / number(float(f"{largest:.2g}")), tuple(met))


def _parts(problem: Problem, given: Sequence[Prescribed], forced: bool) -> list[Part] | None:
    """Return the pieces with their functions, or None if one has none that fits."""
    parts: list[Part] = []
    constrained = [piece for own in given for piece in own.pieces]
    for own in given:
        for piece in own.pieces:
            value = _without_normal(problem, own.value, piece)
            function = carrier(piece, problem.coordinates)
            if value is None or function is None:
                return None
            part = Part(piece, value, function, _inside(problem, function))
            if not _is_one_sided(problem, part, constrained):
                function = trimmed(piece, problem.coordinates) if forced else None
                if function is None:
                    return None
                part = Part(piece, value, function, _inside(problem, function))
                if not _is_one_sided(problem, part, constrained):
                    return None
            parts.append(part)
    return parts


def _is_one_sided(problem: Problem, part: Part, constrained: Sequence[Any]) -> bool:
    """Whether a function is positive in the domain and on the pieces that are left free."""
    if not (part.inside > 0).all():
        return False
    for piece in problem.domain.boundary.pieces:
        if piece in constrained:
            continue
        points, _ = piece.sample(ON_PIECE, seed=3)
        free = np.ones(len(points), dtype=bool)
        for own in constrained:
            free &= ~own.contains(points, ZERO)
        if not (evaluate(part.function, problem.coordinates, points[free]) > ZERO).all():
            return False
    return True


def _groups(
    problem: Problem, parts: Sequence[Part], forced: bool
) -> list[tuple[list[Part], Expr]] | None:
    """Return the parts that hang together with their common functions, or None if not smooth."""
    touching = [[a] for a in parts]
    for a, b in combinations(parts, 2):
        if not _meet(problem, a, b):
            continue
        if not forced and not _is_right(problem, a, b):
            return None
        first = next(g for g in touching if a in g)
        second = next(g for g in touching if b in g)
        if first is not second:
            touching.remove(second)
            first.extend(second)
    groups = []
    for group in touching:
        functions = _different(group)
        touching_ones = [(a, b) for a, b in combinations(group, 2) if _meet(problem, a, b)]
        sharp = any(not _is_right(problem, a, b) for a, b in touching_ones)
        sharp = sharp or any(f.has(Piecewise) for f in functions)
        product: Expr = Integer(1)
        for f in functions:
            product *= f
        groups.append((group, equivalence(functions) if sharp else product))
    return groups


def _different(parts: Sequence[Part]) -> list[Expr]:
    """Return the functions, each once: several parts may lie on one line."""
    kept: list[Part] = []
    for part in parts:
        if not any(np.allclose(part.inside, k.inside, rtol=1e-9, atol=ZERO) for k in kept):
            kept.append(part)
    return [part.function for part in kept]


def _meet(problem: Problem, a: Part, b: Part) -> bool:
    """Whether two pieces touch: exact in the plane, by points elsewhere."""
    first, second = _of_space(a.piece), _of_space(b.piece)
    if first.curve is not None and second.curve is not None:
        ends = np.concatenate([first.curve.ends, second.curve.ends])
        return bool((first.contains(ends, 1e-9) & second.contains(ends, 1e-9)).any())
    points, _ = a.piece.sample(INSIDE, seed=3)
    largest = float(np.max(b.inside))
    return bool((evaluate(b.function, problem.coordinates, points) < TOUCH * largest).any())


def _is_right(problem: Problem, a: Part, b: Part) -> bool:
    """Whether two pieces that touch do so at no more than 90 degrees, or go on as one."""
    if len(_different([a, b])) == 1:
        return True
    first, second = _of_space(a.piece), _of_space(b.piece)
    names = {first.name, second.name}
    if first.curve is not None and second.curve is not None:
        space = getattr(problem.domain, "space", problem.domain)
        angles = [c.angle for c in space.corners if {c.before, c.after} == names]
        return all(angle <= RIGHT_ANGLE for angle in angles)
    normals = [piece.sample(16, seed=5)[1] for piece in (first, second)]
    flat = all(np.ptp(n, axis=0).max() <= ZERO for n in normals)
    return flat and float(normals[0][0] @ normals[1][0]) <= ZERO


def _blend(
    problem: Problem, parts: Sequence[Part], groups: Sequence[tuple[list[Part], Expr]]
) -> Expr | None:
    """Return the lift of the values on all parts, or None if there is no smooth one."""
    common = {part.value for part in parts}
    if len(common) == 1 and is_tame(problem, next(iter(common)), [p.piece for p in parts]):
        return common.pop()
    lifts = [_group_lift(problem, group) for group, _ in groups]
    if any(lift is None for lift in lifts):
        return None
    total: Expr = Integer(0)
    weights: Expr = Integer(0)
    for k, lift in enumerate(lifts):
        assert lift is not None
        weight: Expr = Integer(1)
        for other, (_, function) in enumerate(groups):
            weight *= Integer(1) if other == k else function
        total += weight * lift
        weights += weight
    return total if len(groups) == 1 else total / weights


def _group_lift(problem: Problem, group: Sequence[Part]) -> Expr | None:
    """Return the lift of parts that hang together: one expression, or a blend of sides."""
    common = {part.value for part in group}
    pieces = [part.piece for part in group]
    if len(common) == 1:
        value = common.pop()
        return value if is_tame(problem, value, pieces) else None
    sides: dict[Side, Expr] = {}
    for part in group:
        side = _side(problem, part.piece)
        if side is None or side in sides:
            return None
        sides[side] = part.value
    return blended(problem, sides)


def _side(problem: Problem, piece: Any) -> Side | None:
    """Return the end of a coordinate of the bounding box that a piece lies on, or None."""
    points, normals = piece.sample(16, seed=5)
    axis = int(np.argmax(np.abs(normals[0])))
    if not np.allclose(np.abs(normals[:, axis]), 1.0):
        return None
    side = int(np.sign(normals[0, axis]))
    value = float((problem.domain.upper if side > 0 else problem.domain.lower)[axis])
    return Side(axis, side, value) if np.allclose(points[:, axis], value) else None


def _from_start(
    problem: Problem, initial: Prescribed, lift: Expr | None, factor: Expr, is_lateral: bool
) -> tuple[Expr | None, Expr]:
    """Add the initial value: the Boolean sum of it and the lift of the boundary values."""
    t = problem.coordinates[-1]
    start, end = (number(b[-1]) for b in (problem.domain.lower, problem.domain.upper))
    factor = factor * (t - start) / (end - start)
    if lift is None:
        return None, factor
    value = initial.value
    if not is_lateral:
        return value.subs(t, start), factor
    if value == lift:
        return lift, factor
    return value.subs(t, start) + lift - lift.subs(t, start), factor


def _without_normal(problem: Problem, value: Expr, piece: Any) -> Expr | None:
    """Return a value with the outward normal of a flat piece put in; None if it is not flat."""
    components = [NormalComponent(c.name) for c in problem.coordinates]
    if not value.has(*components):
        return value
    normals = piece.sample(16, seed=5)[1]
    if np.ptp(normals, axis=0).max() > ZERO:
        return None
    known: dict[Symbol, Expr] = dict(zip(components, map(number, normals[0]), strict=True))
    return value.xreplace(known)


def _inside(problem: Problem, function: Expr) -> np.ndarray:
    points = problem.domain.interior(INSIDE, seed=3)
    return evaluate(function, problem.coordinates, points)


def _of_space(piece: Any) -> Any:
    return piece.piece if isinstance(piece, Lateral) else piece
