"""What is special to separable KANs: grids, refinement, factorisation; the laws are elsewhere."""

from itertools import product

import numpy as np
import pytest
import torch

from kanpde.bases import BSpline, Chebyshev, Fourier
from kanpde.networks import JetLayout, SeparableKAN, network_from_dict

LOWER, UPPER = [-1.0, 0.0, -2.0, 1.0, 0.0], [1.0, 3.0, 2.0, 2.0, 0.5]


def separable(dimension, rank, bases, **how) -> SeparableKAN:
    return SeparableKAN(rank, bases, LOWER[:dimension], UPPER[:dimension], seed=1, **how)


MEMBERS = {
    "1": separable(1, 2, Chebyshev(5)),
    "1, two outputs": separable(1, 3, BSpline(6, 3), outputs=2),
    "2": separable(2, 3, BSpline(6, 2)),
    "2, mixed bases, two outputs": separable(2, 2, [BSpline(5, 2), Chebyshev(6)], outputs=2),
    "3": separable(3, 2, [Fourier(2, period=3.0), Chebyshev(5), BSpline(5, 1)]),
    "4": separable(4, 2, Chebyshev(3), outputs=2),
    "5": separable(5, 3, Chebyshev(4)),
}
every_member = pytest.mark.parametrize("name", MEMBERS)


def everything(dimension: int, order: int) -> JetLayout:
    alphas = product(range(order + 1), repeat=dimension)
    return JetLayout.of(dimension, [a for a in alphas if sum(a) <= order])


def points(dimension: int, n: int = 6) -> torch.Tensor:
    lower, upper = np.array(LOWER[:dimension]), np.array(UPPER[:dimension])
    cube = np.random.default_rng(5).random((n, dimension))
    return torch.as_tensor(lower + cube * (upper - lower))


def adjoint_of(jets: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(2).normal(size=tuple(jets.shape)))


@every_member
def test_each_axis_is_linear_so_rows_times_coefficients_give_the_field(name):
    """Euler's identity: the field is homogeneous of degree D in all coefficients."""
    network = MEMBERS[name]
    prepared = network.prepare(points(network.dimension), everything(network.dimension, 1))
    jets, pullback = network.linearize(prepared)
    adjoint = adjoint_of(jets)
    value = network.dimension * (adjoint * jets).sum()
    torch.testing.assert_close(pullback.gradient(adjoint) @ network.vector(), value)


@every_member
def test_a_grid_is_the_field_at_all_combinations(name):
    network = MEMBERS[name]
    d = network.dimension
    axes = [points(d, 3 + i)[:, i] for i in range(d)]
    orders = [(0,) * d, (1,) * d, (2,) + (0,) * (d - 1)]
    layout = JetLayout.of(d, orders)
    x = torch.cartesian_prod(*axes).view(-1, d)
    with torch.no_grad():
        found = network.grid(axes, orders)
        expected = network.jets(x, layout)[:, [layout.index[a] for a in orders]]
        assert found.shape == (network.outputs, 3, *(len(a) for a in axes))
        torch.testing.assert_close(found.flatten(2), expected, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(network.grid(axes), found[:, 0], rtol=1e-12, atol=1e-12)


def test_a_grid_needs_no_points():
    network = SeparableKAN(4, Chebyshev(8), [0] * 5, [1] * 5, seed=0)
    axis = torch.linspace(0, 1, 20, dtype=torch.float64)
    with torch.no_grad():
        field = network.grid([axis] * 5)
    assert field.shape == (1, 20, 20, 20, 20, 20)
    x = axis[torch.tensor([[3, 7, 0, 19, 4]])]
    torch.testing.assert_close(field[0, 3, 7, 0, 19, 4], network(x)[0, 0].detach())


@pytest.mark.parametrize("name", ["1", "2", "3", "5"])
def test_the_last_axis_is_a_least_squares_problem(name):
    network = MEMBERS[name]
    prepared = network.prepare(points(network.dimension), everything(network.dimension, 2))
    with torch.no_grad():
        columns = network.columns(prepared)
        c = network.output_coefficients
        assert columns.shape[2] == c.shape[1] == network.rank * network.bases[-1].size
        jets = torch.einsum("snc,oc->osn", columns, c)
        torch.testing.assert_close(jets, network.evaluate(prepared), rtol=1e-11, atol=1e-11)
    other = network.with_output_coefficients(2 * c)
    assert torch.equal(other.output_coefficients, 2 * c)
    assert torch.equal(network.output_coefficients, c)
    with pytest.raises(ValueError, match=r"takes output coefficients of shape"):
        network.with_output_coefficients(c[:, 1:])


def test_several_outputs_have_no_common_columns():
    network = MEMBERS["4"]
    with pytest.raises(ValueError, match="no common columns"):
        network.columns(network.prepare(points(4), everything(4, 1)))


def test_refinement_is_exact():
    network = separable(3, 3, [BSpline(5, 2), Chebyshev(4), BSpline(3, 3)], outputs=2)
    finer = network.refined(intervals=6, axes=[0, 2]).refined(degree=9, axes=[1])
    assert finer.bases == (BSpline(5, 6), Chebyshev(9), BSpline(3, 6))
    assert network.bases[0] == BSpline(5, 2)
    layout, x = everything(3, 2), points(3, 40)
    with torch.no_grad():
        expected = network.jets(x, layout)
        torch.testing.assert_close(finer.jets(x, layout), expected, rtol=1e-11, atol=1e-11)
    assert finer.parameter_count == 2 * 3 * (11 + 10 + 9)
    with pytest.raises(ValueError, match="is refined by one of: degree"):
        network.refined(intervals=6)


def test_the_factorisation_of_a_product_has_rank_one():
    x, y = np.linspace(-1, 1, 60), np.linspace(0, 2, 50)
    values = np.sin(np.pi * x)[:, None] * np.sin(np.pi * y)
    network = SeparableKAN.from_values(values, [x, y], bases=Chebyshev(22))
    assert network.rank == 1
    cube = np.random.default_rng(0).random((300, 2))
    where = np.array([-1, 0]) + 2 * cube
    exact = torch.as_tensor(np.sin(np.pi * where[:, 0]) * np.sin(np.pi * where[:, 1]))
    with torch.no_grad():
        found = network(torch.as_tensor(where))[:, 0]
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-12)


