"""Special functions below the KAN paper's errors: notebooks/studies/special_functions.ipynb."""

import pytest

NOTEBOOK = "studies/special_functions.ipynb"


def test_three_functions_are_below_the_errors_of_the_paper(run_notebook):
    found = run_notebook(
        NOTEBOOK,
        functions=["iv", "ellipkinc", "ellipeinc"],
        seeds=1,
        points=600,
        grids=[4],
        iterations=25,
        sums=[[2, 4, 4, 1]],
        products=[[2, [0, 2], 1]],
        mlp_widths=[8],
        mlp_iterations=30,
    )
    assert found["below_the_paper"] == 3
    assert found["ratio"]["iv"] > 10


@pytest.mark.slow
def test_all_functions_are_below_the_errors_of_the_paper(run_notebook):
    found = run_notebook(NOTEBOOK, timeout=3600)
    assert found["below_the_paper"] == 15
