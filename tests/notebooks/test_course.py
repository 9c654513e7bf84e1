"""The course: every notebook finds what it says, on small settings here and in full if slow."""

import pytest

PROOF = {"PROVED", "CERTIFIED"}
"""Which of them depends on how far a slow machine gets with its algebra."""


def test_an_edge_is_what_is_written_by_hand_and_one_sum_cannot_cross_zero(run_notebook):
    found = run_notebook("01_kan_edges.ipynb", seeds=2, iterations=40, intervals=5)
    assert found["hand_difference"] < 1e-14
    assert found["product_error"] < 1e-14
    assert found["one_sum_positive"] < 1e-3
    assert found["one_sum_around_zero"] > 0.3
    assert found["two_sums_around_zero"] < 1e-3


def test_extension_is_exact_and_a_misfit_is_no_error(run_notebook):
    found = run_notebook(
        "02_grid_extension.ipynb",
        grids=[5, 10],
        iterations=8,
        seeds=1,
        data_points=120,
        data_grids=[3, 24],
    )
    assert found["change"] < 1e-14
    assert found["stair_errors"][0] < 1e-3
    assert found["by_grid"][1] < found["by_grid"][0]
    assert found["hidden"] > 30


def test_errors_fall_with_the_power_that_the_theory_says(run_notebook):
    found = run_notebook(
        "03_scaling_law.ipynb",
        degrees=[1, 3],
        grids=[10, 20, 40],
        samples=4000,
        equation_grids=[8, 16, 32],
    )
    for name in ("edge_slopes", "two_slopes", "four_slopes"):
        assert found[name][0] == pytest.approx(-2, abs=0.15)
        assert found[name][1] == pytest.approx(-4, abs=0.6)
    assert found["equation_slopes"]["4 Gauss points a cell"] == pytest.approx(-4, abs=0.4)
    assert found["equation_slopes"]["the same without their weights"] > -2.5
    assert found["even_slopes"][1] > -2.7
    assert found["graded_slopes"][1] < -3


def test_three_ways_to_one_field(run_notebook):
    found = run_notebook(
        "04_poisson_three_ways.ipynb", width=8, steps=20, kan_steps=20, newton_steps=15
    )
    assert found["gap"] < 1e-11
    assert found["loss_gap"] < 1e-8
    assert found["faster"] > 1.5
    assert found["errors"]["KAN, jets, Levenberg-Marquardt"] < 5e-2
    assert found["errors"]["least squares by hand"] < 1e-7
    assert found["errors"]["solve(problem)"] < 1e-12


def test_conditions_and_what_they_do_silently(run_notebook):
    found = run_notebook(
        "05_boundary_conditions.ipynb",
        iterations=8,
        gradient_iterations=10,
        factors=[1e-2],
        resolution=21,
        seeds=1,
        plate_tol=1e-3,
        tol=1e-4,
    )
    assert found["middle"]["periodic"] == pytest.approx(1 / 8, abs=1e-4)
    assert found["ends"] == pytest.approx([1.5, -0.5])
    assert found["robin_gap"] < 1e-10
    assert found["hard"] < 0.1 * found["soft"]
    assert found["slopes"] == pytest.approx([0.5, -0.5])
    assert found["ring"] == ["SOLVED", "TOLERANCE_NOT_REACHED"]
    assert found["neumann"]["heat that cannot get out"][0] == "TOLERANCE_NOT_REACHED"
    assert found["neumann"]["balanced, mean given"] == ["SOLVED", False]
    assert found["neumann"]["balanced, no mean"][1]
    assert found["corner_warned"]


def test_time_has_a_direction(run_notebook):
    found = run_notebook(
        "06_time.ipynb",
        adam=4,
        lbfgs=4,
        newton=3,
        slices=1,
        slice_newton=2,
        widths=[0.3],
        front_rounds=1,
        front_iterations=3,
        tol=1e-5,
    )
    assert max(found["heat_errors"].values()) < 1e-10
    assert found["wave_errors"]["30 solve(problem)"] < 1e-12
    assert found["wave_errors"]["30 MLP, Adam and L-BFGS"] > 0.5
    assert found["estimates"][0] < 1e-4


def test_a_small_hole_is_no_small_thing(run_notebook):
    found = run_notebook(
        "07_geometry.ipynb",
        radii=[1e-1, 1e-2, 1e-4, 1e-6],
        iterations=2,
        cells=[4, 8],
        resolution=21,
    )
    assert found["area_gap"] < 1e-12
    assert found["balance"] < 1e-4
    assert found["far"][-1] == pytest.approx(0.0550, abs=1e-4)
    assert found["log_law"] < 1e-6
    assert found["corner_errors"][0] < 1e-12
    assert found["mesh_slope"] == pytest.approx(-2, abs=0.1)


def test_numbers_come_with_their_uncertainty(run_notebook):
    found = run_notebook(
        "08_inverse_problems.ipynb",
        repeats=2,
        counts=[50, 400],
        draws=1,
        field_noises=[0.01],
        field_draws=1,
        degrees=[4, 10],
        field_repeats=2,
        free_degree=12,
    )
    assert abs(found["k"] - 0.1) < 4 * found["k_deviation"]
    assert found["rate"] == pytest.approx(-0.5, abs=0.2)
    assert found["wrong_by"] > 10
    assert found["two_waves"]["k"][0] == pytest.approx(0.1, abs=0.005)
    assert found["gain"] > 3
    assert found["sweep"]["0.01"][1] < 0.3 * found["sweep"]["0.01"][0]


