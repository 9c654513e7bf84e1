"""One function of one variable: which family it is of, and with which constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sympy import (
    Expr,
    Integer,
    Symbol,
    asin,
    atan,
    atanh,
    cosh,
    exp,
    lambdify,
    log,
    simplify,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)

from kanpde.formula.algebraic import riccati, solitary
from kanpde.formula.annihilators import EVERY, SHORT, Annihilator, Basis, bases
from kanpde.formula.bounded import bounded
from kanpde.formula.sampled import ARGUMENT, Sampled
from kanpde.formula.template import Constants, Template, rms, values


@dataclass(frozen=True)
class Composition:
    """A function of f that may be simpler than f, and the way back.

    Args:
        outer: of ``ARGUMENT``, applied to the values of f.
        inverse: of ``ARGUMENT``, applied to the formula of the result.
        low: f must be above.
        high: f must be below.
        scale_free: whether a factor in front of f is a factor of the inner function too.
    """

    outer: Expr
    inverse: Expr
    low: float = -np.inf
    high: float = np.inf
    scale_free: bool = False

    @cached_property
    def derivatives(self) -> Callable[[np.ndarray], list[np.ndarray]]:
        """The outer function and its first four derivatives, compiled."""
        expressions = [self.outer, *(self.outer.diff(ARGUMENT, k) for k in range(1, 5))]
        return lambdify(ARGUMENT, expressions, modules=["scipy", "numpy"])

    def suits(self, f: np.ndarray) -> bool:
        """Return whether the values of f are where the inverse is one."""
        return bool(f.min() > self.low and f.max() < self.high)


_A = ARGUMENT
_PI = float(np.pi)
COMPOSITIONS = (
    Composition(sqrt(_A), _A**2, low=0.0, scale_free=True),
    Composition(log(_A), exp(_A), low=0.0),
    Composition(1 / _A, 1 / _A, low=0.0, scale_free=True),
    Composition(1 / _A, 1 / _A, high=0.0, scale_free=True),
    Composition(_A**2, sqrt(_A), low=0.0, scale_free=True),
    Composition(_A**2, -sqrt(_A), high=0.0, scale_free=True),
    Composition(1 / sqrt(_A), _A**-2, low=0.0, scale_free=True),
    Composition(_A**-2, 1 / sqrt(_A), low=0.0, scale_free=True),
    Composition(exp(-_A / 2), -2 * log(_A), low=-60, high=60),
    Composition(exp(_A / 2), 2 * log(_A), low=-60, high=60),
    Composition(exp(_A), log(_A), low=-30, high=30),
    Composition(exp(-_A), -log(_A), low=-30, high=30),
    Composition(tan(_A / 4), 4 * atan(_A), low=-2 * _PI, high=2 * _PI),
    Composition(tan(_A / 2), 2 * atan(_A), low=-_PI, high=_PI),
    Composition(tan(_A), atan(_A), low=-_PI / 2, high=_PI / 2),
    Composition(tanh(_A), atanh(_A)),
    Composition(atanh(_A), tanh(_A), low=-1.0, high=1.0),
    Composition(asin(_A), sin(_A), low=-1.0, high=1.0),
    Composition(sin(_A), asin(_A), low=-_PI / 2, high=_PI / 2),
)
"""Tried where f itself satisfies no simple equation."""

SIMPLE = 3
"""Constants up to which a formula is simple, and no composition is tried."""


def misfit_allowed(error: float) -> float:
    """Return the relative misfit up to which constants read off derivatives are a start."""
    return max(1e-6, 30 * error)


def identify(
    sampled: Sampled, variable: Symbol, *, factor: bool = False, limit: int = 3
) -> list[Template]:
    """Return the formulas that a function of one variable may have, the simplest first.

    Args:
        sampled: its values and derivatives.
        variable: in which the formulas are written.
        factor: it is one factor of a product whose size is a constant outside, so that its own
            has none.
        limit: how many are returned at most.
    """
    found = _linear(sampled, variable, EVERY, factor)
    for kind in (riccati, solitary):
        template = kind(sampled, variable)
        if template is not None and _fits(template, sampled, variable):
            found.append(template)
    if not found or min(t.cost for t in found) > SIMPLE:
        for composition in COMPOSITIONS:
            found += _composed(sampled, variable, composition, factor)
    return sorted(found, key=lambda t: t.cost)[:limit]


def _composed(
    sampled: Sampled, variable: Symbol, composition: Composition, factor: bool
) -> list[Template]:
    if not composition.suits(sampled.f):
        return []
    outer = sampled.composed(composition.derivatives)
    if outer is None:
        return []
    inner = _linear(outer, variable, SHORT, factor and composition.scale_free)
    template = riccati(outer, variable)
    if template is not None:
        inner.append(template)
    drop = factor and composition.outer == log(ARGUMENT)  # a constant inside is a factor outside
    found = []
    for t in inner:
        expression = t.expression.as_independent(variable, as_Add=True)[1] if drop else t.expression
        whole = composition.inverse.subs(ARGUMENT, expression)
        constants = {s: v for s, v in t.constants.items() if s in whole.free_symbols}
        note = f"{composition.outer.subs(ARGUMENT, Symbol('f'))}: {t.note}"
        found.append(Template(whole, constants, note, penalty=1.0))
    return [t for t in found if factor or _fits(t, sampled, variable)]


def _linear(
    sampled: Sampled, variable: Symbol, kinds: Sequence[Annihilator], factor: bool
) -> list[Template]:
    found: list[Template] = []
    for basis in bases(sampled, variable, kinds):
        terms, misfit = combination(basis.functions, basis.constants, [variable], sampled)
        if misfit > misfit_allowed(sampled.error):
            continue
        found.append(_template(terms, basis, variable, factor))
        if len(found) == 2:
            break
    return found


def combination(
    functions: Sequence[Expr], constants: Constants, variables: Sequence[Symbol], sampled: Sampled
) -> tuple[list[tuple[Expr, float]], float]:
    """Return the functions that a combination for f needs, with coefficients, and its misfit.

    Args:
        functions: of the variables and constants.
        constants: with values.
        variables: one for each row of ``sampled.x``.
        sampled: f, and where.
    """
    columns = np.atleast_2d(sampled.x)
    numbers = [np.full(1, v) for v in constants.values.values()]
    a = values(functions, [*variables, *constants.values], [*columns, *numbers]).T
    return eliminated(functions, a, sampled.f, 1e-6 if sampled.error < 1e-7 else 1e-4)


def eliminated(
    functions: Sequence[Expr], a: np.ndarray, f: np.ndarray, least: float
) -> tuple[list[tuple[Expr, float]], float]:
    """Fit f by columns a (N, m) and leave out, one by one, those that contribute least.

    Args:
        functions: what the columns are the values of.
        a: (N, m).
        f: (N,).
        least: relative contribution that is kept.

    Returns:
        (function, coefficient) of those kept, and the relative misfit (infinite if the columns
        are not finite).
    """
    if not np.isfinite(a).all() or np.abs(a).max(initial=0) > 1e100:
        return [], np.inf
    active, size = list(range(len(functions))), float(rms(f)) or 1.0
    while True:
        scale = rms(a[:, active], axis=0) + 1e-300
        c = np.linalg.lstsq(a[:, active] / scale, f, rcond=1e-13)[0]
        misfit = float(rms(f - a[:, active] / scale @ c)) / size
        smallest = int(np.argmin(np.abs(c)))
        if len(active) == 1 or abs(c[smallest]) >= least * size:
            terms = [(functions[j], float(c[i] / scale[i])) for i, j in enumerate(active)]
            return terms, misfit
        active.pop(smallest)


def _template(
    terms: list[tuple[Expr, float]], basis: Basis, variable: Symbol, factor: bool
) -> Template:
    constants = Constants()
    expression = _hyperbolic(terms, constants, variable, factor)
    if expression is None:
        largest = int(np.argmax([abs(c) for _, c in terms]))
        by = terms[largest][1] if factor else 1.0
        expression = Integer(0)
        for i, (function, c) in enumerate(terms):
            own = Integer(1) if factor and i == largest else constants.new(c / by)
            expression += own * function
    known = constants.of(expression) | basis.constants.of(expression)
    return Template(expression, known, basis.note)


def _hyperbolic(
    terms: list[tuple[Expr, float]], constants: Constants, variable: Symbol, factor: bool
) -> Expr | None:
    """Return A e^{ax} + B e^{-ax} as one cosh or sinh."""
    if len(terms) != 2 or not all(b.func == exp for b, _ in terms):
        return None
    (first, a), (second, b) = terms
    if bounded(simplify, first * second, seconds=1.0) != 1:
        return None
    rate = first.args[0].coeff(variable)
    if rate == 0:  # an exponential of something else
        return None
    phase = constants.new(0.5 * np.log(abs(a / b)))
    size = Integer(1) if factor else constants.new(2 * np.sqrt(abs(a * b)) * np.sign(a))
    return size * (cosh if a * b > 0 else sinh)(rate * variable + phase)


def _fits(template: Template, sampled: Sampled, variable: Symbol) -> bool:
    found = values([template.numeric()], [variable], [sampled.x])[0]
    if not np.isfinite(found).all():
        return False
    misfit = rms(found - sampled.f) / (rms(sampled.f) or 1.0)
    return bool(misfit < 1e3 * misfit_allowed(sampled.error))
