"""Points by a sampler of the user's choice, and quadrature rules whose weights enter the loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sympy import cos, exp, pi, sin

from kanpde import (
    KAN,
    Adam,
    Ball,
    Box,
    Data,
    Dirichlet,
    Disk,
    Fejer,
    Gauss,
    Grid,
    Halton,
    Initial,
    Interval,
    Ladder,
    LatinHypercube,
    LevenbergMarquardt,
    Periodic,
    Problem,
    Rectangle,
    Resample,
    Sobol,
    TimeInterval,
    Uniform,
    coordinates,
    laplacian,
    resume,
    solve,
    time,
    unknown,
)
from kanpde.geometry import Chebyshev
from kanpde.training import Task

x, y, z = coordinates("x y z")
t = time("t")
u, w = unknown("u", x, y), unknown("w", x, t)
SQUARE = Rectangle(x=(0, 1), y=(0, 2))
EXACT = sin(pi * x) * sin(pi * y)
POISSON = Problem(
    SQUARE,
    {"poisson": laplacian(u) + 2 * pi**2 * EXACT},
    [Dirichlet(u, 0, on=["left", "right"]), Dirichlet(u, 0, on=["top", "bottom"])],
    exact={u: EXACT},
)
EVEN = [Sobol(), Halton(), LatinHypercube(), Uniform(), Grid(), Chebyshev()]
NETWORK = KAN([2, 3, 1], lower=[0, 0], upper=[1, 2], seed=0)


def blocks(sampler, problem=POISSON, network=NETWORK, **how):
    where = Task(problem, least_points=200, points_per_parameter=1, sampler=sampler, **how)
    return {block.name: block for block in where.collocate(network).blocks}


@pytest.mark.parametrize("sampler", EVEN, ids=repr)
def test_a_sampler_places_all_points(sampler) -> None:
    found = blocks(sampler)
    inside = found["poisson"].points.numpy()
    wanted = SQUARE.interior(200, seed=0, sampler=sampler)
    np.testing.assert_array_equal(inside, wanted)
    name = "dirichlet on left, right"
    on = POISSON.conditions[0].on
    wanted = on.sample(found[name].row_count, seed=0, sampler=sampler)[0]
    np.testing.assert_array_equal(found[name].points.numpy(), wanted)
    again, other = blocks(sampler), blocks(sampler, seed=1)
    assert torch.equal(again["poisson"].points, found["poisson"].points)
    if sampler != Grid():
        assert not torch.equal(other["poisson"].points, found["poisson"].points)


def test_held_out_points_are_the_usual_ones() -> None:
    usual, chosen = Task(POISSON), Task(POISSON, sampler=Gauss())
    for a, b in zip(usual.held_out(NETWORK).blocks, chosen.held_out(NETWORK).blocks, strict=True):
        assert torch.equal(a.points, b.points)


@pytest.mark.parametrize("rule", [Gauss(), Fejer()], ids=repr)
def test_the_weights_of_a_rule_make_the_loss_an_integral(rule) -> None:
    # the residual of the zero field is the source, whose square has a known integral
    where = Task(POISSON, least_points=200, sampler=rule, condition_weight=1.0)
    zero = NETWORK.with_vector(0 * NETWORK.vector())
    collocation = where.collocate(zero)
    loss, _ = collocation.gradient(zero, collocation.prepare(zero))
    mean_square = (2 * np.pi**2) ** 2 / 4
    assert float(loss) == pytest.approx(0.5 * mean_square, rel=1e-9)
    residual, rows = collocation.jacobian(zero, collocation.prepare(zero))
    assert 0.5 * float(residual @ residual) == pytest.approx(float(loss), rel=1e-13)
    _, gradient = collocation.gradient(zero, collocation.prepare(zero))
    torch.testing.assert_close(rows @ residual, gradient)
    # without the weights the same points give another number
    plain = replace(where, sampler=None).collocate(zero)
    at_rule = plain.blocks[0].points.shape
    assert collocation.blocks[0].points.shape != at_rule
    values = collocation.blocks[0].value(
        collocation.blocks[0].arguments(
            zero.jets(collocation.blocks[0].points, plain.blocks[0].layout)
        )
    )
    assert abs(float(values.detach().square().mean()) - mean_square) > 1e-3 * mean_square


def test_parts_of_many_points_add_up() -> None:
    where = Task(POISSON, least_points=300, sampler=Gauss())
    whole = where.collocate(NETWORK)
    parts = where.chunks(NETWORK, size=70)
    loss = sum(p.collocation.gradient(NETWORK, p.ready(NETWORK))[0] for p in parts)
    assert len(parts) > 3
    expected, _ = whole.gradient(NETWORK, whole.prepare(NETWORK))
    assert float(loss) == pytest.approx(float(expected), rel=1e-12)


DOMAINS = {
    "interval": Interval(x=(-1, 2)),
    "rectangle": SQUARE,
    "box": Box(x=(0, 1), y=(0, 2), z=(-1, 1)),
    "ball": Ball(x=0, y=0, z=1, radius=2),
    "space-time": Interval(x=(-1, 1)) * TimeInterval(t=(0, 3)),
    "plane in time": SQUARE * TimeInterval(t=(0, 3)),
    "ball in time": Ball(x=0, y=0, radius=1) * TimeInterval(t=(0, 3)),
}


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("rule", [Gauss(), Fejer()], ids=repr)
def test_rules_integrate(name, rule) -> None:
    domain = DOMAINS[name]
    if rule == Fejer() and "ball" in name:
        with pytest.raises(ValueError, match=r"Fejer\(\) is for boxes"):
            rule.inside(domain, 100)
        return
    points, weights = rule.inside(domain, 300)
    assert len(points) >= 300
    assert weights.min() > 0
    assert weights.sum() == pytest.approx(domain.measure, rel=1e-12)
    assert domain.contains(points).all()
    for piece in domain.boundary.pieces:
        places, normals, own = rule.on(piece, 60)
        assert own.min() > 0
        assert own.sum() == pytest.approx(piece.measure, rel=1e-12)
        assert piece.contains(places).all()
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-12)
        assert len(places) >= (60 if piece.measure > 1.0 or domain.dimension > 1 else 1)
        _, normal = piece.sample(1)
        if np.ptp(normals, axis=0).max() < 1e-12:
            np.testing.assert_allclose(normals[0], normal[0], atol=1e-12)


def test_periodic_pairs_and_measured_values_beside_a_rule() -> None:
    problem = Problem(
        Interval(x=(0, 1)) * TimeInterval(t=(0, 1)),
        {"move": w.diff(t) + w.diff(x)},
        [
            Periodic(w, x),
            Initial(w, sin(2 * pi * x) + cos(4 * pi * x)),
            Data(w, [[0.5, 0.5], [0.2, 0.7]], [1.0, 2.0], noise=[0.1, 0.2]),
        ],
    )
    network = KAN([2, 3, 1], lower=[0, 0], upper=[1, 1], seed=0)
    found = blocks(Gauss(), problem, network)
    data = found["data at 2 points"]
    assert torch.equal(data.rows.factors, torch.tensor([1.0, 0.5], dtype=torch.float64))
    pair = found["periodic on left and right"]
    assert pair.row_count == len(pair.points) // 2
    values = torch.arange(len(pair.points), dtype=torch.float64)
    factors = pair.rows.factors
    torch.testing.assert_close(
        pair.rows.of(values), factors * (values[: pair.row_count] - values[pair.row_count :])
    )
    adjoint = torch.randn(pair.row_count, dtype=torch.float64)
    assert float(pair.rows.back(adjoint) @ values) == pytest.approx(
        float(adjoint @ pair.rows.of(values))
    )


def test_solve_takes_a_sampler(tmp_path) -> None:
    network, plan = KAN([2, 2, 1]), [LevenbergMarquardt(iterations=3)]
    points = {}
    for sampler in (None, Halton(), Gauss()):
        path = tmp_path / "run.h5"
        solution = solve(POISSON, network, plan, sampler=sampler, checkpoint=path)
        assert solution.outcome.is_success
        points[sampler] = solution.network.vector()
        assert torch.equal(resume(path).network.vector(), solution.network.vector())
    assert not torch.equal(points[None], points[Halton()])
    assert not torch.equal(points[Gauss()], points[Halton()])


def test_points_drawn_anew_replace_those_of_a_sampler() -> None:
    task = Task(POISSON, least_points=200, points_per_parameter=1, sampler=Gauss())
    stage = Resample()
    state = stage.step(task, stage.init(task, NETWORK))
    before, after = (t.collocate(NETWORK).blocks[0].points for t in (task, state.task))
    assert len(after) == 200
    assert not np.isin(after[:, 0].numpy(), before[:, 0].numpy()).any()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"sampler": Sobol}, "is no sampler"),
        ({"sampler": "sobol"}, "is no sampler"),
        ({"sampler": Sobol(), "network": Ladder()}, "is for training"),
        ({"sampler": Sobol(), "network": None}, "is for training"),
        ({"sampler": Sobol(), "network": KAN([2, 2, 1]), "distil": True}, "is for training"),
    ],
)
def test_a_sampler_that_cannot_be_used_is_refused(how, message) -> None:
    with pytest.raises(ValueError, match=message):
        solve(POISSON, **how)


def test_a_rule_that_a_shape_lacks_is_refused_before_the_first_step() -> None:
    disk = Disk(x=0, y=0, radius=1) - Disk(x=0.5, y=0, radius=0.1)
    problem = Problem(disk, laplacian(u) + exp(x), Dirichlet(u, 0, on=disk.boundary))
    with pytest.raises(ValueError, match="boxes"):
        solve(problem, KAN([2, 2, 1]), [Adam(iterations=1)], sampler=Fejer())
