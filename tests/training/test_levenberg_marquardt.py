"""Levenberg-Marquardt: deterministic, monotone, steppable by hand, with the damping it promises."""

import copy
import math
import pickle
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from sympy import cos, exp, pi, sin

from kanpde import (
    KAN,
    BSpline,
    Dirichlet,
    Interval,
    LeastSquares,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    unknown,
)
from kanpde.networks.hard import hard_conditions
from kanpde.training import StageState, Task
from kanpde.training.damped import Kernel, Normal, Orthogonal
from kanpde.training.levenberg_marquardt import LOWER_BY, _DampingSearch

x, y = coordinates("x y")
u, v = unknown("u", x), unknown("v", x, y)
line = Interval(x=(0, 1))
EXACT = sin(pi * x)
LINEAR = Problem(line, -u.diff(x, 2) - pi**2 * EXACT, Dirichlet(u, 0, on=line.boundary))
BRATU = Problem(line, {"bratu": u.diff(x, 2) + exp(u)}, Dirichlet(u, 0, on=line.boundary))
VISCOUS = Problem(
    line, u * u.diff(x) - u.diff(x, 2) / 10 - cos(x), Dirichlet(u, x, on=line.boundary)
)
PROBLEMS = {"linear": LINEAR, "bratu": BRATU, "viscous": VISCOUS}


def network(seed: int = 0) -> KAN:
    return KAN(
        [1, 3, 1],
        basis=BSpline(degree=5, intervals=3),
        activation=None,
        lower=[0],
        upper=[1],
        seed=seed,
    )


def task(problem: Problem = LINEAR, seed: int = 0) -> Task:
    return Task(problem, seed=seed, least_points=60, points_per_parameter=1)


def run(stage, task_, field):
    state = stage.init(task_, field)
    while not state.done:
        state = stage.step(task_, state)
    return state


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_loss_never_rises_and_falls_far(name) -> None:
    state = run(LevenbergMarquardt(iterations=40), task(PROBLEMS[name]), network())
    assert all(b < a for a, b in pairwise(state.losses))
    assert state.losses[-1] < 1e-6 * state.losses[0]
    assert state.loss == state.losses[-1]
    assert len(state.losses) - 1 <= state.iteration <= 40


def test_the_state_tells_the_truth() -> None:
    state = run(LevenbergMarquardt(iterations=3), task(BRATU), network())
    fresh = task(BRATU).collocate(state.network)
    residual = fresh.residual(state.network, fresh.prepare(state.network))
    assert state.loss == pytest.approx(0.5 * float(residual @ residual), rel=1e-12)
    torch.testing.assert_close(state.system.residual, residual, rtol=1e-10, atol=1e-13)


def test_the_same_seed_gives_the_same_bits() -> None:
    stage = LevenbergMarquardt(iterations=6)
    a, b = (run(stage, task(VISCOUS), network()) for _ in range(2))
    assert torch.equal(a.network.vector(), b.network.vector())
    assert a.losses == b.losses
    c = run(stage, task(VISCOUS, seed=1), network())
    assert not torch.equal(a.network.vector(), c.network.vector())
    d = run(stage, task(VISCOUS), network(seed=1))
    assert not torch.equal(a.network.vector(), d.network.vector())


def test_the_given_network_is_left_alone() -> None:
    field = network()
    before = field.vector()
    run(LevenbergMarquardt(iterations=2), task(), field)
    assert torch.equal(field.vector(), before)


