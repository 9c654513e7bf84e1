"""Linear first-order invariances: travelling waves, rotations, scalings.

If a field of two coordinates satisfies X u + e u + f = 0 for the generator X of a shift, a turn or
a stretching, it is one function of one combination z of the coordinates, and that is sampled at
scattered points with exact derivatives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sympy import Expr, Integer, Rational, Symbol, exp, log, sqrt

from kanpde.formula.identify import identify
from kanpde.formula.sampled import Sampled, null_vector
from kanpde.formula.template import Constants, Template

if TYPE_CHECKING:
    from kanpde.formula.field import Field
    from kanpde.formula.structure import Log

Z = Symbol("z", real=True)
R = Symbol("r", positive=True)
HIGHEST = 4


@dataclass(frozen=True)
class Reduced:
    """A field as A + B F(z) with known A and B.

    Args:
        sampled: F at the points, ascending in z.
        z: the combination, in coordinates and constants.
        factor: B.
        summand: A.
        constants: of z, A and B.
        name: of the invariance.
    """

    sampled: Sampled
    z: Expr
    factor: Expr
    summand: Expr
    constants: Constants
    name: str

    def template(self, function: Template, argument: Symbol, inner: Expr) -> Template:
        """Return the template of the field for one of F."""
        constants = Constants()
        constants.values.update(self.constants.values)
        constants.values.update(function.constants)
        expression = self.summand + self.factor * function.expression.subs(argument, inner)
        note = f"{self.name}: {function.note}"
        return Template(expression, constants.of(expression), note, function.penalty)


def invariant_templates(field: Field, variables: Sequence[Symbol], log: Log) -> Iterator[Template]:
    """Return templates by the invariances of a field of two coordinates, simplest first."""
    if field.dimension != 2:
        yield from ()
        return
    found: list[Template] = []
    for kind in (_translation, _rotation, _scaling):
        reduced = kind(field, variables)
        if reduced is None:
            continue
        log.add(f"invariance: {reduced.name}, a function of {_rounded(reduced)}")
        found += [reduced.template(f, Z, reduced.z) for f in identify(reduced.sampled, Z)]
        if kind is _rotation and reduced.sampled.x.min() > 0:
            found += [
                reduced.template(f, R, sqrt(reduced.z))
                for f in identify(_radial(reduced.sampled), R, limit=1)
            ]
    yield from sorted(found, key=lambda t: t.cost)


def _rounded(reduced: Reduced) -> Expr:
    return reduced.z.xreplace(
        {s: Rational(f"{v:.6g}") for s, v in reduced.constants.values.items()}
    )


def _columns(field: Field, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    u = field.derivative((0, 0), points)
    return u, field.derivative((1, 0), points), field.derivative((0, 1), points)


def _sorted(z: np.ndarray, jets: np.ndarray, error: float) -> Sampled:
    order = np.argsort(z)
    return Sampled(z[order], jets[:, :, order], error)


def _translation(field: Field, variables: Sequence[Symbol]) -> Reduced | None:
    """A u_x + b u_y + e u + f = 0: a travelling wave, maybe growing."""
    points = field.scattered(500)
    u, u_x, u_y = _columns(field, points)
    w = null_vector(np.stack([u_x, u_y]))
    weights = np.zeros(4)
    if w is not None:
        weights[:2] = w
    else:
        w = null_vector(np.stack([u_x, u_y, u, np.ones_like(u)]))
        if w is None:
            return None
        weights = w
    a, b, e, f = weights
    if a == 0 or b == 0:
        return None
    x, y = points
    constants = Constants()
    speed = constants.new(-a / b)
    jets = field.pure(0, HIGHEST, points)
    factor, summand = Integer(1), Integer(0)
    if e:
        grow = constants.new(-e / b)
        factor = exp(grow * variables[1])
        if f:
            summand = constants.new(-f / e)
            jets[:, 0] += f / e
        jets = jets * np.exp(e / b * y)
    elif f:
        slope = constants.new(-f / b)
        summand = slope * variables[1]
        jets[:, 0] += f / b * y
    z = variables[0] + speed * variables[1]
    sampled = _sorted(x - a / b * y, jets, field.error)
    return Reduced(sampled, z, factor, summand, constants, "travelling wave")


def _rotation(field: Field, variables: Sequence[Symbol]) -> Reduced | None:
    """(y - y0) a u_x + b (x - x0) u_y = 0: a function of (x - x0)^2 + c (y - y0)^2."""
    points = field.scattered(700)
    _, u_x, u_y = _columns(field, points)
    x, y = points
    w = null_vector(np.stack([y * u_x, x * u_y, u_x, u_y]))
    if w is None or w[0] == 0 or w[1] == 0:
        return None
    x0, y0, c = -w[3] / w[1], -w[2] / w[0], -w[0] / w[1]
    x, y = x - x0, y - y0
    away = np.abs(x) > 0.35 * np.abs(x).max()
    d = field.pure(0, HIGHEST, points)[:, :, away]
    x, y = x[away], y[away]
    f1 = d[:, 1] / (2 * x)
    f2 = (d[:, 2] - 2 * f1) / (4 * x**2)
    f3 = (d[:, 3] - 12 * x * f2) / (8 * x**3)
    f4 = (d[:, 4] - 48 * x**2 * f3 - 12 * f2) / (16 * x**4)
    jets = np.stack([d[:, 0], f1, f2, f3, f4], axis=1)
    constants = Constants()
    first: Expr = variables[0] - constants.new(x0) if x0 else variables[0]
    second: Expr = variables[1] - constants.new(y0) if y0 else variables[1]
    ratio: Expr = Integer(round(c)) if abs(c - round(c)) < 1e-9 else constants.new(c)
    z = first**2 + ratio * second**2
    sampled = _sorted(x**2 + c * y**2, jets, field.error)
    return Reduced(sampled, z, Integer(1), Integer(0), constants, "rotation")


def _radial(sampled: Sampled) -> Sampled:
    """Return the same function of r = sqrt(z)."""
    z, f = sampled.x, np.moveaxis(sampled.jets, 1, 0)
    r = np.sqrt(z)
    jets = [
        f[0],
        2 * r * f[1],
        2 * f[1] + 4 * z * f[2],
        12 * r * f[2] + 8 * r**3 * f[3],
        12 * f[2] + 48 * z * f[3] + 16 * z**2 * f[4],
    ]
    return Sampled(r, np.stack(jets, axis=1), sampled.error)


def _scaling(field: Field, variables: Sequence[Symbol]) -> Reduced | None:
    """A (x - x0) u_x + b (y - y0) u_y + e u + f = 0: a self-similar field."""
    points = field.scattered(500)
    u, u_x, u_y = _columns(field, points)
    x, y = points
    w = null_vector(np.stack([x * u_x, y * u_y, u_x, u_y, u, np.ones_like(u)]))
    if w is None or w[0] == 0 or w[1] == 0:
        return None
    a, b, p, q, e, f = w
    x0, y0 = -p / a, -q / b
    x, y = x - x0, y - y0
    if y.min() <= 0 <= y.max() or (e and f):
        return None
    sign = 1 if y.min() > 0 else -1
    constants = Constants()
    base: Expr = variables[1] - constants.new(y0) if y0 else variables[1]
    base, size = sign * base, sign * y
    power, jets = a / b, field.pure(0, HIGHEST, points)
    factor, summand = Integer(1), Integer(0)
    if e:
        factor = base ** _exponent(-e / b, constants)
        jets = jets * size ** (e / b)
    elif f:
        summand = constants.new(-f / b) * log(base)
        jets[:, 0] += f / b * np.log(size)
    jets = jets * size ** (power * np.arange(HIGHEST + 1)[:, None])
    first: Expr = variables[0] - constants.new(x0) if x0 else variables[0]
    z = first * base ** -_exponent(power, constants)
    sampled = _sorted(x * size**-power, jets, field.error)
    return Reduced(sampled, z, factor, summand, constants, "scaling")


def _exponent(value: float, constants: Constants) -> Expr:
    twelfths = round(12 * value)
    return Rational(twelfths, 12) if abs(12 * value - twelfths) < 1e-3 else constants.new(value)
