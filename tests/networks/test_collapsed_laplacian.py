"""A Laplacian in one piece is the sum of the second derivatives, forward and back."""

import numpy as np
import pytest
import torch
from sympy import exp, pi, sin

from kanpde import Box, Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown
from kanpde.bases import BSpline, Chebyshev
from kanpde.bases.activations import SiLU
from kanpde.collocation import collocate
from kanpde.networks import KAN, JetLayout
from kanpde.networks.hard import hard_conditions

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(0, 1))


def poisson(operator=None):
    equation = laplacian(u) + sin(pi * x) if operator is None else operator
    return Problem(square, {"e": equation}, Dirichlet(u, x * y, on=square.boundary))


def constrained():
    problem = poisson()
    network = KAN([2, 3, 1], basis=BSpline(5, 4), seed=1, lower=[-1, 0], upper=[1, 1])
    return hard_conditions(problem).apply(network, problem)


NETWORKS = {
    "spline": KAN([2, 4, 1], basis=BSpline(3, 5), activation=SiLU(), seed=1),
    "deep": KAN([2, 3, 3, 2], basis=BSpline(4, 3), seed=2),
    "chebyshev": KAN([2, 4, 4, 1], basis=Chebyshev(5), activation=None, seed=3),
    "products": KAN([2, (2, [2, 3]), 1], basis=BSpline(5, 4), seed=4),
    "constrained": constrained(),
}
WEIGHTS = (1.5, -0.25)
PLAIN = JetLayout.of(2, [(2, 0), (0, 2)])
COLLAPSED = JetLayout.of(2, [], WEIGHTS)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_part_is_the_weighted_sum(name):
    network = NETWORKS[name]
    points = torch.rand(15, 2, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        plain, collapsed = network.jets(points, PLAIN), network.jets(points, COLLAPSED)
    assert collapsed.shape[1] == 4
    expected = WEIGHTS[0] * plain[:, 3] + WEIGHTS[1] * plain[:, 4]
    torch.testing.assert_close(collapsed[:, :3], plain[:, :3], rtol=0, atol=1e-13)
    torch.testing.assert_close(collapsed[:, 3], expected, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_adjoints_agree_with_those_of_the_second_derivatives(name):
    network = NETWORKS[name]
    points = torch.rand(15, 2, generator=torch.Generator().manual_seed(0)).double()
    jets, pullback = network.linearize(network.prepare(points, COLLAPSED))
    adjoint = torch.rand(jets.shape, generator=torch.Generator().manual_seed(1)).double()
    _, plain = network.linearize(network.prepare(points, PLAIN))
    spread = torch.cat([adjoint[:, :3], *(w * adjoint[:, 3:] for w in WEIGHTS)], dim=1)
    for found, expected in (
        (pullback.rows(adjoint), plain.rows(spread)),
        (pullback.gradient(adjoint), plain.gradient(spread)),
    ):
        assert float((found - expected).abs().max()) < 1e-12 * float(expected.abs().max())


def test_a_layout_needs_a_weight_for_each_axis():
    with pytest.raises(ValueError, match="2 entries"):
        JetLayout.of(2, [], (1.0,))


@pytest.mark.parametrize(
    ("operator", "collapses"),
    [
        (None, True),
        (2 * u.diff(x, 2) + u.diff(y, 2) / 3 + x * u.diff(x) - u, True),
        (laplacian(u) + exp(u) + u.diff(x) ** 2, True),
        (x * u.diff(x, 2) + u.diff(y, 2), False),
        (laplacian(u) + u.diff(x, y), False),
        (u.diff(x, 2) + u.diff(y), False),
        (laplacian(u) * u, False),
        (laplacian(u).diff(x), False),
    ],
    ids=str,
)
def test_residuals_collapse_where_they_can(operator, collapses):
    problem = poisson(operator)
    points = square.interior(20, seed=1)
    network = NETWORKS["spline"]
    plain = collocate(problem, points, {})
    short = collocate(problem, points, {}, collapse=True)
    assert (short.blocks[0].layout.laplacian is not None) is collapses
    r, jacobian = plain.jacobian(network, plain.prepare(network))
    s, short_jacobian = short.jacobian(network, short.prepare(network))
    torch.testing.assert_close(s, r, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(short_jacobian, jacobian, rtol=1e-11, atol=1e-11)


def test_a_laplacian_in_a_hundred_dimensions_stores_no_second_derivatives():
    names = " ".join(f"x{i}" for i in range(100))
    axes = coordinates(names)
    v = unknown("v", *axes)
    cube = Box(**dict.fromkeys(names.split(), (0, 1)))
    problem = Problem(
        cube, {"e": laplacian(v) - 200}, Dirichlet(v, sum(a**2 for a in axes), on=cube.boundary)
    )
    network = KAN([100, 1], basis=Chebyshev(2), activation=None, seed=0)
    collocation = collocate(problem, np.full((3, 100), 0.25), {}, collapse=True)
    assert collocation.blocks[0].layout.size == 102
    residual, jacobian = collocation.jacobian(network, collocation.prepare(network))
    assert jacobian.shape == (300, 3)
    assert torch.isfinite(residual).all()
