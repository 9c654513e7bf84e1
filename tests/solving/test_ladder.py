"""The ladder: spectral convergence, an honest estimate, budgets and stops."""

from itertools import pairwise

import pytest
import torch
from sympy import Rational, cos, exp, pi, sin

from kanpde import (
    Box,
    Condition,
    Dirichlet,
    Interval,
    Ladder,
    Neumann,
    Outcome,
    Problem,
    Rectangle,
    Robin,
    coordinates,
    laplacian,
    solve,
    unknown,
)
from kanpde.control import Control
from kanpde.networks import TensorKAN
from kanpde.solving.ladder import MOST_BEYOND
from kanpde.solving.levels import Levels

x, y, z = coordinates("x y z")
u1, u2, u3 = unknown("u", x), unknown("u", x, y), unknown("u", x, y, z)
square = Rectangle(x=(-1, 1), y=(-1, 1))
unit = Rectangle(x=(0, 1), y=(0, 1))
line = Interval(x=(0, 2))
cube = Box(x=(0, 1), y=(0, 1), z=(0, 1))


def poisson() -> Problem:
    exact = sin(pi * x) * sin(pi * y)
    return Problem(
        square,
        laplacian(u2) + 2 * pi**2 * exact,
        Dirichlet(u2, 0, on=square.boundary),
        exact={u2: exact},
    )


def variable_coefficients() -> Problem:
    exact, k = exp(x) * cos(2 * y), 1 + x * y / 2

    def operator(f):
        return sum((k * f.diff(c)).diff(c) for c in (x, y)) - exp(x) * f

    return Problem(
        unit,
        operator(u2) - operator(exact),
        Dirichlet(u2, exact, on=unit.boundary),
        exact={u2: exact},
    )


def convection_reaction() -> Problem:
    exact = sin(2 * x + y) / (2 + x)

    def operator(f):
        return -laplacian(f, x, y) + 10 * f.diff(x) - 3 * y * f.diff(y) + 5 * f

    return Problem(
        unit,
        operator(u2) - operator(exact),
        Dirichlet(u2, exact, on=unit.boundary),
        exact={u2: exact},
    )


def mixed_conditions() -> Problem:
    exact = cos(3 * x) * exp(y)
    return Problem(
        unit,
        laplacian(u2) - u2 - laplacian(exact, x, y) + exact,
        [
            Dirichlet(u2, exact, on="left"),
            Neumann(u2, exact.diff(x), on="right"),
            Robin(u2, 2, 2 * exact - exact.diff(y), on="bottom"),
            Robin(u2, Rational(1, 2), exact / 2 + exact.diff(y), on="top"),
        ],
        exact={u2: exact},
    )


def one_dimension() -> Problem:
    exact = sin(4 * x) * exp(-x)

    def operator(f):
        return -f.diff(x, 2) + sin(x) * f.diff(x) + (1 + x**2) * f

    return Problem(
        line,
        operator(u1) - operator(exact),
        [Dirichlet(u1, 0, on="left"), Neumann(u1, exact.diff(x), on="right")],
        exact={u1: exact},
    )


SMOOTH = {
    f.__name__: f
    for f in (poisson, variable_coefficients, convection_reaction, mixed_conditions, one_dimension)
}


def degrees(*values: int) -> Ladder:
    return Ladder(degrees=values)


def test_spectral_convergence() -> None:
    solution = solve(poisson(), degrees(8, 12, 16, 20), tol=1e-15)
    errors = [record.error for record in solution.history]
    assert [record.iteration for record in solution.history] == [8, 12, 16, 20]
    for before, after in pairwise(errors):
        assert after < before / 30
    assert errors[-1] < 1e-9


@pytest.mark.parametrize("name", SMOOTH)
def test_the_estimate_is_honest_at_every_level(name) -> None:
    solution = solve(SMOOTH[name](), tol=1e-11)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["u"]["relative_l2"] < 1e-10
    judged = [
        (r.iteration, r.estimate, r.error)
        for r in solution.history
        if r.estimate is not None and 1e-11 < r.error < 0.1
    ]
    assert len(judged) >= 2
    for degree, estimate, error in judged:
        assert error / 2 <= estimate <= 30 * error, (degree, estimate, error)


@pytest.mark.parametrize("tol", [1e-3, 1e-7])
def test_the_tolerance_is_met_and_not_overdone(tol) -> None:
    solution = solve(variable_coefficients(), tol=tol)
    assert solution.outcome is Outcome.SOLVED
    assert solution.estimate < tol
    assert solution.errors()["u"]["relative_l2"] < 2 * tol
    assert solution.history[-2].estimate is None or solution.history[-2].estimate >= tol


