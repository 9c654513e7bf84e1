"""Slabs from problems: accuracy and estimate, all conditions, outcomes, refusals, files."""

import numpy as np
import pytest
import torch
from sympy import cos, exp, pi, sin, tanh

import kanpde
from kanpde import (
    Condition,
    Dirichlet,
    Initial,
    Interval,
    Neumann,
    Outcome,
    Periodic,
    Problem,
    Rectangle,
    Robin,
    Slabs,
    TimeInterval,
    coordinates,
    given,
    parameter,
    solve,
    time,
    unknown,
)
from kanpde.control import Control
from kanpde.networks import SlabKAN
from kanpde.solving import slabs_suit

x, t = coordinates("x"), time("t")
u, v = unknown("u", x, t), unknown("v", x, t)


def domain(a: float, b: float, end: float):
    return Interval(x=(a, b)) * TimeInterval(t=(0, end))


def heat() -> Problem:
    exact = exp(-(pi**2) * t / 10) * sin(pi * x) + exp(-2.5 * pi**2 * t) * sin(5 * pi * x)
    conditions = [Dirichlet(u, 0, on=["left", "right"]), Initial(u, exact.subs(t, 0))]
    return Problem(domain(0, 1, 1), u.diff(t) - u.diff(x, 2) / 10, conditions, exact={u: exact})


def robin_and_neumann() -> Problem:
    exact = exp(-t) * cos(x)
    conditions = [
        Robin(u, 2, 2 * exact - exact.diff(x), on="left"),
        Neumann(u, exact.diff(x), on="right"),
        Initial(u, cos(x)),
    ]
    return Problem(domain(0, 1, 1), u.diff(t) - u.diff(x, 2), conditions, exact={u: exact})


def nonlinear_condition() -> Problem:
    exact = exp(-t) * (1 + x**2)
    flux = u.diff(x) + u**2 - exact.diff(x) - exact**2
    conditions = [Condition(flux, on="right"), Dirichlet(u, exact, on="left"), Initial(u, 1 + x**2)]
    source = exact.diff(t) - exact * exact.diff(x, 2)
    equation = u.diff(t) - u * u.diff(x, 2) - source
    return Problem(domain(0, 1, 1), equation, conditions, exact={u: exact})


def wave() -> Problem:
    exact = sin(pi * x) * cos(2 * pi * t)
    conditions = [
        Dirichlet(u, 0, on=["left", "right"]),
        Initial(u, sin(pi * x)),
        Initial(u.diff(t), 0),
    ]
    return Problem(domain(0, 1, 1), u.diff(t, 2) - 4 * u.diff(x, 2), conditions, exact={u: exact})


def klein_gordon() -> Problem:
    exact = x * cos(t)
    conditions = [
        Dirichlet(u, -cos(t), on="left"),
        Dirichlet(u, cos(t), on="right"),
        Initial(u, x),
        Initial(u.diff(t), 0),
    ]
    equation = u.diff(t, 2) - u.diff(x, 2) + u**2 + x * cos(t) - x**2 * cos(t) ** 2
    return Problem(domain(-1, 1, 3), equation, conditions, exact={u: exact})


def beam() -> Problem:
    exact = sin(pi * x) * cos(pi**2 * t)
    conditions = [
        Dirichlet(u, 0, on=["left", "right"]),
        Condition(u.diff(x, 2), on=["left", "right"]),
        Initial(u, sin(pi * x)),
        Initial(u.diff(t), 0),
    ]
    equation = u.diff(t, 2) + u.diff(x, 4)
    return Problem(domain(0, 1, 0.5), equation, conditions, exact={u: exact})


def first_order_system() -> Problem:
    conditions = [Dirichlet(u, 0, on=["left", "right"]), Initial(u, sin(pi * x)), Initial(v, 0)]
    return Problem(
        domain(0, 1, 1),
        [v.diff(t) - u.diff(x), u.diff(t) - v.diff(x)],
        conditions,
        exact={u: sin(pi * x) * cos(pi * t), v: cos(pi * x) * sin(pi * t)},
    )


def periodic_system() -> Problem:
    size = u**2 + v**2
    return Problem(
        domain(0, 2 * np.pi, 1),
        [u.diff(t) + v.diff(x, 2) + size * v, v.diff(t) - u.diff(x, 2) - size * u],
        [Periodic(u, x), Periodic(v, x), Initial(u, cos(2 * x)), Initial(v, sin(2 * x))],
        exact={u: cos(2 * x - 3 * t), v: sin(2 * x - 3 * t)},
    )


