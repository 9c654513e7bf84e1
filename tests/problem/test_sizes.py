"""Characteristic sizes: units in which a rescaled problem is the one it was made from."""

import numpy as np
import pytest
from sympy import cos, exp, pi, sin

from kanpde import (
    KAN,
    MLP,
    BSpline,
    Data,
    Dirichlet,
    Initial,
    Interval,
    LeastSquares,
    LevenbergMarquardt,
    Neumann,
    Outcome,
    Problem,
    Rectangle,
    TimeInterval,
    coordinates,
    laplacian,
    load,
    parameter,
    solve,
    time,
    unknown,
    unknowns,
)
from kanpde.problem import characteristic_sizes

x, y = coordinates("x y")
t = time("t")
u, v = unknowns("u v", x, y)


def poisson(length: float, size: float, *, lifted: bool = True) -> Problem:
    """Return Poisson's equation on a square of a side, for a field of a size."""
    square = Rectangle(x=(0, length), y=(0, length))
    s, r = x / length, y / length
    exact = size * (sin(pi * s) * sin(pi * r) + (exp(s * r) if lifted else 0))
    source = exact.diff(x, 2) + exact.diff(y, 2)
    value = exact if lifted else 0
    return Problem(
        square, laplacian(u) - source, Dirichlet(u, value, on=square.boundary), exact={u: exact}
    )


def error(solution) -> float:
    return solution.errors()["u"]["relative_l2"]


# The sizes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lifted", [True, False], ids=["from values", "from the source"])
def test_poisson_has_the_sizes_it_was_scaled_by(lifted):
    assert characteristic_sizes(poisson(1, 1, lifted=lifted)).are_ordinary
    sizes = characteristic_sizes(poisson(1e-3, 1e6, lifted=lifted))
    assert sizes.coordinates == (1e-3, 1e-3)
    assert sizes.unknowns == (1e6,)
    assert sizes.residuals == {"equation": 1e12, "dirichlet on the boundary": 1e6}


def test_a_factor_that_was_written_keeps_its_meaning():
    square = Rectangle(x=(-1, 1), y=(-1, 1))
    fixed = Dirichlet(u, 1, on=square.boundary)
    for factor in (1e-6, 1, 1e6):
        sizes = characteristic_sizes(Problem(square, factor * (laplacian(u) - 1), fixed))
        assert sizes.are_ordinary


def test_terms_that_cancel_for_equal_fields_have_a_size():
    a, b = unknowns("a b", t)
    problem = Problem(
        TimeInterval(t=(0, 2e-3)),
        [a.diff(t) - 500 * (b - a), b.diff(t) - a],
        [Initial(a, 1000), Initial(b, 2000)],
    )
    sizes = characteristic_sizes(problem)
    assert sizes.coordinates == (1e-3,)
    assert sizes.unknowns == (1e3, 1e3)
    # a' is 1e6 beside 500 (b - a), which is as large in units of one and a thousand times now
    assert sizes.residuals["equation 1"] == pytest.approx(1e4, rel=10)
    assert sizes.residuals["equation 2"] == 1e6


def test_unknowns_without_values_are_measured_by_equations_and_by_each_other():
    square = Rectangle(x=(0, 1), y=(0, 1))
    problem = Problem(
        square,
        [laplacian(u) - 1e6 * sin(pi * x), v.diff(x) + 1000 * u.diff(y)],
        [
            Dirichlet(u, 0, on=square.boundary),
            Neumann(v, 0, on="bottom"),
            Dirichlet(v, 0, on="left"),
        ],
    )
    size_u, size_v = characteristic_sizes(problem).unknowns
    assert size_u == 1e5
    assert 1e7 <= size_v <= 1e8


def test_measured_values_and_first_guesses_count():
    k = parameter("k", initial=2.0)
    w = unknown("w", t)
    problem = Problem(
        TimeInterval(t=(0, 2)), w.diff(t) + k * w, Data(w, [[0.5], [1.5]], [3e4, 2e4])
    )
    assert characteristic_sizes(problem).unknowns == (1e4,)


# What they do ----------------------------------------------------------------------------------


