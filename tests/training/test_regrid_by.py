"""Knots that follow the values, the curvature or the residual."""

import numpy as np
import pytest
import sympy
import torch

import kanpde
from kanpde import (
    KAN,
    BSpline,
    Chebyshev,
    Dirichlet,
    Interval,
    LeastSquares,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    Regrid,
    coordinates,
    laplacian,
    unknown,
)
from kanpde.networks.moving import MovingGrid, moving_grids
from kanpde.training import Curvature, Quantiles, Residual, adaptive, refine
from kanpde.training.placement import equidistributed
from kanpde.training.stage import Task


def peaked(*, poisson: bool) -> Problem:
    """Return a problem on an interval whose solution has a peak at 0.3."""
    x = coordinates("x")
    u = unknown("u", x)
    line = Interval(x=(-1, 1))
    f = sympy.sin(sympy.pi * x) + sympy.exp(-(((10 * x - 3) / sympy.Rational(6, 5)) ** 2))
    if not poisson:
        return Problem(line, [u - f], [], exact={u: f})
    equation = laplacian(u) - sympy.diff(f, x, 2)
    return Problem(line, [equation], [Dirichlet(u, f, on=line.boundary)], exact={u: f})


def one_edge(basis: BSpline) -> KAN:
    return KAN([1, 1], basis=basis, activation=None, seed=0)


def on_a_square() -> Problem:
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    square = Rectangle(x=(-1, 1), y=(-1, 1))
    return Problem(square, [laplacian(u) - sympy.exp(x * y)], [Dirichlet(u, 0, on=square.boundary)])


def grid_of(network: KAN, **range_) -> MovingGrid:
    x = torch.linspace(-1, 1, 50, dtype=torch.float64)[None]
    new = [torch.full((1,), float(range_.get(k, d))) for k, d in (("lower", -1), ("upper", 1))]
    return next(moving_grids(network.layers[0], 0, x, (new[0], new[1])))


@pytest.mark.parametrize("by", [Curvature(), Residual(), Residual(even=0.1)], ids=str)
@pytest.mark.parametrize("poisson", [False, True], ids=["fit", "Poisson"])
def test_knots_gather_at_the_peak_and_the_error_falls(by, poisson) -> None:
    problem, basis = peaked(poisson=poisson), BSpline(3, 24)
    even = kanpde.solve(problem, one_edge(basis), [LeastSquares()])
    moved = kanpde.solve(
        problem, one_edge(basis), [LeastSquares(), *[Regrid(by=by), LeastSquares()] * 3]
    )
    network = adaptive.kan_of(moved.network)
    assert network.parameter_count == one_edge(basis).parameter_count
    knots = network.layers[0].bases[0].breakpoints()
    near = (np.abs(knots - 0.3) < 0.25).sum()
    assert near > 1.6 * (np.abs(basis.breakpoints() - 0.3) < 0.25).sum()
    residuals = [s.history[-1].held_out for s in (moved, even)]
    assert residuals[0] < residuals[1] / 3
    if not poisson:  # there the residual is the error
        errors = [s.errors()["u"]["relative_l2"] for s in (moved, even)]
        assert errors[0] < errors[1] / 3
    assert "derivatives by at most" in moved.notes[0]


def test_quantiles_put_the_same_number_of_values_into_every_cell() -> None:
    problem = on_a_square()
    network = KAN([2, 3, 1], basis=BSpline(3, 6), seed=1, lower=[-1, -1], upper=[1, 1])
    task = Task(problem, seed=0)
    moved = Regrid(by=Quantiles(even=0.02)).apply(task, network).network
    x = refine._probe(task, network)
    layer, values = moved.layers[1], moved.hidden_values(x)[1]
    for i, basis in enumerate(layer.bases):
        s = 2 * (values[i] - layer.lower[i]) / (layer.upper[i] - layer.lower[i]) - 1
        shares = np.histogram(s.numpy(), basis.breakpoints())[0] / len(x)
        assert np.abs(shares - 1 / 6).max() < 0.03
    assert len(set(layer.bases)) == 3


