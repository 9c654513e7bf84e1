"""A library of functions of one variable, and where to start looking for their constants.

For fields and data that are not known well enough to find the equation a function satisfies; see
:mod:`kanpde.formula.naming`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
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
