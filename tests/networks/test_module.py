"""Foreign modules: derivatives against closed forms, rows against torch.func, refusals."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev

from kanpde.networks import MLP, JetLayout, Module


class Wave(nn.Module):
    """u = (A sin(k.x), x0^2 x1^3, 3): derivatives of every order are known."""

    def __init__(self):
        super().__init__()
        self.amplitude = nn.Parameter(torch.tensor(1.5, dtype=torch.float64))
        self.k = nn.Parameter(torch.tensor([0.7, -1.3], dtype=torch.float64))
        self.idle = nn.Parameter(torch.ones(2, dtype=torch.float64))

    def forward(self, x):
        wave = self.amplitude * torch.sin(x @ self.k)
        return torch.stack([wave, x[:, 0] ** 2 * x[:, 1] ** 3, 3.0 + 0 * x[:, 0].detach()], dim=1)


def plain(outputs=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(2, 7), nn.Tanh(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, outputs)
    )
    with torch.no_grad():
        for p in net.double().parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) / 2)
    return net


LAYOUT = JetLayout.of(2, [(4, 0), (2, 2), (0, 3), (3, 1)])
X = torch.linspace(-1, 1, 74, dtype=torch.float64).view(37, 2).sin()


def test_every_derivative_agrees_with_the_closed_form():
    net = Wave()
    with torch.no_grad():
        jets = Module(net, 2, 3).jets(X, LAYOUT)
        phase = X @ net.k
        for part, (a, b) in enumerate(LAYOUT.parts):
            turned = torch.sin(phase + (a + b) * torch.pi / 2)
            expected = net.amplitude * net.k[0] ** a * net.k[1] ** b * turned
            torch.testing.assert_close(jets[0, part], expected, rtol=1e-12, atol=1e-12)
            powers = [[1, 2, 2, 0, 0][a], [1, 3, 6, 6, 0][b]]
            monomial = powers[0] * X[:, 0] ** max(2 - a, 0) * powers[1] * X[:, 1] ** max(3 - b, 0)
            torch.testing.assert_close(jets[1, part], monomial, rtol=1e-12, atol=1e-12)
            constant = torch.full_like(X[:, 0], 0.0 if part else 3.0)
            torch.testing.assert_close(jets[2, part], constant, rtol=0, atol=0)


@pytest.mark.parametrize("make", [plain, lambda: plain(2), Wave], ids=["1", "2", "wave"])
def test_rows_and_gradient_agree_with_torch_func(make):
    net = make()
    network = Module(net, 2, net(X).shape[1])
    layout = JetLayout.of(2, [(2, 0), (1, 1)])
    prepared = network.prepare(X, layout)
    jets, pullback = network.linearize(prepared)
    assert not jets.requires_grad
    adjoint = torch.cos(torch.arange(jets.numel(), dtype=torch.float64)).view(jets.shape)

    def part(parameters, x, axes):
        """Differentiate the sum over points again and again: u_ab = d_b sum d_a u."""
        if not axes:
            return functional_call(net, parameters, (x,))
        slopes = jacrev(lambda y: part(parameters, y, axes[:-1]).sum(0))(x)
        return slopes[..., axes[-1]].T

    def scalars(parameters):
        total = 0.0
        for s, (a, b) in enumerate(layout.parts):
            total = total + (part(parameters, X, (0,) * a + (1,) * b).T * adjoint[:, s]).sum(0)
        return total

    by_name = jacrev(scalars)(dict(net.named_parameters()))
    expected = torch.cat([j.reshape(len(X), -1) for j in by_name.values()], dim=1).T.detach()
    rows = pullback.rows(adjoint)
    assert rows.shape == (network.parameter_count, len(X))
    assert not rows.requires_grad
    torch.testing.assert_close(rows, expected, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(pullback.gradient(adjoint), rows.sum(1), rtol=1e-11, atol=1e-11)


def test_autograd_and_closed_forms_agree_to_round_off():
    net = nn.Sequential(nn.Linear(2, 9), nn.Tanh(), nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 2))
    network, foreign = MLP([2, 9, 8, 2]), Module(net.double(), 2, 2)
    foreign.set_vector(network.vector())
    layout = JetLayout.of(2, [(2, 1), (0, 2)])
    jets, pullback = network.linearize(network.prepare(X, layout))
    again, other = foreign.linearize(foreign.prepare(X, layout))
    torch.testing.assert_close(again, jets, rtol=1e-12, atol=1e-13)
    for adjoint in (torch.ones_like(jets), jets):
        torch.testing.assert_close(
            other.rows(adjoint), pullback.rows(adjoint), rtol=1e-11, atol=1e-12
        )


def test_frozen_parameters_have_zero_rows_and_the_tape_reaches_the_others():
    net = plain()
    net[0].weight.requires_grad_(False)
    network = Module(net, 2, 1)
    jets, pullback = network.linearize(network.prepare(X, LAYOUT))
    rows = pullback.rows(torch.ones_like(jets))
    assert rows.shape == (network.parameter_count, len(X))
    assert not rows[:14].any()
    assert rows[14:].any()
    network.evaluate(network.prepare(X, LAYOUT)).sum().backward()
    assert net[0].weight.grad is None
    torch.testing.assert_close(net[0].bias.grad, rows.sum(1)[14:21], rtol=1e-10, atol=1e-11)


def test_a_relu_network_has_zero_curvature():
    net = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 1)).double()
    jets, pullback = Module(net, 2, 1).linearize(Module(net, 2, 1).prepare(X, LAYOUT))
    assert not jets[:, 3:].any()
    curvature = torch.zeros_like(jets)
    curvature[:, 3:] = 1.0
    assert not pullback.rows(curvature).any()


def test_evaluation_leaves_no_trace():
    network = Module(plain(), 2, 1)
    before = network.vector()
    jets, pullback = network.linearize(network.prepare(X, LAYOUT))
    pullback.rows(jets)
    with torch.no_grad():
        assert not network.jets(X, LAYOUT).requires_grad
        assert torch.equal(network(X), network.jets(X, LAYOUT)[:, 0].T)
    assert torch.equal(network.vector(), before)
    assert all(p.grad is None for p in network.parameters())


def test_single_precision_copies_and_pickles():
    network = Module(plain(2), 2, 2)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(X), network(X))
    single = copy.deepcopy(network).float()
    jets, pullback = single.linearize(single.prepare(X.float(), LAYOUT))
    assert jets.dtype == pullback.rows(jets).dtype == pullback.gradient(jets).dtype == torch.float32
    with torch.no_grad():
        expected = network.jets(X, LAYOUT)
    assert float((jets - expected).abs().max()) < 1e-4 * float(expected.abs().max())


class Returns(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, dtype=torch.float64))
        self.function = function

    def forward(self, x):
        return self.function(self.weight * x)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (
            Returns(lambda z: z[:, 0]),
            r"\(N, 1\), here \(5, 1\); got \(5,\); return values\[:, None",
        ),
        (Returns(lambda z: z), r"\(N, 1\), here \(5, 1\); got \(5, 2\)\."),
        (Returns(lambda z: z.sum()), r"got \(\)"),
        (Returns(lambda z: (z, z)), r"must return a tensor .* got a tuple"),
        (Returns(lambda z: z[:, :1].float()), r"float64 into values of torch.float32; convert"),
        (Returns(lambda z: z[:, :1] - z[:, :1].mean()), r"when other points are in the batch"),
        (nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)), r"call net.eval\(\) first"),
        (nn.Sequential(nn.Linear(2, 50), nn.Dropout(), nn.Linear(50, 1)), r"draws random numbers"),
        (nn.Tanh(), r"Tanh has no parameters"),
        (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1).double()), r"float32 and torch.float64"),
    ],
    ids=str,
)
def test_unfit_modules_are_refused_with_what_to_do(net, message):
    with pytest.raises(ValueError, match=message):
        Module(net, 2, 1)


def test_batch_normalisation_in_evaluation_mode_is_fine_and_the_probe_leaves_no_trace():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)).double()
    with pytest.raises(ValueError, match=r"net\.eval"):
        Module(net, 2, 1)
    assert not net[1].running_mean.any()
    Module(net.eval(), 2, 1)


def test_bad_points_are_refused():
    network = Module(plain(), 2, 1)
    with pytest.raises(ValueError, match=r"\(N, 2\); got \(4, 3\)"):
        network(torch.zeros(4, 3, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"torch.float64 and the points torch.float32"):
        network.prepare(torch.zeros(4, 2), LAYOUT)


def test_what_a_foreign_module_cannot_do_says_so():
    network = Module(plain(), 2, 1)
    with pytest.raises(ValueError, match=r"torch\.save\(network\.net\.state_dict"):
        network.to_dict()
    for use in (
        lambda: network.columns(network.prepare(X, LAYOUT)),
        lambda: network.output_coefficients,
        lambda: network.with_output_coefficients(torch.zeros(1, 1)),
    ):
        with pytest.raises(ValueError, match="no output coefficients"):
            use()