def test_networks_are_compared(run_notebook):
    few = {"seeds": 1, "most": 3, "adam": 4, "lbfgs": 4}
    points = {"wave_points": 400, "foreign_points": 50}
    time = {"budget": "60s", "wave_budget": "60s"}
    found = run_notebook("09_kan_against_mlp.ipynb", **few, **points, **time)
    assert found["points"] == 1200
    assert found["parameters"] == [240, 267]
    assert found["errors"].pop("no network to train") < 1e-12
    assert len(found["errors"]) == 4
    assert min(found["errors"].values()) > 1e-4
    assert found["wave_errors"]["KAN [1, 1]"] < 0.3
    assert found["wave_ratio"] > 3


def test_a_field_leads_to_a_proof_or_to_none(run_notebook):
    found = run_notebook("10_certified_formula.ipynb", ladders=[4, 10], noises=[], search="3s")
    assert found["expression"] == "exp(-x)*sin(pi*y)"
    assert found["proved"]
    assert found["by_hand"]
    assert set(found["levels"].values()) == {"NONE"}
    assert found["null"]["along $x$"][0] == pytest.approx(1, abs=1e-6)
    assert found["rows"][0][2] == "NONE"
    assert found["rows"][1][2] in PROOF
    assert set(found["nonlinear"].values()) <= PROOF
    assert found["none"] == "NONE"
    assert found["none_estimate"] < 1e-12


# At full settings: the figures that the notebooks speak of -------------------------------------


@pytest.mark.slow
def test_edges_in_full(run_notebook):
    found = run_notebook("01_kan_edges.ipynb")
    assert found["one_sum_positive"] < 1e-6
    assert found["one_sum_around_zero"] > 0.38
    assert found["two_sums_around_zero"] < 1e-7
    assert found["product_node"] < 1e-7
    assert found["log_distance"] < 1e-6


@pytest.mark.slow
def test_the_staircase_in_full(run_notebook):
    found = run_notebook("02_grid_extension.ipynb")
    assert max(found["stair_errors"]) < 1e-5
    assert found["ratio"] > 10
    assert found["hidden"] > 1000
    assert 1e-5 < found["errors"][-1] < 1e-3


@pytest.mark.slow
def test_the_scaling_law_in_full(run_notebook):
    found = run_notebook("03_scaling_law.ipynb")
    for name in ("edge_slopes", "two_slopes", "four_slopes"):
        assert found[name] == pytest.approx([-2, -3, -4, -6], abs=0.5)
    assert found["even_slopes"] == pytest.approx([-2] * 4, abs=0.1)
    assert found["graded_slopes"] == pytest.approx([-2, -3, -4, -6], abs=0.4)
    assert found["weights_bring"] > 100


@pytest.mark.slow
def test_three_ways_in_full(run_notebook):
    found = run_notebook("04_poisson_three_ways.ipynb")
    errors = found["errors"]
    assert 1e-3 < errors["MLP, autograd, Adam"] < 5e-2
    assert errors["KAN, jets, Adam"] == pytest.approx(errors["KAN, autograd, Adam"], rel=1e-3)
    assert errors["KAN, jets, Levenberg-Marquardt"] < 3e-4
    assert errors["least squares by hand"] < 1e-8
    assert found["faster"] > 2
    assert found["seconds"]["solve(problem)"] < 0.2 * found["seconds"]["MLP, autograd, Adam"]


@pytest.mark.slow
def test_conditions_in_full(run_notebook):
    found = run_notebook("05_boundary_conditions.ipynb")
    assert found["hard"] < 1e-8
    assert 1e-8 < found["soft"] < 1e-4
    assert min(found["spread"].values()) > 300
    assert found["drift"] > 0.3
    assert max(found["residuals"]) < 0.1


@pytest.mark.slow
def test_time_in_full(run_notebook):
    found = run_notebook("06_time.ipynb")
    assert found["wave_errors"]["30 MLP, Adam and L-BFGS"] > 0.3
    assert found["wave_errors"]["30 KAN, Levenberg-Marquardt"] < 0.1
    assert found["slice_errors"][-1] < found["at_once_end"]
    assert max(found["estimates"]) < 1e-7
    assert min(found["front_errors"].values()) > 1e3 * found["estimates"][-1]


@pytest.mark.slow
def test_geometry_in_full(run_notebook):
    found = run_notebook("07_geometry.ipynb")
    assert found["estimate"] < 1e-4
    assert 1e-4 < found["corner_errors"][1] < 1e-2
    assert found["mesh_slope"] == pytest.approx(-2, abs=0.05)


@pytest.mark.slow
def test_inverse_problems_in_full(run_notebook):
    found = run_notebook("08_inverse_problems.ipynb")
    assert abs(found["z_mean"]) < 0.5
    assert 0.75 < found["z_deviation"] < 1.3
    assert found["rate"] == pytest.approx(-0.5, abs=0.05)
    assert found["turn"] > 1.5
    assert found["middle"] > 1.5


@pytest.mark.slow
def test_a_comparison_in_full(run_notebook):
    """Errors after equal processor seconds."""
    found = run_notebook("09_kan_against_mlp.ipynb")
    assert found["by_optimiser"] > 30
    assert found["by_optimiser"] > 3 * found["by_network"]
    assert found["wave_ratio"] > 100
    assert found["wave_errors"]["KAN [1, 1]"] < 1e-3
    assert found["dearer"] > 10


@pytest.mark.slow
def test_formulas_in_full(run_notebook):
    found = run_notebook("10_certified_formula.ipynb")
    assert found["roughest"] > 5e-6
    assert found["fitted"]["0.0"][1] == "NUMERIC"
    assert found["fitted"]["0.01"][1] == "FITTED"
