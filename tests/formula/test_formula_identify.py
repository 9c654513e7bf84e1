"""Functions of one variable are identified by their equations, structures by derivatives."""

import numpy as np
import pytest
from sympy import (
    Rational,
    Symbol,
    besselj,
    cos,
    cosh,
    erf,
    exp,
    lambdify,
    log,
    pi,
    sech,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)

from kanpde.formula.field import fields_of
from kanpde.formula.identify import identify
from kanpde.formula.refit import fit_field
from kanpde.formula.structure import Log, structures
from kanpde.problem import unknown

x, y = Symbol("x", real=True), Symbol("y", real=True)
u, v = unknown("u", x), unknown("v", x, y)


def field_of(expression, *ranges, error=1e-10):
    """The expression with rough noise of a given size, on a box."""
    symbols = [x, y][: len(ranges)]
    function = lambdify(symbols, expression, ["scipy", "numpy"])

    def values(points):
        exact = function(*points.T) * np.ones(len(points))
        noise = np.cos(points @ np.array([7.0, 5.0][: len(ranges)]) + 1)
        return (exact * (1 + error * noise))[:, None]

    lower, upper = np.array(ranges, dtype=float).T
    return fields_of(values, lower, upper, error)[0]


def best_misfit(templates, unknown_, field, symbols):
    """The smallest misfit after a refit of the constants on the field."""
    return min(
        fit_field({unknown_: t.expression}, {unknown_: field}, symbols, t.constants).residual
        for t in templates
    )


@pytest.mark.parametrize(
    ("expression", "ends", "most"),
    [
        (3 * x**2 - x + 2, (-1, 1), 3),
        (x**7 - x, (-1, 1), 8),
        (sin(5 * x) + cos(2 * x), (-1, 1), 6),
        (exp(-3 * x) * sin(4 * x), (0, 2), 4),
        (x**2 * exp(-x / 2), (0, 3), 4),
        (exp(-(x**2)), (-2, 2), 2),
        (x ** Rational(5, 2), (1, 3), 3),
        (log(x + 2), (-1, 1), 3),
        (erf(2 * x), (-1, 1), 3),
        (sin(3 * x) / x, (1, 3), 3),
        (besselj(0, 2 * x), (1, 4), 3),
        (x ** sqrt(2) + 3 * x ** -sqrt(2), (1, 3), 4),
        (cos(3 * log(x)) / x, (1, 3), 4),
        (cosh(2 * x) + sinh(x), (-1, 1), 6),
        (tanh(3 * x - 1), (-1, 1), 4),
        (tan(x), (-1, 1), 3),
        (1 / (1 + x**2), (-1, 1), 4),
        (5 * sech(2 * x) ** 2, (-2, 2), 4),
        (exp(sin(pi * x)), (-1, 1), 3),
        (sqrt(1 + x**2), (-2, 2), 4),
        (2 * log(cosh(x)), (-1, 1), 4),
        (1 / (1 + exp(2 * x)), (-1, 1), 4),
    ],
    ids=str,
)
def test_a_function_of_one_variable_is_identified(expression, ends, most):
    field = field_of(expression, ends)
    found = identify(field.single(0), x)
    assert found
    assert len(found[0].constants) <= most
    assert best_misfit(found, u, field, [x]) < 1e-8


def test_a_function_of_no_known_kind_is_not_identified():
    # The solution of no equation that is tried: exp(-1/x) and a Bessel function of a square.
    field = field_of(sin(exp(2 * x)) * log(x + 3), (-1, 1))
    assert not identify(field.single(0), x)


@pytest.mark.parametrize(
    ("expression", "ranges"),
    [
        (sin(pi * x) * sin(2 * y), ((-1, 1), (0, 1))),
        (tanh(x) * log(y), ((-1, 1), (1, 2))),
        (tanh(x) + sqrt(y), ((-1, 1), (1, 2))),
        (sin(2 * x) * tanh(y) + x * log(y), ((-1, 1), (1, 2))),
        (sech(x - 2 * y) ** 2, ((-2, 2), (0, 1))),
        (exp(-y) * tanh(x - y), ((-1, 1), (0, 1))),
        (sqrt((x - Rational(1, 2)) ** 2 + y**2), ((1, 2), (1, 2))),
        (exp(-(x**2) / (4 * y)) / sqrt(y), ((-2, 2), (1, 2))),
        (erf(x / (2 * sqrt(y))), ((-2, 2), (1, 2))),
        (log(1 + x**2 + exp(y)), ((-1, 1), (-1, 1))),
        (exp(x * y), ((0.5, 1.5), (0.5, 1.5))),
    ],
    ids=str,
)
def test_the_structure_of_a_field_of_two_coordinates_is_found(expression, ranges):
    field = field_of(expression, *ranges, error=1e-11)
    found = []
    for template in structures(field, [x, y], Log()):
        found.append(template)
        if best_misfit([template], v, field, [x, y]) < 1e-8:
            return
    raise AssertionError([t.expression for t in found])


def test_derivatives_of_a_field_are_those_of_the_function():
    expression = exp(x) * sin(2 * y)
    field = field_of(expression, (0, 1), (-1, 2), error=0.0)
    points = field.scattered(50)
    for order in [(0, 0), (1, 0), (2, 1), (0, 3)]:
        exact = lambdify([x, y], expression.diff(x, order[0]).diff(y, order[1]))(*points)
        found = field.derivative(order, points)
        assert np.abs(found[0] - exact).max() < 1e-9 * np.abs(exact).max()
        # The two draws differ by the error that the field is said to have.
        assert 0 < np.abs(found[0] - found[1]).max() < 1e-7
