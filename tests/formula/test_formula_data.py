"""Formulas from plain data, with and without noise; the certificate speaks of the fit."""

import numpy as np
import pytest
from sympy import (
    Function,
    Rational,
    Symbol,
    airyai,
    asin,
    atan,
    cosh,
    erf,
    exp,
    lambdify,
    log,
    pi,
    sech,
    simplify,
    sin,
    sqrt,
    tanh,
)

import kanpde
from kanpde import Box, Data, Dirichlet, Interval, Problem, Rectangle, coordinates, unknown
from kanpde.formula import Level, certify, load_formula
from kanpde.formula.dataset import Dataset, datasets, fields_on_boxes, fitted_field
from kanpde.formula.graphs import graphs
from kanpde.formula.library import user_family
from kanpde.formula.naming import edge_fits
from kanpde.formula.trend import has_trend, neighbour_correlation

x, y, z = coordinates("x y z")
u = unknown("u", x, y)
SQUARE = Rectangle(x=(-1, 1), y=(-1, 1))


def sampled(formula, *ranges, noise=0.0, count=800, seed=0):
    """Random points of a box, and values with noise relative to their spread."""
    generator = np.random.default_rng(seed)
    points = np.stack([generator.uniform(*r, count) for r in ranges], axis=1)
    symbols = [x, y, z][: len(ranges)]
    values = lambdify(symbols, formula, ["scipy", "numpy"])(*points.T)
    return points, values + noise * values.std() * generator.normal(size=count)


def is_equal(found, formula):
    """Whether two formulas are the same with 30 digits at points that no one chose."""
    places = [{x: Rational(k, 17), y: Rational(k, 23), z: Rational(k, 29)} for k in (3, 7, 13)]
    return all(abs((found - formula).subs(p).evalf(30)) < 1e-25 for p in places)


def problem_of(formula, *ranges, **how):
    points, values = sampled(formula, *ranges, **how)
    own = [x, y, z][: len(ranges)]
    names = {s.name: r for s, r in zip(own, ranges, strict=True)}
    domain = {1: Interval, 2: Rectangle}.get(len(ranges), Box)(**names)
    return Problem(domain, conditions=[Data(unknown("u", *own), points, values)], name="data")