def test_it_stops_after_its_iterations_or_when_it_stalls() -> None:
    state = run(LevenbergMarquardt(iterations=2), task(), network())
    assert (state.iteration, state.done, state.note) == (2, True, "")
    stalled = run(LevenbergMarquardt(iterations=500, stall=0.02), task(BRATU), network())
    assert stalled.iteration < 500
    assert stalled.note in ("stalled", "no step lowers the loss")


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("ratio", [0.1, 0.5])
def test_the_damping_is_the_smallest_that_the_ratio_allows(name, ratio) -> None:
    stage, where = LevenbergMarquardt(ratio=ratio, acceleration=0), task(PROBLEMS[name])
    state = stage.init(where, network())
    for _ in range(4):
        start, r, jacobian = state.network.vector(), state.system.residual, state.system.jacobian
        collocation, prepared = state.points.collocation, state.points.prepared
        tried_first = max(state.damping / 3, 2.0**-52 * float((jacobian**2).sum(1).max()))

        def quality(damping, start=start, r=r, jacobian=jacobian, c=collocation, p=prepared):
            """Return actual over predicted decrease, by their definitions, and the loss."""
            gram = jacobian @ jacobian.T + damping * torch.eye(len(jacobian)).to(jacobian)
            factor, failed = torch.linalg.cholesky_ex(gram)
            if failed:
                return -math.inf, math.nan
            step = -torch.cholesky_solve((jacobian @ r)[:, None], factor)[:, 0]
            moved = network().with_vector(start + step)
            after = c.residual(moved, p)
            model = r + jacobian.T @ step
            actual, predicted = r @ r - after @ after, r @ r - model @ model
            return float(actual / predicted), 0.5 * float(after @ after)

        state = stage.step(where, state)
        taken, loss = quality(state.damping)
        assert taken >= ratio * (1 - 1e-3)
        assert state.loss == pytest.approx(loss, rel=1e-3)
        if state.damping <= tried_first * (1 + 1e-9):  # it searched downwards: the next must fail
            lowered = round(torch.log(torch.tensor(tried_first / state.damping)).item() / 1.386294)
            floor = 2.0**-52 * float((jacobian**2).sum(1).max())
            assert state.damping >= floor * (1 - 1e-9)  # below, the step would be round-off
            at_end = lowered == 6 or state.damping <= floor * (1 + 1e-9)
            assert at_end or quality(state.damping / LOWER_BY)[0] < ratio * 1.001
        else:  # it searched upwards: the first trial must have failed
            assert quality(tried_first)[0] < ratio


def test_a_step_leaves_the_state_it_is_given_alone() -> None:
    stage, where = LevenbergMarquardt(), task(BRATU)
    state = stage.init(where, network())
    before = state.network.vector()
    first = stage.step(where, state)
    assert torch.equal(state.network.vector(), before)
    again = stage.step(where, state)
    assert torch.equal(first.network.vector(), again.network.vector())


def test_a_copy_of_a_state_resumes_bit_for_bit() -> None:
    stage, where = LevenbergMarquardt(), task(BRATU)
    state = stage.step(where, stage.init(where, network()))
    saved = replace(state, network=copy.deepcopy(state.network))
    one, other = stage.step(where, state), stage.step(where, saved)
    assert torch.equal(one.network.vector(), other.network.vector())
    assert one.losses == other.losses


def test_a_pickled_state_is_small_and_resumes_bit_for_bit() -> None:
    stage, where = LevenbergMarquardt(), task(BRATU)
    state = stage.step(where, stage.init(where, network()))
    data = pickle.dumps(state)
    saved = pickle.loads(data)
    assert saved.system is None
    for _ in range(3):
        state, saved = stage.step(where, state), stage.step(where, saved)
        assert torch.equal(state.network.vector(), saved.network.vector())
        assert state.losses == saved.losses
        assert state.damping == saved.damping


def test_the_bend_is_half_the_geodesic_acceleration() -> None:
    """The bent step follows the curve on which the linearised damped residual stays zero."""
    stage, where = LevenbergMarquardt(), task(BRATU)
    state = stage.init(where, network())
    search = _DampingSearch(stage, state, Normal(state.system.jacobian))
    step = Normal(state.system.jacobian).factored(10.0)(state.system.residual)
    start, c = state.network.vector(), state.points.collocation

    def residual(h):
        return c.residual(network().with_vector(start + h * step), state.points.prepared)

    second = (residual(1e-3) - 2 * residual(0.0) + residual(-1e-3)) / 1e-6
    found = search._curvature(step)
    assert float((found - second).norm()) < 0.1 * float(second.norm())


def test_fewer_rows_than_parameters_take_the_kernel_form() -> None:
    stage, few = LevenbergMarquardt(), Task(LINEAR, least_points=12, points_per_parameter=0.1)
    state = stage.init(few, network())
    assert state.system.jacobian.shape[0] > state.system.jacobian.shape[1]
    assert isinstance(state.system.damped(orthogonal=False), Kernel)
    for _ in range(5):
        state = stage.step(few, state)
    assert state.loss < 1e-6 * state.losses[0]


