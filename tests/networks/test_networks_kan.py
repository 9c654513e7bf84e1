"""What is special to KANs: refinement, grids, starts; and the counts of fixed nodes."""

from math import comb

import numpy as np
import pytest
import torch

from kanpde.bases import BSpline, Chebyshev
from kanpde.bases.activations import SiLU
from kanpde.networks import KAN, JetLayout, LinearKAN, ProductNodes, RidgeNodes, TensorKAN

LAYOUT = JetLayout.of(2, [(2, 0), (1, 1), (0, 2)])


def points(n: int = 200, scale: float = 1.0) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(0).uniform(-scale, scale, (n, 2)))


def relative_change(old: KAN, new: KAN, x: torch.Tensor) -> float:
    with torch.no_grad():
        before, after = old.jets(x, LAYOUT), new.jets(x, LAYOUT)
    parts = (after - before).norm(dim=2) / before.norm(dim=2).clamp_min(1e-12)
    return float(parts.max())


REFINEMENTS = [
    (BSpline(degree=3, intervals=5), SiLU(), {"intervals": 10}),
    (BSpline(degree=3, intervals=5), None, {"intervals": 20}),
    (BSpline(degree=7, intervals=5), None, {"intervals": 10}),
    (BSpline(degree=5, intervals=2), SiLU(), {"intervals": 14}),
    (Chebyshev(5), None, {"degree": 8}),
    (Chebyshev(4), SiLU(), {"degree": 12}),
]


@pytest.mark.parametrize(("basis", "activation", "how"), REFINEMENTS)
@pytest.mark.parametrize("widths", [[2, 1], [2, 4, 1], [2, 3, 3, 2]])
def test_refinement_keeps_value_and_derivatives(basis, activation, how, widths) -> None:
    network = KAN(widths, basis=basis, activation=activation, seed=2)
    finer = network.refined(**how)
    assert finer.parameter_count > network.parameter_count
    # Inside the grid and outside (peers lose 46 % of u when hidden values leave the grid).
    assert relative_change(network, finer, points()) < 1e-12
    assert relative_change(network, finer, points(50, scale=1.2)) < 1e-9


def test_refinement_after_moving_the_grids() -> None:
    network = KAN([2, 3, 3, 1], basis=BSpline(degree=5, intervals=4), seed=3).regridded(points())
    assert relative_change(network, network.refined(intervals=8), points()) < 1e-12


def test_refinement_in_single_precision_stays_single() -> None:
    network = KAN([2, 3, 1], seed=0).float()
    finer = network.refined(intervals=10)
    assert {p.dtype for p in finer.parameters()} == {torch.float32}
    x = points().float()
    with torch.no_grad():
        torch.testing.assert_close(finer(x), network(x), rtol=1e-4, atol=1e-4)


def test_refinement_that_is_not_nested_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple"):
        KAN([2, 3, 1], basis=BSpline(degree=3, intervals=5)).refined(intervals=7)
    with pytest.raises(ValueError, match="refined by"):
        KAN([2, 3, 1], basis=BSpline(degree=3, intervals=5)).refined(degree=7)


def test_regridding_moves_the_hidden_grids_to_the_values() -> None:
    network = KAN([2, 3, 3, 1], basis=BSpline(degree=5, intervals=10), seed=1)
    x = points()
    moved = network.regridded(x, margin=0.05)
    for layer, values in zip(moved.layers[1:], moved.hidden_values(x)[1:], strict=True):
        width = layer.upper - layer.lower
        assert bool((values.amin(1) > layer.lower - 0.01 * width).all())
        assert bool((values.amax(1) < layer.upper + 0.01 * width).all())
        assert bool(((values.amax(1) - values.amin(1)) > 0.85 * width).all())
    assert torch.equal(moved.layers[0].lower, network.layers[0].lower)
    assert 0 < relative_change(network, moved, x) < 0.05


def test_regridding_leaves_squashed_layers_alone() -> None:
    network = KAN([2, 3, 1], basis=Chebyshev(5), activation=None, seed=1)
    assert torch.equal(network.regridded(points()).vector(), network.vector())


def test_outside_the_grid_the_edges_continue_smoothly() -> None:
    network = KAN([1, 1], basis=BSpline(degree=3, intervals=5), activation=None, seed=4)
    layout = JetLayout.of(1, [(3,)])
    step = 1e-9
    x = torch.tensor([[1 - step], [1 + step], [1.5], [3.0]], dtype=torch.float64)
    with torch.no_grad():
        jets = network.jets(x, layout)[0]
    torch.testing.assert_close(jets[:, 0], jets[:, 1], rtol=1e-6, atol=1e-6)
    # the cubic of the last cell goes on: exact by Taylor, and not zero as in all the peers
    for i, far in ((2, 0.5), (3, 2.0)):
        v, d1, d2, d3 = jets[:, 1]
        taylor = v + d1 * far + d2 * far**2 / 2 + d3 * far**3 / 6
        torch.testing.assert_close(jets[0, i], taylor, rtol=1e-6, atol=1e-6)
        assert abs(float(jets[0, i])) > 1e-3


