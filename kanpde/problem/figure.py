"""The figure of a problem: the domain, its pieces by name, and which points carry which condition.

matplotlib is loaded when a figure is asked for and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Add, Derivative, Expr, expand_mul
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter

from kanpde.problem.conditions import Condition
from kanpde.problem.measured import Measured, Total

if TYPE_CHECKING:
    from kanpde.plots import Outline
    from kanpde.plots.figure import Figure
    from kanpde.problem.problem import Problem

MOST_DATA = 400
"""Measured points that are drawn; of more an even part."""
LONGEST = 110
"""Characters of LaTeX beyond which the known terms of an equation are not written out."""
APART = 0.022
"""Several conditions on one piece are drawn beside each other, so far apart (of the width)."""


def figure(problem: Problem, points: int, seed: int) -> Figure:
    """Return the figure of a problem; see ``Problem.plot``."""
    from kanpde.plots import PointGroup, plot_points

    if points < 1:
        raise ValueError(f"points={points} must be at least 1.")
    domain, groups = problem.domain, []
    if problem.equations:
        label = "equation" if len(problem.equations) == 1 else "equations"
        inside = domain.interior(points, seed=seed)
        groups.append(PointGroup(f"{label}, inside", inside, faint=True))
    places = _Places(problem, points // 2, seed)
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        label = name if len(name) < 48 else f"{name[:44]} ..."
        label += f"\n{_text(condition)}"
        groups.append(PointGroup(label, places.of(condition)))
    return plot_points(groups, _outlines(problem), domain.names, title=_title(problem))


class _Places:
    """Where the points of conditions are drawn."""

    def __init__(self, problem: Problem, points: int, seed: int) -> None:
        self._problem, self._points, self._seed = problem, points, seed
        self._rank: dict[Any, int] = {}

    def of(self, condition: Condition) -> np.ndarray:
        """Return the points of a condition, (N, D); none for an integral over the domain."""
        on = condition.on
        if isinstance(on, Measured):
            return np.asarray(on.points)[:: -(-len(on.points) // MOST_DATA)]
        if isinstance(on, Total) and not hasattr(on.over, "pieces"):
            return np.empty((0, self._problem.dimension))
        parts = [on.over if isinstance(on, Total) else on]
        if condition.opposite is not None:
            parts.append(condition.opposite.on)
        return np.concatenate([self._on(piece) for part in parts for piece in part.pieces])

    def _on(self, piece: Any) -> np.ndarray:
        """Return points of a piece, further outside for each condition it has already."""
        domain = self._problem.domain
        rank = self._rank.get(piece, 0)
        self._rank[piece] = rank + 1
        if domain.dimension == 1:
            return piece.sample(1)[0]
        count = max(4, int(self._points * piece.measure / domain.boundary.measure))
        places, normals = piece.sample(min(count, self._points), seed=self._seed)
        return places + rank * APART * (domain.upper - domain.lower) * normals


def _outlines(problem: Problem) -> list[Outline]:
    """Return the pieces of the boundary, and those that conditions select beyond them."""
    boundary = problem.domain.boundary
    selected = [p for c in problem.conditions for p in getattr(c.on, "pieces", ())]
    return [_outline(piece) for piece in dict.fromkeys([*boundary.pieces, *selected])]


def _outline(piece: Any) -> Outline:
    from kanpde.plots import Outline

    if piece.curve is not None:
        t, middle = np.linspace(0, 1, 32 * piece.curve.panels + 1), np.array([0.5])
        place, normal = piece.curve.point(middle)[0], piece.curve.normal(middle)[0]
        return Outline(piece.name, piece.curve.point(t), place, normal)
    places, normals = piece.sample(64, seed=0)
    nearest = int(np.argmin(np.linalg.norm(places - places.mean(0), axis=1)))
    return Outline(piece.name, places[:0], places[nearest], normals[nearest])


# Formulas ----------------------------------------------------------------------------------------


class _Printer(LatexPrinter):
    r"""Derivatives as subscripts, :math:`u_{xx}`, and unknowns without their coordinates."""

    def _print_Derivative(self, expr: Derivative) -> str:
        if not isinstance(expr.expr, AppliedUndef):
            return str(super()._print_Derivative(expr))
        below = " ".join(self._print(c) for c, n in expr.variable_count for _ in range(n))
        return f"{self._print(expr.expr)}_{{{below}}}"

    def _print_Function(self, expr: Expr, exp: str | None = None) -> str:
        if not isinstance(expr, AppliedUndef):
            return str(super()._print_Function(expr, exp))
        name = expr.func.__name__
        base = name if len(name) == 1 else rf"\mathrm{{{name.replace('_', ' ')}}}"
        return base if exp is None else f"{base}^{{{exp}}}"


def _title(problem: Problem) -> str:
    """Return the name and the equations."""
    lines = [_formula(e) for e in problem.equations.values()][:5]
    if len(problem.equations) > len(lines):
        lines.append(f"and {len(problem.equations) - len(lines)} more")
    return "\n".join([problem.name, *lines])


def _text(condition: Condition) -> str:
    """Return what holds, as a formula."""
    on = condition.on
    if condition.opposite is not None:
        return f"{_math(_Printer().doprint(condition.expression))} equal on both"
    if isinstance(on, Total):
        return rf"integral of {_math(_Printer().doprint(condition.expression))} is {on.value:g}"
    if isinstance(on, Measured):
        return f"{_math(_Printer().doprint(condition.expression))} = {on.right_hand_side}"
    return _formula(condition.expression)


def _formula(expression: Expr) -> str:
    """Return that an expression vanishes; if it is long, with its known terms under one name."""
    terms = Add.make_args(expand_mul(expression))
    known = [t for t in terms if not t.atoms(AppliedUndef)]
    unknown = Add(*(t for t in terms if t.atoms(AppliedUndef)))
    text = _Printer().doprint(expression) + " = 0"
    if known:
        given = _Printer().doprint(-Add(*known))
        text = f"{_Printer().doprint(unknown)} = {given}"
        if len(text) > LONGEST:
            text = rf"{_Printer().doprint(unknown)} = \mathrm{{known}}"
    if len(text) > 2 * LONGEST:
        text = r"\ldots = 0"
    return _math(text)


def _math(text: str) -> str:
    """Return LaTeX between dollars, or as it is where matplotlib cannot set it."""
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(f"${text}$")
    except ValueError:  # matplotlib knows a part of LaTeX
        return text.replace("$", "")
    return f"${text}$"
