"""Problems written as equivalent ones of first order, and their solutions mapped back."""

import numpy as np
import pytest
import torch
from sympy import cos, exp, pi, sin

from kanpde import (
    KAN,
    Condition,
    Data,
    Dirichlet,
    Initial,
    Interval,
    LevenbergMarquardt,
    Neumann,
    Periodic,
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
from kanpde.networks import JetLayout, Outputs

x, y = coordinates("x y")
t = time("t")
u, w = unknown("u", x), unknown("w", x, t)
v = unknown("v", x, y)
LINE = Interval(x=(0, 1))
SQUARE = Rectangle(x=(0, 1), y=(0, 1))
FIELD = sin(pi * x) * exp(y)

BEAM = Problem(
    LINE,
    {"beam": u.diff(x, 4) + 24},
    [
        Dirichlet(u, 0, on="left"),
        Condition(u.diff(x), on="left", name="clamped"),
        Condition(u.diff(x, 2), on="right", name="no moment"),
        Condition(u.diff(x, 3), on="right", name="no force"),
    ],
    exact={u: -(x**4) + 4 * x**3 - 6 * x**2},
    name="beam",
)
POISSON = Problem(
    SQUARE,
    {"poisson": laplacian(v) + (pi**2 - 1) * FIELD},
    [Dirichlet(v, FIELD, on=("left", "right", "bottom")), Neumann(v, FIELD, on="top")],
    exact={v: FIELD},
)
HELMHOLTZ = Problem(
    SQUARE,
    {"helmholtz": laplacian(v) + 4 * v - (5 - pi**2) * FIELD},
    [Dirichlet(v, FIELD, on=SQUARE.boundary)],
    exact={v: FIELD},
)


def texts(problem) -> list[str]:
    return [str(e) for e in problem.equations.values()]


def test_a_beam_becomes_four_equations() -> None:
    rewritten = BEAM.first_order()
    problem = rewritten.problem
    assert problem.order == 1
    assert problem.unknown_names == ("u", "u_x", "u_xx", "u_xxx")
    assert texts(problem) == [
        "Derivative(u_xxx(x), x) + 24",
        "u_x(x) - Derivative(u(x), x)",
        "u_xx(x) - Derivative(u_x(x), x)",
        "u_xxx(x) - Derivative(u_xx(x), x)",
    ]
    assert problem.condition_names == BEAM.condition_names
    assert all(sum(p.order) == 0 for r in problem.condition_residuals for p in r.parts)
    assert [str(e) for e in rewritten.derivatives.values()] == [
        "u(x)",
        "Derivative(u(x), x)",
        "Derivative(u(x), (x, 2))",
        "Derivative(u(x), (x, 3))",
    ]


@pytest.mark.parametrize("problem", [BEAM, POISSON, HELMHOLTZ], ids=lambda p: p.name)
def test_the_solution_is_the_same(problem) -> None:
    # the exact fields were checked against the new equations when the problem was made
    rewritten = problem.first_order()
    solution = rewritten.back(solve(rewritten.problem, tol=1e-10))
    assert solution.problem is problem
    assert solution.network.outputs == 1
    assert max(e["relative_l2"] for e in solution.errors().values()) < 1e-8


def test_mixed_derivatives_share_their_unknowns() -> None:
    plate = Problem(
        SQUARE,
        {"plate": v.diff(x, 4) + 2 * v.diff(x, 2, y, 2) + v.diff(y, 4) - 1},
        [Dirichlet(v, 0, on=SQUARE.boundary), Neumann(v, 0, on=SQUARE.boundary)],
    )
    problem = plate.first_order().problem
    assert problem.unknown_names == tuple(
        sorted(["v", "v_x", "v_xx", "v_xxx", "v_xxy", "v_y", "v_yy", "v_yyy"])
    )
    assert "v_xxy(x, y) - Derivative(v_xx(x, y), y)" in texts(problem)
    assert problem.order == 1
    slope = problem.conditions[1].expression  # the normal derivative, of the unknowns
    assert {f.func.__name__ for f in slope.atoms(type(v), *map(type, problem.unknowns))} == {
        "v_x",
        "v_y",
    }


def test_evolutions_systems_parameters_and_data() -> None:
    a, b = unknowns("a b", x, t)
    k = parameter("k", initial=0.5, bounds=(0, 1))
    problem = Problem(
        LINE * TimeInterval(t=(0, 1)),
        {"one": a.diff(t) - k * a.diff(x, 2) + b**2, "two": b.diff(t, 2) - b.diff(x, 2) * a},
        [
            Initial(a, cos(2 * pi * x)),
            Initial(b, 0),
            Initial(b.diff(t), sin(2 * pi * x)),
            Periodic(a, x),
            Periodic(b, x),
            Data(a.diff(x), [[0.5, 0.5]], [1.0]),
        ],
    )
    new = problem.first_order().problem
    assert set(new.unknown_names) == {"a", "a_x", "b", "b_t", "b_x"}
    assert new.parameters == (k,)
    assert new.condition_names == problem.condition_names
    assert str(new.conditions[2].expression) == "b_t(x, t) - sin(2*pi*x)"
    assert str(new.conditions[-1].expression) == "a_x(x, t)"
    pair = new.conditions[4]
    assert str(pair.expression) == "a_x(x, t)"
    assert pair.opposite is not None
    assert not new.is_linear


def test_what_is_of_first_order_stays() -> None:
    conditions = [Initial(w, x), Dirichlet(w, 0, on="left")]
    problem = Problem(LINE * TimeInterval(t=(0, 1)), w.diff(t) + w * w.diff(x), conditions)
    rewritten = problem.first_order()
    assert rewritten.problem.equations == problem.equations
    assert rewritten.problem.conditions == problem.conditions


def test_names_that_are_taken_are_avoided() -> None:
    other = unknown("u_x", x)
    problem = Problem(
        LINE,
        {"one": u.diff(x, 2) - other, "two": other.diff(x) - 1},
        [Dirichlet(u, 0, on=LINE.boundary), Dirichlet(other, 0, on="left")],
    )
    assert problem.first_order().problem.unknown_names == ("u", "u_x", "u_x_")


def test_a_trained_solution_is_mapped_back_and_saved(tmp_path) -> None:
    rewritten = BEAM.first_order()
    trained = solve(rewritten.problem, KAN([1, 4]), [LevenbergMarquardt(iterations=10)])
    solution = rewritten.back(trained)
    assert solution.errors()["u"]["relative_l2"] < 1e-4
    points = LINE.interior(20)
    np.testing.assert_array_equal(solution.at(points)[:, 0], trained.at(points)[:, 0])
    slope = solution.derivative(u.diff(x), x=0.5)
    assert slope == pytest.approx(float(trained(x=0.5)["u_x"]), abs=1e-3)
    assert set(solution.residual_rms()) == {"beam", *BEAM.condition_names}
    again = load(solution.save(tmp_path / "beam.h5"))
    np.testing.assert_array_equal(again.at(points), solution.at(points))
    with pytest.raises(ValueError, match="not of the problem of first order"):
        rewritten.back(solution)


def test_some_outputs_of_a_network() -> None:
    inner = KAN([2, 3, 3], seed=0)
    network = Outputs(inner, [2, 0])
    points = torch.rand(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    layout = JetLayout.of(2, [(2, 0), (1, 1)])
    with torch.no_grad():
        assert torch.equal(network.jets(points, layout), inner.jets(points, layout)[[2, 0]])
        jets, pullback = network.linearize(network.prepare(points, layout))
        adjoint = torch.randn(jets.shape, dtype=jets.dtype, generator=torch.Generator())
        rows = pullback.rows(adjoint)
    torch.testing.assert_close(rows.sum(1), pullback.gradient(adjoint))
    total = (network.jets(points, layout) * adjoint).sum()
    total.backward()
    wanted = torch.cat([p.grad.reshape(-1) for p in inner.parameters()])
    torch.testing.assert_close(rows.sum(1), wanted)
    doubled = network.with_output_coefficients(2 * network.output_coefficients)
    with torch.no_grad():
        torch.testing.assert_close(doubled(points), 2 * network(points))
    with pytest.raises(ValueError, match="different outputs, from 0 to 2"):
        Outputs(inner, [0, 3])
