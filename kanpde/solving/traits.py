r"""What the shape and the operator of a problem say about its solution, before anything is solved.

Where a plane boundary has a corner of angle :math:`\omega`, solutions of an equation with the
Laplacian in front behave like :math:`r^{k\alpha}`, with :math:`\alpha=\pi/\omega` between two
conditions of one kind and :math:`\alpha=\pi/2\omega`, k odd, between values and slopes; where an
exponent is an integer n a term :math:`r^n\log r` may occur (Grisvard, 1985; Kondrat'ev, 1967).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import cos, pi, sin
from typing import Any

import numpy as np
from sympy import Expr, cosh, exp, sinh
from sympy import cos as sympy_cos
from sympy import sin as sympy_sin

from kanpde.geometry import Corner, Hole
from kanpde.geometry.domain import corners_of
from kanpde.problem import Problem, SymbolicResidual

ENTIRE = (exp, sympy_sin, sympy_cos, sinh, cosh)
"""Functions that are smooth wherever their argument is."""
INTEGER = 1e-9
"""Distance from an integer below which an exponent is one."""


@dataclass(frozen=True)
class CornerTraits:
    """A corner at which the solution may be singular.

    Args:
        vertex: the corner.
        bisector: angle of a direction into the domain, radians; opposite to it a branch cut leaves
            the corner. It halves the corner unless that cut would meet the domain.
        exponent: of the leading singular function.
        mixed: whether values are given on one side and slopes on the other.
        cut: distance from the corner at which the branch cut must end; None if it meets the domain
            nowhere.
    """

    vertex: tuple[float, float]
    bisector: float
    exponent: float
    mixed: bool
    cut: float | None

    def multiples(self, highest: float) -> list[float]:
        """Return the exponents of the singular functions up to a highest."""
        count = int(highest / self.exponent + INTEGER)
        return [k * self.exponent for k in range(1, count + 1, 2 if self.mixed else 1)]

    @property
    def is_integer(self) -> bool:
        """Whether the leading exponent is an integer, so that there are logarithms at most."""
        return is_integer(self.exponent)


@dataclass(frozen=True)
class Traits:
    """What a ladder asks about a problem.

    Args:
        laplacian: whether the second derivatives make up a multiple of the Laplacian (one unknown,
            two coordinates).
        plain: whether moreover nothing else occurs: constant factor, no lower derivatives, no
            condition that mixes values and slopes.
        harmonic: whether moreover the source is zero; also of several unknowns, if each has
            Laplace's equation for itself.
        entire: whether the source is smooth everywhere, as far as its form tells: sums, products
            and whole powers of the coordinates, exponentials, sines and cosines.
        holes: of the domain.
        corners: where singular functions are known.
        size: half the side of a square as large as the bounding box.
    """

    laplacian: bool
    plain: bool
    harmonic: bool
    entire: bool
    holes: tuple[Hole, ...]
    corners: tuple[CornerTraits, ...]
    size: float

    @staticmethod
    def of(problem: Problem) -> Traits:
        """Return the traits of a problem."""
        laplacian, plain, harmonic = _principal(problem)
        kinds = _kinds(problem)
        plain = plain and "both" not in kinds.values()
        domain = problem.domain
        corners = _corners(problem, kinds) if laplacian else ()
        size = float(np.prod(domain.upper - domain.lower)) ** 0.5 / 2
        entire = all(_is_entire(r.source) for r in problem.equation_residuals)
        parts = (getattr(part, "holes", ()) for part in (domain, *problem.regions.values()))
        holes = tuple(dict.fromkeys(hole for own in parts for hole in own))
        harmonic = (plain and harmonic) or _all_are_harmonic(problem)
        return Traits(laplacian, plain, harmonic, entire, holes, corners, size)

    @property
    def has_integer_corners(self) -> bool:
        """Whether logarithms at corners of integer exponent are possible."""
        return any(corner.is_integer for corner in self.corners)


def is_integer(value: float) -> bool:
    """Whether an exponent is an integer up to rounding."""
    return abs(value - round(value)) < INTEGER


def _all_are_harmonic(problem: Problem) -> bool:
    """Return whether there are several unknowns, each with Laplace's equation for itself."""
    found: list[int] = []
    for residual in problem.equation_residuals:
        unknowns = {part.unknown for part in residual.parts}
        pairs = zip(residual.parts, residual.partials, strict=True)
        orders = {part.order: partial for part, partial in pairs}
        plain = set(orders) == {(2, 0), (0, 2)} and all(p.is_number for p in orders.values())
        if len(unknowns) != 1 or not plain or orders[2, 0] != orders[0, 2] or residual.source != 0:
            return False
        found += unknowns
    return len(found) > 1 and sorted(found) == list(range(len(problem.unknowns)))


