"""Patches end to end: accuracy, honest estimates, ways out, and where they stop."""

from itertools import pairwise

import numpy as np
import pytest
from sympy import Matrix, Min, Piecewise, Rational, atan, cos, exp, log, pi, sin, sqrt

import kanpde
from kanpde import (
    Box,
    Condition,
    Dirichlet,
    Initial,
    Integral,
    Interval,
    Ladder,
    Neumann,
    Outcome,
    Patches,
    Periodic,
    Problem,
    Rectangle,
    Robin,
    Slabs,
    TimeInterval,
    coordinates,
    div,
    grad,
    laplacian,
    solve,
    unknown,
)
from kanpde.control import Control
from kanpde.problem import IncompatibleWarning
from kanpde.solving import choose

x, y, z, t = coordinates("x y z t")
u1, u2, ut = unknown("u", x), unknown("u", x, y), unknown("u", x, t)
unit, line = Rectangle(x=(0, 1), y=(0, 1)), Interval(x=(0, 1))
square, strip = Rectangle(x=(-1, 1), y=(-1, 1)), Rectangle(x=(0, 1), t=(0, 1))


def dirichlet(domain, operator, exact, u=u2) -> Problem:
    return Problem(
        domain,
        operator(u) - operator(exact),
        Dirichlet(u, exact, on=domain.boundary),
        exact={u: exact},
    )


def peak() -> Problem:
    exact = exp(-100 * ((x - Rational(1, 3)) ** 2 + (y - Rational(1, 2)) ** 2))
    return dirichlet(unit, lambda f: laplacian(f, x, y), exact)


def front() -> Problem:
    exact = atan(10 * (sqrt((x + 1) ** 2 + (y + 1) ** 2) - Rational(7, 4)))
    return dirichlet(unit, lambda f: laplacian(f, x, y), exact)


def layer() -> Problem:
    exact = (1 - exp(-20 * (1 - x))) * cos(y)
    return dirichlet(unit, lambda f: -laplacian(f, x, y) / 20 + f.diff(x), exact)


def helmholtz() -> Problem:
    exact = sin(12 * x + 5 * y)
    return dirichlet(unit, lambda f: laplacian(f, x, y) + 169 * f, exact)


def variable_tensor() -> Problem:
    """A full symmetric tensor, convection and reaction, all variable."""
    a = Matrix([[2 + x, x * y / 2], [x * y / 2, 1 + y**2]])

    def operator(f):
        return div(a * grad(f, x, y), x, y) + sin(y) * f.diff(x) - (1 + x) * f

    return dirichlet(unit, operator, cos(3 * x - 2 * y) * exp(x))


def mixed_conditions() -> Problem:
    exact = exp(-30 * (x - Rational(1, 3)) ** 2) + cos(3 * x) * exp(y)
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


def jump() -> Problem:
    """The flux a u_x is continuous, its derivative and u_x are not; the jump is off the middle."""
    place = Rational(1, 3)
    a = Piecewise((1, x < place), (10, True))
    left, right = exp(y) * sin(x - place), exp(y) * (x - place + (x - place) ** 2) / 10
    exact = Piecewise((left, x < place), (right, True))
    source = Piecewise((laplacian(left, x, y), x < place), (10 * laplacian(right, x, y), True))
    return Problem(
        unit,
        a * laplacian(u2) - source,
        Dirichlet(u2, exact, on=unit.boundary),
        exact={u2: exact},
    )


def jumping_tensor() -> Problem:
    """Across x = 0 the conormal derivative a11 u_x + a12 u_y is continuous and u_x is not."""
    a12 = Piecewise((0, x < 0), (Rational(1, 2), True))
    left, right = sin(y) + x * cos(y), sin(y) + x * cos(y) / 2  # 1/2 = (1 - a12)
    exact = Piecewise((left, x < 0), (right, True))
    sides = (
        left.diff(x, 2) + left.diff(y, 2),
        right.diff(x, 2) + right.diff(x, y) + right.diff(y, 2),
    )
    source = Piecewise((sides[0], x < 0), (sides[1], True))
    operator = u2.diff(x, 2) + 2 * a12 * u2.diff(x, y) + u2.diff(y, 2)
    return Problem(
        square,
        operator - source,
        Dirichlet(u2, exact, on=square.boundary),
        exact={u2: exact},
    )


def two_scales() -> Problem:
    exact = sin(2 * pi * x) + sin(50 * pi * x) / 10
    return dirichlet(line, lambda f: f.diff(x, 2), exact, u1)


def thin_layer() -> Problem:
    exact = (exp(-(1 - x) * 500) - exp(-500)) / (1 - exp(-500))
    return dirichlet(line, lambda f: -f.diff(x, 2) / 500 + f.diff(x), exact, u1)


