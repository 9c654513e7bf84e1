"""Conditions that hold at points or on average, and coefficients that are no formula."""

import numpy as np
import pytest
import torch
from sympy import cos, exp, pi, sin

from kanpde import (
    KAN,
    Data,
    Dirichlet,
    IncompatibleWarning,
    Initial,
    Integral,
    Interval,
    LevenbergMarquardt,
    Neumann,
    Periodic,
    PointValue,
    Problem,
    Rectangle,
    TimeInterval,
    coordinates,
    div,
    given,
    grad,
    laplacian,
    load,
    solve,
    time,
    unknown,
    unknowns,
)
from kanpde.collocation import boundary_points, collocate
from kanpde.geometry import Sobol
from kanpde.problem import ConditionKind, evaluate, kind_of

x, y = coordinates("x y")
t = time("t")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 2))
POINTS = np.random.default_rng(3).random((300, 2))
FIELD = sin(3 * x) * exp(y)
WAVES = cos(pi * x) * cos(pi * y)


def relative(solution) -> float:
    return max(e["relative_l2"] for e in solution.errors().values())


# Data ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        FIELD,
        lambda x, y: np.sin(3 * x) * np.exp(y),
        np.sin(3 * POINTS[:, 0]) * np.exp(2 * POINTS[:, 1]),
    ],
    ids=["expression", "function", "array"],
)
def test_values_may_be_expressions_functions_or_arrays(values) -> None:
    problem = Problem(square, conditions=Data(u, {y: POINTS[:, 1], x: POINTS[:, 0]}, values))
    on = problem.conditions[0].on
    np.testing.assert_array_equal(on.points, POINTS)
    assert on.values.shape == (300,)
    assert problem.condition_names == ("data at 300 points",)
    assert kind_of(problem.conditions[0], problem.condition_residuals[0]) is ConditionKind.DATA


def test_plain_data_fitting_needs_no_equation() -> None:
    unit = Rectangle(x=(0, 1), y=(0, 1))
    problem = Problem(unit, conditions=[Data(u, POINTS, FIELD)], exact={u: FIELD})
    assert relative(solve(problem)) < 1e-5
    solution = solve(problem, KAN([2, 4, 1]), [LevenbergMarquardt(iterations=40)], seed=2)
    assert relative(solution) < 1e-3
    assert "residual" not in solution.plot(resolution=5)


def test_rows_are_differences_in_ratios_of_the_noise() -> None:
    noise = np.array([0.1, 0.2, 0.4])
    points, values = POINTS[:3], np.array([1.0, 2.0, 3.0])
    expression = u.diff(x) + x * u
    problem = Problem(square, laplacian(u), [Data(expression, points, values, noise=noise)])
    field = KAN([2, 3, 1], seed=1)
    field = field.prepared(square.lower, square.upper, 1)
    places = boundary_points(problem, 10, 0, sampler=Sobol())
    collocation = collocate(problem, square.interior(5), places)
    block, prepared = collocation.blocks[1], collocation.prepare(field)[1]
    found = torch.tensor(points, requires_grad=True)
    value = field(found)[:, 0]
    slope = torch.autograd.grad(value.sum(), found)[0][:, 0]
    expected = (slope + found[:, 0] * value - torch.tensor(values)) / torch.tensor(noise) * 0.1
    with torch.no_grad():
        torch.testing.assert_close(block.residual(field.evaluate(prepared)), expected.detach())
    residual, jacobian = collocation.jacobian(field, collocation.prepare(field))
    step = 1e-6 * torch.randn(
        field.parameter_count, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    moved = collocation.residual(
        field.with_vector(field.vector() + step), collocation.prepare(field)
    )
    back = collocation.residual(
        field.with_vector(field.vector() - step), collocation.prepare(field)
    )
    torch.testing.assert_close((moved - back) / 2, step @ jacobian, rtol=1e-6, atol=1e-12)
    assert residual.shape == (8,)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (lambda: Data(u, [[0.5, 3.0]], [1]), r"the point x = 0.5, y = 3 .* lies outside"),
        (lambda: Data(u, [[0.5, np.nan]], [1]), "point 0 is not finite"),
        (lambda: Data(u, POINTS, np.ones(7)), r"values of shape \(7,\) at 300 points"),
        (lambda: Data(u, POINTS, np.full(300, np.inf)), "value 0 is inf"),
        (lambda: Data(u, np.ones((4, 3)), 1), r"must have shape \(N, 2\)"),
        (lambda: Data(u, {x: [0.5]}, 1), "gives the coordinates x but"),
        (lambda: Data(u, POINTS, 1, noise=0), "must be positive"),
        (lambda: Data(u, "here", 1), "no array of numbers"),
        (lambda: PointValue(u, 0, x=2, y=0), "lies outside"),
        (lambda: PointValue(u, 0), "needs the point"),
        (lambda: Integral(u, x), "must be a number"),
        (lambda: Integral(u, 0, over="middle"), "names no piece"),
    ],
)
def test_bad_measurements_are_refused(condition, message) -> None:
    with pytest.raises(ValueError, match=message):
        Problem(square, laplacian(u), [condition()])


