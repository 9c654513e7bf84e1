"""Residual vectors and Jacobians: against autograd, with weights, normals, several unknowns."""

import math

import numpy as np
import pytest
import torch
from sympy import Abs, Max, Min, Piecewise, Rational, atan2, cos, erf, exp, pi, sin, sqrt

from kanpde import (
    KAN,
    BSpline,
    Condition,
    Dirichlet,
    Interval,
    Neumann,
    Problem,
    Rectangle,
    Robin,
    coordinates,
    laplacian,
    normal_derivative,
    unknown,
)
from kanpde.bases.activations import SiLU
from kanpde.collocation import collocate
from kanpde.networks import LinearKAN, ProductNodes
from kanpde.networks.hard import hard_conditions

x, y = coordinates("x y")
u1, u, v = unknown("u", x), unknown("u", x, y), unknown("v", x, y)
line = Interval(x=(-1, 1))
plate = Rectangle(x=(0, 2), y=(-1, 1))

LINEAR = Problem(
    plate,
    {"e": laplacian(u) + sin(x) * u.diff(y) - exp(y) * u + x * y},
    [
        Dirichlet(u, x, on="left"),
        Robin(u, 2, y, on=["right", "top"]),
        Neumann(u, 1, on="bottom"),
    ],
)
BURGERS = Problem(
    line,
    {"burgers": u1 * u1.diff(x) - u1.diff(x, 2) + exp(u1)},
    [Dirichlet(u1, 1, on="left"), Condition(normal_derivative(u1) + u1**2, on="right", name="r")],
)
SYSTEM = Problem(
    plate,
    {"a": laplacian(u) * v - u**3 + sin(v) * x, "b": v.diff(x, y) + u * v.diff(y) - 1},
    [
        Dirichlet(u, 0, on=["left", "right"]),
        Condition(v - normal_derivative(u) * u, on=["bottom", "top"], name="flux"),
    ],
)
LINEAR_SYSTEM = Problem(
    plate,
    {"a": laplacian(u) + v.diff(x) - x, "b": v - u.diff(y) + 2},
    [Dirichlet(u, y, on="left"), Condition(v + normal_derivative(u), on="top", name="flux")],
)
PROBLEMS = {
    "linear": LINEAR,
    "burgers": BURGERS,
    "system": SYSTEM,
    "linear system": LINEAR_SYSTEM,
}


def placed(problem, n=6, m=3, **how):
    boundary = {
        name: c.on.sample(m, seed=2)
        for name, c in zip(problem.condition_names, problem.conditions, strict=True)
    }
    return collocate(problem, problem.domain.interior(n, seed=1), boundary, **how)


def network(problem, **how):
    domain = problem.domain
    return KAN(
        [problem.dimension, 3, len(problem.unknowns)],
        basis=BSpline(degree=5, intervals=3),
        activation=SiLU(),
        lower=domain.lower,
        upper=domain.upper,
        seed=4,
        **how,
    )


@pytest.mark.parametrize("name", PROBLEMS)
def test_jacobian_agrees_with_autograd(name) -> None:
    problem = PROBLEMS[name]
    field, collocation = network(problem), placed(problem)
    collocation = collocation.weighted({problem.condition_names[0]: 7.0})
    prepared = collocation.prepare(field)
    residual, jacobian = collocation.jacobian(field, prepared)
    assert residual.shape == (collocation.point_count,)
    assert jacobian.shape == (field.parameter_count, collocation.point_count)
    assert not jacobian.requires_grad
    torch.testing.assert_close(residual, collocation.residual(field, prepared))
    taped = torch.cat(
        [
            b.scale * b.residual(field.evaluate(p))
            for b, p in zip(collocation.blocks, prepared, strict=True)
        ]
    )
    for row in range(len(residual)):
        gradient = torch.autograd.grad(taped[row], list(field.parameters()), retain_graph=True)
        expected = torch.cat([g.reshape(-1) for g in gradient])
        scale = float(expected.abs().max())
        torch.testing.assert_close(jacobian[:, row], expected, rtol=1e-11, atol=1e-12 * scale)


def test_residual_of_burgers_by_hand() -> None:
    field, collocation = network(BURGERS), placed(BURGERS, m=1)
    points = collocation.blocks[0].points.clone().requires_grad_()
    value = field(points)[:, 0]
    (d1,) = torch.autograd.grad(value.sum(), points, create_graph=True)
    (d2,) = torch.autograd.grad(d1.sum(), points)
    expected = (value * d1[:, 0] - d2[:, 0] + value.exp()).detach() / math.sqrt(len(points))
    found = collocation.residual(field, collocation.prepare(field))
    torch.testing.assert_close(found[: len(points)], expected, rtol=1e-11, atol=1e-11)
    end = torch.tensor([[1.0]], dtype=torch.float64, requires_grad=True)
    value = field(end)
    (slope,) = torch.autograd.grad(value.sum(), end)
    torch.testing.assert_close(found[-1], (slope + value**2).detach()[0, 0])


