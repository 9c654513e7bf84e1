"""The scaling law: the error of a KAN falls as G^-(degree + 1); the benchmark's own functions."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy
import torch

import kanpde
from kanpde import KAN, BSpline, Interval, LeastSquares, Problem, Refine
from kanpde.networks import JetLayout

FILE = Path(__file__).parents[2] / "benchmarks" / "scaling.py"


@pytest.fixture(scope="module")
def scaling():
    spec = importlib.util.spec_from_file_location("scaling_benchmark", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def decades(errors) -> float:
    return float(np.log10(errors[0] / errors[-1]))


@pytest.mark.parametrize("degree", [3, 5])
def test_a_fit_on_an_interval_by_least_squares(scaling, degree):
    """One edge, found by kanpde's own least squares and extended grids."""
    x = kanpde.coordinates("x")
    u = kanpde.unknown("u", x)
    f = sympy.exp(sympy.sin(sympy.pi * x))
    problem = Problem(Interval(x=(-1, 1)), [u - f], [], exact={u: f})
    grids = (20, 40, 80, 160)
    network = KAN([1, 1], basis=BSpline(degree, grids[0]), activation=None, seed=0)
    errors = []
    for count in grids:
        solution = kanpde.solve(problem, network, [Refine(intervals=count), LeastSquares()])
        network = solution.network
        errors.append(solution.errors()["u"]["relative_l2"])
    assert decades(errors) > 3.5
    assert abs(scaling.slope(grids, errors) - (degree + 1)) < 0.5


@pytest.mark.parametrize("degree", [3, 5])
def test_poisson_on_an_interval_has_the_full_order_too(scaling, degree):
    """The residual is minimised at Gauss points of every cell: the value gains two orders on it.

    At random points it does not: the mean over the points is no integral then.
    """
    layout, errors, grids = JetLayout.of(1, [(2,)]), [], (20, 40, 80, 160)
    fine = torch.linspace(-1, 1, 4001, dtype=torch.float64)[:, None]
    nodes, weights = np.polynomial.legendre.leggauss(degree + 1)
    ends = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    for count in grids:
        network = KAN([1, 1], basis=BSpline(degree, count), activation=None, seed=0)
        x = (-1 + (2 * np.arange(count)[:, None] + 1 + nodes) / count).reshape(-1, 1)
        root = np.sqrt(np.tile(weights, count) / count)[:, None]
        sine, cosine = np.sin(np.pi * x), np.cos(np.pi * x)
        source = np.exp(sine) * np.pi**2 * (cosine**2 - sine)
        with torch.no_grad():
            inside = network.columns(network.prepare(torch.as_tensor(x), layout))[2].numpy()
            boundary = network.columns(network.prepare(ends, layout))[0].numpy()
        matrix = np.concatenate([root * inside, 1e4 * boundary])
        right = np.concatenate([root * source, np.zeros((2, 1))])
        solved = np.linalg.lstsq(matrix, right, rcond=None)[0].T
        solution = network.with_output_coefficients(torch.as_tensor(solved))
        exact = torch.exp(torch.sin(torch.pi * fine)) - 1
        with torch.no_grad():
            errors.append(float((solution(fine) - exact).norm() / exact.norm()))
    assert decades(errors) > 3
    assert abs(scaling.slope(grids, errors) - (degree + 1)) < 0.5


def test_a_polynomial_is_on_every_grid(scaling):
    target = next(t for t in scaling.TARGETS if t.name == "x y")
    for degree in (3, 5):
        assert target.error(scaling.fitted(target, degree, 5)) < 1e-13


def test_the_slope_is_that_of_the_points_between_the_bounds(scaling):
    grids = [5, 10, 20, 40, 80]
    assert scaling.slope(grids, [1.0, *(g**-4.0 for g in grids[1:])]) == pytest.approx(4)
    assert scaling.slope(grids, [g**-9.0 for g in grids]) == pytest.approx(9)
    assert np.isnan(scaling.slope(grids, [1.0, 0.5, 0.2, 1e-15, 1e-16]))


def test_the_figure(scaling, tmp_path):
    rows = [
        {"target": name, "kind": kind, "degree": degree, "order": order}
        | {"parameters": [10, 100], "errors": [1e-2, 0.0]}
        for name in ("a", "b")
        for kind, degree, order in (("fitted", 3, 4.0), ("random", 5, None), ("MLP", 0, None))
    ]
    scaling.plot(rows, tmp_path / "law.png")
    assert (tmp_path / "law.png").read_bytes()[:4] == b"\x89PNG"


CURVED = ["exp(sin(pi x) + y^2)", "exp((sin", "Poisson"]


@pytest.mark.slow
@pytest.mark.parametrize("degree", [3, 5])
@pytest.mark.parametrize("name", CURVED)
def test_compositions_down_to_round_off(scaling, name, degree):
    """Fitted edges: the theorem of the KAN paper, over at least seven decades."""
    target = next(t for t in scaling.TARGETS if t.name.startswith(name))
    finest = 2560 if degree == 3 else 320
    grids = [finest >> k for k in reversed(range(8 if degree == 3 else 6))]
    errors = [target.error(scaling.fitted(target, degree, count)) for count in grids]
    assert decades(errors) > 7
    assert min(errors) < 1e-12
    assert abs(scaling.slope(grids, errors) - (degree + 1)) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("degree", [3, 5])
@pytest.mark.parametrize("name", CURVED)
def test_training_follows_the_law(scaling, name, degree):
    """Exact grid extension and Levenberg-Marquardt; the Poisson problem by its residual."""
    target = next(t for t in scaling.TARGETS if t.name.startswith(name))
    grids = target.grids[scaling.DEGREES.index(degree)]
    networks = scaling.trained(target, scaling.fitted(target, degree, grids[0]), grids, degree)
    errors = [target.error(network) for network in networks]
    assert decades(errors) > 3
    assert abs(scaling.slope(grids, errors) - (degree + 1)) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("degree", [3, 5])
def test_training_keeps_a_polynomial_exact_on_every_grid(scaling, degree):
    target = next(t for t in scaling.TARGETS if t.name == "x y")
    networks = scaling.trained(target, scaling.fitted(target, degree, 5), (5, 10, 20), degree)
    assert max(target.error(network) for network in networks) < 1e-13


def test_gauss_points_integrate_polynomials(scaling):
    target = next(t for t in scaling.TARGETS if t.poisson)
    network = scaling.kan(target, 3, 4)
    collocation = scaling.Quadrature(target.problem, 4, 3).collocate(network)
    (block,) = collocation.blocks
    x, y = block.points.T
    weights = block.rows.factors**2 / len(block.points)
    assert block.points.shape == (144, 2)
    mean = float((weights * x**4 * y**2).sum())
    assert mean == pytest.approx(1 / 15, rel=1e-13)  # of x^4 y^2 on [-1, 1]^2