def with_constraint() -> Problem:
    return Problem(
        domain(0, 1, 1),
        [u.diff(t) - u.diff(x, 2) - v + sin(pi * x), v.diff(x, 2) + pi**2 * sin(pi * x)],
        [
            Dirichlet(u, 0, on=["left", "right"]),
            Dirichlet(v, 0, on=["left", "right"]),
            Initial(u, sin(pi * x)),
        ],
        exact={u: exp(-(pi**2) * t) * sin(pi * x), v: sin(pi * x)},
    )


def inflow() -> Problem:
    exact = sin(3 * (x - t))
    conditions = [Dirichlet(u, sin(-3 * t), on="left"), Initial(u, sin(3 * x))]
    return Problem(domain(0, 1, 2), u.diff(t) + u.diff(x), conditions, exact={u: exact})


def unstable() -> Problem:
    exact = exp((8 - pi**2 / 10) * t) * sin(pi * x)
    conditions = [Dirichlet(u, 0, on=["left", "right"]), Initial(u, sin(pi * x))]
    equation = u.diff(t) - u.diff(x, 2) / 10 - 8 * u
    return Problem(domain(0, 1, 1), equation, conditions, exact={u: exact})


def front() -> Problem:
    exact = tanh((x - t / 3) * 10)
    source = exact.diff(t) - exact.diff(x, 2) / 50 + exact**3
    conditions = [Dirichlet(u, exact, on=["left", "right"]), Initial(u, exact.subs(t, 0))]
    equation = u.diff(t) - u.diff(x, 2) / 50 + u**3 - source
    return Problem(domain(-1, 1, 1), equation, conditions, exact={u: exact})


def burgers(end: float = 0.2) -> Problem:
    equation = u.diff(t) + u * u.diff(x) - 0.01 / np.pi * u.diff(x, 2)
    conditions = [Dirichlet(u, 0, on=["left", "right"]), Initial(u, -sin(pi * x))]
    return Problem(domain(-1, 1, end), equation, conditions)


