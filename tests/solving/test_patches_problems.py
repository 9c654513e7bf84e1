"""The problem files for patches reach what they state."""

from pathlib import Path

import numpy as np
import pytest

import kanpde
from kanpde import Outcome
from kanpde.problem_file import load_problem_file

PROBLEMS = Path(__file__).parents[2] / "problems"
ERROR = {
    "poisson_front": 2e-11,
    "boundary_layer": 1e-11,
    "boundary_layer_thin": 1e-11,
    "convection_layer": 1e-11,
    "helmholtz_dirichlet": 1e-12,
    "helmholtz_k30": 1e-11,
    "jump_coefficient": 1e-12,
    "multiscale_1d": 1e-12,
    "poisson_peak": 3e-11,
}
SLOW = {"poisson_peak", "poisson_front", "boundary_layer_thin", "helmholtz_k30"}

SEPARABLE = {"helmholtz_k30"}
"""Solved by fast diagonalisation before patches have their turn."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in ERROR]
)
def test_the_default_solve_reaches_the_stated_error(name) -> None:
    solution = kanpde.solve(load_problem_file(PROBLEMS / f"{name}.py").problem)
    assert solution.outcome is Outcome.SOLVED
    assert solution.way.startswith("ladder" if name in SEPARABLE else "patches")
    error = solution.errors()["u"]["relative_l2"]
    assert error < ERROR[name]
    assert error / 2 < solution.estimate < 1e-10


@pytest.mark.slow
def test_the_lid_driven_cavity() -> None:
    """The pressure is singular in two corners; no flow passes through any line."""
    problem = load_problem_file(PROBLEMS / "lid_driven_cavity.py").problem
    coarse, fine = (kanpde.solve(problem, tol=tol) for tol in (3e-2, 3e-3))
    assert coarse.outcome is fine.outcome is Outcome.SOLVED
    points = problem.domain.interior(4000, seed=2)
    gap = np.linalg.norm(coarse.at(points) - fine.at(points), axis=0)
    size = np.linalg.norm(fine.at(points), axis=0)
    assert (gap / size).max() / 2 < coarse.estimate < 3e-2
    s, w = np.polynomial.legendre.leggauss(60)
    across = fine(x=np.full(60, 0.37), y=(s + 1) / 2)
    assert abs(w / 2 @ across["u"]) < 1e-4
    corner = fine(x=0.0, y=0.0)
    assert abs(corner["p"]) < 1e-6
