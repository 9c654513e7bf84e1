"""The Poisson figure of the KAN paper: notebooks/studies/poisson.ipynb."""

import pytest

NOTEBOOK = "studies/poisson.ipynb"


def test_a_small_kan_is_far_below_the_errors_of_the_paper(run_notebook):
    found = run_notebook(
        NOTEBOOK,
        seeds=1,
        grids=[5, 10],
        iterations=20,
        degrees=[5],
        mlp_shapes=[[2, 20, 1]],
        mlp_iterations=50,
        paper_shapes=[[2, 100, 1]],
        paper_points=300,
        paper_iterations=30,
    )
    assert found["ratio_to_the_paper"] > 1e4
    assert found["ratio_to_mlps_of_the_paper"] > 1e4
    assert found["kan"]["h1"] < 1e-9


@pytest.mark.slow
def test_ten_thousand_times_less_error_with_fewer_parameters(run_notebook):
    found = run_notebook(NOTEBOOK)
    assert found["ratio_to_the_paper"] > 1e4
    assert found["ratio_to_mlps_of_the_paper"] > 1e4
    assert found["parameters_ratio"] > 10
    assert found["kan"]["worst"] < 1e-12
