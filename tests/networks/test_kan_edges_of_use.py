"""Uses at the edge: other bases for every pair, dead nodes, no points, points of another dtype."""

import numpy as np
import pytest
import torch

import kanpde
from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown
from kanpde.bases import (
    BSpline,
    Chebyshev,
    DoG,
    Fourier,
    Gaussian,
    Jacobi,
    Legendre,
    MexicanHat,
    Morlet,
)
from kanpde.bases.activations import SiLU
from kanpde.networks import (
    KAN,
    MLP,
    JetLayout,
    LinearKAN,
    Periodic,
    ProductNodes,
    RandomFourier,
    SeparableKAN,
)
from kanpde.networks.hard import hard_conditions

SECOND = JetLayout.of(2, [(2, 0), (1, 1), (0, 2)])
BASES = [
    BSpline(3, 12),
    BSpline(5, knots=(-1.0, -0.7, 0.0, 0.1, 1.0)),
    Chebyshev(9),
    Legendre(14),
    Jacobi(8, alpha=0.5, beta=1.0),
    Fourier(6, period=4.0),
    Fourier(4),
    Gaussian(9),
    Gaussian(20),
    MexicanHat(8),
    DoG(8),
    Morlet(8),
]


def points(n: int = 400) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(3).uniform(-1, 1, (n, 2)))


def table(layer, z: torch.Tensor) -> torch.Tensor:
    """Return a layer's functions at its inputs z (inputs, N), (F, inputs, N)."""
    with torch.no_grad():
        return layer.table(torch.tanh(z) if layer.squash else z, 0)[0]


HOLD_A_LINE = [b for b in BASES if not isinstance(b, (MexicanHat, DoG, Morlet))]
HOLD_A_LINE.remove(Fourier(4))  # periodic over the interval


@pytest.mark.parametrize("old", BASES, ids=str)
def test_edges_on_another_basis_are_nearly_its_best_fit(old) -> None:
    """A fit with derivatives costs little in the value, and never explodes."""
    network, x = KAN([2, 2, 1], basis=old, activation=SiLU(), seed=2), points(100)
    with torch.no_grad():
        for layer in network.layers:
            layer.coefficients[:, -1] = 0.3  # the base function is part of the edge
    for new in BASES:
        moved = network.with_basis(new, x)
        rows = zip(network.layers, moved.layers, network.hidden_values(x), strict=True)
        for before, after, values in rows:
            error, least = relative_errors(before, after, values)
            most = 100 * least + 1e-4 if new in HOLD_A_LINE else torch.full_like(least, 3.0)
            assert bool((error < most).all()), new