def advection() -> Problem:
    exact = sin(2 * x - 20 * t)
    return Problem(
        strip,
        ut.diff(t) + 10 * ut.diff(x),
        [Dirichlet(ut, exact, on="left"), Dirichlet(ut, exact, on="bottom")],
        exact={ut: exact},
    )


def heat() -> Problem:
    exact = exp(-(pi**2) * t / 10) * sin(pi * x) + exp(-9 * pi**2 * t / 10) * sin(3 * pi * x)
    return Problem(
        strip,
        ut.diff(t) - ut.diff(x, 2) / 10,
        [Dirichlet(ut, 0, on=("left", "right")), Dirichlet(ut, exact.subs(t, 0), on="bottom")],
        exact={ut: exact},
    )


def wave() -> Problem:
    exact = sin(pi * x) * cos(2 * pi * t) + sin(2 * pi * x) * cos(4 * pi * t) / 2
    return Problem(
        strip,
        ut.diff(t, 2) - 4 * ut.diff(x, 2),
        [
            Dirichlet(ut, 0, on=("left", "right")),
            Dirichlet(ut, exact.subs(t, 0), on="bottom"),
            Condition(ut.diff(t), on="bottom", name="velocity"),
        ],
        exact={ut: exact},
    )


def round_and_round() -> Problem:
    """Transport on a circle, a space-time domain with a periodic condition."""
    exact = sin(x - 20 * t)
    return Problem(
        Interval(x=(0, 2 * pi)) * TimeInterval(t=(0, 1)),
        ut.diff(t) + 20 * ut.diff(x),
        [Initial(ut, sin(x)), Periodic(ut, x)],
        exact={ut: exact},
    )


def periodic_wave() -> Problem:
    """Second order in time and space: values and slopes are equal at both ends."""
    exact = cos(2 * pi * x) * cos(2 * pi * t) + sin(4 * pi * x) * sin(4 * pi * t)
    return Problem(
        Interval(x=(0, 1)) * TimeInterval(t=(0, 1)),
        ut.diff(t, 2) - ut.diff(x, 2),
        [
            Initial(ut, exact.subs(t, 0)),
            Initial(ut.diff(t), exact.diff(t).subs(t, 0)),
            Periodic(ut, x),
        ],
        exact={ut: exact},
    )


CASES = {
    f.__name__: f
    for f in (
        peak,
        front,
        layer,
        helmholtz,
        variable_tensor,
        mixed_conditions,
        jump,
        jumping_tensor,
        two_scales,
        thin_layer,
        advection,
        heat,
        wave,
        round_and_round,
        periodic_wave,
    )
}


@pytest.mark.parametrize("tol", [1e-5, 1e-9])
@pytest.mark.parametrize("name", CASES)
def test_the_tolerance_is_met_and_the_estimate_is_honest(name, tol) -> None:
    solution = solve(CASES[name](), Patches(), tol=tol)
    assert solution.outcome is Outcome.SOLVED
    error = solution.errors()["u"]["relative_l2"]
    assert error < tol
    assert solution.estimate < tol
    assert error / 2 < solution.estimate
    if error > 1e-12:  # below, round-off bounds the estimate
        assert solution.estimate < 30 * error


def test_the_change_of_a_level_is_the_error_of_the_one_before() -> None:
    history = solve(thin_layer(), Patches(), tol=1e-9).history
    compared = [
        (before.error, after.estimate)
        for before, after in pairwise(history[:-1])
        if after.error < before.error / 5
    ]
    assert len(compared) >= 2
    for error, change in compared:
        assert change == pytest.approx(error, rel=0.3)


def test_boxes_are_cut_where_a_coefficient_jumps() -> None:
    network = solve(jump(), Patches(), tol=1e-6).network
    assert network.boxes is not None
    assert not ((network.boxes[:, 0, 0] < 1 / 3) & (network.boxes[:, 1, 0] > 1 / 3)).any()


def test_only_the_direction_of_a_layer_is_refined() -> None:
    network = solve(layer(), Patches(), tol=1e-9).network
    assert network.boxes is not None
    widths = network.boxes[:, 1] - network.boxes[:, 0]
    assert widths[:, 0].min() < 0.3
    assert widths[:, 1].min() == 0.5