KNOWN = {
    f.__name__: f
    for f in (
        heat,
        robin_and_neumann,
        nonlinear_condition,
        wave,
        klein_gordon,
        beam,
        first_order_system,
        periodic_system,
        with_constraint,
        inflow,
        unstable,
        front,
    )
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_tolerance_is_met_and_the_estimate_is_honest(name) -> None:
    solution = solve(KNOWN[name](), Slabs(), tol=1e-7)
    assert solution.outcome is Outcome.SOLVED
    error = max(e["relative_l2"] for e in solution.errors().values())
    assert error < 1e-7
    assert solution.estimate < 1e-7
    assert error / 2 <= solution.estimate <= 50 * error


def cole_hopf(places: np.ndarray, at: float, nu: float) -> np.ndarray:
    z, w = np.polynomial.hermite.hermgauss(200)
    y = places[:, None] - np.sqrt(4 * nu * at) * z
    exponent = -np.cos(np.pi * y) / (2 * np.pi * nu)
    weight = w * np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return -(weight * np.sin(np.pi * y)).sum(axis=1) / weight.sum(axis=1)


@pytest.mark.parametrize("periodic", [False, True])
def test_burgers_layer_against_cole_and_hopf(periodic) -> None:
    problem = burgers(1.0)
    if periodic:
        problem = Problem(
            problem.domain, problem.equations, [Periodic(u, x), Initial(u, -sin(pi * x))]
        )
    solution = solve(problem, tol=1e-8)
    assert isinstance(solution.network, SlabKAN)
    places = np.linspace(-1, 1, 401)
    gap = size = 0.0
    for at in np.linspace(0.1, 1, 10):
        exact = cole_hopf(places, at, 0.01 / np.pi)
        gap += ((solution(x=places, t=at) - exact) ** 2).sum()
        size += (exact**2).sum()
    error = np.sqrt(gap / size)
    assert error < 5e-9
    assert error / 2 < solution.estimate < 1e-8
    assert max(solution.network.cells) > 3 * min(solution.network.cells)


def test_an_unstable_problem_gets_a_smaller_local_tolerance_by_itself() -> None:
    equation = u.diff(t) - u.diff(x, 2) / 10 - 25 * u
    exact = exp((25 - pi**2 / 10 * 4) * t) * sin(2 * pi * x)
    # An error in the first mode grows by e^3 more than the solution.
    conditions = [Dirichlet(u, 0, on=["left", "right"]), Initial(u, sin(2 * pi * x))]
    problem = Problem(domain(0, 1, 1), equation, conditions, exact={u: exact})
    solution = solve(problem, Slabs(verify=True), tol=1e-6)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["u"]["relative_l2"] < 1e-6


def test_knots_follow_a_front_and_are_removed_behind_it() -> None:
    kept, removed = (solve(front(), Slabs(coarsen=c), tol=1e-6).network.cells[-1] for c in (0, 2))
    assert removed < kept


def test_verification_is_by_a_finer_march() -> None:
    solution = solve(heat(), Slabs(verify=True), tol=1e-6)
    error = solution.errors()["u"]["relative_l2"]
    assert solution.outcome is Outcome.SOLVED
    assert error < solution.estimate < 1e-6
    tolerances = dict.fromkeys(record.stage for record in solution.history)
    assert list(tolerances) == ["slabs at 3e-05", "slabs at 1e-06", "slabs at 1e-07"]


def test_a_tolerance_below_round_off_ends_with_the_best_field() -> None:
    solution = solve(heat(), Slabs(), tol=1e-16)
    assert solution.outcome is Outcome.TOLERANCE_NOT_REACHED
    assert solution.errors()["u"]["relative_l2"] < 1e-11
    assert max(solution.network.cells) < 1000


def test_too_few_intervals_are_said() -> None:
    solution = solve(burgers(0.6), Slabs(max_intervals=24), tol=1e-7)
    assert solution.outcome is Outcome.TOLERANCE_NOT_REACHED
    assert solution.estimate > 1e-6
    assert "Largest local indicator" in solution.notes[-1]


def test_linear_problems_keep_their_jacobian() -> None:
    solution = solve(wave(), Slabs(), tol=1e-6)
    corrections = int(solution.notes[-1].split()[-3])
    assert corrections <= 4 * solution.network.slabs


# How it ends --------------------------------------------------------------------------------------


def test_a_solution_that_blows_up_is_followed_and_the_end_is_said() -> None:
    problem = Problem(
        domain(0, 1, 2),
        u.diff(t) - u**2 - u.diff(x, 2) / 100,
        [Neumann(u, 0, on=["left", "right"]), Initial(u, 1)],
    )
    solution = solve(problem, tol=1e-6)
    assert solution.outcome is Outcome.NOT_CONVERGED
    assert not solution.outcome.is_success
    assert solution.estimate is None
    assert solution.network.reached == pytest.approx(1, abs=1e-4)
    assert "known up to t = 1" in solution.notes[0]
    assert solution(x=0.5, t=0.9) == pytest.approx(10, rel=1e-4)
    assert np.isnan(solution(x=0.5, t=1.5))


def stopped_after(problem: Problem, slabs: int, tol: float = 1e-6):
    control = Control()
    control._report = lambda record: control.interrupt() if len(control.history) == slabs else None
    return Slabs().solve(problem, tol, control), control


def test_a_stop_in_the_first_march_keeps_what_was_reached() -> None:
    result, control = stopped_after(burgers(), 3)
    assert result.outcome is Outcome.INTERRUPTED
    assert result.estimate is None
    assert result.network.slabs == 3 == len(control.history)
    assert 0 < result.network.reached < 0.2
    assert "known up to t" in result.notes[0]


def test_a_stop_in_the_second_march_returns_the_whole_field_of_the_first() -> None:
    complete, _ = stopped_after(burgers(), 10**6)
    first = sum(r.stage == "slabs at 3e-05" for r in _history(burgers()))
    result, _ = stopped_after(burgers(), first + 2)
    assert result.outcome is Outcome.INTERRUPTED
    assert result.network.reached == pytest.approx(0.2)
    assert "the field is that of the one before" in result.notes[0]
    at = torch.tensor([[0.3, 0.15]], dtype=torch.float64)
    gap = (result.network(at) - complete.network(at)).detach()
    assert float(gap) == pytest.approx(0, abs=1e-3)


def _history(problem: Problem):
    control = Control()
    Slabs().solve(problem, 1e-6, control)
    return control.history


def test_a_budget_ends_the_march() -> None:
    solution = solve(burgers(1.0), tol=1e-10, budget=0.2)
    assert solution.outcome is Outcome.BUDGET
    assert solution.seconds < 3
    assert np.isfinite(solution(x=0.1, t=0.0))


def test_records_come_after_every_slab() -> None:
    history = _history(burgers())
    marching = [r for r in history if r.estimate is None]
    assert [r.iteration for r in marching if r.stage == "slabs at 1e-06"][:3] == [1, 2, 3]
    assert all(r.held_out <= 1.001e-6 for r in marching if r.stage == "slabs at 1e-06")
    assert history[-1].estimate is not None


def test_the_same_bits_whatever_the_seed() -> None:
    a, b = (solve(burgers(), tol=1e-6, seed=s) for s in (0, 5))
    assert torch.equal(a.network.vector(), b.network.vector())


def test_a_saved_field_is_read_back_bit_for_bit(tmp_path) -> None:
    solution = solve(wave(), Slabs(), tol=1e-6)
    again = kanpde.load(solution.save(tmp_path / "wave.h5"))
    assert isinstance(again.network, SlabKAN)
    assert torch.equal(again.network.times, solution.network.times)
    place = {"x": np.linspace(0, 1, 7)[:, None], "t": np.linspace(0, 1, 9)}
    np.testing.assert_array_equal(again(**place), solution(**place))
    np.testing.assert_array_equal(
        again.derivative(u.diff(x, t), **place), solution.derivative(u.diff(x, t), **place)
    )


def test_figures_of_slabs() -> None:
    assert {"field", "residual", "convergence"} <= set(
        solve(wave(), Slabs(), tol=1e-5).plot(resolution=21)
    )


# What slabs refuse --------------------------------------------------------------------------------

y = coordinates("y")
w = unknown("w", x, y, t)
steady = unknown("s", x, y)


@pytest.mark.filterwarnings("ignore::kanpde.NotWellPosedWarning")
def test_problems_that_slabs_cannot_solve_are_refused_with_the_reason() -> None:
    square = Rectangle(x=(0, 1), y=(0, 1))
    refused = {
        "no evolution in time": Problem(
            square, steady.diff(x, 2) + steady.diff(y, 2), Dirichlet(steady, 0, on=square.boundary)
        ),
        "need one interval": Problem(
            square * TimeInterval(t=(0, 1)),
            w.diff(t) - w.diff(x, 2) - w.diff(y, 2),
            [Dirichlet(w, 0, on=["left", "right", "bottom", "top"]), Initial(w, 0)],
        ),
        "initial value is missing": Problem(
            domain(0, 1, 1),
            u.diff(t) - u.diff(x, 2),
            [Dirichlet(u, 0, on=["left", "right"]), Condition(u**2 - x**2, on="initial")],
        ),
        "a given function": Problem(
            domain(0, 1, 1),
            u.diff(t) - u.diff(x, 2) - given("f", x, t, values=lambda x, t: x + t),
            [Dirichlet(u, 0, on=["left", "right"]), Initial(u, 0)],
        ),
        "seeks the number k": Problem(
            domain(0, 1, 1),
            u.diff(t) - parameter("k") * u.diff(x, 2),
            [Dirichlet(u, 0, on=["left", "right"]), Initial(u, 0)],
        ),
        "mixed with others": Problem(
            domain(0, 1, 1),
            [u.diff(t) - u.diff(x, 2), v.diff(t) - v.diff(x, 2)],
            [Periodic(u, x), Dirichlet(v, 0, on=["left", "right"]), Initial(u, 0), Initial(v, 0)],
        ),
    }
    for reason, problem in refused.items():
        assert not slabs_suit(problem)
        with pytest.raises(ValueError, match=reason):
            solve(problem, Slabs())


def test_a_degree_too_low_for_the_equation_is_refused() -> None:
    with pytest.raises(ValueError, match="order 4 in x; give 5 or more"):
        solve(beam(), Slabs(degree=4))


@pytest.mark.parametrize(
    "settings",
    [
        {"degree": 2},
        {"stages": 0},
        {"intervals": 0},
        {"intervals": 20, "max_intervals": 10},
        {"coarsen": -1},
    ],
)
def test_bad_settings(settings) -> None:
    with pytest.raises(ValueError, match="Slabs"):
        Slabs(**settings)


def test_slabs_take_no_plan() -> None:
    with pytest.raises(ValueError, match="neither a plan"):
        solve(heat(), Slabs(), [])


def test_figures_show_the_knots_of_every_slab() -> None:
    strip = Interval(x=(0, 1)) * TimeInterval(t=(0, 1))
    ends = Dirichlet(u, 0, on=("left", "right"))
    problem = Problem(strip, u.diff(t) - u.diff(x, 2) / 10, [ends, Initial(u, sin(pi * x))])
    solution = solve(problem, Slabs(), tol=1e-3)
    drawn = solution.plot(resolution=8)["field"].axes[0].collections[0]
    assert len(drawn.get_segments()) == sum(solution.network.cells)
