"""What Dirichlet conditions prescribe: the values of single unknowns on pieces of a boundary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Expr

from kanpde.problem import Given, Parameter, Problem, evaluate

TAME = 10.0


@dataclass(frozen=True)
class Prescribed:
    """A condition of the form u = g.

    Args:
        name: of the condition.
        unknown: the number of u.
        value: g, in the coordinates and the outward normal.
        pieces: of the boundary, on which it holds.
    """

    name: str
    unknown: int
    value: Expr
    pieces: tuple[Any, ...]


@dataclass(frozen=True)
class Built:
    """Expressions that build conditions of one unknown in.

    Args:
        lift: has the values.
        factor: vanishes on the pieces.
        met: the conditions.
    """

    lift: Expr
    factor: Expr
    met: tuple[Prescribed, ...]


def prescribed(problem: Problem) -> list[Prescribed]:
    """Return the conditions that give an unknown values known as expressions."""
    found = []
    functions = tuple(type(f) for f in problem.unknowns)
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        pieces = tuple(condition.on.pieces)
        if condition.opposite is not None or not pieces:
            continue
        if condition.expression.atoms(Parameter, Given):
            continue  # not known, or its derivatives are not
        for index, u in enumerate(problem.unknowns):
            rest = condition.expression - u
            if not rest.atoms(*functions) and not rest.has(u):
                found.append(Prescribed(name, index, -rest, pieces))
    return found


def values_on(
    problem: Problem, given: Prescribed, points: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """Return the values of a condition at points with normals, (N,)."""
    return evaluate(given.value, problem.coordinates, points, normals)


def is_given_away(problem: Problem, given: Iterable[Prescribed]) -> bool:
    """Whether a value is the known exact solution, which must not get into a trained field."""
    exact = problem.exact or {}
    return any(
        p.value.free_symbols and p.value == exact.get(problem.unknowns[p.unknown]) for p in given
    )


def is_tame(problem: Problem, value: Expr, pieces: Iterable[Any]) -> bool:
    """Whether an expression is not much larger inside than on the pieces it was given for."""
    inside = evaluate(value, problem.coordinates, problem.domain.interior(1000, seed=3))
    points = np.concatenate([piece.sample(64, seed=3)[0] for piece in pieces])
    largest = np.max(np.abs(evaluate(value, problem.coordinates, points)))
    return bool(np.isfinite(inside).all() and np.max(np.abs(inside)) <= TAME * max(largest, 1e-12))
