"""Figures of solutions and the edges of every kind of network."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sympy import Symbol, pi, sin

from kanpde import (
    KAN,
    Box,
    BSpline,
    Dirichlet,
    Interval,
    Ladder,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    solve,
    unknown,
)
from kanpde.bases import Chebyshev
from kanpde.networks import MLP, Constrained, LinearKAN, ProductNodes, RidgeNodes
from kanpde.networks.tensor import TensorKAN
from kanpde.solution.edges import network_edges

POINTS = np.random.default_rng(0).uniform(-1, 1, (400, 2))
ALL = ["field", "error", "residual", "convergence", "network"]


def poisson(names="x y", shape=None, known=True):
    xs = coordinates(names)
    xs = xs if isinstance(xs, tuple) else (xs,)
    ranges = {x.name: (0, 1) for x in xs}
    domain = {1: Interval, 2: Rectangle}.get(len(xs), Box)(**ranges)
    u = unknown("u", *xs)
    exact = xs[0] * 0 + 1
    for x in xs:
        exact = exact * sin(pi * x)
    return Problem(
        domain,
        equations={"the heat": laplacian(u) + len(xs) * pi**2 * exact},
        conditions=[Dirichlet(u, 0, on=domain.boundary)],
        exact={u: exact} if known else None,
    )


def drawn(figures):
    for figure in figures.values():
        figure.canvas.draw()
    assert plt.get_fignums() == []
    return figures


@pytest.mark.parametrize("names", ["x", "x y", "x y z"])
def test_a_ladder_has_all_figures(names):
    solution = solve(poisson(names), Ladder(degrees=(2, 4)))
    figures = drawn(solution.plot(resolution=9))
    assert list(figures) == ALL
    titles = [a.get_title() for a in figures["residual"].axes]
    labels = [a.get_ylabel() for a in figures["residual"].axes]
    assert any("residual of the heat" in text for text in titles + labels)


def test_a_trained_kan_has_all_figures_and_shows_its_factor():
    network = KAN([2, 3, 1], basis=BSpline(degree=3, intervals=3))
    solution = solve(poisson(), network, [LevenbergMarquardt(iterations=2)])
    figures = drawn(solution.plot(resolution=9))
    assert list(figures) == ALL
    words = " ".join(t.get_text() for t in figures["network"].axes[0].texts)
    assert "KAN [2, 3, 1]; u = (" in words
    assert "N_u" in words


def test_what_is_not_known_has_no_figure():
    solution = solve(poisson(known=False), Ladder(degrees=(2,)))
    assert "error" not in solution.plot(resolution=5)
    with pytest.raises(ValueError, match="resolution=1"):
        solution.plot(resolution=1)


@pytest.mark.parametrize("basis", [BSpline(degree=3, intervals=4), Chebyshev(4)])
def test_edges_of_a_kan_add_up_to_the_field(basis):
    network = KAN([2, 3, 1], basis=basis, seed=1)
    graph = network_edges(network, POINTS)
    assert graph.widths == (2, 3, 1)
    assert len(graph.edges) == 9
    inputs = {(0, i): POINTS[:, i] for i in range(2)}
    for depth in range(2):
        for e in (e for e in graph.edges if e.layer == depth):
            from scipy.interpolate import CubicSpline

            value = CubicSpline(e.x, e.y)(inputs[depth, e.source])
            inputs[depth + 1, e.target] = inputs.get((depth + 1, e.target), 0) + value
    with torch.no_grad():
        field = network(torch.as_tensor(POINTS))[:, 0].numpy()
    assert np.abs(inputs[2, 0] - field).max() < 1e-3 * np.abs(field).max()


def test_importance_is_relative_to_the_layer():
    graph = network_edges(KAN([2, 4, 1], seed=0), POINTS)
    for depth in range(2):
        found = [e.importance for e in graph.edges if e.layer == depth]
        assert max(found) == pytest.approx(1)
        assert min(found) >= 0


def test_edges_of_ridge_nodes():
    network = LinearKAN([RidgeNodes(4, [-1, -1], [1, 1])], 2)
    with torch.no_grad():
        network.coefficients.copy_(torch.as_tensor(np.random.default_rng(0).normal(size=(2, 15))))
        field = network(torch.as_tensor(POINTS)).numpy()
    graph = network_edges(network, POINTS)
    assert graph.widths == (2, 5, 2)
    assert len(graph.edges) == 2 * 5 + 5 * 2
    node = np.zeros((5, len(POINTS)))
    out = np.zeros((2, len(POINTS)))
    for e in graph.edges:
        if e.layer == 0:
            node[e.target] += np.interp(POINTS[:, e.source], e.x, e.y)
    for e in graph.edges:
        if e.layer == 1:
            out[e.target] += np.polynomial.Polynomial.fit(e.x, e.y, 4)(node[e.source])
    assert np.allclose(out.T, field)


def test_edges_of_products_are_the_strongest():
    nodes = ProductNodes(3, [-1, -1], [1, 1])
    network = LinearKAN([nodes], 1)
    strong = next(i for i, p in enumerate(nodes.powers.tolist()) if p == [1, 2])
    with torch.no_grad():
        network.coefficients[0, strong] = 2.0
        network.coefficients[0, 0] = 9.0  # the constant
    graph = network_edges(network, POINTS)
    assert graph.widths == (2, 1, 1)
    assert graph.products == (1,)
    assert "strongest 1 of 10 products" in graph.note
    first, second, _ = graph.edges
    assert np.allclose(first.y, first.x)
    assert np.allclose(second.y, 2 * second.x**2 - 1)


def test_edges_of_a_tensor():
    network = TensorKAN((2, 3), [-1, -1], [1, 1])
    with torch.no_grad():
        network.coefficients[0, 1, 2] = 2.0
        network.coefficients[0, 0, 1] = 1.0
    graph = network_edges(network, POINTS)
    assert graph.widths == (2, 2, 1)
    assert [(e.layer, e.source, e.target) for e in graph.edges] == [
        (0, 0, 0), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 1, 0),
    ]  # fmt: skip


def test_a_constrained_network_shows_the_inner_one_and_others_nothing():
    x, y = Symbol("x", real=True), Symbol("y", real=True)
    inner = KAN([2, 2, 1], seed=0)
    outer = Constrained(inner, (x * 0,), (1 - x**2,), (x, y))
    assert network_edges(outer, POINTS).widths == (2, 2, 1)
    mixed = LinearKAN([RidgeNodes(2, [-1, -1], [1, 1]), ProductNodes(2, [-1, -1], [1, 1])], 1)
    graph = network_edges(mixed, POINTS)
    assert graph.widths[0] == 2
    assert graph.products == ()  # the first block, and a word on the other
    assert graph.note == "6 nodes of other kinds (ProductNodes) are not shown."
    assert network_edges(MLP([2, 3, 1]), POINTS) is None


def test_edges_of_a_separable_field_multiply_to_it():
    from kanpde import Chebyshev, SeparableKAN
    from kanpde.solution.edges import network_edges

    network = SeparableKAN(3, [Chebyshev(4), Chebyshev(5)], [0, -1], [2, 1], outputs=2, seed=1)
    points = np.random.default_rng(0).uniform((0, -1), (2, 1), (50, 2))
    graph = network_edges(network, points)
    assert graph.widths == (2, 6, 2)
    assert graph.products == (1,)
    total = np.zeros((2, 81))
    for j in range(6):
        pair = {e.source: e for e in graph.edges if e.layer == 0 and e.target == j}
        (out,) = [e.target for e in graph.edges if e.layer == 1 and e.source == j]
        total[out] += pair[0].y * pair[1].y
    diagonal = np.stack([pair[0].x, pair[1].x], axis=1)
    with torch.no_grad():
        wanted = network(torch.as_tensor(diagonal)).numpy().T
    np.testing.assert_allclose(total, wanted, atol=1e-13)
