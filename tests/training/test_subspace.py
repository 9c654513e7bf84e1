"""Steps for networks whose J^T J is too large: each form against the dense one on a small case."""

import pickle

import pytest
import torch
from sympy import exp, pi, sin

from kanpde import (
    KAN,
    BSpline,
    Dirichlet,
    Krylov,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    Sketch,
    Spring,
    coordinates,
    laplacian,
    solve,
    unknown,
)
from kanpde.ranks import Ranks
from kanpde.training import Task
from kanpde.training.damped import Orthogonal
from kanpde.training.subspace import Buckets, WithinSubspace, points_for
from kanpde.training.system import InMemory, Streamed

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))
EXACT = sin(pi * x) * sin(pi * y)
PROBLEM = Problem(
    square,
    laplacian(u) + exp(u) + 2 * pi**2 * EXACT - exp(EXACT),
    Dirichlet(u, 0, on=square.boundary),
    exact={u: EXACT},
)
TASK = Task(PROBLEM, least_points=300, points_per_parameter=0, memory=20_000.0)


def network(widths=(2, 3, 1), seed: int = 0) -> KAN:
    basis = BSpline(degree=5, intervals=3)
    return KAN(widths, basis=basis, activation=None, lower=[0, 0], upper=[1, 1], seed=seed)


def test_a_krylov_space_of_all_directions_gives_the_dense_step() -> None:
    field = network()
    dense = InMemory.of(TASK, field).about(field)
    system = Krylov(200).about(Streamed.of(TASK, field), field)
    torch.testing.assert_close(system.gradient, dense.gradient, rtol=1e-8, atol=1e-8)
    assert system.square == pytest.approx(dense.square)
    for damping in (1e2, 1.0, 1e-2):
        expected = Orthogonal(dense.jacobian).factored(damping)(dense.residual)
        found = system.damped(orthogonal=False).factored(damping)(system.right)
        assert float((found - expected).norm()) < 1e-6 * float(expected.norm())


def test_a_small_krylov_space_holds_the_step_of_least_residual_in_it() -> None:
    """The step of conjugate gradients: no other step of the same span lowers the model more."""
    field = network()
    dense = InMemory.of(TASK, field).about(field)
    system = Krylov(5).about(Streamed.of(TASK, field), field)
    basis = system.basis
    torch.testing.assert_close(basis @ basis.T, torch.eye(5).double(), rtol=0, atol=1e-12)
    images = dense.jacobian.T @ basis.T  # (rows, 5)
    small = torch.linalg.lstsq(images, -dense.residual[:, None]).solution[:, 0]
    found = system.damped(orthogonal=False).factored(1e-14)(system.right)
    torch.testing.assert_close(found, basis.T @ small, rtol=1e-5, atol=1e-7)


def test_a_sketched_step_is_the_dense_one_in_its_subspace() -> None:
    field, count, damping = network(), 20, 1e-2
    dense = InMemory.of(TASK, field).about(field)
    system = Sketch(count).about(Streamed.of(TASK, field), field)
    buckets = Buckets.of(field.vector(), count)
    columns = torch.stack([buckets.out_of(e) for e in torch.eye(count).double()], dim=1)  # (P, 20)
    torch.testing.assert_close(columns.T @ columns, torch.eye(count).double())
    within = columns.T @ dense.jacobian
    inside = torch.linalg.solve(
        within @ within.T + damping * torch.eye(count), -(within @ dense.residual)
    )
    found = system.damped(orthogonal=False).factored(damping)(system.right)
    expected = columns @ inside
    assert float((found - expected).norm()) < 1e-8 * float(expected.norm())
    torch.testing.assert_close(buckets.into(dense.gradient), columns.T @ dense.gradient)
    other = Buckets.of(field.vector() + 1, count)
    assert not torch.equal(other.place, buckets.place)


