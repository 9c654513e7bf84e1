"""Certificates: what is right is proved, what is perturbed is refused, nothing is believed."""

import numpy as np
import pytest
from sympy import Float, Integer, Rational, Symbol, exp, pi, sin, sqrt

from kanpde import (
    Annulus,
    Condition,
    Data,
    Dirichlet,
    Disk,
    Integral,
    Interval,
    Neumann,
    Periodic,
    PointValue,
    Problem,
    Rectangle,
    coordinates,
    given,
    laplacian,
    unknown,
)
from kanpde.formula import Level, certify

x, y = coordinates("x y")
u = unknown("u", x, y)


def test_the_closed_form_is_proved_and_a_perturbed_one_refused(closed_form):
    problem, formulas = closed_form
    assert certify(problem, formulas).level is Level.PROVED
    first = problem.coordinates[0]
    for unknown_ in formulas:
        wrong = dict(formulas)
        wrong[unknown_] += first**5 / 1000
        assert certify(problem, wrong).level is Level.NONE
    # Constants near the right ones are refused too.
    near = {f: e * (1 + Rational(1, 10**7)) for f, e in formulas.items()}
    assert certify(problem, near).level is Level.NONE


def test_floats_are_numeric_and_never_proved(problem_named):
    problem = problem_named("square_sines")
    found = certify(problem, {problem.unknowns[0]: Float(1.0) * sin(pi * x) * sin(pi * y)})
    assert found.level is Level.NUMERIC
    assert found.largest_residual < 1e-12
    rough = certify(problem, {problem.unknowns[0]: sin(3.14159 * x) * sin(pi * y)})
    assert rough.level is Level.NONE


@pytest.mark.parametrize(
    "domain",
    [
        Disk(x=0.5, y=0, radius=1.5),
        Annulus(x=0, y=0, inner=1, outer=2),
    ],
    ids=repr,
)
def test_normal_derivatives_on_circles_are_proved(domain):
    exact = x**2 - y**2 + x
    normal = Neumann(u, 0, on=domain.boundary).expression
    slope = normal.xreplace({u: exact}).doit()
    problem = Problem(
        domain,
        equations=laplacian(u),
        conditions=[Condition(normal - slope + u - exact, on=domain.boundary)],
    )
    assert certify(problem, {u: exact}).level is Level.PROVED
    assert certify(problem, {u: exact + x * y}).level is Level.NONE


def test_periodic_conditions_points_and_integrals():
    line = Interval(x=(0, 1))
    v = unknown("v", x)
    problem = Problem(
        line,
        equations=v.diff(x, 2) + 4 * pi**2 * sin(2 * pi * x),
        conditions=[Periodic(v, x), PointValue(v, 1.5, x=0)],
    )
    assert certify(problem, {v: sin(2 * pi * x) + Rational(3, 2)}).level is Level.PROVED
    assert certify(problem, {v: sin(2 * pi * x) + 1}).level is Level.NONE
    mean = Problem(
        line,
        equations=v.diff(x, 2) + 4 * pi**2 * sin(2 * pi * x),
        conditions=[Periodic(v, x), Integral(v, 2)],
    )
    assert certify(mean, {v: sin(2 * pi * x) + 2}).level is Level.PROVED
    assert certify(mean, {v: sin(2 * pi * x) + 2.5}).level is Level.NONE


def test_data_are_fitted_and_not_proved():
    v = unknown("v", x)
    places = np.linspace(0, 1, 7)[:, None]
    problem = Problem(Interval(x=(0, 1)), conditions=[Data(v, places, np.exp(places[:, 0]))])
    found = certify(problem, {v: exp(x)})
    assert found.level is Level.NUMERIC
    assert found.largest_residual < 1e-14
    assert certify(problem, {v: exp(x) + x / 100}).level is Level.NONE


def test_a_given_function_is_no_formula():
    k = given("k", x, y, values=lambda x, y: 1 + x**2)
    square = Rectangle(x=(0, 1), y=(0, 1))
    problem = Problem(
        square, equations=laplacian(u) - k, conditions=[Dirichlet(u, 0, on=square.boundary)]
    )
    found = certify(problem, {u: Integer(0)})
    assert found.level is Level.NONE
    assert "no formula" in found.text


def test_a_singular_formula_is_refused(problem_named):
    problem = problem_named("sine_load")
    found = certify(problem, {problem.unknowns[0]: sin(pi * x) + 0 * sqrt(x - 5) / x})
    assert found.level is Level.PROVED  # sympy cancels it
    found = certify(problem, {problem.unknowns[0]: sin(pi * x) + 1 / Symbol("a")})
    assert found.level is Level.NONE


def test_domains_ends_are_exact():
    v = unknown("v", x)
    line = Interval(x=(0, 0.1))
    problem = Problem(
        line,
        equations=v.diff(x) - 1,
        conditions=[Dirichlet(v, Rational(1, 10), on="right")],
    )
    assert certify(problem, {v: x}).level is Level.PROVED