def test_orthogonal_factors_go_on_where_cholesky_steps_end() -> None:
    stage, where = LevenbergMarquardt(iterations=200, stall=0), task(LINEAR)
    state = run(stage, where, network())
    if not state.orthogonal:  # every Cholesky step was good enough: nothing to go on from
        assert state.iteration == 200
    normal = replace(state, orthogonal=False, done=False)
    assert isinstance(normal.system.damped(orthogonal=False), Normal)
    assert isinstance(state.system.damped(orthogonal=True), Orthogonal)
    again = stage.step(where, replace(state, orthogonal=True, done=False))
    assert again.loss <= state.loss


def test_acceleration_pays_in_a_curved_valley() -> None:
    """A product node from a bad start: straight steps creep along the valley."""
    square = Rectangle(x=(-1, 1), y=(-1, 1))
    source = 2 * pi**2 * sin(pi * x) * sin(pi * y)
    problem = Problem(square, laplacian(v) + source, Dirichlet(v, 0, on=square.boundary))
    conditions = hard_conditions(problem)
    basis = BSpline(degree=7, intervals=5)
    inner = KAN([2, (0, 1), 1], basis=basis, activation=None, lower=[-1, -1], upper=[1, 1], seed=4)
    field = conditions.apply(inner, problem)
    where = Task(problem, hard=conditions.names, least_points=300)
    bent, straight = (
        run(LevenbergMarquardt(iterations=80, stall=0, acceleration=a), where, field)
        for a in (0.75, 0.0)
    )
    assert bent.loss < 0.1 * straight.loss


def test_with_variable_projection_the_output_edges_are_always_solved_for() -> None:
    stage = LevenbergMarquardt(iterations=12, variable_projection=True)
    state = stage.init(task(), network())
    for _ in range(3):
        state = stage.step(task(), state)
        solved = LeastSquares().step(task(), StageState(state.network))
        assert state.loss == pytest.approx(solved.loss, rel=1e-6)
    state = run(stage, task(), network())
    plain = run(LevenbergMarquardt(iterations=12), task(), network())
    assert state.losses[0] < 1e-2 * plain.losses[0]
    assert state.loss < plain.loss
    assert all(b < a for a, b in pairwise(state.losses))


def test_the_projected_jacobian_is_that_of_the_reduced_residual() -> None:
    """At small steps of the inner edges the solved residual changes as the Jacobian says."""
    stage, where = LevenbergMarquardt(variable_projection=True), task()
    state = stage.init(where, network())
    inner = slice(0, 24)  # the edges of the first layer
    direction = torch.zeros_like(state.network.vector())
    direction[inner] = torch.linspace(-1, 1, 24).double()
    slope = float((state.system.jacobian @ state.system.residual) @ direction)
    losses = []
    for h in (1e-5, -1e-5):
        trial = state.network.with_vector(state.network.vector() + h * direction)
        _, residual = stage.moved(state.points, trial)
        losses.append(0.5 * float(residual @ residual))
    assert slope == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-4)
    assert float(state.system.jacobian[24:].abs().max()) < 1e-8 * float(
        state.system.jacobian.abs().max()
    )


def test_variable_projection_needs_a_linear_problem() -> None:
    with pytest.raises(ValueError, match="variable_projection"):
        LevenbergMarquardt(variable_projection=True).check(BRATU, network())


def test_where_no_step_helps_the_field_stays() -> None:
    stage, where = LevenbergMarquardt(), task(BRATU)
    state = stage.init(where, network())
    uphill = replace(state.system, jacobian=-state.system.jacobian)
    state = replace(state, system=uphill)  # every step goes uphill
    before = state.network.vector()
    stuck = stage.step(where, state)
    assert stuck.done
    assert stuck.note == "no step lowers the loss"
    assert torch.equal(stuck.network.vector(), before)
    assert stuck.loss == state.loss


@pytest.mark.parametrize(
    "bad", [{"iterations": 0}, {"damping": -1.0}, {"ratio": 1.5}, {"acceleration": -1.0}]
)
def test_bad_settings(bad) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        LevenbergMarquardt(**bad)
