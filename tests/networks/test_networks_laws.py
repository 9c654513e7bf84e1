"""The laws every network obeys; a new member joins by one line in MEMBERS."""

import copy
import json
import pickle
from itertools import product

import numpy as np
import pytest
import sympy
import torch
from torch import Tensor, nn

from kanpde.bases import BSpline, Chebyshev, Fourier
from kanpde.bases.activations import SiLU, Sine
from kanpde.networks import (
    KAN,
    MLP,
    Constrained,
    JetLayout,
    LinearKAN,
    Module,
    Network,
    Outputs,
    PatchKAN,
    Periodic,
    ProductNodes,
    RandomFourier,
    RidgeNodes,
    SeparableKAN,
    TensorKAN,
    network_from_dict,
)

X = tuple(sympy.Symbol(n, real=True) for n in "xyz")
CUBIC, SEPTIC = BSpline(degree=3, intervals=4), BSpline(degree=7, intervals=3)
LOW, HIGH = [-1.0, 0.0, -2.0, 1.0, 0.0], [1.0, 3.0, 2.0, 2.0, 0.5]


def box(dimension: int) -> dict[str, list[float]]:
    return {"lower": LOW[:dimension], "upper": HIGH[:dimension]}


def kan(widths, basis, activation=None) -> KAN:
    return KAN(widths, basis=basis, activation=activation, seed=1, **box(widths[0]))


def closed(widths, basis, activation=None, *, axes=(1,)) -> KAN:
    network = KAN(
        widths, basis=basis, activation=activation, seed=1, periodic=axes, **box(widths[0])
    )
    return rough(network)


def mlp(widths, **how) -> MLP:
    return MLP(widths, seed=1, **box(widths[0]), **how)


def separable(dimension, rank, bases, outputs=1) -> SeparableKAN:
    return SeparableKAN(rank, bases, **box(dimension), outputs=outputs, seed=1)


def foreign(outputs: int) -> Module:
    net = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, outputs)).double()
    network = Module(net, 2, outputs)
    return network.with_vector(torch.linspace(-1, 1, network.parameter_count).double().sin())


def ring() -> Module:
    net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    network = Module(net, 2, 1, periodic=Periodic(0, 2.0, harmonics=2))
    return network.with_vector(torch.linspace(-1, 1, network.parameter_count).double().sin())


def filled(network: Network) -> Network:
    c = network.output_coefficients
    generator = torch.Generator().manual_seed(3)
    random = torch.randn(c.shape, generator=generator, dtype=c.dtype)
    return network.with_output_coefficients(random / c.shape[1])


