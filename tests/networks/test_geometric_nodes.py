"""Harmonic, hole and corner nodes: exact jets of any order, and what they can represent."""

import json
from math import comb

import mpmath
import numpy as np
import pytest
import torch

from kanpde.networks import (
    CornerNodes,
    HarmonicNodes,
    HoleNodes,
    JetLayout,
    LinearKAN,
    ProductNodes,
    network_from_dict,
)
from kanpde.networks.nodes import nodes_from_dict
from kanpde.networks.nodes.complex_jets import wirtinger

LOW, HIGH = [-1.0, -0.5], [1.0, 1.5]
HOLE = {"centre": (0.2, 0.1), "radius": 0.3, "lower": LOW, "upper": HIGH}
CORNER = {"vertex": (-0.1, 0.2), "bisector": 2.0, "scale": 1.3}
BLOCKS = {
    "harmonic": HarmonicNodes(6, LOW, HIGH),
    "laurent": HoleNodes(4, 0, **HOLE),
    "hole": HoleNodes(3, 2, **HOLE),
    "powers": CornerNodes([2 / 3, 4 / 3], **CORNER),
    "corner": CornerNodes([2 / 3, 5 / 3], [2, 3], conjugate=2, highest=4, **CORNER),
    "anchored": CornerNodes([2 / 3, 4 / 3], [2], conjugate=1, anchor=0.4, **CORNER),
    "products": ProductNodes(4, [-1, 0, 0, 2], [1, 1, 3, 3], interaction=2),
}
every_block = pytest.mark.parametrize("name", BLOCKS)


def points(block, n=9):
    """Points off the hole's centre and off the branch cut."""
    rng = np.random.default_rng(3)
    if block.dimension != 2:
        return torch.as_tensor(rng.random((n, block.dimension)))
    radius, angle = 0.35 + 0.5 * rng.random(n), 2.0 + 2.8 * (2 * rng.random(n) - 1)
    centre = np.array(HOLE["centre"] if isinstance(block, HoleNodes) else CORNER["vertex"])
    return torch.as_tensor(centre + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))