def relative_errors(before, after, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for each input the error of the edges, and that of the best fit of values."""
    places = torch.linspace(0, 1, 300, dtype=torch.float64)
    low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
    z = low + (high - low) * places
    functions = table(after, z).permute(1, 2, 0)  # (inputs, N, F)
    target = torch.einsum("ofi,fin->ino", before.full(), table(before, z)).detach()
    found = torch.einsum("ofi,inf->ino", after.full(), functions).detach()
    best = functions @ torch.linalg.pinv(functions, rtol=1e-13) @ target
    size = target.norm(dim=(1, 2))
    return (found - target).norm(dim=(1, 2)) / size, (best - target).norm(dim=(1, 2)) / size


def test_bells_take_over_a_network_of_splines() -> None:
    network, x = KAN([2, 3, 1], basis=BSpline(5, 4), activation=None, seed=2), points()
    with torch.no_grad():
        scale = network(x).abs().max()
        for basis, most in ((Gaussian(30), 1e-3), (Gaussian(30, width=0.2), 1e-5)):
            assert float((network.with_basis(basis, x)(x) - network(x)).abs().max() / scale) < most


def test_a_dead_node_keeps_a_grid_of_its_own_size() -> None:
    """A constant node's range must not shrink to a point, on which every edge is steep."""
    network, x = KAN([2, 3, 1], basis=BSpline(3, 5), seed=0), points()
    with torch.no_grad():
        network.layers[0].coefficients[1] = 0
    moved = network.regridded(x)
    widths = moved.layers[1].upper - moved.layers[1].lower
    assert float(widths[1]) == pytest.approx(0.02)
    jets, pullback = moved.linearize(moved.prepare(x, SECOND))
    before = network.jets(x, SECOND).detach()
    torch.testing.assert_close(jets, before, rtol=1e-9, atol=1e-9)
    assert float(pullback.rows(torch.ones_like(jets)).abs().max()) < 1e7
    # all dead: zero everywhere, and still finite
    zero = network.with_vector(torch.zeros_like(network.vector())).regridded(x)
    jets, pullback = zero.linearize(zero.prepare(x, SECOND))
    assert not jets.any()
    assert bool(pullback.rows(torch.ones_like(jets)).isfinite().all())


def networks() -> dict:
    edited = KAN([2, 3, 1], seed=0).inserted({(0, 1, 0): [0.1]}).with_edge((1, 0, 0), "sin(x)")
    square = Rectangle(x=(-1, 1), y=(-1, 1))
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    problem = Problem(square, [laplacian(u)], [Dirichlet(u, 0, on=square.boundary)])
    return {
        "splines": KAN([2, 3, 1], seed=0),
        "one layer": KAN([2, 1], seed=0),
        "two outputs": KAN([2, 3, 3, 2], basis=Chebyshev(4), seed=0),
        "products": KAN([2, (1, 2), 1], seed=0),
        "edited": edited,
        "constrained": hard_conditions(problem).apply(KAN([2, 3, 1], seed=0), problem),
        "MLP": MLP([2, 5, 1], seed=0),
        "periodic MLP": MLP([2, 5, 1], periodic=[Periodic(0, 2.0)], seed=0),
        "waves": MLP([2, 5, 1], fourier=RandomFourier(4), seed=0),
        "separable": SeparableKAN(2, [Chebyshev(4)] * 2, [-1, -1], [1, 1], seed=0),
        "linear": LinearKAN([ProductNodes(3, [-1, -1], [1, 1])]),
    }


@pytest.mark.parametrize("name", list(networks()))
def test_no_points_give_no_values_and_no_rows(name) -> None:
    network, x = networks()[name], torch.zeros(0, 2, dtype=torch.float64)
    layouts = [SECOND] + [JetLayout.of(2, [], (1.0, 1.0))] * network.collapses
    for layout in layouts:
        prepared = network.prepare(x, layout)
        assert network.evaluate(prepared).shape == (network.outputs, layout.size, 0)
        assert network.columns(prepared).shape[:2] == (layout.size, 0)
        jets, pullback = network.linearize(prepared)
        assert pullback.rows(torch.zeros_like(jets)).shape == (network.parameter_count, 0)
        gradient = pullback.gradient(torch.zeros_like(jets))
        assert torch.equal(gradient, torch.zeros_like(network.vector()))
    assert network(x).shape == (0, network.outputs)


@pytest.mark.parametrize("name", list(networks()))
def test_points_of_another_dtype_are_refused(name) -> None:
    network, x = networks()[name], points(5).float()
    for use in (network, lambda x: network.jets(x, SECOND)):
        with pytest.raises(ValueError, match=r"holds torch.float64 and the points torch.float32"):
            use(x)
    network = network.float()
    if name != "constrained":
        assert network(x).dtype == torch.float32
    with pytest.raises(ValueError, match=r"holds torch.float32 and the points torch.float64"):
        network(points(5))


def test_hard_conditions_of_a_network_that_has_them() -> None:
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    square = Rectangle(x=(-1, 1), y=(-1, 1))
    problem = Problem(square, [laplacian(u) - 1], [Dirichlet(u, 0, on=square.boundary)])
    network = hard_conditions(problem).apply(KAN([2, 3, 1], seed=0), problem)
    with pytest.raises(ValueError, match="built in already"):
        kanpde.solve(problem, network, [kanpde.LevenbergMarquardt(iterations=1)], hard=True)
