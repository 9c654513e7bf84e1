"""Stages are values with explicit state; a plan runs them and never loses the best field."""

from dataclasses import replace

import pytest
import torch
from sympy import pi, sin

from kanpde import (
    KAN,
    BSpline,
    Dirichlet,
    Interval,
    LeastSquares,
    LevenbergMarquardt,
    Outcome,
    Problem,
    Refine,
    Regrid,
    coordinates,
    solve,
    staircase,
    unknown,
)
from kanpde.control import Control
from kanpde.training import Stage, StageState, Task, run_plan

x = coordinates("x")
u = unknown("u", x)
line = Interval(x=(0, 1))
exact = sin(pi * x)
problem = Problem(
    line,
    {"poisson": u.diff(x, 2) + pi**2 * exact},
    Dirichlet(u, 0, on=line.boundary),
    exact={u: exact},
)
nonlinear = Problem(
    line, {"e": u.diff(x, 2) - u**3 + 1}, Dirichlet(u, 0, on=line.boundary), name="cubic"
)
task = Task(problem, seed=0, least_points=200)


def network(seed=0, intervals=4, degree=5):
    kan = KAN([1, 3, 1], basis=BSpline(degree, intervals), activation=None)
    return kan.prepared([0.0], [1.0], seed)


def loss_of(net):
    collocation = task.collocate(net)
    residual = collocation.residual(net, collocation.prepare(net))
    return 0.5 * float(residual @ residual)


def test_levenberg_marquardt_lowers_the_loss_at_every_step():
    stage = LevenbergMarquardt(iterations=15)
    state = stage.init(task, network())
    assert state.loss == pytest.approx(loss_of(network()), rel=1e-12)
    for _ in range(15):
        before = state.loss
        state = stage.step(task, state)
        if state.note:
            break
        assert state.loss < before
    assert state.loss == pytest.approx(loss_of(state.network), rel=1e-9)
    assert state.loss < 1e-3


def test_an_accepted_step_keeps_the_ratio_and_a_smaller_damping_does_not():
    stage = LevenbergMarquardt(ratio=0.1)
    state = stage.init(task, network())
    after = stage.step(task, state)

    def ratio(damping):
        gram = state.jacobian @ state.jacobian.T
        gradient = state.jacobian @ state.residual
        step = -torch.linalg.solve(gram + damping * torch.eye(len(gram)).double(), gradient)
        predicted = -float(gradient @ step) + damping * float(step @ step)
        trial = network().with_vector(network().vector() + step)
        return (state.residual.square().sum() - 2 * loss_of(trial)) / predicted

    assert ratio(after.damping) >= 0.1


def test_a_stage_leaves_the_network_it_was_given():
    start = network()
    before = start.vector()
    stage = LevenbergMarquardt(iterations=3)
    state = stage.init(task, start)
    stage.step(task, state)
    assert torch.equal(start.vector(), before)


def test_stepping_by_hand_is_running_the_plan():
    plan = [LevenbergMarquardt(iterations=4), Refine(intervals=8), LevenbergMarquardt(iterations=3)]
    by_plan = run_plan(plan, task, network(), Control())
    current = network()
    for stage in plan:
        state = stage.init(task, current)
        while not state.done:
            state = stage.step(task, state)
        current = state.network
    assert torch.equal(by_plan.network.vector(), current.vector())


def test_same_seed_same_bits_other_seed_other_bits():
    runs = [
        solve(problem, KAN([1, 3, 1], activation=None), staircase(5, 10, iterations=4), seed=s)
        for s in (0, 0, 1)
    ]
    assert torch.equal(runs[0].network.vector(), runs[1].network.vector())
    assert not torch.equal(runs[0].network.vector(), runs[2].network.vector())


@pytest.mark.parametrize("degree", [3, 5, 7])
def test_refining_changes_nothing(degree):
    coarse = network(degree=degree)
    state = Refine(intervals=8).apply(task, coarse)
    points = torch.linspace(0, 1, 101).double()[:, None]
    with torch.no_grad():
        assert float((state.network(points) - coarse(points)).abs().max()) < 1e-12
    assert state.network.parameter_count > coarse.parameter_count
    value = float(state.note.split("value changed by ")[1].split(",")[0])
    assert value < 1e-12


def test_regridding_reports_what_it_changed():
    trained = run_plan([LevenbergMarquardt(iterations=10)], task, network(), Control()).network
    state = Regrid().apply(task, trained)
    reported = float(state.note.split("value changed by ")[1].split(",")[0])
    points = torch.as_tensor(line.interior(1000, seed=1))
    with torch.no_grad():
        change = (state.network(points) - trained(points)).norm() / trained(points).norm()
    assert 0.1 < reported / float(change) < 10
    values = state.network.hidden_values(points)[1]
    layer = state.network.layers[1]
    assert bool((values >= layer.lower[:, None] - 1e-3).all())
    assert bool((values <= layer.upper[:, None] + 1e-3).all())


def test_least_squares_gives_the_smallest_loss_of_all_output_edges():
    start = network()
    state = LeastSquares().apply(task, start)
    assert state.loss == pytest.approx(loss_of(state.network), rel=1e-6)
    best = state.loss
    assert best < loss_of(start)
    generator = torch.Generator().manual_seed(0)
    c = state.network.output_coefficients
    for _ in range(5):
        other = c + 1e-3 * torch.randn(c.shape, generator=generator, dtype=c.dtype)
        assert loss_of(state.network.with_output_coefficients(other)) > best


def test_least_squares_refuses_a_nonlinear_problem():
    with pytest.raises(ValueError, match="not linear"):
        solve(nonlinear, KAN([1, 3, 1]), [LeastSquares()])


class Breaking(Stage[StageState]):
    """A stage whose loss is not a number at its second step."""

    name = "breaking"

    def init(self, task, network):
        return StageState(network)

    def step(self, task, state):
        loss = float("nan") if state.iteration else 1.0
        broken = state.network.with_vector(state.network.vector() * loss)
        return replace(state, network=broken, iteration=state.iteration + 1, loss=loss)


def test_a_loss_that_is_no_number_keeps_the_last_good_field():
    good = network()
    result = run_plan([Breaking()], task, good, Control())
    assert result.outcome is Outcome.DIVERGED
    assert torch.isfinite(result.network.vector()).all()


def test_a_spent_budget_keeps_the_field_so_far():
    solution = solve(problem, KAN([1, 3, 1]), staircase(5, 10), budget=0.05)
    assert solution.outcome is Outcome.BUDGET
    assert torch.isfinite(solution.network.vector()).all()


def test_refine_needs_one_way():
    with pytest.raises(ValueError, match="one of"):
        Refine()
    with pytest.raises(ValueError, match="one of"):
        Refine(intervals=4, degree=3)


def test_a_network_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"KAN\(\[1, \.\.\., 1\]\)"):
        solve(problem, KAN([2, 3, 1]))


def test_hard_conditions_that_cannot_be():
    flux = Problem(line, {"e": u.diff(x) + u}, Dirichlet(u.diff(x), 0, on="left"))
    with pytest.raises(ValueError, match="cannot be built in"):
        solve(flux, KAN([1, 3, 1]), hard=True)


def test_soft_conditions_on_request():
    solution = solve(problem, KAN([1, 4, 1], activation=None), staircase(5, 10), hard=False)
    assert "soft" in solution.way
    assert solution.errors()["u"]["relative_l2"] < 1e-6
