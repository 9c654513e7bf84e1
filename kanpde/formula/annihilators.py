"""Linear equations that a function of one variable satisfies, and the functions that solve them.

A function is not compared with a library: the equation of lowest order that annihilates it is
found as a null vector of its derivatives, and its solutions are the family it belongs to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.polynomial import chebyshev
from scipy.signal import residue
from sympy import (
    Expr,
    Integer,
    Integral,
    Piecewise,
    Poly,
    Rational,
    Symbol,
    besseli,
    besselj,
    besselk,
    bessely,
    cos,
    erf,
    exp,
    integrate,
    log,
    powsimp,
    sin,
)

from kanpde.formula.bounded import bounded
from kanpde.formula.sampled import FLOOR, NOISE_FACTOR, Sampled, null_vector
from kanpde.formula.template import Constants, rms


@dataclass(frozen=True)
class Basis:
    """Functions of one variable among whose combinations a function is.

    Args:
        functions: expressions of the variable and of constants.
        constants: their constants.
        note: the equation they solve, in words.
    """

    functions: tuple[Expr, ...]
    constants: Constants
    note: str

    @property
    def cost(self) -> tuple[int, int]:
        """Free numbers in all, and those that enter nonlinearly."""
        nonlinear = len(self.constants.values)
        return len(self.functions) + nonlinear, nonlinear


class Annihilator(ABC):
    """A kind of linear equation."""

    @abstractmethod
    def basis(self, sampled: Sampled, variable: Symbol) -> Basis | None:
        """Return the solutions of the equation of this kind that the function satisfies."""


@final
@dataclass(frozen=True)
class Polynomial(Annihilator):
    """f^(n) = 0 for an n up to 5; beyond that, a least-squares fit of its values."""

    fitted: int = 0

    def basis(self, sampled: Sampled, variable: Symbol) -> Basis | None:
        """Return powers of the variable."""
        x, jets = sampled.x, sampled.jets
        half, size = np.ptp(x) / 2, rms(sampled.f)
        for n in range(1, min(sampled.highest, 5) + 1):
            left = rms(jets[0, n]) * half**n / size
            noise = rms(jets[0, n] - jets[1, n]) * half**n / size
            if left < max(NOISE_FACTOR * noise, FLOOR) and left < 1e-2:
                return self._powers(n - 1, variable)
        s = (x - x.mean()) / half
        for n in range(5, self.fitted + 1):
            c = chebyshev.chebfit(s, sampled.f, n)
            misfit = rms(sampled.f - chebyshev.chebval(s, c))
            if misfit < max(3 * rms(jets[0, 0] - jets[1, 0]), FLOOR * size):
                return self._powers(n, variable)
        return None

    def _powers(self, degree: int, variable: Symbol) -> Basis:
        functions = tuple(variable**k for k in range(degree + 1))
        return Basis(functions, Constants(), f"polynomial of degree {degree}")


@final
@dataclass(frozen=True)
class ConstantCoefficients(Annihilator):
    """sum_k w_k f^(k) = 0: exponentials, sines and cosines, times powers."""

    order: int

    def basis(self, sampled: Sampled, variable: Symbol) -> Basis | None:
        """Return the real solutions, by the roots of the characteristic polynomial."""
        if self.order > sampled.highest:
            return None
        w = null_vector(np.moveaxis(sampled.jets[:, : self.order + 1], 1, 0))
        if w is None or not w[1:].any():
            return None
        constants = Constants()
        functions = exponentials(w, variable, constants)
        note = f"constant coefficients, order {self.order}"
        return Basis(tuple(functions), constants, note)


@final
@dataclass(frozen=True)
class FirstOrder(Annihilator):
    """p(x) f' + q(x) f = 0 with polynomials: exp(polynomial) times powers of x - r."""

    degree: int

    def basis(self, sampled: Sampled, variable: Symbol) -> Basis | None:
        """Return the one solution."""
        constants = Constants()
        solution = _hyperexponential(sampled, (1, 0), self.degree, variable, constants)
        if solution is None:
            return None
        return Basis((solution,), constants, f"first order, coefficients of degree {self.degree}")


@final
@dataclass(frozen=True)
class Primitive(Annihilator):
    """f' satisfies a first-order equation with polynomial coefficients: log, arctan, erf."""

    degree: int

    def basis(self, sampled: Sampled, variable: Symbol) -> Basis | None:
        """Return one and a primitive."""
        constants = Constants()
        slope = _hyperexponential(sampled, (2, 1), self.degree, variable, constants)
        if slope is None:
            return None
        primitive = _primitive(slope, variable, constants)
        if primitive is None:
            return None
        note = f"derivative of first order, coefficients of degree {self.degree}"
        return Basis((Integer(1), primitive), constants, note)