def test_truncation_keeps_the_promised_accuracy():
    x = np.cos(np.pi * np.arange(80) / 79)
    values = np.stack([1 / (3 + x[:, None] * x + x[:, None]), np.outer(x, x)])
    ranks = []
    for tol in (1e-2, 1e-6, 1e-12):
        network = SeparableKAN.from_values(values, [x, x], bases=Chebyshev(50), tol=tol)
        ranks.append(network.rank)
        axis = torch.as_tensor(x)
        with torch.no_grad():
            found = network.grid([axis, axis]).numpy()
        error = np.linalg.norm(found - values, axis=(1, 2)) / np.linalg.norm(values, axis=(1, 2))
        assert error.max() < max(10 * tol, 1e-11)
    assert 1 <= ranks[0] < ranks[1] < ranks[2] < 25


@pytest.mark.parametrize("dimension", [1, 2, 5])
@pytest.mark.parametrize("rank", [1, 16])
def test_the_start_is_of_order_one(dimension, rank):
    x = points(dimension, 2000)
    sizes = [
        separable(dimension, rank, BSpline(5, 4)).prepared(LOWER[:dimension], UPPER[:dimension], s)
        for s in range(4)
    ]
    with torch.no_grad():
        rms = [float(network(x).square().mean().sqrt()) for network in sizes]
    assert all(0.2 < r < 5 for r in rms)


def test_preparing_for_a_domain_copies_and_starts_anew_unless_seeded():
    free = SeparableKAN(2, [Chebyshev(4), Chebyshev(4)])
    first, again = (free.prepared([0, 0], [2, 4], seed=3) for _ in range(2))
    assert free.seed is None
    assert (free.lower.tolist(), free.upper.tolist()) == ([-1.0, -1.0], [1.0, 1.0])
    assert (first.lower.tolist(), first.upper.tolist()) == ([0.0, 0.0], [2.0, 4.0])
    assert torch.equal(first.vector(), again.vector())
    assert not torch.equal(first.vector(), free.vector())
    fixed = MEMBERS["2"]
    assert torch.equal(fixed.prepared([0, 0], [2, 4], seed=3).vector(), fixed.vector())


