"""What is special to MLPs: start, periodicity, output layer; the laws are in the law suite."""

from itertools import product

import numpy as np
import pytest
import torch

from kanpde.bases import SiLU, Sine, Tanh
from kanpde.networks import MLP, JetLayout, Periodic, RandomFourier, network_from_dict

BOX = {"lower": [-1.0, 0.0, -2.0, 1.0, 0.0], "upper": [1.0, 3.0, 2.0, 2.0, 0.5]}


def mlp(widths, **how) -> MLP:
    box = {name: corner[: widths[0]] for name, corner in BOX.items()}
    return MLP(widths, seed=1, **{**box, **how})


WAVES = RandomFourier(5, scale=0.3)
RING = (Periodic(0, 2.0, harmonics=2),)


def everything(dimension: int, order: int) -> JetLayout:
    alphas = product(range(order + 1), repeat=dimension)
    return JetLayout.of(dimension, [a for a in alphas if sum(a) <= order])


def points(dimension: int, n: int = 6) -> torch.Tensor:
    lower, upper = (np.array(corner[:dimension]) for corner in BOX.values())
    cube = np.random.default_rng(5).random((n, dimension))
    return torch.as_tensor(lower + cube * (upper - lower))


def adjoint_of(jets: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(2).normal(size=tuple(jets.shape)))


@pytest.mark.parametrize("activation", [Tanh(), Sine(), SiLU()], ids=repr)
@pytest.mark.parametrize(
    "widths", [[1, 20, 1], [2, 40, 40, 1], [2, 20, 20, 20, 20, 3], [5, 50, 50, 1]], ids=str
)
def test_value_and_laplacian_of_the_start_are_of_order_one(activation, widths):
    d = widths[0]
    for seed in range(5):
        lower, upper = -3.0 * np.ones(d), 5.0 * np.ones(d)
        network = MLP(widths, activation=activation, lower=lower, upper=upper, seed=seed)
        second = [tuple(2 * int(i == j) for i in range(d)) for j in range(d)]
        layout = JetLayout.of(d, second)
        x = torch.as_tensor(np.random.default_rng(9).uniform(-3, 5, (500, d)))
        with torch.no_grad():
            jets = network.jets(x, layout)
        laplacian = 16.0 * sum(jets[:, layout.index[a]] for a in second)  # half the box squared
        for field in (jets[:, 0], laplacian):
            rms = field.square().mean(1).sqrt()
            assert float(rms.min()) > 0.05
            assert float(rms.max()) < 1.3


@pytest.mark.parametrize("fourier", [None, WAVES])
def test_periodic_coordinates_are_periodic_with_every_derivative(fourier):
    ring = Periodic(axis=1, period=3.0, harmonics=3)
    network = mlp([2, 10, 10, 1], periodic=ring, fourier=fourier)
    layout, x = everything(2, 3), points(2)
    with torch.no_grad():
        here = network.jets(x, layout)
        there = network.jets(x + torch.tensor([0.0, 3.0]).double(), layout)
        other = network.jets(x + torch.tensor([0.0, 1.4]).double(), layout)
    torch.testing.assert_close(there, here, rtol=1e-10, atol=1e-10)
    assert float((other - here).abs().max()) > 1e-2


def test_the_output_layer_is_a_least_squares_problem():
    network = mlp([2, 30, 30, 2])
    x = points(2, 400)
    prepared = network.prepare(x, everything(2, 2))
    with torch.no_grad():
        columns = network.columns(prepared)
        assert columns.shape == (6, 400, 31)
        jets = torch.einsum("snc,oc->osn", columns, network.output_coefficients)
        torch.testing.assert_close(jets, network.evaluate(prepared), rtol=1e-12, atol=1e-12)
        target = network.with_output_coefficients(adjoint_of(network.output_coefficients))(x)
        target[:, 1] = 3.0  # a constant is the bias alone
        solved = torch.linalg.lstsq(columns[0], target, driver="gelsd").solution.T
        fitted = network.with_output_coefficients(solved)
        torch.testing.assert_close(fitted(x), target, rtol=0, atol=1e-10)
    assert torch.equal(fitted.output_coefficients, solved)
    with pytest.raises(ValueError, match=r"shape \(2, 31\); got \(31, 2\)"):
        network.with_output_coefficients(solved.T)