@final
@dataclass(frozen=True)
class PowerTimes(Annihilator):
    """x^m f has constant coefficients: sin(x)/x, exp(-x)/x, x^2 sin x."""

    power: int
    order: int

    def basis(self, sampled: Sampled, variable: Symbol) -> Basis | None:
        """Return the solutions, divided by the power."""
        if self.order > sampled.highest or sampled.x.min() * sampled.x.max() <= 0:
            return None
        inner = ConstantCoefficients(self.order).basis(sampled.times_power(self.power), variable)
        if inner is None:
            return None
        functions = tuple(variable ** (-self.power) * b for b in inner.functions)
        note = f"{variable}^{self.power} times it: {inner.note}"
        return Basis(functions, inner.constants, note)


@final
@dataclass(frozen=True)
class Bessel(Annihilator):
    """x^2 f'' + a x f' + (k^2 x^2 - c) f = 0: powers times Bessel functions."""

    def basis(self, sampled: Sampled, variable: Symbol) -> Basis | None:
        """Return both solutions."""
        x, jets = sampled.x, sampled.jets
        if x.min() <= 0 or sampled.highest < 2:
            return None
        w = null_vector(
            np.stack([x**2 * jets[:, 2], x * jets[:, 1], x**2 * jets[:, 0], jets[:, 0]])
        )
        if w is None or w[0] == 0 or w[2] == 0:
            return None
        a, square, c = w[1] / w[0], w[2] / w[0], -w[3] / w[0]
        power = (1 - a) / 2
        if power**2 + c < -1e-6:
            return None
        index = _half_integer(float(np.sqrt(max(0.0, power**2 + c))))
        outer = _half_integer(power)
        if index is None or outer is None:
            return None
        constants = Constants()
        k = constants.new(np.sqrt(abs(square)))
        kinds = (besselj, bessely) if square > 0 else (besseli, besselk)
        functions = tuple(variable**outer * kind(index, k * variable) for kind in kinds)
        return Basis(functions, constants, "Bessel's equation")


@final
@dataclass(frozen=True)
class Euler(Annihilator):
    """sum_k w_k x^k f^(k) = 0: powers of x, and sines and cosines of log(x)."""

    order: int

    def basis(self, sampled: Sampled, variable: Symbol) -> Basis | None:
        """Return the solutions, which are exponentials of log(x)."""
        x, jets = sampled.x, sampled.jets
        if self.order > sampled.highest or x.min() <= 0:
            return None
        w = null_vector(np.stack([x**k * jets[:, k] for k in range(self.order + 1)]))
        if w is None or not w[1:].any():
            return None
        # x^k d^k/dx^k = s (s - 1) ... (s - k + 1) with s = x d/dx.
        in_logarithm, falling = np.zeros(self.order + 1), np.ones(1)
        for k, weight in enumerate(w):
            in_logarithm[: k + 1] += weight * falling
            falling = np.convolve(falling, [-float(k), 1.0])
        constants, stretched = Constants(), Symbol("stretched", real=True)
        solutions = exponentials(in_logarithm, stretched, constants)
        functions = tuple(powsimp(b.subs(stretched, log(variable))) for b in solutions)
        return Basis(functions, constants, f"Euler's equation, order {self.order}")


EVERY: tuple[Annihilator, ...] = (
    Polynomial(fitted=10),
    *(ConstantCoefficients(1), ConstantCoefficients(2), FirstOrder(1), ConstantCoefficients(3)),
    *(FirstOrder(2), Primitive(1), PowerTimes(1, 2), ConstantCoefficients(4), FirstOrder(3)),
    *(ConstantCoefficients(5), PowerTimes(2, 2), PowerTimes(-1, 2), PowerTimes(-2, 2)),
    *(ConstantCoefficients(6), Euler(2), Euler(3), Bessel(), Primitive(2)),
    *(PowerTimes(1, 3), PowerTimes(2, 3)),
)
"""The kinds that are tried for a function of one variable."""

SHORT: tuple[Annihilator, ...] = (
    *(Polynomial(), ConstantCoefficients(1), ConstantCoefficients(2), FirstOrder(1)),
    *(ConstantCoefficients(3), FirstOrder(2), Primitive(1)),
)
"""The kinds that are tried for what an inverse function makes of it."""

PARTIAL: tuple[Annihilator, ...] = (
    *(Polynomial(), ConstantCoefficients(1), ConstantCoefficients(2), FirstOrder(1)),
    *(ConstantCoefficients(3), FirstOrder(2), Primitive(1), PowerTimes(1, 2)),
    *(ConstantCoefficients(4), FirstOrder(3), Euler(2)),
)
"""The kinds that are tried along one coordinate of a field."""


