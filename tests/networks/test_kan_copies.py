"""Copies of edited KANs: bit for bit by every road, on other dtypes and devices, compiled."""

import copy
import io
import pickle
import shutil
import warnings

import numpy as np
import pytest
import torch

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown
from kanpde.bases import BSpline, Chebyshev, Gaussian
from kanpde.networks import KAN, JetLayout, Network, network_from_dict
from kanpde.networks.hard import hard_conditions

LAYOUT = JetLayout.of(2, [(2, 0), (1, 1), (0, 2)])
COMPILER = any(shutil.which(name) for name in ("c++", "g++", "clang++"))


def points(n: int = 40) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(3).uniform(-1, 1, (n, 2)))


def splines(*widths) -> KAN:
    box = {"lower": [-1.0, -1.0], "upper": [1.0, 1.0]}
    return KAN([2, *widths, 1], basis=BSpline(5, 4), seed=2, **box)


def constrained() -> Network:
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    square = Rectangle(x=(-1, 1), y=(-1, 1))
    problem = Problem(square, [laplacian(u)], [Dirichlet(u, x * y, on=square.boundary)])
    inner = splines(3).inserted({(0, 1, 0): [0.1]}).with_edge((1, 0, 0), "sin(x)")
    return hard_conditions(problem).apply(inner, problem)


def everything() -> KAN:
    """Return a network with products, knots of its own, formulas, moved grids and pruned edges."""
    network = splines(4, (2, [2, 3]))
    network = network.inserted({(0, 1, 0): [0.1], (1, 2, 3): [-0.3, 0.2], (2, 0, 1): [0.4]})
    network = network.with_edge((0, 0, 1), "sin(pi*x)", affine=(0.7, 0.1, 0.5, -0.2))
    network = network.with_edge((1, 3, 0), "exp(x)", affine=(0.7, 0.1, 0.5, -0.2))
    network = network.pruned(points(), threshold=0.2)
    return network.regridded(
        points(), knots=lambda g: BSpline.from_quantiles(g.scaled(), 5, g.basis.intervals)
    )


EDITS = {
    "refined": lambda: splines(3).refined(intervals=8),
    "inserted": lambda: splines(3).inserted({(0, 1, 0): [0.1], (1, 0, 2): [0.4, -0.6]}),
    "snapped": lambda: splines(3).with_edge((0, 0, 0), "sin(x)").with_edge((1, 0, 1), "x**2"),
    "pruned": lambda: splines(5, 4).pruned(points(), threshold=0.4),
    "products": lambda: splines((1, [2, 3])).inserted({(1, 0, 1): [0.3]}),
    "regridded": lambda: splines(3, 3).regridded(points()),
    "other bases": lambda: splines(3).with_basis([Gaussian(8), Chebyshev(6)], points()),
    "constrained": constrained,
    "everything": everything,
}
every_edit = pytest.mark.parametrize("name", EDITS)


def described(network: Network) -> Network:
    """Return a network of the same description and state, through a file of tensors only."""
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    again = network_from_dict(network.to_dict())
    again.load_state_dict(torch.load(file, weights_only=True), strict=True)
    return again


@every_edit
@pytest.mark.parametrize(
    "road",
    [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n)), described],
    ids=["deepcopy", "pickle", "state"],
)
def test_copies_are_equal_bit_for_bit_and_their_own(name, road) -> None:
    network, x = EDITS[name](), points()
    twin = road(network)
    assert twin.parameter_count == network.parameter_count
    assert torch.equal(twin.vector(), network.vector())
    pairs = [net.linearize(net.prepare(x, LAYOUT)) for net in (network, twin)]
    (jets, pullback), (other, back) = pairs
    assert torch.equal(jets, other)
    assert torch.equal(pullback.rows(jets), back.rows(jets))
    assert [p.shape for p in twin.parameters()] == [p.shape for p in network.parameters()]
    twin.set_vector(torch.zeros_like(twin.vector()))
    assert bool(network.vector().any())


@every_edit
def test_single_precision_and_back(name) -> None:
    network, x = EDITS[name](), points()
    single = copy.deepcopy(network).to(torch.float32)
    state = [*single.parameters(), *single.buffers()]
    assert {t.dtype for t in state if t.is_floating_point()} == {torch.float32}
    jets, pullback = single.linearize(single.prepare(x.float(), LAYOUT))
    expected = network.jets(x, LAYOUT).detach()
    assert jets.dtype == torch.float32
    size = expected.abs().amax(-1, keepdim=True)
    assert float(((jets - expected) / size).abs().max()) < 2e-3
    assert pullback.rows(jets).dtype == torch.float32
    again = single.to(torch.float64)
    # parameters lose what single precision cannot hold, nothing else
    torch.testing.assert_close(again(x), network(x), rtol=1e-4, atol=1e-4)


@every_edit
def test_everything_moves_to_another_device(name) -> None:
    """A device that computes nothing: what were left behind would show."""
    network = EDITS[name]()
    moved = copy.deepcopy(network).to("meta")
    assert {t.device.type for t in [*moved.parameters(), *moved.buffers()]} == {"meta"}
    assert {t.device.type for t in [*network.parameters(), *network.buffers()]} == {"cpu"}


@pytest.mark.slow
@pytest.mark.skipif(not COMPILER, reason="torch.compile needs a C++ compiler on the CPU")
@pytest.mark.parametrize("name", ["inserted", "snapped", "products", "everything"])
def test_compiled_edited_networks_agree(name) -> None:
    network = EDITS[name]()
    prepared = network.prepare(points(), LAYOUT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the compiler's own modules
        torch._dynamo.reset()
        found = torch.compile(network.evaluate)(prepared)
        torch._dynamo.reset()
    expected = network.evaluate(prepared)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    parameters = list(network.parameters())
    for one, other in zip(
        torch.autograd.grad(found.square().sum(), parameters),
        torch.autograd.grad(expected.square().sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