def test_a_seeded_network_takes_the_range_of_the_domain_unless_it_has_one():
    ready = SeparableKAN(2, [Chebyshev(4)] * 2, seed=7).prepared([0, 0], [2, 4], seed=3)
    assert (ready.seed, ready.upper.tolist()) == (7, [2.0, 4.0])
    again = SeparableKAN(2, Chebyshev(4), [0, 0], [2, 4], seed=7)
    assert torch.equal(ready.vector(), again.vector())
    assert ready.to_dict() == again.to_dict()
    trained = ready.with_vector(2 * ready.vector())
    kept = trained.prepared([0, 0], [9, 9], seed=3)
    assert kept.upper.tolist() == [2.0, 4.0]
    assert torch.equal(kept.vector(), trained.vector())


def test_a_range_is_kept_when_an_unseeded_network_starts_anew():
    free = SeparableKAN(2, Chebyshev(4), [0, 0], [9, 9])
    ready = free.prepared([0, 0], [2, 4], seed=3)
    assert (ready.seed, ready.upper.tolist()) == (3, [9.0, 9.0])
    assert not torch.equal(ready.vector(), free.vector())


@pytest.mark.parametrize("box", [[], [[0, 0], [2, 4]]], ids=["free", "boxed"])
def test_a_description_keeps_whether_there_is_a_range(box):
    network = SeparableKAN(2, [Chebyshev(4)] * 2, *box)
    again = network_from_dict(network.to_dict())
    assert again.has_range == bool(box)
    assert torch.equal(again.upper, network.upper)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_outputs_start_around_a_constant(dimension):
    network = separable(dimension, 2, Chebyshev(5), outputs=3, around=(3.0, 0, -2))
    with torch.no_grad():
        x = torch.as_tensor(np.random.default_rng(0).uniform(LOWER, UPPER, (400, 5)))
        values = network(x[:, :dimension])
    for column, level in ((0, 3.0), (2, -2.0)):
        assert values[:, column].mean().item() == pytest.approx(level, rel=0.25)
        assert (values[:, column] / level > 0.1).all()
        assert values[:, column].std() > 1e-3
    free = separable(dimension, 2, Chebyshev(5), outputs=3)
    for own, other in zip(network.coefficients, free.coefficients, strict=True):
        assert torch.equal(own[1], other[1])  # the other output starts as it did
    again = network_from_dict(network.to_dict())
    assert torch.equal(again.vector(), network.vector())
    with pytest.raises(ValueError, match=r"one for each of the 2 outputs"):
        separable(2, 1, Chebyshev(3), outputs=2, around=(1, 2, 3))


AXIS = np.linspace(0, 1, 12)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SeparableKAN(0, Chebyshev(3), [0], [1]), r"rank must be an integer >= 1"),
        (lambda: SeparableKAN(1, Chebyshev(3), [0], [1], outputs=0), r"outputs must be"),
        (lambda: SeparableKAN(1, Chebyshev(3)), r"how many coordinates.*\[basis\] \* 3"),
        (lambda: SeparableKAN(1, Chebyshev(3), upper=[-2]), r"must be below upper"),
        (lambda: SeparableKAN(1, [Chebyshev(3)], [0, 0], [1, 1]), r"one basis or 2; got 1"),
        (lambda: SeparableKAN(1, Chebyshev(3), [0, 0], [1]), r"upper needs 2 numbers"),
        (lambda: SeparableKAN(1, Chebyshev(3), [0, 2], [1, 1]), r"must be below upper"),
        (lambda: MEMBERS["2"](torch.zeros(4, 3).double()), r"\(N, 2\); got \(4, 3\)"),
        (lambda: MEMBERS["2"](torch.zeros(4, 2)), r"torch.float64.*torch.float32; write"),
        (lambda: MEMBERS["2"].grid([torch.zeros(3).double()]), r"2 axes .* got 1 axes"),
        (
            lambda: SeparableKAN.from_values(np.ones(12), [AXIS], bases=Chebyshev(3)),
            r"two coordinates; got 1 axes",
        ),
        (
            lambda: SeparableKAN.from_values(np.ones((12, 9)), [AXIS, AXIS], bases=Chebyshev(3)),
            r"of shape \(12, 12\).*got \(12, 9\)",
        ),
        (
            lambda: SeparableKAN.from_values(np.ones((12, 12)), [AXIS, AXIS], bases=Chebyshev(12)),
            r"12 points, too few for the 13 functions",
        ),
        (
            lambda: SeparableKAN.from_values(
                np.ones((12, 12)), [AXIS, AXIS], bases=Chebyshev(3), tol=1.0
            ),
            r"tol must be in \[0, 1\)",
        ),
    ],
)
def test_bad_input_is_refused_with_what_to_write(build, message):
    with pytest.raises(ValueError, match=message):
        build()