def test_round_off_at_the_boundary_is_not_outside() -> None:
    Problem(square, laplacian(u), [Data(u, [[1 + 1e-16, 2 + 1e-15], [-1e-15, 0.0]], [0, 0])])


def test_fewer_equations_than_unknowns_need_data() -> None:
    v, w = unknowns("v w", x, y)
    with pytest.raises(ValueError, match=r"2 unknowns .* but only 1 equations"):
        Problem(square, v.diff(x) - w, [Dirichlet(v, 0, on="left")])
    Problem(square, v.diff(x) - w, [Data(v, POINTS, 1)])


# Point values and integrals ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "fixing",
    [PointValue(u, 1, x=0, y=0), Integral(u, 0), Integral(u, 0, over="left")],
    ids=["point", "integral", "integral over a side"],
)
def test_a_neumann_problem_is_fixed_by_one_more_row(fixing) -> None:
    problem = Problem(
        square,
        laplacian(u) + 2 * pi**2 * WAVES,
        [Neumann(u, 0, on=square.boundary), fixing],
        exact={u: WAVES},
    )
    assert relative(solve(problem)) < 1e-9


def test_an_integral_is_one_row_with_the_mean_as_value() -> None:
    problem = Problem(square, laplacian(u), [Integral(x * u, 6, over="top"), Integral(u, 1)])
    field = KAN([2, 3, 1], seed=1).prepared(square.lower, square.upper, 1)
    collocation = collocate(
        problem, square.interior(5), boundary_points(problem, 10, 0, sampler=Sobol())
    )
    prepared = collocation.prepare(field)
    s = np.linspace(0, 1, 20001)
    with torch.no_grad():
        top = field(torch.tensor(np.stack([s, 2 + 0 * s], axis=1)))[:, 0].numpy()
        found = [
            float(b.residual(field.evaluate(p)))
            for b, p in zip(collocation.blocks[1:], prepared[1:], strict=True)
        ]
    assert found[0] == pytest.approx(np.trapezoid(s * top, s) - 6, abs=1e-7)
    points, weights = square.quadrature(60)
    with torch.no_grad():
        inside = field(torch.tensor(points))[:, 0].numpy()
    assert found[1] == pytest.approx((weights @ inside - 1) / 2, abs=1e-7)


# Given functions ---------------------------------------------------------------------------------


def coefficient(**more):
    return given("k", x, y, values=lambda x, y: 1 + x * y, **more)


DERIVATIVES = {x: lambda x, y: y, y: lambda x, y: x}


def test_a_given_coefficient_solves_like_its_formula() -> None:
    k = coefficient(derivatives=DERIVATIVES)
    source = div((1 + x * y) * grad(WAVES, x, y), x, y)
    problem = Problem(
        square,
        div(k * grad(u)) - source,
        [Dirichlet(u, WAVES, on=square.boundary)],
        exact={u: WAVES},
    )
    assert relative(solve(problem)) < 1e-9


