"""Feynman's dimensionless equations: formulas found, and KANs below the paper's errors."""

import pytest

NAME = "studies/feynman.ipynb"


def test_easy_equations_are_found_exactly_and_trained_below_the_paper(run_notebook):
    results = run_notebook(NAME, only=["I.16.6", "II.38.3"], iterations=40, starts=3)
    assert results["exact"] == results["below_paper"] == 2
    assert results["hand_below_paper_kans"] == 2


@pytest.mark.slow
def test_every_equation_is_below_the_paper(run_notebook):
    results = run_notebook(NAME, timeout=3600)
    assert results["equations"] == results["below_paper"] == 27
    assert results["exact"] >= 26
    assert results["trained_below_paper"] >= 25
