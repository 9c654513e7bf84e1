"""The study of KAN 2.0: what is found is proved, what scores can tell and what they cannot."""

import pytest

NAME = "studies/kan2.ipynb"


def check(found):
    # attribution: which inputs matter, not how much
    assert found["largest irrelevant score"] < found["smallest relevant score"]
    assert found["worst score of the formula"] < 0.05
    assert found["worst Sobol of networks"] < 0.05
    # formulas into networks
    assert found["worst formula"] < 1e-13
    assert found["worst residual"] < 1e-13
    assert found["error of the formula"] > 0.05
    assert found["error of the expanded"] < 1e-3
    assert found["completed formula"] == "-v**3/5 - 13*sin(q)/10"
    # conserved quantities and Lagrangians
    assert found["independent"] == 3
    assert found["fourth singular value"] < 1e-12
    assert found["conserved proved"] == found["conserved"] == 7
    assert found["Lagrangians proved"] == found["Lagrangians"] > 0
    assert found["worst estimate of a Lagrangian"] < 1e-10


@pytest.mark.slow
def test_the_full_settings(run_notebook):
    found = run_notebook(NAME)
    check(found)
    assert found["found x*y"] > 0.6
    assert found["Lagrangians"] == 4


def test_what_is_found_is_proved(run_notebook):
    settings = {"seeds": [0], "quantities": 4, "products": []}
    check(run_notebook(NAME, **settings, motions=["oscillator", "pendulum"]))
