"""First-order nonlinear equations: Riccati's, and f'^2 = a cubic with a double root."""

from __future__ import annotations

import numpy as np
from sympy import Expr, Integer, Symbol, coth, sech, tan, tanh

from kanpde.formula.sampled import Sampled, null_vector
from kanpde.formula.template import Constants, Template


def riccati(sampled: Sampled, variable: Symbol) -> Template | None:
    r"""Return the solution of :math:`f' = a + b f + c f^2` that the function is, if it is one.

    By the sign of the discriminant it is a tangent, a hyperbolic (co)tangent, or 1/(x - r).
    """
    f, slope = sampled.jets[:, 0], sampled.jets[:, 1]
    w = null_vector(np.stack([np.ones_like(f), f, f**2, slope]))
    if w is None or w[2] == 0 or w[3] == 0:
        return None
    a, b, c = -w[:3] / w[3]
    discriminant, middle = 4 * a * c - b * b, -b / (2 * c)
    width = float(np.sqrt(abs(discriminant)) / (2 * abs(c)))
    values, x, constants = sampled.f, sampled.x, Constants()
    i = int(np.argmin(np.abs(values - middle)))
    shift: Expr = Integer(0)
    if abs(middle) > 1e-6 * max(width, 1e-3):
        shift = constants.new(middle)
    away, k = values - middle, c * width
    degenerate = 1e-6 * (b * b + abs(a * c))
    solution: Expr
    if abs(discriminant) <= degenerate:
        start = -1 / away[i] - c * x[i]
        solution = shift - 1 / (constants.new(c) * variable + constants.new(start))
    elif discriminant > 0:
        phase = np.arctan(away[i] / width) - k * x[i]
        inner = constants.new(k) * variable + constants.new(phase)
        solution = shift + constants.new(width) * tan(inner)
    else:
        s = -away / width
        outside = np.abs(s).max() >= 1
        phase = np.arctanh(1 / s[i] if outside else s[i]) - k * x[i]
        if not np.isfinite(phase):
            return None
        inner = constants.new(k) * variable + constants.new(phase)
        solution = shift - constants.new(width) * (coth(inner) if outside else tanh(inner))
    return Template(solution, constants.of(solution), "Riccati's equation")


def solitary(sampled: Sampled, variable: Symbol) -> Template | None:
    r"""Return the solution of :math:`f'^2 = a (f-d)^2 (f-s)`, a multiple of sech^2, if it is one.

    The cubic is found whole; one without a double root (an elliptic function) is left alone.
    """
    f, slope = sampled.jets[:, 0], sampled.jets[:, 1]
    w = null_vector(np.stack([np.ones_like(f), f, f**2, f**3, slope**2]))
    if w is None or w[4] == 0 or w[3] == 0:
        return None
    cubic = -w[:4] / w[4]
    roots = np.roots(cubic[::-1])
    gap, i, j = min((abs(roots[i] - roots[j]), i, j) for i in range(3) for j in range(i))
    if gap > 1e-2 * np.abs(roots).max():
        return None
    double, single = ((roots[i] + roots[j]) / 2).real, roots[3 - i - j].real
    height = single - double
    rate = -cubic[3] * height / 4
    if rate <= 0:
        return None
    k, n = float(np.sqrt(rate)), int(np.argmax(np.abs(slope[0])))
    phase = np.arccosh(max(1.0, float(np.sqrt(height / (sampled.f[n] - double)))))
    sign = -np.sign(slope[0, n] * height)
    constants = Constants()
    inner = constants.new(k) * variable + constants.new(sign * phase - k * sampled.x[n])
    base: Expr = constants.new(double) if abs(double) > 1e-6 * abs(height) else Integer(0)
    solution = base + constants.new(height) * sech(inner) ** 2
    return Template(solution, constants.of(solution), "f'^2 is a cubic with a double root")
