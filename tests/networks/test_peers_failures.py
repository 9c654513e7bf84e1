"""The silent failures of other KAN libraries, each as a test of what kanpde does instead.

Each test is named for the failure; its docstring says where it was measured. Laws that every
network obeys (copies, files, single precision) are in test_networks_laws.py.
"""

import copy
import io
import os
import random
import weakref
from itertools import pairwise

import numpy as np
import pytest
import scipy.interpolate
import torch

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown
from kanpde.bases import (
    Basis,
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
from kanpde.networks import KAN, MLP, JetLayout, SeparableKAN
from kanpde.training.refine import Refine, Regrid
from kanpde.training.stage import Task

BASES: dict[str, Basis] = {
    "spline": BSpline(5, 4),
    "free knots": BSpline(5, knots=(-1.0, -0.3, 0.1, 1.0)),
    "chebyshev": Chebyshev(6),
    "legendre": Legendre(6),
    "jacobi": Jacobi(6, alpha=0.5, beta=1.0),
    "fourier": Fourier(3, period=4.0),
    "gaussian": Gaussian(6),
    "mexican hat": MexicanHat(6),
    "morlet": Morlet(6),
    "dog": DoG(6),
}
every_basis = pytest.mark.parametrize("basis", BASES.values(), ids=BASES.keys())
LAYOUT = JetLayout.of(2, [(2, 0), (0, 2)])


def points(n: int = 300, scale: float = 1.0) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(0).uniform(-scale, scale, (n, 2)))


def rough(network: KAN, size: float = 0.2) -> KAN:
    """Return the network with noise on its coefficients: values leave the hidden grids."""
    noise = np.random.default_rng(1).normal(scale=size, size=network.parameter_count)
    return network.with_vector(network.vector() + torch.as_tensor(noise))


def change(old: KAN, new: KAN, x: torch.Tensor) -> tuple[float, float, float]:
    """Return the relative change of the value, the gradient and the Laplacian, in the mean."""
    with torch.no_grad():
        before, after = old.jets(x, LAYOUT)[0], new.jets(x, LAYOUT)[0]
    gradient = [LAYOUT.index[1, 0], LAYOUT.index[0, 1]]
    second = [LAYOUT.index[2, 0], LAYOUT.index[0, 2]]
    pairs = [(j[0], j[gradient], j[second].sum(0)) for j in (before, after)]
    return tuple(float((b - a).norm() / a.norm()) for a, b in zip(*pairs, strict=True))  # type: ignore[return-value]


def task() -> Task:
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    square = Rectangle(x=(-1, 1), y=(-1, 1))
    return Task(Problem(square, [laplacian(u)], [Dirichlet(u, 0, on=square.boundary)]))


# Grids that change ---------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [3, 5])
@pytest.mark.parametrize("widths", [[2, 5, 1], [2, 5, 5, 1]], ids=str)
def test_refine_moves_the_laplacian_by_65_percent(widths, degree):
    """pykan: 46 % of u, 65 % of its Laplacian where hidden values lie beyond the grid."""
    network, x = rough(KAN(widths, basis=BSpline(degree, 5), seed=0)), points()
    network = network.with_vector(1.5 * network.vector())
    assert max(float(h.abs().max()) for h in network.hidden_values(x)[1:]) > 1  # beyond it
    for intervals in (10, 20):
        assert max(change(network, network.refined(intervals=intervals), x)) < 1e-12
    # Ever further outside, counted in cells: (distance / cell)^degree times round-off.
    assert max(change(network, network.refined(intervals=80), x)) < 1e-9


def test_refine_after_a_grid_update_moves_the_laplacian():
    """pykan: 0.6 % from 5 to 10 intervals, 2.9 % from 10 to 20."""
    x = points()
    network = rough(KAN([2, 5, 1], basis=BSpline(3, 5), seed=0)).regridded(x)
    for intervals in (10, 20, 80):
        finer = network.refined(intervals=intervals)
        assert max(change(network, finer, x)) < 1e-12
        network = finer


def test_the_same_grid_is_no_change_at_all():
    """jaxKAN: update_grids with the same number of intervals moves u by 1 %."""
    network, x = rough(KAN([2, 5, 1], basis=BSpline(3, 5), seed=0)), points()
    assert torch.equal(network.refined(intervals=5).vector(), network.vector())
    once = network.regridded(x)
    twice = once.regridded(x)  # the grids are where the values are already
    assert max(change(once, twice, x)) < 1e-12