@pytest.mark.parametrize(
    ("formula", "ranges"),
    [
        ((x + y) / (1 + x * y), [(0, 0.9)] * 2),
        (sqrt(x**2 + y**2), [(-1, 1)] * 2),  # a kink inside
        pytest.param(asin(x * sin(y)), [(0, 0.9), (-1.5, 1.5)], marks=pytest.mark.slow),
        pytest.param(
            sqrt(1 + x**2 - 2 * x * sin(y - z)),
            [(0, 0.8), (-1, 1), (-1, 1)],
            marks=pytest.mark.slow,
        ),
        pytest.param(x * exp(-((y - z) ** 2)), [(0, 1)] * 3, marks=pytest.mark.slow),
        pytest.param(1 / (x**2 + y * z + 2), [(-1, 1)] * 3, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_exact_data_give_the_exact_formula(formula, ranges):
    problem = problem_of(formula, *ranges)
    found = kanpde.solve(problem, budget="5s").formula()
    assert is_equal(found.expression, formula)
    assert found.certificate.level is Level.NUMERIC
    assert found.certificate.largest_residual < 1e-13


@pytest.mark.parametrize(
    ("formula", "ranges"),
    [
        pytest.param(sin(pi * x) * sin(pi * y), [(-1, 1)] * 2, marks=pytest.mark.slow),
        (exp(-(x**2)), [(-2, 2)]),
        pytest.param(exp(sin(pi * x) + y**2), [(-1, 1)] * 2, marks=pytest.mark.slow),
        pytest.param(sin(3 * x - 2 * y), [(-1, 1)] * 2, marks=pytest.mark.slow),
        pytest.param((x + y) / (1 + x * y), [(0, 0.9)] * 2, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_data_with_one_per_cent_of_noise_give_the_formula(formula, ranges, tmp_path):
    problem = problem_of(formula, *ranges, noise=0.01)
    found = kanpde.solve(problem, budget="5s").formula()
    assert is_equal(found.expression, formula)
    assert found.certificate.level is Level.FITTED
    assert "without a trend" in found.certificate.text
    again = load_formula(found.save(tmp_path / "formula.json"))
    assert again.certificate.level is Level.FITTED
    assert [a.error for a in found.pareto] == sorted((a.error for a in found.pareto), reverse=True)


def test_noisy_data_refuse_a_wrong_formula():
    exact = sin(2 * x) * y
    problem = problem_of(exact, (-1, 1), (-1, 1), noise=0.01, count=1000)
    (v,) = problem.unknowns
    assert certify(problem, {v: exact}).level is Level.FITTED
    refused = certify(problem, {v: exact + x**2 / 50})
    assert refused.level is Level.NONE
    assert "with a trend" in refused.text
    assert certify(problem, {v: 0 * x}).level is Level.NONE


def test_known_noise_is_held_to():
    points, values = sampled(x * y, (-1, 1), (-1, 1), noise=0.02, count=300)
    sigma = 0.02 * np.std(points[:, 0] * points[:, 1])
    problem = Problem(SQUARE, conditions=[Data(u, points, values, noise=sigma)])
    found = certify(problem, {u: x * y})
    assert found.level is Level.FITTED
    assert "standard deviations" in found.text
    assert certify(problem, {u: x * y + x / 10}).level is Level.NONE


@pytest.mark.slow
def test_data_that_are_noise_have_no_formula():
    generator = np.random.default_rng(3)
    points = generator.uniform(-1, 1, (300, 2))
    problem = Problem(SQUARE, conditions=[Data(u, points, generator.normal(size=300))])
    found = kanpde.solve(problem, budget="5s").formula(budget="5s")
    assert found.certificate.level is Level.NONE


def test_trends_are_told_from_noise():
    generator = np.random.default_rng(0)
    points = generator.uniform(-1, 1, (500, 2))
    noise = generator.normal(size=500)
    assert not has_trend(points, noise)
    assert has_trend(points, noise + np.sin(3 * points[:, 0]))
    assert neighbour_correlation(points, np.ones(500)) == pytest.approx(1.0)


def test_series_of_data_tell_their_error():
    points, values = sampled(exp(x) * sin(y), (-1, 1), (-1, 1))
    field = fitted_field(Dataset(points, values))
    assert field.error < 1e-10
    fresh, exact = sampled(exp(x) * sin(y), (-0.9, 0.9), (-0.9, 0.9), seed=5)
    assert np.abs(field.derivative((0, 0), fresh.T)[0] - exact).max() < 1e-10
    noisy = sampled(exp(x) * sin(y), (-1, 1), (-1, 1), noise=0.01)
    assert 3e-3 < fitted_field(Dataset(*noisy)).error < 3e-2
    assert fitted_field(Dataset(points[:5], values[:5])) is None
    # A kink spoils the series on the whole, not on the best part.
    errors = [f.error for f in fields_on_boxes(Dataset(*sampled(abs(x + 0.5), (-1, 1))))]
    assert errors[0] > 1e-4
    assert errors[1] < 1e-12


@pytest.mark.parametrize(
    ("formula", "ranges", "note"),
    [
        (exp(sin(2 * x) + y**3), [(-1, 1)] * 2, "exp(sum) of 2 edges"),
        (sin(2 * x) * exp(y), [(-1, 1)] * 2, "product of 2 edges"),
        (sin(4 * x - 3 * y), [(-1, 1)] * 2, "ridge of 1 edge"),
        (sqrt(1 + x**4 + y), [(0, 1)] * 2, "sqrt(sum) of 2 edges"),
    ],
    ids=str,
)
def test_the_graph_is_found_in_noise(formula, ranges, note):
    points, values = sampled(formula, *ranges, noise=0.01)
    found = list(graphs(Dataset(points, values), noise=0.01 * values.std()))
    assert found[0].note == note
    assert found[0].residual == pytest.approx(0.01 * values.std(), rel=0.1)


@pytest.mark.parametrize(
    ("formula", "ends", "note"),
    [
        (sin(25 * x + 1), (-1, 1), "sine"),
        pytest.param(tanh(12 * x - 2), (-1, 1), "tanh", marks=pytest.mark.slow),
        (sqrt(x + 0.01), (0, 2), "square root"),
        pytest.param(sech(2 * x) ** 2, (-2, 2), "sech^2", marks=pytest.mark.slow),
        (erf(2 * x), (-1, 1), "error function"),
        pytest.param(cosh(2 * x), (-1, 1), "hyperbolic", marks=pytest.mark.slow),
        pytest.param(x**1.3, (0.1, 2), "power", marks=pytest.mark.slow),
        (3 * x**2 - x, (-1, 1), "polynomial"),
        pytest.param(log(x + 0.1), (0, 2), "logarithm", marks=pytest.mark.slow),
        pytest.param(atan(5 * x), (-1, 1), "arctangent", marks=pytest.mark.slow),
        (exp(-x) * sin(5 * x), (0, 2), "damped wave"),
    ],
    ids=str,
)
def test_edges_are_named_to_rounding(formula, ends, note):
    points, values = sampled(formula, ends, count=200)
    first = edge_fits(points[:, 0], values, np.ones(200), 1e-20, x)[0]
    assert first.template.note == note
    fitted = lambdify(x, first.template.numeric(), ["scipy", "numpy"])(points[:, 0])
    assert np.abs(fitted - values).max() < 1e-9


def test_functions_of_the_user_are_compared_and_need_a_derivative():
    w = unknown("w", x)
    line = Interval(x=(0, 2))
    problem = Problem(
        line,
        equations=w.diff(x, 2) - x * w,
        conditions=[Dirichlet(w, airyai(x), on=line.boundary)],
    )
    solution = kanpde.solve(problem, tol=1e-10)
    found = solution.formula(functions=[airyai])
    assert found.is_proved
    assert simplify(found.expression - airyai(x)) == 0
    for wrong in (Function("f"), lambda s: Symbol("c") * s, lambda s: 1.0, "sin"):
        with pytest.raises(ValueError, match=r"derivative|function of one|sympy expression"):
            solution.formula(functions=[wrong])
    assert user_family(lambda s: s * exp(-s)).nonlinear


def test_problems_with_equations_are_no_data():
    line = Interval(x=(0, 1))
    w = unknown("w", x)
    data, two = Data(w, [[0.5]], [1.0]), Data(w, [[0.5], [0.6]], [1.0, 1.0])
    assert datasets(Problem(line, equations=w.diff(x) - 1, conditions=[data])) is None
    assert datasets(Problem(line, conditions=[Data(2 * w, [[0.5], [0.6]], [1.0, 1.0])])) is None
    assert list(datasets(Problem(line, conditions=[two, data]))) == [w]
