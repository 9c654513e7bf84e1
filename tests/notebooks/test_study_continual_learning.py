"""The study of continual learning: what is kept, what is forgotten, and that locality is exact."""

import pytest

NAME = "studies/continual_learning.ipynb"
TARGET = 1e-4


def check(found):
    assert found["rmse_kan"] <= TARGET
    assert found["rmse_kan_levenberg"] <= TARGET
    assert found["rmse_least_change"] <= TARGET
    assert found["unseen_coefficients"] > 100
    assert found["unseen_changed"] == 0
    # where the claim ends: other networks, other ways, the plane
    assert found["rmse_mlp"] > 0.1
    assert found["rmse_deep_kan"] > 0.05
    assert found["rmse_least_norm"] > 0.1
    forget = [name for name in found if name.startswith(("plane KAN", "plane MLP"))]
    assert forget
    assert all(found[name] > 0.2 * found["rms_plane"] for name in forget)


def test_a_spline_keeps_all_peaks_and_deeper_networks_do_not(run_notebook):
    found = run_notebook(
        NAME,
        seeds=[0],
        line_optimisers=["L-BFGS", "Levenberg-Marquardt"],
        plane_points=36,
        plane_intervals=24,
        plane_networks=["tensor spline", "KAN [2, 5, 1]"],
    )
    check(found)
    assert found["plane tensor spline"] < 0.1 * found["plane KAN [2, 5, 1]"]


@pytest.mark.slow
def test_the_full_settings(run_notebook):
    found = run_notebook(NAME)
    check(found)
    assert found["plane tensor spline"] <= TARGET