def test_update_grid_changes_the_function():
    """efficient-kan: by 147 % of the spline part; pykan: u by 1.8 %, its Laplacian by 25 %.

    A function that the new knots can hold is not changed at all; another one is changed little,
    and less the finer the grid.
    """
    x = points()
    smooth = KAN([2, 5, 1], basis=BSpline(3, 10), seed=0)
    assert not torch.equal(smooth.regridded(x).layers[1].lower, smooth.layers[1].lower)
    assert max(change(smooth, smooth.regridded(x), x)) < 1e-12
    coarse = rough(KAN([2, 5, 1], basis=BSpline(5, 5), seed=0), 0.02)
    changes = [coarse.refined(intervals=n) for n in (10, 40, 160)]
    moved = [change(network, network.regridded(x), x) for network in changes]
    assert moved[0][0] < 0.01
    assert moved[0][2] < 0.1
    assert moved[2][0] < moved[0][0] / 10
    assert moved[2][2] < moved[0][2] / 3


def test_a_grid_update_does_not_say_what_it_did():
    """All peers are silent about the change; the stages measure value and derivatives."""
    network, how = rough(KAN([2, 5, 1], basis=BSpline(3, 5), seed=0)), task()
    exact = Refine(intervals=10).apply(how, network)
    moved = Regrid().apply(how, network)
    for state, least, most in ((exact, 0.0, 1e-11), (moved, 1e-4, 0.5)):
        value, derivatives = (
            float(part.split()[-1]) for part in state.note.replace("most ", "").split(",")
        )
        assert state.note.startswith("value changed by")
        assert least <= value <= derivatives <= most


def test_refining_polynomials_and_waves_is_exact_too():
    """jaxKAN is exact here as well: nestedness is what makes refinement safe."""
    x = points()
    for basis, how in (
        (Chebyshev(5), {"degree": 8}),
        (Legendre(5), {"degree": 9}),
        (Fourier(3, period=4.0), {"modes": 6}),
    ):
        network = rough(KAN([2, 4, 1], basis=basis, seed=0), 0.05)
        assert max(change(network, network.refined(**how), x)) < 1e-12


def test_nan_right_after_refine():
    """pykan #539; efficient-kan: NaN where an edge is zero. Here also a node that is constant."""
    network, x = KAN([2, 4, 1], basis=BSpline(3, 5), seed=0), points()
    empty = network.with_vector(torch.zeros_like(network.vector()))
    dead = copy.deepcopy(network)
    with torch.no_grad():
        dead.layers[0].coefficients[1] = 0
    for start in (empty, dead):
        for changed in (start.refined(intervals=20), start.regridded(x)):
            jets, pullback = changed.linearize(changed.prepare(x, LAYOUT))
            assert bool(jets.isfinite().all())
            assert bool(pullback.gradient(torch.ones_like(jets)).isfinite().all())
            torch.testing.assert_close(jets, start.jets(x, LAYOUT).detach(), rtol=0, atol=1e-9)


# Outside the grid ----------------------------------------------------------------------------


@pytest.mark.parametrize("basis", [BSpline(3, 5), BSpline(2, 5), BSpline(3, knots=(-1, 0.2, 1))])
def test_the_basis_is_silently_zero_outside_the_knots(basis):
    """pykan, efficient-kan, jaxKAN, PINA: the sum is 1, 0.68, 0, 0, 0 at these points."""
    s = torch.tensor([1, 1.5, 2.19, 2.21, 3, -1, -1.5, -3, 30], dtype=torch.float64)
    table = basis.evaluate(s, 1)
    torch.testing.assert_close(table[0].sum(0), torch.ones_like(s), rtol=0, atol=1e-9)
    torch.testing.assert_close(table[1].sum(0), torch.zeros_like(s), rtol=0, atol=1e-9)