HALVES = np.array([[[-1.0], [0.2]], [[0.2], [1.0]]])
QUARTERS = np.array([[[-1.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [1.0, 1.5]], [[0.0, 1.5], [1.0, 3.0]]])


def rough(network: Network) -> Network:
    """Return a network whose edges are no smooth starts: no derivative vanishes."""
    generator = torch.Generator().manual_seed(4)
    return network.with_vector(torch.randn(network.parameter_count, generator=generator).double())


X0, X1 = X[0], X[1]
WAVES, RING = RandomFourier(5, scale=0.3), Periodic(0, 2.0, harmonics=2)
LIFT = (sympy.sin(X0) + X1, X0**2)
FACTOR = ((1 - X0**2) * X1, sympy.exp(X0))

MEMBERS = {
    "kan 1-1 cubic silu": kan([1, 1], CUBIC, SiLU()),
    "kan 2-3-1 cubic silu": kan([2, 3, 1], CUBIC, SiLU()),
    "kan 2-3-2-2 cubic silu": kan([2, 3, 2, 2], CUBIC, SiLU()),
    "kan 3-2-1 cubic silu": kan([3, 2, 1], CUBIC, SiLU()),
    "kan 1-3-2 septic": kan([1, 3, 2], SEPTIC),
    "kan 2-2-2-1 septic": kan([2, 2, 2, 1], SEPTIC),
    "kan 3-1 septic": filled(kan([3, 1], SEPTIC)),
    "kan 1-2-2-1 chebyshev": kan([1, 2, 2, 1], Chebyshev(4)),
    "kan 2-3-2 chebyshev": kan([2, 3, 2], Chebyshev(5)),
    "kan 3-2-1 chebyshev silu": kan([3, 2, 1], Chebyshev(3), SiLU()),
    "kan 2-3-1 mixed": kan([2, 3, 1], [CUBIC, Chebyshev(4)]),
    "kan 1-3-1 closed": closed([1, 3, 1], SEPTIC, axes=[0]),
    "kan 2-3-2 closed": closed([2, 3, 2], CUBIC, SiLU()),
    "kan 3-2-1 closed twice": closed([3, 2, 1], SEPTIC, SiLU(), axes=[0, 2]),
    "kan 2-3-1 closed chebyshev": closed([2, 3, 1], Chebyshev(4), SiLU()),
    "some outputs": Outputs(kan([2, 3, 3], CUBIC, SiLU()), [2, 0]),
    "ridge 1": filled(LinearKAN([RidgeNodes(6, LOW[:1], HIGH[:1])])),
    "ridge 2, two outputs": filled(LinearKAN([RidgeNodes(5, LOW[:2], HIGH[:2])], 2)),
    "product 1": filled(LinearKAN([ProductNodes(5, LOW[:1], HIGH[:1])])),
    "product 2": filled(LinearKAN([ProductNodes(4, LOW[:2], HIGH[:2])])),
    "product 3, two outputs": filled(LinearKAN([ProductNodes(3, LOW[:3], HIGH[:3])], 2)),
    "product 2 tensor": filled(LinearKAN([ProductNodes(3, LOW[:2], HIGH[:2], tensor=True)])),
    "product 3 tensor": filled(LinearKAN([ProductNodes(2, LOW[:3], HIGH[:3], tensor=True)])),
    "two blocks": filled(
        LinearKAN([RidgeNodes(4, LOW[:2], HIGH[:2]), ProductNodes(3, [0, 0], [1, 2])])
    ),
    "tensor 1": filled(TensorKAN([5], LOW[:1], HIGH[:1])),
    "tensor 2, two outputs": filled(TensorKAN([4, 5], LOW[:2], HIGH[:2], 2)),
    "tensor 3": filled(TensorKAN([3, 4, 2], LOW[:3], HIGH[:3])),
    "patches 1": filled(PatchKAN(HALVES, 5)),
    "patches 2, two outputs": filled(PatchKAN(QUARTERS, 4, 2)),
    "patches 3, one box": filled(PatchKAN(np.array([[LOW[:3], HIGH[:3]]]), 3)),
    "constrained kan": Constrained(
        kan([2, 3, 2], CUBIC, SiLU()), LIFT, (FACTOR[0], FACTOR[0]), X[:2]
    ),
    "constrained ridge": Constrained(
        filled(LinearKAN([RidgeNodes(4, LOW[:2], HIGH[:2])])), LIFT[:1], FACTOR[:1], X[:2]
    ),
    "constrained mlp": Constrained(mlp([2, 5, 1]), LIFT[:1], FACTOR[:1], X[:2]),
    "mlp linear 2-2": mlp([2, 2]),
    "mlp tanh 1-6-1": mlp([1, 6, 1]),
    "mlp tanh 2-6-5-2": mlp([2, 6, 5, 2]),
    "mlp sine 3-6-5-1": mlp([3, 6, 5, 1], activation=Sine()),
    "mlp silu 2-4-4-4-1": mlp([2, 4, 4, 4, 1], activation=SiLU()),
    "mlp waves": mlp([2, 6, 1], fourier=WAVES),
    "mlp ring": mlp([2, 6, 5, 1], periodic=RING),
    "mlp ring and waves": mlp([2, 5, 2], fourier=WAVES, periodic=RING),
    "mlp tanh 5-4-1": mlp([5, 4, 1]),
    "separable 1": separable(1, 2, Chebyshev(5)),
    "separable 2": separable(2, 3, BSpline(6, 2)),
    "separable 3": separable(3, 2, [Fourier(2, period=3.0), Chebyshev(5), BSpline(5, 1)]),
    "separable 5": separable(5, 3, Chebyshev(4)),
}
UNLIKE = Constrained(kan([2, 2, 2], SEPTIC), LIFT, FACTOR, X[:2])
NO_COLUMNS = {
    "unlike factors": UNLIKE,
    "separable 1, two outputs": rough(separable(1, 3, BSpline(6, 3), outputs=2)),
    "separable 2, mixed bases, two outputs": separable(
        2, 2, [BSpline(5, 2), Chebyshev(6)], outputs=2
    ),
    "separable 4, two outputs": separable(4, 2, Chebyshev(3), outputs=2),
    "module": foreign(2),
    "module ring": ring(),
}
every_member = pytest.mark.parametrize("name", MEMBERS)
ALL = {**MEMBERS, **NO_COLUMNS}
every_network = pytest.mark.parametrize("name", ALL)


def everything(dimension: int, order: int) -> JetLayout:
    return JetLayout.of(
        dimension, [a for a in product(range(order + 1), repeat=dimension) if sum(a) <= order]
    )


def points(dimension: int, n: int = 5, margin: float = 0.0) -> Tensor:
    rng = np.random.default_rng(7)
    lo, hi = np.array(LOW[:dimension]) - margin, np.array(HIGH[:dimension]) + margin
    return torch.as_tensor(lo + rng.random((n, dimension)) * (hi - lo))


def values(network: Network, x: Tensor) -> Tensor:
    """Return values (N, outputs) that autograd can differentiate in x."""
    if not isinstance(network, Constrained):
        return network(x)
    inner = values(network.network, x)
    columns = []
    for i in range(network.outputs):
        parts = [
            sympy.lambdify(network.coordinates, e, modules="torch")(*x.T)
            for e in (network.lift[i], network.factor[i])
        ]
        columns.append(parts[0] + parts[1] * inner[:, i])
    return torch.stack(columns, dim=1)


def by_autograd(network: Network, x: Tensor, layout: JetLayout) -> Tensor:
    """Return the jets (outputs, S, N) by nested autograd of the values."""
    jets = []
    for o in range(network.outputs):
        point = x.clone().requires_grad_()
        known = {layout.parts[0]: values(network, point)[:, o]}
        for alpha in layout.parts[1:]:
            axis = next(i for i, n in enumerate(alpha) if n)
            value = known[tuple(n - (i == axis) for i, n in enumerate(alpha))]
            slope = torch.zeros_like(point)
            if value.requires_grad:
                found = torch.autograd.grad(
                    value.sum(), point, create_graph=True, allow_unused=True
                )[0]
                slope = slope if found is None else found
            known[alpha] = slope[:, axis]
        jets.append(torch.stack([known[a] for a in layout.parts]).detach())
    return torch.stack(jets)


def assert_jets_close(found: Tensor, expected: Tensor, layout: JetLayout, tolerance: float) -> None:
    """Compare part by part, relative to the largest part of the same order."""
    assert found.shape == expected.shape
    for order in range(layout.order + 1):
        parts = [i for i, a in enumerate(layout.parts) if sum(a) == order]
        scale = float(expected[:, parts].abs().max())
        difference = float((found[:, parts] - expected[:, parts]).abs().max())
        assert difference <= tolerance * max(scale, 1e-3), f"order {order}: {difference} of {scale}"


@every_network
def test_every_derivative_up_to_order_four_agrees_with_nested_autograd(name) -> None:
    network = ALL[name]
    d = network.dimension
    layout, x = everything(d, 4 if d < 4 else 2), points(d, 4)
    if d >= 4:
        layout = JetLayout.of(d, [*layout.parts, (2, 0, 1, 1, 0)[:d]])
    with torch.no_grad():
        found = network.jets(x, layout)
    assert found.shape == (network.outputs, layout.size, len(x))
    assert_jets_close(found, by_autograd(network, x, layout), layout, 2e-12)


def test_fourth_derivatives_in_three_coordinates() -> None:
    network = MEMBERS["kan 3-2-1 chebyshev silu"]
    layout, x = JetLayout.of(3, [(2, 1, 1), (0, 2, 2)]), points(3, 3)
    found = network.jets(x, layout).detach()
    assert_jets_close(found, by_autograd(network, x, layout), layout, 2e-12)


@every_network
@pytest.mark.parametrize("order", [0, 2, 4])
def test_rows_and_gradient_agree_with_autograd_by_parameters(name, order) -> None:
    network = ALL[name]
    d = network.dimension
    layout, x = everything(d, order if d < 4 else min(order, 2)), points(d, 4)
    prepared = network.prepare(x, layout)
    jets, pullback = network.linearize(prepared)
    generator = torch.Generator().manual_seed(11)
    adjoint = torch.randn(jets.shape, generator=generator, dtype=torch.float64)
    rows = pullback.rows(adjoint)
    assert rows.shape == (network.parameter_count, len(x))
    assert not rows.requires_grad
    taped = network.evaluate(prepared)
    torch.testing.assert_close(jets, taped.detach(), rtol=1e-12, atol=1e-12)
    for n in range(len(x)):
        gradient = torch.autograd.grad(
            (adjoint[..., n] * taped[..., n]).sum(), list(network.parameters()), retain_graph=True
        )
        expected = torch.cat([g.reshape(-1) for g in gradient])
        scale = float(expected.abs().max())
        torch.testing.assert_close(rows[:, n], expected, rtol=1e-11, atol=2e-12 * scale)
    total = pullback.gradient(adjoint)
    torch.testing.assert_close(total, rows.sum(1), rtol=1e-11, atol=1e-12 * float(rows.abs().max()))


@every_network
def test_the_pullback_is_the_transpose_of_a_change_of_parameters(name) -> None:
    """Finite differences of the field: no automatic differentiation on either side."""
    network = ALL[name]
    prepared = network.prepare(points(network.dimension), everything(network.dimension, 2))
    jets, pullback = network.linearize(prepared)
    generator = torch.Generator().manual_seed(5)
    direction = torch.randn(network.parameter_count, generator=generator, dtype=torch.float64)
    step = 1e-5
    with torch.no_grad():
        ahead, behind = (
            network.with_vector(network.vector() + h * direction).evaluate(prepared)
            for h in (step, -step)
        )
    adjoint = torch.randn(jets.shape, generator=generator, dtype=torch.float64)
    moved = (adjoint * (ahead - behind)).sum() / (2 * step)
    size = float((adjoint.abs() * jets.abs()).sum())
    torch.testing.assert_close(
        pullback.gradient(adjoint) @ direction, moved, rtol=1e-6, atol=1e-6 * max(size, 1)
    )


@every_network
def test_a_copy_is_the_same_field_with_parameters_of_its_own(name) -> None:
    network = ALL[name]
    before = network.vector()
    x = points(network.dimension)
    copied = network.copied()
    assert type(copied) is type(network)
    assert torch.equal(copied.vector(), before)
    assert copied.state_dict().keys() == network.state_dict().keys()
    assert [p.requires_grad for p in copied.parameters()] == [
        p.requires_grad for p in network.parameters()
    ]
    with torch.no_grad():
        assert torch.equal(copied(x), network(x))
        copied.set_vector(before + 1)
        for buffer in copied.buffers():
            buffer.zero_()
        again = network(x)
    assert torch.equal(network.vector(), before)
    assert torch.equal(again, network.copied()(x).detach())


@every_network
def test_linearize_leaves_no_trace(name) -> None:
    network = ALL[name]
    before = network.vector()
    prepared = network.prepare(points(network.dimension), everything(network.dimension, 1))
    jets, pullback = network.linearize(prepared)
    pullback.rows(torch.ones_like(jets))
    assert not jets.requires_grad
    assert torch.equal(network.vector(), before)
    assert all(p.grad is None for p in network.parameters())


@every_network
def test_forward_is_the_value_part_of_any_layout(name) -> None:
    network = ALL[name]
    x = points(network.dimension)
    with torch.no_grad():
        value = network(x)
        jets = network.jets(x, everything(network.dimension, 2))
    assert value.shape == (len(x), network.outputs)
    torch.testing.assert_close(value, jets[:, 0].T, rtol=1e-13, atol=1e-13)


@every_network
def test_points_do_not_see_each_other(name) -> None:
    network = ALL[name]
    layout, x = everything(network.dimension, 2), points(network.dimension, 9)
    with torch.no_grad():
        whole = network.jets(x, layout)
        single = torch.cat([network.jets(x[i : i + 1], layout) for i in range(len(x))], dim=-1)
    assert_jets_close(whole, single, layout, 1e-13)


@every_network
def test_prepared_points_stay_valid_when_parameters_change(name) -> None:
    network = ALL[name]
    layout, x = everything(network.dimension, 2), points(network.dimension)
    prepared = network.prepare(x, layout)
    moved = network.with_vector(network.vector() * 0.9)
    with torch.no_grad():
        assert_jets_close(moved.evaluate(prepared), moved.jets(x, layout), layout, 1e-13)


@every_network
def test_single_precision(name) -> None:
    network = copy.deepcopy(ALL[name]).float()
    layout, x = everything(network.dimension, 2), points(network.dimension)
    prepared = network.prepare(x.float(), layout)
    with torch.no_grad():
        jets = network.evaluate(prepared)
        reference = ALL[name].jets(x, layout)
    assert jets.dtype == torch.float32
    assert_jets_close(jets.double(), reference, layout, 2e-4)
    linear, pullback = network.linearize(prepared)
    adjoint = torch.ones_like(linear)
    assert pullback.rows(adjoint).dtype == pullback.gradient(adjoint).dtype == torch.float32
    if name in MEMBERS:
        assert network.columns(prepared).dtype == torch.float32


@every_network
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_copies_are_bit_for_bit_in_every_precision(name, dtype) -> None:
    network = copy.deepcopy(ALL[name]).to(dtype)
    x = points(network.dimension).to(dtype)
    layout = everything(network.dimension, 2)
    with torch.no_grad():
        jets = network.jets(x, layout)
        # after an evaluation, where peers keep what cannot be copied
        for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            assert torch.equal(other.jets(x, layout), jets)
            assert [p.dtype for p in other.parameters()] == [dtype] * len([*other.parameters()])
            other.set_vector(0.5 * other.vector())  # and nothing is shared
            assert torch.equal(network.jets(x, layout), jets)


@pytest.mark.parametrize("name", [name for name in ALL if not name.startswith("module")])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_files_are_bit_for_bit_in_every_precision(name, dtype) -> None:
    network = copy.deepcopy(ALL[name]).to(dtype)
    x, description = points(network.dimension).to(dtype), json.loads(json.dumps(network.to_dict()))
    again = network_from_dict(description).to(dtype)
    again.load_state_dict(network.state_dict())
    assert again.to_dict() == network.to_dict()
    assert [p.dtype for p in again.parameters()] == [p.dtype for p in network.parameters()]
    layout = everything(network.dimension, 2)
    with torch.no_grad():
        assert torch.equal(again.jets(x, layout), network.jets(x, layout))


@every_member
def test_columns_times_coefficients_plus_offset_are_the_jets(name) -> None:
    network = MEMBERS[name]
    layout, x = everything(network.dimension, 2), points(network.dimension)
    prepared = network.prepare(x, layout)
    with torch.no_grad():
        columns = network.columns(prepared)
        found = torch.einsum("snc,oc->osn", columns, network.output_coefficients)
        offset = network.offset(prepared)
        found = found if offset is None else found + offset
        assert_jets_close(found, network.jets(x, layout), layout, 1e-13)


@every_member
def test_other_output_coefficients_make_a_copy(name) -> None:
    network = MEMBERS[name]
    before = network.vector()
    c = network.output_coefficients
    other = network.with_output_coefficients(torch.arange(c.numel(), dtype=c.dtype).view(c.shape))
    assert torch.equal(network.vector(), before)
    expected = torch.arange(c.numel(), dtype=c.dtype).view(c.shape)
    assert torch.equal(other.output_coefficients, expected)


@pytest.mark.parametrize(
    "name", ["ridge 2, two outputs", "tensor 2, two outputs", "mlp tanh 2-6-5-2", "separable 2"]
)
def test_output_coefficients_of_a_wrong_shape_are_refused(name) -> None:
    network = MEMBERS[name]
    c = network.output_coefficients
    for wrong in (c[:, 1:], c.T.contiguous(), c[0]):
        with pytest.raises(ValueError, match="shape"):
            network.with_output_coefficients(wrong)


@every_network
def test_vectors(name) -> None:
    network = ALL[name]
    vector = torch.linspace(-1, 1, network.parameter_count, dtype=torch.float64)
    before = network.vector()
    other = network.with_vector(vector)
    assert torch.equal(other.vector(), vector)
    assert torch.equal(network.vector(), before)
    other.set_vector(before)
    x = points(network.dimension)
    with torch.no_grad():
        assert torch.equal(other(x), network(x))
    with pytest.raises(ValueError, match=f"{network.parameter_count} parameters"):
        network.with_vector(vector[1:])


@every_network
def test_wrong_shapes_of_points(name) -> None:
    network = ALL[name]
    d = network.dimension
    for shape in ((5, d + 1), (5,), (5, d, 1)):
        with pytest.raises(ValueError, match=rf"\(N, {d}\); got"):
            network(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize(
    "name", ["constrained kan", "kan 2-3-1 cubic silu", "mlp tanh 2-6-5-2", "separable 2"]
)
def test_no_points(name) -> None:
    network = MEMBERS[name]
    x = torch.zeros(0, network.dimension, dtype=torch.float64)
    with torch.no_grad():
        assert network(x).shape == (0, network.outputs)


@pytest.mark.parametrize("name", ["mlp tanh 2-6-5-2", "separable 2"])
def test_no_points_have_no_rows_and_a_zero_gradient(name) -> None:
    network = MEMBERS[name]
    x = torch.zeros(0, network.dimension, dtype=torch.float64)
    jets, pullback = network.linearize(network.prepare(x, everything(network.dimension, 2)))
    assert pullback.rows(jets).shape == (network.parameter_count, 0)
    assert not pullback.gradient(jets).any()


def test_factors_that_differ_have_no_common_columns() -> None:
    prepared = UNLIKE.prepare(points(2), everything(2, 1))
    with pytest.raises(ValueError, match="different factors"):
        UNLIKE.columns(prepared)


def test_factors_that_differ_give_each_output_its_own_columns() -> None:
    prepared = UNLIKE.prepare(points(2), everything(2, 2))
    with torch.no_grad():
        jets, offset = UNLIKE.evaluate(prepared), UNLIKE.offset(prepared)
        pairs = zip(UNLIKE.columns_by_output(prepared), UNLIKE.output_coefficients, strict=True)
        again = torch.stack([columns @ c for columns, c in pairs]) + offset
    torch.testing.assert_close(again, jets, rtol=1e-12, atol=1e-12)


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="'transformer' is unknown; known are kan"):
        network_from_dict({"kind": "transformer"})
    with pytest.raises(ValueError, match="ridge, product"):
        network_from_dict({"kind": "linear", "nodes": [{"kind": "x"}], "outputs": 1})
