"""A formula compiled to a KAN is that formula, with all derivatives, and can be trained on."""

import numpy as np
import pytest
import torch
from sympy import Float, Integer, Max, besselj, cos, exp, lambdify, log, pi, sin, sqrt, tanh

from kanpde import (
    KAN,
    BSpline,
    Data,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    coordinates,
    load,
    solve,
    unknown,
)
from kanpde.networks import JetLayout, network_from_dict

x, y, z = coordinates("x y z")
POINTS = torch.as_tensor(np.random.default_rng(0).uniform(0.2, 1.2, (40, 3)))
LAYOUT = JetLayout.of(3, [(2, 0, 0), (1, 1, 0), (0, 0, 2), (1, 1, 1)])

FORMULAS = [
    x,
    Integer(3),
    x * y,
    -3 * x * y * z + 2,
    x * (y + z) + y,
    exp(sin(pi * x) + y**2),
    sqrt((x - y) ** 2 + (y - z) ** 2),
    (x + y) ** 2 + x + y,
    sin(x * y) + 3 * x * y + log(z) * cos(x),
    x / (1 + y**2) * exp(-z),
    (x + y) / (1 + x * y),
    x**y + tanh(x * z) ** 2,
    Float(0.3) * x * exp(x * y) * (x * y) ** 2 * z,
]


def reference(expressions):
    """Return all parts of the jets (outputs, S, N) by sympy's derivatives."""
    jets = []
    for e in expressions:
        parts = [e.diff((x, a), (y, b), (z, c)) for a, b, c in LAYOUT.parts]
        columns = lambdify([x, y, z], parts)(*POINTS.numpy().T)
        jets.append([np.broadcast_to(v, len(POINTS)) for v in columns])
    return np.array(jets)


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_a_formula_and_its_network_are_the_same_with_all_derivatives(formula):
    network = KAN.from_expression(formula, [x, y, z])
    with torch.no_grad():
        jets = network.jets(POINTS, LAYOUT).numpy()
    wanted = reference([formula])
    assert np.abs(jets - wanted).max() <= 1e-13 * max(1.0, np.abs(wanted).max())


def test_outputs_share_nodes():
    formulas = [x * y, x * y, x + y, sin(x * y) + x * y * z, Integer(1)]
    network = KAN.from_expression(formulas, [x, y, z])
    assert network.rows[1].width == [2, [2, 3]]  # x y once, x y z, and x and y carried
    with torch.no_grad():
        jets = network.jets(POINTS, LAYOUT).numpy()
    wanted = reference(formulas)
    assert np.abs(jets - wanted).max() <= 1e-13 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("formula", "widths"),
    [
        (x * y, [3, [0, [2]], 1]),
        (x * (y + z), [3, [0, [2]], 1]),  # factors are sums
        (exp(sin(x) + y**2), [3, 1, 1]),
        (sin(x) + y**2, [3, 1]),
        (x * y + z, [3, [1, [2]], 1]),
        (sqrt((x - y) ** 2 + z**2), [3, 2, 1, 1]),
    ],
    ids=str,
)
def test_the_network_is_small(formula, widths):
    assert [row.width for row in KAN.from_expression(formula, [x, y, z]).rows] == widths


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_expanding_changes_nothing_and_the_jacobian_is_exact(formula):
    network = KAN.from_expression(formula, [x, y, z], basis=BSpline(degree=3, intervals=2))
    wide = network.expanded(POINTS)
    assert wide.parameter_count > network.parameter_count
    prepared = wide.prepare(POINTS[:6], LAYOUT)
    jets, pullback = wide.linearize(prepared)
    with torch.no_grad():
        torch.testing.assert_close(jets, network.jets(POINTS[:6], LAYOUT), rtol=1e-13, atol=1e-13)
    adjoint = torch.as_tensor(np.random.default_rng(1).normal(size=tuple(jets.shape)))
    live = (adjoint * wide.evaluate(prepared)).sum()
    gradient = torch.autograd.grad(
        live, list(wide.parameters()), materialize_grads=True, allow_unused=True
    )
    expected = torch.cat([g.reshape(-1) for g in gradient])
    torch.testing.assert_close(pullback.gradient(adjoint), expected, rtol=1e-10, atol=1e-10)


def test_a_pruned_network_is_expanded_again():
    network = KAN([3, 2, 1], basis=BSpline(degree=3, intervals=3), seed=1)
    small = network.pruned(POINTS, threshold=0.9)
    wide = small.expanded(POINTS)
    assert small.parameter_count < wide.parameter_count
    with torch.no_grad():
        torch.testing.assert_close(wide(POINTS), small(POINTS), rtol=1e-13, atol=1e-13)
    assert wide.expanded(POINTS).parameter_count == wide.parameter_count


def test_a_description_gives_the_network_back():
    network = KAN.from_expression([x * (y + z), exp(x)], [x, y, z]).expanded(POINTS)
    again = network_from_dict(network.to_dict())
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(POINTS), network(POINTS))


def test_training_from_a_formula_finds_its_constants_and_what_it_lacks(tmp_path):
    u = unknown("u", x, y)
    places = np.random.default_rng(2).uniform(-1, 1, (400, 2))
    truth = 1.2 * np.exp(places[:, 0]) * places[:, 1] + 0.3 * np.cos(2 * places[:, 1])
    square = Rectangle(x=(-1, 1), y=(-1, 1))
    problem = Problem(square, conditions=[Data(u, places, truth)])
    guess = KAN.from_expression(exp(x) * y, [x, y], basis=BSpline(degree=5, intervals=4))
    held_out = torch.as_tensor(np.random.default_rng(3).uniform(-1, 1, (200, 2)))
    wanted = 1.2 * torch.exp(held_out[:, 0]) * held_out[:, 1] + 0.3 * torch.cos(2 * held_out[:, 1])
    errors = {}
    for name, network in {
        "formula": guess,
        "more": guess.expanded(torch.as_tensor(places)),
    }.items():
        solution = solve(problem, network, [LevenbergMarquardt(iterations=40)])
        found = torch.as_tensor(solution.at(held_out.numpy())[:, 0])
        errors[name] = float((found - wanted).norm() / wanted.norm())
    assert errors["formula"] > 0.1
    assert errors["more"] < 1e-3
    solution.save(tmp_path / "more.h5")
    again = load(tmp_path / "more.h5")
    assert np.array_equal(again.at(held_out.numpy())[:, 0], found.numpy())


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (x * z, "holds z, which is none of the coordinates x, y"),
        (Max(x, y), "no sum, product or power"),
        (besselj(0, x), "not among the functions"),
    ],
    ids=str,
)
def test_what_is_no_network_is_refused(formula, message):
    with pytest.raises(ValueError, match=message):
        KAN.from_expression(formula, [x, y])