@pytest.mark.parametrize("widths", [[1, 1], [1, 4, 1]], ids=str)
def test_value_slope_or_curvature_jump_at_the_end_of_the_grid(widths):
    """All peers: splines fade to zero within the extended knots, and hidden units die there."""
    network = KAN(widths, basis=BSpline(3, 5), activation=None, seed=3)
    layout = JetLayout.of(1, [(2,)])
    for end in (-1.0, 1.0):
        step = 1e-9
        x = torch.tensor([[end - step], [end + step]], dtype=torch.float64)
        with torch.no_grad():
            jets = network.jets(x, layout)[0]
        torch.testing.assert_close(jets[:, 0], jets[:, 1], rtol=1e-6, atol=1e-6)
    x = torch.linspace(1.0, 3.0, 21, dtype=torch.float64)[:, None]
    jets, pullback = network.linearize(network.prepare(x, layout))
    assert float(jets[0, 2].abs().min()) > 1e-6  # curved still, and trainable still
    rows = pullback.rows(torch.ones_like(jets))
    assert bool((rows.abs().amax(0) > 1e-3).all())


def test_a_point_that_is_not_a_number_spoils_the_batch():
    """Neither a NaN nor a point far outside touches the other points."""
    network, x = KAN([2, 4, 1], basis=BSpline(3, 5), seed=0), points(6)
    wild = x.clone()
    wild[2], wild[4] = torch.nan, 1e6
    with torch.no_grad():
        calm, jets = network.jets(x, LAYOUT), network.jets(wild, LAYOUT)
    others = [0, 1, 3, 5]
    torch.testing.assert_close(jets[..., others], calm[..., others], rtol=1e-12, atol=1e-12)
    assert bool(jets[:, 0, 2].isnan().all())
    assert bool(jets[..., 4].isfinite().all())


# Bases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("intervals", [5, 50, 500])
@pytest.mark.parametrize("degree", [2, 3, 4, 7])
def test_a_basis_that_loses_its_digits_as_the_grid_grows(degree, intervals):
    """flashkan: 1.7e-7 .. 2.7e-5 in float64, 3.8e-5 .. 16 in float32, and wrong for degree 2, 4."""
    basis = BSpline(degree, intervals)
    s = np.linspace(-1, 1, 3001)[1:-1]
    knots = basis.extended_knots()
    exact = scipy.interpolate.BSpline.design_matrix(s, knots, degree).toarray().T
    for dtype, digits in ((torch.float64, 1e-15), (torch.float32, 1e-7)):
        found = basis.evaluate(torch.as_tensor(s).to(dtype), 0)[0]
        assert found.dtype == dtype
        # the condition of the problem: a point known to one unit in the last place, times G
        assert np.abs(found.double().numpy() - exact).max() < 3 * digits * (5 + intervals)


def test_a_cubic_that_is_quadratic():
    """PINA: spline_order 3 is a quadratic, its second derivative has 5 values on 2001 points."""
    s = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    coefficients = torch.as_tensor(np.random.default_rng(0).normal(size=8))
    curvature = coefficients @ BSpline(degree=3, intervals=5).evaluate(s, 2)[2]
    assert len(set(curvature.round(decimals=6).tolist())) > 1900
    assert float(curvature.diff().abs().max()) < 0.01 * float(curvature.abs().max())


def test_chebyshev_polynomials_end_at_degree_20():
    """jaxKAN's exact ones raise; its default ones, by arccos, have no derivative at the ends."""
    s = torch.linspace(-1, 1, 201, dtype=torch.float64)
    table = Chebyshev(64).evaluate(s, 2)
    exact = np.polynomial.Chebyshev.basis(64)
    for order, scale in ((0, 1.0), (1, 64.0**2), (2, 64.0**4 / 3)):
        expected = torch.as_tensor((exact.deriv(order) if order else exact)(s.numpy()))
        torch.testing.assert_close(table[order, 64], expected, rtol=0, atol=1e-10 * scale)
    assert bool(table.isfinite().all())


def test_layer_norm_leaves_the_sign_of_x_minus_y():
    """fast-kan: two inputs are normalised to (+1, -1) or (-1, +1); derivatives blow up at x = y."""
    network = KAN([2, 4, 1], basis=Gaussian(8), seed=0)
    t = torch.linspace(-1, 1, 101, dtype=torch.float64)
    for x in (torch.stack([t, t - 0.3], 1), torch.stack([t, t], 1)):
        with torch.no_grad():
            jets = network.jets(x, LAYOUT)[0]
        assert float(jets[0].std()) > 1e-2
        assert float(jets.abs().max()) < 1e3


# Derivatives ---------------------------------------------------------------------------------


