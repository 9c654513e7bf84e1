"""Periodic coordinates by construction: values and derivatives match, and what is built in."""

import numpy as np
import pytest
import torch
from sympy import cos, pi, sin
from torch import nn

from kanpde import (
    KAN,
    MLP,
    BSpline,
    Dirichlet,
    Initial,
    Interval,
    LevenbergMarquardt,
    Module,
    Multistage,
    Periodic,
    Problem,
    Rectangle,
    Refine,
    Regrid,
    TimeInterval,
    coordinates,
    given,
    laplacian,
    load,
    solve,
    time,
    unknown,
    unknowns,
)
from kanpde.bases import Chebyshev, PeriodicSpline
from kanpde.networks import JetLayout, RandomFourier, network_from_dict
from kanpde.networks import Periodic as Waves
from kanpde.networks.closing import circles
from kanpde.training import Training

x, y = coordinates("x y")
t = time("t")
u, v = unknown("u", x, t), unknown("v", x, y)
STRIP = Interval(x=(-1, 2)) * TimeInterval(t=(0, 1))
SQUARE = Rectangle(x=(0, 1), y=(0, 1))
WAVE = sin(2 * pi * x / 3)
HEAT = Problem(STRIP, u.diff(t) - u.diff(x, 2), [Periodic(u, x), Initial(u, WAVE)])
RANGE = {"lower": [-1.0, 0.0], "upper": [2.0, 1.0]}

NETWORKS = {
    "splines": KAN([2, 3, 1], periodic=[0], seed=0, **RANGE),
    "septic": KAN([2, 3, 2], basis=BSpline(7, 5), activation=None, periodic=[0], seed=0, **RANGE),
    "few cells": KAN([2, 3, 1], basis=BSpline(5, 2), periodic=[0], seed=0, **RANGE),
    "products": KAN([2, (2, 2), 1], periodic=[0], seed=0, **RANGE),
    "chebyshev": KAN([2, 3, 1], basis=Chebyshev(6), periodic=[0], seed=0, **RANGE),
    "one layer": KAN([2, 1], periodic=[0], seed=0, **RANGE),
    "mlp": MLP([2, 6, 1], seed=0, **RANGE).closed([0]),
    "mlp with waves": MLP([2, 6, 1], fourier=RandomFourier(4), seed=0, **RANGE).closed([0]),
    "module": Module(
        nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double(),
        2,
        1,
        periodic=Waves(0, 3.0),
    ),
}


def jump(network, order: int = 4) -> float:
    """Return the largest difference of values and derivatives between the ends of x."""
    times = torch.linspace(0, 1, 9, dtype=torch.float64)
    layout = JetLayout.of(2, [(order, 0), (1, 1)])
    ends = [torch.stack([torch.full_like(times, e), times], dim=1) for e in (-1.0, 2.0)]
    with torch.no_grad():
        low, high = (network.jets(p, layout) for p in ends)
    return float((low - high).abs().max() / (1 + low.abs().max()))


@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_derivatives_match_at_both_ends(name) -> None:
    network = NETWORKS[name]
    assert network.periods[0][0] == 3.0
    assert network.periods[0][1] >= 4
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(network.parameter_count, dtype=torch.float64, generator=generator)
    for field in (network, network.with_vector(noise)):
        assert jump(field) < 1e-13
    inside = torch.tensor([[0.3, 0.5], [1.1, 0.5]], dtype=torch.float64)
    with torch.no_grad():
        values = network.with_vector(noise)(inside)
    assert float((values[0] - values[1]).abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["splines", "septic", "products", "chebyshev", "one layer"])
def test_what_is_edited_stays_periodic(name) -> None:
    network = NETWORKS[name]
    points = torch.as_tensor(STRIP.interior(100))
    how = {"degree": 12} if name == "chebyshev" else {"intervals": 10}
    finer = network.refined(**how)
    assert finer.parameter_count > network.parameter_count
    with torch.no_grad():
        torch.testing.assert_close(finer(points), network(points), rtol=1e-12, atol=1e-12)
    regridded = finer.regridded(points)
    restarted = finer.restarted(3)
    pruned = network.pruned(points)
    snapped = network.with_edge((0, 0, 1), "sin(x)")
    other = network.with_basis(BSpline(5, 12), points)
    with torch.no_grad():
        torch.testing.assert_close(other(points), network(points), rtol=0.05, atol=0.05)
    assert other.periods[0][0] == 3.0
    assert jump(other) < 1e-12
    for field in (finer, regridded, restarted, pruned, snapped):
        assert field.periods == network.periods
        assert jump(field) < 1e-12
    again = network_from_dict(regridded.to_dict())
    again.load_state_dict(regridded.state_dict())
    assert again.periods == network.periods
    with torch.no_grad():
        assert torch.equal(again(points), regridded(points))


def test_knots_go_to_edges_that_are_not_periodic() -> None:
    network = NETWORKS["splines"]
    finer = network.inserted({(0, 0, 1): [0.1]})
    assert jump(finer) < 1e-13
    with pytest.raises(ValueError, match="is no spline"):
        network.inserted({(0, 0, 0): [0.1]})


def test_a_coordinate_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="columns of coordinates, from 0 to 1"):
        KAN([2, 3, 1], periodic=[2])


