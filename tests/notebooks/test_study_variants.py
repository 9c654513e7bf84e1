"""Bases on the edges side by side: notebooks/studies/variants.ipynb."""

import pytest

NOTEBOOK = "studies/variants.ipynb"


def test_splines_beat_narrow_gaussians_and_the_mlp_on_a_small_budget(run_notebook):
    found = run_notebook(
        NOTEBOOK,
        seeds=1,
        sizes=[8],
        points=600,
        iterations=16,
        variants=["B-spline", "Gaussian (FastKAN)", "MLP"],
        tasks=["smooth", "poisson"],
    )
    for task in ("smooth", "poisson"):
        error = found["error"][task]
        assert error["B-spline"] < error["Gaussian (FastKAN)"] / 3
        assert error["B-spline"] < error["MLP"]


@pytest.mark.slow
def test_splines_and_polynomials_lead_where_second_derivatives_count(run_notebook):
    found = run_notebook(NOTEBOOK)
    poisson = found["error"]["poisson"]
    assert poisson["B-spline"] < poisson["Gaussian (FastKAN)"] / 10
    assert poisson["Chebyshev"] < poisson["MLP"]