@pytest.mark.filterwarnings("ignore::kanpde.NotWellPosedWarning")
def test_normals_point_outward_on_every_face() -> None:
    condition = Neumann(u, 0, on=plate.boundary)
    problem = Problem(plate, laplacian(u), condition)
    nodes = LinearKAN([ProductNodes(1, plate.lower, plate.upper)])
    # u = 3 s + 5 t with s = x - 1, t = y: slopes (3, 5)
    field = nodes.with_output_coefficients(torch.tensor([[0.0, 3.0, 5.0]], dtype=torch.float64))
    collocation = placed(problem, m=12)
    points, block = collocation.blocks[1].points, collocation.blocks[1]
    with torch.no_grad():
        found = block.residual(field.evaluate(collocation.prepare(field)[1])).detach()
    for place, slope in zip(points, found, strict=True):
        on_x = float(place[0]) in (0.0, 2.0)
        sign = 1 if float(place[0] if on_x else place[1]) > 0 else -1
        assert float(slope) == pytest.approx(sign * (3 if on_x else 5), rel=1e-12)


EXACT = {u: sin(x) * y**2, v: exp(x - y)}


@pytest.mark.parametrize("linear", [True, False])
def test_an_exact_field_has_no_residual(linear) -> None:
    """The lift of a constrained network is a formula: with factor zero the field is exact."""
    from kanpde.networks import Constrained

    def first(a, b):
        return laplacian(a, x, y) + (0 if linear else a * b.diff(x) + cos(a)) + b

    def second(a, b):
        return b.diff(x, y) - x * a + (0 if linear else b**2 * a.diff(y, 2))

    flux = normal_derivative(u) - normal_derivative(EXACT[u], x, y)
    problem = Problem(
        plate,
        [f(u, v) - f(EXACT[u], EXACT[v]) for f in (first, second)],
        [Dirichlet(v, EXACT[v], on="left"), Condition(flux, on=["top", "right"], name="flux")],
        exact=EXACT,
    )
    assert problem.is_linear is linear
    field = Constrained(network(problem), (EXACT[u], EXACT[v]), (0 * x, 0 * x), (x, y))
    collocation = placed(problem, n=40, m=10)
    assert max(collocation.rms(field).values()) < 1e-13


def test_linear_system_reproduces_the_residual() -> None:
    for problem in (LINEAR, LINEAR_SYSTEM):
        collocation = placed(problem)
        field = LinearKAN(
            [ProductNodes(4, plate.lower, plate.upper)], outputs=len(problem.unknowns)
        )
        c = torch.linspace(-1, 1, field.parameter_count, dtype=torch.float64)
        field = field.with_vector(c)
        prepared = collocation.prepare(field)
        for block, points, (rows, target) in zip(
            collocation.blocks, prepared, collocation.linear_system(field, prepared), strict=True
        ):
            with torch.no_grad():
                expected = block.residual(field.evaluate(points))
            torch.testing.assert_close(rows @ c - target, expected, rtol=1e-12, atol=1e-12)


def test_linear_system_of_a_hard_network_moves_the_lift_to_the_right() -> None:
    problem = Problem(plate, laplacian(u) + 3, Dirichlet(u, x * y + 1, on=plate.boundary))
    hard = hard_conditions(problem)
    assert hard is not None
    field = hard.apply(network(problem), problem)
    collocation = collocate(problem, plate.interior(8), {})
    prepared = collocation.prepare(field)
    ((rows, target),) = collocation.linear_system(field, prepared)
    residual = collocation.residual(field, prepared) * math.sqrt(8)
    found = rows @ field.output_coefficients.reshape(-1) - target
    torch.testing.assert_close(found, residual, rtol=1e-11, atol=1e-11)


def test_linear_system_of_a_nonlinear_problem_is_refused() -> None:
    collocation, field = placed(BURGERS), network(BURGERS)
    with pytest.raises(ValueError, match='"burgers" is not linear'):
        collocation.linear_system(field, collocation.prepare(field))


def test_loss_does_not_depend_on_the_number_of_points() -> None:
    field = network(LINEAR)
    losses = []
    for n in (256, 4096):
        collocation = placed(LINEAR, n=n, m=n)
        losses.append(float(collocation.residual(field, collocation.prepare(field)).square().sum()))
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_weights_scale_the_loss_and_leave_the_rms_alone() -> None:
    field, plain = network(LINEAR), placed(LINEAR)
    name = LINEAR.condition_names[1]
    heavy = plain.weighted({name: 100.0})
    prepared = plain.prepare(field)
    position = [b.name for b in plain.blocks].index(name)
    for i, (a, b) in enumerate(zip(plain.blocks, heavy.blocks, strict=True)):
        assert b.scale == pytest.approx(a.scale * (10 if i == position else 1))
    assert heavy.rms(field, prepared) == plain.rms(field)
    assert plain.blocks[position].weight == 1.0