def test_given_functions_in_a_nonlinear_equation() -> None:
    k = coefficient()
    problem = Problem(square, k * u**2 - laplacian(u), [Dirichlet(u, 0, on=square.boundary)])
    formula = Problem(square, (1 + x * y) * u**2 - laplacian(u), problem.conditions)
    field = KAN([2, 3, 1], seed=1).prepared(square.lower, square.upper, 1)
    both = [collocate(p, square.interior(20), {}) for p in (problem, formula)]
    (r, a), (s, b) = (c.jacobian(field, c.prepare(field)) for c in both)
    torch.testing.assert_close(r, s)
    torch.testing.assert_close(a, b)


def test_derivatives_of_a_given_function_are_equal_to_themselves() -> None:
    k = given(
        "k", x, y, values=lambda x, y: x * y, derivatives={x: lambda x, y: y, (x, y): np.ones}
    )
    assert k.diff(x) == k.diff(x)
    assert k.diff(x).diff(y) - k.diff(x, y) == 0
    np.testing.assert_array_equal(evaluate(2 * k.diff(x), (x, y), POINTS), 2 * POINTS[:, 1])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda x, y: np.ones(3), r"returned an array of shape \(3,\)"),
        (lambda x, y: x / (x - x), "is (inf|nan) at x = "),
        (lambda x, y: "no", "no array of numbers"),
    ],
)
def test_a_given_function_is_checked_when_it_is_evaluated(values, message) -> None:
    k = given("k", x, y, values=values)
    with pytest.raises(ValueError, match=message):
        Problem(square, laplacian(u) + k, [Dirichlet(u, 0, on=square.boundary)])


def test_a_missing_derivative_says_what_to_write() -> None:
    with pytest.raises(ValueError, match=r"derivatives=\{x: function\}"):
        div(coefficient() * grad(u))
    with pytest.raises(ValueError, match="is no function"):
        given("k", x, y, values=3)


# Corners -----------------------------------------------------------------------------------------


def test_values_that_disagree_at_a_corner_are_a_warning_with_the_place() -> None:
    v = unknown("v", x, t)
    domain = Interval(x=(0, 1)) * TimeInterval(t=(0, 1))
    walls, start = Dirichlet(v, 0, on=("left", "right")), Initial(v, 1 - x)
    message = r"disagree at x = 0, t = 0: v = 0 and 1"
    with pytest.warns(IncompatibleWarning, match=message):
        Problem(domain, v.diff(t) - v.diff(x, 2), [walls, start])


def test_values_that_agree_up_to_round_off_are_no_warning() -> None:
    v = unknown("v", x, t)
    domain = Interval(x=(0, 1)) * TimeInterval(t=(0, 1))
    walls = Dirichlet(v, 0, on=("left", "right"))
    Problem(domain, v.diff(t) - v.diff(x, 2), [walls, Initial(v, sin(pi * x))])


# Files -------------------------------------------------------------------------------------------


def test_data_integrals_and_periodic_conditions_are_saved_exactly(tmp_path) -> None:
    problem = Problem(
        square,
        laplacian(u) - u,
        [
            Periodic(u, x),
            Dirichlet(u, 1, on=("bottom", "top")),
            Data(u, POINTS[:5], np.pi, noise=0.1),
            Integral(u, 1 / 3),
            Integral(u, 0, over="top"),
        ],
    )
    saved = solve(problem, KAN([2, 1]), [LevenbergMarquardt(iterations=1)]).save(tmp_path / "s.h5")
    again = load(saved).problem
    assert again.conditions == problem.conditions
    assert again.condition_names == problem.condition_names


def test_periodic_on_a_rectangle_is_no_dirichlet_condition() -> None:
    field = sin(pi * y) * (1 + cos(2 * pi * x))
    problem = Problem(
        square,
        laplacian(u) - laplacian(field, x, y),
        [Periodic(u, x), Dirichlet(u, 0, on=("bottom", "top"))],
        exact={u: field},
    )
    assert relative(solve(problem)) < 1e-9