@every_block
def test_jets_of_fourth_order_agree_with_nested_autograd(name):
    block = BLOCKS[name]
    x = points(block).requires_grad_()
    tail = (0,) * (block.dimension - 2)
    layout = JetLayout.of(block.dimension, [(2, 1, *tail), (0, 4, *tail)])
    jets = block.columns(x.detach(), layout)
    assert jets.shape == (layout.size, len(x), block.size)
    value_only = JetLayout.of(block.dimension, ())
    for column in range(0, block.size, max(1, block.size // 4)):
        for part, alpha in enumerate(layout.parts):
            value = block.columns(x, value_only)[0, :, column]
            for axis, n in enumerate(alpha):
                for _ in range(n):
                    grad = torch.autograd.grad(
                        value.sum(), x, create_graph=True, allow_unused=True
                    )[0]
                    value = torch.zeros_like(value) if grad is None else grad[:, axis]
                    if not value.requires_grad:
                        value = value + 0 * x[:, 0]
            scale = max(float(value.detach().abs().max()), 1.0)
            assert float((jets[part, :, column] - value).detach().abs().max()) < 1e-10 * scale


def test_values_against_mpmath():
    corner = BLOCKS["corner"]
    x = points(corner, 4)
    got = corner.columns(x, JetLayout.of(2, [(1, 1)]))
    functions = [(lam, False) for lam in corner.exponents]
    functions += [(n, True) for n in corner.logarithmic]
    turn = mpmath.expj(-corner.bisector) / corner.scale

    def function(i, m):
        degree, log = functions[i]

        def at(a, b):
            w = (mpmath.mpc(a, b) - mpmath.mpc(*corner.vertex)) * turn
            return w**degree * (mpmath.log(w) if log else 1) * mpmath.conj(w) ** m

        return at

    with mpmath.workdps(40):
        for column, (i, m) in enumerate(corner.pairs):
            for row, (a, b) in enumerate(x.tolist()):
                f = function(i, m)
                value, mixed = f(a, b), mpmath.diff(f, (a, b), (1, 1))
                half = len(corner.pairs)
                found = complex(got[0, row, column], got[0, row, half + column])
                assert abs(found - complex(value)) < 1e-13
                found = complex(got[3, row, column], got[3, row, half + column])
                assert abs(found - complex(mixed)) < 1e-11 * max(1, abs(complex(mixed)))


@pytest.mark.parametrize("name", ["harmonic", "laurent", "powers"])
def test_what_claims_to_be_harmonic_is(name):
    block = BLOCKS[name]
    layout = JetLayout.of(2, [(2, 0), (0, 2)])
    jets = block.columns(points(block, 50), layout)
    second, third = jets[layout.index[2, 0]], jets[layout.index[0, 2]]
    assert float((second + third).abs().max()) < 1e-11 * float(second.abs().max())


def test_columns_are_of_moderate_size_on_the_domain():
    rng = np.random.default_rng(0)
    x = rng.uniform(LOW, HIGH, (4000, 2))
    x = x[np.hypot(*(x - HOLE["centre"]).T) > HOLE["radius"]]
    block = HoleNodes(20, 18, **HOLE)
    sizes = block.columns(torch.as_tensor(x), JetLayout.of(2, ()))[0].square().mean(0).sqrt()
    assert sizes.max() < 5
    assert sizes.min() > 1e-5


def test_a_function_on_a_ring_is_found_by_hole_nodes():
    rng = np.random.default_rng(0)
    x = rng.uniform(LOW, HIGH, (4000, 2))
    x = x[np.hypot(*(x - HOLE["centre"]).T) > HOLE["radius"]]
    a, b = (x - HOLE["centre"]).T
    target = np.log(a**2 + b**2) * np.cos(2 * x[:, 1]) + a * np.exp(b) / (a**2 + b**2)
    errors = []
    for k in (6, 12):
        blocks = [ProductNodes(k, LOW, HIGH), HoleNodes(k // 2 + 1, k // 2, **HOLE)]
        columns = torch.cat([q.columns(torch.as_tensor(x), JetLayout.of(2, ())) for q in blocks], 2)
        matrix = columns[0].numpy()
        matrix = matrix / np.linalg.norm(matrix, axis=0)
        found = matrix @ np.linalg.lstsq(matrix, target, rcond=1e-14)[0]
        errors.append(np.linalg.norm(found - target) / np.linalg.norm(target))
    assert errors[1] < 1e-6
    assert errors[1] < errors[0] / 500


def jump(block, angle, radius):
    """Return the largest jump of any function across a ray from the corner."""
    sides = angle + np.array([-1e-9, 1e-9])
    x = block.vertex + radius * np.stack([np.cos(sides), np.sin(sides)], axis=1)
    values = block.columns(torch.as_tensor(x), JetLayout.of(2, ()))[0]
    return float((values[0] - values[1]).abs().max())


def test_the_cut_lies_opposite_to_the_bisector_and_ends_at_the_anchor():
    for name, radius in (("powers", 3.0), ("anchored", 0.3)):
        block = BLOCKS[name]
        assert jump(block, 2.0 + np.pi, radius) > 0.1
        assert all(jump(block, 2.0 + np.pi + s, radius) < 1e-7 for s in (-0.1, 0.1, 1.0, 3.0))
    assert jump(BLOCKS["anchored"], 2.0 + np.pi, 1.0) < 1e-7


def test_a_corner_node_has_a_value_at_the_corner():
    vertex = torch.tensor([CORNER["vertex"]], dtype=torch.float64)
    values = BLOCKS["corner"].columns(vertex, JetLayout.of(2, ()))
    assert torch.equal(values, torch.zeros_like(values))


@every_block
def test_a_saved_block_is_the_same_bit_for_bit(name):
    block = BLOCKS[name]
    again = nodes_from_dict(json.loads(json.dumps(block.to_dict())))
    x, layout = points(block), JetLayout.of(block.dimension, ())
    assert torch.equal(again.columns(x, layout), block.columns(x, layout))
    assert again.size == block.size
    network = LinearKAN([block], 2)
    copy = network_from_dict(json.loads(json.dumps(network.to_dict())))
    copy.load_state_dict(network.state_dict())
    assert torch.equal(copy(x), network(x))


def test_products_of_few_coordinates():
    pairs = ProductNodes(5, [0] * 7, [1] * 7, interaction=2)
    assert pairs.size == 1 + 7 * 5 + comb(7, 2) * comb(5, 2)
    assert ((pairs.powers > 0).sum(1) <= 2).all()
    assert (pairs.powers.sum(1) <= 5).all()
    assert len({tuple(p) for p in pairs.powers}) == pairs.size
    every = ProductNodes(3, [0] * 4, [1] * 4)
    same = ProductNodes(3, [0] * 4, [1] * 4, interaction=4)
    assert (every.powers == same.powers).all()


def test_wirtinger_derivatives_of_a_laplacian():
    laplacian = np.add(wirtinger((2, 0)), wirtinger((0, 2)))
    np.testing.assert_array_equal(laplacian, [0, 4, 0])


def test_unknown_nodes_and_empty_corners_are_refused():
    with pytest.raises(ValueError, match="known are ridge, product, harmonic, hole, corner"):
        nodes_from_dict({"kind": "pole"})
    with pytest.raises(ValueError, match="no function"):
        CornerNodes([5.5], highest=4, **CORNER)
