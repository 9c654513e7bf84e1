"""What is special to a gated KAN: which box a point belongs to, and one field for all of them."""

import numpy as np
import pytest
import torch

from kanpde.networks import JetLayout, LinearKAN, PatchKAN, ProductNodes, network_from_dict

THREE = np.array([[[0.0, 0.0], [0.5, 1.0]], [[0.5, 0.0], [1.0, 0.25]], [[0.5, 0.25], [1.0, 1.0]]])


def grid(n: int) -> np.ndarray:
    return np.array(
        [[[i / n, j / n], [(i + 1) / n, (j + 1) / n]] for i in range(n) for j in range(n)]
    )


def test_a_point_on_an_interface_belongs_to_the_box_above() -> None:
    points = [[0.5, 0.1], [0.5, 0.25], [0.7, 0.25], [0.2, 0.25], [1.0, 1.0], [0.0, 0.0]]
    boxes = PatchKAN(THREE, 2).locate(torch.tensor(points, dtype=torch.float64))
    assert boxes.tolist() == [1, 2, 2, 0, 2, 0]


def test_a_point_outside_belongs_to_the_nearest_side() -> None:
    points = torch.tensor([[-1.0, 5.0], [2.0, -1.0], [2.0, 7.0]], dtype=torch.float64)
    assert PatchKAN(THREE, 2).locate(points).tolist() == [0, 1, 2]


def test_location_against_every_box() -> None:
    corners = grid(7)[np.random.default_rng(0).permutation(49)]
    points = np.random.default_rng(1).random((1000, 2))
    found = PatchKAN(corners, 1).locate(torch.as_tensor(points)).numpy()
    inside = ((corners[:, 0] <= points[:, None]) & (points[:, None] < corners[:, 1])).all(axis=2)
    np.testing.assert_array_equal(inside[np.arange(1000), found], True)


def test_each_box_is_the_kan_of_its_own_product_nodes() -> None:
    rng = np.random.default_rng(3)
    network = PatchKAN(THREE, 5)
    coefficients = torch.as_tensor(rng.standard_normal((3, 21)))
    network = network.with_output_coefficients(coefficients.reshape(1, -1))
    layout = JetLayout.of(2, [(2, 1), (0, 3)])
    for box, (low, high) in enumerate(THREE):
        alone = LinearKAN([ProductNodes(5, low, high)])
        alone = alone.with_output_coefficients(coefficients[box : box + 1])
        points = torch.as_tensor(low + (high - low) * rng.random((9, 2)))
        torch.testing.assert_close(
            network.jets(points, layout), alone.jets(points, layout), rtol=1e-12, atol=1e-9
        )


def test_the_order_of_the_points_does_not_matter() -> None:
    network = PatchKAN(grid(4), 3)
    shape = network.output_coefficients.shape
    network = network.with_output_coefficients(torch.linspace(-1, 1, shape[1]).double()[None])
    points = torch.rand(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(network(points)[order], network(points[order]), rtol=0, atol=1e-15)
    assert network(points[:0]).shape == (0, 1)


def test_a_description_needs_only_the_state_to_be_complete() -> None:
    network = PatchKAN(grid(3), 4, 2)
    twin = network_from_dict(network.to_dict())
    twin.load_state_dict(network.state_dict())
    assert isinstance(twin, PatchKAN)
    points = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(twin.locate(points), network.locate(points))


def test_boxes_that_no_cut_separates_are_refused() -> None:
    pinwheel = [
        [[0, 0], [2, 1]],
        [[2, 0], [3, 2]],
        [[1, 2], [3, 3]],
        [[0, 1], [1, 3]],
        [[1, 1], [2, 2]],
    ]
    with pytest.raises(ValueError, match="no k-d tree"):
        PatchKAN(np.array(pinwheel, dtype=float), 3)


@pytest.mark.parametrize("corners", [np.zeros((2, 2, 2)), np.zeros((3, 2)), THREE[:, ::-1]])
def test_corners_are_checked(corners) -> None:
    with pytest.raises(ValueError, match="corners must have shape"):
        PatchKAN(corners, 3)


def test_a_million_points_take_seconds() -> None:
    """Not a timing: the work is bounded by memory that the points alone would not need."""
    network = PatchKAN(grid(12), 10)
    points = torch.rand(150_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        assert network(points).shape == (150_000, 1)