@every_basis
@pytest.mark.parametrize("activation", [None, SiLU()], ids=["", "silu"])
def test_no_second_derivative(basis, activation):
    """inkan and flashkan as shipped cannot be differentiated twice; here four times."""
    network = rough(KAN([2, 2, 1], basis=basis, activation=activation, seed=1), 0.02)
    x = (0.9 * points(7)).requires_grad_()
    layout = JetLayout.of(2, [(4, 0), (2, 2), (0, 3)])
    with torch.no_grad():
        found = network.jets(x, layout)[0]
    known = {(0, 0): network(x)[:, 0]}
    for alpha in layout.parts[1:]:
        axis = 0 if alpha[0] else 1
        below = known[alpha[0] - (axis == 0), alpha[1] - (axis == 1)]
        known[alpha] = torch.autograd.grad(below.sum(), x, create_graph=True)[0][:, axis]
    for part, alpha in enumerate(layout.parts):
        expected = known[alpha].detach()
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(found[part], expected, rtol=0, atol=1e-11 * scale)


# Precision, seeds, files ---------------------------------------------------------------------


@every_basis
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_precisions_are_mixed(basis, dtype):
    """jaxKAN: float32 parameters and grids in float64; efficient-kan: float32 after an update."""
    network = KAN([2, 3, 3, 1], basis=basis, seed=0).to(dtype)
    x = points().to(dtype)
    for changed in (network, network.regridded(x)):
        tensors = [*changed.parameters(), *changed.buffers()]
        assert {t.dtype for t in tensors} == {dtype}
        jets, pullback = changed.linearize(changed.prepare(x, LAYOUT))
        assert jets.dtype == pullback.rows(jets).dtype == dtype


@pytest.mark.parametrize("default", [torch.float32, torch.float64], ids=str)
def test_a_global_default_decides_the_precision(default):
    """pykan: float64 by the global default only, lost by a file; .double() then refine fails."""
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(default)
        network = KAN([2, 3, 1], basis=BSpline(3, 5), seed=0)
        assert {t.dtype for t in [*network.parameters(), *network.buffers()]} == {torch.float64}
        file = io.BytesIO()
        torch.save(network, file)
        file.seek(0)
        again = torch.load(file, weights_only=False)
        assert torch.equal(again.vector(), network.vector())
        finer = network.float().double().refined(intervals=10)
        assert {p.dtype for p in finer.parameters()} == {torch.float64}
    finally:
        torch.set_default_dtype(before)


def test_a_network_cannot_be_saved_or_copied_once_it_was_used():
    """pykan: torch.save cannot pickle a lambda, deepcopy fails after a forward pass."""
    network, x = KAN([2, 3, 1], basis=BSpline(3, 5), seed=0), points()
    network(x).square().sum().backward()
    network.jets(x, LAYOUT)
    file = io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    for other in (copy.deepcopy(network), torch.load(file, weights_only=False)):
        assert torch.equal(other(x), network(x))


def test_the_constructor_reseeds_everything(tmp_path, monkeypatch):
    """pykan: torch, numpy and random are reseeded; each edit writes files into ./model."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    settings = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    for network in (KAN([2, 3, 1]), MLP([2, 3, 1]), SeparableKAN(2, [Chebyshev(3)] * 2)):
        network.prepared([0, 0], [1, 1], 3)
        network.linearize(network.prepare(points(), LAYOUT))
    kan = KAN([2, 3, 1])
    for _ in range(2):  # the second refine raises FileNotFoundError in pykan
        kan = kan.regridded(points()).refined(intervals=2 * kan.bases[0].intervals)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert random.getstate() == states[2]
    assert settings == (
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
    )
    assert os.listdir() == []


@every_basis
def test_every_layer_gets_the_same_seed(basis):
    """jaxKAN: layers of one shape start equal."""
    network = KAN([2, 2, 2, 2], basis=basis, activation=None, seed=0)
    for one, two in pairwise(layer.coefficients.detach() for layer in network.layers):
        size = float(one.abs().max())
        assert float((one / size - two / two.abs().max()).abs().max()) > 1e-3


def test_caches_keep_tensors_alive():
    """torch-conv-kan: lru_cache on methods that take tensors keeps graphs alive."""
    for basis in (BSpline(3, 5), Legendre(5), Chebyshev(5)):
        network, x = KAN([2, 3, 1], basis=basis, seed=0), points()
        jets = network.jets(x, LAYOUT)
        jets.sum().backward()
        kept = [weakref.ref(tensor) for tensor in (x, jets)]
        del x, jets
        assert [ref() for ref in kept] == [None, None]