@pytest.mark.parametrize("hard", [None, False], ids=["hard", "soft"])
def test_a_kan_trains_in_metres_and_pascals_like_on_the_unit_square(hard):
    network = KAN([2, 4, 1], basis=BSpline(degree=5, intervals=4), activation=None)
    plan = [LevenbergMarquardt(iterations=20)]
    lifted = hard is False
    plain, scaled = (
        solve(poisson(*sizes, lifted=lifted), network, plan, hard=hard)
        for sizes in ((1, 1), (1e-3, 1e6))
    )
    assert max(error(plain), error(scaled)) < 2e-4
    losses = [[r.loss for r in solution.history] for solution in (plain, scaled)]
    np.testing.assert_allclose(losses[1][:5], losses[0][:5], rtol=1e-2)  # then round-off matters


def test_a_base_function_of_the_coordinates_does_no_harm():
    network = KAN([2, 4, 1], basis=BSpline(degree=5, intervals=4))
    solution = solve(poisson(1e3, 1e-6), network, [LevenbergMarquardt(iterations=25)], hard=False)
    assert error(solution) < 1e-2


def test_an_mlp_trains_like_on_the_unit_square():
    plan = [LevenbergMarquardt(iterations=15)]
    plain, scaled = (
        solve(poisson(*sizes), MLP([2, 12, 1]), plan, hard=False) for sizes in ((1, 1), (1e3, 1e-6))
    )
    assert error(plain) < 5e-2
    assert error(plain) / 2 < error(scaled) < 2 * error(plain)


@pytest.mark.parametrize("sizes", [(1e-3, 1e6), (1e3, 1e-6)])
def test_a_ladder_is_as_good_in_any_units(sizes):
    plain, scaled = solve(poisson(1, 1)), solve(poisson(*sizes))
    assert scaled.outcome is Outcome.SOLVED
    assert scaled.parameters == plain.parameters
    assert error(scaled) < 10 * error(plain) < 1e-10
    assert error(scaled) < 2 * scaled.estimate < 1e-10


def test_a_system_of_different_sizes_is_trained_solved_and_saved(tmp_path):
    square = Rectangle(x=(0, 1e-3), y=(0, 1e-3))
    s, r = 1000 * x, 1000 * y
    first, second = cos(s) * exp(r), 1e6 * sin(s + r)
    problem = Problem(
        square,
        {
            "a": laplacian(u) + 1e-3 * v - (laplacian(first, x, y) + 1e-3 * second),
            "b": laplacian(v) - laplacian(second, x, y),
        },
        [Dirichlet(u, first, on=square.boundary), Dirichlet(v, second, on=square.boundary)],
        exact={u: first, v: second},
    )
    assert characteristic_sizes(problem).unknowns == (1.0, 1e6)
    network = KAN([2, 3, 2], basis=BSpline(degree=5, intervals=3))
    plan = [LevenbergMarquardt(iterations=10), LeastSquares()]
    solution = solve(problem, network, plan, hard=False)
    assert max(e["relative_l2"] for e in solution.errors().values()) < 1e-2
    back = load(solution.save(tmp_path / "system.h5"))
    place = {"x": 3e-4, "y": 7e-4}
    assert back(**place) == solution(**place)
    assert "field" in solution.plot(resolution=5)


def test_a_line_of_evolution_in_small_units():
    length, duration = 1e-3, 1e3
    domain = Interval(x=(0, length)) * TimeInterval(t=(0, duration))
    w = unknown("w", x, t)
    rate = length**2 / duration / 10
    exact = 300 * sin(pi * x / length) * exp(-(pi**2) * t / duration / 10)
    problem = Problem(
        domain,
        {"heat": w.diff(t) - rate * w.diff(x, 2)},
        [Dirichlet(w, 0, on=["left", "right"]), Initial(w, exact.subs(t, 0))],
        exact={w: exact},
    )
    network = KAN([2, 3, 1], basis=BSpline(degree=5, intervals=4))
    solution = solve(problem, network, [LevenbergMarquardt(iterations=25)], hard=False)
    assert solution.errors()["w"]["relative_l2"] < 3e-3


def test_values_that_are_zero_but_for_rounding_give_no_size():
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    square = Rectangle(x=(-1, 1), y=(-1, 1))
    exact = sin(pi * x) * sin(pi * y)
    equation = laplacian(u) - laplacian(exact, x, y)
    noisy = Problem(square, equation, Dirichlet(u, exact, on=square.boundary))
    plain = Problem(square, equation, Dirichlet(u, 0, on=square.boundary))
    assert characteristic_sizes(noisy).unknowns == characteristic_sizes(plain).unknowns
    small = Problem(square, equation, Dirichlet(u, 1e-5 * (1 + exact), on=square.boundary))
    assert characteristic_sizes(small).unknowns == (1e-5,)
