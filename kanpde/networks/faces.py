"""Dirichlet conditions on planes across the coordinates, and at the initial time, built in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sympy import Expr, Integer, Symbol

from kanpde.geometry import Face, as_face
from kanpde.networks.implicit import number
from kanpde.networks.prescribed import Built, Prescribed, is_given_away, is_tame
from kanpde.problem import NormalComponent, Problem

MOST_AXES = 4
"""The transfinite interpolant has three times as many terms for every further coordinate."""


@dataclass(frozen=True)
class Side:
    """An end of a coordinate.

    Args:
        axis: the column of the coordinate.
        side: -1 for the lower end, 1 for the upper.
        value: of the coordinate there.
    """

    axis: int
    side: int
    value: float


def built_on_faces(
    problem: Problem, given: Sequence[Prescribed], *, blind: bool = False
) -> Built | None:
    r"""Build in the conditions on faces of a box, or return None if there are none.

    The factor is the product of the distances to the constrained faces. The lift is one expression
    for all of them, or the transfinite interpolant (:func:`blended`).
    """
    values: dict[Side, Expr] = {}
    faces: list[Face] = []
    met = []
    for own in given:
        found = [as_face(piece) for piece in own.pieces]
        sides = [face for face in found if face is not None]
        if len(sides) < len(found):
            continue  # a part of a face
        met.append(own)
        faces += sides
        values |= {side_of(f): on_side(own.value, problem, f.axis, f.side) for f in sides}
    if not met:
        return None
    common = set(values.values())
    one = len(common) == 1 and not (blind and is_given_away(problem, met))
    if one and is_tame(problem, next(iter(common)), faces):
        lift = common.pop()  # one expression gives all the values: it is its own lift
    elif len({side.axis for side in values}) > MOST_AXES:
        return None
    else:
        lift = blended(problem, values)
    factor: Expr = Integer(1)
    for side in values:
        t = _position(problem, side.axis)
        factor *= 2 * t if side.side < 0 else 2 * (1 - t)
    return Built(lift, factor, tuple(met))


def side_of(face: Face) -> Side:
    """Return the end of a coordinate that a face is."""
    return Side(face.axis, face.side, float(face.value))


def on_side(value: Expr, problem: Problem, axis: int, side: int) -> Expr:
    """Return a boundary value with the outward normal of a side put in."""
    normal: dict[Symbol, Expr] = {
        NormalComponent(c.name): Integer(side if i == axis else 0)
        for i, c in enumerate(problem.coordinates)
    }
    return value.xreplace(normal)


def blended(problem: Problem, values: Mapping[Side, Expr]) -> Expr:
    """Return the transfinite interpolant of values on sides.

    Gordon and Hall, Numer. Math. 21 (1973): axis by axis the linear blend of what is still missing
    on the two sides.
    """
    lift: Expr = Integer(0)
    for axis, coordinate in enumerate(problem.coordinates):
        t = _position(problem, axis)
        missing = {
            side.side: (value - lift).subs(coordinate, number(side.value))
            for side, value in values.items()
            if side.axis == axis
        }
        if len(missing) == 2:
            lift += (1 - t) * missing[-1] + t * missing[1]
        else:
            lift += sum(missing.values(), start=Integer(0))
    return lift


def _position(problem: Problem, axis: int) -> Expr:
    """Return the coordinate of an axis mapped to [0, 1]."""
    lo, hi = (number(b[axis]) for b in (problem.domain.lower, problem.domain.upper))
    return (problem.coordinates[axis] - lo) / (hi - lo)