def test_preparing_for_a_domain_copies_and_starts_anew_unless_seeded():
    free = MLP([2, 8, 1], fourier=WAVES)
    first, again = (free.prepared([0, 0], [2, 4], seed=3) for _ in range(2))
    assert free.seed is None
    assert first.features.upper.tolist() == [2.0, 4.0]
    assert free.features.upper.tolist() == [1.0, 1.0]
    assert torch.equal(first.vector(), again.vector())
    assert torch.equal(first.features.frequencies, again.features.frequencies)
    assert not torch.equal(first.vector(), free.vector())


def test_a_seeded_network_takes_the_range_of_the_domain_unless_it_has_one():
    free = MLP([2, 8, 1], seed=7)
    ready = free.prepared([0, 0], [2, 4], seed=3)
    assert (ready.seed, ready.features.upper.tolist()) == (7, [2.0, 4.0])
    assert free.features.upper.tolist() == [1.0, 1.0]
    again = MLP([2, 8, 1], lower=[0, 0], upper=[2, 4], seed=7)
    assert torch.equal(ready.vector(), again.vector())
    assert ready.to_dict() == again.to_dict()
    trained = ready.with_vector(2 * ready.vector())
    kept = trained.prepared([0, 0], [9, 9], seed=3)
    assert kept.features.upper.tolist() == [2.0, 4.0]
    assert torch.equal(kept.vector(), trained.vector())


def test_a_range_is_kept_when_an_unseeded_network_starts_anew():
    ready = MLP([2, 8, 1], lower=[0, 0], upper=[9, 9]).prepared([0, 0], [2, 4], seed=3)
    assert ready.features.upper.tolist() == [9.0, 9.0]
    again = MLP([2, 8, 1], lower=[0, 0], upper=[9, 9], seed=3)
    assert torch.equal(ready.vector(), again.vector())


@pytest.mark.parametrize("box", [{}, {"lower": [0, 0], "upper": [2, 4]}], ids=["free", "boxed"])
def test_a_description_keeps_whether_there_is_a_range(box):
    again = network_from_dict(MLP([2, 8, 1], **box).to_dict())
    assert again.has_range == bool(box)
    assert torch.equal(again.features.upper, MLP([2, 8, 1], **box).features.upper)


def test_the_start_needs_no_global_random_state():
    state = torch.random.get_rng_state()
    MLP([2, 8, 1], fourier=WAVES)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MLP([2]), r"at least two widths"),
        (lambda: MLP([2, 0, 1]), r"all positive"),
        (lambda: MLP([2, 5, 1], lower=[0.0]), r"lower needs 2 numbers"),
        (lambda: MLP([2, 5, 1], lower=[0, 2], upper=[1, 1]), r"must be below upper"),
        (lambda: MLP([2, 5, 1], periodic=[Periodic(2, 1.0)]), r"from 0 to 1; got \[2\]"),
        (lambda: MLP([2, 5, 1], periodic=[*RING, *RING]), r"must be different"),
        (lambda: Periodic(-1, 1.0), r"Periodic: axis must be an integer >= 0"),
        (lambda: Periodic(0, 0.0), r"period must be a finite number > 0"),
        (lambda: Periodic(0, 1.0, harmonics=0), r"harmonics must be an integer >= 1"),
        (lambda: RandomFourier(0), r"count must be an integer >= 1"),
        (lambda: RandomFourier(4, scale=-1), r"scale must be a finite number > 0"),
        (lambda: mlp([2, 5, 1])(torch.zeros(4, 3).double()), r"\(N, 2\); got \(4, 3\)"),
        (lambda: mlp([2, 5, 1])(torch.zeros(4, 2)), r"torch.float64.*torch.float32; write"),
    ],
)
def test_bad_input_is_refused_with_what_to_write(build, message):
    with pytest.raises(ValueError, match=message):
        build()
