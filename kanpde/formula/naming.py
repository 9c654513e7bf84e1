"""Names for edges: each family of the library fitted by variable projection from several starts.

The nonlinear constants are scanned and then refined, the linear ones follow by least squares; which
name is best, and which of its terms it needs, the length of the description says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log as ln

import numpy as np
from scipy.optimize import least_squares
from sympy import Expr, Integer, Symbol, cos, cosh, exp, log, sin, sinh

from kanpde.formula.library import LIBRARY, PLACE, RATE, Family
from kanpde.formula.sampled import ARGUMENT
from kanpde.formula.template import Constants, Template

STARTS = 2
"""Starts of each family that are refined."""


@dataclass(frozen=True)
class EdgeFit:
    """A template for one edge and how well it fits.

    Args:
        template: of one variable.
        score: half the sum of squares over the variance, plus half the logarithm of the number of
            points for each constant, plus the family's bits: a description length in nats.
    """

    template: Template
    score: float


@np.errstate(all="ignore")
def edge_fits(
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    variance: float,
    variable: Symbol,
    *,
    families: Sequence[Family] = LIBRARY,
    limit: int = 5,
) -> list[EdgeFit]:
    """Return the best templates for a function given at points, the shortest description first.

    Args:
        x: (N,).
        y: (N,).
        weights: (N,).
        variance: of a weighted value.
        variable: of the templates.
        families: that are tried.
        limit: how many are returned.
    """
    found = _polynomials(x, y, weights, variance, variable)
    for family in families:
        fit = _fitted(family, x, y, weights, variance, variable)
        if fit is not None:
            found.append(fit)
    return sorted(found, key=lambda f: f.score)[:limit]


def _polynomials(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, variance: float, variable: Symbol
) -> list[EdgeFit]:
    """Return the best polynomials, by description length, terms left out one by one."""
    found = []
    for degree in range(1, 7):
        columns = tuple(variable**k for k in range(degree + 1))
        a = x[:, None] ** np.arange(degree + 1)
        found.append(_described(a, columns, {}, y, weights, variance, "polynomial", 1.0, variable))
    first = min(found, key=lambda f: f.score)
    return [f for f in found if f is first or f.template.cost != first.template.cost]


def _fitted(
    family: Family,
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    variance: float,
    variable: Symbol,
) -> EdgeFit | None:
    """Fit the nonlinear constants and describe the fit."""
    best = _best(family, x, y, weights)
    if best is None:
        return None
    constants = dict(zip(family.nonlinear, best, strict=True))
    a = family.values(x, best)
    assert a is not None
    columns = tuple(c.subs(ARGUMENT, variable) for c in family.columns)
    return _described(
        a, columns, constants, y, weights, variance, family.name, family.bits, variable
    )


@np.errstate(all="ignore")
def affine_fit(
    family: Family, x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> tuple[tuple[float, float, float, float], float] | None:
    """Return (a, b, c, d) of c f(a x + b) + d nearest to values, and the relative misfit, or None.

    Args:
        family: of :func:`user_family`.
        x: (N,).
        y: (N,).
        weights: (N,).
    """
    best = _best(family, x, y, weights)
    if best is None:
        return None
    rate, place = _canonical(family, float(best[0]), float(best[1]))
    columns = family.values(x, np.array([rate, place]))
    if columns is None:
        return None
    size = np.sqrt((columns**2).mean(axis=0)) + 1e-300
    scaled = columns / size * weights[:, None]
    c, d = np.linalg.lstsq(scaled, y * weights, rcond=1e-13)[0] / size
    left = weights * (y - columns @ np.array([c, d]))
    spread = weights * (y - np.average(y, weights=weights**2))
    misfit = float(np.sqrt((left**2).sum() / ((spread**2).sum() or 1.0)))
    return (rate, -rate * place, float(c), float(d)), misfit


def _canonical(family: Family, rate: float, place: float) -> tuple[float, float]:
    """Return rate and place, one of them simple where c and d do the same (powers, log, exp)."""
    z = Symbol("z", positive=True)
    f = family.columns[0].subs({ARGUMENT: z, RATE: 1, PLACE: 0})
    if f == exp(z):
        return rate, 0.0
    if f.is_Pow and f.base == z and f.exp.is_Integer:
        return 1.0, place
    if f == log(z) or (f.is_Pow and f.base == z and f.exp.is_number):
        return float(np.sign(rate)), place
    return rate, place


def _best(family: Family, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """Scan the nonlinear constants and refine the best."""
    wy = weights * y
    few = slice(None, None, max(1, len(x) // 150))

    def projected(constants: np.ndarray, part: slice = slice(None)) -> np.ndarray | None:
        a = family.values(x[part], constants)
        if a is None:
            return None
        a = a * weights[part, None]
        size = np.sqrt((a**2).sum(axis=0)) + 1e-300
        q = np.linalg.qr(a / size)[0]
        return wy[part] - q @ (q.T @ wy[part])

    scanned = []
    for start in family.starts(float(x.min()), float(x.max())):
        own = tuple(start[: len(family.nonlinear)])
        r = projected(np.array(own), few)
        if r is not None and np.isfinite(r).all():
            scanned.append((float(r @ r), own))
    best: tuple[float, np.ndarray] | None = None
    for start in _distinct(sorted(scanned)):
        refined = _refined(projected, np.array(start), len(x))
        if refined is not None and (best is None or refined[0] < best[0]):
            best = refined
    return None if best is None else best[1]


def _distinct(scanned: Sequence[tuple[float, tuple[float, ...]]]) -> list[tuple[float, ...]]:
    """Return the best starts, those whose rates differ."""
    chosen: list[tuple[float, ...]] = []
    for _, start in scanned:
        if all(abs(start[0] - c[0]) > 0.2 * abs(c[0]) or start[-1] != c[-1] for c in chosen):
            chosen.append(start)
        if len(chosen) == STARTS:
            break
    return chosen


def _refined(
    projected: Callable[[np.ndarray], np.ndarray | None], start: np.ndarray, size: int
) -> tuple[float, np.ndarray] | None:
    """Minimise the projected residual in the nonlinear constants (Levenberg-Marquardt)."""

    def residual(constants: np.ndarray) -> np.ndarray:
        r = projected(constants)
        return np.full(size, 1e10) if r is None or not np.isfinite(r).all() else r

    if projected(start) is None:
        return None
    try:
        found = least_squares(residual, start, method="lm", max_nfev=45, x_scale="jac")
    except (ValueError, np.linalg.LinAlgError):
        return None
    if projected(found.x) is None:
        return None
    return 2 * float(found.cost), found.x


def _described(
    a: np.ndarray,
    columns: Sequence[Expr],
    nonlinear: dict[Symbol, float],
    y: np.ndarray,
    weights: np.ndarray,
    variance: float,
    name: str,
    bits: float,
    variable: Symbol,
) -> EdgeFit:
    """Leave out columns as long as the description gets shorter, and make the template."""
    per_constant = 0.5 * ln(len(y))
    active = list(range(len(columns)))

    def solved(chosen: list[int]) -> tuple[float, np.ndarray]:
        b = a[:, chosen] * weights[:, None]
        size = np.sqrt((b**2).sum(axis=0))
        size[size < 1e-100] = 1.0
        c = np.linalg.lstsq(b / size, weights * y, rcond=1e-13)[0] / size
        return float(((weights * y - b @ c) ** 2).sum()) / (2 * variance), c

    misfit, c = solved(active)
    while len(active) > 1:
        trials = [
            (*solved([k for k in active if k != j]), j)
            for j in active
            if [k for k in active if k != j] != [len(columns) - 1] or not nonlinear
        ]
        if not trials:
            break
        least = min(trials, key=lambda t: t[0])
        if least[0] - misfit > per_constant:
            break
        misfit, c = least[0], least[1]
        active.remove(least[2])
    constants = Constants()
    symbols = {s: constants.new(v) for s, v in nonlinear.items()}
    expression = _combined([columns[k].xreplace(symbols) for k in active], c, constants, variable)
    known = constants.of(expression)
    score = misfit + per_constant * len(known) + bits * ln(2)
    return EdgeFit(Template(expression, known, name), score)


def _combined(
    columns: Sequence[Expr], c: np.ndarray, constants: Constants, variable: Symbol
) -> Expr:
    """Return the combination; a sine and a cosine, or their hyperbolic kin, become one."""
    terms = dict(zip(columns, c, strict=True))
    expression: Expr = Integer(0)
    for first, second in ((sin, cos), (sinh, cosh)):
        pair = [t for t in terms if t.func in (first, second)]
        if len(pair) != 2:
            continue
        one, two = sorted(pair, key=lambda t: t.func is not first)
        a, b = float(terms[one]), float(terms[two])
        if first is sin:
            size, phase, own = np.hypot(a, b), float(np.arctan2(b, a)), sin
        elif abs(b) > abs(a):
            size, phase, own = np.sign(b) * np.sqrt(b * b - a * a), np.arctanh(a / b), cosh
        elif abs(a) > abs(b):
            size, phase, own = np.sign(a) * np.sqrt(a * a - b * b), np.arctanh(b / a), sinh
        else:
            continue
        del terms[one], terms[two]
        expression += constants.new(float(size)) * own(one.args[0] + constants.new(float(phase)))
    for column, value in terms.items():
        expression += constants.new(float(value)) * column
    return expression
