"""Edits of a KAN: knots on single edges, formulas, other bases, pruning, moved grids."""

import copy
import pickle

import numpy as np
import pytest
import torch

from kanpde.bases import BSpline, Chebyshev, Legendre
from kanpde.bases.activations import SiLU
from kanpde.networks import KAN, JetLayout, network_from_dict

LAYOUT = JetLayout.of(2, [(2, 0), (1, 1), (0, 2)])
COLLAPSED = JetLayout.of(2, [], (1.0, 1.0))


def points(n: int = 60) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(3).uniform(-1, 1, (n, 2)))


def spline_kan(widths=(2, 4, 3, 1), activation=SiLU()) -> KAN:  # noqa: B008 - a frozen value
    return KAN(list(widths), basis=BSpline(5, 4), activation=activation, seed=2)


def edited() -> KAN:
    """Return a network with every kind of edit at once."""
    network = spline_kan().inserted({(0, 1, 0): [0.1], (1, 2, 3): [-0.3, 0.2], (2, 0, 1): [0.4]})
    for edge, f in {(0, 0, 1): "sin(pi*x)", (1, 1, 1): "exp(x)", (2, 0, 0): "x**2"}.items():
        network = network.with_edge(edge, f, affine=(0.7, 0.1, 0.5, -0.2))
    return network


def relative_change(old: KAN, new: KAN) -> float:
    with torch.no_grad():
        before, after = old.jets(points(), LAYOUT), new.jets(points(), LAYOUT)
    return float(((after - before).abs().amax(-1) / before.abs().amax(-1)).max())


@pytest.mark.parametrize("layout", [LAYOUT, COLLAPSED])
@pytest.mark.parametrize("make", [spline_kan, edited])
def test_rows_and_gradient_against_autograd(make, layout) -> None:
    network, x = make(), points(7)
    prepared = network.prepare(x, layout)
    jets, pullback = network.linearize(prepared)
    adjoint = torch.as_tensor(np.random.default_rng(0).normal(size=tuple(jets.shape)))
    rows = pullback.rows(adjoint)
    live = network.evaluate(prepared)
    torch.testing.assert_close(jets, live, rtol=1e-12, atol=1e-12)
    parameters = list(network.parameters())
    for n in range(len(x)):
        found = torch.autograd.grad(
            (adjoint[..., n] * live[..., n]).sum(), parameters, retain_graph=True
        )
        expected = torch.cat([g.reshape(-1) for g in found])
        torch.testing.assert_close(rows[:, n], expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(pullback.gradient(adjoint), rows.sum(1), rtol=1e-10, atol=1e-10)


def test_jets_of_an_edited_network_against_nested_autograd() -> None:
    network, x = edited(), points(9).requires_grad_()
    u = network(x)[:, 0]
    gradient = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
    second = torch.autograd.grad(gradient[:, 0].sum(), x)[0]
    jets = network.jets(x.detach(), LAYOUT)[0]
    for part, expected in [
        ((0, 0), u),
        ((1, 0), gradient[:, 0]),
        ((2, 0), second[:, 0]),
        ((1, 1), second[:, 1]),
    ]:
        torch.testing.assert_close(jets[LAYOUT.index[part]], expected, rtol=1e-11, atol=1e-11)


def test_knots_on_single_edges_change_nothing_and_add_only_their_parameters() -> None:
    network = spline_kan()
    finer = network.inserted({(0, 1, 0): [0.1, 0.6], (2, 0, 1): [-0.25]})
    assert finer.parameter_count == network.parameter_count + 3
    assert relative_change(network, finer) < 1e-12
    again = finer.inserted({(0, 1, 0): [0.3]})
    assert again.parameter_count == network.parameter_count + 4
    assert relative_change(network, again) < 1e-12
    with pytest.raises(ValueError, match="no layer 7"):
        network.inserted({(7, 0, 0): [0.1]})
    with pytest.raises(ValueError, match="no spline"):
        KAN([2, 1], basis=Chebyshev(4), seed=0).inserted({(0, 0, 0): [0.1]})


def test_an_edge_becomes_a_formula_with_trained_constants() -> None:
    network = KAN([2, 1], basis=BSpline(3, 4), activation=None, seed=0)
    network = network.with_edge((0, 0, 1), "sin(pi*x)", affine=(2.0, 0.5, 3.0, -1.0))
    x = points()
    layer = network.layers[0]
    assert [tuple(p.shape) for p in network.parameters()] == [(7,), (4,)]
    other = KAN([1, 1], basis=BSpline(3, 4), activation=None, seed=0)
    other.set_vector(layer.coefficients.detach())
    expected = other(x[:, :1])[:, 0] + 3 * torch.sin(torch.pi * (2 * x[:, 1] + 0.5)) - 1
    torch.testing.assert_close(network(x)[:, 0], expected)
    for wrong in [(0, 0, 5), (0, 3, 0), (4, 0, 0)]:
        with pytest.raises(ValueError, match="layer"):
            network.with_edge(wrong, "sin(x)")
    whole = network.with_edge((0, 0, 0), "x")  # no edge of functions is left in the layer
    assert [tuple(p.shape) for p in whole.parameters()] == [(0,), (4,), (4,)]
    torch.testing.assert_close(whole(x)[:, 0], x[:, 0]
                               + 3 * torch.sin(torch.pi * (2 * x[:, 1] + 0.5)) - 1)  # fmt: skip
    twin = network_from_dict(whole.to_dict())
    twin.load_state_dict(whole.state_dict())
    assert torch.equal(twin(x), whole(x))
    with pytest.raises(ValueError, match="four finite numbers"):
        spline_kan().with_edge((0, 0, 0), "x", affine=(1.0, 2.0))


def test_edited_networks_are_copied_and_described_bit_for_bit() -> None:
    network, x = edited(), points()
    made = network_from_dict(network.to_dict())
    made.load_state_dict(network.state_dict())
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network)), made):
        assert torch.equal(twin(x), network(x))
        assert torch.equal(twin.vector(), network.vector())
    half = copy.deepcopy(network).to(torch.float32)
    torch.testing.assert_close(half(x.float()).double(), network(x), rtol=1e-4, atol=1e-4)