@pytest.mark.parametrize("subspace", [Krylov(40), Sketch(60)], ids=["krylov", "sketch"])
def test_training_in_a_subspace_lowers_the_error_and_resumes_bit_for_bit(subspace) -> None:
    stage = LevenbergMarquardt(iterations=12, subspace=subspace)
    state = saved = stage.step(TASK, stage.init(TASK, network()))
    saved = pickle.loads(pickle.dumps(state))
    for _ in range(2):
        state, saved = stage.step(TASK, state), stage.step(TASK, saved)
    assert torch.equal(state.network.vector(), saved.network.vector())
    while not state.done:
        state = stage.step(TASK, state)
    assert state.loss < 1e-3 * state.losses[0]


def test_steps_are_sought_where_they_cost_least(monkeypatch) -> None:
    """A Jacobian that fits is held; else J^T J is summed up if it fits; else a Krylov space."""
    small, large = network(), network((2, 100, 1))
    fits = Task(PROBLEM, least_points=30, points_per_parameter=0)
    assert isinstance(points_for(fits, large), InMemory)  # fewer rows than parameters
    assert isinstance(points_for(TASK, small), Streamed)
    points = points_for(TASK, large)
    assert isinstance(points, WithinSubspace)
    assert points.subspace == Krylov()
    shared = Task(PROBLEM, ranks=Ranks(0, 2))
    assert isinstance(points_for(shared, large), Streamed)
    monkeypatch.setattr("kanpde.training.subspace.COLUMNS", 1)
    assert isinstance(points_for(shared, large), WithinSubspace)
    assert isinstance(LevenbergMarquardt().init(TASK, small).points, WithinSubspace)


def test_spring_without_momentum_is_the_kernel_step() -> None:
    stage, field = Spring(points=40, damping=1e-3, momentum=0.0), network()
    _, step, _ = stage._once(TASK, field, torch.zeros_like(field.vector()), 0)
    few = Task(PROBLEM, seed=104_729, least_points=40, points_per_parameter=0)
    system = InMemory.of(few, field).about(field)
    kernel = system.jacobian.T @ system.jacobian
    damping = 1e-3 * float(kernel.diagonal().mean())
    expected = Orthogonal(system.jacobian).factored(damping)(system.residual)
    torch.testing.assert_close(step, -expected, rtol=1e-7, atol=1e-9)


def test_spring_keeps_what_its_points_do_not_see() -> None:
    stage, field = Spring(points=10, momentum=0.5), network()
    before = torch.randn(field.parameter_count, generator=torch.Generator().manual_seed(1)).double()
    _, step, _ = stage._once(TASK, field, before, 0)
    few = Task(PROBLEM, seed=104_729, least_points=10, points_per_parameter=0)
    jacobian = InMemory.of(few, field).about(field).jacobian
    seen = torch.linalg.qr(jacobian)[0]
    difference = step - 0.5 * before
    rest = difference - seen @ (seen.T @ difference)
    assert float(rest.norm()) < 1e-9 * float(difference.norm())


def test_spring_solves_and_starts_anew_from_its_state() -> None:
    field = network((2, 4, 1))
    found = solve(PROBLEM, field, [Spring(iterations=60, points=100)], hard=True)
    assert found.errors()["u"]["relative_l2"] < 2e-2
    stage = Spring(iterations=20, points=50, stride=5)
    state = stage.step(TASK, stage.init(TASK, field))
    saved = pickle.loads(pickle.dumps(state))
    assert torch.equal(
        stage.step(TASK, state).network.vector(), stage.step(TASK, saved).network.vector()
    )


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Krylov(0),
        lambda: Sketch(-1),
        lambda: Spring(points=0),
        lambda: Spring(momentum=1.0),
        lambda: Spring(damping=0.0),
        lambda: Spring(iterations=0),
        lambda: Spring(stride=0),
    ],
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="must be"):
        wrong()


@pytest.mark.parametrize("memory", ["4GiB", "100kB"])
@pytest.mark.parametrize("subspace", [None, Krylov(30), Sketch(40)])
def test_a_network_in_single_precision_is_trained(subspace, memory) -> None:
    single = network().float()
    plan = [LevenbergMarquardt(iterations=10, subspace=subspace)]
    solution = solve(PROBLEM, single, plan, memory=memory, hard=False, points=300)
    assert next(solution.network.parameters()).dtype == torch.float32
    assert solution.history[-1].loss < 0.1 * solution.history[0].loss