def test_a_tolerance_below_round_off_ends_with_the_best_field() -> None:
    solution = solve(one_dimension(), tol=1e-30)
    assert solution.outcome is Outcome.TOLERANCE_NOT_REACHED
    assert not solution.outcome.is_success
    assert solution.estimate == min(r.estimate for r in solution.history if r.estimate)
    assert solution.errors()["u"]["max_error"] < 1e-10


def test_too_short_a_budget_keeps_the_best_field() -> None:
    solution = solve(poisson(), tol=1e-14, budget=1e-6)
    assert solution.outcome is Outcome.BUDGET
    assert len(solution.history) == 1
    assert solution.errors()["u"]["relative_l2"] < 1


def test_an_interrupted_solve_keeps_the_best_field() -> None:
    control = Control()

    def stop(record) -> None:
        if record.iteration == 10:
            control.interrupt()

    control._report = stop
    result = Ladder().solve(poisson(), 1e-14, control)
    assert result.outcome is Outcome.INTERRUPTED
    assert control.history[-1].iteration == 10
    assert result.network.parameter_count == control.history[-1].parameters


@pytest.mark.parametrize("values", [(), (8, 6), (0,)])
def test_bad_degrees(values) -> None:
    with pytest.raises(ValueError, match="degrees"):
        solve(one_dimension(), degrees(*values))


def test_the_zero_solution() -> None:
    for domain, u in ((line, u1), (unit, u2), (cube, u3)):
        problem = Problem(domain, laplacian(u), Dirichlet(u, 0, on=domain.boundary), exact={u: 0})
        solution = solve(problem)
        assert solution.outcome is Outcome.SOLVED
        assert solution.errors()["u"]["max_error"] < 1e-14


def test_a_polynomial_is_found_exactly_by_the_first_levels() -> None:
    problem = Problem(
        line, u1.diff(x, 2) - 6 * x, Dirichlet(u1, x**3, on=line.boundary), exact={u1: x**3}
    )
    solution = solve(problem)
    assert solution.outcome is Outcome.SOLVED
    assert len(solution.history) <= 3
    assert solution.errors()["u"]["relative_l2"] < 1e-13


@pytest.mark.filterwarnings("ignore::kanpde.NotWellPosedWarning")
def test_a_problem_without_solution_is_not_called_solved() -> None:
    problem = Problem(line, -u1.diff(x, 2) - 1, Neumann(u1, 0, on=line.boundary))
    assert solve(problem).outcome is not Outcome.SOLVED


def test_conditions_that_cannot_hold_together_are_not_called_solved() -> None:
    # u'' = 0 with u = 0 on both ends and slope 1: three conditions, no such line
    problem = Problem(
        line, u1.diff(x, 2), [Dirichlet(u1, 0, on=line.boundary), Neumann(u1, 1, on="right")]
    )
    assert solve(problem).outcome is not Outcome.SOLVED


def test_a_contradiction_that_a_constant_balances_is_not_called_solved() -> None:
    problem = Problem(
        line,
        u1.diff(x, 2),
        [Dirichlet(u1, 0, on=line.boundary), Condition(2 * u1 - 2, on="left", name="twice")],
    )
    solution = solve(problem)
    assert max(solution.residual_rms().values()) > 0.1
    assert solution.outcome is not Outcome.SOLVED


def test_two_unknowns() -> None:
    v1 = unknown("v", x)
    exact = {u1: sin(x), v1: exp(x)}
    problem = Problem(
        line,
        [u1.diff(x, 2) + v1 - exp(x) + sin(x), v1.diff(x) - v1 + u1.diff(x) - cos(x)],
        [Dirichlet(u1, sin(x), on=line.boundary), Dirichlet(v1, 1, on="left")],
        exact=exact,
    )
    solution = solve(problem)
    assert solution.outcome is Outcome.SOLVED
    assert max(e["relative_l2"] for e in solution.errors().values()) < 1e-9


# --- three dimensions: fast diagonalisation where it applies --------------------------------------


def cube_problem(conditions, exact, coefficient=0) -> Problem:
    operator = lambda f: laplacian(f, x, y, z) + coefficient * f  # noqa: E731
    return Problem(cube, operator(u3) - operator(exact), conditions, exact={u3: exact})


SEPARABLE = {
    "mixed zero": cube_problem(
        [
            Dirichlet(u3, 0, on=["left", "right", "bottom"]),
            Neumann(u3, 0, on=["front", "back", "top"]),
        ],
        sin(pi * x) * cos(pi * y) * sin(pi * z / 2),
        -(1 + x + y**2),
    ),
    "robin zero": cube_problem(
        [
            Robin(u3, 1, 0, on="left"),
            Robin(u3, -1, 0, on="right"),
            Dirichlet(u3, 0, on=["front", "back", "bottom", "top"]),
        ],
        exp(x) * sin(pi * y) * sin(pi * z),
    ),
    "dirichlet values": cube_problem(
        [Dirichlet(u3, exp(x) * cos(y) * (1 + z), on=cube.boundary)], exp(x) * cos(y) * (1 + z)
    ),
}


