"""Every problem file is imported, checked and solved to the accuracy that the README states."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ellipk, mathieu_b

import kanpde
from kanpde import Outcome, staircase
from kanpde.problem_file import load_problem_file

FILES = sorted((Path(__file__).parent.parent / "problems").glob("*.py"))
ERROR = {
    "boundary_layer": 1e-11,
    "convection_four_holes": 1e-11,
    "disk_neumann": 1e-11,
    "elasticity_plate": 1e-10,
    "euler_beam": 1e-14,
    "heat_4d": 1e-10,
    "hollow_cube": 1e-12,
    "interface_circle": 1e-12,
    "interface_two_layers": 1e-11,
    "helmholtz_1_4": 1e-11,
    "kovasznay": 1e-10,
    "laplace_l_shape": 1e-14,
    "liouville": 1e-10,
    "multiscale_1d": 1e-11,
    "parametric_layer": 1e-10,
    "poisson_10d": 1e-13,
    "poisson_1d": 1e-11,
    "poisson_2d": 1e-11,
    "poisson_2d_paper": 1e-10,
    "poisson_3d": 1e-10,
    "poisson_5d": 1e-11,
    "poisson_analytic": 1e-11,
    "poisson_annulus": 1e-11,
    "poisson_four_holes_source": 1e-10,
    "poisson_omega_4": 1e-11,
    "polygon_anisotropic": 1e-11,
    "star_variable": 1e-10,
    "symmetry_quarter_plate": 1e-10,
    "variable_coefficient": 1e-11,
}
EVOLUTIONS = {  # with the tolerances of their files
    "advection": 1e-9,
    "klein_gordon": 1e-10,
    "vibrating_beam": 1e-9,
    "wave_1d": 1e-9,
}
WITHOUT_EXACT = (
    "burgers_inverse",
    "allen_cahn",
    "allen_cahn_dirichlet",
    "bratu",
    "burgers_1d",
    "eigenvalue_mathieu",
    "kuramoto_sivashinsky",
    "lid_driven_cavity",
    "lorenz_inverse",
    "pdebench_burgers",
    "pendulum",
    "poisson_four_holes",
    "poisson_l_shape",
)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_file_opens_with_its_equation_and_defines_a_checked_problem(path):
    loaded = load_problem_file(path)
    assert loaded.problem.name == path.stem
    assert loaded.problem.exact or path.stem in WITHOUT_EXACT
    assert path.read_text().startswith('"""')
    assert "aligned" in loaded.problem._repr_latex_()


@pytest.mark.parametrize("name", ERROR)
def test_the_default_solve_reaches_the_stated_error(name):
    loaded = load_problem_file(next(p for p in FILES if p.stem == name))
    solution = kanpde.solve(loaded.problem)
    assert solution.outcome is Outcome.SOLVED
    error = max(e["relative_l2"] for e in solution.errors().values())
    assert error < ERROR[name]
    assert error < solution.estimate < 1e-10


def test_what_four_holes_do_is_certified_by_the_maximum_principle():
    loaded = load_problem_file(next(p for p in FILES if p.stem == "poisson_four_holes"))
    solution = kanpde.solve(loaded.problem, tol=1e-9)
    assert solution.outcome is Outcome.SOLVED
    largest = 0.0
    for condition, value in zip(loaded.problem.conditions, (1.0, 0.0), strict=True):
        points, _ = condition.on.sample(4000, seed=5)
        largest = max(largest, float(np.abs(solution.at(points)[:, 0] - value).max()))
    inside = loaded.problem.domain.interior(2000, seed=3)
    size = float(np.sqrt(np.square(solution.at(inside)).mean()))
    assert max(solution.residual_rms()["laplace"], largest) < 1e-8
    assert largest / size < 10 * solution.estimate
    other = kanpde.solve(loaded.problem, tol=1e-11, seed=7)  # other nodes and points
    assert other.parameters > solution.parameters
    assert np.abs(other.at(inside) - solution.at(inside)).max() < 1e-8


def test_the_integral_over_the_l_shape_agrees_with_the_known_one():
    loaded = load_problem_file(next(p for p in FILES if p.stem == "poisson_l_shape"))
    solution = kanpde.solve(loaded.problem, tol=1e-9)
    assert solution.outcome is Outcome.SOLVED
    s, w = np.polynomial.legendre.leggauss(40)
    s, w = (s + 1) / 2, w / 2
    s, w = s**5, 5 * s**4 * w  # crowds to the re-entrant corner
    total = 0.0
    for a, b in ((1, 1), (-1, 1), (-1, -1)):
        points = np.stack([g.ravel() for g in np.meshgrid(a * s, b * s)], axis=1)
        total += np.outer(w, w).ravel() @ solution.at(points)[:, 0]
    assert abs(total - 0.214075802704) < 1e-9


