"""Attribution scores: what they are in cases that can be worked out by hand, and their limits."""

import numpy as np
import pytest
import torch
from sympy import sin

from kanpde import KAN, coordinates

x, y, z = coordinates("x y z")
POINTS = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (20_000, 3)))


def scores(*formulas):
    return KAN.from_expression(formulas, [x, y, z]).attribution(POINTS)


def test_in_a_sum_the_scores_are_relative_standard_deviations():
    found = scores(3 * x + 4 * y).inputs[0]
    torch.testing.assert_close(found, torch.tensor([0.6, 0.8, 0.0]).double(), atol=0.01, rtol=0)


def test_each_factor_has_the_score_of_the_product():
    found = scores(x * y + z)
    share = (POINTS[:, 0] * POINTS[:, 1]).std() / (POINTS[:, 0] * POINTS[:, 1] + POINTS[:, 2]).std()
    torch.testing.assert_close(found.inputs[0, :2], share.expand(2))
    assert [tuple(e.shape) for e in found.edges] == [(1, 3, 3), (1, 1, 2)]
    torch.testing.assert_close(found.nodes[1][0, 1], share)


def test_each_output_has_scores_of_its_own():
    found = scores(x * y, sin(z), 5 * z)
    expected = [[1, 1, 0], [0, 0, 1], [0, 0, 1]]
    torch.testing.assert_close(found.inputs, torch.tensor(expected).double())


def test_scaling_a_hidden_node_changes_nothing():
    network = KAN([3, 4, 2], activation=None, seed=3)
    scaled = KAN([3, 4, 2], activation=None, seed=3)
    before = network.attribution(POINTS)
    with torch.no_grad():
        scaled.layers[0].coefficients[1] *= 3.0
        scaled.layers[1].lower[1] *= 3.0
        scaled.layers[1].upper[1] *= 3.0
    after = scaled.attribution(POINTS)
    for a, b in zip([*before.nodes, *before.edges], [*after.nodes, *after.edges], strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(before.nodes[1], before.edges[1].sum(1))


def test_edges_that_cancel_have_scores_although_they_do_nothing():
    formula = sin(x + y) - sin(x + y + z * 1e-9) + 1e-3 * z
    found = scores(formula).inputs[0]
    assert found[0] > 100  # x does nothing at all


@pytest.mark.parametrize("constant", [0, 2])
def test_a_constant_has_no_scores(constant):
    assert scores(x * 0 + constant).inputs.tolist() == [[0.0, 0.0, 0.0]]
