"""Product nodes (KAN 2.0): Leibniz' rule on jets, and what they are good for."""

import pytest
import torch

from kanpde.bases import BSpline
from kanpde.networks import KAN, JetLayout, network_from_dict
from kanpde.networks.product import NodeRow

WIDTHS = [
    [2, (3, 2), 1],
    [2, (0, 1), 1],
    [3, (1, [3]), 2],
    [2, (2, [2, 4]), (1, 1), 1],
]


def make(widths, seed=3):
    return KAN(widths, basis=BSpline(5, 4), seed=seed)


def points(network, n=12):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, network.dimension, generator=generator, dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_jets_agree_with_nested_autograd(widths):
    network = make(widths)
    x = points(network).requires_grad_()
    layout = JetLayout.of(network.dimension, [(2,) + (1,) * (network.dimension - 1)])
    jets = network.jets(x, layout)
    for output in range(network.outputs):
        for part, alpha in enumerate(layout.parts):
            value = network(x)[:, output]
            for axis, n in enumerate(alpha):
                for _ in range(n):
                    value = torch.autograd.grad(value.sum(), x, create_graph=True)[0][:, axis]
            scale = float(value.detach().abs().max())
            assert float((jets[output, part] - value).detach().abs().max()) < 1e-12 * max(scale, 1)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_adjoints_agree_with_autograd(widths):
    network = make(widths)
    x = points(network)
    layout = JetLayout.of(network.dimension, [(2,) + (1,) * (network.dimension - 1)])
    jets, pullback = network.linearize(network.prepare(x, layout))
    adjoint = torch.rand(jets.shape, generator=torch.Generator().manual_seed(1)).double()
    loss = (network.jets(x, layout) * adjoint).sum()
    parts = torch.autograd.grad(loss, list(network.parameters()))
    expected = torch.cat([p.reshape(-1) for p in parts])
    scale = float(expected.abs().max())
    assert float((pullback.gradient(adjoint) - expected).abs().max()) < 1e-12 * scale
    assert float((pullback.rows(adjoint).sum(1) - expected).abs().max()) < 1e-12 * scale


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_columns_description_and_refinement(widths):
    network = make(widths)
    x = points(network)
    layout = JetLayout.of(network.dimension, [(2,) * network.dimension])
    prepared = network.prepare(x, layout)
    with torch.no_grad():
        jets = network.evaluate(prepared)
        product = torch.einsum(
            "snc,oc->osn", network.columns(prepared), network.output_coefficients
        )
        torch.testing.assert_close(product, jets, rtol=1e-12, atol=1e-10)
        finer = network.refined(intervals=8).jets(x, layout)
        assert float((finer - jets).norm() / jets.norm()) < 1e-12
    again = network_from_dict(network.to_dict())
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(x), network(x))


def test_rows():
    assert NodeRow.of(5) == NodeRow(5)
    assert NodeRow.of((3, 2)) == NodeRow(3, (2, 2))
    assert NodeRow.of((3, 2)).size == 5
    assert NodeRow.of((0, [2, 4])).sources == 6


@pytest.mark.parametrize("width", [0, (0, 0), (1, [1]), (-1, 2), (1, 2, 3), "5"])
def test_rows_that_make_no_sense(width):
    with pytest.raises(ValueError, match="width"):
        NodeRow.of(width)


@pytest.mark.parametrize("widths", [[(1, 1), 1], [2, (1, 1)]])
def test_products_stand_between_inputs_and_outputs(widths):
    with pytest.raises(ValueError, match="only between"):
        KAN(widths)
