"""The problem files for patches reach what they state."""

from pathlib import Path

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
