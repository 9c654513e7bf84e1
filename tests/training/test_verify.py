"""The estimate of a trained field: between half the error and thirty times it."""

import pytest
import torch
from sympy import cos, exp, log, pi, sin, tanh

from kanpde import (
    KAN,
    MLP,
    Annulus,
    Box,
    BSpline,
    Data,
    Dirichlet,
    Disk,
    Initial,
    Interval,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    TimeInterval,
    coordinates,
    laplacian,
    load,
    parameter,
    solve,
    unknown,
    unknowns,
)
from kanpde.training.verify import estimated_error

x, y, z, t = coordinates("x y z t")
v, u, w, ut = unknown("v", x), unknown("u", x, y), unknown("w", x, y, z), unknown("u", x, t)
square = Rectangle(x=(-1, 1), y=(-1, 1))
line = Interval(x=(0, 1))
strip = line * TimeInterval(t=(0, 1))


def manufactured(exact, domain=square, of=u, operator=laplacian) -> Problem:
    equation = operator(of) - operator(of).subs(of, exact).doit()
    return Problem(domain, equation, Dirichlet(of, exact, on=domain.boundary), exact={of: exact})


def front() -> Problem:
    nu = 0.05
    exact = (1 - tanh((x - t / 2 - 0.3) / (4 * nu))) / 2
    equation = ut.diff(t) + ut * ut.diff(x) - nu * ut.diff(x, 2)
    conditions = [
        Initial(ut, exact.subs(t, 0)),
        Dirichlet(ut, exact, on=("left", "right")),
    ]
    return Problem(strip, equation, conditions, exact={ut: exact})


def wave() -> Problem:
    conditions = [
        Initial(ut, sin(pi * x)),
        Initial(ut.diff(t), 0),
        Dirichlet(ut, 0, on=("left", "right")),
    ]
    return Problem(
        strip,
        ut.diff(t, 2) - 4 * ut.diff(x, 2),
        conditions,
        exact={ut: cos(2 * pi * t) * sin(pi * x)},
    )


def kan(*widths, intervals=4):
    return KAN(list(widths), basis=BSpline(7, intervals), activation=None)


WAVES = manufactured(sin(pi * x) * sin(pi * y))
FIELDS = {
    "line": (manufactured(sin(3 * x), line, v, lambda f: f.diff(x, 2) + exp(f)), kan(1, 2, 1), 5),
    "early": (WAVES, kan(2, 5, 1), 10),
    "late": (WAVES, kan(2, 5, 1), 35),
    "mlp": (WAVES, MLP([2, 10, 1]), 40),
    "cubic": (
        manufactured(exp(x) * cos(2 * y), operator=lambda f: laplacian(f) - f**3),
        kan(2, 3, 1),
        12,
    ),
    "waves": (
        manufactured(sin(pi * x) * sin(4 * y) + x, operator=lambda f: laplacian(f) + 30 * f),
        kan(2, 3, 1),
        10,
    ),
    "disk": (manufactured(exp(x) * sin(3 * y), Disk(x=0, y=0, radius=1)), kan(2, 3, 1), 20),
    "ring": (
        manufactured(log(x**2 + y**2) + x * y, Annulus(x=0, y=0, inner=0.3, outer=1)),
        kan(2, 3, 1),
        20,
    ),
    "front": (front(), kan(2, 4, 1), 20),
    "wave": (wave(), kan(2, 4, 1), 25),
    "cube": (
        manufactured(exp(x) * sin(2 * y) * cos(z), Box(x=(0, 1), y=(0, 1), z=(0, 1)), w),
        kan(3, 2, 1, intervals=2),
        10,
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_between_half_the_error_and_thirty_times_it(name) -> None:
    problem, network, iterations = FIELDS[name]
    solution = solve(problem, network, [LevenbergMarquardt(iterations)], hard=False)
    error = solution.errors()[problem.unknown_names[0]]["relative_l2"]
    assert error > 1e-10
    assert error / 2 < solution.estimate < 30 * error
    again = estimated_error(problem, solution.network, seed=5)
    assert error / 2 < again < 30 * error


def test_a_system_counts_its_worst_unknown() -> None:
    a, b = unknowns("a b", x, y)
    exact = {a: exp(x) * sin(y), b: cos(x + y)}
    problem = Problem(
        square,
        {"a": laplacian(a) + b - cos(x + y), "b": laplacian(b) + 2 * cos(x + y)},
        [Dirichlet(f, e, on=square.boundary, name=f"edge {f}") for f, e in exact.items()],
        exact=exact,
    )
    solution = solve(problem, kan(2, 4, 2), [LevenbergMarquardt(12)], hard=False)
    error = max(e["relative_l2"] for e in solution.errors().values())
    assert error / 2 < solution.estimate < 30 * error


def test_a_field_far_off_is_said_to_be() -> None:
    network = kan(2, 3, 1).prepared([-1, -1], [1, 1], 0)
    assert estimated_error(WAVES, network) > 0.5
    assert estimated_error(WAVES, network) <= 1


def test_there_is_none_where_it_would_not_be_honest(tmp_path) -> None:
    k = parameter("k", initial=1.0, bounds=(0.1, 2))
    data = Data(v, [[0.2], [0.6]], [0.1, 0.2])
    number = Problem(line, k * v.diff(x, 2) + 1, [Dirichlet(v, 0, on=line.boundary), data])
    measured = Problem(line, v.diff(x, 2) + 1, [Dirichlet(v, 0, on=line.boundary), data])
    for problem in (number, measured):
        solution = solve(problem, kan(1, 1), [LevenbergMarquardt(3)])
        assert solution.estimate is None
    single = solve(WAVES, kan(2, 2, 1).float(), [LevenbergMarquardt(2)])
    assert single.estimate is None
    trained = solve(WAVES, kan(2, 2, 1), [LevenbergMarquardt(2)])
    assert load(trained.save(tmp_path / "s.h5")).estimate == trained.estimate
    broken = trained.network.with_vector(torch.full_like(trained.network.vector(), torch.nan))
    assert estimated_error(WAVES, broken) is None
