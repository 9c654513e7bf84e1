"""Nonlinear problems on ladders: Newton's method, its damping and its outcomes."""

import numpy as np
import pytest
import torch
from sympy import Abs, Rational, atan, exp, log, pi, sin

from kanpde import (
    Dirichlet,
    Interval,
    Ladder,
    Outcome,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    solve,
    unknown,
)
from kanpde.collocation import boundary_points, collocate
from kanpde.geometry import Chebyshev
from kanpde.networks import LinearKAN, RidgeNodes
from kanpde.solving import Newton, suits

x, y = coordinates("x y")
u1, u2 = unknown("u", x), unknown("u", x, y)
line = Interval(x=(0, 1))
unit = Rectangle(x=(0, 1), y=(0, 1))


def bratu(parameter) -> Problem:
    return Problem(
        line,
        u1.diff(x, 2) + parameter * exp(u1),
        Dirichlet(u1, 0, on=line.boundary),
        name="bratu",
    )


def bratu_maximum(parameter) -> float:
    """The largest value of the lower solution: theta = sqrt(2 lambda) cosh(theta / 4)."""
    theta = 0.0
    for _ in range(500):
        theta = np.sqrt(2 * parameter) * np.cosh(theta / 4)
    return 2 * np.log(np.cosh(theta / 4))


@pytest.mark.parametrize("parameter", [1, 2, 3.4])
def test_bratu_on_a_line_agrees_with_the_closed_form(parameter) -> None:
    solution = solve(bratu(parameter))
    assert solution.outcome is Outcome.SOLVED
    assert solution(x=0.5) == pytest.approx(bratu_maximum(parameter), rel=1e-9)


def test_beyond_the_turning_point_there_is_no_solution_and_that_is_said() -> None:
    solution = solve(bratu(6))  # the largest parameter with a solution is 3.5138...
    assert solution.outcome is Outcome.NOT_CONVERGED
    assert not solution.outcome.is_success
    assert "no solution" in solution.outcome.value


def nonlinear_poisson() -> Problem:
    exact = sin(2 * x) * exp(y)

    def operator(f):
        k = 1 + f**2
        return sum((k * f.diff(c)).diff(c) for c in (x, y)) - f**3

    return Problem(
        unit,
        (operator(u2) - operator(exact)).doit(),
        Dirichlet(u2, exact, on=unit.boundary),
        exact={u2: exact},
    )


def test_a_nonlinear_coefficient() -> None:
    solution = solve(nonlinear_poisson())
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["u"]["relative_l2"] < 1e-10
    for record in solution.history:
        if record.estimate is not None and 1e-13 < record.error < 0.1:
            assert record.error / 2 <= record.estimate <= 30 * record.error


def test_a_nonlinear_condition() -> None:
    exact = log(2 + x)
    problem = Problem(
        line,
        u1.diff(x, 2) + exp(-2 * u1),
        [Dirichlet(u1, log(2), on="left"), Dirichlet(u1**3, log(3) ** 3, on="right")],
        exact={u1: exact},
    )
    solution = solve(problem, tol=1e-9)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["u"]["relative_l2"] < 1e-9


def test_linearised_rows_are_the_derivative_of_the_residual() -> None:
    problem = nonlinear_poisson()
    network = LinearKAN([RidgeNodes(4, unit.lower, unit.upper)])
    torch.manual_seed(0)
    network = network.with_output_coefficients(torch.randn(1, 15, dtype=torch.float64))
    boundary = boundary_points(problem, 20, 0, sampler=Chebyshev())
    collocation = collocate(problem, unit.interior(10, seed=0), boundary)
    prepared = collocation.prepare(network)
    with torch.no_grad():
        jets = [network.evaluate(p) for p in prepared]
    systems = collocation.linearised_system(network, prepared, jets)
    c = network.output_coefficients
    direction = torch.randn(1, 15, dtype=torch.float64)
    step = 1e-6
    for block, points, jet, (rows, target) in zip(
        collocation.blocks, prepared, jets, systems, strict=True
    ):
        ahead = block.residual(network.evaluate_with(points, c + step * direction))
        behind = block.residual(network.evaluate_with(points, c - step * direction))
        expected = (ahead - behind).detach() / (2 * step)
        torch.testing.assert_close(rows @ direction[0], expected, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(rows @ c[0] - target, block.residual(jet), rtol=1e-9, atol=1e-9)


def test_steps_are_halved_where_a_full_one_goes_too_far() -> None:
    # arctan: Newton's method diverges from afar unless it is damped
    problem = Problem(
        line,
        u1.diff(x, 2) / 100 - atan(10 * (u1 - 3)),
        Dirichlet(u1, 3, on=line.boundary),
        exact={u1: 3},
    )
    damped = solve(problem, Ladder(degrees=(6, 8)))
    assert damped.errors()["u"]["relative_l2"] < 1e-8
    undamped = solve(problem, Ladder(degrees=(6, 8), newton=Newton(halvings=0)))
    assert undamped.outcome is not Outcome.SOLVED


@pytest.mark.parametrize("wrong", [{"iterations": 0}, {"change": 0.0}, {"halvings": -1}])
def test_bad_settings(wrong) -> None:
    with pytest.raises(ValueError, match="Newton"):
        Newton(**wrong)


def test_which_problems_a_ladder_is_tried_on_first() -> None:
    square = unit.boundary
    assert suits(bratu(1))
    assert suits(nonlinear_poisson())
    evolution = u2.diff(y) + u2 * u2.diff(x) - u2.diff(x, 2)
    sides = [Dirichlet(u2, 0, on=["left", "right"]), Dirichlet(u2, sin(pi * x), on="bottom")]
    assert not suits(Problem(unit, evolution, sides))
    kink = laplacian(u2) - Abs(u2) ** Rational(3, 2) - 1
    assert not suits(Problem(unit, kink, Dirichlet(u2, 0, on=square)))
    assert suits(Problem(unit, u2.diff(y) - u2.diff(x, 2), sides))  # linear