@pytest.mark.parametrize("by", [Quantiles(), Curvature(), Residual()], ids=str)
def test_a_deep_network_with_edges_of_their_own_keeps_its_parameters(by) -> None:
    problem = on_a_square()
    network = KAN([2, 3, 1], basis=BSpline(5, 10), seed=1, lower=[-1, -1], upper=[1, 1])
    network = network.inserted({(0, 1, 0): [0.11], (1, 0, 2): [-0.33]})
    task = Task(problem, seed=0)
    state = Regrid(by=by).apply(task, network)
    moved = state.network
    assert moved.parameter_count == network.parameter_count
    assert len(set(moved.layers[0].all_grids().edges[0] + moved.layers[0].all_grids().edges[1])) > 2
    x = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (200, 2)))
    with torch.no_grad():
        change = float((moved(x) - network(x)).norm() / network(x).norm())
    assert 0 < change < 1e-3
    trained = kanpde.solve(problem, moved, [LevenbergMarquardt(iterations=2)])
    assert trained.history[-1].loss < trained.history[0].loss or len(trained.history) == 1


def test_curvature_follows_the_derivative_of_order_degree_plus_one() -> None:
    """Of s^4 the fourth derivative is even, so cubic knots stay; of s^5 it is |s|."""
    even, rising = (one_edge(BSpline(3, 40)) for _ in range(2))
    for network, power in ((even, 4), (rising, 5)):
        fitted = BSpline(3, 40).fit(lambda s, k=power: s**k)
        network.set_vector(torch.as_tensor(fitted))
    knots = {}
    for name, network in (("even", even), ("rising", rising)):
        place = Curvature(even=0.01).knots(Task(peaked(poisson=False)), network, torch.zeros(1, 1))
        knots[name] = place(grid_of(network)).breakpoints()
    assert np.abs(knots["even"] - np.linspace(-1, 1, 41)).max() < 0.02
    # density |s|^(1/4): s^(5/4) is even
    share = np.abs(knots["rising"]) ** 1.25 * np.sign(knots["rising"])
    assert np.abs(share - np.linspace(-1, 1, 41)).max() < 0.03


def test_equal_shares_of_a_density_whatever_the_range() -> None:
    network = one_edge(BSpline(2, 4))
    density = np.array([3.0, 1.0, 1.0, 3.0])
    found = equidistributed(grid_of(network), density, even=1e-9).breakpoints()
    np.testing.assert_allclose(found, [-1, -2 / 3, 0, 2 / 3, 1], atol=1e-6)
    # the right half only: the density is 1, then 3 on [0, 1]
    half = equidistributed(grid_of(network, lower=0.0), density, even=1e-9).breakpoints()
    np.testing.assert_allclose((half + 1) / 2, [0, 0.5, 2 / 3, 5 / 6, 1], atol=1e-6)
    # twice as wide: the end cells go on
    wide = equidistributed(grid_of(network, lower=-2, upper=2), density, even=1e-9)
    assert wide.breakpoints()[1] == pytest.approx(-0.5 - 0.25 / 3 * 2, abs=0.2)
    none = equidistributed(grid_of(network), 0 * density, even=0.3)
    assert none == BSpline(2, 4)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"Quantiles\(\), Curvature\(\) or Residual\(\)"):
        Regrid(by="curvature")
    for kind in (Quantiles, Curvature, Residual):
        with pytest.raises(ValueError, match="even=0"):
            kind(even=0.0)


def test_layers_without_knots_only_stay() -> None:
    network = KAN([2, 3, 1], basis=Chebyshev(5), seed=0, lower=[-1, -1], upper=[1, 1])
    state = Regrid(by=Curvature()).apply(Task(on_a_square(), seed=0), network)
    assert torch.equal(state.network.vector(), network.vector())