INVERSE = {"heat_coefficient_field": 5e-3, "poisson_coefficient_field": 5e-3}


@pytest.mark.parametrize("name", INVERSE)
def test_a_coefficient_field_is_found_from_noisy_data(name):
    loaded = load_problem_file(next(p for p in FILES if p.stem == name))
    solution = kanpde.solve(loaded.problem, loaded.network, loaded.plan)
    assert solution.errors()["a"]["relative_l2"] < INVERSE[name]
    assert solution.errors()["u"]["relative_l2"] < 2e-2


@pytest.mark.parametrize("seed", [4, 5])
def test_a_coefficient_that_starts_with_its_sign_is_found_from_every_start(seed):
    """From a start around zero these two end where the coefficient has the wrong sign."""
    path = next(p for p in FILES if p.stem == "poisson_coefficient_field")
    loaded = load_problem_file(path)
    solution = kanpde.solve(loaded.problem, loaded.network, loaded.plan, seed=seed)
    assert solution.errors()["a"]["relative_l2"] < INVERSE[path.stem]


@pytest.mark.parametrize("seed", range(3))
def test_heat_in_a_ball_of_five_dimensions(seed):
    loaded = load_problem_file(next(p for p in FILES if p.stem == "heat_ball_5d"))
    solution = kanpde.solve(loaded.problem, loaded.network, loaded.plan, seed=seed)
    assert solution.errors()["u"]["relative_l2"] < 1e-9


def test_the_viscosity_of_burgers_equation_is_found():
    loaded = load_problem_file(next(p for p in FILES if p.stem == "burgers_inverse"))
    solution = kanpde.solve(loaded.problem, loaded.network, loaded.plan)
    spread = solution.uncertainties()["nu"]
    assert abs(solution.numbers["nu"] - 0.05) < 3 * spread < 2e-3


def _slope(problem):
    return problem.unknowns[0].diff(problem.coordinates[0])


def test_a_pendulum_swings_with_its_period():
    loaded = load_problem_file(next(p for p in FILES if p.stem == "pendulum"))
    solution = kanpde.solve(loaded.problem)
    assert solution.outcome is Outcome.SOLVED
    period = 4 * ellipk(np.sin(1) ** 2)
    assert solution(t=period) == pytest.approx(2, abs=1e-9)
    assert solution(t=period / 2) == pytest.approx(-2, abs=1e-9)
    assert solution.derivative(_slope(loaded.problem), t=period) == pytest.approx(0, abs=1e-9)


def test_an_eigenvalue_of_mathieus_equation():
    loaded = load_problem_file(next(p for p in FILES if p.stem == "eigenvalue_mathieu"))
    solution = kanpde.solve(loaded.problem, loaded.network, loaded.plan)
    assert solution.numbers["a"] == pytest.approx(mathieu_b(1, 5), abs=1e-9)


def test_the_constants_of_the_lorenz_system_are_found():
    loaded = load_problem_file(next(p for p in FILES if p.stem == "lorenz_inverse"))
    solution = kanpde.solve(loaded.problem, loaded.network, loaded.plan)
    spread = solution.uncertainties()
    for name, exact, limit in (("sigma", 10, 1.3e-3), ("rho", 15, 2e-5), ("beta", 8 / 3, 4e-4)):
        gap = abs(solution.numbers[name] - exact)
        assert gap < limit * exact
        assert gap < 3 * spread[name]


@pytest.mark.slow
def test_a_hundred_dimensions():
    loaded = load_problem_file(next(p for p in FILES if p.stem == "poisson_100d"))
    solution = kanpde.solve(loaded.problem)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["u"]["relative_l2"] < 1e-13


@pytest.mark.slow
def test_the_logarithm_of_a_density_in_nine_dimensions_and_time():
    loaded = load_problem_file(next(p for p in FILES if p.stem == "fokker_planck_10d"))
    solution = kanpde.solve(loaded.problem, loaded.network, tol=loaded.tol)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["q"]["relative_l2"] < solution.estimate < loaded.tol


@pytest.mark.slow
def test_a_chain_in_six_dimensions_that_is_no_sum_of_products():
    loaded = load_problem_file(next(p for p in FILES if p.stem == "poisson_chain_6d"))
    solution = kanpde.solve(loaded.problem, loaded.network, loaded.plan)
    assert solution.errors()["u"]["relative_l2"] < 5e-5


@pytest.mark.parametrize("name", EVOLUTIONS)
def test_an_evolution_meets_the_tolerance_of_its_file(name):
    loaded = load_problem_file(next(p for p in FILES if p.stem == name))
    assert loaded.tol == EVOLUTIONS[name]
    solution = kanpde.solve(loaded.problem, tol=loaded.tol)
    assert solution.outcome is Outcome.SOLVED
    error = solution.errors()["u"]["relative_l2"]
    assert error / 2 < solution.estimate < loaded.tol
    assert error < loaded.tol


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
