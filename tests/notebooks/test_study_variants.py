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
def test_narrow_gaussians_trail_on_poisson_and_kans_trail_across_a_kink(run_notebook):
    found = run_notebook(NOTEBOOK)
    poisson, rough = found["error"]["poisson"], found["error"]["rough"]
    assert poisson["B-spline"] < poisson["Gaussian (FastKAN)"] / 10
    assert found["worst"]["poisson"]["B-spline"] < poisson["Gaussian (FastKAN)"]
    assert poisson["Chebyshev"] < poisson["MLP"]
    assert rough["MLP"] < min(rough[v] for v in rough if v != "MLP") / 4