def test_torsion_of_a_square_against_its_series() -> None:
    """No exact solution is given: u(0) of -laplacian u = 1 is known from its Fourier series."""
    problem = Problem(square, laplacian(u2) + 1, Dirichlet(u2, 0, on=square.boundary))
    solution = solve(problem, Patches(), tol=1e-5)
    k = np.arange(1, 40, 2)
    terms = (-1.0) ** (k // 2) / (k**3 * np.cosh(k * np.pi / 2))
    assert abs(solution(x=0, y=0) - (0.5 - 16 / np.pi**3 * terms.sum())) < 1e-6


def test_euler_beam_of_fourth_order() -> None:
    exact = sin(pi * x) * exp(x)
    problem = Problem(
        line,
        u1.diff(x, 4) - exact.diff(x, 4),
        [
            Dirichlet(u1, exact, on=line.boundary),
            Neumann(u1, -exact.diff(x).subs(x, 0), on="left"),
            Neumann(u1, exact.diff(x).subs(x, 1), on="right"),
        ],
        exact={u1: exact},
    )
    solution = solve(problem, Patches(), tol=1e-8)
    assert solution.errors()["u"]["relative_l2"] < solution.estimate < 1e-8


def test_a_layer_in_space() -> None:
    u3, cube = unknown("u", x, y, z), Box(x=(0, 1), y=(0, 1), z=(0, 1))
    exact = exp(20 * (x - 1)) + y * sin(z)
    solution = solve(
        dirichlet(cube, lambda f: laplacian(f, x, y, z) - 400 * f, exact, u3), Patches(), tol=1e-5
    )
    assert solution.outcome is Outcome.SOLVED
    error = solution.errors()["u"]["relative_l2"]
    assert error / 2 < solution.estimate < 1e-5
    assert solution.estimate < 30 * error
    widths = solution.network.boxes[:, 1] - solution.network.boxes[:, 0]
    assert widths[:, 0].min() < widths[:, 1].min()


# Where they end ----------------------------------------------------------------------------------


def test_the_round_off_floor_ends_a_solve() -> None:
    solution = solve(layer(), Patches(), tol=1e-16)
    assert solution.outcome is Outcome.TOLERANCE_NOT_REACHED
    assert solution.errors()["u"]["relative_l2"] < solution.estimate * 2 < 1e-10


def test_most_boxes_ends_a_solve_with_the_verified_field() -> None:
    solution = solve(peak(), Patches(degree=6, most_boxes=20), tol=1e-10)
    assert solution.outcome is Outcome.TOLERANCE_NOT_REACHED
    error = solution.errors()["u"]["relative_l2"]
    assert error / 2 < solution.estimate < 1


def test_a_budget_ends_a_solve_with_the_best_field() -> None:
    solution = solve(peak(), Patches(), tol=1e-12, budget=0.05)
    assert solution.outcome is Outcome.BUDGET
    assert len(solution.history) >= 1


def test_an_interrupt_ends_after_the_level() -> None:
    control = Control()
    control.interrupt()
    result = Patches().solve(peak(), 1e-12, control)
    assert result.outcome is Outcome.INTERRUPTED
    assert len(control.history) == 1


def test_a_wave_without_velocity_is_not_called_solved() -> None:
    exact = sin(pi * x) * cos(2 * pi * t)
    short = Problem(
        strip,
        ut.diff(t, 2) - 4 * ut.diff(x, 2),
        [Dirichlet(ut, 0, on=("left", "right")), Dirichlet(ut, sin(pi * x), on="bottom")],
        exact={ut: exact},
    )
    solution = solve(short, Patches(), tol=1e-6)
    assert solution.outcome is Outcome.TOLERANCE_NOT_REACHED
    assert solution.estimate == 1.0
    assert "do not determine" in solution.way


def test_conditions_that_contradict_each_other_are_not_called_solved() -> None:
    """Least squares finds the mean of both, and so does every degree."""
    both = [
        Dirichlet(u2, 0, on=unit.boundary),
        Condition(2 * u2 - 2, on="left", name="twice"),
    ]
    with pytest.warns(IncompatibleWarning):
        problem = Problem(unit, laplacian(u2), both)
    solution = solve(problem, Patches(most_boxes=40), tol=1e-6)
    assert not solution.outcome.is_success
    assert solution.estimate > 1e-2


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (
            Problem(
                unit,
                laplacian(u2),
                [Dirichlet(u2, 0, on=unit.boundary), Integral(u2, 1)],
            ),
            "not on faces",
        ),
        (
            Problem(
                Box(x=(0, 1), y=(0, 1), z=(0, 1), t=(0, 1)),
                laplacian(unknown("u", x, y, z, t)),
                Dirichlet(unknown("u", x, y, z, t), 0, on="x=0"),
            ),
            "one to three",
        ),
        (
            Problem(
                unit,
                [laplacian(u2), u2.diff(x) - 1],
                Dirichlet(u2, x, on=unit.boundary),
            ),
            "2 equations",
        ),
    ],
)
def test_what_patches_cannot_solve_is_refused(problem, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        solve(problem, Patches())


def test_a_source_that_is_not_finite_is_named() -> None:
    source = log(x - Rational(1, 1000))  # the check of the problem itself misses so thin a strip
    problem = Problem(unit, laplacian(u2) + source, Dirichlet(u2, 0, on="left"))
    with pytest.raises(ValueError, match='equation "equation" is'):
        solve(problem, Patches())


@pytest.mark.parametrize("settings", [{"degree": 3}, {"most_boxes": 0}])
def test_settings_are_checked(settings) -> None:
    with pytest.raises(ValueError, match="Patches"):
        Patches(**settings)


def test_patches_take_no_plan() -> None:
    with pytest.raises(ValueError, match="train nothing"):
        solve(peak(), Patches(), hard=True)


# The choice of the way ---------------------------------------------------------------------------


def test_sharp_data_go_to_patches_and_smooth_ones_to_a_ladder() -> None:
    assert {r.stage for r in solve(peak(), tol=1e-4).history} == {"patches"}
    assert {r.stage for r in solve(two_scales(), tol=1e-4).history} == {"patches"}
    assert {r.stage for r in solve(variable_tensor(), tol=1e-4).history} == {"ladder"}


def test_waves_go_to_patches_and_what_damps_them_to_slabs() -> None:
    assert [type(w) for w in choose(round_and_round()).ways] == [Patches, Slabs]
    assert [type(w) for w in choose(periodic_wave()).ways] == [Patches, Slabs]
    strip = Interval(x=(0, 1)) * TimeInterval(t=(0, 1))
    ends = Dirichlet(ut, 0, on=("left", "right"))
    damped = Problem(strip, ut.diff(t) - ut.diff(x, 2), [ends, Initial(ut, sin(pi * x))])
    assert [type(w) for w in choose(damped).ways] == [Slabs]
    kinked = [ends, Initial(ut, Min(x, 1 - x)), Initial(ut.diff(t), 0)]
    string = Problem(strip, ut.diff(t, 2) - ut.diff(x, 2), kinked)
    assert [type(w) for w in choose(string).ways] == [Slabs]


def test_a_ladder_that_gives_up_is_followed_by_patches() -> None:
    """Without a source nothing tells beforehand that the layer is thin."""
    exact = (exp(-(1 - x) * 5000) - exp(-5000)) / (1 - exp(-5000))
    problem = Problem(
        line,
        -u1.diff(x, 2) / 5000 + u1.diff(x),
        [Dirichlet(u1, 0, on="left"), Dirichlet(u1, 1, on="right")],
        exact={u1: exact},
    )
    solution = solve(problem, tol=1e-6)
    stages = [r.stage for r in solution.history]
    assert stages[0] == "ladder"
    assert stages[-1] == "patches"
    assert solution.outcome is Outcome.SOLVED
    assert solution.way.startswith("patches")


def test_a_forced_ladder_stays_alone() -> None:
    solution = solve(peak(), Ladder(degrees=(6, 8)), tol=1e-6)
    assert {r.stage for r in solution.history} == {"ladder"}


# What comes out ----------------------------------------------------------------------------------


def test_a_solution_is_saved_and_loaded_bit_for_bit(tmp_path) -> None:
    solution = solve(front(), Patches(), tol=1e-3)
    loaded = kanpde.load(solution.save(tmp_path / "front.h5"))
    points = np.random.default_rng(0).random((500, 2))
    np.testing.assert_array_equal(loaded.at(points), solution.at(points))
    assert loaded.estimate == solution.estimate
    assert loaded.way == solution.way
    np.testing.assert_array_equal(loaded.network.boxes, solution.network.boxes)


def test_figures_show_the_boxes() -> None:
    plane = solve(layer(), Patches(), tol=1e-4)
    drawn = plane.plot(resolution=8)["field"].axes[0].collections[0]
    assert len(drawn.get_segments()) == len(plane.network.boxes)
    on_line = solve(two_scales(), Patches(), tol=1e-4)
    axes = on_line.plot(resolution=8)["field"].axes[0]
    assert len(axes.lines) >= len(on_line.network.boxes) + 1


def test_derivatives_are_those_of_the_exact_field() -> None:
    solution = solve(helmholtz(), Patches(), tol=1e-10)
    points = {"x": 0.3, "y": 0.7}
    found = solution.derivative(u2.diff(x, 2), **points)
    assert found == pytest.approx(-144 * np.sin(12 * 0.3 + 5 * 0.7), rel=1e-8)


@pytest.mark.slow
def test_the_peak_of_the_adaptive_test_suite() -> None:
    exact = exp(-1000 * ((x - Rational(1, 2)) ** 2 + (y - Rational(1, 2)) ** 2))
    solution = solve(dirichlet(unit, lambda f: laplacian(f, x, y), exact), tol=1e-10)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["u"]["relative_l2"] < 5e-11