def test_weights_and_conditions_of_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="typo"):
        placed(LINEAR).weighted({"typo": 2.0})
    with pytest.raises(ValueError, match="typo"):
        collocate(LINEAR, plate.interior(5), {"typo": plate.boundary.sample(3)})


def test_conditions_that_are_not_named_are_left_out() -> None:
    collocation = collocate(LINEAR, plate.interior(5), {})
    assert [b.name for b in collocation.blocks] == ["e"]


def test_no_points() -> None:
    with pytest.raises(ValueError, match="no interior point"):
        collocate(LINEAR, np.zeros((0, 2)), {})
    empty = {LINEAR.condition_names[0]: (np.zeros((0, 2)), np.zeros((0, 2)))}
    with pytest.raises(ValueError, match='"dirichlet on left" selects no point'):
        collocate(LINEAR, plate.interior(5), empty)


def test_a_source_that_is_not_finite_at_a_point_says_where() -> None:
    problem = Problem(line, {"e": u1.diff(x) + 1 / x}, Dirichlet(u1, 0, on="left"))
    points = np.array([[0.5], [0.0], [-0.25]])
    with pytest.raises(ValueError, match=r'equation "e" is inf at x = 0 \(and at 0 more of 3'):
        collocate(problem, points, {})


def test_blocks_never_broadcast() -> None:
    for problem in PROBLEMS.values():
        field, collocation = network(problem), placed(problem, n=7, m=4)
        for block, prepared in zip(collocation.blocks, collocation.prepare(field), strict=True):
            with torch.no_grad():
                jets = field.evaluate(prepared)
            assert block.residual(jets).shape == (len(block.points),)
            assert block.adjoint(jets).shape == jets.shape


def test_a_constant_nonlinear_derivative_has_a_value_at_every_point() -> None:
    problem = Problem(line, u1.diff(x) ** 2 - 1, Dirichlet(u1, 0, on="left"))
    field, collocation = network(problem), placed(problem)
    zero = field.with_vector(torch.zeros_like(field.vector()))
    residual, jacobian = collocation.jacobian(zero, collocation.prepare(zero))
    torch.testing.assert_close(residual[:6], torch.full((6,), -1 / math.sqrt(6)).double())
    assert float(jacobian[:, :6].abs().max()) == 0.0


NONLINEAR = [
    pi * u1**2 + Rational(1, 3),
    u1 ** Rational(3, 2) + 1 / (2 + u1),
    atan2(u1, 1),
    Abs(u1) * u1,
    Piecewise((1, x < 0), (2, True)) * u1**2,
    sqrt(2) * u1**2,
    sin(1) * u1**2,
    2**u1,
    erf(u1),
    Max(u1, 0) ** 2,
    Min(u1, x) ** 2,
]


@pytest.mark.parametrize("term", NONLINEAR, ids=str)
def test_functions_in_nonlinear_equations(term) -> None:
    problem = Problem(line, {"e": -u1.diff(x, 2) + term}, Dirichlet(u1, 1, on=line.boundary))
    collocation, field = placed(problem), network(problem)
    field = field.with_vector(field.vector().abs())
    prepared = collocation.prepare(field)
    residual, jacobian = collocation.jacobian(field, prepared)
    with torch.no_grad():
        jets = field.evaluate(prepared[0])[0].numpy()
    points = collocation.blocks[0].points.numpy()[:, 0]
    second = jets[2]
    for i in range(6):
        value = complex(term.subs({u1: float(jets[0, i])}).subs(x, float(points[i])).evalf())
        if value.imag == 0:
            expected = (value.real - second[i]) / math.sqrt(6)
            assert float(residual[i]) == pytest.approx(expected, rel=1e-11)
    assert torch.isfinite(jacobian).all() or not torch.isfinite(residual).all()


def test_single_precision() -> None:
    field = network(BURGERS).float()
    collocation = placed(BURGERS, dtype=torch.float32)
    residual, jacobian = collocation.jacobian(field, collocation.prepare(field))
    assert residual.dtype == jacobian.dtype == torch.float32
    reference = placed(BURGERS)
    full = network(BURGERS)
    expected = reference.residual(full, reference.prepare(full))
    torch.testing.assert_close(residual.double(), expected, rtol=1e-3, atol=1e-3)
