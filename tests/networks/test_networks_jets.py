"""The calculus of jets: layouts, the product rule, the chain rule, and their adjoints."""

from itertools import product

import pytest
import torch
from torch import Tensor

from kanpde.networks.jets import (
    JetLayout,
    chain_factors,
    compose,
    coordinate_jet,
    multiply,
    multiply_adjoint,
    through,
)


def everything(dimension: int, order: int) -> JetLayout:
    """Return the layout of all parts up to an order."""
    alphas = product(range(order + 1), repeat=dimension)
    return JetLayout.of(dimension, [a for a in alphas if sum(a) <= order])


def nested(f, x: Tensor, layout: JetLayout) -> Tensor:
    """Return the jet (S, N) of a function (N, D) -> (N,) by nested autograd."""
    x = x.clone().requires_grad_()
    known = {layout.parts[0]: f(x)}
    for alpha in layout.parts[1:]:
        axis = next(i for i, n in enumerate(alpha) if n)
        lower = tuple(n - (i == axis) for i, n in enumerate(alpha))
        value = known[lower]
        slope = torch.zeros_like(x)
        if value.requires_grad:
            found = torch.autograd.grad(value.sum(), x, create_graph=True, allow_unused=True)[0]
            slope = slope if found is None else found
        known[alpha] = slope[:, axis]
    return torch.stack([known[a] for a in layout.parts]).detach()


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64) * 2 - 1


FIELDS = [
    lambda x: torch.sin(2 * x[:, 0] + x[:, -1]),
    lambda x: torch.exp(x[:, 0] * x[:, -1]) + x[:, 0] ** 3,
]
LAYOUTS = [(1, 4), (2, 4), (3, 3)]


@pytest.mark.parametrize(("dimension", "order"), LAYOUTS)
def test_a_layout_is_closed_value_first_by_order(dimension, order) -> None:
    layout = JetLayout.of(dimension, [(order,) * dimension])
    assert layout.parts[0] == (0,) * dimension
    orders = [sum(a) for a in layout.parts]
    assert orders == sorted(orders)
    assert len(set(layout.parts)) == layout.size == (order + 1) ** dimension
    for alpha in layout.parts:
        for beta in product(*(range(n + 1) for n in alpha)):
            assert beta in layout.index
    assert layout.order == order * dimension


def test_the_smallest_layout() -> None:
    assert JetLayout.of(2, [(0, 2)]).parts == ((0, 0), (0, 1), (0, 2))
    assert JetLayout.of(3, []).parts == ((0, 0, 0),)
    assert JetLayout.of(2, [(1, 1)]).parts == ((0, 0), (1, 0), (0, 1), (1, 1))
    assert JetLayout.of(2, [(1, 1)]) == JetLayout.of(2, [(0, 1), (1, 1)])


def test_a_multi_index_of_another_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1,\) does not have 2 entries"):
        JetLayout.of(2, [(1,)])


def test_the_jet_of_the_coordinates() -> None:
    layout, x = everything(2, 2), random(5, 2)
    jet = coordinate_jet(x, layout)
    for axis in range(2):
        assert torch.equal(jet[axis], nested(lambda p, a=axis: p[:, a], x, layout))


@pytest.mark.parametrize(("dimension", "order"), LAYOUTS)
def test_product_rule(dimension, order) -> None:
    layout, x = everything(dimension, order), random(7, dimension)
    f, g = FIELDS
    found = multiply(nested(f, x, layout), nested(g, x, layout), layout)
    expected = nested(lambda p: f(p) * g(p), x, layout)
    torch.testing.assert_close(
        found, expected, rtol=1e-12, atol=1e-12 * float(expected.abs().max())
    )


@pytest.mark.parametrize(("dimension", "order"), LAYOUTS)
def test_product_adjoint_is_the_adjoint(dimension, order) -> None:
    layout = everything(dimension, order)
    a, b, back = (random(2, layout.size, 5, seed=s) for s in range(3))
    forward = (back * multiply(a, b, layout)).sum((1, 2))
    backward = (multiply_adjoint(back, a, layout) * b).sum((1, 2))
    torch.testing.assert_close(forward, backward, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("dimension", "order"), LAYOUTS)
def test_chain_rule(dimension, order) -> None:
    layout, x = everything(dimension, order), random(7, dimension)
    f = FIELDS[0]
    z = nested(f, x, layout)
    # the outer functions sin and its derivatives; two functions at once
    cycle = [torch.sin, torch.cos, lambda t: -torch.sin(t), lambda t: -torch.cos(t)]
    table = torch.stack(
        [torch.stack([cycle[k % 4](z[0]), torch.exp(z[0])]) for k in range(order + 1)]
    )
    found = compose(table[:, :, None], z[None], layout)[:, 0]
    for i, outer in enumerate((torch.sin, torch.exp)):
        expected = nested(lambda p, o=outer: o(f(p)), x, layout)
        scale = float(expected.abs().max())
        torch.testing.assert_close(found[i], expected, rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.parametrize(("dimension", "order"), LAYOUTS)
def test_chain_adjoint_against_autograd(dimension, order) -> None:
    layout = everything(dimension, order)
    z = random(2, layout.size, 4).requires_grad_()

    def table_of(value: Tensor, top: int) -> Tensor:
        return torch.stack([2.0**k * torch.sin(2 * value + k * torch.pi / 2) for k in range(top)])

    back = random(2, layout.size, 4, seed=5)
    (expected,) = torch.autograd.grad(
        (back * compose(table_of(z[:, 0], order + 1), z, layout)).sum(), z
    )
    table = table_of(z[:, 0].detach(), order + 2)
    found = through(back, table, z.detach(), layout)
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12 * scale)


def test_chain_factors_are_bell_polynomials() -> None:
    layout, z = everything(1, 4), random(1, 5, 3)
    (*_, fourth) = chain_factors(z, layout)
    _, z1, z2, z3, z4 = z[0]
    expected = {1: z4, 2: 4 * z1 * z3 + 3 * z2**2, 3: 6 * z1**2 * z2, 4: z1**4}
    assert [k for k, _ in fourth] == [1, 2, 3, 4]
    for k, factor in fourth:
        torch.testing.assert_close(factor[0], expected[k], rtol=1e-14, atol=1e-14)
