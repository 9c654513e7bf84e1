"""Knots where they pay: the predicted gain against the real one, and errors beside even grids."""

import numpy as np
import pytest
import sympy
import torch

import kanpde
from kanpde import (
    KAN,
    MLP,
    BSpline,
    Chebyshev,
    Dirichlet,
    Interval,
    LeastSquares,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    Refine,
    coordinates,
    laplacian,
    unknown,
)
from kanpde.networks import Network
from kanpde.training import adaptive
from kanpde.training.stage import Task

PEAK_AT, PEAK_WIDTH = sympy.Rational(3, 10), sympy.Rational(1, 20)


def peak(x):
    return sympy.exp(-(((x - PEAK_AT) / PEAK_WIDTH) ** 2))


def on_an_interval() -> Problem:
    """Return a Poisson problem whose solution is a wave with a narrow peak at 0.3."""
    x = coordinates("x")
    u = unknown("u", x)
    line = Interval(x=(-1, 1))
    f = sympy.sin(sympy.pi * x) + peak(x)
    equation = laplacian(u) - sympy.diff(f, x, 2)
    return Problem(line, [equation], [Dirichlet(u, f, on=line.boundary)], exact={u: f})


def on_a_square(f_of) -> Problem:
    """Return the problem u = f on a square."""
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    f = f_of(x, y)
    return Problem(Rectangle(x=(-1, 1), y=(-1, 1)), [u - f], [], exact={u: f})


def knots_of(network: Network) -> dict:
    edges = adaptive._spline_edges(adaptive.kan_of(network))
    return {edge: basis.breakpoints() for edge, basis in edges}


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_the_predicted_gain_is_the_real_one(degree) -> None:
    """The residual is linear here, so the loss falls by just what is predicted."""
    problem = on_a_square(lambda x, y: sympy.sin(3 * x) + peak(y))
    network = KAN([2, 1], basis=BSpline(degree, 3), activation=None, seed=0)
    task = Task(problem, seed=0)
    found = adaptive.gains(task, network)
    assert len(found) == 6
    collocation = task.collocate(network)

    def least(net: KAN) -> float:
        residual, jacobian = collocation.jacobian(net, collocation.prepare(net))
        rows = jacobian.T.numpy()
        best = np.linalg.lstsq(rows, residual.numpy(), rcond=1e-12)[0]
        return 0.5 * float(np.square(residual.numpy() - rows @ best).sum())

    before = least(network)
    for gain in found:
        after = least(network.inserted({gain.edge: [gain.knot]}))
        assert gain.decrease == pytest.approx(before - after, rel=1e-6, abs=1e-12)


def test_the_gain_does_not_depend_on_where_the_training_stands_in_the_linear_part() -> None:
    problem = on_a_square(lambda x, y: sympy.sin(3 * x) + peak(y))
    task = Task(problem, seed=0)
    networks = [KAN([2, 1], basis=BSpline(3, 3), activation=None, seed=s) for s in (0, 1)]
    first, second = ([g.decrease for g in adaptive.gains(task, n)] for n in networks)
    np.testing.assert_allclose(first, second, rtol=1e-8)


def test_knots_go_to_the_peak_and_beat_an_even_grid_of_as_many_parameters() -> None:
    problem = on_an_interval()
    start = KAN([1, 1], basis=BSpline(5, 8), activation=None, seed=0)
    steps = [Refine(adaptive=True, fraction=0.8), LeastSquares()] * 6
    solution = kanpde.solve(problem, start, [LeastSquares(), *steps])
    inner = adaptive.kan_of(solution.network)
    even = KAN([1, 1], basis=BSpline(5, inner.parameter_count - 5), activation=None, seed=0)
    assert even.parameter_count == inner.parameter_count
    uniform = kanpde.solve(problem, even, [LeastSquares()])
    error, beside = (s.errors()["u"]["relative_l2"] for s in (solution, uniform))
    assert error < 0.02 * beside
    added = np.setdiff1d(knots_of(inner)[0, 0, 0], BSpline(5, 8).breakpoints())
    assert added.size >= 10
    assert (np.abs(added - 0.3) < 0.2).mean() > 0.9
    assert "knots on 1 edges" in solution.notes[1]


