"""LeastSquares on nonlinear problems: Newton's method for the output edges."""

import pytest
import torch
from sympy import cos, exp, sin

from kanpde import (
    KAN,
    BSpline,
    Chebyshev,
    Data,
    Dirichlet,
    Interval,
    LeastSquares,
    Neumann,
    Problem,
    Resample,
    coordinates,
    parameter,
    solve,
    unknown,
)
from kanpde.networks.hard import hard_conditions
from kanpde.training import Task

x = coordinates("x")
u = unknown("u", x)
line = Interval(x=(0, 1))
BRATU = Problem(line, u.diff(x, 2) + exp(u), Dirichlet(u, 0, on=line.boundary))
VISCOUS = Problem(
    line, u * u.diff(x) - u.diff(x, 2) / 10 - cos(x), Dirichlet(u, x, on=line.boundary)
)


def network(basis=BSpline(degree=5, intervals=3), hidden: int = 3) -> KAN:  # noqa: B008
    return KAN([1, hidden, 1], basis=basis, activation=None, lower=[0], upper=[1], seed=0)


def task(problem, **how) -> Task:
    return Task(problem, least_points=60, points_per_parameter=1, **how)


def applied(where, field):
    stage = LeastSquares()
    return stage.step(where, stage.init(where, field))


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("problem", [BRATU, VISCOUS], ids=["bratu", "viscous"])
def test_no_other_output_edges_near_by_are_better(problem, hard) -> None:
    field, where = network(), task(problem)
    if hard:
        conditions = hard_conditions(problem)
        field, where = conditions.apply(field, problem), task(problem, hard=conditions.names)
    state = applied(where, field)
    assert "Newton steps" in state.note
    collocation = where.collocate(field)
    prepared = collocation.prepare(field)
    loss, gradient = collocation.gradient(state.network, prepared)
    assert state.loss == pytest.approx(float(loss), rel=1e-12)
    assert loss < 1e-3 * collocation.gradient(field, prepared)[0]
    best = state.network.output_coefficients
    for seed in range(4):
        shift = torch.randn(best.shape, generator=torch.Generator().manual_seed(seed)).double()
        for size in (1e-3, 1e-5):
            other = state.network.with_output_coefficients(best + size * shift)
            assert collocation.gradient(other, prepared)[0] > loss
    # the inner edges are untouched
    own = len(best.reshape(-1))
    assert torch.equal(state.network.vector()[:-own], field.vector()[:-own])
    # and of the gradient nothing of theirs is left
    start = collocation.gradient(field, prepared)[1]
    assert float(gradient[-own:].norm()) < 1e-6 * float(start[-own:].norm())


def test_the_offset_of_hard_conditions_is_part_of_the_linearised_system() -> None:
    conditions = hard_conditions(VISCOUS)
    field = conditions.apply(network(), VISCOUS)
    where = task(VISCOUS, hard=conditions.names)
    collocation = where.collocate(field)
    prepared = collocation.prepare(field)
    jets = [field.evaluate(points).detach() for points in prepared]
    (rows, target), *_ = collocation.linearised_system(field, prepared, jets)
    residual = collocation.blocks[0].residual(jets[0])
    there = rows @ field.output_coefficients.reshape(-1)
    torch.testing.assert_close(there - target, residual, rtol=1e-9, atol=1e-9)


def test_one_edge_solves_a_nonlinear_equation_outright() -> None:
    field = KAN([1, 1], basis=Chebyshev(14), activation=None, lower=[0], upper=[1], seed=0)
    state = applied(task(BRATU), field)
    assert state.loss < 1e-18


def test_factors_of_points_count() -> None:
    field = network()
    drawn = Resample(steep=3.0).step(task(VISCOUS), Resample().init(task(VISCOUS), field)).task
    one, other = applied(drawn, field), applied(task(VISCOUS), field)
    assert not torch.equal(one.network.vector(), other.network.vector())
    collocation = drawn.collocate(field)
    loss, _ = collocation.gradient(one.network, collocation.prepare(field))
    assert one.loss == pytest.approx(float(loss), rel=1e-9)


def test_unknown_numbers_are_refused_before_the_first_step() -> None:
    nu = parameter("nu", initial=1.0)
    problem = Problem(line, nu * u.diff(x) - 1, [Data(u, [[0.5]], [1.0])])
    with pytest.raises(ValueError, match="unknown numbers"):
        LeastSquares().check(problem, network())
    with pytest.raises(ValueError, match="iterations"):
        LeastSquares(iterations=0)


def test_unknowns_with_different_built_in_conditions_are_solved_for_together() -> None:
    """u is given at both ends and v at one, so their columns differ."""
    v = unknown("v", x)
    left, right = line.boundary["left"], line.boundary["right"]
    conditions = [
        Dirichlet(u, 0, on=line.boundary),
        Dirichlet(v, 0, on=left),
        Neumann(v, cos(1), on=right),
    ]
    equations = [u.diff(x, 2) - v + sin(x), v.diff(x, 2) + u + sin(x)]
    problem = Problem(line, equations, conditions, exact={u: 0 * x, v: sin(x)})
    field = KAN([1, 2], basis=Chebyshev(14), activation=None)
    solution = solve(problem, field, [LeastSquares()], hard=True)
    assert len(solution.history) == 1
    assert solution.errors()["v"]["relative_l2"] < 1e-12
