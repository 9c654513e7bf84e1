"""The scaling laws of KANs hold: notebooks/studies/scaling.ipynb."""

import pytest

NOTEBOOK = "studies/scaling.ipynb"
NEAR = 0.1
"""What a measured slope may be short of the degree plus one."""


def test_the_error_falls_with_the_degree_plus_one(run_notebook):
    found = run_notebook(
        NOTEBOOK,
        degrees=[3, 5],
        seeds=1,
        curve_points=3000,
        curve_grids=[40, 80, 160],
        plane_grids=[5, 10, 20],
        plane_points=1500,
        four_degrees=[3, 5],
        four_grids=[20, 40, 80],
        four_trained_degrees=[],
        four_points=300,
        many=20,
        many_degrees=[3],
        many_grids=[3, 6],
        many_points=800,
        mlp_points=400,
        mlp_widths=[4],
        mlp_iterations=10,
    )
    for target in ("J0(20x), KAN", "exp(sin+y^2), KAN", "4 variables, theorem"):
        for degree in (3, 5):
            assert found["orders"][f"{target}, degree {degree}"] > degree + 1 - NEAR
    assert found["kan"]["exp(sin+y^2)"] < 1e-7
    assert found["kan"]["x y"] < 1e-9
    assert found["theorem"] < 1e-9
    assert all(found["ratio"][t] > 100 for t in ("J0(20x)", "exp(sin+y^2)", "x y"))


@pytest.mark.slow
def test_the_law_holds_down_to_round_off(run_notebook):
    found = run_notebook(NOTEBOOK)
    for target in ("J0(20x), KAN", "exp(sin+y^2), KAN", "4 variables, theorem"):
        for degree in (3, 5, 7):
            assert found["excess"][f"{target}, degree {degree}"] > -NEAR
    assert max(found["kan"][t] for t in ("J0(20x)", "exp(sin+y^2)", "x y")) < 1e-12
    assert found["theorem"] < 1e-12
    assert found["kan"]["4 variables"] < 1e-5
    assert found["kan"]["100 variables"] < 1e-6
    assert min(found["ratio"].values()) > 1e3
