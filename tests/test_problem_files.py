"""Every problem file is imported, checked and solved to the accuracy that the README states."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import kanpde
from kanpde import Outcome, staircase
from kanpde.problem_file import load_problem_file

FILES = sorted((Path(__file__).parent.parent / "problems").glob("*.py"))
ERROR = {
    "poisson_1d": 1e-11,
    "poisson_2d": 1e-11,
    "poisson_2d_paper": 1e-10,
    "poisson_3d": 1e-10,
}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_file_opens_with_its_equation_and_defines_a_checked_problem(path):
    loaded = load_problem_file(path)
    assert loaded.problem.name == path.stem
    assert loaded.problem.exact
    assert path.read_text().startswith('"""')
    assert "aligned" in loaded.problem._repr_latex_()


@pytest.mark.parametrize("name", ERROR)
def test_the_default_solve_reaches_the_stated_error(name):
    loaded = load_problem_file(next(p for p in FILES if p.stem == name))
    solution = kanpde.solve(loaded.problem)
    assert solution.outcome is Outcome.SOLVED
    error = solution.errors()["u"]["relative_l2"]
    assert error < ERROR[name]
    assert error < solution.estimate < 1e-10


def test_the_staircase_descends_on_a_small_budget():
    loaded = load_problem_file(next(p for p in FILES if p.stem == "poisson_2d_staircase"))
    plan = staircase(5, 10, iterations=16)
    solution = kanpde.solve(loaded.problem, loaded.network, plan)
    errors = [s["error"] for s in solution.stages() if "levenberg" in s["stage"]]
    assert errors[-1] < 2e-4
    assert errors[-1] < errors[0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_each_extension_of_the_staircase_lowers_the_error(seed):
    loaded = load_problem_file(next(p for p in FILES if p.stem == "poisson_2d_staircase"))
    solution = kanpde.solve(loaded.problem, loaded.network, loaded.plan, seed=seed)
    assert solution.outcome is Outcome.PLAN_FINISHED
    assert solution.parameters <= 500
    after = {s["parameters"]: s["error"] for s in solution.stages()}
    assert list(after) == [180, 255, 405]
    five, ten, twenty = after.values()
    assert five > 5 * ten > 25 * twenty
    assert twenty < 1e-7


def test_a_nonlinear_problem_is_trained_by_default():
    x = kanpde.coordinates("x")
    u = kanpde.unknown("u", x)
    line = kanpde.Interval(x=(0, 1))
    import sympy

    exact = sympy.log(1 + x)  # u'' + exp(-2 u) = 0
    problem = kanpde.Problem(
        line,
        {"liouville": u.diff(x, 2) + sympy.exp(-2 * u)},
        kanpde.Dirichlet(u, exact, on=line.boundary),
        exact={u: exact},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solution = kanpde.solve(problem, plan=staircase(5, 10, iterations=12))
    assert solution.errors()["u"]["relative_l2"] < 1e-8
    ends = solution(x=np.array([0.0, 1.0]))
    np.testing.assert_allclose(ends, [0, np.log(2)], atol=1e-14)  # hard conditions
