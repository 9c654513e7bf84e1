"""Exact constants for floats that are known to ten digits or more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import floor, inf, log2

import mpmath
from sympy import E, Expr, Integer, Rational, exp, log, pi, preorder_traversal, sqrt, sympify

BASES: tuple[tuple[Expr, float], ...] = (
    (Integer(1), 0.0),
    (pi, 2.0),
    *((sqrt(n), 2.0) for n in (2, 3, 5, 6)),
    *((sqrt(n), 4.0) for n in (7, 10)),
    (1 / pi, 3.0),
    *((b, 4.0) for b in (pi**2, 1 / pi**2, sqrt(pi), 1 / sqrt(pi), log(2), 1 / log(2), E, 1 / E)),
    *((b, 6.0) for b in (pi ** Rational(1, 4), pi ** Rational(-1, 4), sqrt(2 * pi), pi**3)),
    *((b, 6.0) for b in (1 / sqrt(2 * pi), sqrt(2 / pi), pi * sqrt(2), pi * sqrt(3), log(3))),
    *((b, 6.0) for b in (1 / log(3), pi / log(2), exp(2), exp(-2), exp(Rational(1, 2)))),
)
"""Numbers whose rational multiples are tried, with the bits that each costs."""

MARGIN = 9.0
"""Bits by which a constant must be cheaper than the digits it explains."""


def known_constants(expressions: Iterable[Expr]) -> list[tuple[Expr, float]]:
    """Return numbers that occur in a problem, and simple functions of them, as further bases."""
    found: set[Expr] = set()
    for expression in expressions:
        for a in preorder_traversal(sympify(expression)):
            if a.is_number and not a.is_Float and a.is_real and a.is_finite and a not in (0, 1, -1):
                found.add(abs(a))
    simple = sorted((a for a in found if a.count_ops() < 12), key=lambda a: (a.count_ops(), str(a)))
    bases: list[tuple[Expr, float]] = []
    for a in simple[:10]:
        if a.is_Rational:
            if a.is_Integer and (a > 50 or sqrt(a).is_Rational):
                continue
            bases += [(sqrt(a), 3.0)]
            continue
        bases += [(a, 3.0), (1 / a, 4.0), (sqrt(a), 5.0), (a**2, 5.0)]
        if a.is_positive and a != 1:
            bases += [(log(a), 5.0)]
    return bases


def simplest_rational(low: float, high: float) -> Fraction:
    """Return the rational of smallest denominator between two positive numbers.

    The continued fractions of both ends, as far as they agree. Rounding grows with each step as the
    interval does, so that floats are enough.

    >>> simplest_rational(0.3333, 0.3334)
    Fraction(1, 3)
    """
    quotients: list[int] = []
    a, b = low, high
    while floor(a) < a and floor(a) + 1 > b and len(quotients) < 40:
        whole = floor(a)
        quotients.append(whole)
        a, b = 1 / (b - whole), 1 / (a - whole) if a > whole else inf
    last = floor(a) if floor(a) == a else floor(a) + 1
    q = Fraction(last)
    for whole in reversed(quotients):
        q = whole + 1 / q
    return q


def bits(q: Fraction) -> float:
    """Return the bits that a rational costs."""
    return log2(1 + abs(q.numerator)) + log2(q.denominator)


def snapped(
    value: float,
    tolerance: float,
    bases: Sequence[tuple[Expr, float]] = BASES,
    *,
    margin: float = MARGIN,
) -> Expr | None:
    """Return the cheapest exact number within a tolerance of a float, or None if none is cheap.

    A number p/q b must cost fewer bits than the digits of the value that it explains, so that a
    chance hit is rare: 22/7 is not pi at ten digits.

    Args:
        value: the float.
        tolerance: absolute.
        bases: numbers b with their bits.
        margin: bits by which it must be cheaper.

    >>> snapped(0.5, 1e-12), snapped(3.14159265359, 1e-10)
    (1/2, pi)
    >>> snapped(0.123456789123, 1e-12) is None
    True
    """
    if abs(value) <= tolerance:
        return Integer(0)
    available = -log2(2 * tolerance / abs(value)) - margin
    best: tuple[float, Expr] | None = None
    for base, cost in bases:
        size = abs(float(base))
        low, high = (abs(value) - tolerance) / size, (abs(value) + tolerance) / size
        if low <= 0:
            continue
        q = simplest_rational(low, high)
        whole = bits(q) + cost
        if whole <= available and (best is None or whole < best[0]):
            best = whole, Rational(q.numerator, q.denominator) * base
    if best is None:
        best = _square_root(value, tolerance, available)
    if best is None:
        return None
    return best[1] if value > 0 else -best[1]


def _square_root(value: float, tolerance: float, available: float) -> tuple[float, Expr] | None:
    """Return sqrt(p/q), log(p/q) or exp(p/q) if the value is one, with its bits."""
    v = abs(value)
    low, high = max(v - tolerance, 1e-300), v + tolerance
    found = []
    q = simplest_rational(low**2, high**2)
    found.append((bits(q) + 3, sqrt(Rational(q.numerator, q.denominator))))
    if v < 30:
        q = simplest_rational(float(mpmath.exp(low)), float(mpmath.exp(high)))
        found.append((bits(q) + 5, log(Rational(q.numerator, q.denominator))))
    ends = (float(mpmath.log(low)), float(mpmath.log(high)))
    if ends[0] > 0 or ends[1] < 0:
        q = simplest_rational(*sorted(map(abs, ends)))
        sign = 1 if ends[0] > 0 else -1
        found.append((bits(q) + 5, exp(Rational(sign * q.numerator, q.denominator))))
    cheap = [f for f in found if f[0] <= available]
    return min(cheap, key=lambda f: f[0]) if cheap else None


def relation(value: float, tolerance: float) -> Expr | None:
    """Return a small combination of 1, sqrt(2), sqrt(3), pi or log(2) by PSLQ, or None.

    The last resort: pairs of numbers with integer coefficients up to 60.
    """
    for pair in (
        (Integer(1), sqrt(2)),
        (Integer(1), sqrt(3)),
        (Integer(1), sqrt(5)),
        (Integer(1), pi),
        (Integer(1), log(2)),
    ):
        with mpmath.workdps(15):
            found = mpmath.pslq(
                [mpmath.mpf(value), *(mpmath.mpf(float(b)) for b in pair)],
                maxcoeff=60,
                maxsteps=2000,
                tol=max(tolerance, 1e-13) * 60,
            )
        if not found or not found[0]:
            continue
        exact = -sum((Integer(k) * b for k, b in zip(found[1:], pair, strict=True))) / found[0]
        if abs(float(exact) - value) <= tolerance:
            return exact
    return None
