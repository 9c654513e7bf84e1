"""The one linear solver: rank-deficient, badly scaled and broken systems."""

import numpy as np
import pytest
import torch
from sympy import cos, exp, pi, sin

from kanpde import Dirichlet, Interval, Neumann, Problem, coordinates, unknown
from kanpde.collocation import collocate
from kanpde.networks import LinearKAN, RidgeNodes
from kanpde.solving.least_squares import (
    balanced_weights,
    least_squares,
    solve_output_coefficients,
)

x = coordinates("x")
u = unknown("u", x)
line = Interval(x=(0, 1))


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(seed).normal(size=shape))


def misfit(matrix: torch.Tensor, target: torch.Tensor) -> float:
    """Return the residual relative to that of numpy's (SVD) solution, and to the target."""
    found = matrix @ least_squares(matrix, target) - target
    scaled = (matrix / matrix.norm(dim=0).clamp_min(1e-300)).numpy()
    best = np.linalg.lstsq(scaled, target.numpy(), rcond=1e-14)[0]
    best = np.linalg.norm(scaled @ best - target.numpy())
    return (float(found.norm()) - float(best)) / float(target.norm())


def test_a_regular_system_has_the_least_residual() -> None:
    matrix, target = random(40, 7), random(40, seed=1)
    assert abs(misfit(matrix, target)) < 1e-14
    gradient = matrix.T @ (matrix @ least_squares(matrix, target) - target)
    assert float(gradient.abs().max()) < 1e-13


DEFICIENT = {
    "last column is zero": lambda a: torch.cat([a, 0 * a[:, :1]], dim=1),
    "first column is zero": lambda a: torch.cat([0 * a[:, :1], a], dim=1),
    "a column twice": lambda a: torch.cat([a[:, :2], a[:, :1], a[:, 2:]], dim=1),
    "a sum of columns": lambda a: torch.cat([a[:, :3], a[:, :3].sum(1)[:, None], a[:, 3:]], dim=1),
    "twice but for round-off": lambda a: torch.cat(
        [a[:, :1], a[:, :1] * (1 + 1e-16) + 1e-16, a[:, 1:]], dim=1
    ),
}


# torch's own gelsy starts from uninitialised pivots: it drops good columns, and not the same twice.


@pytest.mark.parametrize("name", DEFICIENT)
def test_dependent_columns_do_not_cost_the_independent_ones(name) -> None:
    matrix = DEFICIENT[name](random(30, 6))
    target = matrix @ random(matrix.shape[1], seed=2)
    assert misfit(matrix, target) < 1e-12
    assert float(least_squares(matrix, target).abs().max()) < 1e3


def test_badly_scaled_columns() -> None:
    matrix, c = random(30, 6), random(6, seed=3)
    scale = torch.tensor([1e-30, 1e-8, 1.0, 1e5, 1e20, 1e40], dtype=torch.float64)
    found = least_squares(matrix * scale, matrix @ c)
    torch.testing.assert_close(found * scale, c, rtol=1e-12, atol=1e-12)


def test_the_same_system_has_the_same_solution_bit_for_bit() -> None:
    t = np.linspace(0, 1, 200)
    matrix = torch.as_tensor(np.vander(t, 25, increasing=True))
    target = torch.as_tensor(np.sin(5 * t))
    found, kept = set(), []
    for i in range(30):
        kept = [*kept[-4:], torch.ones(100 + 37 * i, dtype=torch.int32)]  # stir the heap
        found.add(least_squares(matrix, target).numpy().tobytes())
    assert len(found) == 1


def test_several_right_hand_sides() -> None:
    matrix, target = random(20, 4), random(20, 3, seed=1)
    together = least_squares(matrix, target)
    assert together.shape == (4, 3)
    for i in range(3):
        torch.testing.assert_close(
            together[:, i], least_squares(matrix, target[:, i]), rtol=1e-12, atol=1e-13
        )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_entries_that_are_not_finite(bad) -> None:
    matrix, target = random(10, 3), random(10, seed=1)
    broken = matrix.clone()
    broken[4, 1] = bad
    with pytest.raises(ValueError, match="not finite"):
        least_squares(broken, target)
    target[2] = bad
    with pytest.raises(ValueError, match="not finite"):
        least_squares(matrix, target)


def test_the_arguments_are_left_as_they_are() -> None:
    matrix, target = random(10, 3), random(10, seed=1)
    copies = matrix.clone(), target.clone()
    least_squares(matrix, target)
    assert torch.equal(matrix, copies[0])
    assert torch.equal(target, copies[1])


def system(problem, degree=12):
    boundary = {
        name: c.on.sample(2)
        for name, c in zip(problem.condition_names, problem.conditions, strict=True)
    }
    collocation = collocate(problem, problem.domain.interior(60), boundary)
    network = LinearKAN([RidgeNodes(degree, [0], [1])])
    return network, collocation, collocation.prepare(network)


def test_output_edges_are_solved_for() -> None:
    problem = Problem(
        line,
        -u.diff(x, 2) + exp(x) * u - (pi**2 + exp(x)) * sin(pi * x),
        Dirichlet(u, 0, on=line.boundary),
    )
    network, collocation, prepared = system(problem)
    solved, factors = solve_output_coefficients(network, collocation, prepared)
    where = torch.linspace(0, 1, 30, dtype=torch.float64)[:, None]
    with torch.no_grad():
        assert float((solved(where)[:, 0] - torch.sin(torch.pi * where[:, 0])).abs().max()) < 1e-10
    assert factors[0] == 1.0
    assert factors[1] > 1.0
    again, same = solve_output_coefficients(network, collocation, prepared, factors)
    assert same == factors
    assert torch.equal(again.vector(), solved.vector())


def test_conditions_are_weighed_against_equations() -> None:
    problem = Problem(line, u.diff(x, 2), [Dirichlet(u, 0, on="left"), Neumann(u, 0, on="right")])
    network, collocation, prepared = system(problem)
    systems = collocation.linear_system(network, prepared)
    equation, value, slope = balanced_weights(systems, collocation)
    assert equation == 1.0
    assert value > slope > 1.0


@pytest.mark.filterwarnings("ignore::kanpde.NotWellPosedWarning")
def test_pure_neumann_conditions_leave_a_constant_free_and_solve_the_rest() -> None:
    problem = Problem(line, -u.diff(x, 2) - pi**2 * cos(pi * x), Neumann(u, 0, on=line.boundary))
    network, collocation, prepared = system(problem, degree=14)
    solved, _ = solve_output_coefficients(network, collocation, prepared)
    assert collocation.rms(solved, prepared)["equation"] < 1e-6


def test_nonlinear_problems_are_refused() -> None:
    problem = Problem(line, {"bratu": u.diff(x, 2) + exp(u)}, Dirichlet(u, 0, on=line.boundary))
    network, collocation, prepared = system(problem)
    with pytest.raises(ValueError, match='"bratu" is not linear'):
        solve_output_coefficients(network, collocation, prepared)