def test_the_columns_of_an_edited_network_rebuild_it() -> None:
    network, x = edited(), points()
    prepared = network.prepare(x, LAYOUT)
    jets = network.columns(prepared) @ network.output_coefficients[0] + network.offset(prepared)[0]
    torch.testing.assert_close(jets, network.evaluate(prepared)[0])
    doubled = network.with_output_coefficients(2 * network.output_coefficients)
    expected = 2 * network.evaluate(prepared) - network.offset(prepared)
    torch.testing.assert_close(doubled.evaluate(doubled.prepare(x, LAYOUT)), expected)


def test_outputs_with_different_edges_share_no_coefficients() -> None:
    network = KAN([2, 2], basis=BSpline(3, 3), activation=None, seed=0)
    network = network.inserted({(0, 1, 0): [0.2]})
    with pytest.raises(ValueError, match="different edges"):
        network.with_output_coefficients(network.output_coefficients)


@pytest.mark.parametrize(
    ("basis", "tolerance"), [(Chebyshev(24), 1e-3), (BSpline(5, 16), 1e-6), (Legendre(24), 1e-3)]
)
def test_another_basis_takes_over_the_edges(basis, tolerance) -> None:
    network, x = spline_kan((2, 3, 1), None), points(400)
    moved = network.with_basis(basis, x)
    assert moved.bases == (basis, basis)
    scale = float(network(x).detach().abs().max())
    assert float((moved(x) - network(x)).detach().abs().max()) < tolerance * scale
    with pytest.raises(ValueError, match="bases are needed"):
        network.with_basis([basis], x)


def test_weak_edges_and_unused_nodes_go_and_their_means_stay() -> None:
    network = KAN([2, 5, 1], basis=BSpline(3, 4), activation=None, seed=1)
    first, last = network.layers
    with torch.no_grad():
        last.coefficients[0, :, [1, 4]] = 0.75  # constants: these two nodes do not matter
        first.coefficients[0, :, 1] = -0.3  # nor does y for node 0
    x = points(500)
    small = network.pruned(x)
    assert small.widths == (2, 3, 1)
    assert small.parameter_count == 7 * (3 * 2 - 1) + 7 * 3
    torch.testing.assert_close(small(x), network(x), rtol=1e-12, atol=1e-12)
    assert KAN([2, 5, 1], seed=0).pruned(x, threshold=0.999).parameter_count > 0
    with pytest.raises(ValueError, match="threshold"):
        network.pruned(x, threshold=1.5)


def test_pruning_keeps_product_nodes_whole() -> None:
    network = KAN([2, (2, 2), 1], basis=BSpline(3, 4), activation=None, seed=1)
    with torch.no_grad():
        network.layers[1].coefficients[0, :, [0, 3]] = 0.0  # a sum and the second product
    x = points(300)
    small = network.pruned(x, threshold=0.0)
    assert small.rows[1].width == [1, [2]]
    torch.testing.assert_close(small(x), network(x), rtol=1e-12, atol=1e-12)


def test_grids_move_to_given_knots_input_by_input() -> None:
    network, x = spline_kan((2, 3, 1), None), points(500)

    def quantiles(grid):
        return BSpline.from_quantiles(grid.scaled(), 5, 12, uniform_share=0.5)

    moved = network.regridded(x, knots=quantiles)
    assert moved.layers[0].bases[0] != moved.layers[0].bases[1]
    scale = float(network(x).detach().abs().max())
    assert float((moved(x) - network(x)).detach().abs().max()) < 2e-2 * scale
    refined = moved.refined(intervals=24)
    assert relative_change(moved, refined) < 1e-11
