"""Bases on the edges side by side: notebooks/studies/variants.ipynb."""

import pytest

NOTEBOOK = "studies/variants.ipynb"


def test_every_variant_trains_and_splines_beat_narrow_gaussians(run_notebook):
    found = run_notebook(NOTEBOOK, seeds=1, sizes=[8], points=500, iterations=10, tasks=["smooth"])
    smooth = found["error"]["smooth"]
    assert len(smooth) == 9
    assert max(smooth.values()) < 0.1
    assert smooth["B-spline"] < smooth["Gaussian (FastKAN)"]


@pytest.mark.slow
def test_splines_and_polynomials_lead_where_second_derivatives_count(run_notebook):
    found = run_notebook(NOTEBOOK)
    poisson = found["error"]["poisson"]
    assert poisson["B-spline"] < 1e-6
    assert poisson["B-spline"] < poisson["Gaussian (FastKAN)"] / 10
    assert poisson["Chebyshev"] < poisson["MLP"]