def bases(sampled: Sampled, variable: Symbol, kinds: Sequence[Annihilator]) -> Iterator[Basis]:
    """Return the bases of all kinds that fit, the cheapest first."""
    found: list[Basis] = []
    for kind in kinds:
        if found and isinstance(kind, Primitive):  # what is simple needs no integration
            continue
        basis = kind.basis(sampled, variable)
        if basis is not None:
            found.append(basis)
    return iter(sorted(found, key=lambda b: b.cost))


def exponentials(w: np.ndarray, variable: Symbol, constants: Constants) -> list[Expr]:
    """Return the real solutions of sum_k w_k f^(k) = 0, with rates as constants.

    Rates that are opposite to each other are one constant; roots nearer than one per cent are one
    multiple root.
    """
    zeros = int(np.argmax(np.abs(w) > 0))
    roots = list(np.roots(w[zeros:][::-1]))
    size = max([1e-300, *(abs(z) for z in roots)])
    found: list[Expr] = [variable**k for k in range(zeros)]
    rates: list[tuple[float, Expr]] = []
    while roots:
        first = roots[0]
        cluster = [q for q in roots if abs(q - first) < 1e-2 * size]
        roots = [q for q in roots if abs(q - first) >= 1e-2 * size]
        z = complex(np.mean(cluster))
        if z.imag < -1e-6 * size:
            continue
        opposite = [s for r, s in rates if abs(r + z.real) < 1e-6 * size]
        rate: Expr = Integer(0)
        if abs(z.real) > 1e-5 * size:
            rate = -opposite[0] if opposite else constants.new(z.real)
            rates.append((z.real, rate))
        grow = exp(rate * variable)
        if abs(z.imag) <= 1e-6 * size:
            found += [variable**k * grow for k in range(len(cluster))]
            continue
        turn = constants.new(z.imag) * variable
        for k in range(len(cluster)):
            found += [variable**k * grow * cos(turn), variable**k * grow * sin(turn)]
    return found


def _hyperexponential(
    sampled: Sampled,
    orders: tuple[int, int],
    degree: int,
    variable: Symbol,
    constants: Constants,
) -> Expr | None:
    """Return exp(int -q/p) for p f^(m) + q f^(m-1) = 0, or None if there is no such equation."""
    if orders[0] > sampled.highest:
        return None
    powers = sampled.x ** np.arange(degree + 1)[:, None]
    columns = [sampled.jets[:, k] * p for k in orders for p in powers]
    w = null_vector(np.stack(columns))
    if w is None or not w[: degree + 1].any() or not w[degree + 1 :].any():
        return None
    p, q = np.trim_zeros(w[: degree + 1], "b"), np.trim_zeros(w[degree + 1 :], "b")
    while len(p) > 1 and p[0] == 0 and q[0] == 0:
        p, q = p[1:], q[1:]
    if len(p) > 1:
        residues, poles, direct = residue(-q[::-1], p[::-1])
    else:
        residues, poles, direct = [], [], -q[::-1] / p[0]
    exponent: Expr = Integer(0)
    for i, c in enumerate(np.atleast_1d(direct)[::-1] if len(np.atleast_1d(direct)) else []):
        if c != 0:
            exponent += constants.new(float(np.real(c)) / (i + 1)) * variable ** (i + 1)
    factors: Expr = Integer(1)
    for m, z in zip(residues, poles, strict=True):
        if abs(z.imag) > 1e-8:
            return None
        factors *= _power(float(m.real), float(z.real), sampled.x, variable, constants)
    return factors * exp(exponent)


def _power(m: float, z: float, x: np.ndarray, variable: Symbol, constants: Constants) -> Expr:
    base: Expr = variable
    if z != 0:
        place = constants.new(z)
        base = variable - place if x.mean() > z else place - variable
    return base ** (round(m) if abs(m - round(m)) < 1e-4 else constants.new(m))


def _primitive(slope: Expr, variable: Symbol, constants: Constants) -> Expr | None:
    if slope.is_Pow and slope.base == variable:
        return log(variable) if slope.exp == -1 else variable ** (slope.exp + 1)
    if slope.func == exp:
        inner = Poly(slope.args[0], variable)
        if inner.degree() == 2 and inner.nth(1) == 0:
            value = constants.values.pop(inner.nth(2))
            return None if value > 0 else erf(constants.new(np.sqrt(-value)) * variable)
    found = bounded(integrate, slope, variable, seconds=1)
    return None if found is None or found.has(Integral, Piecewise) else found


def _half_integer(value: float) -> Rational | None:
    return Rational(round(2 * value), 2) if abs(2 * value - round(2 * value)) < 1e-3 else None
