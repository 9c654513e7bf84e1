"""Edges go by what they cost after a refit; a scale-free penalty lets them fade."""

import numpy as np
import pytest
import torch
from sympy import exp, pi, sin

import kanpde
from kanpde import (
    KAN,
    BSpline,
    Data,
    LevenbergMarquardt,
    Problem,
    Prune,
    Rectangle,
    Sparsify,
    coordinates,
    unknown,
)
from kanpde.networks import LinearKAN
from kanpde.training.edges import edge_blocks, kan_in
from kanpde.training.prune import _loss
from kanpde.training.stage import Task

x, y = coordinates("x y")
u = unknown("u", x, y)
PLACES = np.random.default_rng(0).uniform(-1, 1, (500, 2))


def problem_of(formula):
    return Problem(Rectangle(x=(-1, 1), y=(-1, 1)), conditions=[Data(u, PLACES, formula)])


@pytest.fixture(scope="module")
def trained():
    network = KAN([2, 5, 1], basis=BSpline(degree=4, intervals=6), seed=0)
    problem = problem_of(exp(sin(pi * x) + y**2))
    return kanpde.solve(problem, network, [LevenbergMarquardt(iterations=40)], hard=False)


def test_most_edges_go_and_the_loss_bears_it(trained):
    task, stage = Task(trained.problem), Prune(growth=3.0)
    before = _loss(task, trained.network)
    state = stage.step(task, stage.init(task, trained.network))
    blocks = edge_blocks(state.network, torch.as_tensor(PLACES))
    assert len(blocks) <= 9
    assert kan_in(state.network).widths[1] < 5
    assert _loss(task, state.network) <= 3.0 * before
    assert "of 15 edges left out" in state.note
    # No node is severed: each output of each layer still has an edge.
    for depth, layer in enumerate(kan_in(state.network).layers):
        assert {b.output for b in blocks if b.layer == depth} == set(range(layer.outputs))


def test_an_edge_that_matters_stays():
    network = KAN([2, 1], basis=BSpline(degree=4, intervals=6), seed=0)
    solution = kanpde.solve(
        problem_of(sin(pi * x) + y**2 / 1000), network, [LevenbergMarquardt(), Prune()], hard=False
    )
    # A thousandth of the other edge in size, but the loss does not bear to lose it.
    assert len(edge_blocks(solution.network, torch.as_tensor(PLACES))) == 2
    alone = kanpde.solve(
        problem_of(sin(pi * x)), network, [LevenbergMarquardt(), Prune(floor=1e-8)], hard=False
    )
    assert len(edge_blocks(alone.network, torch.as_tensor(PLACES))) == 1


def test_shares_do_not_change_with_the_gauge(trained):
    points = torch.as_tensor(PLACES)
    network = KAN([2, 2, 1], basis=BSpline(degree=3, intervals=4), activation=None, seed=1)
    shares = [b.share for b in edge_blocks(network, points)]
    scaled = network.with_vector(network.vector())
    first, last = scaled.layers
    with torch.no_grad():
        first.coefficients *= 7.0
    last.lower, last.upper = 7 * last.lower, 7 * last.upper
    assert torch.allclose(scaled(points), network(points))
    assert np.allclose([b.share for b in edge_blocks(scaled, points)], shares)


def test_blocks_are_the_coefficients_of_their_edges(trained):
    points, network = torch.as_tensor(PLACES), trained.network
    vector = network.vector()
    for block in edge_blocks(network, points)[::4]:
        changed = vector.clone()
        changed[block.places] = 0.0
        found = edge_blocks(network.with_vector(changed), points)
        gone = [b for b in found if (b.layer, b.output, b.input)
                == (block.layer, block.output, block.input)]  # fmt: skip
        assert gone[0].share == 0.0
        w = vector[block.places]
        assert float((w @ block.functions).norm()) > 0


def test_the_penalty_makes_edges_fade(trained):
    task = Task(trained.problem)
    stage = Sparsify(strength=100.0, iterations=20)
    state = stage.init(task, trained.network)
    points = torch.as_tensor(PLACES)
    before = sum(b.share for b in edge_blocks(state.network, points))
    while not state.done:
        state = stage.step(task, state)
    after = sum(b.share for b in edge_blocks(state.network, points))
    assert after - 6 < 0.7 * (before - 6)  # six nodes: their shares sum up to one each, at least
    assert "edges have faded" in state.note


def test_bad_settings_and_networks_are_refused(trained):
    with pytest.raises(ValueError, match="growth"):
        Prune(growth=0.5)
    with pytest.raises(ValueError, match="floor"):
        Prune(floor=-1.0)
    with pytest.raises(ValueError, match="strength"):
        Sparsify(strength=0.0)
    ladder = kanpde.solve(problem_of(x * y), budget="5s").network
    assert isinstance(ladder, LinearKAN)
    for stage in (Prune(), Sparsify()):
        with pytest.raises(ValueError, match="no edges"):
            stage.check(trained.problem, ladder)
