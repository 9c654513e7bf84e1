"""Corrected fields and Multistage: jets, parameters, files, and digits that are gained."""

import pytest
import torch
from sympy import exp, pi, sin

from kanpde import (
    KAN,
    MLP,
    BSpline,
    Chebyshev,
    Dirichlet,
    Interval,
    LevenbergMarquardt,
    Multistage,
    Problem,
    Rectangle,
    SeparableKAN,
    coordinates,
    load,
    solve,
    unknown,
)
from kanpde.networks import Corrected, JetLayout, bare, network_from_dict
from kanpde.networks.hard import hard_conditions
from kanpde.training import Task

x, y = coordinates("x y")
u = unknown("u", x)
line = Interval(x=(0, 1))
POISSON = Problem(
    line,
    -u.diff(x, 2) - pi**2 * sin(pi * x),
    Dirichlet(u, 0, on=line.boundary),
    exact={u: sin(pi * x)},
)
BRATU = Problem(line, u.diff(x, 2) + exp(u), Dirichlet(u, 0, on=line.boundary))
LAYOUT = JetLayout.of(2, [(2, 0), (1, 1)])


def kan(widths, seed: int = 0) -> KAN:
    d = widths[0]
    basis = BSpline(degree=5, intervals=3)
    return KAN(widths, basis=basis, activation=None, lower=[0] * d, upper=[1] * d, seed=seed)


def corrected() -> Corrected:
    return Corrected(kan([2, 3, 2]), MLP([2, 4, 2], lower=[0, 0], upper=[1, 1], seed=1), 1e-2)


def points(n: int = 7) -> torch.Tensor:
    return torch.as_tensor(Rectangle(x=(0, 1), y=(0, 1)).interior(n, seed=2).copy())


def test_the_jets_add_up_and_only_the_correction_has_parameters() -> None:
    field = corrected()
    jets = field.jets(points(), LAYOUT)
    expected = kan([2, 3, 2]).jets(points(), LAYOUT) + 1e-2 * field.correction.jets(
        points(), LAYOUT
    )
    torch.testing.assert_close(jets, expected)
    assert field.parameter_count == field.correction.parameter_count
    assert torch.equal(field.vector(), field.correction.vector())


def test_the_pullback_agrees_with_autograd_and_the_columns_with_the_field() -> None:
    field = corrected()
    prepared = field.prepare(points(), LAYOUT)
    jets, pullback = field.linearize(prepared)
    adjoint = torch.linspace(-1, 1, jets.numel()).double().view(jets.shape)
    (field.evaluate(prepared) * adjoint).sum().backward()
    gradient = torch.cat([p.grad.reshape(-1) for p in field.parameters()])
    torch.testing.assert_close(pullback.gradient(adjoint), gradient)
    torch.testing.assert_close(pullback.rows(adjoint).sum(1), gradient)
    columns, c = field.columns(prepared), field.output_coefficients
    rebuilt = torch.einsum("snc,oc->osn", columns, c) + field.offset(prepared)
    torch.testing.assert_close(rebuilt, jets)
    moved = field.with_output_coefficients(c + 1).evaluate(prepared)
    torch.testing.assert_close(
        moved, torch.einsum("snc,oc->osn", columns, c + 1) + field.offset(prepared)
    )


def test_a_corrected_field_is_rebuilt_and_may_be_corrected_again() -> None:
    field = Corrected(corrected(), kan([2, 2, 2], seed=3), 1e-4)
    again = network_from_dict(field.to_dict())
    again.load_state_dict(field.state_dict())
    assert torch.equal(again(points()), field(points()))
    assert again.parameter_count == field.parameter_count == kan([2, 2, 2]).parameter_count


def test_fields_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Corrected(kan([2, 3, 1]), kan([1, 3, 1]), 1.0)
    with pytest.raises(ValueError, match="positive"):
        Corrected(kan([1, 3, 1]), kan([1, 3, 1]), 0.0)


@pytest.mark.parametrize("problem", [POISSON, BRATU], ids=["linear", "nonlinear"])
def test_the_correction_starts_with_the_residual_that_is_left(problem) -> None:
    conditions = hard_conditions(problem)
    task = Task(problem, hard=conditions.names, least_points=60, points_per_parameter=1)
    field = conditions.apply(kan([1, 3, 1]), problem)
    stage = LevenbergMarquardt(iterations=15)
    state = stage.init(task, field)
    while not state.done:
        state = stage.step(task, state)
    added = Multistage().step(task, Multistage().init(task, state.network))
    assert isinstance(bare(added.network), Corrected)
    assert added.loss == pytest.approx(state.loss, rel=1e-6)
    collocation = task.collocate(field)
    before, after = (
        collocation.residual(n, collocation.prepare(n)) for n in (state.network, added.network)
    )
    assert float((after - before).norm()) == pytest.approx(float(before.norm()), rel=1e-2)
    shape = Multistage().check(problem, state.network)
    assert shape.parameter_count == added.network.parameter_count == field.parameter_count


def test_a_correction_gains_digits_and_the_solution_is_saved(tmp_path) -> None:
    network = MLP([1, 6, 1], seed=0)
    train = LevenbergMarquardt(iterations=80)
    one = solve(POISSON, network, [train])
    two = solve(POISSON, network, [train, Multistage(MLP([1, 12, 1])), train])
    assert two.errors()["u"]["relative_l2"] < 1e-3 * one.errors()["u"]["relative_l2"]
    assert "a correction of size" in " ".join(two.notes)
    two.save(tmp_path / "two.h5")
    x = torch.linspace(0, 1, 9).double()[:, None]
    assert torch.equal(load(tmp_path / "two.h5").network(x), two.network(x))


def test_what_has_no_shape_to_repeat_is_refused_before_the_first_step() -> None:
    with pytest.raises(ValueError, match="no shape to repeat"):
        Multistage().check(BRATU, SeparableKAN(1, [Chebyshev(3)]))
    with pytest.raises(ValueError, match="the correction maps 2"):
        Multistage(MLP([2, 3, 1])).check(BRATU, kan([1, 3, 1]))
