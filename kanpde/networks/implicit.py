r"""Expressions that vanish on a piece of a boundary and are positive in the domain.

A flat piece lies on a plane, a piece of a circle, sphere or ellipse on a quadric, and a closed
curve of few Fourier modes on an algebraic curve; the function of the whole is smooth everywhere,
and where the domain lies on one side of it nothing else is needed. Where it does not, the function
of a curve is trimmed to the curve itself (Sukumar and Srivastava, Comput. Methods Appl. Mech.
Engrg. 389 (2022) 114333, section 3):

.. math:: \phi=\sqrt{f^2+\Bigl(\tfrac{\sqrt{t^2+f^4}-t}{2}\Bigr)^2}

with f zero on the whole line or circle and t positive on the part that is kept. It is smooth but at
the ends of the curve.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sympy import Expr, Float, Integer, Mul, Piecewise, Rational, Symbol, sqrt

from kanpde.geometry import Lateral
from kanpde.geometry.curves import Arc, Segment, Wave

FLAT = 1e-12
"""Normals that differ by no more are one."""
VANISHES = 1e-13
"""A polynomial of smaller values than this, relative to its coefficients, is zero."""
HIGHEST_DEGREE, SAMPLES = 12, 600
"""Of the polynomial of a closed curve, and the points that it is found from."""


def number(value: float) -> Expr:
    """Return a number as the rational that its shortest decimals are."""
    return Rational(repr(float(value)))


def carrier(piece: Any, coordinates: tuple[Symbol, ...]) -> Expr | None:
    """Return a function that vanishes on all of a piece and is positive beside it in the domain.

    It is of order one: a plane's is the distance, a quadric's 1 - q inside and 1 - 1/q outside of
    q = 1. None is returned for a piece of another shape.
    """
    if isinstance(piece, Lateral):
        return carrier(piece.piece, coordinates[:-1])
    points, normals = piece.sample(16, seed=5)
    if np.ptp(normals, axis=0).max() <= FLAT:
        return _plane(points[0], normals[0], coordinates)
    if isinstance(piece.curve, Arc):
        return _quadric(_ellipse(piece.curve, coordinates), points, normals, piece.curve.centre)
    if isinstance(piece.curve, Wave):
        return _algebraic(piece.curve, coordinates)
    ball = getattr(_whole(piece), "ball", None)
    if ball is None:
        return None
    place = zip(coordinates, ball.centre, strict=True)
    q = sum(((c - number(m)) ** 2 for c, m in place), Integer(0)) / number(ball.radius) ** 2
    return _quadric(q, points, normals, ball.centre)


def trimmed(piece: Any, coordinates: tuple[Symbol, ...]) -> Expr | None:
    """Return a function that vanishes on a segment or circular arc alone; None for other pieces."""
    if isinstance(piece, Lateral):
        return trimmed(piece.piece, coordinates[:-1])
    curve = piece.curve
    if not isinstance(curve, (Arc, Segment)) or curve.is_closed or not curve.is_even:
        return None
    f = carrier(piece, coordinates)
    assert f is not None
    start, middle, stop = curve.point(np.array([0.0, 0.5, 1.0]))
    if isinstance(curve, Segment):
        length = number(curve.length)
        away = sum((c - number(m)) ** 2 for c, m in zip(coordinates, middle, strict=True))
        t = length / 4 - away / length
    else:  # what is on the arc's side of its chord
        along = (stop - start) / np.linalg.norm(stop - start)
        across = (middle - start) - ((middle - start) @ along) * along
        t = -_plane(start, across / np.linalg.norm(across), coordinates)
        f = f * number(np.hypot(*curve.u) / 2)  # of slope one, as a distance
    root = sqrt(t**2 + f**4)
    # Beside the curve the same with f in front: no root of zero where it is to be differentiated.
    inside = f * sqrt(1 + (f**3 / (2 * (root + t))) ** 2)
    return Piecewise((inside, (t > 0) & (f >= 0)), (sqrt(f**2 + ((root - t) / 2) ** 2), True))


def equivalence(functions: list[Expr], order: int = 1) -> Expr:
    r"""Return Rvachev's join of order m, :math:`(\sum_i\phi_i^{-m})^{-1/m}`, of positive functions.

    It vanishes where one of them does, with the same normal derivative, and has the normalised
    derivatives of orders 2..m zero there (Biswas and Shapiro, Graph. Models 66 (2004)).
    """
    if len(functions) == 1:
        return functions[0]
    others = [Mul(*functions[:i], *functions[i + 1 :]) for i in range(len(functions))]
    total = sum((other**order for other in others), Integer(0))
    return Mul(*functions) / total ** (Integer(1) / order)


def _plane(place: np.ndarray, normal: np.ndarray, coordinates: tuple[Symbol, ...]) -> Expr:
    """Return the distance to a plane on the side that the normal leaves."""
    terms = zip(coordinates, place, normal, strict=True)
    return sum((number(-n) * (c - number(p)) for c, p, n in terms if n), Integer(0))


def _ellipse(curve: Arc, coordinates: tuple[Symbol, ...]) -> Expr:
    """Return q with q = 1 on the ellipse of an arc."""
    total: Expr = Integer(0)
    for axis in (curve.u, curve.v):
        square = axis[0] ** 2 + axis[1] ** 2
        terms = zip(coordinates, curve.centre, axis, strict=True)
        total += sum((number(a / square) * (c - number(m)) for c, m, a in terms), Integer(0)) ** 2
    return total


def _quadric(q: Expr, points: np.ndarray, normals: np.ndarray, centre: Any) -> Expr:
    outward = ((points - np.asarray(centre)) * normals).sum() > 0
    return 1 - q if outward else 1 - 1 / q


def _algebraic(curve: Wave, coordinates: tuple[Symbol, ...]) -> Expr | None:
    """Return the polynomial of lowest degree that vanishes on a Fourier curve, or None.

    A curve of K modes is algebraic, of degree 2 K at most. The polynomial is the null vector of the
    Chebyshev products of that degree at points of the curve.
    """
    steps = (np.arange(SAMPLES) + 0.5) / SAMPLES
    points, normals = curve.point(steps), curve.normal(steps)
    middle, half = (points.max(0) + points.min(0)) / 2, np.ptp(points, axis=0) / 2
    for degree in range(2, min(2 * curve.modes, HIGHEST_DEGREE) + 1):
        powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
        rows = _products((points - middle) / half, powers)
        _, singular, vectors = np.linalg.svd(rows, full_matrices=False)
        if singular[-1] > VANISHES * singular[0]:
            continue
        inset = points - 1e-3 * half.min() * normals
        side = _products((inset - middle) / half, powers) @ vectors[-1]
        if not (side * side[0] > 0).all():
            return None
        polynomial = _polynomial(
            vectors[-1] * np.sign(side[0]), powers, coordinates, middle, half, degree
        )
        inside = curve.area() > 0  # the domain is on the left of the curve
        return polynomial if inside else polynomial / (1 + polynomial)
    return None


def _products(unit: np.ndarray, powers: list[tuple[int, int]]) -> np.ndarray:
    """Return the Chebyshev products T_i(x) T_j(y) at points (N, 2), (N, products)."""
    degree = max(i + j for i, j in powers)
    first, second = (np.polynomial.chebyshev.chebvander(c, degree) for c in unit.T)
    return np.stack([first[:, i] * second[:, j] for i, j in powers], axis=1)


def _polynomial(
    coefficients: np.ndarray,
    powers: list[tuple[int, int]],
    coordinates: tuple[Symbol, ...],
    middle: np.ndarray,
    half: np.ndarray,
    degree: int,
) -> Expr:
    """Return a sum of Chebyshev products as a polynomial in the scaled coordinates."""
    to_powers = np.zeros((degree + 1, degree + 1))
    for k in range(degree + 1):
        to_powers[: k + 1, k] = np.polynomial.chebyshev.cheb2poly(np.eye(degree + 1)[k, : k + 1])
    table = np.zeros((degree + 1, degree + 1))
    for c, (i, j) in zip(coefficients, powers, strict=True):
        table[i, j] = c
    table = to_powers @ table @ to_powers.T
    unit = [(s - number(m)) / number(h) for s, m, h in zip(coordinates, middle, half, strict=True)]
    total: Expr = Integer(0)
    for i, j in powers:
        if abs(table[i, j]) > VANISHES * np.abs(table).max():
            total += Float(table[i, j]) * unit[0] ** i * unit[1] ** j
    return total


def _whole(piece: Any) -> Any:
    """Return the piece that another one is a part of."""
    while hasattr(piece, "whole"):
        piece = piece.whole
    return piece
