"""Values of conditions as Python functions, and the messages for those that are none."""

import json

import numpy as np
import pytest
from sympy import exp, sin

from kanpde import (
    KAN,
    BSpline,
    Data,
    Dirichlet,
    Initial,
    Interval,
    LevenbergMarquardt,
    Neumann,
    Problem,
    Rectangle,
    Robin,
    TimeInterval,
    coordinates,
    given,
    laplacian,
    load,
    solve,
    time,
    unknown,
)
from kanpde.cli import main
from kanpde.networks import Constrained

x, y = coordinates("x y")
t = time("t")
u, w = unknown("u", x, y), unknown("w", x, t)
square = Rectangle(x=(0, 1), y=(0, 2))
FIELD = sin(3 * x) * exp(y)


def values(x, y):
    return np.sin(3 * x) * np.exp(y)


def problem(conditions) -> Problem:
    return Problem(square, {"poisson": laplacian(u) + 8 * FIELD}, conditions, exact={u: FIELD})


def test_functions_stand_for_values_and_coefficients():
    conditions = [
        Dirichlet(u, values, on=["left", "bottom"]),
        Neumann(u, lambda x, y: 3 * np.cos(3 * x) * np.exp(y), on="right"),
        Robin(u, lambda x, y: 1 + x, lambda x, y: (2 + x) * values(x, y), on="top"),
    ]
    made = problem(conditions)  # compares with the exact solution
    assert "values(x, y)" in made.summary()
    assert made.is_linear
    assert solve(made).errors()["u"]["relative_l2"] < 1e-10


def test_wrong_functions_are_found_where_they_are_given():
    with pytest.raises(ValueError, match="does not satisfy condition"):
        problem([Dirichlet(u, lambda x, y: x, on=square.boundary)])
    with pytest.raises(ValueError, match=r"array of shape \(3,\)"):
        problem([Dirichlet(u, lambda x, y: np.ones(3), on=square.boundary)])
    with pytest.raises(ValueError, match="is nan at x = "):
        problem([Dirichlet(u, lambda x, y: np.nan * x, on=square.boundary)])
    with pytest.raises(ValueError, match="cannot be called with the arrays x, y of shape"):
        problem([Dirichlet(u, lambda x: x, on=square.boundary)])
    with pytest.raises(ValueError, match="cannot be called with the arrays x, y of shape"):
        problem([Data(u, [[0.5, 0.5]], lambda: 1.0), Dirichlet(u, 0, on="left")])


def test_an_initial_value_is_a_function_of_space():
    domain = Interval(x=(0, 1)) * TimeInterval(t=(0, 1))
    exact = exp(-t) * sin(x)
    heat = Problem(
        domain,
        w.diff(t) - w.diff(x, 2),
        [Initial(w, np.sin), Dirichlet(w, exact, on=["left", "right"])],
        exact={w: exact},
    )
    network = KAN([2, 3, 1], basis=BSpline(degree=5, intervals=3))
    solution = solve(heat, network, [LevenbergMarquardt(iterations=15)])
    assert solution.errors()["w"]["relative_l2"] < 1e-3
    with pytest.raises(ValueError, match="leaves it no coordinate"):
        Initial(unknown("v", t), lambda t: t)


def test_a_function_on_the_boundary_is_not_built_in():
    """Its derivatives inside are not known; the conditions beside it are built in."""
    made = problem(
        [Dirichlet(u, values, on=["left", "right", "top"]), Dirichlet(u, sin(3 * x), on="bottom")]
    )
    network = KAN([2, 2, 1], basis=BSpline(degree=4, intervals=3))
    solution = solve(made, network, [LevenbergMarquardt(iterations=3)])
    assert isinstance(solution.network, Constrained)
    np.testing.assert_allclose(
        solution(x=np.array([0.2, 0.9]), y=0.0), np.sin([0.6, 2.7]), atol=1e-12
    )


def test_arrays_are_referred_to_data():
    for value in (np.ones(4), [1.0, 2.0]):
        with pytest.raises(ValueError, match=r"write Data\(u, points, values\)"):
            Dirichlet(u, value, on="left")
    assert Dirichlet(u, np.array(2), on="left").expression - u == -2


def test_noise_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"noise has shape \(3,\) at 2 points"):
        Problem(square, u, [Data(u, [[0.1, 0.1], [0.2, 0.2]], [1, 2], noise=[1, 2, 3])])


def test_what_was_cut_away_is_told():
    cut = square - Rectangle(x=(-1, 2), y=(1, 3))
    with pytest.raises(ValueError, match='"top" was cut away'):
        Problem(cut, laplacian(u), Dirichlet(u, 0, on="top"))


def test_the_command_line_writes_what_it_can_of_a_problem_with_functions(tmp_path, capsys):
    file = tmp_path / "plate.py"
    file.write_text(
        '"""A plate."""\n'
        "import numpy as np\n"
        "from kanpde import *\n"
        'x, y = coordinates("x y")\n'
        'u = unknown("u", x, y)\n'
        "square = Rectangle(x=(0, 1), y=(0, 1))\n"
        "problem = Problem(square, laplacian(u),\n"
        "    Dirichlet(u, lambda x, y: np.exp(x) * np.sin(y), on=square.boundary))\n"
    )
    run = tmp_path / "run"
    run.mkdir()
    assert main(["solve", str(file), "--out", str(run), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert "solution.h5" in summary["files"]
    assert all((run / name).is_file() for name in [*summary["files"], "run.json"])
    field = load(run / "solution.h5")
    assert field(x=0.5, y=0.25) == pytest.approx(np.exp(0.5) * np.sin(0.25), abs=1e-8)


def test_given_functions_are_known_by_the_name_of_the_function():
    condition = Dirichlet(u, values, on="left")
    assert str(condition.expression) == "u(x, y) - values(x, y)"
    assert condition.expression != Dirichlet(u, lambda x, y: x, on="left").expression
    assert given("f", x, values=np.sin) != given("f", x, values=np.sin)
