"""Constants that only the problem itself gives: roots of its equations at points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from sympy import Expr, N, Rational, Symbol, expand, nan, numer, oo, solve, together, zoo
from sympy.core.function import AppliedUndef

from kanpde.formula.bounded import bounded
from kanpde.formula.claims import AnyClaim, Claim
from kanpde.formula.exact import exact_number

SOLVE_SECONDS = 3.0
CLOSE = 1e-8
"""How near a root must be to the constant's float, relative."""

Templates = Mapping[AppliedUndef, Expr]


def determined(
    claimed: Sequence[AnyClaim],
    templates: Templates,
    values: Mapping[Symbol, float],
    snap: Callable[[float], Expr | None],
) -> tuple[Templates, dict[Symbol, Expr]]:
    """Return templates with constants that the equations determine, and those constants.

    All constants but one are written as simple multiples of it where they are; then an equation or
    condition at a point that holds this one only is solved, and the root next to its float taken.

    Args:
        claimed: what must vanish.
        templates: with constants that no lattice holds.
        values: their floats.
        snap: gives exact numbers for ratios.
    """
    known = _linear(claimed, templates, values)
    if known:
        return {u: e.xreplace(known) for u, e in templates.items()}, known
    for base in values:
        tied = {}
        for other, value in values.items():
            if other is not base:
                ratio = snap(value / values[base]) if values[base] else None
                if ratio is not None:
                    tied[other] = ratio * base
        trial = {u: e.xreplace(tied) for u, e in templates.items()}
        found = _solved(claimed, trial, values)
        if found:
            known = {
                s: e.xreplace(found) for s, e in tied.items() if not (e.free_symbols - set(found))
            }
            known |= found
            templates = {u: e.xreplace(found) for u, e in trial.items()}
            break
    return templates, known


def _linear(
    claimed: Sequence[AnyClaim], templates: Templates, values: Mapping[Symbol, float]
) -> dict[Symbol, Expr]:
    """Return constants that enter linearly, by the conditions at as many points; or nothing."""
    symbols = list(values)
    if len(symbols) < 2:
        return {}
    equations: list[Expr] = []
    rows: list[list[float]] = []
    conditions = [c for c in claimed if isinstance(c, Claim) and c.place]
    for claim in conditions:
        residual = claim.residual(templates)
        for point in _points(claim):
            equation = expand(residual.subs(point))
            slopes = [equation.diff(s) for s in symbols]
            if equation.free_symbols - set(symbols) or any(not s.is_number for s in slopes):
                continue
            row = [float(s) for s in slopes]
            if np.isfinite(row).all() and np.linalg.matrix_rank([*rows, row]) > len(rows):
                equations.append(equation)
                rows.append(row)
            if len(rows) == len(symbols):
                found = bounded(lambda: solve(equations, symbols), seconds=SOLVE_SECONDS)
                return found if isinstance(found, dict) and _near(found, values) else {}
    return {}


def _near(found: Mapping[Symbol, Expr], values: Mapping[Symbol, float]) -> bool:
    """Return whether exact numbers are those of the refit."""
    return set(found) == set(values) and all(
        not e.free_symbols and abs(complex(N(e, 20)) - values[s]) < CLOSE * max(1.0, abs(values[s]))
        for s, e in found.items()
    )


def _solved(
    claimed: Sequence[AnyClaim], templates: Templates, values: Mapping[Symbol, float]
) -> dict[Symbol, Expr]:
    """Return exact values by solving single equations for single constants, one after another."""
    found: dict[Symbol, Expr] = {}
    for claim in sorted((c for c in claimed if isinstance(c, Claim)), key=lambda c: not c.place):
        residual = claim.residual(templates).xreplace(found)
        left = residual.free_symbols & set(values)
        if not left:
            continue
        for point in _points(claim):
            at = residual.subs(point)
            if at.has(nan, zoo, oo):
                continue
            equation = expand(at)
            symbols = equation.free_symbols
            if len(symbols) != 1:
                continue
            (symbol,) = symbols
            root = _root(equation, symbol, values[symbol])
            if root is not None:
                found[symbol] = root
                residual = residual.xreplace(found)
                if not residual.free_symbols & set(values):
                    break
    return found


def _points(claim: Claim) -> list[dict[Symbol, Expr]]:
    """Return places where expressions are simple: ends, zero, and two rational points inside."""
    places = []
    for low, high in claim.ranges.values():
        first = Rational(0) if low <= 0 <= high else exact_number(float(low))
        inside = [
            exact_number(float(low)) + (exact_number(float(high)) - exact_number(float(low))) * q
            for q in (Rational(1, 2), Rational(1, 3))
        ]
        places.append([first, *inside])
    return [dict(zip(claim.ranges, p, strict=True)) for p in list(product(*places))[:9]]


def _root(equation: Expr, symbol: Symbol, value: float) -> Expr | None:
    roots = bounded(lambda: solve(numer(together(equation)), symbol), seconds=SOLVE_SECONDS) or []
    for root in roots:
        if root.free_symbols:
            continue
        number = complex(N(root, 20))
        if np.isfinite(number) and abs(number - value) < CLOSE * max(1.0, abs(value)):
            return root
    return None