def test_periodic_splines_are_those_that_match() -> None:
    basis = PeriodicSpline(degree=4, intervals=6)
    rows = basis.spline.evaluate(torch.tensor([-1.0, 1.0], dtype=torch.float64), 3)
    gap = (rows[..., 0] - rows[..., 1]).numpy()  # one row for each derivative that is matched
    wrap = basis.transfer(basis.spline)
    np.testing.assert_allclose(gap @ wrap, 0, atol=1e-12)
    assert np.linalg.matrix_rank(gap) + basis.size == basis.spline.size


SOURCES = {
    "no coordinate": (sin(2 * pi * y), True),
    "a periodic source": (sin(2 * pi * x) * y, True),
    "a source that jumps": (x, False),
    "a periodic coefficient": (v * cos(4 * pi * x), True),
    "a coefficient that jumps": (x * v**2, False),
    "a given function": (given("k", x, values=lambda x: 0 * x) * v, False),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_solution_is_periodic_where_the_equations_are(name) -> None:
    term, wanted = SOURCES[name]
    sides = Dirichlet(v, 0, on=("bottom", "top"))
    found = circles(Problem(SQUARE, laplacian(v) + term, [Periodic(v, x), sides]))
    assert bool(found) is wanted
    if wanted:
        assert (found[0].axis, found[0].period) == (0, 1.0)
        assert [order for order, _ in found[0].orders] == [0, 1]


def test_all_unknowns_and_all_orders_have_to_be_periodic() -> None:
    a, b = unknowns("a b", x, t)
    equations = [a.diff(t) + b.diff(x, 2), b.diff(t) - a.diff(x)]
    start = [Initial(a, 0), Initial(b, 1)]
    both = [Periodic(a, x), Periodic(b, x)]
    assert circles(Problem(STRIP, equations, [*start, *both]))
    one = [Periodic(a, x), Dirichlet(b, 1, on=("left", "right"))]
    assert not circles(Problem(STRIP, equations, [*start, *one]))
    value_alone = [Periodic(a, x), Periodic(b, x, orders=1)]
    assert not circles(Problem(STRIP, equations, [*start, *value_alone]))


def ready(problem, network, hard=None) -> Training:
    return Training.of(problem, network, seed=0, hard=hard, device="cpu")


def test_it_is_built_in_together_with_the_initial_value() -> None:
    for network in (KAN([2, 3, 1]), MLP([2, 5, 1])):
        training = ready(HEAT, network)
        assert set(training.task.hard) == set(HEAT.condition_names)
        assert len(training.task.collocate(training.network).blocks) == 1
        assert jump(training.network) < 1e-13
        start = np.column_stack([np.linspace(-1, 2, 20), np.zeros(20)])
        with torch.no_grad():
            values = training.network(torch.as_tensor(start)).numpy()[:, 0]
        np.testing.assert_allclose(values, np.sin(2 * np.pi * start[:, 0] / 3), atol=1e-14)
        soft = ready(HEAT, network, hard=False)
        assert soft.task.hard == ()
        assert jump(soft.network) > 1e-3


def test_an_initial_value_with_a_kink_at_the_ends_stays_soft() -> None:
    problem = Problem(
        STRIP, u.diff(t) - u.diff(x, 2), [Periodic(u, x), Initial(u, (x + 1) * (2 - x))]
    )
    training = ready(problem, KAN([2, 3, 1]))
    assert set(training.task.hard) == {n for n in problem.condition_names if "periodic" in n}
    assert jump(training.network) < 1e-13


def test_a_network_whose_start_is_fixed_is_left_as_it_is() -> None:
    fixed = KAN([2, 3, 1], seed=0, **RANGE)
    training = ready(HEAT, fixed)
    assert not training.network.periods
    assert training.task.hard == ("initial on initial",)
    ring = ready(HEAT, NETWORKS["splines"])
    assert set(ring.task.hard) == set(HEAT.condition_names)
    module = ready(HEAT, NETWORKS["module"])
    assert set(module.task.hard) == set(HEAT.condition_names)


def test_low_degrees_meet_what_they_can() -> None:
    training = ready(HEAT, KAN([2, 3, 1], basis=BSpline(1, 5)))
    assert "periodic on left and right" in training.task.hard
    assert "periodic, derivative 1 on left and right" not in training.task.hard


def test_a_correction_is_periodic_like_the_field() -> None:
    training = ready(HEAT, KAN([2, 3, 1]))
    for stage in (Multistage(), Multistage(MLP([2, 5, 1]))):
        state = stage.step(training.task, stage.init(training.task, training.network))
        assert jump(state.network) < 1e-13
    foreign = Multistage(Module(nn.Linear(2, 1).double(), 2, 1))
    with pytest.raises(ValueError, match="periodic by construction"):
        foreign.step(training.task, foreign.init(training.task, training.network))


def test_a_trained_field_is_periodic_to_round_off(tmp_path) -> None:
    plan = [LevenbergMarquardt(iterations=5), Regrid(), Refine(intervals=10)]
    solution = solve(HEAT, KAN([2, 2, 1]), [*plan, LevenbergMarquardt(iterations=3)])
    assert jump(solution.network) < 1e-12
    assert "hard conditions" in solution.way
    again = load(solution.save(tmp_path / "heat.h5"))
    points = STRIP.interior(20)
    np.testing.assert_array_equal(again.at(points), solution.at(points))