def _principal(problem: Problem) -> tuple[bool, bool, bool]:
    """Return whether the operator is led by a Laplacian, is nothing else, and has no source."""
    if problem.dimension != 2 or len(problem.unknowns) != 1 or len(problem.equations) != 1:
        return False, False, False
    residual = problem.equation_residuals[0]
    second: dict[tuple[int, ...], Expr] = {}
    for part, partial in zip(residual.parts, residual.partials, strict=True):
        if sum(part.order) > 2:
            return False, False, False
        if sum(part.order) == 2:
            second[part.order] = partial
    if set(second) != {(2, 0), (0, 2)} or (second[2, 0] - second[0, 2]).expand() != 0:
        return False, False, False
    plain = len(residual.parts) == 2 and second[2, 0].is_number
    return True, plain, plain and residual.source == 0


def _is_entire(source: Expr) -> bool:
    """Return whether an expression is one of those that are smooth in the whole plane."""
    if source.is_Symbol or source.is_number:
        return True
    if source.is_Pow and not (source.exp.is_integer and source.exp.is_nonnegative):
        return False
    known = source.is_Add or source.is_Mul or source.is_Pow or isinstance(source, ENTIRE)
    return bool(known) and all(_is_entire(argument) for argument in source.args)


def _kinds(problem: Problem) -> dict[str, str]:
    """Return for each piece of the boundary what its condition gives: value, slope, both.

    Pieces without a condition or with several are left out.
    """
    found: dict[str, list[str]] = {}
    for residual, condition in zip(problem.condition_residuals, problem.conditions, strict=True):
        if condition.opposite is not None:
            continue
        for piece in condition.on.pieces:
            found.setdefault(piece.name, []).append(_kind(residual))
    return {name: kinds[0] for name, kinds in found.items() if len(kinds) == 1}


def _kind(residual: SymbolicResidual) -> str:
    orders = {min(sum(part.order), 1) for part in residual.parts}
    return {frozenset({0}): "value", frozenset({1}): "slope"}.get(frozenset(orders), "both")


def _corners(problem: Problem, kinds: dict[str, str]) -> tuple[CornerTraits, ...]:
    """Return where pieces with conditions follow each other, also within one side of the domain."""
    inside = getattr(problem.domain, "inner_pieces", ())
    pieces = {
        p.name: p
        for c in problem.conditions
        for p in c.on.pieces
        if p.name in kinds and getattr(p, "whole", p) not in inside and p not in inside
    }
    if problem.dimension != 2:
        return ()
    slack = 1e-9 * float(np.linalg.norm(problem.domain.upper - problem.domain.lower))
    corners = []
    for before, after in product(pieces.values(), repeat=2):
        if before.curve.is_closed or after.curve.is_closed:
            continue
        if np.linalg.norm(before.curve.ends[1] - after.curve.ends[0]) > slack:
            continue
        corner = next(
            c
            for c in corners_of(((before, after),))
            if (c.before, c.after) == (before.name, after.name)
        )
        gives_value = [kinds[piece.name] == "value" for piece in (before, after)]
        mixed = gives_value[0] != gives_value[1]
        if not mixed and abs(corner.angle - pi) < 1e-6:
            continue  # the boundary goes on smoothly
        bisector, cut = _clear_cut(problem.domain, corner)
        exponent = pi / (2 * corner.angle if mixed else corner.angle)
        corners.append(CornerTraits(corner.point, bisector, exponent, mixed, cut))
    return tuple(corners)


def _clear_cut(domain: Any, corner: Corner) -> tuple[float, float | None]:
    """Return the direction opposite to a branch cut, and where the cut must end.

    Cuts that leave the domain for ever come first, then those whose end is furthest from the sides
    of the corner: the functions are singular there too.
    """
    bisector = corner.direction + corner.angle / 2
    outer = 2 * pi - corner.angle
    choices = []
    for share in (0.0, 0.2, -0.2, 0.4, -0.4, 0.6, -0.6, 0.8, -0.8):
        direction = bisector + share * outer / 2
        cut = _cut(domain, corner.point, direction)
        if cut is None:
            return direction, None
        clearance = cut * sin(min((1 - abs(share)) * outer / 2, pi / 2))
        choices.append((clearance, cut, direction))
    _, cut, direction = max(choices)
    return direction, cut


def _cut(domain: Any, vertex: tuple[float, float], bisector: float) -> float | None:
    """Return half the way that a ray opposite to the bisector goes outside, None if for ever."""
    reach = float(np.linalg.norm(domain.upper - domain.lower))
    distances = np.geomspace(1e-6, 1.0, 400) * reach
    ray = np.array(vertex) - distances[:, None] * np.array([cos(bisector), sin(bisector)])
    inside = np.flatnonzero(domain.contains(ray))
    return float(distances[inside[0]]) / 2 if len(inside) else None
