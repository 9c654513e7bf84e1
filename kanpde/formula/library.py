"""A library of functions of one variable, each fitted by variable projection from several starts.

For fields and data that are not known well enough to find the equation a function satisfies: with
the nonlinear constants scanned and then refined, the linear ones follow by least squares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log as ln

import numpy as np
from scipy.optimize import least_squares
from sympy import (
    Derivative,
    Dummy,
    Expr,
    Function,
    Integer,
    Subs,
    Symbol,
    asin,
    atan,
    atanh,
    besselj,
    cos,
    cosh,
    erf,
    exp,
    lambdify,
    log,
    sech,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)
from sympy.core.function import AppliedUndef

from kanpde.formula.sampled import ARGUMENT
from kanpde.formula.template import Constants, Template

STARTS = 2
"""Starts of each family that are refined."""

RATE, PLACE = Dummy("rate", real=True), Dummy("place", real=True)
"""The nonlinear constants of a family: how fast, and where."""

Starts = Callable[[float, float], np.ndarray]
"""Rows (rate, place) to start from, for functions on [low, high]."""


@dataclass(frozen=True)
class Family:
    """Functions that are combinations of columns with nonlinear constants.

    Args:
        name: in words.
        columns: expressions of ``ARGUMENT`` and of ``RATE`` and ``PLACE``.
        starts: of these constants.
        bits: that naming the family costs.
    """

    name: str
    columns: tuple[Expr, ...]
    starts: Starts
    bits: float = 3.0

    @cached_property
    def nonlinear(self) -> tuple[Symbol, ...]:
        """Which of ``RATE`` and ``PLACE`` occur."""
        free = {s for c in self.columns for s in c.free_symbols}
        return tuple(s for s in (RATE, PLACE) if s in free)

    @cached_property
    def compiled(self) -> Callable[..., list]:
        """The columns as a function of the argument and the nonlinear constants."""
        return lambdify([ARGUMENT, *self.nonlinear], list(self.columns), ["scipy", "numpy"])

    def values(self, x: np.ndarray, constants: np.ndarray) -> np.ndarray | None:
        """Return the columns (N, M) at points, or None where they are not finite."""
        with np.errstate(all="ignore"):
            found = self.compiled(x, *constants)
        a = np.stack([np.broadcast_to(np.asarray(c), x.shape) for c in found], axis=1)
        if np.iscomplexobj(a) or not np.isfinite(a).all() or np.abs(a).max() > 1e30:
            return None
        return a


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


def _rates(low: float, high: float, *, signs: bool, places: bool, wide: float = 0.0) -> np.ndarray:
    width = high - low
    rates = np.geomspace(0.3, 40, 22) / width
    if signs:
        rates = np.concatenate([rates, -rates])
    if not places:
        return rates[:, None]
    where = np.linspace(low - wide * width, high + wide * width, 11)
    where = np.unique(np.append(where, 0.0))
    return np.array([(a, b) for a in rates for b in where])


def _outside(low: float, high: float) -> np.ndarray:
    """Return places below and above an interval, zero among them if it is outside."""
    gaps = np.geomspace(1e-3, 10, 14) * (high - low)
    found = np.concatenate([low - gaps, high + gaps])
    return np.append(found, 0.0)[:, None] if not low < 0 < high else found[:, None]


def _below(low: float, high: float) -> np.ndarray:
    found = _outside(low, high)
    return found[found[:, 0] <= low]


def _above(low: float, high: float) -> np.ndarray:
    found = _outside(low, high)
    return found[found[:, 0] >= high]


def _powers(low: float, high: float) -> np.ndarray:
    exponents = (-3, -2, -1.5, -0.5, 0.25, 0.4, 0.6, 1.5, 2.5, 3.5)
    where = [0.0] if low >= 0 else []
    where += [low - g * (high - low) for g in (1e-3, 0.03, 0.2, 1.0)]
    return np.array([(p, b) for p in exponents for b in where])


def _inside_one(low: float, high: float) -> np.ndarray:
    """Return rates and places such that a (x - b) stays within (-1, 1)."""
    found = []
    for middle in np.linspace(low, high, 7):
        reach = max(high - middle, middle - low)
        found += [(share / reach, middle) for share in (0.5, 0.8, 0.95, 0.99)]
    reach = max(abs(low), abs(high), 1e-300)
    return np.array([*found, *((share / reach, 0.0) for share in (0.5, 0.8, 0.95))])


def _shifted(low: float, high: float) -> np.ndarray:
    return _rates(low, high, signs=False, places=True, wide=0.4)


def _plain(low: float, high: float) -> np.ndarray:
    return _rates(low, high, signs=False, places=False)


def _frequencies(low: float, high: float) -> np.ndarray:
    """Return frequencies of up to twenty periods, so dense that none falls between two."""
    few = np.geomspace(0.3, 2, 6)
    return np.append(few, np.arange(3.0, 126.0, 1.2))[:, None] / (high - low)


def _damped(low: float, high: float) -> np.ndarray:
    rates = np.array([-8.0, -3.0, -1.0, 1.0, 3.0, 8.0]) / (high - low)
    return np.array([(a, b) for (a,) in _frequencies(low, high)[4::2] for b in rates])


def _squared(low: float, high: float) -> np.ndarray:
    found = _shifted(low, high)
    return np.stack([found[:, 0] ** 2, found[:, 1]], axis=1)


def _signed(low: float, high: float) -> np.ndarray:
    return _rates(low, high, signs=True, places=False)


_X, _A, _B, _ONE = ARGUMENT, RATE, PLACE, Integer(1)
_Z = _A * (_X - _B)
_DAMPED = (exp(_B * _X) * sin(_A * _X), exp(_B * _X) * cos(_A * _X), _ONE)
LIBRARY: tuple[Family, ...] = (
    Family("exponential", (exp(_A * _X), _ONE), _signed, 2.0),
    Family("sine", (sin(_A * _X), cos(_A * _X), _ONE), _frequencies, 2.0),
    Family("hyperbolic", (sinh(_A * _X), cosh(_A * _X), _ONE), _plain),
    Family("logarithm", (log(_X - _B), _ONE), _below, 2.0),
    Family("logarithm", (log(_B - _X), _ONE), _above),
    Family("reciprocal", (1 / (_X - _B), _ONE), _outside, 2.0),
    Family("square root", (sqrt(_X - _B), _ONE), _below),
    Family("square root", (sqrt(_B - _X), _ONE), _above),
    Family("power", ((_X - _B) ** _A, _ONE), _powers, 4.0),
    Family("Gaussian", (exp(-_A * (_X - _B) ** 2), _ONE), _squared),
    Family("tanh", (tanh(_Z), _ONE), _shifted),
    Family("sech^2", (sech(_Z) ** 2, _ONE), _shifted),
    Family("error function", (erf(_Z), _ONE), _shifted, 4.0),
    Family("arctangent", (atan(_Z), _ONE), _shifted),
    Family("Lorentzian", (1 / (1 + _Z**2), _ONE), _shifted),
    Family("artanh", (atanh(_Z), _ONE), _inside_one),
    Family("arcsine", (asin(_Z), _ONE), _inside_one),
    Family("tangent", (tan(_A * _X), _ONE), _inside_one, 3.0),
    Family("log cosh", (log(cosh(_Z)), _ONE), _shifted, 4.0),
    Family("x times exponential", (_X * exp(_A * _X), exp(_A * _X), _ONE), _signed, 4.0),
    Family("damped wave", _DAMPED, _damped, 4.0),
    Family("x times Gaussian", (_X * exp(-((_A * _X) ** 2)), _ONE), _plain, 4.0),
    Family("x times sine", (_X * sin(_A * _X), _X * cos(_A * _X), _ONE), _plain, 5.0),
    Family("cardinal sine", (sin(_A * _X) / _X, cos(_A * _X) / _X, _ONE), _plain, 5.0),
    Family("Bessel", (besselj(0, _A * _X), _ONE), _plain, 5.0),
    Family("Bessel", (besselj(1, _A * _X), _ONE), _plain, 5.0),
)
"""What an edge is compared with, besides polynomials."""


def user_family(function: Callable[[Symbol], Expr]) -> Family:
    """Return the family c f(a (x - b)) + d of a user's function.

    Args:
        function: of a sympy symbol, such as ``sympy.airyai``.

    Raises:
        ValueError: if it is no sympy expression with a derivative.

    >>> from sympy import airyai
    >>> user_family(airyai).name
    'airyai(argument)'
    """
    try:
        expression = function(ARGUMENT)
        slope = expression.diff(ARGUMENT)
    except Exception as error:
        raise ValueError(f"{function!r} gives no sympy expression of a symbol: {error}") from None
    if expression.atoms(AppliedUndef) or slope.has(Derivative, Subs, Function("f")):
        raise ValueError(
            f"{expression} has no derivative that sympy knows; a formula with it could not be put "
            "into an equation. Give a function such as sympy.airyai, or lambda z: z*sympy.exp(-z)."
        )
    if slope == 0 or expression.free_symbols != {ARGUMENT}:
        raise ValueError(f"{expression} is no function of one variable.")
    return Family(str(expression), (expression.subs(ARGUMENT, _Z), _ONE), _shifted, 3.0)


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