def test_a_trained_network_gets_knots_on_the_edge_that_needs_them() -> None:
    """A product of a narrow peak in x and a parabola in y."""
    problem = on_a_square(lambda x, y: peak(x) * (1 + y**2))
    start = KAN([2, (0, 1), 1], basis=BSpline(3, 6), activation=None, seed=1)
    train = LevenbergMarquardt(iterations=20)
    solution = kanpde.solve(
        problem, start, [train, Refine(adaptive=True, fraction=0.9, most=6), train] * 2
    )
    network = solution.network
    counts = {edge: len(breaks) - 7 for edge, breaks in knots_of(network).items()}
    on_x, on_y = (sum(n for (k, _, i), n in counts.items() if (k, i) == (0, j)) for j in (0, 1))
    assert on_x >= 5
    assert on_y <= 0.2 * on_x
    new = np.concatenate([b for (k, _, i), b in knots_of(network).items() if (k, i) == (0, 0)])
    new = np.setdiff1d(new, BSpline(3, 6).breakpoints())
    assert (np.abs(new - 0.3) < 1 / 3).mean() > 0.7  # not further than one cell of the start


def test_refining_changes_nothing_and_is_deterministic() -> None:
    problem = on_a_square(lambda x, y: sympy.exp(x * y) + peak(x + y))
    network = KAN([2, 3, 1], basis=BSpline(3, 4), seed=0, lower=[-1, -1], upper=[1, 1])
    stage, task = Refine(adaptive=True, most=5), Task(problem, seed=0)
    finer = stage.apply(task, network).network
    assert network.parameter_count < finer.parameter_count <= network.parameter_count + 5
    x = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (50, 2)))
    with torch.no_grad():
        torch.testing.assert_close(finer(x), network(x), rtol=1e-12, atol=1e-13)
    again = stage.apply(task, network).network
    assert torch.equal(again.vector(), finer.vector())
    assert knots_of(again).keys() == knots_of(finer).keys()


def test_marking_takes_the_fewest_that_hold_the_share() -> None:
    found = [adaptive.Gain((0, 0, 0), k / 10, float(2**k)) for k in range(6)]  # sum 63
    assert adaptive.marked(found, fraction=0.5, most=None) == {(0, 0, 0): (0.5,)}
    assert adaptive.marked(found, fraction=0.6, most=None) == {(0, 0, 0): (0.4, 0.5)}
    assert adaptive.marked(found, fraction=1.0, most=3) == {(0, 0, 0): (0.3, 0.4, 0.5)}
    assert adaptive.marked([], fraction=1.0, most=3) == {}


def test_a_solved_problem_gets_no_knots() -> None:
    problem = on_a_square(lambda x, y: 0 * x)
    network = KAN([2, 1], basis=BSpline(3, 3), activation=None, seed=0)
    zero = network.with_vector(torch.zeros_like(network.vector()))
    state = Refine(adaptive=True).apply(Task(problem, seed=0), zero)
    assert state.network is zero
    assert "no knot" in state.note


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of"),
        ({"adaptive": True, "intervals": 5}, "one of"),
        ({"adaptive": True, "fraction": 0.0}, "fraction"),
        ({"adaptive": True, "fraction": 1.5}, "fraction"),
        ({"adaptive": True, "most": 0}, "most"),
    ],
)
def test_bad_arguments(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        Refine(**arguments)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (MLP([2, 4, 1], seed=0), "MLP has no edges"),
        (KAN([2, 3, 1], basis=Chebyshev(4), seed=0), "no edge that is a B-spline"),
    ],
)
def test_networks_without_knots_are_refused_before_the_first_step(network, message) -> None:
    problem = on_a_square(lambda x, y: x * y)
    with pytest.raises(ValueError, match=message):
        kanpde.solve(problem, network, [LevenbergMarquardt(iterations=1), Refine(adaptive=True)])
