"""Whether an expression is zero: refuted at once, proved, true to many digits, or small."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from time import monotonic

import mpmath
from sympy import (
    Expr,
    Float,
    Rational,
    Symbol,
    cancel,
    exp,
    expand,
    expand_log,
    expand_trig,
    lambdify,
    simplify,
    together,
    trigsimp,
)

from kanpde.formula.bounded import bounded


class Level(IntEnum):
    """What is known of a formula, from nothing to a proof."""

    NONE = 0
    FITTED = 1
    NUMERIC = 2
    CERTIFIED = 3
    PROVED = 4


DIGITS = 60
"""Decimal digits of the numerical test."""

POINTS = 12
"""Random rational points of the numerical test."""

STEP_SECONDS = 3.0
"""Time limit of one rewriting."""


@dataclass(frozen=True)
class Verdict:
    """What was found of one expression that should vanish.

    Args:
        level: of certainty that it does.
        largest: its largest absolute value at random points.
        how: the rewriting that gave zero, or the test.
    """

    level: Level
    largest: float
    how: str


def vanishes(
    expression: Expr, ranges: Mapping[Symbol, tuple[float, float]], deadline: float
) -> Verdict:
    """Return what can be said of an expression that should be zero.

    First it is evaluated with 60 digits at random rational points: one value above 1e-40 refutes it
    (for an expression with floats: above what rounding explains it is a numeric statement). Then
    rewritings are tried, each under a time limit.

    Args:
        expression: of the symbols of ``ranges`` only.
        ranges: of its free symbols.
        deadline: on the clock of ``time.monotonic``, after which no rewriting is begun.
    """
    if expression == 0:
        return Verdict(Level.PROVED, 0.0, "identically")
    largest = _largest(expression, ranges)
    if largest is None:
        return Verdict(Level.NONE, float("inf"), "not finite")
    if expression.has(Float):
        return Verdict(Level.NUMERIC, float(largest), "evaluated, for it holds floats")
    if largest > mpmath.mpf(10) ** -40:
        return Verdict(Level.NONE, float(largest), f"refuted: it is {float(largest):.1e}")
    signed = _with_signs(expression, ranges)
    for name, rewrite in REWRITINGS:
        left = deadline - monotonic()
        if left <= 0:
            break
        if bounded(rewrite, signed, seconds=min(STEP_SECONDS, left)) == 0:
            return Verdict(Level.PROVED, 0.0, name)
    return Verdict(Level.CERTIFIED, float(largest), "below 1e-40 with 60 digits, not proved")


def rational_in_exponentials(expression: Expr) -> Expr:
    """Return an expression in exponentials, cancelled; zero if it is an identity among them."""
    return cancel(together(expand(expression.rewrite(exp), power_exp=True)))


REWRITINGS: tuple[tuple[str, Callable[[Expr], Expr]], ...] = (
    ("by expanding", expand),
    ("by addition theorems", lambda e: expand(expand_trig(expand(e)))),
    ("in exponentials", rational_in_exponentials),
    ("by simplifying", simplify),
    ("by trigonometric simplification", trigsimp),
    ("by simplifying exponentials", lambda e: simplify(e.rewrite(exp))),
    ("by simplifying addition theorems", lambda e: simplify(expand_trig(e))),
    ("by logarithms", lambda e: simplify(expand_log(expand(e), force=False))),
    ("in exponentials by addition theorems", lambda e: rational_in_exponentials(expand_trig(e))),
)


def _with_signs(expression: Expr, ranges: Mapping[Symbol, tuple[float, float]]) -> Expr:
    """Return the expression with positive symbols for coordinates that are positive."""
    positive = {s: Symbol(s.name, positive=True) for s, (low, _) in ranges.items() if low > 0}
    return expression.xreplace(positive)


def _largest(expression: Expr, ranges: Mapping[Symbol, tuple[float, float]]) -> mpmath.mpf | None:
    """Return the largest value at random rational points with many digits, None if not finite."""
    symbols = sorted(expression.free_symbols, key=str)
    if any(s not in ranges for s in symbols):
        return None
    function = lambdify(symbols, expression, modules="mpmath")
    generator = random.Random(0)
    largest = mpmath.mpf(0)
    with mpmath.workdps(DIGITS):
        for _ in range(POINTS if symbols else 1):
            point = []
            for s in symbols:
                low, high = (Rational(str(end)) for end in ranges[s])
                q = low + (high - low) * Rational(generator.randint(1, 997), 1009)
                point.append(mpmath.mpf(int(q.p)) / int(q.q))
            value = bounded(function, *point, seconds=5)
            if value is None or not mpmath.isfinite(value):
                return None
            largest = max(largest, abs(value))
    return largest
