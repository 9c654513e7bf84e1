"""Find corners at which two conditions give one unknown different values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from kanpde.problem.checks import place_text
from kanpde.problem.conditions import Condition
from kanpde.problem.evaluate import evaluate
from kanpde.problem.kept import missing
from kanpde.problem.kinds import ConditionKind, kind_of
from kanpde.problem.residual import SymbolicResidual

if TYPE_CHECKING:
    from kanpde.problem.problem import Problem

POINTS = 33
TOLERANCE = 1e-6
"""Largest difference of two values, relative to the largest prescribed, that is agreement."""


class IncompatibleWarning(UserWarning):
    """Two conditions give different values where their pieces meet."""


def disagreements(problem: Problem) -> Iterator[str]:
    """Yield a message for each pair of conditions whose values differ where their pieces meet.

    Meeting points are found for curves in the plane (their ends) and for pieces that lie across a
    coordinate (faces of boxes, the initial time): points of the other piece are moved there, and
    kept if they lie on both.
    """
    named = [
        (name, condition, residual)
        for name, condition, residual in zip(
            problem.condition_names, problem.conditions, problem.condition_residuals, strict=True
        )
        if kind_of(condition, residual) is ConditionKind.DIRICHLET
        and not residual.parameters
        and not missing(residual.expression)
    ]
    for (name, a, r), (other, b, q) in combinations(named, 2):
        if r.parts[0].unknown != q.parts[0].unknown:
            continue
        points = _meeting_points(a, b)
        if not len(points):
            continue
        found, against = _values(problem, r, points), _values(problem, q, points)
        size = max(_size(problem, a, r), _size(problem, b, q))
        gap = np.where(np.isfinite(found + against), np.abs(found - against), 0.0)
        worst = int(np.argmax(gap))
        if gap[worst] > TOLERANCE * size:
            unknown = problem.unknown_names[r.parts[0].unknown]
            yield (
                f'"{name}" and "{other}" disagree at '
                f"{place_text(points[worst], problem.domain.names)}: {unknown} = "
                f"{found[worst]:.6g} and {against[worst]:.6g}; the solution has a jump there, and "
                "no smooth field can be accurate near it."
            )


def _values(problem: Problem, residual: SymbolicResidual, points: np.ndarray) -> np.ndarray:
    """Return the value that a Dirichlet condition prescribes at points, nan where it has none."""
    value = -residual.source / residual.partials[0]
    return evaluate(value, problem.coordinates, points, np.full_like(points, np.nan))


def _size(problem: Problem, condition: Condition, residual: SymbolicResidual) -> float:
    """Return the largest value that a Dirichlet condition prescribes on its pieces."""
    values = _values(problem, residual, condition.on.sample(POINTS)[0])
    return float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))


def _meeting_points(a: Condition, b: Condition) -> np.ndarray:
    """Return points (N, D) at which pieces of two conditions meet."""
    meeting = [np.zeros((0, len(a.on.sample(1)[0][0])))]
    for first in a.on.pieces:
        for second in b.on.pieces:
            if first == second:
                continue
            if first.curve is not None and second.curve is not None:
                ends = np.concatenate([first.curve.ends, second.curve.ends])
                meeting.append(ends[first.contains(ends) & second.contains(ends)])
            else:
                meeting += [_moved(first, second), _moved(second, first)]
    return np.concatenate(meeting)


def _moved(piece: Any, across: Any) -> np.ndarray:
    """Return points of a piece moved onto one that lies across a coordinate, if they stay on it."""
    points, _ = piece.sample(POINTS)
    there, normals = across.sample(POINTS)
    for axis in range(points.shape[1]):
        if np.ptp(there[:, axis]) == 0 and (np.abs(normals[:, axis]) == 1).all():
            moved = points.copy()
            moved[:, axis] = there[0, axis]
            return moved[piece.contains(moved) & across.contains(moved)]
    return points[:0]