@pytest.mark.parametrize("name", SEPARABLE)
def test_separable_problems_in_three_dimensions(name) -> None:
    solution = solve(SEPARABLE[name])
    assert isinstance(solution.network, TensorKAN)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["u"]["relative_l2"] < 1e-10
    assert max(solution.residual_rms().values()) < 1e-6


def test_what_is_not_separable_is_solved_by_least_squares() -> None:
    exact = exp(x + y) + z
    problem = cube_problem([Dirichlet(u3, exact, on=cube.boundary)], exact, x * y)
    solution = solve(problem, degrees(4, 6, 8), tol=1e-4)
    assert not isinstance(solution.network, TensorKAN)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["u"]["relative_l2"] < 1e-4


def test_same_seed_same_bits() -> None:
    ladder = degrees(6, 8)
    a, b, c = (solve(mixed_conditions(), ladder, tol=1e-14, seed=s) for s in (3, 3, 4))
    assert torch.equal(a.network.vector(), b.network.vector())
    assert not torch.equal(a.network.vector(), c.network.vector())


def test_levels_that_do_not_fit_are_never_made() -> None:
    operator = laplacian(u2) + u2.diff(x, y)  # mixed: not separable
    problem = Problem(unit, operator, Dirichlet(u2, 0, on=unit.boundary))
    with pytest.raises(ValueError, match=r"too large at its first degree 900; .* KAN\(\[2, 1\]\)"):
        solve(problem, degrees(900))


def resonant(source):
    x = coordinates("x")
    u = unknown("u", x)
    line = Interval(x=(0, 1))
    equation = u.diff(x, 2) + pi**2 * u - source(x)
    return Problem(line, [equation], [Dirichlet(u, 0, on=line.boundary)], name="resonant")


def lacking():
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    square = Rectangle(x=(0, 1), y=(0, 1))
    return Problem(square, [laplacian(u)], [Dirichlet(u, x * y, on="left")], name="lacking")


@pytest.mark.parametrize(
    ("problem", "is_solved"),
    [
        (resonant(lambda x: 0 * x), True),  # sin(pi x) solves it as well as zero
        (resonant(lambda x: sin(2 * pi * x)), True),
        (resonant(lambda x: sin(pi * x)), False),
        (lacking(), True),  # three sides have no condition
    ],
    ids=["zero", "compatible", "incompatible", "missing"],
)
def test_a_field_that_is_not_determined_is_told(problem, is_solved) -> None:
    solution = solve(problem, Ladder())
    assert solution.outcome.is_success == is_solved
    (note,) = solution.notes
    assert "do not determine the field" in note
    assert solution.summary()["notes"] == [note]


def test_nearly_resonant_problems_are_determined() -> None:
    x = coordinates("x")
    u = unknown("u", x)
    line = Interval(x=(0, 1))
    equation = u.diff(x, 2) + (pi**2 + Rational(1, 1000)) * u - sin(2 * pi * x)
    exact = -sin(2 * pi * x) / (3 * pi**2 - Rational(1, 1000))
    conditions = [Dirichlet(u, 0, on=line.boundary)]
    solution = solve(Problem(line, [equation], conditions, exact={u: exact}), Ladder())
    assert solution.notes == ()
    assert solution.errors()["u"]["relative_l2"] < 1e-9


def test_other_fields_than_zero_are_sought_only_where_that_is_cheap(monkeypatch) -> None:
    x, y, z = coordinates("x y z")
    u = unknown("u", x, y, z)
    cube = Box(x=(0, 1), y=(0, 1), z=(0, 1))
    linear = laplacian(u) + exp(x * y * z) * u.diff(x)
    columns, own = [], Levels.solve

    def solve_counted(self, family, degree, control, start):
        columns.append(self.columns(family, degree))
        return own(self, family, degree, control, start)

    monkeypatch.setattr(Levels, "solve", solve_counted)
    solution = solve(Problem(cube, [linear], [Dirichlet(u, 0, on=cube.boundary)]), Ladder())
    assert solution.outcome.is_success
    assert 2 < len(columns) < 6
    assert max(columns) <= MOST_BEYOND
    columns.clear()
    v = unknown("v", x)
    line = Interval(x=(0, 1))
    nonlinear = v.diff(x, 2) + v**2
    solve(Problem(line, [nonlinear], [Dirichlet(v, 0, on=line.boundary)]), Ladder())
    assert len(columns) == 2
