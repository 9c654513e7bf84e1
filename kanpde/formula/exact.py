"""Exact numbers for the floats of a problem: 0.1 is 1/10, and 3.14159... is pi."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite

from sympy import Expr, Float, Rational, Symbol, cos, pi, sin, sqrt

from kanpde.geometry.curves import Arc, Segment

LARGEST_DENOMINATOR = 720


def exact_number(value: float) -> Expr:
    """Return the exact number that a float most likely stands for.

    A decimal number of up to 12 digits is that decimal; a multiple of pi, or a square root, by a
    rational of small denominator is recognised if it rounds to the very same float; else the
    decimal that Python prints is taken as it is.

    Raises:
        ValueError: for a number that is not finite.

    >>> from math import pi
    >>> exact_number(0.1), exact_number(2 * pi), exact_number(0.5**0.5)
    (1/10, 2*pi, sqrt(2)/2)
    """
    if not isfinite(value):
        raise ValueError(f"{value!r} is no finite number.")
    text = repr(float(value))
    digits = text.split("e")[0].replace("-", "").replace(".", "").strip("0")
    if len(digits) <= 12:
        return Rational(text)
    for unit in (pi, 1 / pi):
        q = Fraction(value / float(unit)).limit_denominator(LARGEST_DENOMINATOR)
        if q and float(Rational(q.numerator, q.denominator) * unit) == value:
            return Rational(q.numerator, q.denominator) * unit
    q = Fraction(value**2).limit_denominator(LARGEST_DENOMINATOR)
    root = sqrt(Rational(q.numerator, q.denominator)) * (1 if value > 0 else -1)
    q = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    if float(root) == value:
        return root
    return Rational(q.numerator, q.denominator) if float(q) == value else Rational(text)


def exact_expression(expression: Expr) -> Expr:
    """Return an expression with every float in it made exact."""
    floats = expression.atoms(Float)
    return expression.xreplace({f: exact_number(float(f)) for f in floats})


def curve_expressions(
    curve: Segment | Arc, parameter: Symbol
) -> tuple[tuple[Expr, Expr], tuple[Expr, Expr], tuple[float, float]]:
    """Return point and outward unit normal of a curve as expressions, and the parameter's range.

    Args:
        curve: a segment or an arc of an ellipse, the domain on its left.
        parameter: a real symbol: the fraction of a segment, the angle of an arc.
    """
    turn = 1.0
    if isinstance(curve, Segment):
        start, stop = ([exact_number(c) for c in end] for end in (curve.start, curve.stop))
        point = tuple(a + parameter * (b - a) for a, b in zip(start, stop, strict=True))
        span = (0.0, 1.0)
    else:
        centre, u, v = ([exact_number(c) for c in w] for w in (curve.centre, curve.u, curve.v))
        point = tuple(
            c + a * cos(parameter) + b * sin(parameter)
            for c, a, b in zip(centre, u, v, strict=True)
        )
        span = (min(curve.begin, curve.end), max(curve.begin, curve.end))
        turn = 1.0 if curve.end > curve.begin else -1.0
    dx, dy = (p.diff(parameter) for p in point)
    speed = sqrt((dx**2 + dy**2).simplify())
    sign = int(turn)
    return (point[0], point[1]), (sign * dy / speed, -sign * dx / speed), span
