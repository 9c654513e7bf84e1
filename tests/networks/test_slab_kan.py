"""SlabKAN: exact jets, linear in its coefficients, slabs found, files bit for bit."""

import json

import numpy as np
import pytest
import torch

from kanpde.networks import JetLayout, SlabKAN, network_from_dict

DEGREE = 5
NODES = (0.0, 0.3, 0.7, 1.0)


def clamped(breaks) -> np.ndarray:
    breaks = np.asarray(breaks, dtype=float)
    return np.concatenate([np.full(DEGREE, breaks[0]), breaks, np.full(DEGREE, breaks[-1])])


@pytest.fixture
def network() -> SlabKAN:
    knots = [clamped([-1, -0.2, 0.1, 1]), clamped([-1, 1]), clamped(np.linspace(-1, 1, 9))]
    field = SlabKAN([0, 0.5, 0.6, 2.0], knots, NODES, degree=DEGREE, outputs=2)
    generator = torch.Generator().manual_seed(1)
    c = torch.randn(field.output_coefficients.shape, generator=generator, dtype=torch.float64)
    return field.with_output_coefficients(c)


def points(count: int = 40) -> torch.Tensor:
    rng = np.random.default_rng(5)
    return torch.as_tensor(np.stack([rng.uniform(-1, 1, count), rng.uniform(0, 2, count)], axis=1))


def test_every_derivative_up_to_order_four_agrees_with_nested_autograd(network) -> None:
    orders = [(a, b) for a in range(5) for b in range(5 - a)]
    layout = JetLayout.of(2, orders)
    x = points()
    with torch.no_grad():
        found = network.jets(x, layout)
    for o in range(2):
        place = x.clone().requires_grad_()
        known = {(0, 0): network(place)[:, o]}
        for alpha in layout.parts[1:]:
            axis = 0 if alpha[0] else 1
            lower = (alpha[0] - (axis == 0), alpha[1] - (axis == 1))
            slope = torch.autograd.grad(known[lower].sum(), place, create_graph=True)[0]
            known[alpha] = slope[:, axis]
        for i, alpha in enumerate(layout.parts):
            expected = known[alpha].detach()
            gap = float((found[o, i] - expected).abs().max())
            assert gap <= 1e-11 * max(1.0, float(expected.abs().max())), alpha


def test_derivatives_above_the_degree_vanish(network) -> None:
    layout = JetLayout.of(2, [(DEGREE + 1, 0)])
    with torch.no_grad():
        last = network.jets(points(), layout)[:, layout.index[DEGREE + 1, 0]]
    assert torch.equal(last, torch.zeros_like(last))


def test_rows_gradient_and_columns_agree_with_autograd(network) -> None:
    layout = JetLayout.of(2, [(1, 0), (0, 1), (2, 0)])
    x = points(12)
    prepared = network.prepare(x, layout)
    jets, pullback = network.linearize(prepared)
    generator = torch.Generator().manual_seed(2)
    adjoint = torch.randn(jets.shape, generator=generator, dtype=torch.float64)
    total = (network.evaluate(prepared) * adjoint).sum()
    (gradient,) = torch.autograd.grad(total, network.coefficients)
    torch.testing.assert_close(pullback.gradient(adjoint), gradient.reshape(-1))
    torch.testing.assert_close(pullback.rows(adjoint).sum(1), gradient.reshape(-1))
    columns = network.columns(prepared)
    by_columns = torch.einsum("snc,oc->osn", columns, network.output_coefficients)
    torch.testing.assert_close(by_columns, jets)


def test_at_a_node_in_time_the_field_is_the_spline_of_that_node(network) -> None:
    from scipy.interpolate import BSpline

    x = np.linspace(-0.9, 0.9, 13)
    time = 0.6 + 1.4 * NODES[1]
    spline = BSpline(clamped(np.linspace(-1, 1, 9)), network.slab_coefficients(2)[1, 1], DEGREE)
    at = torch.as_tensor(np.stack([x, np.full(13, time)], axis=1))
    np.testing.assert_allclose(network(at)[:, 1].detach().numpy(), spline(x), atol=1e-12)


def test_the_common_time_of_two_slabs_belongs_to_the_earlier(network) -> None:
    changed = network.with_slab(1, np.ones((2, len(NODES), 1 + DEGREE)))
    at = torch.tensor([[0.3, 0.5], [0.3, 0.5 + 1e-9], [0.3, 0.6]], dtype=torch.float64)
    before, after = network(at).detach(), changed(at).detach()
    assert torch.equal(before[0], after[0])
    torch.testing.assert_close(after[1:], torch.ones(2, 2, dtype=torch.float64))


def test_beyond_the_last_slab_there_is_no_number(network) -> None:
    at = torch.tensor([[0.0, 2.0], [0.0, 2.1]], dtype=torch.float64)
    values = network(at)
    assert torch.isfinite(values[0]).all()
    assert torch.isnan(values[1]).all()


def test_to_dict_and_back_bit_for_bit(network) -> None:
    again = network_from_dict(json.loads(json.dumps(network.to_dict())))
    again.load_state_dict(network.state_dict())
    layout = JetLayout.of(2, [(2, 1)])
    with torch.no_grad():
        assert torch.equal(again.jets(points(), layout), network.jets(points(), layout))
    np.testing.assert_array_equal(again.breakpoints(0), [-1, -0.2, 0.1, 1])


def test_points_one_by_one_or_together(network) -> None:
    x = points()
    together = network(x).detach()
    alone = torch.cat([network(p[None]).detach() for p in x])
    torch.testing.assert_close(together, alone, rtol=1e-14, atol=1e-14)


def test_the_boxes_are_the_cells_of_every_slab(network) -> None:
    boxes = network.boxes
    assert len(boxes) == sum(network.cells)
    assert np.prod(boxes[:, 1] - boxes[:, 0], axis=1).sum() == pytest.approx(4.0)
    first = boxes[boxes[:, 0, 1] == 0.0]
    np.testing.assert_allclose(first[:, 0, 0], [-1, -0.2, 0.1])
    np.testing.assert_allclose(first[:, 1], [[-0.2, 0.5], [0.1, 0.5], [1, 0.5]])


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ValueError, match="increasing times"):
        SlabKAN([0, 0], [clamped([-1, 1])], NODES, degree=DEGREE)
    with pytest.raises(ValueError, match="one knot vector for each"):
        SlabKAN([0, 1, 2], [clamped([-1, 1])], NODES, degree=DEGREE)
    with pytest.raises(ValueError, match="at least 12 entries"):
        SlabKAN([0, 1], [np.arange(5.0)], NODES, degree=DEGREE)
    field = SlabKAN([0, 1], [clamped([-1, 1])], NODES, degree=DEGREE)
    with pytest.raises(ValueError, match=r"shape \(N, 2\)"):
        field.jets(torch.zeros(3, 1, dtype=torch.float64), JetLayout.of(2, ()))