def test_the_start_depends_on_the_seed_and_on_nothing_global() -> None:
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global generator must play no part
    state = torch.get_rng_state()
    a, b, c = (KAN([2, 4, 1], seed=s) for s in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(a.vector(), b.vector())
    assert not torch.equal(a.vector(), c.vector())


@pytest.mark.parametrize("intervals", [3, 12, 48])
def test_the_start_does_not_grow_with_the_grid(intervals) -> None:
    network = KAN([2, 5, 5, 1], basis=BSpline(degree=5, intervals=intervals), seed=0)
    with torch.no_grad():
        size = network.jets(points(), LAYOUT).square().mean(2).sqrt()[0]
    assert 0.05 < float(size[0]) < 10
    assert float(size[3:].max()) < 200


def test_layers_have_different_starts() -> None:
    network = KAN([3, 3, 3], basis=Chebyshev(5), activation=None, seed=0)
    first, second = network.layers
    assert not torch.equal(first.coefficients, second.coefficients)


def test_unseeded_networks_take_domain_and_seed_from_the_solve() -> None:
    network = KAN([2, 3, 1])
    ready = network.prepared([0, 0], [2, 5], 7)
    assert ready.layers[0].upper.tolist() == [2, 5]
    assert network.layers[0].upper.tolist() == [1, 1]
    again = KAN([2, 3, 1], lower=[0, 0], upper=[2, 5], seed=7)
    assert torch.equal(ready.vector(), again.vector())


def test_a_seeded_network_without_a_range_takes_the_range_of_the_domain() -> None:
    ready = KAN([1, 3, 1], seed=0).prepared([0], [20], 7)
    assert ready.layers[0].upper.tolist() == [20]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([2], {}, "at least two widths"),
        ([2, 0, 1], {}, "all positive"),
        ([2, 3, 1], {"basis": [Chebyshev(3)]}, "2 layers but 1 bases"),
        ([2, 3, 1], {"lower": [0]}, "lower needs 2 numbers"),
        ([2, 3, 1], {"lower": [1, 0], "upper": [1, 1]}, "must be below upper"),
        ([2, 3, 1], {"lower": [float("nan"), 0]}, "below"),
    ],
)
def test_bad_networks(arguments, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        KAN(arguments, **options)


@pytest.mark.parametrize("degree", [0, 1, 4, 9])
def test_fixed_nodes_span_the_polynomials_and_no_column_twice(degree) -> None:
    x = points(400)
    layout = JetLayout.of(2, ())
    ridge = RidgeNodes(degree, [-1, -1], [1, 1])
    total = ProductNodes(degree, [-1, -1], [1, 1])
    full = ProductNodes(degree, [-1, -1], [1, 1], tensor=True)
    assert ridge.size == total.size == comb(degree + 2, 2)
    assert full.size == (degree + 1) ** 2
    columns = [n.columns(x, layout)[0] for n in (ridge, total)]
    for c in columns:
        assert int(torch.linalg.matrix_rank(c / c.norm(dim=0))) == total.size
    both = torch.cat(columns, dim=1)
    assert int(torch.linalg.matrix_rank(both / both.norm(dim=0), rtol=1e-10)) == total.size


def test_product_nodes_in_five_coordinates() -> None:
    assert ProductNodes(3, [0] * 5, [1] * 5).size == comb(8, 5)
    with pytest.raises(ValueError, match="use ProductNodes"):
        RidgeNodes(3, [0] * 3, [1] * 3)


def test_a_tensor_field_equals_the_linear_field_of_its_products() -> None:
    rng = np.random.default_rng(0)
    c = torch.as_tensor(rng.normal(size=(1, 16)))
    tensor = TensorKAN([4, 4], [-1, 0], [1, 2]).with_output_coefficients(c)
    linear = LinearKAN([ProductNodes(3, [-1, 0], [1, 2], tensor=True)])
    linear = linear.with_output_coefficients(c)
    x = points(50)
    with torch.no_grad():
        torch.testing.assert_close(
            tensor.jets(x, LAYOUT), linear.jets(x, LAYOUT), rtol=1e-12, atol=1e-12
        )
